"""Rows changed past the server, with plain SQL on a filled database: ``server.py trace verify`` names each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from core import auditing, ledger
from core.database import Tx
from tests.acceptance.test_trace import counted
from tests.conftest import World

TABLES = {"voting_returned": "id", "voting_ballot": "id", "voting_turnout": "id", "register_roll_entry": "id",
          "core_trace_leaf": "id", "core_trace_head": "id"}  # fmt: skip
Tamper = Callable[[Tx], Coroutine[Any, Any, None]]

_FIRST = "(SELECT MIN(id) FROM voting_returned)"
_LAST = "(SELECT MAX(id) FROM voting_returned)"
_CAST = "(SELECT MIN(seq) FROM core_trace_leaf WHERE deed = 'voting.cast_ballot')"
_CLOSE = "(SELECT seq FROM core_trace_leaf WHERE deed = 'voting.close_poll')"


def sql(*statements: str) -> Tamper:
    """Change rows by plain SQL."""

    async def tamper(tx: Tx) -> None:
        for statement in statements:
            await tx.execute(statement)

    return tamper


async def _insert(tx: Tx) -> None:
    """Put a ballot in that nobody cast."""
    [row] = await tx.fetch(f"SELECT * FROM voting_returned WHERE id = {_FIRST}")
    fields = {**dict(row), "id": row["id"] + 1, "receipt": "0" * 64}
    await tx.execute(
        f"INSERT INTO voting_returned ({', '.join(fields)}) VALUES ({', '.join('?' * len(fields))})",
        tuple(fields.values()),
    )


async def _exchange(tx: Tx, one: str, other: str) -> None:
    """Let two leaves change places."""
    first, second = [await tx.value(f"SELECT {place}") for place in (one, other)]
    await tx.execute("UPDATE core_trace_leaf SET seq = NULL WHERE seq = ?", (first,))
    await tx.execute("UPDATE core_trace_leaf SET seq = ? WHERE seq = ?", (first, second))
    await tx.execute("UPDATE core_trace_leaf SET seq = ? WHERE seq IS NULL", (second,))


async def _late(tx: Tx) -> None:
    await _exchange(tx, _CAST, f"{_CLOSE} + 1")


async def _reorder(tx: Tx) -> None:
    await _exchange(tx, _CAST, f"{_CAST} + 1")


TAMPERINGS: dict[str, tuple[Tamper, str]] = {
    "alter a ballot": (sql(f"UPDATE voting_returned SET channel = 'PAPER' WHERE id = {_FIRST}"), "ballot-altered"),
    "swap two votes": (
        sql("UPDATE voting_returned SET marks = CASE marks WHEN 'A' THEN 'F' ELSE 'A' END "
            f"WHERE id IN ({_FIRST}, (SELECT MIN(id) FROM voting_returned WHERE marks = 'A'))"),
        "ballots-swapped",
    ),
    "drop a ballot": (sql(f"DELETE FROM voting_returned WHERE id = {_LAST}"), "ballot-dropped"),
    "insert a ballot": (_insert, "ballot-inserted"),
    "weigh anew": (
        sql(f"UPDATE register_roll_entry SET area_centi = 1 WHERE id = (SELECT entry_id FROM voting_returned WHERE id = {_FIRST})"),
        "ballot-reweighted",
    ),
    "count nobody's ballot": (
        sql(f"DELETE FROM voting_ballot WHERE entry_id = (SELECT entry_id FROM voting_returned WHERE id = {_FIRST})"),
        "ballot-uncounted",
    ),
    "pretend that more took part": (sql("UPDATE voting_turnout SET heads = heads + 1"), "turnout-wrong"),
    "vote after the close": (_late, "late-ballot"),
    "alter a leaf": (sql(f"UPDATE core_trace_leaf SET body = body || ' ' WHERE seq = {_CAST}"), "leaf-altered"),
    "drop a leaf": (sql(f"DELETE FROM core_trace_leaf WHERE seq = {_CAST}"), "leaf-missing"),
    "reorder leaves": (_reorder, "log-mismatch"),
    "cut the log short": (sql("DELETE FROM core_trace_leaf WHERE seq > 3"), "log-truncated"),
    "replace a head": (
        sql("UPDATE core_trace_head SET root = leaf_hash FROM core_trace_leaf l WHERE l.seq = 1"), "signature-invalid"
    ),
}  # fmt: skip


async def named(world: World) -> set[str]:
    """Return the names of what ``trace verify`` finds."""
    return {fault.kind for fault in await auditing.verify_all(world.kernel, [])}


@asynccontextmanager
async def put_back(world: World) -> AsyncIterator[None]:
    """Give every table back the rows that it had."""
    before = {
        table: [dict(row) for row in await world.kernel.database.fetch(f"SELECT * FROM {table}")] for table in TABLES
    }
    yield

    async def restore(tx: Tx) -> None:
        for table, rows in before.items():
            if table != "register_roll_entry":  # others point at it; it is only ever changed
                await tx.execute(f"DELETE FROM {table}")
            for row in rows:
                changed = ", ".join(f"{name} = excluded.{name}" for name in row)
                await tx.execute(
                    f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) "
                    f"ON CONFLICT ({TABLES[table]}) DO UPDATE SET {changed}",
                    tuple(row.values()),
                )

    await world.kernel.database.run(restore)


async def test_every_tampering_with_rows_is_named(world: World) -> None:
    """A sound database passes, and passes again once every kind of tampering has been found and undone."""
    await counted(world)
    await ledger.make_head(world.kernel, "test")
    assert await named(world) == set()
    for what, (tamper, name) in TAMPERINGS.items():
        async with put_back(world):
            await world.kernel.database.run(tamper)
            assert name in await named(world), what
    assert await named(world) == set()
