"""The register's tables as roster plans and deeds need them: reading a compound, carrying out a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.clock import to_wire
from core.hierarchy import Place, Reads, subtree_range
from core.ids import new_id
from core.keys import Keyring
from core.kinds import CommunityKind
from core.plugin import Act
from plugins.register import identity, places, words
from plugins.register.kinds import OwnerKind, OwnershipBasis, UnitStatus, UnitUse
from plugins.register.members import sync_members
from plugins.register.plan import (
    Key,
    Known,
    KnownOwner,
    KnownShare,
    KnownUnit,
    NewUnit,
    Plan,
    Share,
    UnitChange,
    UnitFields,
    counted_area,
)  # fmt: skip
from plugins.register.rules import AreaSource

AREA_COLUMNS = {
    AreaSource.REGISTRY: "registry_area_centi",
    AreaSource.SURVEY: "survey_area_centi",
    AreaSource.CONTRACT: "contract_area_centi",
}


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Snapshot:
    """The rows of one compound's register at one moment, and how often it had changed by then."""

    version: int
    units: Sequence[Any]
    shares: Sequence[Any]
    owners: Sequence[Any]
    nodes: Sequence[Any]
    compound_id: int

    def known(self) -> Known:
        """Return the register as far as a roster can touch it; takes a moment for a large one, so do it in a thread."""
        keys = {row["id"]: _node_key(row, self.compound_id) for row in self.nodes}
        shares: dict[int, list[KnownShare]] = {}
        for row in self.shares:
            shares.setdefault(row["unit_id"], []).append(_share(row))
        owners = [
            KnownOwner(r["id"], OwnerKind(r["kind"]), r["name"], r["phone_index"], r["document_index"])
            for r in self.owners
        ]
        return Known([_unit(row, keys, shares.get(row["id"], [])) for row in self.units], owners)


async def snapshot(tx: Reads, compound: Place) -> Snapshot:
    """Read the register of a compound within one transaction."""
    low, high = subtree_range(compound.path)
    nodes = await tx.fetch(
        "SELECT c.id, c.kind, c.name, p.name AS above FROM core_community c "
        "LEFT JOIN core_community p ON p.id = c.parent_id WHERE c.path >= ? AND c.path < ?",
        (low, high),
    )
    units = await tx.fetch("SELECT * FROM register_unit WHERE compound_id = ? ORDER BY id", (compound.id,))
    shares = await tx.fetch(
        "SELECT * FROM register_ownership WHERE community_id = ? AND until IS NULL ORDER BY id", (compound.id,)
    )
    owners = await tx.fetch(
        "SELECT id, kind, name, phone_index, document_index FROM register_owner WHERE community_id = ? ORDER BY id",
        (compound.id,),
    )
    return Snapshot(await places.version(tx, compound), units, shares, owners, nodes, compound.id)


def _node_key(row: Any, compound_id: int) -> tuple[str, str]:
    """Return the keys of building and stairwell of a node."""
    if row["kind"] == CommunityKind.STAIRWELL:
        return words.building_key(row["above"]), words.stairwell_key(row["name"])
    return "" if row["id"] == compound_id else words.building_key(row["name"]), ""


def _share(row: Any) -> KnownShare:
    return KnownShare(
        row["id"], row["owner_id"], row["numerator"], row["denominator"], bool(row["is_joint"]), _day(row["since"]),
        OwnershipBasis(row["basis"]),
    )  # fmt: skip


def _unit(row: Any, keys: dict[int, tuple[str, str]], shares: list[KnownShare]) -> KnownUnit:
    return KnownUnit(
        row["id"], (*keys[row["community_id"]], row["label_key"]), UnitUse(row["use"]), areas_of(row),
        bool(row["delivered"]), _day(row["delivered_on"]), row["developer_id"], UnitStatus(row["status"]), tuple(shares),
    )  # fmt: skip


def areas_of(row: Any) -> tuple[tuple[AreaSource, int], ...]:
    """Return the areas of a unit's row by source, in the order of precedence."""
    return tuple((source, row[name]) for source, name in AREA_COLUMNS.items() if row[name] is not None)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


# --- carrying out a plan ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sealed:
    """What of a plan takes time to make: the rows of its owners, sealed, with the keys they will have."""

    keys: Mapping[Key, int]
    new: Sequence[tuple[Any, ...]]
    changed: Sequence[tuple[str, tuple[Any, ...]]]


