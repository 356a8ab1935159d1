"""What the databases do for a document: the statements that were sent, their plans, and what is wrong with a plan."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement

# Tables that stay small however large the town: to read them whole is right.
SMALL = frozenset({
    "core_role", "core_role_permission", "core_setting", "core_counter", "core_lease", "core_working_day",
    "core_plugin_record", "core_reaction_cursor", "tortoise_migrations",
})  # fmt: skip

# Columns with a few values for a whole nation: to look something up by these alone is to read a table whole.
COARSE = frozenset({"kind", "plugin", "state", "type", "level", "use", "role_id"})

# Rows that point at one row and are few for any of them: a page of them may be sorted.
FEW = frozenset({
    ("voting_proxy", "poll_id"), ("voting_result_objection", "poll_id"), ("core_account", "person_id"),
    ("core_link", "source_id"), ("core_link", "target_id"),
})  # fmt: skip

_TABLE = r'"?([a-z]+_[a-z_]+)"?'
_NAMED = re.compile(rf"(?:\bFROM|\bJOIN|,)\s+{_TABLE}(?:\s+(?:AS\s+)?\"?(\w+)\"?)?", re.IGNORECASE)
_SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?$")
_SEARCH = re.compile(r"SEARCH (\w+) USING .*?\((.*)\)$")


class Spy:
    """Hears the reads of this process while it listens: of SQLite with the values in them, of PostgreSQL beside them."""

    def __init__(self) -> None:
        self.heard: dict[str, tuple[Any, ...]] = {}
        self._listening = False

    def note(self, sql: str, args: Iterable[Any] = ()) -> None:
        """Keep a read, once."""
        if self._listening and re.match(r"\s*(WITH|SELECT)\b", sql, re.IGNORECASE):
            self.heard.setdefault(sql, tuple(args))

    @contextmanager
    def listening(self) -> Iterator[dict[str, tuple[Any, ...]]]:
        """Give what is read meanwhile: statements with their values."""
        self.heard, self._listening = {}, True
        try:
            yield self.heard
        finally:
            self._listening = False


SPY = Spy()


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """Hear the connections that are opened from now on; ask for it before ``world``."""
    for cls in (asyncpg.Connection, PreparedStatement):
        for name in ("fetch", "fetchrow", "fetchval"):
            monkeypatch.setattr(cls, name, _heard(getattr(cls, name)))
    monkeypatch.setattr(sqlite3, "connect", _heard_from(sqlite3.connect))
    return SPY


def _heard_from(connect: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    def call(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        connection.set_trace_callback(SPY.note)
        return connection

    return call


def _heard(method: Any) -> Any:
    async def call(self: Any, *args: Any, **options: Any) -> Any:
        if isinstance(self, PreparedStatement):
            SPY.note(self.get_query(), args)
        else:
            SPY.note(args[0], args[1:])
        return await method(self, *args, **options)

    return call


# --- judging a plan ---------------------------------------------------------------------------------------------------


def _tables(sql: str) -> dict[str, set[str]]:
    """Return which tables each name in a statement may stand for."""
    found: dict[str, set[str]] = {}
    for table, alias in _NAMED.findall(sql):
        for name in (table, alias):
            found.setdefault(name, set()).add(table)
    return found


def _is_large(table: str) -> bool:
    return table not in SMALL


def sqlite_faults(connection: sqlite3.Connection, sql: str) -> list[str]:
    """Return what is wrong with SQLite's plan of a statement."""
    names, owners = (
        _tables(sql),
        dict(connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'")),
    )
    faults, bounded = [], False
    for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}"):
        detail = row[3]
        scan, search = _SCAN.match(detail), _SEARCH.match(detail)
        name = (scan or search or [None, ""])[1]
        index = re.search(r"INDEX (\w+)", detail)
        tables = {owners[index[1]]} if index and index[1] in owners else names.get(name, set())
        is_large = any(_is_large(table) for table in tables)
        if (scan and is_large) or (search and is_large and not _finds(search[2])):
            faults.append(detail)
        bounded |= search is not None and _is_few(tables, search[2])
        if "TEMP B-TREE FOR ORDER BY" in detail and "LIMIT" in sql and not bounded:
            faults.append(detail)
        if "AUTOMATIC" in detail:
            faults.append(detail)
    return faults


def _is_few(tables: set[str], condition: str) -> bool:
    """Say whether a search finds rows that are few for any value."""
    found = set(re.findall(r"(\w+)=", condition))
    return any((table, column) in FEW for table in tables for column in found)


def _finds(condition: str) -> bool:
    """Say whether the condition of a search narrows it to something: ``kind=? AND path>? AND path<?``."""
    columns = set(re.findall(r"(\w+)(?:=|>|<)", condition))
    return not columns or bool(columns - COARSE)


def postgres_scans(plan: Any) -> Iterator[str]:
    """Yield the sequential scans of large tables in a plan of PostgreSQL that was made with them as a last resort."""
    node = plan[0]["Plan"] if isinstance(plan, list) else plan
    if node["Node Type"] == "Seq Scan" and _is_large(node["Relation Name"]):
        yield f"Seq Scan on {node['Relation Name']}"
    for part in node.get("Plans", ()):
        yield from postgres_scans(part)


async def explain_postgres(connection: Any, sql: str, args: Sequence[Any]) -> Any:
    """Return PostgreSQL's plan of a statement as it comes in JSON."""
    return json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *args))


def told(faults: Iterable[tuple[str, str, str]]) -> str:
    """Write faults for reading: each with the statement, its values left out, and where it was met first."""
    grouped: dict[tuple[str, str], str] = {}
    for fault, where, sql in faults:
        plain = re.sub(r"'[^']*'|\b\d{4,}\b", "?", sql)
        grouped.setdefault((fault, re.sub(r"(\?, )+\?", "?…", plain)), where)
    return "\n\n".join(f"{fault}\n  at {where}\n  {sql}" for (fault, sql), where in grouped.items())
