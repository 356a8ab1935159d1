"""Deeds: the one way to write.

*Is the plugin enabled here → may this person do it here → do the gates let it pass → change rows, append to the trace,
queue events: one transaction → after commit, publish.* There is exactly one code path for that: ``perform``.

    @deed(WISH.step("claim_wish"), on=WISH)
    async def claim_wish(act: Act, *, message: str) -> int: ...

A deed's body may await only the database. It raises domain errors; whatever it raises, nothing is left behind.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from core import access, errors, events, hierarchy, idempotency, matters, trace
from core._db.seam import Params, Row, Statement, Tx
from core.clock import to_wire
from core.fields import canonical_json
from core.hierarchy import PLACE_COLUMNS, Place
from core.ids import new_id
from core.kinds import CommunityKind, LinkRelation
from core.labels import LabelledEnum, Source
from core.matters import Lifecycle, Matter, Step
from core.settings import Resolved, Settings, SettingsBook

if TYPE_CHECKING:
    from core.kernel import Kernel

log = logging.getLogger("shanzhi.work")

ATTEMPTS = 3
SETTINGS_COUNTER = "settings"
COUNTER_UP = (
    f"INSERT INTO core_counter (name, value) VALUES ('{SETTINGS_COUNTER}', 1) "
    "ON CONFLICT (name) DO UPDATE SET value = core_counter.value + 1"
)

S = TypeVar("S", bound=Settings)
Body = Callable[..., Awaitable[Any]]
PlaceFinder = Callable[["Act", Mapping[str, Any]], Awaitable[Place]]


@dataclass(frozen=True)
class DeedSpec:
    """A declared deed: its name (``plugin.verb``), where it happens, who may do it, and what it does.

    With ``on`` it is done to an existing matter of that lifecycle, which the caller names by the argument ``id``; with
    ``step`` its legality follows from the lifecycle. Otherwise ``place`` finds the community and ``permission`` decides.
    """

    name: str
    body: Body
    permission: str | None = None
    place: PlaceFinder | None = None
    on: Lifecycle | None = None
    step: Step | None = None
    opens: Lifecycle | None = None
    description: str = ""
    traces_actor: bool = True
    takes_out: bool = False
    secrets: frozenset[str] = frozenset()

    @property
    def plugin(self) -> str:
        """Return the plugin that owns this deed."""
        return self.name.partition(".")[0]

    @property
    def traces_moment(self) -> bool:
        """Say whether its leaf tells the moment, and not only the day."""
        return self.step is None or not self.step.nameless


def deed(
    permission: str | None = None,
    *,
    on: Lifecycle | None = None,
    step: str | None = None,
    opens: Lifecycle | None = None,
    place: PlaceFinder | None = None,
    name: str | None = None,
    traces_actor: bool = True,
    takes_out: bool = False,
    secrets: frozenset[str] = frozenset(),
) -> Callable[[Body], DeedSpec]:
    """Declare a deed.

    Three forms:

    - ``@deed(on=WISH, step="claim_wish")``: a step of a matter; argument ``id`` is the matter's key.
    - ``@deed("wishes.open_wish", opens=WISH)``: makes a matter; argument ``community`` is the place's code.
    - ``@deed("register.import_roster")``: anything else at the place that ``community`` (or ``place=``) names.

    ``takes_out`` says that it hands out data that are kept from sight: it is shown among the security events.
    ``secrets`` names arguments of which nothing may be kept, not even a hash that could be guessed: a retry under the same
    key gets the first answer whatever it says in them.
    """

    def declare(body: Body) -> DeedSpec:
        plugin = (
            body.__module__.split(".")[1] if body.__module__.startswith("plugins.") else body.__module__.split(".")[0]
        )
        verb: str = name or body.__name__
        full = verb if "." in verb else f"{plugin}.{verb}"
        found = on.step(step) if on is not None and step is not None else None
        if found is None and permission is None:
            raise TypeError(f"the deed {full} needs a permission, or a step of a lifecycle")
        return DeedSpec(
            full,
            body,
            permission,
            place,
            on,
            found,
            opens,
            (body.__doc__ or "").strip(),
            traces_actor and not (found is not None and found.nameless),
            takes_out,
            secrets,
        )

    return declare


@dataclass(frozen=True)
class Fresh:
    """The result of a deed, with what its caller would otherwise read back at once.

    ``key`` is the result proper, JSON-able: it alone is kept under an idempotency key, and is what a retry gets.
    ``made`` is kept nowhere; whoever presents the result makes the same answer of either.
    """

    key: Any
    made: Any


@dataclass
class Act:
    """What the body of a deed works with."""

    kernel: Kernel
    tx: Tx
    actor: access.Viewer
    now: datetime
    spec: DeedSpec
    book: SettingsBook
    place: Place = field(init=False)
    matter: Matter = field(init=False)
    _details: dict[str, Any] = field(default_factory=dict)
    changes_settings: bool = field(default=False, init=False)
    _moved: bool = False
    _events: list[dict[str, Any]] = field(default_factory=list)
    _writes: list[Statement] = field(default_factory=list)

    @property
    def person_id(self) -> int:
        """Return who acts; raises Unauthenticated when nobody is signed in."""
        if self.actor.person_id is None:
            raise errors.NOT_SIGNED_IN()
        return self.actor.person_id

    def settings(self, model: type[S], *, plugin: str | None = None, place: Place | None = None) -> S:
        """Return the settings of this deed's plugin in force here and now."""
        return self.resolved(model, plugin=plugin, place=place).values

    def resolved(self, model: type[S], *, plugin: str | None = None, place: Place | None = None) -> Resolved[S]:
        """Return the settings with where each came from; freeze them into what is decided."""
        return self.book.resolve(plugin or self.spec.plugin, model, (place or self.place).path, self.now)

    def enabled(self, plugin: str, place: Place | None = None) -> bool:
        """Say whether a plugin is on here."""
        return self.book.is_enabled(plugin, (place or self.place).path, self.now)

    def can_use(self, plugin: str, place: Place | None = None) -> bool:
        """Say whether a plugin is on here and ready on this server: ask before using one listed under ``after``."""
        return self.enabled(plugin, place) and any(ready.id == plugin for ready in self.kernel.host.ready())

    def require(self, permission: str, place: Place | None = None) -> None:
        """Raise NotAllowed unless the actor holds one more permission here."""
        access.decide(self.actor, permission, place or self.place).enforce()

    def note(self, **details: Any) -> None:
        """Add to this deed's leaf in the trace: ids, codes, numbers, digests; never personal data."""
        self._details.update(details)

    def write(self, sql: str, params: Params) -> None:
        """Queue a plain INSERT or UPDATE that goes with the leaf, last of all in one round trip.

        For rows that nothing in this deed reads, each touched by one such statement only.
        """
        self._writes.append((sql, params))

    def emit(self, type: str, *, matter_id: int | None = None, person_id: int | None = None, **payload: Any) -> None:
        """Queue an event of a declared type; it is written with the deed and delivered after commit."""
        if type not in self.kernel.event_types:
            raise LookupError(f"the event {type} is not declared; add it to the plugin's events()")
        matter = getattr(self, "matter", None)
        self._events.append(
            {"type": type, "matter_id": matter_id or (matter.id if matter else None), "person_id": person_id,
             "payload": payload}
        )  # fmt: skip

    async def open(
        self, lifecycle: Lifecycle, title: str, *, place: Place | None = None, state: LabelledEnum | None = None
    ) -> int:
        """Make a matter by the actor, here, in its initial state unless another is given; returns its key.

        It becomes this deed's matter when the deed is declared to open this kind; else it is made on the side.
        """
        where = place or self.place
        key, at, begins = new_id(), to_wire(self.now), (state or lifecycle.initial).value
        await self.tx.execute(
            "INSERT INTO core_matter (id, community_id, path, plugin, kind, title, state, author_id, created_at, "
            "updated_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            (key, where.id, where.path, lifecycle.plugin, lifecycle.kind, title, begins, self.actor.person_id, at, at),
        )
        if self.spec.opens is lifecycle:
            self.matter = Matter(
                key, where.id, where.path, lifecycle.plugin, lifecycle.kind, title, begins, self.actor.person_id,
                self.now, 1, {},
            )  # fmt: skip
        return key

    async def move(self, lifecycle: Lifecycle, step: str, *, matter: Matter | None = None) -> None:
        """Take a step: check that it is legal, change the state, stop the old clocks, queue the step's event."""
        subject, taken = matter or self.matter, lifecycle.step(step)
        refusal = lifecycle.check(taken, subject)
        if refusal is not None:
            raise refusal
        if subject is getattr(self, "matter", None):
            self._moved = True
        await _change_state(self, lifecycle, taken, subject)

    async def settings_changed(self) -> None:
        """Say that this deed changes settings: whoever keeps them in memory reads them anew after the commit."""
        self.changes_settings = True
        await self.tx.execute(COUNTER_UP)

    async def retitle(self, title: str) -> None:
        """Change the matter's title."""
        self.matter.title = title
        await self.tx.execute(
            "UPDATE core_matter SET title = ?, updated_at = ? WHERE id = ?", (title, to_wire(self.now), self.matter.id)
        )

    async def freeze(self, resolved: Resolved[Any]) -> None:
        """Keep the settings that a decision uses with its matter, with where they came from."""
        self.matter.frozen = resolved.frozen()
        await self.tx.execute(
            "UPDATE core_matter SET frozen = ? WHERE id = ?", (canonical_json(self.matter.frozen), self.matter.id)
        )
        self.note(settings=trace.digest(self.matter.frozen))

    async def start_clock(
        self,
        lifecycle: Lifecycle,
        step: str,
        at: datetime,
        source: Source | str,
        *,
        estimated: bool = False,
        matter_id: int | None = None,
    ) -> None:
        """Store when a timed step of the matter will happen by itself; it is never recomputed later."""
        timed = lifecycle.step(step)
        if not timed.timed or timed.target is None:
            raise TypeError(f"{step} is not a timed step of {lifecycle.kind}")
        await self.tx.execute(
            "INSERT INTO core_deadline (id, matter_id, step, at, to_state, started_at, source, estimated) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                new_id(),
                matter_id or self.matter.id,
                step,
                to_wire(at),
                timed.target.value,
                to_wire(self.now),
                str(source),
                estimated,
            ),
        )

    async def stop_clocks(self, *steps: str) -> None:
        """Drop the matter's pending deadlines: those of the named steps, or all."""
        where = f" AND step IN ({', '.join('?' * len(steps))})" if steps else ""
        await self.tx.execute(f"DELETE FROM core_deadline WHERE matter_id = ?{where}", (self.matter.id, *steps))

    async def link(self, source_id: int, target_id: int, relation: LinkRelation) -> None:
        """Tie two matters together, so that a resident can follow one thread end to end."""
        await self.tx.execute(
            "INSERT INTO core_link (id, source_id, target_id, relation, made_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (source_id, target_id, relation) DO NOTHING",
            (new_id(), source_id, target_id, relation.value, to_wire(self.now)),
        )

    async def load_matter(self, lifecycle: Lifecycle, key: int) -> Matter:
        """Load, lock and settle another matter; raises NotFound."""
        return await load_matter(self, lifecycle, key)

    async def attach(self, attachment_ids: Sequence[int], matter_id: int | None = None) -> list[Row]:
        """Tie uploaded files of the actor to the matter; returns their rows. Raises NotFound for any other file."""
        from core import attachments

        return await attachments.attach(self, attachment_ids, matter_id or self.matter.id)


