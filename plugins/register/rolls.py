"""Voter rolls: built from the register as it stood on the record date, published, objected to, corrected, confirmed.

What is on a roll is fixed by the record date: transfers after it change nothing. A correction rebuilds the roll from the
corrected register, as of the same date; what changed is struck out and added, never overwritten.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.calendar import DayKind, due
from core.clock import from_wire, to_wire
from core.fields import canonical_json
from core.hierarchy import Place, place_by_code, subtree_range
from core.ids import new_id
from core.kinds import CommunityKind
from core.matters import Matter
from core.plugin import Act, check_text, deed
from plugins.register import places, rules
from plugins.register.kinds import OwnerKind, RollObjectionState, RollState, UnitUse
from plugins.register.lifecycle import ROLL
from plugins.register.problems import (
    AREA_MISSING,
    MANY_OBJECTIONS,
    NOTHING_CORRECTED,
    OBJECTION_ANSWERED,
    OBJECTION_UNKNOWN,
    RECORD_DATE_AHEAD,
    ROLL_EMPTY,
    SCOPE_WRONG,
)  # fmt: skip
from plugins.register.rules import AreaSource, HeadsKey, OwnedUnit, UnitKind
from plugins.register.settings import OBJECTION_SOURCE, RegisterSettings
from plugins.register.voters import designate

MOST_OPEN_OBJECTIONS = 5
UNKNOWN_DEVELOPER = 0
_SEPARATOR = "、"


# --- building ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Terms:
    """What a roll is built by."""

    record_date: date
    scope: tuple[Place, ...]
    heads_key: HeadsKey
    include_parking: bool


@dataclass(frozen=True)
class _UnitFacts:
    """A unit as people name it and as it counts."""

    id: int
    label: str
    building: str
    sort_key: str
    area_centi: int
    area_source: AreaSource


@dataclass(frozen=True)
class Entry:
    """One head of a roll as it is published."""

    key: str
    units: tuple[_UnitFacts, ...]
    owners: tuple[tuple[int, int | None], ...]  # each with the person who acts for it, where one is known
    owners_masked: str
    area_centi: int
    heads: int
    is_developer_stock: bool

    @property
    def units_text(self) -> str:
        """Name the units."""
        return _SEPARATOR.join(unit.label for unit in self.units)

    @property
    def buildings(self) -> str:
        """Name the buildings, each once."""
        return _SEPARATOR.join(dict.fromkeys(unit.building for unit in self.units if unit.building))

    @property
    def line(self) -> list[Any]:
        """Return what is published of this entry, which the roll's hash covers."""
        return [self.units_text, self.owners_masked, self.area_centi, self.heads, self.is_developer_stock]


_UNITS = (
    "SELECT u.id, u.label, u.sort_key, u.use, u.area_centi, u.area_source, u.delivered, u.delivered_on, u.developer_id, "
    "c.kind AS node_kind, c.name AS node_name, p.name AS above_name FROM register_unit u "
    "JOIN core_community c ON c.id = u.community_id LEFT JOIN core_community p ON p.id = c.parent_id "
    "WHERE c.path >= ? AND c.path < ? AND (u.retired_on IS NULL OR u.retired_on > ?)"
)
_OWNERS = (
    "SELECT unit_id, owner_id FROM register_ownership WHERE community_id = ? "
    "AND (since IS NULL OR since <= ?) AND (until IS NULL OR until > ?)"
)


async def _build(act: Act, compound: Place, terms: Terms) -> list[Entry]:
    """Build the entries of a roll; raises ROLL_EMPTY, AREA_MISSING."""
    day = terms.record_date.isoformat()
    units: dict[int, Any] = {}
    owners: dict[int, set[int]] = defaultdict(set)
    for place in terms.scope:
        low, high = subtree_range(place.path)
        units.update((row["id"], row) for row in await act.tx.fetch(_UNITS, (low, high, day)))
    for row in await act.tx.fetch(_OWNERS, (compound.id, day, day)):
        owners[row["unit_id"]].add(row["owner_id"])
    people = await _people(act, compound)
    _check_areas(units.values(), terms)
    developers = [key for key, row in people.items() if row["kind"] == OwnerKind.DEVELOPER]
    sole = developers[0] if len(developers) == 1 else UNKNOWN_DEVELOPER
    counted = [_counted(row, frozenset(owners[key]), people, sole, day) for key, row in units.items()]
    facts = {key: _facts(row) for key, row in units.items() if row["area_source"]}
    built = rules.build_roll(counted, terms.heads_key, terms.include_parking)
    if not built:
        raise ROLL_EMPTY()
    entries = [_entry(entry, facts, people) for entry in built]
    return sorted(entries, key=lambda entry: (entry.units[0].sort_key, entry.units[0].id))


