"""Importing rosters in two steps: a preview that says what each line would do, then exactly that, or nothing.

The file is read before the deed, in a thread; deeds only compare and write. Preview and apply compare by the same
function (``plan.make_plan``): applying compares once more, and when the plan is no longer the one that was shown, the
register has changed meanwhile and nothing is done.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import access
from core.attachments import storage
from core.clock import to_wire
from core.errors import NOT_FOUND, PLUGIN_DISABLED
from core.fields import canonical_json
from core.hierarchy import Place, place_by_code, place_by_id
from core.ids import new_id
from core.kinds import CommunityKind
from core.plugin import Act, Viewer, deed
from plugins.register import identity, places, roster, store, tables
from plugins.register.kinds import ImportRowState, ImportState
from plugins.register.plan import Plan, make_plan
from plugins.register.problems import FILE_UNKNOWN, IMPORT_FAULTY, IMPORT_OVER, IMPORT_PLACE, IMPORT_STALE, WRONG_PLAN
from plugins.register.roster import Line, Message
from plugins.register.rules import AreaSource
from plugins.register.settings import RegisterSettings

if TYPE_CHECKING:
    from core.kernel import Kernel

PERMISSION = "register.import_roster"
PREVIEW_LIFE = timedelta(days=7)
_COUNTED = (
    ImportRowState.NEW, ImportRowState.CHANGED, ImportRowState.UNCHANGED, ImportRowState.CONFLICT, ImportRowState.ERROR,
)  # fmt: skip


# --- reading the file, before any deed --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """A file that was read; as text it is what makes a request the same request."""

    file_name: str
    sha256: str
    lines: Sequence[Line]
    attachment_id: int | None = None

    def __str__(self) -> str:
        """Return the same text for the same file, so that a retry under an idempotency key is recognised."""
        return f"{self.sha256}:{self.attachment_id}"


async def read_upload(
    kernel: Kernel, viewer: Viewer, community: str, attachment_id: int, area_source: AreaSource | None = None
) -> Prepared:
    """Read a file that the viewer uploaded for a compound, once the viewer may import there at all."""
    place, reading = await _terms(kernel, viewer, community, area_source)
    rows = await kernel.database.fetch(
        "SELECT id, filename, sha256 FROM core_attachment WHERE id = ? AND uploader_id = ? AND community_id = ? "
        "AND stored_at IS NOT NULL AND matter_id IS NULL",
        (attachment_id, viewer.person_id, place.id),
    )
    path = await storage(kernel).local(rows[0]["sha256"]) if rows else None
    if path is None:
        raise FILE_UNKNOWN(path=("input", "attachment"))
    return await asyncio.to_thread(_read, path, rows[0]["filename"], reading, attachment_id)


async def _terms(
    kernel: Kernel, viewer: Viewer, community: str, area_source: AreaSource | None
) -> tuple[Place, roster.Reading]:
    place = await place_by_code(kernel.database, community)
    access.decide(viewer, PERMISSION, place).enforce()
    now, book = kernel.clock.now(), await kernel.settings_book()
    if not book.is_enabled("register", place.path, now):
        raise PLUGIN_DISABLED(place=place.name, plugin="register")
    values = book.resolve("register", RegisterSettings, place.path, now).values
    return place, roster.Reading(now.date(), area_source, values.check_documents)


def _read(path: Path, file_name: str, reading: roster.Reading, attachment_id: int | None) -> Prepared:
    data = path.read_bytes()
    lines = roster.lines_of(tables.read(data, roster.likeliness), reading)
    return Prepared(file_name, hashlib.sha256(data).hexdigest(), lines, attachment_id)


# --- planning ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Planned:
    """A plan with the lines it was made of, their messages filled in, and its hash."""

    plan: Plan
    lines: Sequence[Line]
    hash: str


async def _plan(act: Act, compound: Place, lines: Sequence[Line]) -> _Planned:
    """Compare lines with the register as it is in this transaction: the one way, for preview and apply."""
    known = await store.known(act.tx, compound)
    plan = make_plan(roster.units_of(list(lines)), known, identity.Indexes(act.kernel.keys))
    # Keyed, because a bare hash of a few names and telephone numbers could be found out by trying.
    digest = act.kernel.keys.blind_index("register.plan", canonical_json([compound.id, plan.canonical()]))
    return _Planned(plan, lines, digest)


# --- deeds ------------------------------------------------------------------------------------------------------------


@deed(PERMISSION)
async def preview_roster_import(act: Act, *, prepared: Prepared) -> int:
    """Read a roster that was uploaded for a compound, and show what importing it would do; nothing is changed yet.

    Every line gets a state, and every mistake its cell and a plain reason. `applyRosterImport` then does exactly this.
    """
    if act.place.kind is not CommunityKind.COMPOUND:
        raise IMPORT_PLACE(path=("input", "community"), place=act.place.name)
    facts = [canonical_json(line.facts()) for line in prepared.lines]
    planned = await _plan(act, act.place, prepared.lines)
    key = await _insert_import(act, prepared, planned)
    await act.tx.execute_many(
        "INSERT INTO register_import_row (id, roster_id, number, sheet, line, state, unit_label, messages, sealed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row(act, key, line, text, planned.plan) for line, text in zip(prepared.lines, facts, strict=True)],
    )
    act.note(roster=str(key), sha256=prepared.sha256, lines=len(prepared.lines))
    return key


async def _insert_import(act: Act, prepared: Prepared, planned: _Planned) -> int:
    key = new_id()
    counts = [planned.plan.count(state) for state in _COUNTED]
    await act.tx.execute(
        "INSERT INTO register_import (id, community_id, attachment_id, file_name, sha256, state, plan_hash, new_count, "
        "changed_count, unchanged_count, conflict_count, error_count, absent_count, created_at, created_by_id) "
        "VALUES (?, ?, ?, ?, ?, 'PREVIEWED', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (key, act.place.id, prepared.attachment_id, prepared.file_name[:200], prepared.sha256, planned.hash, *counts,
         planned.plan.absent, to_wire(act.now), act.actor.person_id),
    )  # fmt: skip
    return key


def _row(act: Act, roster_id: int, line: Line, facts: str, plan: Plan) -> tuple[Any, ...]:
    key = new_id()
    sealed = act.kernel.keys.seal("register_import_row", "sealed", key, facts)
    messages = canonical_json([_message(message) for message in line.messages])
    return (
        key, roster_id, line.number, line.sheet[:60], line.row, plan.states[line.number].value, line.label[:120], messages,
        sealed,
    )  # fmt: skip


def _message(message: Message) -> dict[str, Any]:
    return {"cell": message.cell, "zh": message.zh, "en": message.en, "isError": message.is_error}


async def import_place(act: Act, arguments: Mapping[str, Any]) -> Place:
    """Find the compound of the import ``id``; raises NotFound."""
    row = await act.tx.one("SELECT community_id FROM register_import WHERE id = ?", (arguments["id"],))
    if row is None:
        raise NOT_FOUND(path=("input", "id"), what=f"RosterImport_{arguments['id']}")
    return await place_by_id(act.tx, row["community_id"])


@deed(PERMISSION, place=import_place)
async def apply_roster_import(act: Act, *, id: int, plan_hash: str, skip_faulty: bool = False) -> dict[str, Any]:
    """Carry out exactly what the preview with this `planHash` showed: its new and changed lines.

    Refused when the register has changed since in a way that concerns the plan: preview the file again. While lines are
    in error or in conflict it takes `skipFaulty` to import the others.
    """
    row = await _previewed(act, id)
    if row["plan_hash"] != plan_hash.strip():
        raise WRONG_PLAN(path=("input", "planHash"))
    if not skip_faulty and row["error_count"] + row["conflict_count"] > 0:
        raise IMPORT_FAULTY(errors=row["error_count"], conflicts=row["conflict_count"])
    await places.lock(act, act.place)
    planned = await _plan(act, act.place, await _lines(act, id))
    stale = planned.hash != row["plan_hash"]
    if not stale:
        await store.carry_out(act, act.place, planned.plan, act.spec.name)
        act.emit("register.roster_applied", roster=str(id))
    await _finish(act, id, ImportState.STALE if stale else ImportState.APPLIED)
    act.note(roster=str(id), sha256=row["sha256"], plan=row["plan_hash"], stale=stale,
             new=row["new_count"], changed=row["changed_count"])  # fmt: skip
    return {"id": id, "stale": stale}


def raise_if_stale(result: Mapping[str, Any]) -> int:
    """Return the key of an import that was applied; raises IMPORT_STALE when it could not be.

    Not the deed itself raises: that would undo that the import is stale now.
    """
    if result["stale"]:
        raise IMPORT_STALE()
    return int(result["id"])


@deed(PERMISSION, place=import_place)
async def discard_roster_import(act: Act, *, id: int) -> int:
    """Give a previewed import up; what was read of the file is forgotten."""
    await _previewed(act, id)
    await _finish(act, id, ImportState.DISCARDED)
    act.note(roster=str(id))
    return id


async def _previewed(act: Act, key: int) -> Any:
    [row] = await act.tx.fetch(f"SELECT * FROM register_import WHERE id = ?{act.tx.for_update}", (key,))
    state = ImportState(row["state"])
    if state is not ImportState.PREVIEWED:
        raise IMPORT_OVER(state=state.value, state_zh=state.label_zh)
    return row


async def _lines(act: Act, key: int) -> list[Line]:
    rows = await act.tx.fetch("SELECT id, sealed FROM register_import_row WHERE roster_id = ? ORDER BY number", (key,))
    keys = act.kernel.keys
    return [
        Line.of(json.loads(keys.unseal("register_import_row", "sealed", row["id"], row["sealed"]))) for row in rows
    ]


async def _finish(act: Act, key: int, state: ImportState) -> None:
    """End an import; the lines' personal data have served their purpose."""
    applied = to_wire(act.now) if state is ImportState.APPLIED else None
    await act.tx.execute("UPDATE register_import SET state = ?, applied_at = ? WHERE id = ?", (state.value, applied, key))
    await act.tx.execute("UPDATE register_import_row SET sealed = NULL WHERE roster_id = ?", (key,))


