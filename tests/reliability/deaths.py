"""Servers that die or are told to stop while ballots are cast."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from tests.reliability.casting import Campaign, Cast, Crowd
from tests.reliability.figures import at_most
from tests.reliability.invariants import Violated, check
from tests.reliability.servers import Server, kill, stop
from tests.reliability.towns import Ground, Town

SEED = 440604
RESTART_SECONDS, STOPPED_SECONDS = 3.0, 10.0


async def killed(ground: Ground, rounds: int) -> dict[str, Any]:
    """Kill -9 the server at random moments while ballots are cast, and start it again; everything told stands."""
    chance, first = random.Random(SEED), []
    async with ground.town() as town:
        campaign = Campaign(town)
        server, _ = await town.site.started()
        try:
            async with Crowd(campaign) as crowd:
                for _ in range(rounds):
                    await crowd.until(chance.randrange(1, 40))
                    await asyncio.sleep(chance.random() * 0.02)  # the moment is what is random
                    await kill(server)
                    server, seconds = await _first_answer(town, crowd)
                    first.append(seconds)
        finally:
            await stop(server)
        counted = await check(town, campaign)
    if rounds >= 10:  # the tests share their machine
        at_most("first good request s", max(first), RESTART_SECONDS)
    return {"rounds": rounds, "first good request s": round(max(first), 2), **_told(campaign),
            **counted}  # fmt: skip


async def _first_answer(town: Town, crowd: Crowd) -> tuple[Server, float]:
    """Start a server again; returns it, and after how long a ballot was acknowledged."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    server = town.site.start()
    await crowd.until(1)
    return server, loop.time() - began


def _told(campaign: Campaign) -> dict[str, Any]:
    return {"acknowledged": len(campaign.receipts), "sent": len(campaign.sent), "retries": campaign.retries}


async def terminated(ground: Ground, rounds: int) -> dict[str, Any]:
    """Stop the server by SIGTERM while ballots are cast: it ends well within ten seconds, and nothing told is lost."""
    loop, longest, codes = asyncio.get_running_loop(), 0.0, set()
    async with ground.town() as town:
        campaign = Campaign(town)
        server, _ = await town.site.started()
        async with Crowd(campaign) as crowd:
            for _ in range(rounds):
                await crowd.until(20)
                began = loop.time()
                codes.add(await stop(server))
                longest = max(longest, loop.time() - began)
                server, _ = await _first_answer(town, crowd)
        codes.add(await stop(server))
        if codes - {0, -15}:
            raise Violated(f"a stopped server ended with {codes}: {town.site.log.read_text()[-2000:]}")
        if longest > STOPPED_SECONDS:
            raise Violated(f"it took {longest:.1f} s to stop")
        counted = await check(town, campaign)
    return {"rounds": rounds, "stopped after s": round(longest, 2), **_told(campaign), **counted}


async def closing(ground: Ground, rounds: int) -> dict[str, Any]:
    """Count a poll by its deadline with a killed server between casts and count: the tally is that of the ballots."""
    async with ground.town() as town:
        campaign = Campaign(town)
        server, _ = await town.site.started()
        async with town.client() as client:
            casts = (Cast(voter, ("FOR", "AGAINST")[voter % 3 == 0]) for voter in range(rounds))
            await campaign.all_of(client, casts, 16)
        await kill(server)
        await _past_the_end(town)
        counted = await check(town, campaign)
        rounds_counted = await town.value("SELECT round FROM voting_poll WHERE matter_id = ?", town.poll_key)
        if rounds_counted != 1:
            raise Violated(f"the poll was counted {rounds_counted} times")
    return {**_told(campaign), **counted}


async def _past_the_end(town: Town) -> None:
    await town.change(
        "UPDATE core_deadline SET at = '2026-01-01T00:00:00.000+08:00' WHERE matter_id = ?", town.poll_key
    )