async def _people(act: Act, compound: Place) -> dict[int, Any]:
    rows = await act.tx.fetch(
        "SELECT id, kind, name_masked, person_id, representative_id FROM register_owner WHERE community_id = ?",
        (compound.id,),
    )
    return {row["id"]: row for row in rows}


def _check_areas(units: Iterable[Any], terms: Terms) -> None:
    kinds = {UnitKind.EXCLUSIVE, UnitKind.PARKING} if terms.include_parking else {UnitKind.EXCLUSIVE}
    missing = [row for row in units if UnitUse(row["use"]).counting in kinds and not row["area_source"]]
    if missing:
        labels = _SEPARATOR.join(_label(row) for row in missing[:10])
        raise AREA_MISSING(count=len(missing), labels=labels)


def _counted(row: Any, owners: frozenset[int], people: Mapping[int, Any], sole: int, day: str) -> OwnedUnit:
    """Return a unit as the rules count it: unsold, or not handed over on the record date, it is the developer's stock."""
    only = next(iter(owners)) if len(owners) == 1 else None
    handed_over = row["delivered"] and (row["delivered_on"] is None or row["delivered_on"] <= day)
    stock_of = None
    if only is not None and people[only]["kind"] == OwnerKind.DEVELOPER:
        stock_of = only
    elif not handed_over:
        stock_of = row["developer_id"] or sole
    return OwnedUnit(row["id"], row["area_centi"], owners, UnitUse(row["use"]).counting, stock_of)


def _facts(row: Any) -> _UnitFacts:
    return _UnitFacts(
        row["id"], _label(row), _building(row), row["sort_key"], row["area_centi"], AreaSource(row["area_source"])
    )


def _building(row: Any) -> str:
    kind = row["node_kind"]
    name = row["above_name"] if kind == CommunityKind.STAIRWELL else row["node_name"]
    return "" if kind == CommunityKind.COMPOUND else str(name)


def _label(row: Any) -> str:
    stairwell = row["node_name"] if row["node_kind"] == CommunityKind.STAIRWELL else ""
    return f"{_building(row)}{stairwell}{row['label']}"


def _entry(entry: rules.RollEntry, facts: Mapping[int, _UnitFacts], people: Mapping[int, Any]) -> Entry:
    units = sorted((facts[key] for key in entry.unit_ids), key=lambda unit: (unit.sort_key, unit.id))
    owners = tuple((key, _acting(people[key])) for key in entry.owner_ids if key in people)
    masked = _SEPARATOR.join(people[key]["name_masked"] for key, _ in owners)
    return Entry(
        _short(entry.key), tuple(units), owners, masked, entry.area_centi, entry.heads, entry.is_developer_stock
    )


def _acting(owner: Any) -> int | None:
    found: int | None = owner["person_id"] if owner["kind"] == OwnerKind.PERSON else owner["representative_id"]
    return found


def _short(key: str) -> str:
    return key if len(key) <= 64 else hashlib.sha256(key.encode()).hexdigest()


def hash_of(terms: Terms, lines: Sequence[Sequence[Any]]) -> str:
    """Return the hash of a roll: SHA-256 over the canonical JSON of its terms and of its published lines, in their order.

    Whoever has the published roll can work it out again: each line is ``[number, units, masked owners, area in
    hundredths, heads, developer's stock]``.
    """
    published = [
        terms.record_date.isoformat(), [place.code for place in terms.scope], terms.heads_key.value,
        terms.include_parking, list(lines),
    ]  # fmt: skip
    return hashlib.sha256(canonical_json(published).encode()).hexdigest()


