"""What happens to the machine around a server: the disk fills, clocks jump, PostgreSQL and Redis go away."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.reliability.casting import Campaign, Cast, Crowd
from tests.reliability.clusters import cluster
from tests.reliability.figures import Figures, NotHere, at_most, equal
from tests.reliability.invariants import Violated, check
from tests.reliability.requests import QUERY
from tests.reliability.servers import free_port, redis_server, running
from tests.reliability.towns import Ground, Town, beside, closing_in
from tests.reliability.towns import ground as filled

SPARE_MIB = 6
RECOVERY_SECONDS = 10.0
FALSE_CLOCKS = "usr/lib/*/faketime/libfaketimeMT.so.1"


@contextmanager
def _small_disk(folder: Path, size_mib: int) -> Iterator[Path]:
    """Mount a small file system in memory, as root may."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        raise NotHere("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def disk_full(ground: Ground, rounds: int) -> Figures:
    """Fill the disk while ballots are cast: they are refused, reads go on; with room again, the same process takes them."""
    async with ground.town() as town:
        file = Path(town.site.url.removeprefix("sqlite://"))
        with _small_disk(town.site.folder / "disk", SPARE_MIB + file.stat().st_size // (1 << 20)) as disk:
            shutil.move(file, disk / file.name)
            town.site.url = f"sqlite:///{disk / file.name}"
            campaign, loop, longest = Campaign(town), asyncio.get_running_loop(), 0.0
            async with running(town.site), town.client() as client:
                for turn in range(rounds):
                    await campaign.all_of(client, [Cast(n, turn=turn) for n in range(5)], 5)
                    _fill(disk / "filler")
                    refused = await _until_refused(campaign, client, turn)
                    equal("a read with a full disk", (await client.post("/graphql", json=QUERY)).status_code, 200)
                    (disk / "filler").unlink()
                    began = loop.time()
                    await campaign.stubbornly(client, refused)
                    longest = max(longest, loop.time() - began)
            counted = await check(town, campaign)
    at_most("recovered after s", longest, RECOVERY_SECONDS)
    return {"rounds": rounds, "recovered after s": round(longest, 2), "refused": dict(campaign.refusals), **counted}


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


async def _until_refused(campaign: Campaign, client: httpx.AsyncClient, turn: int) -> Cast:
    """Cast until there is no room; pages that the log has already got are used up first."""
    for number in range(5000):
        cast = Cast(number % len(campaign.town.tokens), turn=100_000 * (turn + 1) + number)
        if await campaign.once(client, cast) is None:
            return cast
    raise NotHere("the disk did not fill up")


def _false_clock(offset: str) -> dict[str, str]:
    """Return the environment of a program whose clock is wrong."""
    found = [str(path) for path in Path("/").glob(FALSE_CLOCKS)]
    if not found:
        raise NotHere("libfaketime is not installed")
    return {"LD_PRELOAD": found[0], "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


async def clocks(ground: Ground, rounds: int) -> Figures:
    """Two servers ten seconds apart close a poll; then one whose clock is an hour late, and one early: it stays closed."""
    late = 0
    for _ in range(rounds):
        async with ground.town() as town:
            late += await _closed_for_good(town)
    return {"polls": rounds, "casts refused after the close": late}


async def _closed_for_good(town: Town) -> int:
    other = beside(town)
    town.site.surroundings, other.site.surroundings = _false_clock("-5s"), _false_clock("+5s")
    campaigns = Campaign(town), Campaign(other)
    async with running(town.site), running(other.site):
        await closing_in(town, seconds=7)
        await asyncio.gather(*map(_until_closed, campaigns))
    await _closed(town)
    refused = 0
    for offset in ("-3600s", "+3600s", "-5s"):
        town.site.surroundings = _false_clock(offset)
        async with running(town.site), town.client() as client:
            for voter in range(5):
                equal("a cast after the close", await campaigns[0].once(client, Cast(voter, turn=777)), None)
                refused += 1
    campaigns[0].sent |= campaigns[1].sent
    campaigns[0].receipts |= campaigns[1].receipts
    await check(town, campaigns[0])
    return refused


async def _until_closed(campaign: Campaign) -> None:
    """Cast until a server says that the poll is over."""
    turn = 10_000 if campaign.town.site.surroundings["FAKETIME"].startswith("+") else 0
    async with campaign.town.client() as client, asyncio.timeout(40):
        while not any("state" in code for code in campaign.refusals):
            turn += 1
            await campaign.once(client, Cast(turn % len(campaign.town.tokens), turn=turn))


async def _closed(town: Town) -> None:
    async with town.kernel() as kernel:
        kernel.clock = _At(datetime.now(UTC) + timedelta(seconds=30), kernel.clock)
        await kernel.background().settle_due()
    if (state := await town.value("SELECT state FROM core_matter WHERE id = ?", town.poll_key)) == "VOTING":
        raise Violated(f"the poll is still {state}")


class _At:
    """A clock that has gone on."""

    def __init__(self, at: datetime, own: Any) -> None:
        self._ahead = at - own.now()
        self._own = own

    def now(self) -> datetime:
        """Return the instant."""
        found: datetime = self._own.now() + self._ahead
        return found


@asynccontextmanager
async def _own_postgres(voters: int) -> AsyncIterator[tuple[Any, Ground]]:
    async with AsyncExitStack() as stack:
        made = stack.enter_context(cluster())
        if made is None:
            raise NotHere("PostgreSQL's own programs are not installed")

        async def same(url: str, folder: Path) -> str:
            return url

        async def leave(url: str) -> None:
            return None

        own = await stack.enter_async_context(filled("postgres", voters, made.url))
        yield made, replace(own, copy=same, drop=leave)


async def postgres_stopped(ground: Ground, rounds: int) -> Figures:
    """Stop PostgreSQL at once while ballots are cast, and start it: nothing told is lost, the server needs no restart."""
    longest, loop = 0.0, asyncio.get_running_loop()
    async with _own_postgres(ground.voters) as (postgres, own), own.town() as town:
        campaign = Campaign(town)
        async with running(town.site), Crowd(campaign) as crowd:
            for _ in range(rounds):
                await crowd.until(30)
                await asyncio.to_thread(postgres.stop)
                await _until_unready(town)
                await asyncio.to_thread(postgres.start)
                began = loop.time()
                await crowd.until(1)
                longest = max(longest, loop.time() - began)
        counted = await check(town, campaign)
    at_most("recovered after s", longest, RECOVERY_SECONDS)
    return {"rounds": rounds, "recovered after s": round(longest, 2), "acknowledged": len(campaign.receipts), **counted}


async def _until_unready(town: Town) -> None:
    """Wait until ``/readyz`` tells the truth: the database does not answer."""
    async with town.client() as client, asyncio.timeout(10):
        while (await client.get("/readyz")).status_code != 503:  # noqa: ASYNC110 - another process cannot tell us
            await asyncio.sleep(0.05)


async def redis_killed(ground: Ground, rounds: int) -> Figures:
    """Kill Redis while ballots are cast: they need none."""
    port = free_port()
    longest, loop = 0.0, asyncio.get_running_loop()
    async with ground.town(options={"REDIS_URL": f"redis://127.0.0.1:{port}/0", "RATE_LIMIT": "1000000"}) as town:
        campaign = Campaign(town)
        async with running(town.site), Crowd(campaign) as crowd:
            for _ in range(rounds):
                with redis_server(port):
                    await crowd.until(30)
                began = loop.time()
                await crowd.until(10)
                longest = max(longest, loop.time() - began)
        counted = await check(town, campaign)
    at_most("ten ballots without Redis s", longest, RECOVERY_SECONDS)
    return {"rounds": rounds, "ten ballots without Redis s": round(longest, 2), **counted}


async def backed_up(ground: Ground, rounds: int) -> Figures:
    """Back up again and again while ballots are cast; each backup is whole, and the last one restores."""
    began, whole = time.monotonic(), 0
    async with ground.town() as town:
        campaign = Campaign(town)
        async with running(town.site), Crowd(campaign, at_once=4) as crowd:
            for number in range(rounds):
                code, said = await town.site.command("backup", str(town.site.folder / f"backup-{number}"))
                equal(f"backup {number}: {said}", code, 0)
                code, said = await town.site.command("verify", str(town.site.folder / f"backup-{number}"))
                equal(f"verify {number}: {said}", code, 0)
                whole += 1
                await crowd.until(1)
        last = str(town.site.folder / f"backup-{rounds - 1}")
        code, said = await town.site.command("restore", last, "--force")
        equal(f"restore: {said}", code, 0)
        await check(town)
    return {"backups": rounds, "whole": whole, "s each": round((time.monotonic() - began) / rounds, 1)}


async def plugin_failing(ground: Ground, rounds: int) -> Figures:
    """Let a plugin's reaction raise whenever it runs: others are served, ``/readyz`` names it, and nothing is lost."""
    told = ""
    for _ in range(rounds):
        async with ground.town() as town:
            campaign = Campaign(town)
            async with running(town.site), town.client() as client:
                await campaign.all_of(client, [Cast(voter) for voter in range(10)], 5)
                await town.change("ALTER TABLE voting_result RENAME TO voting_gone")
                await closing_in(town, seconds=0)
                async with asyncio.timeout(40):
                    while not (unwell := (await client.get("/readyz")).json()["degraded"]):
                        equal("a query meanwhile", (await client.post("/graphql", json=QUERY)).status_code, 200)
                        await asyncio.sleep(0.2)  # another process cannot tell us
                equal("named", list(unwell), ["voting"])
                told = unwell["voting"]
            await _rename_back(town)
            await check(town, campaign)
            counted = await town.value("SELECT COUNT(*) FROM voting_result WHERE poll_id = ?", town.poll_key)
            equal("counted once it could be", counted > 0, True)
    return {"rounds": rounds, "named": told}


async def _rename_back(town: Town) -> None:
    """Mend the plugin's table past the kernel, which would find it missing."""
    with closing(sqlite3.connect(town.site.url.removeprefix("sqlite://"), isolation_level=None)) as own:
        own.execute("ALTER TABLE voting_gone RENAME TO voting_result")


async def log_altered(ground: Ground, rounds: int) -> Figures:
    """Alter the tree below a signed head: ``/readyz`` says so, and reads go on."""
    for _ in range(rounds):
        async with ground.town() as town:
            async with running(town.site), town.client() as client:
                await Campaign(town).all_of(client, [Cast(voter) for voter in range(5)], 5)
            code, said = await town.site.command("trace", "head")
            equal(f"a head: {said}", code, 0)
            await town.change("DELETE FROM core_trace_leaf WHERE seq = (SELECT MAX(seq) FROM core_trace_leaf)")
            await town.change("DELETE FROM core_trace_leaf WHERE seq = (SELECT MAX(seq) FROM core_trace_leaf)")
            async with running(town.site), town.client() as client:
                health = (await client.get("/readyz")).json()
                if not health["trace"]["altered"]:
                    raise Violated("a shortened log is not told")
                equal("a read", (await client.post("/graphql", json=QUERY)).status_code, 200)
    return {"rounds": rounds, "told": rounds}