async def _change_state(act: Act, lifecycle: Lifecycle, step: Step, matter: Matter) -> None:
    before = matter.state
    after = before if step.target is None else step.target.value
    changed = await act.tx.execute(
        "UPDATE core_matter SET state = ?, updated_at = ?, version = version + 1 WHERE id = ? AND version = ?",
        (after, to_wire(act.now), matter.id, matter.version),
    )
    if changed != 1:
        raise errors.BEATEN()
    if step.target is not None:
        await act.tx.execute("DELETE FROM core_deadline WHERE matter_id = ?", (matter.id,))
    matter.version += 1
    matter.state = after
    act.note(**({"before": before, "after": after} if before != after else {}))
    if step.event is not None:
        act.emit(step.event, matter_id=matter.id, state=after)


class MatterDue(Exception):
    """Time has moved a matter that was to be shared: it is settled in a deed of its own, then the deed begins anew."""

    def __init__(self, lifecycle: Lifecycle, key: int) -> None:
        super().__init__(key)
        self.lifecycle = lifecycle
        self.key = key


# A matter with its place and the first moment at which it moves by itself.
_MATTER = (
    f"SELECT {', '.join(f'm.{name}' for name in matters.MATTER_COLUMNS)}, "
    f"{', '.join(f'c.{name} AS place_{name}' for name in PLACE_COLUMNS.split(', '))}, "
    "(SELECT MIN(d.at) FROM core_deadline d WHERE d.matter_id = m.id) AS due "
    "FROM core_matter m JOIN core_community c ON c.id = m.community_id WHERE m.id = ? AND m.kind = ? AND m.plugin = ?"
)


