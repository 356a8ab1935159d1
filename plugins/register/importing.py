"""Importing rosters in two steps: a preview that says what each line would do, then exactly that, or nothing.

All that takes time is done before the deeds, in a thread: reading the file, comparing, sealing; deeds only check and write.
Preview and apply compare by the same function (``plan.make_plan``). Applying compares once more: when the plan is no
longer the one that was shown, the register has changed meanwhile, and nothing is done. That nothing changed between
that comparison and the deed either, the ledger of the compound tells.
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
from core.errors import BEATEN, NOT_FOUND, PLUGIN_DISABLED
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
    from core.keys import Keyring

PERMISSION = "register.import_roster"
PREVIEW_LIFE = timedelta(days=7)
_COUNTED = (
    ImportRowState.NEW, ImportRowState.CHANGED, ImportRowState.UNCHANGED, ImportRowState.CONFLICT, ImportRowState.ERROR,
)  # fmt: skip


# --- before the deeds: reading the file, comparing it with the register ----------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """A file that was read and compared; as text it is what makes a request the same request."""

    file_name: str
    sha256: str
    planned: _Planned
    rows: Sequence[tuple[Any, ...]]
    attachment_id: int | None = None

    def __str__(self) -> str:
        """Return the same text for the same file, so that a retry under an idempotency key is recognised."""
        return f"{self.sha256}:{self.attachment_id}"


@dataclass(frozen=True)
class _Planned:
    """A plan, its hash, and the state of the register that it was made for."""

    plan: Plan
    hash: str
    version: int


@dataclass(frozen=True)
class Ready:
    """A plan made once more, with what is personal in it sealed for writing; None where there is nothing to apply."""

    planned: _Planned | None = None
    sealed: store.Sealed | None = None

    def __str__(self) -> str:
        """Return the same text whenever: what the client asks is told by its own arguments."""
        return "ready"


async def read_upload(
    kernel: Kernel, viewer: Viewer, community: str, attachment_id: int, area_source: AreaSource | None = None
) -> Prepared:
    """Read a file that the viewer uploaded for a compound, and compare it, once the viewer may import there at all."""
    place, reading = await _terms(kernel, viewer, community, area_source)
    rows = await kernel.database.fetch(
        "SELECT id, filename, sha256 FROM core_attachment WHERE id = ? AND uploader_id = ? AND community_id = ? "
        "AND stored_at IS NOT NULL AND matter_id IS NULL",
        (attachment_id, viewer.person_id, place.id),
    )
    path = await storage(kernel).local(rows[0]["sha256"]) if rows else None
    if path is None:
        raise FILE_UNKNOWN(path=("input", "attachment"))
    data = await asyncio.to_thread(path.read_bytes)
    return await prepare(kernel, place, rows[0]["filename"], data, reading, attachment_id)


async def _terms(
    kernel: Kernel, viewer: Viewer, community: str, area_source: AreaSource | None
) -> tuple[Place, roster.Reading]:
    place = await place_by_code(kernel.database, community)
    access.decide(viewer, PERMISSION, place).enforce()
    now, book = kernel.clock.now(), await kernel.settings_book()
    if not book.is_enabled("register", place.path, now):
        raise PLUGIN_DISABLED(place=place.name, plugin="register")
    if place.kind is not CommunityKind.COMPOUND:
        raise IMPORT_PLACE(path=("input", "community"), place=place.name)
    values = book.resolve("register", RegisterSettings, place.path, now).values
    return place, roster.Reading(now.date(), area_source, values.check_documents)


async def prepare(
    kernel: Kernel,
    compound: Place,
    file_name: str,
    data: bytes,
    reading: roster.Reading,
    attachment_id: int | None = None,
) -> Prepared:
    """Read a roster and compare it with the register of a compound."""
    lines = await asyncio.to_thread(lambda: roster.lines_of(tables.read(data, roster.likeliness), reading))
    facts = await asyncio.to_thread(lambda: [canonical_json(line.facts()) for line in lines])
    planned = await _compare(kernel, compound, lines)
    rows = await asyncio.to_thread(
        lambda: [_row(kernel.keys, line, text, planned.plan) for line, text in zip(lines, facts, strict=True)]
    )
    return Prepared(file_name, hashlib.sha256(data).hexdigest(), planned, rows, attachment_id)


async def _compare(kernel: Kernel, compound: Place, lines: Sequence[Line]) -> _Planned:
    """Compare lines with the register as it is now: the one way, for preview and apply."""
    seen = await kernel.database.run(lambda tx: store.snapshot(tx, compound))
    return await asyncio.to_thread(_plan, kernel.keys, compound.id, lines, seen)


def _plan(keys: Keyring, compound_id: int, lines: Sequence[Line], seen: store.Snapshot) -> _Planned:
    plan = make_plan(roster.units_of(list(lines)), seen.known(), identity.Indexes(keys))
    # Keyed, because a bare hash of a few names and telephone numbers could be found out by trying.
    digest = keys.blind_index("register.plan", canonical_json([compound_id, plan.canonical()]))
    return _Planned(plan, digest, seen.version)


async def plan_again(kernel: Kernel, viewer: Viewer, import_id: int) -> Ready:
    """Compare the lines of a previewed import once more, and make ready what applying it would write.

    Gives nothing for an import that is not there, not the viewer's to apply, or over: the deed says so.
    """
    rows = await kernel.database.fetch(
        "SELECT community_id FROM register_import WHERE id = ? AND state = 'PREVIEWED'", (import_id,)
    )
    if not rows:
        return Ready()
    place = await place_by_id(kernel.database, rows[0]["community_id"])
    if not access.decide(viewer, PERMISSION, place).allowed:
        return Ready()
    sealed = await kernel.database.fetch(
        "SELECT id, sealed FROM register_import_row WHERE roster_id = ? ORDER BY number", (import_id,)
    )
    lines = await asyncio.to_thread(_unsealed, kernel.keys, sealed)
    planned = await _compare(kernel, place, lines)
    return Ready(planned, await asyncio.to_thread(store.seal, kernel.keys, place.id, planned.plan))


def _unsealed(keys: Keyring, rows: Sequence[Any]) -> list[Line]:
    return [
        Line.of(json.loads(keys.unseal("register_import_row", "sealed", row["id"], row["sealed"])))
        for row in rows
        if row["sealed"] is not None
    ]


# --- deeds ------------------------------------------------------------------------------------------------------------


@deed(PERMISSION)
async def preview_roster_import(act: Act, *, prepared: Prepared) -> int:
    """Read a roster that was uploaded for a compound, and show what importing it would do; nothing is changed yet.

    Every line gets a state, and every mistake its cell and a plain reason. `applyRosterImport` then does exactly this.
    """
    key = await _insert_import(act, prepared)
    await act.tx.execute_many(
        "INSERT INTO register_import_row (roster_id, id, number, sheet, line, state, unit_label, messages, sealed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(key, *row) for row in prepared.rows],
    )
    act.note(roster=str(key), sha256=prepared.sha256, lines=len(prepared.rows))
    return key


async def _insert_import(act: Act, prepared: Prepared) -> int:
    key, plan = new_id(), prepared.planned.plan
    counts = [plan.count(state) for state in _COUNTED]
    await act.tx.execute(
        "INSERT INTO register_import (id, community_id, attachment_id, file_name, sha256, state, plan_hash, new_count, "
        "changed_count, unchanged_count, conflict_count, error_count, absent_count, created_at, created_by_id) "
        "VALUES (?, ?, ?, ?, ?, 'PREVIEWED', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (key, act.place.id, prepared.attachment_id, prepared.file_name[:200], prepared.sha256, prepared.planned.hash, *counts,
         plan.absent, to_wire(act.now), act.actor.person_id),
    )  # fmt: skip
    return key


def _row(keys: Keyring, line: Line, facts: str, plan: Plan) -> tuple[Any, ...]:
    key = new_id()
    sealed = keys.seal("register_import_row", "sealed", key, facts)
    messages = canonical_json([_message(message) for message in line.messages])
    return (
        key, line.number, line.sheet[:60], line.row, plan.states[line.number].value, line.label[:120], messages, sealed
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
async def apply_roster_import(
    act: Act, *, id: int, plan_hash: str, skip_faulty: bool = False, ready: Ready
) -> dict[str, Any]:
    """Carry out exactly what the preview with this `planHash` showed: its new and changed lines.

    Refused when the register has changed since in a way that concerns the plan: preview the file again. While lines are
    in error or in conflict it takes `skipFaulty` to import the others.
    """
    row = await _previewed(act, id)
    if row["plan_hash"] != plan_hash.strip():
        raise WRONG_PLAN(path=("input", "planHash"))
    if not skip_faulty and row["error_count"] + row["conflict_count"] > 0:
        raise IMPORT_FAULTY(errors=row["error_count"], conflicts=row["conflict_count"])
    version = await places.change(act, act.place)
    if ready.planned is None or ready.sealed is None or ready.planned.version != version:
        raise BEATEN()
    stale = ready.planned.hash != row["plan_hash"]
    if not stale:
        await store.carry_out(act, act.place, ready.planned.plan, ready.sealed)
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


async def _finish(act: Act, key: int, state: ImportState) -> None:
    """End an import; the lines' personal data have served their purpose."""
    applied = to_wire(act.now) if state is ImportState.APPLIED else None
    await act.tx.execute(
        "UPDATE register_import SET state = ?, applied_at = ? WHERE id = ?", (state.value, applied, key)
    )
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
    place, reading = await _terms(kernel, viewer, community_code, area_source)
    data = await asyncio.to_thread(Path(path).read_bytes)
    prepared = await prepare(kernel, place, Path(path).name, data, reading)
    key = await kernel.perform(preview_roster_import, viewer, community=community_code, prepared=prepared)
    found = await _summary(kernel, key, viewer.language)
    faulty = found.counts["ERROR"] + found.counts["CONFLICT"]
    if dry_run or (faulty and not skip_faulty):
        return found
    await apply_preview(kernel, viewer, key, prepared.planned.hash, skip_faulty=skip_faulty)
    return Summary(key, True, found.counts, found.absent, found.problems)


async def apply_preview(
    kernel: Kernel, viewer: Viewer, import_id: int, plan_hash: str, *, skip_faulty: bool = False
) -> int:
    """Apply a previewed import outside of GraphQL; returns its key. Raises what the mutation would answer."""
    ready = await plan_again(kernel, viewer, import_id)
    return raise_if_stale(
        await kernel.perform(
            apply_roster_import, viewer, id=import_id, plan_hash=plan_hash, skip_faulty=skip_faulty, ready=ready
        )
    )


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
