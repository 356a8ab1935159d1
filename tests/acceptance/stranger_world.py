"""A world with at least one row of every declared type, for tests of who is refused what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from core import attachments, branches
from core.clock import from_wire
from core.kinds import BranchLevel
from plugins.elections.kinds import ElectionKind
from plugins.elections.service import preparing
from plugins.inbox import delivery
from plugins.inbox import service as inbox
from plugins.notices.rules import NoticeKind
from plugins.notices.service import draft_notice
from plugins.rating.service import close_rating
from plugins.register import kinds, owners, residents, rolls, units
from plugins.register.rules import AreaSource
from plugins.voting.rules import Choice, Delivery, JointDecisionMatter
from plugins.voting.service import casting, counting, drafting, paper
from tests.conftest import World

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


async def fill(world: World) -> None:
    """Let every plugin add its demo data, then add what no demo has: drafts, objections, letters, a branch."""
    for plugin in world.kernel.host.ready():
        if plugin.demo is not None:
            await plugin.demo(world.demo)
    await _branch(world)
    await _register(world)
    await _drafts(world)
    await _candidate(world)
    await _looks(world)
    await _inbox(world)


async def _inbox(world: World) -> None:
    """Add a channel whose mail server does not answer, so that there is a delivery, too."""
    config = world.kernel.config
    world.kernel.config = config.model_copy(update={"smtp_url": "smtp://127.0.0.1:1"})
    channel = await world.demo.perform(inbox.add_email_channel, "resident", address="resident@example.org")
    await delivery.deliver(world.kernel)
    await world.demo.perform(inbox.confirm_answered, id=channel, person_id=world.demo.people["resident"])
    world.kernel.config = config


async def _candidate(world: World) -> None:
    """A by-election in which an owner stands, reviewed by nobody yet."""
    code = world.demo.places["compound"].code
    roll = await one(
        world, "SELECT id FROM core_matter WHERE kind = 'VOTER_ROLL' AND state = 'CONFIRMED' ORDER BY id LIMIT 1"
    )
    election = await world.demo.perform(
        preparing.apply_election,
        "staff",
        community=code,
        title="补选",
        reason="缺额一名",
        kind=ElectionKind.BY_ELECTION,
        seats=1,
    )
    await world.demo.perform(preparing.open_candidates, "staff", id=election, roll=roll)
    await world.demo.perform(preparing.stand_for_election, "owner", id=election, undertakes=True)


async def _branch(world: World) -> None:
    place = world.demo.places["compound"].code
    await world.demo.perform(branches.add_branch, community=place, level=next(iter(BranchLevel)), name="示例党支部")


async def one(world: World, sql: str, *parameters: Any) -> Any:
    """Return the first value of a query."""
    return await world.kernel.database.value(sql, parameters)


async def upload(world: World, as_: str) -> int:
    """Upload a file as one of the cast; returns its key."""
    viewer, place = await world.demo.viewer(as_), world.demo.places["compound"].code
    asked = await attachments.request_upload(world.kernel, viewer, community=place, filename="示例.pdf")

    async def chunks() -> Any:
        yield PDF

    await attachments.receive(world.kernel, asked.path.rpartition("/")[2], "示例.pdf", chunks())
    return asked.id


async def _register(world: World) -> None:
    """A request, a mandate with its letter, a draft roll, an objection to a published one and its correction."""
    do = world.demo.perform
    await do(residents.request_residency, "tenant", community=world.demo.places["stairwell"].code, unit="0101",
             kind=kinds.ResidentKind.TENANT, phone="12000000009")  # fmt: skip
    await do(residents.request_residency, "resident", community=world.demo.places["stairwell"].code, unit="0102",
             kind=kinds.ResidentKind.FAMILY)  # fmt: skip
    company = await one(world, "SELECT id FROM register_owner WHERE name = '示例便利店有限公司' ORDER BY id LIMIT 1")
    await do(owners.grant_mandate, "staff", id=company, person=world.demo.people["captain"],
             letter=await upload(world, "staff"))  # fmt: skip
    await do(rolls.prepare_roll, community=world.demo.places["compound"].code)
    roll = await one(world, "SELECT id FROM core_matter WHERE kind = 'VOTER_ROLL' AND state = 'PUBLISHED' ORDER BY id")
    await do(rolls.object_to_roll, "owner", id=roll, text="面积不符。")
    unit = await one(
        world, "SELECT o.unit_id FROM register_ownership o JOIN register_owner w ON w.id = o.owner_id WHERE w.person_id = ?",
        world.demo.people["owner"],
    )  # fmt: skip
    await do(units.correct_unit_area, "staff", id=unit, source=AreaSource.REGISTRY, area=9_900, reason="房产证")
    await do(rolls.correct_roll, "chair", id=roll, reason="面积更正")


async def _drafts(world: World) -> None:
    """A poll that is still a draft, a notice with a file for one stairwell, and a draft with a file."""
    place = world.demo.places["compound"].code
    poll = await world.demo.perform(
        drafting.draft_poll, "chair", community=place, title="草稿", body="未公告。", opens_at=world.clock.now() + timedelta(30)
    )  # fmt: skip
    await world.demo.perform(
        drafting.add_motion, "chair", id=poll, title="草稿事项", matter=JointDecisionMatter.SERVICE_PROVIDER
    )
    await world.demo.perform(
        draft_notice, "chair", community=place, kind=NoticeKind.GENERAL, title="草稿二", body="内容", issuer="业委会",
        attachments=[await upload(world, "chair")],
    )  # fmt: skip


async def _looks(world: World) -> None:
    """Let staff read the numbers of all owners, which is written down."""
    query = "query($c: ID!) { community(code: $c) { units(first: 100) { nodes { ownerships { nodes { owner { phone } } } } } } }"
    assert "errors" not in (await world.gql(query, {"c": world.demo.places["compound"].code}, as_="staff")).body


async def joint_decision(world: World) -> int:
    """Return the joint decision that the demo announces."""
    key: int = await one(
        world, "SELECT matter_id FROM voting_poll WHERE kind = 'STATUTORY' AND announced_at IS NOT NULL"
    )
    return key


async def open_voting(world: World) -> int:
    """Move the clock into the voting of the joint decision and print its slips; returns its key."""
    poll = await joint_decision(world)
    world.clock.set(from_wire(await one(world, "SELECT opens_at FROM voting_poll WHERE matter_id = ?", poll)))
    await world.settle()
    await world.demo.perform(paper.issue_slips, "staff", id=poll)
    return poll


async def vote(world: World, as_: str, choice: Choice = Choice.FOR) -> None:
    """Cast a ballot in the joint decision, one choice for every motion."""
    poll = await joint_decision(world)
    rows = await world.kernel.database.fetch(
        "SELECT id FROM voting_motion WHERE poll_id = ? ORDER BY position", (poll,)
    )
    await world.demo.perform(
        casting.cast_ballot, as_, id=poll, choices=[{"motion": row["id"], "choice": choice} for row in rows],
        entry=await entry_of(world, as_),
    )  # fmt: skip


async def entry_of(world: World, as_: str) -> int:
    """Return the first entry of the poll's roll for which somebody may vote."""
    key: int = await one(
        world,
        "SELECT v.entry_id FROM register_roll_voter v JOIN voting_poll p ON p.roll_id = v.roll_id "
        "JOIN register_roll_entry e ON e.id = v.entry_id "
        "WHERE p.matter_id = ? AND v.person_id = ? AND v.may_vote AND e.struck_at IS NULL ORDER BY v.entry_id",
        await joint_decision(world), world.demo.people[as_],
    )  # fmt: skip
    return key


