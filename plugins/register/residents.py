"""Deeds on residents: asking to be registered, verifying, rejecting, ending; membership follows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from core import people
from core.clock import day_start, to_wire
from core.hierarchy import Place, place_by_id, subtree_range
from core.ids import new_id
from core.plugin import Act, check_text, deed
from plugins.register import identity, owners, places, roster, words
from plugins.register.kinds import ResidentKind, ResidentState
from plugins.register.members import RESIDENT_SOURCE
from plugins.register.problems import (
    ALREADY_REQUESTED,
    MANY_REQUESTS,
    NO_MATCHING_OWNER,
    PHONE_WRONG,
    RESIDENCY_STATE,
    TERM_WRONG,
    UNIT_AMBIGUOUS,
    UNIT_UNKNOWN,
)  # fmt: skip

MOST_PENDING = 5
ROLES = {
    ResidentKind.OWNER_OCCUPIER: "resident",
    ResidentKind.TENANT: "tenant",
    ResidentKind.FAMILY: "resident",
    ResidentKind.OTHER: "resident",
}


async def resident_place(act: Act, arguments: Mapping[str, Any]) -> Place:
    """Find the place of the residency ``id``; raises NotFound."""
    row = await act.tx.one("SELECT community_id FROM register_resident WHERE id = ?", (arguments["id"],))
    if row is None:
        raise UNIT_UNKNOWN(path=("input", "id"), place="-", label=f"Resident_{arguments['id']}")
    return await place_by_id(act.tx, row["community_id"])


async def find_unit(act: Act, place: Place, label: str) -> Any:
    """Return the unit that people call by a label within a place: 0302 in its stairwell, 1幢1单元0302 in its compound.

    Raises UNIT_UNKNOWN, UNIT_AMBIGUOUS.
    """
    low, high = subtree_range(place.path)
    wanted, key = words.squeeze(label).upper(), words.room_key(label)
    rows = await act.tx.fetch(
        "SELECT u.*, c.name AS node_name, c.kind AS node_kind, p.name AS above_name FROM register_unit u "
        "JOIN core_community c ON c.id = u.community_id LEFT JOIN core_community p ON p.id = c.parent_id "
        "WHERE c.path >= ? AND c.path < ? AND u.status = 'ACTIVE' AND ? LIKE '%' || u.label_key",
        (low, high, key),
    )
    found = [row for row in rows if wanted in _full_names(row)] or [row for row in rows if row["label_key"] == key]
    if not found:
        raise UNIT_UNKNOWN(path=("input", "unit"), place=place.name, label=label)
    if len(found) > 1:
        raise UNIT_AMBIGUOUS(path=("input", "unit"), place=place.name, label=label)
    return found[0]


def _full_names(row: Any) -> set[str]:
    above = row["above_name"] if row["node_kind"] == "STAIRWELL" else ""
    node = row["node_name"] if row["node_kind"] != "COMPOUND" else ""
    return {
        words.squeeze(f"{prefix}{row['label']}{word}").upper()
        for prefix in (f"{above}{node}", node)
        for word in ("", "室")
    }


@deed("register.request_residency")
async def request_residency(
    act: Act,
    *,
    unit: str,
    kind: ResidentKind,
    since: date | None = None,
    until: date | None = None,
    phone: str | None = None,
) -> int:
    """Ask to be registered as living in a unit; staff or the building captain verify it.

    The telephone number helps staff to find out which owner of the register you are; it is kept sealed.
    """
    await places.compound_of(act, act.place)
    row = await find_unit(act, act.place, check_text(unit, "unit", most=120))
    today = act.now.date()
    begins = since or today
    if until is not None and until <= max(begins, today):
        raise TERM_WRONG(path=("input", "until"))
    await act.tx.one(f"SELECT id FROM core_person WHERE id = ?{act.tx.for_update}", (act.person_id,))
    await _check_standing(act, row["id"])
    key = await _insert(act, row, kind, begins, until, phone)
    act.note(resident=str(key), unit=str(row["id"]), kind=kind.value)
    act.emit("register.residency_requested", resident=str(key))
    return key


async def _check_standing(act: Act, unit: int) -> None:
    """Raise when the person is registered in the unit, or waits already, or waits in too many units."""
    rows = await act.tx.fetch(
        "SELECT unit_id, state FROM register_resident WHERE person_id = ? AND (state = 'PENDING' "
        "OR (state = 'VERIFIED' AND (until IS NULL OR until > ?)))",
        (act.person_id, act.now.date().isoformat()),
    )
    if any(row["unit_id"] == unit for row in rows):
        raise ALREADY_REQUESTED()
    if sum(row["state"] == ResidentState.PENDING for row in rows) >= MOST_PENDING:
        raise MANY_REQUESTS(most=MOST_PENDING, retry_after=86_400)


async def _insert(act: Act, unit: Any, kind: ResidentKind, since: date, until: date | None, phone: str | None) -> int:
    key = new_id()
    number = roster.phone_of(phone) if phone else None
    if phone and number is None:
        raise PHONE_WRONG(path=("input", "phone"))
    tel = identity.seal(act.kernel.keys, "register_resident", key, identity.PHONE, number)
    await act.tx.execute(
        "INSERT INTO register_resident (id, community_id, unit_id, person_id, kind, state, since, until, phone_sealed, "
        "phone_index, phone_masked, requested_at, reason) VALUES (?, ?, ?, ?, ?, 'PENDING', ?, ?, ?, ?, ?, ?, '')",
        (key, unit["community_id"], unit["id"], act.person_id, kind.value, since.isoformat(),
         until.isoformat() if until else None, tel.sealed, tel.index, tel.masked, to_wire(act.now)),
    )  # fmt: skip
    return key


@deed("register.verify_resident", place=resident_place)
async def verify_resident(act: Act, *, id: int, owner: int | None = None) -> int:
    """Verify a residency: the person belongs to the place from now on.

    An owner-occupier is matched with an owner of the unit by the telephone number, or by ``owner`` after a look at
    documents; the match makes the person a voter, so it takes the permission to maintain the register.
    """
    row = await _pending(act, id)
    if row["kind"] == ResidentKind.OWNER_OCCUPIER:
        await _match_owner(act, row, owner)
    elif owner is not None:
        raise NO_MATCHING_OWNER(path=("input", "owner"))
    await act.tx.execute(
        "UPDATE register_resident SET state = 'VERIFIED', verified_at = ?, verified_by_id = ? WHERE id = ?",
        (to_wire(act.now), act.actor.person_id, id),
    )
    await _sync(act, row)
    _decided(act, row, ResidentState.VERIFIED)
    return id


async def _pending(act: Act, key: int) -> Any:
    [row] = await act.tx.fetch(f"SELECT * FROM register_resident WHERE id = ?{act.tx.for_update}", (key,))
    if row["state"] != ResidentState.PENDING:
        state = ResidentState(row["state"])
        raise RESIDENCY_STATE(state=state.value, state_zh=state.label_zh)
    return row


async def _match_owner(act: Act, resident: Any, named: int | None) -> None:
    rows = await act.tx.fetch(
        "SELECT w.id, w.person_id, w.phone_index FROM register_ownership o JOIN register_owner w ON w.id = o.owner_id "
        "WHERE o.unit_id = ? AND o.until IS NULL AND w.kind = 'PERSON'",
        (resident["unit_id"],),
    )
    if any(row["person_id"] == resident["person_id"] for row in rows):
        return
    act.require("register.manage_register")
    if named is not None:
        matches = [row["id"] for row in rows if row["id"] == named]
    else:
        phone = resident["phone_index"]
        matches = [row["id"] for row in rows if phone is not None and row["phone_index"] == phone]
    if len(matches) != 1:
        raise NO_MATCHING_OWNER(path=("input", "owner"))
    await owners.link(act, await places.compound_of(act, act.place), matches[0], resident["person_id"])


def _decided(act: Act, row: Any, state: ResidentState) -> None:
    act.note(resident=str(row["id"]), state=state.value)
    act.emit("register.residency_decided", person_id=row["person_id"], resident=str(row["id"]), state=state.value)


async def _sync(act: Act, row: Any) -> None:
    """Give, prolong or end the role that a person's residencies in one place amount to."""
    role = ROLES[ResidentKind(row["kind"])]
    kinds = [kind.value for kind, given in ROLES.items() if given == role]
    marks = ", ".join("?" * len(kinds))
    live = await act.tx.fetch(
        "SELECT until FROM register_resident WHERE person_id = ? AND community_id = ? AND state = 'VERIFIED' "
        f"AND (until IS NULL OR until > ?) AND kind IN ({marks})",
        (row["person_id"], row["community_id"], act.now.date().isoformat(), *kinds),
    )
    if not live:
        await people.end_appointments(act, row["person_id"], role, row["community_id"], source=RESIDENT_SOURCE)
        return
    ends = [one["until"] for one in live]
    until = None if None in ends else day_start(date.fromisoformat(max(ends)))
    await people.appoint(act, row["person_id"], role, row["community_id"], until=until, source=RESIDENT_SOURCE)