# --- writing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """What a roll amounts to after it was written, and how much of it changed."""

    area_centi: int
    heads: int
    hash: str
    struck: int = 0
    added: int = 0


async def make(act: Act, compound: Place, terms: Terms, title: str) -> int:
    """Make a draft roll of a compound from within a deed; returns its key."""
    if terms.record_date > act.now.date():
        raise RECORD_DATE_AHEAD(path=("input", "recordDate"), day=terms.record_date)
    for place in terms.scope:
        if not place.path.startswith(compound.path):
            raise SCOPE_WRONG(path=("input", "scope"), code=place.code, place=compound.name)
    entries = await _build(act, compound, terms)
    key = await act.open(ROLL, title, place=compound)
    scope = [{"id": str(place.id), "code": place.code, "name": place.name} for place in terms.scope]
    await act.tx.execute(
        "INSERT INTO register_roll (matter_id, record_date, scope, include_parking, heads_key, area_centi, heads, hash) "
        "VALUES (?, ?, ?, ?, ?, 0, 0, '')",
        (key, terms.record_date.isoformat(), canonical_json(scope), terms.include_parking, terms.heads_key.value),
    )
    await act.tx.execute("UPDATE core_matter SET frozen = ? WHERE id = ?", (_frozen(act, compound, terms), key))
    written = await _write(act, key, terms, entries)
    act.note(roll=str(key), roll_hash=written.hash, area_centi=written.area_centi, heads=written.heads)
    return key


def _frozen(act: Act, compound: Place, terms: Terms) -> str:
    """Return the settings in force with what this roll really uses of them."""
    frozen = act.resolved(RegisterSettings, plugin="register", place=compound).frozen()
    for name, value in (("heads_key", terms.heads_key.value), ("include_parking", terms.include_parking)):
        frozen[name] = {**frozen[name], "value": value}
    return canonical_json(frozen)


async def _write(act: Act, roll: int, terms: Terms, entries: Sequence[Entry]) -> Written:
    """Bring the entries of a roll to what was built: those that are as before stay, others are struck out and added."""
    present = await act.tx.fetch(
        "SELECT id, number, head_key, units_text, owners_masked, area_centi, heads, is_developer_stock, "
        "(SELECT COUNT(*) FROM register_roll_unit x WHERE x.entry_id = e.id) AS units "
        "FROM register_roll_entry e WHERE roll_id = ? AND struck_at IS NULL ORDER BY number",
        (roll,),
    )
    kept = {_identity(row): row for row in present}
    last = await act.tx.value("SELECT MAX(number) FROM register_roll_entry WHERE roll_id = ?", (roll,)) or 0
    wanted = {(entry.key, *entry.line): entry for entry in entries}
    added = [entry for identity, entry in wanted.items() if identity not in kept]
    struck = [row for identity, row in kept.items() if identity not in wanted]
    await act.tx.execute_many(
        "UPDATE register_roll_entry SET struck_at = ? WHERE id = ?", [(to_wire(act.now), row["id"]) for row in struck]
    )
    numbered = list(enumerate(added, last + 1))
    await _insert(act, roll, numbered)
    lines = [(row["number"], *identity[1:]) for identity, row in kept.items() if identity in wanted]
    lines += [(number, *entry.line) for number, entry in numbered]
    area, heads = sum(entry.area_centi for entry in entries), sum(entry.heads for entry in entries)
    written = Written(area, heads, hash_of(terms, sorted(lines)), len(struck), len(added))
    await act.tx.execute(
        "UPDATE register_roll SET area_centi = ?, heads = ?, hash = ? WHERE matter_id = ?",
        (area, heads, written.hash, roll),
    )
    return written


def _identity(row: Any) -> tuple[Any, ...]:
    return (
        row["head_key"], row["units_text"], row["owners_masked"], row["area_centi"], row["heads"],
        bool(row["is_developer_stock"]),
    )  # fmt: skip


