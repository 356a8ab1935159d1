"""Follow-up work: the outbox delivers events to reactions, due matters are settled, plugins' sweeps run.

Correctness never waits for any of it (time-dependent states are true at read time). Each piece runs on one worker at a
time, by a lease row; every task has an owner, and starts outside of any transaction.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from core import access, accounts, anchors, attachments, erasure, idempotency, ledger, looks, work
from core._db.seam import Tx
from core.clock import to_wire
from core.database import StorageUnavailable
from core.events import Event, Reaction
from core.leases import RENEW_EVERY, Leases
from core.matters import MATTER_COLUMNS, Matter
from core.work import Act, DeedSpec

if TYPE_CHECKING:
    from core.kernel import Kernel
    from core.plugin import Sweep

log = logging.getLogger("shanzhi.background")

SETTLE_EVERY = 5.0
TIDY_EVERY = 3600.0
HEADS_EVERY = 10.0
ANCHORS_EVERY = 15.0
OUTBOX_EVERY = 1.0
BATCH = 100
LOOK = 5_000
"""How many events one read looks through at most, however few of them a reaction wants: reads are short by rule."""
LEAP = 1_000
"""How far a reaction's cursor may fall behind what was looked through before that is written down, too."""


def spawn(coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
    """Start a background task in an empty context: it inherits no transaction, connection or viewer."""
    return asyncio.get_running_loop().create_task(coroutine, name=name, context=contextvars.Context())


class Background:
    """The follow-up work of one process; ``run_once`` does everything that is due and returns."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._leases = Leases(kernel)
        self._looked: dict[str, tuple[int, int]] = {}  # by reaction: its cursor as written, and how far it has looked
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self) -> None:
        """Start the loops."""
        self._tasks = [
            spawn(self._outbox(), "outbox"),
            spawn(self._every(RENEW_EVERY, self._leases.renew), "leases"),
            spawn(self._every(SETTLE_EVERY, self.settle_due), "settle"),
            spawn(self._every(TIDY_EVERY, self.tidy), "tidy"),
            spawn(self._every(HEADS_EVERY, self.keep_heads), "heads"),
            spawn(self._every(ANCHORS_EVERY, self.anchor), "anchors"),
            *(
                spawn(
                    self._every(float(sweep.every_seconds), partial(self._sweep, plugin, sweep)), f"sweep {sweep.name}"
                )
                for plugin, sweep in self._kernel.host.sweeps
            ),
        ]

    async def stop(self) -> None:
        """Stop the loops; a deed under way is finished by its own runner. Other processes may take over at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(StorageUnavailable):
            await self._leases.give_back()

    async def run_once(self) -> None:
        """Settle what is due, sweep, and deliver until no event is left."""
        await self.settle_due()
        for plugin, sweep in self._kernel.host.sweeps:
            await self._sweep(plugin, sweep)
        while await self.deliver():
            pass

    async def tidy(self) -> None:
        """Forget what has served its time: ended sessions, counted guesses, unused uploads, old keys and looks."""
        if await self._leases.take("tidy"):
            await accounts.forget_ended(self._kernel)
            await attachments.forget_unattached(self._kernel)
            await idempotency.forget_old(self._kernel)
            await looks.forget_old(self._kernel)
            await erasure.finish(self._kernel)

    async def keep_heads(self) -> None:
        """Sign a head of the log when it is time for one."""
        if await self._leases.take("heads"):
            await ledger.keep_heads(self._kernel)

    async def anchor(self) -> None:
        """Bring new heads to where the operator cannot change them; what fails is tried again, and stays visible."""
        if anchors.configured(self._kernel.config) and await self._leases.take("anchors"):
            await anchors.anchor(self._kernel)

    async def settle_due(self) -> int:
        """Apply deadlines that have passed, a bounded number of matters per deed; returns how many matters moved."""
        moved = last = await self._kernel.database.run(self._settle_batch)
        while last == BATCH:
            last = await self._kernel.database.run(self._settle_batch)
            moved += last
        if moved:
            self._kernel.committed()
        return moved

    async def _settle_batch(self, tx: Tx) -> int:
        now = self._kernel.clock.now()
        columns = ", ".join(f"m.{name}" for name in MATTER_COLUMNS)
        rows = await tx.fetch(
            f"SELECT {columns} FROM core_matter m WHERE m.id IN "
            f"(SELECT matter_id FROM core_deadline WHERE at <= ? ORDER BY at LIMIT {BATCH}){tx.for_update}",
            (to_wire(now),),
        )
        for row in rows:
            await self._settle_one(tx, Matter.of(row))
        return len(rows)

    async def _settle_one(self, tx: Tx, matter: Matter) -> None:
        lifecycle = self._kernel.host.lifecycle(matter.plugin, matter.kind)
        if lifecycle is None:  # the plugin is not loaded: drop nothing, but do not come back for it every time
            await tx.execute("UPDATE core_deadline SET at = '9' || substr(at, 2) WHERE matter_id = ?", (matter.id,))
            return
        actor = access.Viewer(system="clock")
        spec = DeedSpec(f"{matter.plugin}.settle", _nothing)
        act = Act(self._kernel, tx, actor, self._kernel.clock.now(), spec, await self._kernel.settings_book(tx))
        await work.settle_with_events(act, lifecycle, matter)

    async def _outbox(self) -> None:
        async for _ in self._kernel.feed.rings(OUTBOX_EVERY):
            try:
                while await self.deliver():
                    pass
            except Exception:
                log.exception("the outbox will try again")

    async def deliver(self) -> bool:
        """Deliver the next events to every reaction; says whether there may be more."""
        if not self._kernel.host.reactions or not await self._leases.take("outbox"):
            return False
        database = self._kernel.database
        newest = int(await database.value("SELECT COALESCE(MAX(seq), 0) FROM core_event"))
        cursors = {
            row["name"]: row["seq"] for row in await database.fetch("SELECT name, seq FROM core_reaction_cursor")
        }
        more = False
        for plugin, reaction in self._kernel.host.reactions:
            cursor = cursors.get(f"{plugin}.{reaction.name}", 0)
            more |= await self._deliver_to(plugin, reaction, cursor, newest)
        return more

    async def _deliver_to(self, plugin: str, reaction: Reaction, cursor: int, newest: int) -> bool:
        """Look through the next events for those of a reaction; nothing is looked through twice while all goes well."""
        name, database = f"{plugin}.{reaction.name}", self._kernel.database
        written, looked = self._looked.get(name, (cursor, cursor))
        begin = looked if written == cursor else cursor  # another process had the lease meanwhile
        if begin >= newest:
            return False
        end = min(begin + LOOK, newest)
        rows = await database.fetch(
            f"SELECT * FROM core_event WHERE seq > ? AND seq <= ? AND type = ? ORDER BY seq LIMIT {BATCH}",
            (begin, end, reaction.event),
        )
        book = await self._kernel.settings_book()
        for event in map(Event.of, rows):
            problem = None
            if book.is_enabled(plugin, event.path, event.at):
                problem = await self._kernel.host.call_bounded(
                    plugin, reaction.run(self._kernel, event), name=reaction.name
                )
            if problem is not None:
                await database.run(partial(_note_failure, name=name, problem=str(problem)))
                return False
            await database.run(partial(_advance, name=name, seq=event.seq))
            cursor = event.seq
        if len(rows) == BATCH:
            end = cursor
        if end > cursor + LEAP:
            await database.run(partial(_advance, name=name, seq=end))
            cursor = end
        self._looked[name] = (cursor, end)
        return bool(rows) or end < newest

    async def _sweep(self, plugin: str, sweep: Sweep) -> None:
        if await self._leases.take(f"{plugin}.{sweep.name}"):
            await self._kernel.host.call_bounded(plugin, sweep.run(self._kernel), seconds=60.0, name=sweep.name)

    async def _every(self, seconds: float, run: Callable[[], Awaitable[Any]]) -> None:
        while True:
            try:
                await run()
            except Exception:
                log.exception("follow-up work failed; it is tried again in %s s", seconds)
            await asyncio.sleep(seconds)


async def _nothing(act: Act) -> None:
    """Be the body of a deed that only settles."""


async def _advance(tx: Tx, name: str, seq: int) -> None:
    await tx.execute(
        "INSERT INTO core_reaction_cursor (name, seq, failures, last_error) VALUES (?, ?, 0, '') "
        "ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, failures = 0, last_error = ''",
        (name, seq),
    )


async def _note_failure(tx: Tx, name: str, problem: str) -> None:
    await tx.execute(
        "INSERT INTO core_reaction_cursor (name, seq, failures, last_error) VALUES (?, 0, 1, ?) "
        "ON CONFLICT (name) DO UPDATE SET failures = core_reaction_cursor.failures + 1, last_error = excluded.last_error",
        (name, problem[:300]),
    )
