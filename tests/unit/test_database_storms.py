"""Cancel storms and several writers: what wedges stock Tortoise does not wedge us (trust.md T1, T2, T5)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.database import Database, Tx, sqlite_path
from core.models import Counter
from tests.databases import CORE, KINDS, made, opened
from tests.storms import storm

CANCELS = 3_000
ROUND = 100
PATIENCE = 3.0
ADD = "INSERT INTO core_counter (name, value) VALUES (?, ?)"

pytestmark = pytest.mark.slow


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database of each kind; on PostgreSQL with five connections."""
    async with opened(request.param, tmp_path, pool_size=5) as made_one:
        yield made_one


async def program(*words: str) -> str:
    """Run the storm program and return what it printed, and why if nothing."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.storms", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return (out or err).decode().strip()


async def test_a_storm_of_cancelled_deeds_wedges_nothing(database: Database) -> None:
    """After each hundred of 3,000 random cancels the next deed is done at once; all that were asked for are whole."""
    asked_for: list[int] = []
    cut = 0

    async def deed(tx: Tx, n: int) -> None:
        await tx.execute(ADD, (f"a{n}", n))
        await Counter.create(name=f"b{n}", value=n)

    async def ask(n: int) -> None:
        asked_for.append(n)
        await database.run(lambda tx: deed(tx, n))

    for first in range(0, CANCELS, ROUND):
        cut += await storm(lambda n, first=first: ask(first + n), ROUND, spins=12, seed=first)
        async with asyncio.timeout(PATIENCE):
            await database.run(lambda tx, n=first: tx.execute(ADD, (f"z{n}", -1)))
    assert cut > CANCELS // 10
    assert len(asked_for) > CANCELS // 2
    halves = await database.fetch("SELECT value FROM core_counter WHERE value >= 0 GROUP BY value HAVING COUNT(*) <> 2")
    assert halves == []
    await database.close()
    reopened = await Database.open(database.url, CORE)
    assert await reopened.value("SELECT COUNT(*) FROM core_counter WHERE value >= 0") == 2 * len(asked_for)
    await reopened.close()


async def test_a_storm_of_cancelled_reads_wedges_nothing(database: Database) -> None:
    """After each hundred of 3,000 random cancels the next read is answered at once."""
    sql = "SELECT COUNT(*) FROM core_counter WHERE value >= ?"
    for first in range(0, CANCELS, ROUND):
        await storm(lambda n: database.fetch(sql, (n,)), ROUND, spins=12, seed=first)
        async with asyncio.timeout(PATIENCE):
            assert await database.value(sql, (0,)) == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_stock_tortoise_does_not_survive_the_same_storm(kind: str, tmp_path: Path) -> None:
    """The control: within some thousand cancels stock transactions cannot be had any more."""
    async with made(kind, tmp_path) as url:
        printed = await program("stock", kind, sqlite_path(url) if kind == "sqlite" else url)
    assert printed.isdigit(), printed


@pytest.mark.parametrize("kind", KINDS)
async def test_three_processes_write_what_they_read_without_an_error(kind: str, tmp_path: Path) -> None:
    """Three processes with 150 deeds each, all of which read and then write: none fails, no update is lost."""
    names = ["p0", "p1", "p2"]
    async with opened(kind, tmp_path) as database:
        await database.run(lambda tx: tx.execute_many(ADD, [(name, 0) for name in (*names, "shared")]))
        printed = await asyncio.gather(*(program("write", database.url, name, "150") for name in names))
        rows = await database.fetch("SELECT name, value FROM core_counter ORDER BY name")
    assert printed == ["0", "0", "0"]
    assert [tuple(row) for row in rows] == [("p0", 150), ("p1", 150), ("p2", 150), ("shared", 450)]