def seal(keys: Keyring, compound_id: int, plan: Plan) -> Sealed:
    """Seal what is personal in a plan, ahead of the deed and in a thread."""
    made: dict[Key, int] = {owner.key: new_id() for owner in plan.new_owners}
    rows = [
        owner_row(keys, made[owner.key], compound_id, owner.kind, owner.name, owner.phone, owner.document)
        for owner in plan.new_owners
    ]
    changed = [
        change_of(keys, change.owner, about, value)
        for change in plan.owner_changes
        for about, value in ((identity.PHONE, change.phone), (identity.DOCUMENT, change.document))
        if value is not None
    ]
    return Sealed(made, rows, changed)


async def carry_out(act: Act, compound: Place, plan: Plan, sealed: Sealed) -> None:
    """Write what a plan says, all of it, within the deed."""
    await act.tx.execute_many(INSERT_OWNER, sealed.new)
    for statement, values in sealed.changed:
        await act.tx.execute(statement, values)
    for change in plan.owner_changes:
        if change.kind is not None:
            await change_owner(act, change.owner, kind=change.kind)
    await _write_units(act, compound, plan.new_units, sealed.keys)
    touched = await _change_units(act, compound, plan.unit_changes, sealed.keys)
    await sync_members(act, compound, touched | _gaining(plan))


def _gaining(plan: Plan) -> set[int]:
    """Return the known owners who get a new unit: the persons behind them may become members there."""
    return {share.owner for unit in plan.new_units for share in unit.shares if isinstance(share.owner, int)}


INSERT_OWNER = (
    "INSERT INTO register_owner (id, community_id, kind, name, name_masked, phone_sealed, phone_index, phone_masked, "
    "document_sealed, document_index, document_masked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def owner_row(
    keys: Keyring, key: int, compound_id: int, kind: OwnerKind, name: str, phone: str | None, document: str | None
) -> tuple[Any, ...]:
    """Return the row of an owner for ``INSERT_OWNER``, what is personal sealed."""
    tel = identity.seal(keys, "register_owner", key, identity.PHONE, phone)
    doc = identity.seal(keys, "register_owner", key, identity.DOCUMENT, document)
    return (
        key, compound_id, kind.value, name, identity.mask_owner(name, kind), tel.sealed, tel.index, tel.masked,
        doc.sealed, doc.index, doc.masked,
    )  # fmt: skip


async def change_owner(
    act: Act,
    key: int,
    *,
    name: str | None = None,
    phone: str | None = None,
    document: str | None = None,
    kind: OwnerKind | None = None,
) -> None:
    """Change particulars of an owner; what is None stays."""
    keys, tx = act.kernel.keys, act.tx
    for about, value in ((identity.PHONE, phone), (identity.DOCUMENT, document)):
        if value is not None:
            await tx.execute(*change_of(keys, key, about, value))
    if kind is not None or name is not None:
        [row] = await tx.fetch("SELECT kind, name FROM register_owner WHERE id = ?", (key,))
        after = kind or OwnerKind(row["kind"]), name or row["name"]
        await tx.execute(
            "UPDATE register_owner SET kind = ?, name = ?, name_masked = ? WHERE id = ?",
            (after[0].value, after[1], identity.mask_owner(after[1], after[0]), key),
        )


