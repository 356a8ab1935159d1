"""Signed addresses are good for whom they were given to, as long as that one has the right: it is asked anew at the door."""

from __future__ import annotations

import pytest

from core import people, rights
from plugins.notices.rules import NoticeKind
from plugins.notices.service import draft_notice, post_notice
from tests.acceptance import stranger_world
from tests.conftest import World

OF_FILES = "query($i: ID!) { node(id: $i) { ... on Notice { attachments { nodes { id url } } } } }"


async def notice(world: World, *, is_public: bool) -> str:
    """Post a notice with a file; returns its id."""
    key = await world.demo.perform(
        draft_notice, "chair", community=world.demo.places["compound"].code, kind=NoticeKind.GENERAL, title="附件",
        body="见附件", issuer="业委会", is_public=is_public, attachments=[await stranger_world.upload(world, "chair")],
    )  # fmt: skip
    await world.demo.perform(post_notice, "chair", id=key)
    return f"Notice_{key}"


async def address(world: World, of: str, as_: str | None) -> str:
    """Ask for the address of a notice's file."""
    [file] = (await world.gql(OF_FILES, {"i": of}, as_=as_)).data["node"]["attachments"]["nodes"]
    found: str = file["url"]
    return found


async def status(world: World, path: str) -> tuple[int, str]:
    """Fetch an address; returns the status, and with which code it was refused."""
    answer = await world.client.get(path)
    return answer.status_code, "" if answer.status_code == 200 else answer.json()["errors"][0]["extensions"]["problem"]


GONE = (404, "core.link_invalid")


async def account(world: World, who: str) -> int:
    """Return the account of one of the cast."""
    key: int = await world.kernel.database.value(
        "SELECT id FROM core_account WHERE person_id = ?", (world.demo.people[who],)
    )
    return key


@pytest.mark.parametrize("how", ["suspended", "appointment ended", "account closed"])
async def test_an_address_ends_with_the_right(world: World, how: str) -> None:
    """What somebody was given while a member gives nothing once that is over, within its ten minutes; others' goes on."""
    of = await notice(world, is_public=False)
    theirs, other = await address(world, of, "tenant"), await address(world, of, "resident")
    assert await status(world, theirs) == await status(world, other) == (200, "")
    code = world.demo.places["compound"].code
    if how == "suspended":
        await world.demo.perform(people.suspend_account, community=code, account_id=await account(world, "tenant"))
    elif how == "appointment ended":
        for row in await world.kernel.database.fetch(
            "SELECT id FROM core_appointment WHERE person_id = ?", (world.demo.people["tenant"],)
        ):
            await world.demo.perform(people.end_appointment, id=row["id"])
    else:
        await world.demo.perform(rights.close_account, "tenant", password="shanzhi-demo-2026")
    assert await status(world, theirs) == GONE
    assert await status(world, other) == (200, "")


async def test_an_address_ends_with_the_sight_of_its_matter(world: World) -> None:
    """A public file's address is good for nobody in particular, until its notice is hidden from them."""
    of = await notice(world, is_public=True)
    public = await address(world, of, None)
    assert await status(world, public) == (200, "")
    await world.kernel.database.run(
        lambda tx: tx.execute(
            "UPDATE notices_notice SET is_public = FALSE WHERE matter_id = ?", (int(of.split("_")[1]),)
        )
    )
    assert await status(world, public) == GONE


async def test_an_address_cannot_be_made_out_to_somebody_else(world: World) -> None:
    """Neither the file nor the holder can be exchanged: both are in the signature."""
    hidden, public = await notice(world, is_public=False), await notice(world, is_public=True)
    mine, seen = await address(world, hidden, "tenant"), await address(world, public, "stranger")
    _, _, file, holder, expires, signature = mine.split("/")
    _, _, other_file, stranger, _, _ = seen.split("/")
    for path in (f"{file}/{stranger}/{expires}/{signature}", f"{other_file}/{holder}/{expires}/{signature}",
                 f"{file}/0/{expires}/{signature}", "/".join((file, *seen.split("/")[3:]))):  # fmt: skip
        assert await status(world, f"/files/{path}") == GONE, path
    assert await status(world, mine) == (200, "")


async def test_an_export_ends_with_the_account(world: World) -> None:
    """Whoever took over an account gets nothing more by an address from before it was suspended."""
    made = await world.do("exportMyData", {}, "... on DataExport { url }", as_="tenant")
    assert (await world.client.get(made["url"])).status_code == 200
    code = world.demo.places["compound"].code
    await world.demo.perform(people.suspend_account, community=code, account_id=await account(world, "tenant"))
    assert await status(world, made["url"]) == GONE