async def vote_and_count(world: World) -> None:
    """Let two vote, one of them after authorising a neighbour, count, and object to the result."""
    poll = await open_voting(world)
    await world.demo.perform(
        casting.authorise_proxy, "owner2", id=poll, proxy=world.demo.people["tenant"], scope="本次会议全部事项",
        entry=await entry_of(world, "owner2"), letter=await upload(world, "owner2"),
    )  # fmt: skip
    await world.demo.perform(paper.record_delivery, "staff", id=poll, number=1, delivery=Delivery.PROVEN)
    await vote(world, "owner")
    await vote(world, "owner2", Choice.AGAINST)
    rating = await one(world, "SELECT id FROM core_matter WHERE kind = 'RATING' ORDER BY id")
    if await one(world, "SELECT state FROM core_matter WHERE id = ?", rating) == "OPEN":
        await world.demo.perform(close_rating, "staff", id=rating)
    world.clock.set(from_wire(await one(world, "SELECT closes_at FROM voting_poll WHERE matter_id = ?", poll)))
    await world.settle()
    if await one(world, "SELECT state FROM core_matter WHERE id = ?", poll) == "CLOSED":
        await world.demo.perform(counting.count_poll, "chair", id=poll)
    await world.demo.perform(counting.object_to_result, "owner", id=poll, text="请复核。")