def change_of(keys: Keyring, owner: int, about: str, value: str) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that gives an owner another telephone or document number, and its values."""
    made = identity.seal(keys, "register_owner", owner, about, value)
    return _UPDATE_SEALED[about], (made.sealed, made.index, made.masked, owner)


_UPDATE_SEALED = {
    identity.PHONE: "UPDATE register_owner SET phone_sealed = ?, phone_index = ?, phone_masked = ? WHERE id = ?",
    identity.DOCUMENT: "UPDATE register_owner SET document_sealed = ?, document_index = ?, document_masked = ? WHERE id = ?",
}

INSERT_UNIT = (
    "INSERT INTO register_unit (id, community_id, compound_id, label, label_key, sort_key, use, area_centi, area_source, "
    "registry_area_centi, survey_area_centi, contract_area_centi, delivered, delivered_on, developer_id, status) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'ACTIVE')"
)
INSERT_OWNERSHIP = (
    "INSERT INTO register_ownership (id, community_id, unit_id, owner_id, numerator, denominator, is_joint, since, basis, "
    "source, recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


async def _write_units(act: Act, compound: Place, units: Sequence[NewUnit], keys: Mapping[Key, int]) -> None:
    tree = await places.Tree.of(act, compound)
    unit_rows, share_rows = [], []
    for unit in units:
        node = await tree.node(unit.building, unit.stairwell)
        key = new_id()
        unit_rows.append(unit_row(key, node, compound, unit.label, unit.fields, _owner(unit.fields.developer, keys)))
        share_rows += [share_row(act, compound, key, share, keys) for share in unit.shares]
    await act.tx.execute_many(INSERT_UNIT, unit_rows)
    await act.tx.execute_many(INSERT_OWNERSHIP, share_rows)


def unit_row(
    key: int, node: places.Node, compound: Place, label: str, fields: UnitFields, developer: int | None
) -> tuple[Any, ...]:
    """Return the row of a unit for ``INSERT_UNIT``."""
    room = words.room_key(label)
    return (
        key, node.id, compound.id, label, room, words.sort_key(*node.keys, room), fields.use.value,
        *_area_values(fields), fields.delivered, _iso(fields.delivered_on), developer,
    )  # fmt: skip


def _area_values(fields: UnitFields) -> tuple[Any, ...]:
    counted, source = counted_area(fields.areas)
    areas = dict(fields.areas)
    return counted, source.value if source else None, *(areas.get(source) for source in AREA_COLUMNS)


def share_row(act: Act, compound: Place, unit: int, share: Share, keys: Mapping[Key, int]) -> tuple[Any, ...]:
    """Return the row of an ownership for ``INSERT_OWNERSHIP``."""
    return (
        new_id(), compound.id, unit, _owner(share.owner, keys), share.numerator, share.denominator, share.is_joint,
        _iso(share.since), share.basis.value, act.spec.name, to_wire(act.now),
    )  # fmt: skip


def _owner(key: Key | None, keys: Mapping[Key, int]) -> int | None:
    return keys[key] if isinstance(key, str) else key


async def _change_units(act: Act, compound: Place, changes: Iterable[UnitChange], keys: Mapping[Key, int]) -> set[int]:
    """Carry out changes of units; returns the owners who lost or gained one."""
    touched: set[int] = set()
    for change in changes:
        if change.fields is not None:
            await set_fields(act, change.unit, change.fields, _owner(change.fields.developer, keys))
        if change.transfer:
            touched |= await transfer(act, compound, change.unit, change.transfer, keys)
        for row, share in change.corrections:
            await act.tx.execute(
                "UPDATE register_ownership SET numerator = ?, denominator = ?, is_joint = ?, since = ?, basis = ? "
                "WHERE id = ?",
                (share.numerator, share.denominator, share.is_joint, _iso(share.since), share.basis.value, row),
            )
    return touched


async def set_fields(act: Act, unit: int, fields: UnitFields, developer: int | None) -> None:
    """Write the facts of a unit."""
    await act.tx.execute(
        "UPDATE register_unit SET use = ?, area_centi = ?, area_source = ?, registry_area_centi = ?, "
        "survey_area_centi = ?, contract_area_centi = ?, delivered = ?, delivered_on = ?, developer_id = ? WHERE id = ?",
        (fields.use.value, *_area_values(fields), fields.delivered, _iso(fields.delivered_on), developer, unit),
    )


async def transfer(act: Act, compound: Place, unit: int, shares: Sequence[Share], keys: Mapping[Key, int]) -> set[int]:
    """Close the present ownerships of a unit on the day the new ones begin, and record these; returns all owners concerned.

    Rows that began on that day or later were wrong: their time becomes empty, and they stay for the record. With them
    the designation of a representative lapses.
    """
    since = _iso(shares[0].since)
    before = await act.tx.fetch(
        "SELECT id, owner_id, since FROM register_ownership WHERE unit_id = ? AND until IS NULL", (unit,)
    )
    for row in before:
        until = max(row["since"] or "", since or to_wire(act.now)[:10])
        await act.tx.execute("UPDATE register_ownership SET until = ? WHERE id = ?", (until, row["id"]))
    await act.tx.execute_many(INSERT_OWNERSHIP, [share_row(act, compound, unit, share, keys) for share in shares])
    await act.tx.execute("UPDATE register_unit SET representative_id = NULL WHERE id = ?", (unit,))
    after = {owner for share in shares if (owner := _owner(share.owner, keys)) is not None}
    return {row["owner_id"] for row in before} | after