DEEDS = (preview_roster_import, apply_roster_import, discard_roster_import)


# --- follow-up and command line ---------------------------------------------------------------------------------------


async def forget_previews(kernel: Kernel) -> None:
    """Discard previews that nobody applied within a week. A sweep."""
    before = to_wire(kernel.clock.now() - PREVIEW_LIFE)
    rows = await kernel.database.fetch(
        "SELECT id FROM register_import WHERE state = 'PREVIEWED' AND created_at < ? ORDER BY id LIMIT 20", (before,)
    )
    for row in rows:
        await kernel.perform(discard_roster_import, Viewer(system="register.forget_previews"), id=row["id"])


@dataclass(frozen=True)
class Summary:
    """What importing a file came to; ``problems`` are lines such as ``清册!C12 …``, notes included."""

    import_id: int
    applied: bool
    counts: Mapping[str, int]
    absent: int
    problems: tuple[str, ...]


async def import_roster_file(
    kernel: Kernel,
    viewer: Viewer,
    community_code: str,
    path: Path | str,
    *,
    area_source: AreaSource | None = None,
    skip_faulty: bool = False,
    dry_run: bool = False,
) -> Summary:
    """Preview a roster file and, unless told otherwise or lines are faulty, apply it: for the command line.

    Raises the same DomainErrors as the deeds.
    """
    _, reading = await _terms(kernel, viewer, community_code, area_source)
    prepared = await asyncio.to_thread(_read, Path(path), Path(path).name, reading, None)
    key = await kernel.perform(preview_roster_import, viewer, community=community_code, prepared=prepared)
    found = await _summary(kernel, key, viewer.language)
    faulty = found.counts["ERROR"] + found.counts["CONFLICT"]
    if dry_run or (faulty and not skip_faulty):
        return found
    [row] = await kernel.database.fetch("SELECT plan_hash FROM register_import WHERE id = ?", (key,))
    result = await kernel.perform(
        apply_roster_import, viewer, id=key, plan_hash=row["plan_hash"], skip_faulty=skip_faulty
    )
    raise_if_stale(result)
    return Summary(key, True, found.counts, found.absent, found.problems)


async def _summary(kernel: Kernel, key: int, language: str) -> Summary:
    [row] = await kernel.database.fetch("SELECT * FROM register_import WHERE id = ?", (key,))
    lines = await kernel.database.fetch(
        "SELECT messages FROM register_import_row WHERE roster_id = ? AND messages <> '[]' ORDER BY number", (key,)
    )
    told = [message for line in lines for message in json.loads(line["messages"])]
    return Summary(
        key,
        False,
        {state.value: row[f"{state.value.lower()}_count"] for state in _COUNTED},
        row["absent_count"],
        tuple(f"{one['cell']} {one['en' if language == 'en' else 'zh']}" for one in told),
    )

