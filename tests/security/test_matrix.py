"""The table of who may do what: as it was reviewed, as the roles promise, and with somebody admitted for each refusal."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest

from core.access import everyone
from schema.declared import REGISTRY
from schema.declared import Declaration as Declared
from tests.acceptance.test_stranger import OWN_DATA, OWN_INBOX, checksums
from tests.conftest import ROOT
from tests.contract import conformance
from tests.security import matrix
from tests.security.matrix import ACTORS, ENDED, Stage

ACTING = tuple(ACTORS)
SAMPLE = ("correctUnitArea", "endAppointment", "exportBallots", "suspendAccount", "claimWish", "postNotice")
"""Deeds that are tried again by every test run; ``make matrix`` tries all of them."""

# They need an uploaded file, and a code that was sent; told in the tests of the register and of the inbox.
NOBODY_IN_THE_WORLD = {"previewRosterImport", "confirmChannel"}


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
    """Every row of every type and every list at every place, and a sample of deeds; then those whose time is over."""
    async with made.open() as world:
        found = {**await matrix.reads(world, made.tokens, ACTING), **await matrix.lists(world, made.tokens, ACTING)}
        assert {row for row in reviewed if not row.startswith("deed ")} == set(found), "make matrix"
        for name, row in found.items():
            assert row == reviewed[name], f"{name}: make matrix, and review the diff"
        await _check_ended(made, world)
    for name in SAMPLE:
        assert (await matrix.deed_row(made, name, ACTING))[0] == reviewed[f"deed {name}"], name


async def _check_ended(made: Stage, world: Any) -> None:
    """Whose appointment is over gets what nobody gets, of matters and rows of plugins; whose account is suspended, nothing."""
    keys = {
        name: await matrix.rows_at(world, name) for name in ("Poll", "Notice", "Wish", "Unit", "Owner", "VoterRoll")
    }
    ids = [f"{name}_{key}" for name, placed in keys.items() for some in placed.values() for key in some]
    nobody = await matrix.seen(world, made.tokens["nobody"], ids)
    given = {"community": world.demo.places["compound"].code, "plugin": "wishes", "key": "claim_days", "value": "9"}
    text, _ = matrix.documents(world)["setSetting"]
    before = await checksums(world)
    for name in ENDED:
        assert await matrix.seen(world, made.tokens[f"expired_{name}"], ids) == nobody, name
        refused = await matrix.answers(world, made.tokens[f"expired_{name}"], text, "setSetting", given)
        assert refused["__typename"] == "NotAllowed", name
        answer = await matrix.ask(world, made.tokens[f"suspended_{name}"], "{ viewer { language } }")
        assert answer["errors"][0]["extensions"]["problem"] == "core.session_ended", name
    assert await checksums(world) == before


def test_every_refusal_has_somebody_who_is_admitted(reviewed: matrix.Table) -> None:
    """Each deed is authorised for one actor at least, and refused to strangers, anonymous, and those of other places."""
    for name, row in reviewed.items():
        if name.startswith("deed "):
            admitted = {actor for actor, cell in row.items() if cell == "+"}
            if name.removeprefix("deed ") in {
                "requestResidency",
                *OWN_DATA,
                *OWN_INBOX,
            }:  # anybody signed in, about themselves
                assert "anonymous" not in admitted
                continue
            assert admitted or name.removeprefix("deed ") in NOBODY_IN_THE_WORLD, name
            outside = {
                "anonymous",
                "nobody",
                "stranger",
                "neighbour",
                "chair2",
                "property2",
                "village",
                "farstaff",
                "fartown",
            }
            assert not admitted & outside, name


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


NARROW = sorted(
    name for name in ("Account", "Notice", "Owner", "Ownership", "Poll", "Proxy", "PaperSlip", "RosterImport", "TraceRecord",
                      "Unit", "VoterRoll", "Wish", "WishClaim", "MyRating", "BookDriftingLoan")
)  # fmt: skip


async def test_without_a_predicate_a_cell_fails(
    reviewed: matrix.Table, made: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken away one by one, the predicate of each of these types changes the row of that type in the table."""
    for name in NARROW:
        with monkeypatch.context() as patch:
            patch.setitem(REGISTRY, name, _open(REGISTRY[name]))
            async with made.open() as world:
                changed = 0
                for label, keys in (await matrix.rows_at(world, name)).items():
                    ids = [f"{name}_{key}" for key in keys]
                    changed += (
                        str(len(await matrix.seen(world, made.tokens["stranger"], ids)))
                        != reviewed[f"node {label}"]["stranger"]
                    )
            assert changed, name


def _open(declaration: Declared) -> Declared:
    return replace(declaration, visible=everyone)
