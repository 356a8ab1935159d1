"""Every policy is needed: taken away one by one, each changes a cell of the table of rights.

    python -m tests.security.removals            # all; tells for each the cell that fails, exits 1 when one is not missed
    python -m tests.security.removals mask: Wish # those whose name holds one of these words

A permission is granted to everybody signed in (or taken from all, when that is who has it), a deed asks nobody who they
are, a predicate shows every row, a mask every value, a plugin counts as on everywhere, a closed place as open, a suspended
account as good. Only the cells that a policy concerns are worked out, until one differs from ``matrix.csv``. Deeds are
rehearsed: whatever gets as far as being written down was authorised, and is rolled back. It runs on graphql-core's path,
where nothing is compiled once; that the engine answers alike is for ``tests/differential``.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from core import access, accounts, declarations, errors, people, rights, viewers, work
from core.access import TRUE, Grant, Rule, Sight, Viewer, everyone
from core.clock import CHINA
from core.ids import new_id
from core.kinds import Reach
from core.settings import SettingsBook
from core.work import Act, DeedSpec
from schema import feed
from schema.compose import Profiles
from schema.declared import REGISTRY, Column, Declaration
from tests.conftest import World, answered_by
from tests.security import matrix
from tests.security.matrix import Stage, Table

Cell = tuple[str, str, str]
READERS = ("stranger", "tenant", "scrutineer", "property")
"""Who looks when a right to read is taken away: an outsider, a member, two offices."""


@dataclass(frozen=True)
class Trial:
    """The world in which policies are taken away, and what the reviewed table says."""

    world: World
    tokens: dict[str, str | None]
    reviewed: Table

    def refused(self, row: str) -> list[str]:
        """Return whom a row of deeds refuses, outsiders last: most objects they do not even see."""
        actors = [actor for actor, cell in self.reviewed[row].items() if cell == "-"]
        return sorted(actors, key=lambda actor: (actor not in ("nobody", "stranger"), actor in matrix.OUTSIDE))


@dataclass(frozen=True)
class Removal:
    """One policy, how to do without it, and the cells that it concerns."""

    name: str
    gone: Callable[[Trial], AbstractAsyncContextManager[None]]
    cells: Callable[[Trial], AsyncIterator[Cell]]

    async def missed(self, trial: Trial) -> Cell | None:
        """Return the first cell that comes out differently without the policy."""
        async with self.gone(trial):
            async for row, actor, cell in self.cells(trial):
                if trial.reviewed.get(row, {}).get(actor) != cell:
                    return row, actor, cell
        return None


# --- doing without ----------------------------------------------------------------------------------------------------


def altered(target: Any, **values: Any) -> Callable[[Trial], AbstractAsyncContextManager[None]]:
    """Let attributes of a declaration (frozen as it is) or of a module be others for a while."""

    @asynccontextmanager
    async def gone(trial: Trial) -> AsyncIterator[None]:
        before = {name: getattr(target, name) for name in values}
        try:
            for name, value in values.items():
                _set(target, name, value)
            yield
        finally:
            for name, value in before.items():
                _set(target, name, value)

    return gone


def _set(target: Any, name: str, value: Any) -> None:
    if isinstance(target, type | ModuleType):
        setattr(target, name, value)
    else:
        object.__setattr__(target, name, value)


def granted(code: str, *, allowed: bool) -> Callable[[Trial], AbstractAsyncContextManager[None]]:
    """Give a permission to every role, so to everybody signed in, or take it from everybody."""

    @asynccontextmanager
    async def gone(trial: Trial) -> AsyncIterator[None]:
        database = trial.world.kernel.database
        held = [
            (row["id"], row["role_id"], row["allowed"])
            for row in await database.fetch(
                "SELECT id, role_id, allowed FROM core_role_permission WHERE permission = ?", (code,)
            )
        ]
        roles = [row["code"] for row in await database.fetch("SELECT code FROM core_role")]

        async def write(tx: Any, rows: Sequence[tuple[Any, ...]]) -> None:
            await tx.execute("DELETE FROM core_role_permission WHERE permission = ?", (code,))
            for row in rows:
                await tx.execute(
                    "INSERT INTO core_role_permission (id, role_id, allowed, permission) VALUES (?, ?, ?, ?)",
                    (*row, code),
                )

        await database.run(lambda tx: write(tx, [(new_id(), role, allowed) for role in roles]))
        try:
            yield
        finally:
            await database.run(lambda tx: write(tx, held))

    return gone


def let_in(spec: DeedSpec) -> Callable[[Trial], AbstractAsyncContextManager[None]]:
    """Let one deed ask nobody who they are, neither before its body nor in it; nobody at all counts as somebody."""

    @asynccontextmanager
    async def gone(trial: Trial) -> AsyncIterator[None]:
        check, somebody = work._check_allowed, trial.world.demo.people["nobody"]

        def instead(act: Act) -> None:
            if act.spec.name != spec.name:
                return check(act)
            actor, act.actor = act.actor, SYSTEM
            check(act)
            act.actor = replace(actor, person_id=actor.person_id or somebody)
            return None

        async with AsyncExitStack() as stack:
            locks = (altered(work, _check_allowed=instead), altered(access, decide=_yes), *SECOND_LOCKS)
            for lock in locks:
                await stack.enter_async_context(lock(trial))
            yield

    return gone


async def _admitted(*_: Any, **__: Any) -> None:
    """Ask nothing."""


SYSTEM = Viewer(system="nobody in particular")


def _yes(viewer: Viewer, permission: str, place: Any) -> access.Decision:
    return access.Decision()


SECOND_LOCKS = (
    altered(people, _check_within_reach=_admitted, _check_appointer=lambda act, role: None),
    altered(accounts, decide=_yes),
    altered(rights, confirm=_admitted),
)
"""What some deeds ask once more, of whom they are about: a removal that leaves it would change nothing."""

_LOCATE = work._locate


async def located(act: Act, arguments: dict[str, Any]) -> None:
    """Find the object of a deed for whoever names it: by itself that admits nobody to a deed."""
    actor, act.actor = act.actor, replace(SYSTEM, person_id=act.actor.person_id)
    try:
        await _LOCATE(act, arguments)
    finally:
        act.actor = actor


def reopened(act: Act) -> None:
    """Check a deed as if its place were open."""
    place, act.place = act.place, replace(act.place, closed_at=None)
    try:
        _CHECK(act)
    finally:
        act.place = place


_CHECK = work._check_allowed


@contextmanager
def rehearsed() -> Iterator[None]:
    """Let deeds go as far as being written down, and no further."""

    async def stop(act: Act, claim: Any, answer: Any) -> None:
        raise errors.BEATEN()

    record, work._record = work._record, stop
    try:
        yield
    finally:
        work._record = record


# --- the cells that a policy concerns ---------------------------------------------------------------------------------


async def _of_table(table: Table) -> AsyncIterator[Cell]:
    for row, cells in table.items():
        for actor, cell in cells.items():
            if actor != "of":
                yield row, actor, cell


def reading(*names: str) -> Callable[[Trial], AsyncIterator[Cell]]:
    """Rows of some types, and what their fields keep from some, for everybody."""

    async def cells(trial: Trial) -> AsyncIterator[Cell]:
        actors = tuple(matrix.ACTORS)
        async for cell in _of_table(
            await matrix.reads(trial.world, trial.tokens, actors, set(names) - set(matrix.PUBLIC))
        ):
            yield cell
        async for cell in _of_table(
            await matrix.fields(trial.world, trial.tokens, actors, set(names) & set(matrix.FIELDS))
        ):
            yield cell

    return cells


async def every_reading(trial: Trial) -> AsyncIterator[Cell]:
    """All that a few of the actors can read."""
    for actor in READERS:
        for read in (matrix.reads, matrix.fields, matrix.lists, matrix.files):
            async for cell in _of_table(await read(trial.world, trial.tokens, (actor,))):
                yield cell


def doing(
    *names: str, then: Callable[[Trial], AsyncIterator[Cell]] | None = None
) -> Callable[[Trial], AsyncIterator[Cell]]:
    """Deeds, tried by whom the table refuses; what else is told by ``then``.

    Where everybody who sees an object may also do the deed, the predicate hides what the permission would refuse: the
    deeds are tried again with objects that are found by whoever names them, which alone changes no cell.
    """

    async def cells(trial: Trial) -> AsyncIterator[Cell]:
        async for cell in tried(trial):
            yield cell
        if then is not None:
            async for cell in then(trial):
                yield cell
        async with altered(work, _locate=located)(trial):
            async for cell in tried(trial):
                yield cell

    async def tried(trial: Trial) -> AsyncIterator[Cell]:
        for name in names:
            row = f"deed {name}"
            for actor in trial.refused(row):
                yield row, actor, await matrix.deed_cell(trial.world, trial.tokens[actor], name)

    return cells


def losing(*names: str) -> Callable[[Trial], AsyncIterator[Cell]]:
    """Deeds, tried by somebody whom the table admits."""

    async def cells(trial: Trial) -> AsyncIterator[Cell]:
        for name in names:
            yield f"deed {name}", "nobody", await matrix.deed_cell(trial.world, trial.tokens["nobody"], name)

    return cells


async def matters(trial: Trial) -> AsyncIterator[Cell]:
    """The lists of all matters and the feed, for a few."""
    for actor in READERS:
        async for cell in _of_table(await matrix.lists(trial.world, trial.tokens, (actor,))):
            yield cell


async def downloads(trial: Trial) -> AsyncIterator[Cell]:
    """What everybody downloads."""
    async for cell in _of_table(await matrix.files(trial.world, trial.tokens, tuple(matrix.ACTORS))):
        yield cell


async def feeds(trial: Trial) -> AsyncIterator[Cell]:
    """How much the feed shows an outsider."""
    yield "list changes", "stranger", str(await matrix.changes(trial.world, trial.tokens["stranger"]))


async def sessions(trial: Trial) -> AsyncIterator[Cell]:
    """Those whose time is over."""
    async for cell in _of_table(await matrix.session_rows(trial.world, trial.tokens, matrix.ENDED)):
        yield cell


async def elsewhere(trial: Trial) -> AsyncIterator[Cell]:
    """Deeds where the place is closed or the plugin off, by those who might do them else."""
    for deed in matrix.ELSEWHERE:
        for actor in ("staff", "former", "chair2", "neighbour"):
            yield f"deed {deed}", actor, await matrix.elsewhere_cell(trial.world, trial.tokens[actor], deed)


# --- the policies -----------------------------------------------------------------------------------------------------


def removals(world: World) -> Iterator[Removal]:
    """Yield every policy that can be taken away in this world."""
    for one in _everything(world):
        if not one.name.startswith(NOT_IN_THE_WORLD):
            yield one


def _everything(world: World) -> Iterator[Removal]:
    specs = deeds(world)
    yield from _permissions(world, specs)
    for name, spec in specs.items():
        if name not in (*OWN_FILE, *OWN_ROWS):
            yield Removal(f"deed:{name}", let_in(spec), doing(name))
    for name, declaration in sorted(REGISTRY.items()):
        yield from _of_type(name, declaration)
    for (plugin, kind), lifecycle in sorted(world.kernel.host.lifecycles.items()):
        yield Removal(f"lifecycle:{plugin}.{kind}", altered(lifecycle, visible=everyone), matters)
        if lifecycle.files is not None:
            yield Removal(f"files:{plugin}.{kind}", altered(lifecycle, files=everyone), downloads)
    yield Removal("feed", altered(feed, visible_events=lambda kernel, sight: TRUE), feeds)
    anywhere = lambda book, plugin, now: (("", "\uffff"),)  # noqa: E731
    yield Removal("plugin off: rows", altered(SettingsBook, enabled_ranges=anywhere), reading("ServiceRating", "Wish"))
    yield Removal(
        "plugin off: deeds", altered(SettingsBook, is_enabled=lambda book, plugin, path, now: True), elsewhere
    )
    yield Removal("place closed", altered(work, _check_allowed=reopened), elsewhere)
    good, good_for_ever = viewers._SESSION, viewers._SESSION
    for lock in (
        "a.suspended_at IS NULL",
        "s.revoked_at IS NULL",
        "a.session_version = ?",
    ):  # a suspension turns all three
        good_for_ever = good_for_ever.replace(lock, "TRUE" if "?" not in lock else "? > 0")
    yield Removal("account suspended", altered(viewers, _SESSION=good_for_ever), sessions)
    over = good.replace("ap.until IS NULL", "TRUE")
    yield Removal("appointment over", altered(viewers, _SESSION=over), sessions)


OWN_FILE = ("previewRosterImport",)
"""Deeds whose only object is a file that the actor has uploaded: for others there is nothing to do them with."""


OWN_ROWS = (
    "changeChannel", "confirmChannel", "removeChannel", "followMatter", "unfollowMatter", "markRead", "answerRecall",
)  # fmt: skip
"""Deeds that look for what they name among what is the actor's own: whoever is let in finds nothing there."""