async def load_matter(act: Act, lifecycle: Lifecycle, key: int) -> Matter:
    """Load, lock and settle a matter of a kind; raises NotFound when there is none or the actor may not see it."""
    matter, _ = await _find_matter(act, lifecycle, key)
    return matter


async def _find_matter(act: Act, lifecycle: Lifecycle, key: int, *, shared: bool = False) -> tuple[Matter, Place]:
    """Load, lock and settle a matter, and load its place; a shared one is not settled here, but raises MatterDue."""
    seen = lifecycle.visible(act.kernel.sight(act.actor, act.book, act.now))
    lock = act.tx.for_share if shared else act.tx.for_update
    row = await act.tx.one(
        f"{_MATTER} AND {seen.sql.format(m='m', t='m')}{f'{lock} OF m' if lock else ''}",
        (key, lifecycle.kind, lifecycle.plugin, *seen.params),
    )
    if row is None:
        raise errors.NOT_FOUND(path=("input", "id"), what=f"{lifecycle.type_name} {key}")
    matter, is_due = Matter.of(row), row["due"] is not None and row["due"] <= to_wire(act.now)
    if shared and is_due:
        raise MatterDue(lifecycle, key)
    # Whoever waited for the lock has read the deadlines as they stood before: they are read again. A shared matter needs
    # that not, for no step brings a deadline forward without changing the state, which is read with the lock.
    if is_due or (lock and not shared):
        await settle(act, lifecycle, matter)
    return matter, _place_of(row)


