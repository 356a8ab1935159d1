"""A person with a life in every plugin, and a look into every table for what is left of them."""

from __future__ import annotations

from typing import Any

from core import attachments, people
from core.clock import to_wire
from core.keys import CannotUnseal
from plugins.notices.service import acknowledge_notice, object_to_notice
from plugins.rating.kinds import RatingScore
from plugins.rating.service import cast_rating
from plugins.register import kinds, owners, residents, rolls
from plugins.voting.service import casting, counting
from plugins.wishes import service as wishes
from plugins.wishes.rules import WishType
from tests.acceptance import stranger_world
from tests.conftest import World

NAME, PHONE, SECOND_PHONE, DOCUMENT = "欧阳示例芸", "12055512345", "12055598765", "EX7654321"
ADDRESS, CONTACT = "示例花园01 1栋1单元0101，铃响两声", "微信 ouyang-shili-yun"
STORY, MESSAGE, REASON = "家里的轮椅坏了示例芸", "我周末有空示例芸", "垃圾桶两天没清示例芸"
OBJECTION, ROLL_OBJECTION, RESULT_OBJECTION = "公示内容有误示例芸", "面积登记有误示例芸", "请重新计票示例芸"
FILE = "欧阳示例芸的身份证.pdf"
TEXTS = (
    NAME, PHONE, SECOND_PHONE, DOCUMENT, ADDRESS, CONTACT, STORY, MESSAGE, REASON, OBJECTION, ROLL_OBJECTION,
    RESULT_OBJECTION, FILE,
)  # fmt: skip


async def one(world: World, sql: str, *parameters: Any) -> Any:
    """Return the first value of a query."""
    return await world.kernel.database.value(sql, parameters)


async def fill(world: World, until: str = "counted") -> int:
    """Fill every table, with a person who did something in each plugin; returns that person's key.

    ``until`` "voted" leaves the joint decision open, with that person's ballot in it.
    """
    place = world.demo.places["stairwell"]
    subject = await world.person("subject", "resident", place, NAME)
    await stranger_world.fill(world)
    await _register(world, subject)
    await _neighbourly(world)
    await _vote(world)
    if until == "counted":
        await _count(world)
    await _claim(world)
    return subject


async def _register(world: World, subject: int) -> None:
    """Make the person an owner with numbers, and a resident with another one; object to the roll."""
    do = world.demo.perform
    owner = await one(
        world, "SELECT id FROM register_owner WHERE name = '示例业主003' AND community_id = ?", world.demo.places["compound"].id
    )  # fmt: skip
    await do(
        owners.correct_owner, "staff", id=owner, name=NAME, phone=PHONE, document=DOCUMENT, reason=f"核对{NAME}证件"
    )
    await do(owners.link_owner, "staff", id=owner, person=subject)
    stay = await do(
        residents.request_residency, "subject", community=world.demo.places["stairwell"].code, unit="0301",
        kind=kinds.ResidentKind.OTHER, phone=SECOND_PHONE,
    )  # fmt: skip
    await do(residents.verify_resident, "staff", id=stay)
    roll = await one(world, "SELECT id FROM core_matter WHERE kind = 'VOTER_ROLL' AND state = 'PUBLISHED' ORDER BY id")
    await do(rolls.object_to_roll, "subject", id=roll, text=ROLL_OBJECTION)
    await do(people.appoint_person, "staff", person_id=subject, role="committee_member",
             community=world.demo.places["compound"].code)  # fmt: skip


async def _neighbourly(world: World) -> None:
    """Wish, claim, rate, acknowledge, object, upload."""
    do, code = world.demo.perform, world.demo.places["compound"].code
    mine = {
        "community": code,
        "type": WishType.GOODS,
        "alias": "示例芸的化名",
        "value_fen": 0,
        "building": "1栋",
        "address": ADDRESS,
    }
    for title, stages in (("想修轮椅示例芸", 3), ("还没写好示例芸", 0)):
        wish = await do(wishes.open_wish, "subject", title=title, story=STORY, **mine)
        for spec, who in (
            (wishes.submit_wish, "subject"),
            (wishes.approve_wish, "staff"),
            (wishes.publish_wish, "staff"),
        )[:stages]:
            await do(spec, who, id=wish)
        if stages:
            await do(wishes.claim_wish, "secretary", id=wish, message="我来", contact="电话 12011112222")
            await do(wishes.agree_claim, "subject", id=wish)
    rating = await one(world, "SELECT id FROM core_matter WHERE kind = 'RATING' AND state = 'OPEN' ORDER BY id")
    await do(cast_rating, "subject", id=rating, score=RatingScore.DISSATISFIED, reason=REASON)
    notice = await one(
        world, "SELECT m.id FROM core_matter m JOIN notices_notice n ON n.matter_id = m.id WHERE n.kind = 'ASSEMBLY_MEETING' "
        "AND m.state = 'POSTED' ORDER BY m.id",
    )  # fmt: skip
    await do(acknowledge_notice, "subject", id=notice)
    await do(object_to_notice, "subject", id=notice, text=OBJECTION)
    asked = await attachments.request_upload(
        world.kernel, await world.demo.viewer("subject"), community=code, filename=FILE
    )

    async def chunks() -> Any:
        yield stranger_world.PDF

    await attachments.receive(world.kernel, asked.path.rpartition("/")[2], FILE, chunks())