NOT_IN_THE_WORLD = (
    "mask:ElectionCandidate.", "predicate:InterimCommittee", "lifecycle:elections.INTERIM_COMMITTEE", "deed:acceptInterim",
    "deed:addInterimMember", "deed:endInterim", "deed:refuseInterim", "deed:showInterim", "deed:signInterim",
)  # fmt: skip
"""Policies of which this world has nothing to show: no candidate was objected to, and its interim committee lies where all
plugins are off. Who may see and do what with these is asked in tests/acceptance/test_stranger.py and test_elections.py."""


def deeds(world: World) -> dict[str, DeedSpec]:
    """Return the deeds behind the mutations, by their names in the schema."""
    mutations = matrix.superset(world.kernel.host).mutation_type
    assert mutations is not None
    found = {
        name: made.extensions["strawberry-definition"].metadata.get("deed") for name, made in mutations.fields.items()
    }
    return {name: spec for name, spec in sorted(found.items()) if spec is not None}


def _permissions(world: World, specs: dict[str, DeedSpec]) -> Iterator[Removal]:
    everybodys = {code for code, permission in _declared(world).items() if "signed_in" in permission.roles}
    for code in sorted(Profiles(world.kernel.host).permissions()):
        names = [name for name, spec in specs.items() if code in (spec.permission, spec.step and spec.step.permission)]
        if code in everybodys:
            yield Removal(f"permission:{code}", granted(code, allowed=False), losing(*names))
        elif names or code not in BY_COMMAND:
            yield Removal(f"permission:{code}", granted(code, allowed=True), doing(*names, then=every_reading))


