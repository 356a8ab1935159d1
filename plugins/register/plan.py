"""From the lines of a roster and the register as it stands to a plan: what would be added and changed, and what conflicts.

Preview and apply run this same function over the same lines; applying is refused when it gives another plan than the one
that was previewed. Plain functions: nothing is read or written here.

Who is the same owner:

1. by document number (identity number, credit code), which must go with the same name;
2. a company, developer or property-right unit by its name, which the trade register keeps unique;
3. a person without a document by name and telephone number together, or by name alone within the same unit.

Two persons who share only a name stay two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from plugins.register import words
from plugins.register.kinds import ImportRowState, OwnerKind, OwnershipBasis, UnitStatus, UnitUse
from plugins.register.roster import Line, OwnerFacts, UnitFacts
from plugins.register.rules import AreaSource, choose_area
from plugins.register.words import Column

Indexes = Callable[[str, str], Sequence[str]]
"""The blind indexes of a value of a kind (``phone``, ``document``), the current one first."""

Key = int | str
"""An owner: its key in the register, or a name of our own for one that would be added."""


@dataclass(frozen=True)
class KnownOwner:
    """An owner as the register has it."""

    id: int
    kind: OwnerKind
    name: str
    phone_index: str | None = None
    document_index: str | None = None


@dataclass(frozen=True)
class KnownShare:
    """A present ownership as the register has it."""

    id: int
    owner_id: int
    numerator: int
    denominator: int
    is_joint: bool
    since: date | None
    basis: OwnershipBasis


@dataclass(frozen=True)
class KnownUnit:
    """A unit as the register has it; ``key`` is building, stairwell and room, however they are spelt."""

    id: int
    key: tuple[str, str, str]
    use: UnitUse
    areas: tuple[tuple[AreaSource, int], ...]
    delivered: bool
    delivered_on: date | None
    developer_id: int | None
    status: UnitStatus
    shares: tuple[KnownShare, ...] = ()


@dataclass(frozen=True)
class Known:
    """The register of one compound, as far as a roster can touch it."""

    units: Sequence[KnownUnit] = ()
    owners: Sequence[KnownOwner] = ()


@dataclass(frozen=True)
class NewOwner:
    """An owner that would be added."""

    key: str
    kind: OwnerKind
    name: str
    document: str | None
    phone: str | None


@dataclass(frozen=True)
class OwnerChange:
    """What would change of an owner: a document filled in, a telephone number, the kind; ``before`` is what was seen."""

    owner: int
    before: KnownOwner
    document: str | None = None
    phone: str | None = None
    kind: OwnerKind | None = None


@dataclass(frozen=True)
class Share:
    """An ownership that would be recorded."""

    owner: Key
    numerator: int
    denominator: int
    is_joint: bool
    since: date | None
    basis: OwnershipBasis


@dataclass(frozen=True)
class UnitFields:
    """The facts of a unit as they would stand."""

    use: UnitUse
    areas: tuple[tuple[AreaSource, int], ...]
    delivered: bool
    delivered_on: date | None
    developer: Key | None


@dataclass(frozen=True)
class NewUnit:
    """A unit that would be added, in a building and a stairwell that would be added where they are missing."""

    building: str
    stairwell: str
    label: str
    fields: UnitFields
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class UnitChange:
    """What would change of a unit: its facts, and its owners.

    ``transfer`` closes the present ownerships on the day that the new ones begin; ``corrections`` change rows in place.
    ``before`` is what was seen: a plan to change something else is another plan.
    """

    before: KnownUnit
    fields: UnitFields | None = None
    transfer: tuple[Share, ...] = ()
    corrections: tuple[tuple[int, Share], ...] = ()

    @property
    def unit(self) -> int:
        """Return the unit's key."""
        return self.before.id


@dataclass
class Plan:
    """What an import would do."""

    new_owners: list[NewOwner] = field(default_factory=list)
    owner_changes: list[OwnerChange] = field(default_factory=list)
    new_units: list[NewUnit] = field(default_factory=list)
    unit_changes: list[UnitChange] = field(default_factory=list)
    states: dict[int, ImportRowState] = field(default_factory=dict)
    absent: int = 0

    def count(self, state: ImportRowState) -> int:
        """Return how many lines are in a state."""
        return sum(found is state for found in self.states.values())

    def canonical(self) -> list[Any]:
        """Return the plan as JSON: equal plans give equal values, and any difference shows."""
        return [
            [_json(part) for part in group]
            for group in (self.new_owners, self.owner_changes, self.new_units, self.unit_changes)
        ] + [sorted((number, state.value) for number, state in self.states.items())]