def _place_of(row: Row) -> Place:
    return Place(
        row["place_id"], row["place_code"], CommunityKind(row["place_kind"]), row["place_name"], row["place_parent_id"],
        row["place_path"], row["place_closed_at"],
    )  # fmt: skip


async def settle(act: Act, lifecycle: Lifecycle, matter: Matter) -> bool:
    """Apply the deadlines of a matter that have passed, each with its leaf and its event; says whether there were any."""
    due = await act.tx.fetch(
        "SELECT id, step, at, to_state FROM core_deadline WHERE matter_id = ? AND at <= ? ORDER BY at, id",
        (matter.id, to_wire(act.now)),
    )
    for row in due:
        before, matter.state = matter.state, row["to_state"]
        await act.tx.execute(
            "UPDATE core_matter SET state = ?, updated_at = ?, version = version + 1 WHERE id = ?",
            (matter.state, row["at"], matter.id),
        )
        matter.version += 1
        await act.tx.execute("DELETE FROM core_deadline WHERE id = ?", (row["id"],))
        await trace.append(
            act.tx, at=act.now, deed=f"{matter.plugin}.{row['step']}", community_id=matter.community_id,
            community_code=None, matter_id=matter.id, person_id=None, acting_as="clock",
            details={"before": before, "after": matter.state, "due": row["at"]},
        )  # fmt: skip
        event = lifecycle.step(row["step"]).event
        if event is not None:
            act._events.append(
                {"type": event, "matter_id": matter.id, "person_id": None, "payload": {"state": matter.state}}
            )
    return bool(due)