BY_COMMAND = ("core.answer_requests",)
"""Permissions of deeds that only the command line does: no role holds them, and no operation asks for them."""


def _declared(world: World) -> dict[str, Any]:
    return {one.code: one for one in (*declarations.PERMISSIONS, *world.kernel.host.permissions.values())}


def _of_type(name: str, declaration: Declaration) -> Iterator[Removal]:
    if declaration.visible is not everyone:
        yield Removal(f"predicate:{name}", altered(declaration, visible=everyone), reading(name))
    for column in declaration.columns.values():
        if column.allowed is not None and (name, column.name) not in WITH:
            also = [
                declaration.columns[other]
                for (owner, other), one in WITH.items()
                if (owner, one) == (name, column.name)
            ]
            gone = unmasked(column, *also)
            yield Removal(f"mask:{' and '.join(f'{name}.{one.name}' for one in (column, *also))}", gone, reading(name))
    for part in declaration.to_many.values():
        if part.where is not None and _of_viewer(part.where):
            yield Removal(f"where:{name}.{part.name}", altered(part, where=None), reading(name))
    if name in POINTERS:
        part_name, sql = POINTERS[name]
        yield Removal(f"pointer:{name}.{part_name}", altered(declaration.to_one[part_name], key=sql), reading(name))


def unmasked(*columns: Column) -> Callable[[Trial], AbstractAsyncContextManager[None]]:
    """Show some columns to everybody who sees the row."""

    @asynccontextmanager
    async def gone(trial: Trial) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for column in columns:
                await stack.enter_async_context(altered(column, allowed=None)(trial))
            yield

    return gone