def _json(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_json(part) for part in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _json(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def make_plan(units: Iterable[UnitFacts], known: Known, indexes: Indexes) -> Plan:
    """Compare a roster with the register. Messages of conflicts are added to the lines."""
    return _Planner(known, indexes).plan(list(units))


@dataclass
class _Person:
    """An owner under comparison: of the register, or of this plan."""

    key: Key
    kind: OwnerKind
    name: str
    phone_index: str | None
    document_index: str | None


class _Owners:
    """Who is the same owner as whom; what is found out about new owners is entered only once their unit is accepted."""

    def __init__(self, known: Iterable[KnownOwner], indexes: Indexes) -> None:
        self._indexes = indexes
        self._by_document: dict[str, _Person] = {}
        self._by_phone: dict[tuple[str, str], _Person] = {}
        self._by_name: dict[tuple[str, str], _Person] = {}
        self.by_key: dict[Key, _Person] = {}
        self._developers: dict[Key, _Person] = {}
        for owner in known:
            self.enter(_Person(owner.id, owner.kind, owner.name, owner.phone_index, owner.document_index))

    def enter(self, person: _Person) -> None:
        """Make an owner findable; the first of several that look alike stays."""
        self.by_key.setdefault(person.key, person)
        if person.document_index is not None:
            self._by_document.setdefault(person.document_index, person)
        if person.phone_index is not None:
            self._by_phone.setdefault((words.squeeze(person.name), person.phone_index), person)
        if person.kind is OwnerKind.DEVELOPER:
            self._developers.setdefault(person.key, person)
        if person.kind is not OwnerKind.PERSON:
            self._by_name.setdefault((person.kind.value, words.squeeze(person.name)), person)

    def known_by_document(self, facts: OwnerFacts) -> _Person | None:
        """Return the owner with the same document number, whatever the name."""
        if facts.document is None:
            return None
        found = (self._by_document.get(index) for index in self._indexes("document", facts.document))
        return next((person for person in found if person is not None), None)

    def same(self, facts: OwnerFacts, present: Iterable[_Person]) -> _Person | None:
        """Return who a line means, where somebody known is meant; ``present`` are the unit's owners now."""
        found = self.known_by_document(facts) or self._same_name(facts, present)
        if found is None or facts.document is None or found.document_index is None:
            return found
        return found if found.document_index in self._indexes("document", facts.document) else None

    def _same_name(self, facts: OwnerFacts, present: Iterable[_Person]) -> _Person | None:
        name = words.squeeze(facts.name)
        if facts.kind is not OwnerKind.PERSON:
            return self._by_name.get((facts.kind.value, name))
        for index in self._indexes("phone", facts.phone) if facts.phone else ():
            if (name, index) in self._by_phone:
                return self._by_phone[name, index]
        return next((person for person in present if words.squeeze(person.name) == name), None)

    def developers(self) -> list[_Person]:
        """Return the developers known."""
        return [person for person in self._developers.values() if person.kind is OwnerKind.DEVELOPER]

    def index(self, kind: str, value: str | None) -> str | None:
        """Return the current blind index of a value."""
        return self._indexes(kind, value)[0] if value else None

    def differs(self, kind: str, value: str | None, index: str | None) -> bool:
        """Say whether a value was given that is not the one behind an index."""
        return value is not None and index not in self._indexes(kind, value)


@dataclass
class _Resolved:
    """A line's owner and who that is; ``is_new`` when the plan would add it."""

    line: Line
    facts: OwnerFacts
    person: _Person
    is_new: bool


class _Planner:
    """One comparison."""

    def __init__(self, known: Known, indexes: Indexes) -> None:
        self._owners = _Owners(known.owners, indexes)
        self._known = known
        self._before = {owner.id: owner for owner in known.owners}
        self._units = {unit.key: unit for unit in known.units}
        self._plan = Plan()
        self._changed_owners: dict[int, OwnerChange] = {}
        self._new_owners: dict[str, NewOwner] = {}
        self._phoned: set[Key] = set()

    def plan(self, units: list[UnitFacts]) -> Plan:
        for unit in units:
            self._unit(unit)
        mentioned = {unit.first.key for unit in units}
        active = (unit for unit in self._known.units if unit.status is UnitStatus.ACTIVE)
        self._plan.absent = sum(unit.key not in mentioned for unit in active)
        self._plan.new_owners = list(self._new_owners.values())
        self._plan.owner_changes = list(self._changed_owners.values())
        return self._plan

    def _unit(self, unit: UnitFacts) -> None:
        present = self._units.get(unit.first.key)
        if not unit.faulty:
            self._check(unit, present)
        resolved = [] if unit.faulty else self._resolve(unit, present)
        if unit.faulty:
            self._state(unit, ImportRowState.ERROR)
            return
        conflict = self._conflict(unit, present, resolved)
        if conflict is not None:
            line, column, zh, en = conflict
            line.fault(column, zh, en)
            self._state(unit, ImportRowState.CONFLICT)
            return
        if present is None:
            self._add(unit, resolved)
        else:
            self._compare(unit, present, resolved)

    def _state(self, unit: UnitFacts, state: ImportRowState) -> None:
        self._plan.states.update(dict.fromkeys((line.number for line in unit.lines), state))

    # -- what must not be ----------------------------------------------------------------------------------------------

    def _check(self, unit: UnitFacts, present: KnownUnit | None) -> None:
        """Refuse a unit that would have no area though it counts, or an unknown developer though it is stock."""
        use = unit.said("use") or (present.use if present else UnitUse.DWELLING)
        areas = {**(dict(present.areas) if present else {}), **unit.areas}
        if use in (UnitUse.DWELLING, UnitUse.SHOP) and not areas:
            unit.first.fault(_area_column(unit.first), "没有面积：住宅和商铺须有登记、测绘或合同面积之一",
                             "no area: a dwelling or shop needs one from the registry, a survey or the contract")  # fmt: skip
        delivered = unit.said("delivered")
        developer_kept = present is not None and present.developer_id is not None
        told = unit.said("developer") or developer_kept or self._own_developer(unit)
        if delivered is False and not told and len(self._owners.developers()) != 1:
            unit.first.fault(
                Column.DEVELOPER, "未交付的房屋须写明建设单位", "a unit not handed over needs its developer named"
            )

    def _own_developer(self, unit: UnitFacts) -> bool:
        return any(owner.kind is OwnerKind.DEVELOPER for _, owner in unit.owners)

    def _conflict(
        self, unit: UnitFacts, present: KnownUnit | None, resolved: list[_Resolved]
    ) -> tuple[Line, Column | None, str, str] | None:
        for one in resolved:
            if words.squeeze(one.person.name) != words.squeeze(one.facts.name):
                return (one.line, Column.DOCUMENT, "该证件号码已登记在另一姓名名下，请核对",
                        "this document number is registered under another name; check it")  # fmt: skip
        if len({one.person.key for one in resolved}) < len(resolved):
            return (
                unit.first,
                Column.OWNER,
                "两位业主在清册中是同一人",
                "two of the owners are one and the same in the register",
            )
        if present is None:
            return None
        if present.status is not UnitStatus.ACTIVE:
            return unit.first, Column.ROOM, "该房屋在清册中已注销", "the register has retired this unit"
        return self._transfer_conflict(unit, present, resolved)

    def _transfer_conflict(
        self, unit: UnitFacts, present: KnownUnit, resolved: list[_Resolved]
    ) -> tuple[Line, Column | None, str, str] | None:
        if not resolved or not present.shares or _same_owners(present, resolved):
            return None
        since: date | None = unit.said("since")
        if since is None:
            return (unit.first, Column.OWNER, "与清册登记的业主不同；如已过户，请填写取得日期",
                    "the register names other owners; after a transfer, give the day it was acquired on")  # fmt: skip
        latest = max((share.since for share in present.shares if share.since), default=None)
        if latest is not None and since <= latest:
            return (unit.first, Column.SINCE, f"清册登记的业主于 {latest} 取得，晚于或等于此日期",
                    f"the registered owners acquired it on {latest}, not before this day")  # fmt: skip
        return None

    # -- who is meant --------------------------------------------------------------------------------------------------

    def _resolve(self, unit: UnitFacts, present: KnownUnit | None) -> list[_Resolved]:
        now = [self._owners.by_key[share.owner_id] for share in present.shares] if present else []
        found = []
        for line, facts in unit.owners:
            person = self._owners.same(facts, now)
            found.append(_Resolved(line, facts, person or self._made(unit, facts), person is None))
        return found

    def _made(self, unit: UnitFacts, facts: OwnerFacts) -> _Person:
        document, phone = self._owners.index("document", facts.document), self._owners.index("phone", facts.phone)
        own = document or (
            f"{words.squeeze(facts.name)}+{phone}" if phone else f"{'/'.join(unit.first.key)}:{facts.name}"
        )
        key = f"{facts.kind.value}:{words.squeeze(facts.name) if facts.kind is not OwnerKind.PERSON else own}"
        return _Person(key, facts.kind, facts.name, phone, document)

    def _accept(self, one: _Resolved) -> bool:
        """Enter a new owner, or note what a line changes of a known one; says whether there was anything new."""
        if one.is_new and one.person.key not in self._owners.by_key:
            self._owners.enter(one.person)
            key = str(one.person.key)
            self._new_owners[key] = NewOwner(key, one.facts.kind, one.facts.name, one.facts.document, one.facts.phone)
            if one.facts.phone:
                self._phoned.add(key)
            return True
        return self._complete(one)

    def _complete(self, one: _Resolved) -> bool:
        """Fill in or change a known owner's particulars; a second telephone number in the same file is only noted."""
        person, facts = self._owners.by_key[one.person.key], one.facts
        document = facts.document if self._owners.differs("document", facts.document, person.document_index) else None
        phone = facts.phone if self._owners.differs("phone", facts.phone, person.phone_index) else None
        kind = facts.kind if facts.kind_said and facts.kind is not person.kind else None
        if phone is not None and person.key in self._phoned:
            one.line.note(Column.PHONE, "同一业主在前面的行有另一个电话，以前者为准",
                          "an earlier line gives this owner another number; that one is kept")  # fmt: skip
            phone = None
        if facts.phone is not None:
            self._phoned.add(person.key)
        if document is None and phone is None and kind is None:
            return False
        self._record(person, document, phone, kind)
        return True

    def _record(self, person: _Person, document: str | None, phone: str | None, kind: OwnerKind | None) -> None:
        person.document_index = self._owners.index("document", document) or person.document_index
        person.phone_index = self._owners.index("phone", phone) or person.phone_index
        person.kind = kind or person.kind
        self._owners.enter(person)
        if isinstance(person.key, int):
            old = self._changed_owners.get(person.key, OwnerChange(person.key, self._before[person.key]))
            self._changed_owners[person.key] = OwnerChange(
                person.key, old.before, document or old.document, phone or old.phone, kind or old.kind
            )
        else:
            new = self._new_owners[person.key]
            self._new_owners[person.key] = NewOwner(
                new.key, kind or new.kind, new.name, document or new.document, phone or new.phone
            )

    # -- what is done --------------------------------------------------------------------------------------------------

    def _add(self, unit: UnitFacts, resolved: list[_Resolved]) -> None:
        for one in resolved:
            self._accept(one)
        line = unit.first
        fields = UnitFields(
            unit.said("use") or UnitUse.DWELLING,
            _sorted(unit.areas),
            unit.said("delivered") is not False,
            unit.said("delivered_on"),
            self._developer(unit, None),
        )
        self._plan.new_units.append(
            NewUnit(line.building, line.stairwell, words.tidy_room(line.room), fields, _shares(unit, resolved))
        )
        self._state(unit, ImportRowState.NEW)

    def _compare(self, unit: UnitFacts, present: KnownUnit, resolved: list[_Resolved]) -> None:
        touched = {one.line.number for one in resolved if self._accept(one)}
        delivered = unit.said("delivered")
        after = UnitFields(
            unit.said("use") or present.use,
            _sorted({**dict(present.areas), **unit.areas}),
            present.delivered if delivered is None else delivered,
            None if delivered is False else unit.said("delivered_on") or present.delivered_on,
            self._developer(unit, present),
        )
        before = UnitFields(present.use, present.areas, present.delivered, present.delivered_on, present.developer_id)
        change = self._owners_change(unit, present, resolved)
        if after != before or change.transfer or change.corrections:
            fields = after if after != before else None
            self._plan.unit_changes.append(UnitChange(present, fields, change.transfer, change.corrections))
            self._state(unit, ImportRowState.CHANGED)
            return
        for line in unit.lines:
            state = ImportRowState.CHANGED if line.number in touched else ImportRowState.UNCHANGED
            self._plan.states[line.number] = state

    def _owners_change(self, unit: UnitFacts, present: KnownUnit, resolved: list[_Resolved]) -> UnitChange:
        if not resolved:
            return UnitChange(present)
        shares = _shares(unit, resolved)
        if not present.shares or not _same_owners(present, resolved):
            return UnitChange(present, transfer=shares)
        said_shares = any(owner.share for _, owner in unit.owners) or unit.is_joint
        by_owner = {share.owner: share for share in shares}
        corrections = []
        for known in present.shares:
            wanted = _merged(known, by_owner[known.owner_id], unit, said_shares)
            if wanted != _as_share(known):
                corrections.append((known.id, wanted))
        return UnitChange(present, corrections=tuple(corrections))

    def _developer(self, unit: UnitFacts, present: KnownUnit | None) -> Key | None:
        """Return whose stock the unit is while it is not handed over."""
        named: str | None = unit.said("developer")
        kept = present.developer_id if present else None
        if named is None:
            undelivered = unit.said("delivered") is False or (present is not None and not present.delivered)
            sole = self._owners.developers()
            return kept or (
                sole[0].key if undelivered and len(sole) == 1 and unit.said("delivered") is not True else None
            )
        facts = OwnerFacts(named, OwnerKind.DEVELOPER)
        person = self._owners.same(facts, ())
        one = _Resolved(unit.first, facts, person or self._made(unit, facts), person is None)
        self._accept(one)
        return one.person.key


def _same_owners(present: KnownUnit, resolved: list[_Resolved]) -> bool:
    return {share.owner_id for share in present.shares} == {one.person.key for one in resolved}


def _shares(unit: UnitFacts, resolved: list[_Resolved]) -> tuple[Share, ...]:
    """Return the ownerships of a unit; without shares co-owners own jointly, and their fraction is nominal."""
    count = len(resolved)
    joint = count > 1 and all(one.facts.share is None for one in resolved)
    since, basis = unit.said("since"), unit.said("basis") or OwnershipBasis.REGISTERED
    return tuple(Share(one.person.key, *(one.facts.share or (1, count)), joint, since, basis) for one in resolved)


def _merged(known: KnownShare, said: Share, unit: UnitFacts, said_shares: bool) -> Share:
    """Return an ownership as it would stand: what the roster says, and for the rest what the register has."""
    fraction = (said.numerator, said.denominator, said.is_joint) if said_shares else (
        known.numerator, known.denominator, known.is_joint
    )  # fmt: skip
    return Share(known.owner_id, *fraction, unit.said("since") or known.since, unit.said("basis") or known.basis)


def _as_share(known: KnownShare) -> Share:
    return Share(known.owner_id, known.numerator, known.denominator, known.is_joint, known.since, known.basis)


def _sorted(areas: dict[AreaSource, int]) -> tuple[tuple[AreaSource, int], ...]:
    return tuple((source, areas[source]) for source in AreaSource if source in areas)


def _area_column(line: Line) -> Column:
    for column in (Column.REGISTRY_AREA, Column.AREA, Column.SURVEY_AREA, Column.CONTRACT_AREA):
        if column in line.columns:
            return column
    return Column.ROOM


def counted_area(areas: Iterable[tuple[AreaSource, int]]) -> tuple[int, AreaSource | None]:
    """Return the area that counts and its source; 0 and None while no source gives one."""
    chosen = choose_area(dict(areas))
    return (chosen.area_centi, chosen.source) if chosen else (0, None)
