"""Removing a plugin from a database: export what it has, drop its tables, clean what the kernel keeps for it.

    report = await remove_plugin(config, host, "wishes", dry_run=True)

All of it is one transaction of the migration runner: whatever fails, everything is as before. What stays is the record:
the trace and the events tell what happened, and ``core_plugin_record`` that the plugin was here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from core import trace
from core._db.migrate import doomed_tables, downgrade_to_zero, drop_tables
from core._db.migrate_shape import actual_tables
from core._db.migrate_target import SqliteTarget, Target, is_missing, open_target
from core._db.postgres import PostgresTx
from core._db.seam import Statement, Tx
from core._db.sqlite import SqliteTx
from core.clock import Clock, SystemClock, to_wire
from core.config import Config
from core.events import append as append_event
from core.host import Host
from core.settings import SETTINGS_SQL, SettingsBook, setting_row
from core.work import COUNTER_UP

PAGE = 1_000

_OF_MATTERS = "IN (SELECT id FROM core_matter WHERE plugin = ?)"

# What the kernel keeps for a plugin, in the order in which it can go; the number of ``?`` is that of the plugin's id.
_KEPT: Mapping[str, tuple[str, int]] = {
    "core_deadline": (f"matter_id {_OF_MATTERS}", 1),
    "core_link": (f"source_id {_OF_MATTERS} OR target_id {_OF_MATTERS}", 2),
    "core_attachment": (f"matter_id {_OF_MATTERS}", 1),
    "core_news": (f"plugin = ? OR matter_id {_OF_MATTERS}", 2),
    "core_matter": ("plugin = ?", 1),
    "core_setting": ("plugin = ?", 1),
}
# Names that begin with the plugin's id and a point: from "wishes." to before "wishes/", the next byte.
_NAMED: Mapping[str, str] = {
    "core_role_permission": "permission", "core_reaction_cursor": "name", "core_lease": "name",
}  # fmt: skip


class RemovalRefused(Exception):
    """The plugin cannot be removed now; the message says why and what to do. Nothing was changed."""


@dataclass(frozen=True)
class RemovalReport:
    """What was removed, or with ``dry_run`` what would be: rows by table, and where their export lies."""

    plugin: str
    dry_run: bool
    rows: dict[str, int] = field(default_factory=dict)
    enabled_at: tuple[str, ...] = ()
    export: Path | None = None

    def lines(self) -> list[str]:
        """Return the report for people, one line per table."""
        verb = "would be removed" if self.dry_run else "removed"
        found = [f"{table}: {count} rows {verb}" for table, count in self.rows.items() if count or "core_" not in table]
        if self.enabled_at:
            found.append(f"it is on at: {', '.join(self.enabled_at)}")
        if self.export is not None:
            found.append(f"exported to {self.export}")
            found.append(f"take {self.plugin} out of plugins.toml, or the next start installs it anew")
        return found


async def remove_plugin(
    config: Config,
    host: Host,
    plugin_id: str,
    *,
    dry_run: bool = False,
    force: bool = False,
    clock: Clock | None = None,
) -> RemovalReport:
    """Remove a plugin from the database, also one whose code is gone; the trace keeps what happened.

    ``force`` switches it off first where it is on. Files of its matters stay in the store until that is tidied.

    Raises:
        RemovalRefused: another plugin needs it, it is on somewhere, or this database never knew it.
        MigrationFailed: its tables could not be dropped; everything is as before.
    """
    dependents = sorted(p for p in host.dependents_of(plugin_id) if host.plugins[p].usable)
    if dependents:
        raise RemovalRefused(
            f"{plugin_id} is needed by {', '.join(dependents)}; remove those first, or stop loading them."
        )
    now = (clock or SystemClock()).now()
    planned = await _plan(config, plugin_id, now)
    if dry_run:
        return planned
    if planned.enabled_at and not force:
        places = ", ".join(planned.enabled_at)
        raise RemovalRefused(f"{plugin_id} is on at {places}; disable it there first, or force the removal.")
    work = _Removal(config.data_dir / "exports", _manifest(host, plugin_id), plugin_id, now)
    try:
        await _drop(config, host, plugin_id, work)
    except BaseException:
        shutil.rmtree(work.folder, ignore_errors=True)  # what was not removed needs no export
        raise
    return RemovalReport(plugin_id, False, work.rows, planned.enabled_at, work.folder)


async def _plan(config: Config, plugin_id: str, now: datetime) -> RemovalReport:
    """Count, without changing anything; raises RemovalRefused for a plugin that this database never knew."""
    if plugin_id == "core":
        raise RemovalRefused("core is no plugin and stays.")
    if is_missing(config.database_url):
        raise RemovalRefused("there is no database yet.")
    async with open_target(config.database_url, alone=False) as target:
        tables = await doomed_tables(target, f"{plugin_id}_")
        known = await target.rows("SELECT plugin FROM core_plugin_record ORDER BY plugin")
        if plugin_id not in {row[0] for row in known}:
            names = ", ".join(row[0] for row in known)
            raise RemovalRefused(f"this database never knew a plugin {plugin_id}; it knows: {names}.")
        rows = {table: await _count(target, table) for table in tables}
        rows |= {table: await _count(target, table, *where) for table, where in _conditions(plugin_id).items()}
        return RemovalReport(plugin_id, True, rows, await _enabled_at(target, plugin_id, now))


async def _enabled_at(target: Target, plugin_id: str, now: datetime) -> tuple[str, ...]:
    """Return the codes of the places whose switch is on."""
    found = await target.rows(SETTINGS_SQL)
    book = SettingsBook.of(0, [setting_row(row, json.loads(row["value"] or "null")) for row in found])
    switches = book.rows.get((plugin_id, "enabled"), ())
    latest = {row.code: row for row in switches if row.effective_from <= now}
    return tuple(sorted(code for code, row in latest.items() if row.value))


def _conditions(plugin_id: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    found = {table: (where, (plugin_id,) * times) for table, (where, times) in _KEPT.items()}
    span = (f"{plugin_id}.", f"{plugin_id}/")
    return {**found, **{table: (f"{name} >= ? AND {name} < ?", span) for table, name in _NAMED.items()}}


async def _count(target: Target, table: str, where: str = "TRUE", params: Sequence[str] = ()) -> int:
    return int((await target.rows(f'SELECT COUNT(*) FROM "{table}" WHERE {where}', params))[0][0])


def _manifest(host: Host, plugin_id: str) -> dict[str, Any]:
    plugin = host.plugins.get(plugin_id)
    if plugin is None:
        return {"id": plugin_id}
    said = plugin.manifest
    return {"id": said.id, "title_zh": said.title_zh, "title_en": said.title_en, "version": said.version}


async def _drop(config: Config, host: Host, plugin_id: str, work: _Removal) -> None:
    backups, apps = config.data_dir / "backups", host.apps()
    if plugin_id in {app.label for app in apps}:
        await downgrade_to_zero(config.database_url, plugin_id, apps, backup_dir=backups, around=work.around)
    else:
        await drop_tables(config.database_url, f"{plugin_id}_", plugin_id, backup_dir=backups, around=work.around)


class _Removal:
    """What happens around the dropping of the tables, in the same transaction."""

    def __init__(self, exports: Path, manifest: dict[str, Any], plugin_id: str, now: datetime) -> None:
        self.folder = exports / f"{plugin_id}-{now:%Y%m%dT%H%M%S}"
        self.rows: dict[str, int] = {}
        self._manifest = manifest
        self._plugin = plugin_id
        self._now = now

    @asynccontextmanager
    async def around(self, target: Target, tables: list[str]) -> AsyncIterator[None]:
        """Export before; clean and write down after."""
        self.folder.mkdir(parents=True)
        await self._take_out(target, tables)
        yield
        await self._clean(target)

    async def _take_out(self, target: Target, tables: list[str]) -> None:
        if target.dialect == "postgres":  # SQLite's step has locked the whole file already
            for table in tables:
                await target.run(f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE')
        for table in tables:
            await self._export(target, table)
        for table, (where, params) in _conditions(self._plugin).items():
            await self._export(target, table, where, params)
        self._describe()

    async def _clean(self, target: Target) -> None:
        for table, (where, params) in _conditions(self._plugin).items():
            await target.run(f'DELETE FROM "{table}" WHERE {where}', params)
        await self._write_down(target)

    async def _export(self, target: Target, table: str, where: str = "TRUE", params: Sequence[str] = ()) -> None:
        """Write the rows of a table as JSON lines, a page at a time."""
        key = next(name for name, column in (await actual_tables(target))[table].columns.items() if column.primary)
        after: list[Any] = []
        self.rows[table] = 0
        with (self.folder / f"{table}.jsonl").open("w", encoding="utf-8") as file:
            while True:
                behind = f'AND "{key}" > ?' if after else ""
                found = await target.rows(
                    f'SELECT * FROM "{table}" WHERE ({where}) {behind} ORDER BY "{key}" LIMIT {PAGE}', [*params, *after]
                )
                file.writelines(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in found)
                self.rows[table] += len(found)
                if len(found) < PAGE:
                    return
                after = [found[-1][key]]

    def _describe(self) -> None:
        about = {"plugin": self._manifest, "exported_at": to_wire(self._now), "rows": self.rows}
        text = json.dumps(about, ensure_ascii=False, indent=2) + "\n"
        (self.folder / "manifest.json").write_text(text, "utf-8")

    async def _write_down(self, target: Target) -> None:
        """Mark the record, tell the trace and the feed, and let every process read its settings anew."""
        now, tx = to_wire(self._now), cast(Tx, _Writing(target))
        await target.run("UPDATE core_plugin_record SET removed_at = ? WHERE plugin = ?", (now, self._plugin))
        await target.run(COUNTER_UP)
        gone = {"plugin": self._plugin, "rows": sum(self.rows.values())}
        await trace.append(
            tx, at=self._now, deed="core.remove_plugin", community_id=None, community_code=None, matter_id=None,
            person_id=None, acting_as="command line", details=gone,
        )  # fmt: skip
        await append_event(
            tx, at=self._now, type="core.plugin_removed", community_id=None, path="", matter_id=None, person_id=None,
            payload={"plugin": self._plugin},
        )  # fmt: skip


class _Writing:
    """The migration runner's transaction, as far as the trace and the events need one."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.next_seq = SqliteTx.next_seq if isinstance(target, SqliteTarget) else PostgresTx.next_seq

    async def together(self, statements: Sequence[Statement]) -> None:
        """Run statements one after the other."""
        for sql, params in statements:
            await self._target.run(sql, params)

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement."""
        await self._target.run(sql, params)
