"""Storms against the database: cancellations at random moments, and several processes that write.

Also a program, because what it shows cannot be undone in a process that wants to go on:
``python -m tests.storms stock sqlite FILE`` and ``… stock postgres URL`` cancel transactions of *stock* Tortoise until
no transaction can be had any more, and print after how many; ``… write URL NAME COUNT`` reads and then writes as one
of several processes, and prints how many of its deeds failed.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from tortoise.backends.base.config_generator import expand_db_url
from tortoise.context import TortoiseContext
from tortoise.transactions import in_transaction

from core.database import Database, Tx
from core.models import Counter
from tests.databases import CORE

AT_ONCE = 10
PATIENCE = 2.0


async def storm(work: Callable[[int], Awaitable[Any]], cancels: int, *, spins: int, seed: int = 7) -> int:
    """Start pieces of work, ten at a time, cancel each after a random number of turns of the loop.

    Returns how many were really cut short; the others had ended before.
    """
    chance, cut = random.Random(seed), 0
    for start in range(0, cancels, AT_ONCE):
        tasks = [asyncio.ensure_future(work(n)) for n in range(start, start + AT_ONCE)]
        for task in tasks:
            for _ in range(chance.randrange(spins)):
                await asyncio.sleep(0)
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        cut += sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    return cut


async def stock(connection: dict[str, Any], tries: int) -> int | None:
    """Cancel transactions of stock Tortoise until one more cannot be had; returns after how many, None if always."""
    with TortoiseContext() as context:  # not closed at the end: closing waits for what is wedged
        await context.init({"connections": {"default": connection}, "apps": {"core": {"models": ["core.models"]}}})

        async def write(n: int) -> None:
            async with in_transaction():
                await Counter.create(name=f"n{n}", value=n)

        await write(-1)
        for done in range(0, tries, AT_ONCE):
            storming = asyncio.create_task(storm(lambda n, d=done: write(d + n), AT_ONCE, spins=12, seed=done))
            still_going = (await asyncio.wait({storming}, timeout=PATIENCE))[1]
            if still_going or not await _to_be_had(write, tries + done):
                return done + AT_ONCE
    return None


async def _to_be_had(write: Callable[[int], Awaitable[None]], n: int) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            await write(n)
    except Exception as error:  # noqa: BLE001 - however a transaction cannot be had, that is the answer
        print(type(error).__name__, error, file=sys.stderr)
        return False
    return True


async def write(url: str, name: str, count: int) -> int:
    """Read a counter, then write it one higher, so often; returns how many deeds failed."""
    database = await Database.open(url, CORE)

    async def deed(tx: Tx) -> None:
        value = await tx.value("SELECT value FROM core_counter WHERE name = 'shared'" + tx.for_update)
        await tx.execute("UPDATE core_counter SET value = ? WHERE name = 'shared'", (value + 1,))
        await tx.execute("UPDATE core_counter SET value = value + 1 WHERE name = ?", (name,))

    failed = 0
    for _ in range(count):
        try:
            await database.run(deed)
        except Exception as error:  # noqa: BLE001 - every failure is counted, and told
            print(type(error).__name__, error, file=sys.stderr)
            failed += 1
    await database.close()
    return failed


async def _main(kind: str, *words: str) -> object:
    if kind == "write":
        return await write(words[0], words[1], int(words[2]))
    if words[0] == "sqlite":
        return await stock({"engine": "tortoise.backends.sqlite", "credentials": {"file_path": words[1]}}, 3_000)
    return await stock(dict(expand_db_url(words[1])), 10_000)


if __name__ == "__main__":

    async def told() -> None:
        """Print the outcome and leave at once: a wedged connection would keep the process for ever."""
        print(await _main(*sys.argv[1:]), flush=True)
        os._exit(0)

    asyncio.run(told())
