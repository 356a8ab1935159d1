"""The part of elections in the demo world: a committee in office with a meeting called, a re-election applied for, petitions."""

from __future__ import annotations

from datetime import timedelta

from core.demo import DemoWorld
from plugins.elections.kinds import ElectionKind, GroupStanding
from plugins.elections.service import interim, meetings, preparing, recalling, terms


async def fill(world: DemoWorld) -> None:
    """Record the first compound's committee, let it work, and let owners ask for more."""
    code, now = world.compounds[0].code, world.kernel.clock.now()
    today = now.date()
    members = [world.people[key] for key in ("chair", "member")]
    members += [
        await world.person(f"committee{number}", f"示例委员{number}", "owner", world.places["stairwell"], login=False)
        for number in (1, 2, 3)
    ]
    office = await world.perform(
        terms.record_committee, "town", community=code, title="示例花园01第一届业主委员会", members=members, chair=members[0],
        term_begins=today - timedelta(days=1200), term_ends=today + timedelta(days=600), filing_receipt="示例备〔2023〕1号",
    )  # fmt: skip
    await world.perform(terms.add_handover_item, "chair", id=office, name="业主委员会印章", quantity="1 枚")
    use = await world.perform(
        terms.propose_seal_use, "chair", id=office, paper="公共收益审计委托书", purpose="委托审计"
    )
    await world.perform(terms.approve_seal_use, "member", id=office, use=use)
    await world.perform(
        meetings.call_meeting, "chair", community=code, title="业委会第三次会议", starts_at=now + timedelta(days=9),
        agenda=["审议公共收益公示稿", "商议召开业主大会"], venue="党群服务站",
    )  # fmt: skip
    seat = await world.kernel.database.value(
        "SELECT id FROM elections_seat WHERE body_id = ? AND person_id = ?", (office, world.people["member"])
    )
    await world.perform(recalling.begin_recall, "owner", community=code, seat=seat, reason="连续缺席会议。")
    other = world.compounds[1].code
    election = await world.perform(
        preparing.apply_election, community=code, title="示例花园01换届选举", reason="任期将届满。", kind=ElectionKind.REELECTION, seats=5,
    )  # fmt: skip
    await world.perform(preparing.accept_election, "staff", id=election)
    await world.perform(
        preparing.add_group_member, "staff", id=election, person=world.people["staff"], standing=GroupStanding.RESIDENTS_COMMITTEE,
        is_leader=True,
    )  # fmt: skip
    await world.perform(
        interim.request_interim, "staff", community=other, title="示例花园02物业管理委员会", reason="尚未成立业主大会。"
    )