async def settle_with_events(act: Act, lifecycle: Lifecycle, matter: Matter) -> None:
    """Settle a matter and write the events of the steps that time took."""
    await settle(act, lifecycle, matter)
    await act.tx.together(_events_of(act, matter.community_id, matter.path))


async def perform(
    kernel: Kernel, spec: DeedSpec, viewer: access.Viewer, arguments: Mapping[str, Any], key: str | None = None
) -> Any:
    """Do a deed: all of it in one transaction, or nothing. Returns what its body returns (JSON-able when ``key`` is used).

    Raises a DomainError for anything expected, StorageUnavailable when the database cannot take the write.
    """

    async def work(tx: Tx) -> tuple[Any, bool]:
        return await _in_transaction(kernel, spec, viewer, dict(arguments), key, tx)

    shared = spec.step is not None and spec.step.shared
    for _ in range(ATTEMPTS):
        try:
            result, changes_settings = await kernel.database.run(work, shared=shared)
        except idempotency.Raced:  # the same key was committed meanwhile: its answer is there now
            continue
        except MatterDue as due:
            await _settle_alone(kernel, due)
            continue
        kernel.committed(viewer.person_id, changes_settings=changes_settings)
        return result
    raise errors.BEATEN()


async def _settle_alone(kernel: Kernel, due: MatterDue) -> None:
    """Apply the deadlines of one matter that have passed, in a deed of their own."""
    spec = DeedSpec(f"{due.lifecycle.plugin}.settle", _nothing)

    async def settled(tx: Tx) -> None:
        act = Act(kernel, tx, access.Viewer(system="clock"), kernel.clock.now(), spec, await kernel.settings_book(tx))
        row = await tx.one(f"{_MATTER}{f'{tx.for_update} OF m' if tx.for_update else ''}",
                           (due.key, due.lifecycle.kind, due.lifecycle.plugin))  # fmt: skip
        if row is not None:
            await settle_with_events(act, due.lifecycle, Matter.of(row))

    await kernel.database.run(settled)
    kernel.committed()


async def _nothing(act: Act) -> None:
    """Be the body of a deed that only settles."""


async def _in_transaction(
    kernel: Kernel, spec: DeedSpec, viewer: access.Viewer, arguments: dict[str, Any], key: str | None, tx: Tx
) -> tuple[Any, bool]:
    """Do a deed; returns its result, and whether it changes settings."""
    now = kernel.clock.now()
    version, claim = None, None
    if key is not None:
        told = {name: value for name, value in arguments.items() if name not in spec.secrets}
        claim = idempotency.Claim.of(viewer, spec.name, told, key)
        version, earlier = await idempotency.opening(tx, claim, SETTINGS_COUNTER)
        if earlier is not None:
            return earlier.answer, False
    act = Act(kernel, tx, viewer, now, spec, await kernel.settings_book(tx, version))
    await _locate(act, arguments)
    _check_allowed(act)
    await _pass_gates(act, arguments)
    result = await spec.body(act, **arguments)
    if spec.step is not None and not act._moved:
        await _take_step(act)
    await _record(act, claim, result.key if isinstance(result, Fresh) else result)
    return result, act.changes_settings