async def _insert(act: Act, roll: int, numbered: Sequence[tuple[int, Entry]]) -> None:
    keys = {number: new_id() for number, _ in numbered}
    await act.tx.execute_many(
        "INSERT INTO register_roll_entry (id, roll_id, number, head_key, owner_id, units_text, owners_masked, buildings, "
        "area_centi, heads, is_developer_stock) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (keys[number], roll, number, entry.key, entry.owners[0][0] if entry.owners else None, entry.units_text,
             entry.owners_masked, entry.buildings, entry.area_centi, entry.heads, entry.is_developer_stock)
            for number, entry in numbered
        ],
    )  # fmt: skip
    await act.tx.execute_many(
        "INSERT INTO register_roll_unit (id, entry_id, unit_id, area_centi, area_source) VALUES (?, ?, ?, ?, ?)",
        [
            (new_id(), keys[number], unit.id, unit.area_centi, unit.area_source.value)
            for number, entry in numbered
            for unit in entry.units
        ],
    )
    await act.tx.execute_many(
        "INSERT INTO register_roll_voter (id, roll_id, entry_id, owner_id, person_id, may_vote) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (new_id(), roll, keys[number], owner, person, True)
            for number, entry in numbered
            for owner, person in entry.owners
        ],
    )
    await _designate(act, [keys[number] for number, entry in numbered if len(entry.owners) > 1])


async def _designate(act: Act, shared: Sequence[int]) -> None:
    """Let designated representatives vote for the entries of co-owners."""
    for start in range(0, len(shared), 500):
        part = shared[start : start + 500]
        marks = ", ".join("?" * len(part))
        rows = await act.tx.fetch(
            "SELECT DISTINCT x.entry_id FROM register_roll_unit x JOIN register_unit u ON u.id = x.unit_id "
            f"WHERE u.representative_id IS NOT NULL AND x.entry_id IN ({marks})",
            part,
        )
        for row in rows:
            await designate(act, row["entry_id"])


async def terms_of(act: Act, roll: int) -> Terms:
    """Return what a roll was built by; its places as they are now."""
    [row] = await act.tx.fetch(
        "SELECT record_date, scope, include_parking, heads_key FROM register_roll WHERE matter_id = ?", (roll,)
    )
    scope = [await place_by_code(act.tx, place["code"]) for place in json.loads(row["scope"])]
    return Terms(
        date.fromisoformat(row["record_date"]), tuple(scope), HeadsKey(row["heads_key"]), bool(row["include_parking"])
    )


# --- deeds ------------------------------------------------------------------------------------------------------------


@deed("register.manage_rolls", opens=ROLL)
async def prepare_roll(
    act: Act,
    *,
    record_date: date | None = None,
    scope: Sequence[str] | None = None,
    include_parking: bool | None = None,
    title: str | None = None,
) -> int:
    """Build a draft roll of a compound, or of some of its buildings and stairwells, as of a record date (today)."""
    compound = await places.compound_of(act, act.place)
    values = act.settings(RegisterSettings)
    wanted = await scope_places(act, scope or [act.place.code])
    parking = values.include_parking if include_parking is None else include_parking
    terms = Terms(record_date or act.now.date(), wanted, values.heads_key, parking)
    name = check_text(title, "title") if title else default_title(terms)
    return await make(act, compound, terms, name)


async def scope_places(act: Act, codes: Sequence[str]) -> tuple[Place, ...]:
    """Return the places of a scope in order of their paths; what lies within another is left out, it counts once."""
    found = sorted([await place_by_code(act.tx, code) for code in dict.fromkeys(codes)], key=lambda place: place.path)
    return outermost(found)


def outermost(found: Sequence[Place]) -> tuple[Place, ...]:
    """Leave out places that lie within another of them."""
    kept: list[Place] = []
    for place in sorted(found, key=lambda one: one.path):
        if not kept or not place.path.startswith(kept[-1].path):
            kept.append(place)
    return tuple(kept)


def default_title(terms: Terms) -> str:
    """Name a roll after its scope and record date."""
    names = _SEPARATOR.join(place.name for place in terms.scope[:3])
    more = "等" if len(terms.scope) > 3 else ""
    return f"{names}{more}表决名册（基准日 {terms.record_date.isoformat()}）"


