"""What the table of rights needs beside the rich world: its whole cast, and a row behind every mask and at every scope."""

from __future__ import annotations

from collections.abc import Mapping

from core import communities, people, rights
from core.ids import new_id
from core.kinds import CommunityKind
from plugins.notices.rules import NoticeKind
from plugins.notices.service import draft_notice, post_notice
from plugins.rating.kinds import RatingScore
from plugins.rating.service import cast_rating
from plugins.register import owners
from plugins.wishes import service as wishes
from plugins.wishes.kinds import Satisfaction
from plugins.wishes.rules import WishType
from tests.conftest import World
from tests.differential.rich_world import ODD

PASSWORD = "shanzhi-demo-2026"


async def complete(world: World, cast: Mapping[str, tuple[str, str] | None]) -> None:
    """Add who is missing from the cast, and what is missing for a cell to tell something."""
    places = world.demo.places
    places["second"] = world.demo.compounds[1]
    places["othertown"] = await world.demo.place("440604011000")
    await _closed_place(world)
    for name, given in cast.items():
        if given is not None and name not in world.demo.people:
            await world.person(name, given[0], places[given[1]])
    await world.person("nobody", "resident", places["elsewhere"])
    await end_all(world, "nobody")
    await _wishes(world)
    await _register(world)
    await _proxy(world)
    await _reasons(world)


async def _closed_place(world: World) -> None:
    """A compound with some business and one resident, closed."""
    do, code = world.demo.perform, world.demo.places["community"].code
    key = await do(communities.add_community, community=code, kind=CommunityKind.COMPOUND, name="旧里弄")
    place = await world.demo.place(str(await _value(world, "SELECT code FROM core_community WHERE id = ?", key)))
    world.demo.places["closed"] = place
    await world.person("former", "resident", place)
    await _wish(world, "former", place.code)
    for is_public in (True, False):
        notice = await do(draft_notice, "staff", community=place.code, kind=NoticeKind.GENERAL, title="搬迁",
                          body="内容", issuer="社区", is_public=is_public)  # fmt: skip
        await do(post_notice, "staff", id=notice)
    await do(communities.close_community, community=place.code, reason="并入")


async def _wishes(world: World) -> None:
    """A wish whose two have agreed to meet, and one that came true with thanks that are not for everybody."""
    do, code = world.demo.perform, world.demo.places["compound"].code
    for came_true, claimer in ((False, "member"), (True, "property")):
        wish = await _wish(world, "tenant", code)
        await do(wishes.approve_wish, "staff", id=wish, note="请留意")
        await do(wishes.publish_wish, "staff", id=wish)
        await do(wishes.claim_wish, claimer, id=wish, message="我来", contact="12011112222")
        await do(wishes.agree_claim, "tenant", id=wish)
        if came_true:
            for spec, who in (
                (wishes.begin_wish, claimer),
                (wishes.deliver_wish, claimer),
                (wishes.confirm_wish, "tenant"),
            ):
                await do(spec, who, id=wish)
            await do(wishes.rate_wish, "tenant", id=wish, satisfaction=next(iter(Satisfaction)), thanks="谢谢")
    await world.kernel.database.run(
        lambda tx: tx.execute("UPDATE wishes_wish SET is_for_minor = TRUE WHERE matter_id = ?", (wish,))
    )


async def _wish(world: World, author: str, code: str) -> int:
    key: int = await world.demo.perform(
        wishes.open_wish, author, community=code, title="想要一本书", story="想读。", type=WishType.GOODS,
        alias="含羞草", value_fen=3_000, address="示例地址",
    )  # fmt: skip
    await world.demo.perform(wishes.submit_wish, author, id=key)
    return key


async def _register(world: World) -> None:
    """Numbers of an owner that somebody in the cast is."""
    owner = await _value(
        world, "SELECT id FROM register_owner WHERE person_id = ? ORDER BY id", world.demo.people["owner"]
    )
    await world.demo.perform(
        owners.correct_owner, "staff", id=owner, phone="12055512345", document="EX7654321", reason="核对证件"
    )


async def _proxy(world: World) -> None:
    """A second proxy in the counted decision, beside the tenant: one who holds nothing else that matters there."""
    columns = "poll_id, entry_id, owner_id, principal_id, scope, begins, until, letter_id, made_at"

    async def write(tx: object) -> None:
        await tx.execute(  # type: ignore[attr-defined]
            f"INSERT INTO voting_proxy (id, holder_id, marks, {columns}) SELECT ?, ?, 'FA', {columns} FROM voting_proxy LIMIT 1",
            (new_id(), world.demo.people["proxy"]),
        )

    await world.kernel.database.run(write)


async def _reasons(world: World) -> None:
    """Let ratings tell their figures, and those responsible the reasons, though few answered; an open one has an answer."""
    rating = await _value(world, "SELECT id FROM core_matter WHERE kind = 'RATING' AND state = 'OPEN' ORDER BY id")
    await world.demo.perform(cast_rating, "resident", id=rating, score=RatingScore.SATISFIED)

    async def write(tx: object) -> None:
        await tx.execute("UPDATE rating_rating SET smallest_group = 1")  # type: ignore[attr-defined]
        await tx.execute("UPDATE rating_score SET reason = ?", (ODD[0],))  # type: ignore[attr-defined]

    await world.kernel.database.run(write)


async def gone(world: World) -> str:
    """Add one who closed the account; returns the token from before."""
    await world.person("gone", "owner", world.demo.places["stairwell"])
    token = await world.token("gone")
    await world.demo.perform(rights.close_account, "gone", password=PASSWORD)
    return token


async def end_all(world: World, who: str) -> None:
    """End every appointment of one of the cast."""
    rows = await world.kernel.database.fetch(
        "SELECT id FROM core_appointment WHERE person_id = ? AND until IS NULL", (world.demo.people[who],)
    )
    for row in rows:
        await world.demo.perform(people.end_appointment, id=row["id"])


async def _value(world: World, sql: str, *parameters: object) -> object:
    return await world.kernel.database.value(sql, parameters)