async def _claim(world: World) -> None:
    """Claim a neighbour's wish."""
    wish = await one(
        world, "SELECT m.id FROM core_matter m WHERE m.kind = 'WISH' AND m.state = 'PUBLISHED' ORDER BY m.id"
    )
    await world.demo.perform(wishes.claim_wish, "subject", id=wish, message=MESSAGE, contact=CONTACT)


async def _vote(world: World) -> None:
    """Answer both surveys, vote in the joint decision."""
    do = world.demo.perform
    for mode, spec in (("OPEN", casting.answer_survey), ("SEPARATED", casting.cast_separated_ballot)):
        poll = await one(
            world, "SELECT p.matter_id FROM voting_poll p JOIN core_matter m ON m.id = p.matter_id WHERE p.kind = 'SURVEY' "
            "AND p.mode = ? AND m.state IN ('ANNOUNCED', 'VOTING') ORDER BY p.matter_id", mode,
        )  # fmt: skip
        question = await one(world, "SELECT id FROM voting_motion WHERE poll_id = ?", poll)
        await do(spec, "subject", id=poll, answers=[{"motion": question, "options": [1]}])
    await stranger_world.open_voting(world)
    await stranger_world.vote(world, "subject")


async def _count(world: World) -> None:
    """Let others vote, have it counted, object to the result."""
    await stranger_world.vote_and_count(world)
    poll = await stranger_world.joint_decision(world)
    await world.demo.perform(counting.object_to_result, "subject", id=poll, text=RESULT_OBJECTION)


# --- looking into every table -----------------------------------------------------------------------------------------


async def tables(world: World) -> list[str]:
    """Name every table of the database."""
    sql = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        if world.kernel.database.dialect == "sqlite"
        else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    return sorted(row[0] for row in await world.kernel.database.fetch(sql))


async def rows_of(world: World, table: str) -> list[dict[str, Any]]:
    """Return all rows of a table."""
    return [dict(row) for row in await world.kernel.database.fetch(f'SELECT * FROM "{table}"')]


def opened(world: World, table: str, row: dict[str, Any], column: str) -> str:
    """Return what a sealed value says, whatever word it was sealed with; the text itself when it is not sealed."""
    text = str(row[column])
    words = {column, column.removesuffix("_sealed")}
    for word in words:
        try:
            return world.kernel.keys.unseal(table, word, int(row.get("id", row.get("matter_id", 0))), text)
        except CannotUnseal:
            continue
    return text


async def about(world: World, person: int) -> dict[str, set[str]]:
    """Return the keys of the rows of each table in which some column is the person's key."""
    found: dict[str, set[str]] = {}
    for table in await tables(world):
        for row in await rows_of(world, table):
            if any(value == person or value == str(person) for value in row.values()):
                found.setdefault(table, set()).add(key_of(row))
    return found


def key_of(row: dict[str, Any]) -> str:
    """Return the key of a row."""
    names = ("id", "leaf_id", "matter_id", "person_id")
    return str(next(row[name] for name in names if name in row))


async def saying(world: World, texts: tuple[str, ...]) -> list[str]:
    """Name every column that says one of some texts, plainly or when it is opened."""
    found = []
    for table in await tables(world):
        for row in await rows_of(world, table):
            for column, value in row.items():
                if isinstance(value, str):
                    said = opened(world, table, row, column) if value.startswith("1.A256GCM.") else value
                    found += [f"{table}.{column} says {text}" for text in texts if text in said]
    return found


async def counted(world: World) -> dict[str, Any]:
    """Return what counts: certificates, results, tallies, the log's leaves in their order."""
    database = world.kernel.database
    polls = [row[0] for row in await database.fetch("SELECT matter_id FROM voting_poll ORDER BY matter_id")]
    found: dict[str, Any] = {}
    for table, columns in (
        ("voting_result", "motion_id, round, outcome, figures"), ("voting_ballot", "poll_id, entry_id, choices, area_centi, heads"),
        ("voting_returned", "id, poll_id, entry_id, marks, receipt"), ("voting_turnout", "poll_id, building, area_centi, heads"),
        ("voting_tick", "matter_id, mark, has_voted"), ("voting_answer", "poll_id, standing, options"),
        ("voting_poll", "matter_id, certificate_hash, roll_hash"), ("register_roll", "matter_id, hash"),
        ("rating_score", "rating_id, score"),
    ):  # fmt: skip
        rows = await database.fetch(f"SELECT {columns} FROM {table}")
        found[table] = sorted(tuple(map(str, row)) for row in rows)
    found["leaves"] = [row[0] for row in await database.fetch("SELECT leaf_hash FROM core_trace_leaf ORDER BY seq")]
    found["polls"], found["at"] = polls, to_wire(world.clock.now())
    return found
