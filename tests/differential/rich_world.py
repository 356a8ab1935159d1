"""A world with something of everything, seen in different degrees, and with texts that are hard to write as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from core import administration, communities, people
from core.hierarchy import Place
from core.kinds import CommunityKind
from plugins.notices.rules import NoticeKind
from plugins.notices.service import draft_notice, post_notice
from plugins.rating.kinds import RatingSubject
from plugins.rating.service import open_rating
from plugins.voting.kinds import BallotMode, PollKind
from plugins.voting.service import casting, drafting
from plugins.wishes.rules import WishType
from plugins.wishes.service import open_wish, submit_wish
from tests.acceptance import stranger_world
from tests.conftest import World

VIEWERS = (
    None, "owner", "resident", "staff", "chair", "owner", "staff", "town", "property", "auditor", "double", "chair",
    "tenant", "stranger", "sysadmin", "scrutineer", "owner2",
)  # fmt: skip
OUTSIDERS = (None, "stranger")
UNCONCERNED = (*OUTSIDERS, "tenant")
"""A member of the compound, but one who owns nothing there and said nothing."""

ODD = (
    'He said "no" \\ and \\"yes\\"', "line\nbreak\r\nand\ttab", "\u2028\u2029\ufeff\u200b", "😀🇨🇳𠮷 e\u0301",
    "\x01\x02\x1f\x7f\x80", "\\u0000 \\x00 %00", "'; DROP TABLE core_matter; --", "</script><b>&amp;", "  ", "null",
    '{"a": [1, 2.50, 1e400]}', "善治" * 60,
)  # fmt: skip
LONG = "很长的文字，写满整整一页。" * 400

# What is marked in which rows, and from whom it is secret: told here a second time, not taken from the declarations.
SECRETS: Sequence[tuple[str, str, str, tuple[str | None, ...]]] = (
    ("core_matter", "title", "kind IN ('NOTICE', 'POLL') AND state = 'DRAFT'", UNCONCERNED),
    ("core_matter", "title", "kind = 'WISH' AND state = 'DRAFT' AND author_id = {resident}", UNCONCERNED),
    ("core_person", "name", "id NOT IN ({stranger}, {tenant})", UNCONCERNED),
    ("notices_notice", "body", "matter_id IN (SELECT id FROM core_matter WHERE state IN ('DRAFT', 'WITHDRAWN'))", UNCONCERNED),
    ("notices_notice", "body", "NOT is_public AND matter_id IN (SELECT id FROM core_matter WHERE state = 'POSTED')", OUTSIDERS),
    ("notices_objection", "text", "person_id = {resident}", UNCONCERNED),
    ("voting_result_objection", "text", "1 = 1", UNCONCERNED),
    ("wishes_wish", "screening_note", "matter_id IN (SELECT id FROM core_matter WHERE author_id = {resident})", UNCONCERNED),
    ("wishes_wish", "story", "published_at IS NOT NULL", OUTSIDERS),
    ("wishes_claim", "message", "wish_id IN (SELECT id FROM core_matter WHERE author_id = {resident})", UNCONCERNED),
    ("register_owner", "name", "1 = 1", UNCONCERNED),
    ("register_roll_objection", "text", "1 = 1", UNCONCERNED),
    ("book_drifting_review", "text", "1 = 1", OUTSIDERS),
)  # fmt: skip

ODD_TEXTS: Sequence[tuple[str, str, str, str]] = (  # table, its key, column, which rows
    ("core_matter", "id", "title", "kind NOT IN ('NOTICE', 'POLL', 'WISH') OR state <> 'DRAFT'"),
    ("notices_notice", "matter_id", "body", "is_public AND matter_id IN (SELECT id FROM core_matter WHERE state = 'POSTED')"),
    ("notices_notice", "matter_id", "issuer", "1 = 1"),
    ("notices_version", "id", "reason", "1 = 1"),
    ("wishes_wish", "matter_id", "alias", "1 = 1"),
    ("rating_rating", "matter_id", "period", "1 = 1"),
    ("core_attachment", "id", "filename", "1 = 1"),
    ("core_setting", "id", "reason", "1 = 1"),
    ("register_unit", "id", "label", "use = 'SHOP'"),
    ("core_branch", "id", "name", "1 = 1"),
)  # fmt: skip


@dataclass(frozen=True)
class Secret:
    """A text that occurs in one row only, and who may not get it."""

    text: str
    hidden_from: tuple[str | None, ...]


async def fill(world: World) -> None:
    """Add to the filled world of the strangers what makes it odd: places where plugins are off, closed ones, texts."""
    await stranger_world.fill(world)
    await stranger_world.vote_and_count(world)
    await _people(world)
    await _open_business(world)
    await _books(world)
    await _second_compound(world)
    await _places(world)
    await _odd_texts(world)
    await mark(world)


async def _people(world: World) -> None:
    """Add one who lives here, sits on its committee, and works elsewhere."""
    places = world.demo.places
    await world.person("double", "resident", places["stairwell"])
    await world.demo.perform(
        people.appoint_person, community=places["elsewhere"].code, person_id=world.demo.people["double"], role="community_staff"
    )  # fmt: skip
    await world.demo.perform(
        people.appoint_person, community=places["compound"].code, person_id=world.demo.people["double"], role="committee_member",
        until=world.clock.now() + timedelta(days=400),
    )  # fmt: skip


async def _open_business(world: World) -> None:
    """Add what the counted world has no longer: an open survey with answers, an announced vote, an open rating."""
    do, place, now = world.demo.perform, world.demo.places["compound"].code, world.clock.now()
    survey = await do(drafting.draft_poll, "chair", community=place, title="问卷", body="请答。", kind=PollKind.SURVEY,
                      mode=BallotMode.OPEN,
                      opens_at=now + timedelta(minutes=1))  # fmt: skip
    await do(drafting.add_motion, "chair", id=survey, title="几点？", options=["七点", '"八"点', "\\九点"])
    await do(drafting.announce_poll, "chair", id=survey, opens_at=now)
    motion = await stranger_world.one(world, "SELECT id FROM voting_motion WHERE poll_id = ?", survey)
    for person, option in (("resident", 0), ("tenant", 2)):
        await do(casting.answer_survey, person, id=survey, answers=[{"motion": motion, "options": [option]}])
    await do(
        open_rating,
        "staff",
        community=place,
        title="又一次？",
        period="2026年",
        kind=RatingSubject.SERVICE,
        subject="保洁",
    )
    await _wish(world, "resident", place)
    await _wish(world, "resident", place, submitted=False)
    for number in range(8):
        kind = list(NoticeKind)[number % 2]
        notice = await do(draft_notice, "chair", community=place, kind=NoticeKind.GENERAL, title=f"通知{number}", body=kind.value,
                          issuer="业委会", is_public=number != 3)  # fmt: skip
        if number != 5:
            await do(post_notice, "chair", id=notice)


async def _wish(world: World, author: str, place: str, *, submitted: bool = True) -> None:
    key = await world.demo.perform(open_wish, author, community=place, title="想要一盏灯", story="旧的坏了。", type=WishType.GOODS,
                                   alias="向日葵", value_fen=5_000, address="示例地址")  # fmt: skip
    if submitted:
        await world.demo.perform(submit_wish, author, id=key)


async def _books(world: World) -> None:
    """Two stops, three books: one on the shelf, one lent, one with reviews."""
    place = world.demo.places["compound"].code
    stops = [
        (await world.do("bookDriftingAddStop", {"community": place, "name": name}, "... on BookDriftingStop { id }", as_="chair"))["id"]
        for name in ("一号", "二号")
    ]  # fmt: skip
    books = [
        (await world.do("bookDriftingGive", {"community": place, "title": title, "stop": stops[0]},
                        "... on BookDriftingBook { id }", as_="resident"))["id"]
        for title in ("西游记", "红楼梦", "水浒传")
    ]  # fmt: skip
    for reader, book in (("tenant", books[0]), ("tenant", books[1]), ("resident", books[2])):
        await world.do("bookDriftingBorrow", {"id": book}, as_=reader)
    for reader, book in (("tenant", books[0]), ("resident", books[2])):
        await world.do("bookDriftingReturn", {"id": book, "stop": stops[1]}, as_=reader)
        await world.do("bookDriftingReview", {"id": book, "text": "好看"}, as_=reader)


async def _second_compound(world: World) -> None:
    """Business in a compound where the plugins that keep it are switched off afterwards, all but the notices'."""
    do, compound = world.demo.perform, world.demo.compounds[1]
    await world.person("neighbour", "resident", compound)
    await world.person("chair2", "committee_chair", compound)
    await _wish(world, "neighbour", compound.code)
    await do(
        open_rating,
        "staff",
        community=compound.code,
        title="二期保洁",
        period="2026年",
        kind=RatingSubject.SERVICE,
        subject="保洁",
    )
    notice = await do(
        draft_notice,
        "chair2",
        community=compound.code,
        kind=NoticeKind.GENERAL,
        title="二期",
        body="内容",
        issuer="业委会",
    )
    await do(post_notice, "chair2", id=notice)
    for plugin in ("elections", "wishes", "rating", "voting", "book_drifting"):
        await do(administration.disable_plugin, community=compound.code, plugin=plugin, reason='"off"')


