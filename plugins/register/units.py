"""Deeds on single units: adding, correcting, transferring, designating who speaks for co-owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

from core.hierarchy import Place, place_by_id
from core.ids import new_id
from core.plugin import Act, check_text, deed, invalid
from plugins.register import corrections, owners, places, store, words
from plugins.register.kinds import OwnershipBasis, UnitStatus, UnitUse
from plugins.register.members import sync_members
from plugins.register.plan import Share, UnitFields
from plugins.register.problems import (
    AREA_NEEDED,
    DEVELOPER_NEEDED,
    FUTURE_DAY,
    NOT_AN_OWNER,
    NOT_CO_OWNED,
    OWNER_TWICE,
    OWNERS_NEEDED,
    SHARES_WRONG,
    UNIT_EXISTS,
    UNIT_RETIRED,
    UNIT_UNKNOWN,
)  # fmt: skip
from plugins.register.rules import AreaSource
from plugins.register.voters import follow_unit

MOST_OWNERS = 50


async def unit_place(act: Act, arguments: Mapping[str, Any]) -> Place:
    """Find where a deed on the unit ``id`` happens; raises NotFound."""
    row = await act.tx.one("SELECT community_id FROM register_unit WHERE id = ?", (arguments["id"],))
    if row is None:
        raise UNIT_UNKNOWN(path=("input", "id"), place="-", label=f"Unit_{arguments['id']}")
    return await place_by_id(act.tx, row["community_id"])


async def _locked(act: Act, key: int) -> Any:
    """Return the row of a unit that is not retired, held until the deed ends."""
    [row] = await act.tx.fetch(f"SELECT * FROM register_unit WHERE id = ?{act.tx.for_update}", (key,))
    if row["status"] != UnitStatus.ACTIVE:
        raise UNIT_RETIRED(label=row["label"])
    return row


def _fields(row: Any) -> UnitFields:
    day = row["delivered_on"]
    return UnitFields(
        UnitUse(row["use"]), store.areas_of(row), bool(row["delivered"]), date.fromisoformat(day) if day else None,
        row["developer_id"],
    )  # fmt: skip


@deed("register.manage_register")
async def add_unit(
    act: Act,
    *,
    label: str,
    use: UnitUse,
    registry_area: int | None = None,
    survey_area: int | None = None,
    contract_area: int | None = None,
    delivered: bool = True,
    delivered_on: date | None = None,
    developer: int | None = None,
) -> int:
    """Add a unit to a stairwell, a building or a compound; its owners are recorded by ``transferUnit``."""
    compound = await places.compound_of(act, act.place)
    await places.change(act, compound)
    name = check_text(words.tidy_room(label), "label", most=40)
    areas = tuple(
        (source, area)
        for source, area in zip(AreaSource, (registry_area, survey_area, contract_area), strict=True)
        if area
    )
    fields = UnitFields(use, areas, delivered, delivered_on, developer)
    developer_id = await _check_fields(act, compound, fields)
    node = places.Node(act.place.id, await places.keys_of(act, act.place))
    key = new_id()
    made = await act.tx.execute(
        f"{store.INSERT_UNIT} ON CONFLICT (community_id, label_key) DO NOTHING",
        store.unit_row(key, node, compound, name, fields, developer_id),
    )
    if made != 1:
        raise UNIT_EXISTS(path=("input", "label"), place=act.place.name, label=name)
    act.note(unit=str(key))
    act.emit("register.unit_changed", unit=str(key))
    return key


async def _check_fields(act: Act, compound: Place, fields: UnitFields) -> int | None:
    """Check the facts of a unit; returns whose stock it is while it is not handed over."""
    if fields.use in (UnitUse.DWELLING, UnitUse.SHOP) and not fields.areas:
        raise AREA_NEEDED(path=("input",))
    _check_past(act, fields.delivered_on, "deliveredOn")
    if isinstance(fields.developer, int):
        await owners.owner_row(act, compound, fields.developer)
        return fields.developer
    if fields.delivered:
        return None
    rows = await act.tx.fetch(
        "SELECT id FROM register_owner WHERE community_id = ? AND kind = 'DEVELOPER'", (compound.id,)
    )
    if len(rows) != 1:
        raise DEVELOPER_NEEDED(path=("input", "developer"))
    found: int = rows[0]["id"]
    return found


def _check_past(act: Act, day: date | None, field: str) -> None:
    if day is not None and day > act.now.date():
        raise FUTURE_DAY(path=("input", field), day=day)


@deed("register.manage_register", place=unit_place)
async def correct_unit_area(act: Act, *, id: int, source: AreaSource, area: int | None, reason: str) -> int:
    """Correct one of the three areas of a unit, or take it out with null; which one counts follows from 解释 8."""
    row = await _locked(act, id)
    before = _fields(row)
    areas = {**dict(before.areas), source: area} if area is not None else {
        other: value for other, value in before.areas if other is not source
    }  # fmt: skip
    after = replace(before, areas=tuple((one, areas[one]) for one in AreaSource if one in areas))
    await _write_fields(act, row, before, after, reason)
    return id


@deed("register.manage_register", place=unit_place)
async def correct_unit(
    act: Act,
    *,
    id: int,
    use: UnitUse | None = None,
    delivered: bool | None = None,
    delivered_on: date | None = None,
    developer: int | None = None,
    reason: str,
) -> int:
    """Correct the use of a unit, or whether and when it was handed over; what is left out stays."""
    row = await _locked(act, id)
    before = _fields(row)
    handed_over = before.delivered if delivered is None and delivered_on is None else delivered is not False
    day = (delivered_on or before.delivered_on) if handed_over else None
    after = UnitFields(use or before.use, before.areas, handed_over, day, developer or before.developer)
    await _write_fields(act, row, before, after, reason)
    return id


async def _write_fields(act: Act, row: Any, before: UnitFields, after: UnitFields, reason: str) -> None:
    compound = await place_by_id(act.tx, row["compound_id"])
    developer = await _check_fields(act, compound, after)
    await places.change(act, compound)
    await store.set_fields(act, row["id"], after, developer)
    await corrections.log(act, compound, reason, unit=row["id"])
    act.note(unit=str(row["id"]), before=_noted(before), after=_noted(after))
    act.emit("register.unit_changed", unit=str(row["id"]))


def _noted(fields: UnitFields) -> dict[str, Any]:
    areas = {source.value: area for source, area in fields.areas}
    day = fields.delivered_on.isoformat() if fields.delivered_on else None
    return {"use": fields.use.value, "areas": areas, "delivered": fields.delivered, "delivered_on": day}


@deed("register.manage_register", place=unit_place)
async def retire_unit(act: Act, *, id: int, status: UnitStatus, reason: str) -> int:
    """Take a unit out that was merged, divided or demolished: it counts no more, and its history stays."""
    row = await _locked(act, id)
    compound = await place_by_id(act.tx, row["compound_id"])
    await places.change(act, compound)
    if status is UnitStatus.ACTIVE:
        raise invalid("status 须为 MERGED 或 DEMOLISHED。", "status must be MERGED or DEMOLISHED.", "input", "status")
    await act.tx.execute(
        "UPDATE register_unit SET status = ?, retired_on = ? WHERE id = ?",
        (status.value, act.now.date().isoformat(), id),
    )
    await sync_members(act, compound, await _owner_keys(act, id))
    await corrections.log(act, compound, reason, unit=id)
    act.note(unit=str(id), status=status.value)
    act.emit("register.unit_changed", unit=str(id))
    return id


async def _owner_keys(act: Act, unit: int) -> list[int]:
    rows = await act.tx.fetch("SELECT owner_id FROM register_ownership WHERE unit_id = ? AND until IS NULL", (unit,))
    return [row["owner_id"] for row in rows]


@deed("register.manage_register", place=unit_place)
async def transfer_unit(
    act: Act,
    *,
    id: int,
    owners: Sequence[Mapping[str, Any]],
    since: date,
    basis: OwnershipBasis = OwnershipBasis.REGISTERED,
    reason: str = "",
) -> int:
    """Record who owns a unit from a day on; whoever owned it before owned it until that day.

    Ownerships recorded as beginning on that day or later are thereby corrected. Rolls whose record date lies before the
    day stay as they are.
    """
    row = await _locked(act, id)
    _check_past(act, since, "since")
    compound = await place_by_id(act.tx, row["compound_id"])
    await places.change(act, compound)
    shares = await _shares(act, compound, owners, since, basis)
    touched = await store.transfer(act, compound, id, shares, {})
    await sync_members(act, compound, touched)
    await follow_unit(act, id)
    await corrections.log(act, compound, reason, unit=id, least=0)
    act.note(unit=str(id), since=since.isoformat(), basis=basis.value, owners=[str(share.owner) for share in shares])
    act.emit("register.unit_transferred", unit=str(id))
    return id


async def _shares(
    act: Act, compound: Place, given: Sequence[Mapping[str, Any]], since: date, basis: OwnershipBasis
) -> list[Share]:
    if not 1 <= len(given) <= MOST_OWNERS:
        raise OWNERS_NEEDED(path=("input", "owners"), most=MOST_OWNERS)
    keys = [await owners.named_owner(act, compound, owner, ("input", "owners", at)) for at, owner in enumerate(given)]
    if len(set(keys)) < len(keys):
        raise OWNER_TWICE(path=("input", "owners"))
    fractions = [_share(owner, at) for at, owner in enumerate(given)]
    is_joint = len(given) > 1 and all(fraction is None for fraction in fractions)
    filled = [fraction or (1, len(given)) for fraction in fractions]
    whole = sum(Fraction(*fraction) for fraction in filled)
    if whole != 1:
        raise SHARES_WRONG(path=("input", "owners"), total=whole)
    return [Share(key, *fraction, is_joint, since, basis) for key, fraction in zip(keys, filled, strict=True)]


def _share(owner: Mapping[str, Any], at: int) -> tuple[int, int] | None:
    text = owner.get("share")
    if text is None:
        return None
    found = words.share_of(words.squeeze(text))
    if found is None:
        raise SHARES_WRONG(path=("input", "owners", at, "share"), total=text)
    return found


@deed("register.manage_register", place=unit_place)
async def set_representative(act: Act, *, id: int, owner: int | None = None) -> int:
    """Record whom the co-owners of a unit designated to vote for it; null takes the designation back.

    It holds at once for voter rolls that are still open, and lapses when the unit is transferred.
    """
    await _locked(act, id)
    present = await _owner_keys(act, id)
    if owner is not None and owner not in present:
        raise NOT_AN_OWNER(path=("input", "owner"))
    if owner is not None and len(present) < 2:
        raise NOT_CO_OWNED()
    await act.tx.execute("UPDATE register_unit SET representative_id = ? WHERE id = ?", (owner, id))
    await follow_unit(act, id)
    act.note(unit=str(id), representative=str(owner) if owner else None)
    act.emit("register.unit_changed", unit=str(id))
    return id


DEEDS = (add_unit, correct_unit_area, correct_unit, retire_unit, transfer_unit, set_representative)
