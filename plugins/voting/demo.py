"""Voting's part of the demo world: a named and a separated survey that are open, and a joint decision to come."""

from __future__ import annotations

from datetime import timedelta

from core.demo import DemoWorld
from core.hierarchy import Place, subtree_range
from plugins.voting.kinds import BallotMode, PollKind
from plugins.voting.rules import JointDecisionMatter
from plugins.voting.separated import FEWEST_ELIGIBLE
from plugins.voting.service import casting, drafting


async def fill(world: DemoWorld) -> None:
    """Open two surveys and announce a joint decision in the first compound."""
    compound = world.compounds[0]
    await _survey(world, compound)
    await _joint_decision(world, compound)
    await _separated(world, compound)


async def _survey(world: DemoWorld, compound: Place) -> None:
    now = world.kernel.clock.now()
    poll = await world.perform(
        drafting.draft_poll, "chair", community=compound.code, title="小区晾晒区选址意见", body="请选择您认为合适的位置。",
        opens_at=now + timedelta(minutes=1), kind=PollKind.SURVEY, mode=BallotMode.OPEN,
    )  # fmt: skip
    await world.perform(
        drafting.add_motion, "chair", id=poll, title="晾晒区建在哪里？", options=["东门内", "儿童乐园旁", "不需要"]
    )
    await world.perform(drafting.announce_poll, "chair", id=poll, opens_at=world.kernel.clock.now())
    rows = await world.kernel.database.fetch("SELECT id FROM voting_motion WHERE poll_id = ?", (poll,))
    for person, option in (("resident", 0), ("tenant", 1)):
        await world.perform(
            casting.answer_survey, person, id=poll, answers=[{"motion": rows[0]["id"], "options": [option]}]
        )


async def _joint_decision(world: DemoWorld, compound: Place) -> None:
    opens = (world.kernel.clock.now() + timedelta(days=17)).replace(hour=9, minute=0, second=0, microsecond=0)
    poll = await world.perform(
        drafting.draft_poll, "chair", community=compound.code, title="示例花园01业主大会会议：续聘物业与公共收益",
        body="现将以下事项提请全体业主共同决定。", opens_at=opens,
    )  # fmt: skip
    for title, matter in (
        ("续聘示例物业服务企业三年", JointDecisionMatter.SERVICE_PROVIDER),
        ("利用地面共有场地设置电动自行车充电棚", JointDecisionMatter.COMMON_PART_CHANGE_OR_BUSINESS),
    ):
        await world.perform(drafting.add_motion, "chair", id=poll, title=title, matter=matter)
    await world.perform(drafting.announce_poll, "chair", id=poll, quick_roll=True)


async def _separated(world: DemoWorld, compound: Place) -> None:
    """Ask who should keep the compound's library, without names; neighbours are added until they are enough for that."""
    low, high = subtree_range(compound.path)
    here = await world.kernel.database.value(
        "SELECT COUNT(DISTINCT a.person_id) FROM core_appointment a JOIN core_community c ON c.id = a.community_id "
        "WHERE a.role_id IN ('owner', 'tenant', 'resident') AND c.path >= ? AND c.path < ?",
        (low, high),
    )
    for number in range(int(here), FEWEST_ELIGIBLE):
        await world.person(
            f"neighbour{number}", f"示例邻居{number}", "resident", world.places["stairwell"], login=False
        )
    now = world.kernel.clock.now()
    poll = await world.perform(
        drafting.draft_poll, "chair", community=compound.code, title="推选小区书屋管理员", body="不记名推选，每人一票。",
        opens_at=now + timedelta(minutes=1), kind=PollKind.SURVEY, mode=BallotMode.SEPARATED,
    )  # fmt: skip
    await world.perform(
        drafting.add_motion, "chair", id=poll, title="您推选谁？", options=["示例候选人甲", "示例候选人乙", "弃权"]
    )
    await world.perform(drafting.announce_poll, "chair", id=poll, opens_at=world.kernel.clock.now())
    question = await world.kernel.database.value("SELECT id FROM voting_motion WHERE poll_id = ?", (poll,))
    for person, option in (("resident", 0), ("tenant", 1)):
        await world.perform(
            casting.cast_separated_ballot, person, id=poll, answers=[{"motion": question, "options": [option]}]
        )