async def _locate(act: Act, arguments: dict[str, Any]) -> None:
    """Find where the deed happens, and its matter if it has one."""
    spec = act.spec
    if spec.on is not None:
        shared = spec.step is not None and spec.step.shared
        act.matter, act.place = await _find_matter(act, spec.on, cast(int, arguments.pop("id")), shared=shared)
    elif spec.place is not None:
        act.place = await spec.place(act, arguments)
    else:
        act.place = await hierarchy.place_by_code(act.tx, cast(str, arguments.pop("community")))


def _check_allowed(act: Act) -> None:
    spec = act.spec
    if spec.plugin != "core" and not act.enabled(spec.plugin):
        raise errors.PLUGIN_DISABLED(place=act.place.name, plugin=spec.plugin)
    if spec.plugin != "core" and act.place.closed_at is not None and act.actor.system is None:
        raise errors.PLACE_CLOSED(place=act.place.name)
    if spec.on is not None and spec.step is not None:
        matters.ability(spec.on, spec.step, act.matter, act.actor, act.place).enforce()
    if spec.permission is not None:
        access.decide(act.actor, spec.permission, act.place).enforce()


async def _pass_gates(act: Act, arguments: Mapping[str, Any]) -> None:
    """Ask the gates of the plugins that are on here; one that fails is a refusal, for it could not say yes."""
    for plugin, check in act.kernel.gates_for(act.spec.name):
        if not act.enabled(plugin):
            continue
        try:
            refusal = await check(act, arguments)
        except errors.DomainError as error:
            refusal = error
        except Exception as error:
            log.exception("the gate of plugin %s before %s failed", plugin, act.spec.name)
            raise errors.GATE_FAILED(plugin=plugin, deed=act.spec.name) from error
        if refusal is not None:
            raise refusal


async def _take_step(act: Act) -> None:
    lifecycle, step = cast(Lifecycle, act.spec.on), cast(Step, act.spec.step)
    if step.target is not None:
        await act.move(lifecycle, step.name)
    elif step.event is not None:
        act.emit(step.event, state=act.matter.state)


async def _record(act: Act, claim: idempotency.Claim | None, answer: Any) -> None:
    """Write what the body queued, the deed's leaf, its events, and its answer under its key."""
    matter = getattr(act, "matter", None)
    roles = act.actor.roles_at(act.place)
    leaf = trace.leaf(
        act.tx,
        at=act.now,
        deed=act.spec.name,
        community_id=act.place.id,
        community_code=act.place.code,
        matter_id=matter.id if matter else None,
        person_id=act.actor.person_id if act.spec.traces_actor else None,
        acting_as=act.actor.system or (roles[0] if roles and act.spec.traces_actor else "person"),
        details=act._details,
        tells_moment=act.spec.traces_moment,
    )
    written = [*act._writes, *leaf, *_events_of(act, act.place.id, matter.path if matter else act.place.path)]
    if claim is not None:
        written.append(idempotency.remembering(claim, answer, act.now))
    touched = await act.tx.together(written)
    if claim is not None and touched[-1] != 1:
        raise idempotency.Raced(claim.key)


def _events_of(act: Act, community_id: int, path: str) -> list[Statement]:
    kinds = act.kernel.event_types
    found = [
        statement
        for event in act._events
        for statement in events.written(
            act.tx, kinds[event.pop("type")], at=act.now, community_id=community_id, path=path, **event
        )
    ]
    act._events.clear()
    return found


def fingerprint(*parts: Any) -> str:
    """Hash values by their canonical JSON, for receipts and comparisons; hex."""
    return hashlib.sha256(canonical_json(list(parts)).encode()).hexdigest()