@deed("register.verify_resident", place=resident_place)
async def reject_resident(act: Act, *, id: int, reason: str) -> int:
    """Refuse a residency, with a reason that the person can read."""
    row = await _pending(act, id)
    await _close(act, id, ResidentState.REJECTED, check_text(reason, "reason", most=300))
    _decided(act, row, ResidentState.REJECTED)
    return id


@deed("register.request_residency", place=resident_place)
async def end_residency(act: Act, *, id: int, reason: str = "") -> int:
    """End a residency, or take a request back: one's own, or as staff anybody's. Membership of the place ends with it."""
    [row] = await act.tx.fetch(f"SELECT * FROM register_resident WHERE id = ?{act.tx.for_update}", (id,))
    if row["person_id"] != act.actor.person_id:
        act.require("register.verify_resident")
    state = ResidentState(row["state"])
    if state not in (ResidentState.PENDING, ResidentState.VERIFIED):
        raise RESIDENCY_STATE(state=state.value, state_zh=state.label_zh)
    await _close(act, id, ResidentState.ENDED, check_text(reason, "reason", least=0, most=300))
    await _sync(act, row)
    act.note(resident=str(id))
    act.emit("register.residency_ended", person_id=row["person_id"], resident=str(id))
    return id


async def _close(act: Act, key: int, state: ResidentState, reason: str) -> None:
    """Close a residency; the telephone number has served its purpose."""
    await act.tx.execute(
        "UPDATE register_resident SET state = ?, reason = ?, phone_sealed = NULL, phone_index = NULL, phone_masked = '' "
        "WHERE id = ?",
        (state.value, reason, key),
    )


DEEDS = (request_residency, verify_resident, reject_resident, end_residency)