_FORGET = (
    "DELETE FROM register_roll_unit WHERE entry_id IN (SELECT id FROM register_roll_entry WHERE roll_id = ?)",
    "DELETE FROM register_roll_voter WHERE roll_id = ?",
    "DELETE FROM register_roll_entry WHERE roll_id = ?",
)


@deed(on=ROLL, step="rebuild_roll")
async def rebuild_roll(act: Act) -> int:
    """Build a draft roll anew from the register as it is now, as of the same record date."""
    for statement in _FORGET:  # a draft was shown to nobody: nothing of it has to be struck out
        await act.tx.execute(statement, (act.matter.id,))
    await _rebuild(act, act.matter)
    return act.matter.id


async def _rebuild(act: Act, matter: Matter) -> Written:
    terms = await terms_of(act, matter.id)
    compound = await places.compound_of(act, act.place)
    before = await act.tx.value("SELECT hash FROM register_roll WHERE matter_id = ?", (matter.id,))
    written = await _write(act, matter.id, terms, await _build(act, compound, terms))
    act.note(
        roll=str(matter.id), hash_before=before, roll_hash=written.hash, struck=written.struck, added=written.added
    )
    return written


@deed(on=ROLL, step="publish_roll")
async def publish_roll(act: Act) -> int:
    """Publish a roll: owners may object until the window closes; without open objections it is then confirmed."""
    await publish(act, act.matter)
    return act.matter.id


async def publish(act: Act, matter: Matter) -> None:
    """Take a draft roll into its objection window from within a deed."""
    days = int(matter.frozen["objection_days"]["value"])
    ends = due(act.now, days, DayKind.CALENDAR_DAY, act.kernel.calendar)
    await act.move(ROLL, "publish_roll", matter=matter)
    await act.start_clock(
        ROLL, "confirm_roll", ends.at, OBJECTION_SOURCE, estimated=ends.estimated, matter_id=matter.id
    )
    await act.tx.execute(
        "UPDATE register_roll SET published_at = ?, objections_until = ? WHERE matter_id = ?",
        (to_wire(act.now), to_wire(ends.at), matter.id),
    )
    [row] = await act.tx.fetch("SELECT hash, area_centi, heads FROM register_roll WHERE matter_id = ?", (matter.id,))
    act.note(roll=str(matter.id), roll_hash=row["hash"], area_centi=row["area_centi"], heads=row["heads"])


@deed(on=ROLL, step="object_to_roll")
async def object_to_roll(act: Act, *, text: str) -> int:
    """Object to a published roll: somebody is missing, an owner or an area is wrong. Every objection is answered."""
    waiting = await act.tx.value(
        "SELECT COUNT(*) FROM register_roll_objection WHERE roll_id = ? AND person_id = ? AND state = 'OPEN'",
        (act.matter.id, act.person_id),
    )
    if waiting >= MOST_OPEN_OBJECTIONS:
        raise MANY_OBJECTIONS(most=MOST_OPEN_OBJECTIONS, retry_after=86_400)
    key = new_id()
    await act.tx.execute(
        "INSERT INTO register_roll_objection (id, roll_id, person_id, text, state, made_at, answer) "
        "VALUES (?, ?, ?, ?, 'OPEN', ?, '')",
        (key, act.matter.id, act.person_id, check_text(text, "text", most=2_000), to_wire(act.now)),
    )
    await _turn_clock(act, "confirm_roll", "hold_roll")
    act.note(objection=str(key))
    return key


async def _turn_clock(act: Act, stopped: str, started: str) -> None:
    """Let the end of the window lead elsewhere: to confirmation, or to the answers that are still due."""
    if await act.tx.one("SELECT id FROM core_deadline WHERE matter_id = ? AND step = ?", (act.matter.id, started)):
        return
    [row] = await act.tx.fetch(
        "SELECT at, estimated FROM core_deadline WHERE matter_id = ? AND step = ?", (act.matter.id, stopped)
    )
    await act.stop_clocks(stopped)
    await act.start_clock(ROLL, started, from_wire(row["at"]), OBJECTION_SOURCE, estimated=bool(row["estimated"]))


