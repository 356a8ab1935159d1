"""The table of who may do what: as it was reviewed, as the roles promise, and with somebody admitted for each refusal."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
import websockets

from tests.acceptance.test_stranger import OWN_DATA, OWN_INBOX
from tests.conftest import ROOT, served
from tests.contract import conformance
from tests.security import matrix, sockets
from tests.security.matrix import ACTORS, ENDED, OVER_SOCKETS, Stage

ACTING = tuple(ACTORS)
SAMPLE = ("correctUnitArea", "endAppointment", "exportBallots", "suspendAccount", "claimWish", "postNotice")
"""Deeds that are tried again by every test run; ``make matrix`` tries all of them."""

# They need an uploaded file, a code that was sent, and an interim committee, of which there is one where all plugins are off; who
# may do them is told in the tests of the register, of the inbox and of elections.
NOBODY_IN_THE_WORLD = {
    "previewRosterImport", "confirmChannel", "acceptInterim", "addInterimMember", "endInterim", "refuseInterim", "showInterim",
    "signInterim",
}  # fmt: skip


@pytest.fixture(scope="module")
def reviewed() -> matrix.Table:
    """Return the table in the repository."""
    return matrix.read()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Fill the world once for all tests of the table."""
    folder = tmp_path_factory.mktemp("matrix")
    return asyncio.run(matrix.stage({"folder": folder, "made": {}}, folder))


async def test_the_table_is_as_it_was_reviewed(reviewed: matrix.Table, made: Stage) -> None:
    """Every row of every type, every list, field and file, those whose time is over, and a sample of deeds."""
    async with made.open() as world:
        found = await matrix.read_rows(world, made.tokens, ACTING)
        rest = {row for row in reviewed if row.startswith(("deed ", "follow ")) and "@" not in row}
        assert set(reviewed) - rest == set(found), "make matrix"
        for name, row in found.items():
            assert row == reviewed[name], f"{name}: make matrix, and review the diff"
    for name in SAMPLE:
        assert await matrix.deed_row(made, name, ACTING) == reviewed[f"deed {name}"], name


async def test_over_websocket_the_table_is_the_same(reviewed: matrix.Table, made: Stage) -> None:
    """What can be followed, and the rows that are marked ``ws``: asked through one socket for each actor."""
    async with made.open() as world:
        found = await sockets.follow_rows(world, made.tokens, ACTING)
    async with made.open() as world, sockets.over_sockets(world) as asked:
        found |= await matrix.reads(
            asked, made.tokens, ACTING, {_type_of(row) for row in OVER_SOCKETS if row.startswith("node ")}
        )
        found |= await matrix.lists(asked, made.tokens, ACTING)
        found |= await matrix.fields(
            asked, made.tokens, ACTING, {_type_of(row) for row in OVER_SOCKETS if row.startswith("field ")}
        )
    for row in (row for row in OVER_SOCKETS if row.startswith("deed ")):
        async with made.open() as world, sockets.over_sockets(world) as asked:
            cells = {
                actor: await matrix.deed_cell(asked, made.tokens[actor], row.removeprefix("deed ")) for actor in ACTING
            }
            found[row] = cells
    assert set(OVER_SOCKETS) <= set(found)
    for name, row in found.items():
        assert row == reviewed[name], name


def _type_of(row: str) -> str:
    return re.split("[ .@]", row)[1]


async def test_a_suspended_account_opens_no_socket(made: Stage) -> None:
    """The socket is closed before anything is asked; the same with a token from before the account was closed."""
    async with made.open() as world, served(world) as address:
        for who in ("suspended_chair", "suspended_owner", "gone"):
            async with websockets.connect(f"ws://{address}/graphql", subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
                payload = {"authorization": f"Bearer {made.tokens[who]}"}
                await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await socket.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4403, who


def test_whose_time_is_over_has_what_nobody_has(reviewed: matrix.Table) -> None:
    """Without an appointment one sees what anybody signed in sees; without an account nothing."""
    seen = set(reviewed["session expired"].values())
    public = sum(int(row["nobody"]) for name, row in reviewed.items()
                 if name.startswith("node ") and _type_of(name) in matrix.KINDS_SEEN)  # fmt: skip
    assert seen == {str(public)}
    assert set(reviewed["session suspended"]) == set(reviewed["session expired"]) == set(ENDED)
    assert set(reviewed["session suspended"].values()) == {"ended"} == set(reviewed["session gone"].values())


def test_every_refusal_has_somebody_who_is_admitted(reviewed: matrix.Table) -> None:
    """Each deed is authorised for one actor at least, and refused to strangers, anonymous, and those of other places."""
    for name, row in reviewed.items():
        if name.startswith("deed ") and "@" not in name:
            admitted = {actor for actor, cell in row.items() if cell == "+"}
            if name.removeprefix("deed ") in {
                "requestResidency",
                *OWN_DATA,
                *OWN_INBOX,
            }:  # anybody signed in, about themselves
                assert "anonymous" not in admitted
                continue
            assert admitted or name.removeprefix("deed ") in NOBODY_IN_THE_WORLD, name
            assert not admitted & set(matrix.OUTSIDE), name


def roles_by_permission() -> dict[str, set[str]]:
    """Read which roles hold a permission from the page that says so."""
    text = (ROOT / "docs" / "permissions.md").read_text("utf-8")
    lines = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|[^|]*\|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    return {code: set(re.findall(r"`(\w+)`", roles)) for code, roles in lines}


def test_whoever_is_admitted_holds_the_permission(reviewed: matrix.Table) -> None:
    """A plus stands only where docs/permissions.md gives the deed's permission to the actor's role, or lets authors do it."""
    host = conformance.load(matrix.PLUGINS)
    schema = conformance.schema_with(host, *host.plugins)
    assert schema.mutation_type is not None
    promised, checked = roles_by_permission(), 0
    for name, found in schema.mutation_type.fields.items():
        spec = found.extensions["strawberry-definition"].metadata.get("deed")
        if spec is None or spec.plugin in conformance.installed():  # the page is of the plugins in this repository
            continue
        step = spec.step
        code = spec.permission or (step.permission if step else None)
        roles = promised[code] if code else set()
        for actor, cell in reviewed[f"deed {name}"].items():
            role = (ACTORS[actor] or ("",))[0]
            if cell == "+" and not (step is not None and step.own):
                assert role in roles or "signed_in" in roles, (name, actor, code)
                checked += 1
    assert checked > 250, checked


@pytest.mark.parametrize("administrator", ["sysadmin", "secadmin", "audadmin"])
def test_administrators_do_and_read_nothing_of_the_business(reviewed: matrix.Table, administrator: str) -> None:
    """No deed of a plugin, and of every plugin's rows no more than anybody signed in."""
    own = {"Account", "Appointment", "Attachment", "TraceRecord"}
    for name, row in reviewed.items():
        if name.startswith("node ") and name.removeprefix("node ").partition("@")[0] not in own:
            assert row[administrator] == row["nobody"], name
    host = conformance.load(matrix.PLUGINS)
    schema = conformance.schema_with(host, *host.plugins)
    assert schema.mutation_type is not None
    for name, found in schema.mutation_type.fields.items():
        spec = found.extensions["strawberry-definition"].metadata.get("deed")
        if (
            spec is not None
            and spec.plugin != "core"
            and "signed_in" not in roles_by_permission().get(spec.permission, ())
        ):
            assert reviewed[f"deed {name}"][administrator] == "-", name