async def _places(world: World) -> None:
    """A village without any plugin, a closed compound, and names that are hard to write."""
    do = world.demo.perform
    for plugin in ("elections", "wishes", "rating", "voting", "book_drifting", "notices", "register"):
        await do(administration.disable_plugin, community=world.demo.places["village"].code, plugin=plugin)
    code = world.demo.places["community"].code
    for number, name in enumerate(('旧"花园"', "新\\园", "园\u2028里")):
        await do(communities.add_community, community=code, kind=CommunityKind.COMPOUND, name=name)
        if number == 0:
            await do(communities.close_community, community=await closed_code(world), reason="并入")
    world.demo.places["closed"] = Place(**vars(await world.demo.place(await closed_code(world))))


async def closed_code(world: World) -> str:
    """Return the code of the compound that is closed in the end."""
    return str(await stranger_world.one(world, "SELECT code FROM core_community WHERE name = ?", '旧"花园"'))


async def _odd_texts(world: World) -> None:
    """Write texts into columns that deeds would have refused, or that nobody wrote yet; a long one among them."""
    database = world.kernel.database

    async def write(tx: object) -> None:
        for table, key, column, where in ODD_TEXTS:
            for number, row in enumerate(
                await tx.fetch(f"SELECT {key} AS k FROM {table} WHERE {where} ORDER BY {key}")
            ):  # type: ignore[attr-defined]
                text = ODD[number % len(ODD)][:20]
                if column == "body":
                    text = LONG if number == 1 else ODD[number % len(ODD)]
                await tx.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (text, row["k"]))  # type: ignore[attr-defined]
        await tx.execute("UPDATE wishes_wish SET value_fen = ? WHERE published_at IS NOT NULL", (2**31 - 1,))  # type: ignore[attr-defined]

    await database.run(write)


async def mark(world: World) -> None:
    """Append a mark to every secret text."""

    async def write(tx: object) -> None:
        for table, column, condition, _ in SECRETS:
            where = condition.format_map(world.demo.people)
            await tx.execute(
                f"UPDATE {table} SET {column} = SUBSTR({column}, 1, 1) || ? WHERE {where}",
                (mark_of(table, column, condition),),
            )  # type: ignore[attr-defined]

    await world.kernel.database.run(write)


def mark_of(table: str, column: str, condition: str) -> str:
    """Return the mark of one kind of secret."""
    number = [secret[:3] for secret in SECRETS].index((table, column, condition))
    return f"密{number:02d}"


def secrets() -> Mapping[str, tuple[str | None, ...]]:
    """Return every mark, with those who may never get it."""
    return {mark_of(*rest): hidden for *rest, hidden in SECRETS}