WITH = {("ServiceRating", "told_satisfied"): "told_answers"}
"""Masks of columns that are shown together or not at all, with the other one."""


def _of_viewer(rule: Rule) -> bool:
    """Say whether a rule is about who looks; others tell what is current, to whoever sees it."""
    somebody = Viewer(person_id=1, grants=(Grant("owner", Reach.MEMBER, frozenset(), 1, "/1/", (1,)),))
    now = datetime(2026, 3, 2, tzinfo=CHINA)
    return rule(Sight(somebody, now)) != rule(Sight(access.ANYONE, now))


POINTERS = {"Wish": ("author", "{m}.author_id")}
"""Pointers that are withheld from some, with what they would be."""


@asynccontextmanager
async def trial(made: Stage) -> AsyncIterator[Trial]:
    """Open the world for removals."""
    async with made.open() as world, answered_by(world, engine=False, rate_limit=0) as asked:
        with rehearsed():
            yield Trial(asked, made.tokens, matrix.read())


async def main(words: Sequence[str]) -> int:
    """Take policies away one by one and tell what came of it."""
    survivors = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = await matrix.stage({"folder": folder, "made": {}}, folder)
        async with trial(made) as ready:
            for removal in list(removals(ready.world)):
                if words and not any(word in removal.name for word in words):
                    continue
                cell = await removal.missed(ready)
                survivors += cell is None
                if cell is None:
                    print(f"NOT MISSED  {removal.name}")
                else:
                    row, actor, value = cell
                    print(f"{removal.name}: {row} of {actor}: {ready.reviewed[row].get(actor)} would be {value}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