@deed(on=ROLL, step="answer_roll_objection")
async def answer_roll_objection(act: Act, *, objection: int, upheld: bool, answer: str) -> int:
    """Answer an objection. To uphold it, correct the register first: the roll is then rebuilt from it.

    With the last answer after the window the roll is confirmed.
    """
    row = await act.tx.one(
        f"SELECT * FROM register_roll_objection WHERE id = ? AND roll_id = ?{act.tx.for_update}",
        (objection, act.matter.id),
    )
    if row is None:
        raise OBJECTION_UNKNOWN(path=("input", "objection"))
    if row["state"] != RollObjectionState.OPEN:
        raise OBJECTION_ANSWERED(path=("input", "objection"))
    state = RollObjectionState.UPHELD if upheld else RollObjectionState.REJECTED
    await act.tx.execute(
        "UPDATE register_roll_objection SET state = ?, answer = ?, answered_at = ? WHERE id = ?",
        (state.value, check_text(answer, "answer", most=2_000), to_wire(act.now), objection),
    )
    if upheld and not await _correct(act, answer, objection) and not await _corrected_since(act, row["made_at"]):
        raise NOTHING_CORRECTED()
    act.note(objection=str(objection), answered=state.value)
    await _conclude(act)
    return act.matter.id


async def _corrected_since(act: Act, moment: str) -> bool:
    found = await act.tx.one(
        "SELECT id FROM register_roll_correction WHERE roll_id = ? AND made_at >= ?", (act.matter.id, moment)
    )
    return found is not None


async def _conclude(act: Act) -> None:
    """See what the last answer leads to: confirmation, at once or when the window closes."""
    if await act.tx.one(
        "SELECT id FROM register_roll_objection WHERE roll_id = ? AND state = 'OPEN' LIMIT 1", (act.matter.id,)
    ):
        return
    if act.matter.state == RollState.PUBLISHED:
        await _turn_clock(act, "hold_roll", "confirm_roll")
        return
    act.emit("register.roll_objection_answered", state=act.matter.state)  # the move below takes the place of the step's
    await act.move(ROLL, "conclude_roll")


@deed(on=ROLL, step="correct_roll")
async def correct_roll(act: Act, *, reason: str) -> int:
    """Rebuild a published roll from the corrected register, as of its record date; the correction is logged."""
    if not await _correct(act, check_text(reason, "reason", most=300), None):
        raise NOTHING_CORRECTED()
    return act.matter.id


async def _correct(act: Act, reason: str, objection: int | None) -> bool:
    """Rebuild the roll and log the difference; says whether there was any."""
    [before] = await act.tx.fetch("SELECT * FROM register_roll WHERE matter_id = ?", (act.matter.id,))
    after = await _rebuild(act, act.matter)
    if not after.struck and not after.added:
        return False
    await act.tx.execute(
        "INSERT INTO register_roll_correction (id, roll_id, objection_id, made_at, reason, entries_struck, entries_added, "
        "hash_before, hash_after, area_before_centi, area_after_centi, heads_before, heads_after) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (new_id(), act.matter.id, objection, to_wire(act.now), reason.strip()[:300], after.struck, after.added,
         before["hash"], after.hash, before["area_centi"], after.area_centi, before["heads"], after.heads),
    )  # fmt: skip
    if objection is not None:
        act.emit("register.roll_corrected", state=act.matter.state)
    return True


@deed(on=ROLL, step="withdraw_roll")
async def withdraw_roll(act: Act, *, reason: str) -> int:
    """Give up a roll that is not confirmed yet."""
    await act.tx.execute(
        "UPDATE register_roll SET withdrawal_reason = ? WHERE matter_id = ?",
        (check_text(reason, "reason", most=300), act.matter.id),
    )
    return act.matter.id


DEEDS = (
    prepare_roll, rebuild_roll, publish_roll, object_to_roll, answer_roll_objection, correct_roll, withdraw_roll,
)  # fmt: skip
