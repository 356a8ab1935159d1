"""What clients do to a server: repeat themselves, leave without waiting, come all at once."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx

from schema.limits import Limits
from tests.reliability.casting import Campaign, Cast, Socket, burst
from tests.reliability.figures import Figures, at_most, equal, p99
from tests.reliability.invariants import check
from tests.reliability.servers import kill, running, stop
from tests.reliability.towns import Ground, Town, beside

SEED = 440604
AT_ONCE = 50
QUERY = {"query": "{ viewer { language } }"}


async def repeated(ground: Ground, rounds: int) -> Figures:
    """Send one key fifty times at once, by HTTP and WebSocket; with another body; and again after a restart."""
    async with ground.town() as town:
        campaign = Campaign(town)
        server, _ = await town.site.started()
        try:
            async with town.client(connections=AT_ONCE) as client:
                for voter in range(rounds):
                    await _one_key(campaign, client, Cast(voter))
            await kill(server)
            server, _ = await town.site.started()
            async with town.client() as client:
                await campaign.all_of(client, [Cast(voter) for voter in range(rounds)], 8)
        finally:
            await stop(server)
        counted = await check(town, campaign)
        equal("ballots", counted["returned"], rounds)
    return {"keys": rounds, "sent": rounds * (AT_ONCE + 2), **counted}


async def _one_key(campaign: Campaign, client: httpx.AsyncClient, cast: Cast) -> None:
    socket = await Socket.open(campaign.town, cast.voter)
    over_socket = 10
    for number in range(over_socket):
        await socket.begin(str(number), campaign.body(cast))
    await asyncio.gather(*(campaign.stubbornly(client, cast) for _ in range(AT_ONCE - over_socket)))
    for answer in await socket.answers(over_socket):
        campaign.told(cast, answer)
    other = await client.post("/graphql", json=campaign.body(_other(cast)), headers=campaign.headers(cast))
    equal("another body under the same key", other.json()["data"]["castBallot"]["code"], "core.idempotency_key_reused")
    await socket.link.close()


def _other(cast: Cast) -> Cast:
    return Cast(cast.voter, "AGAINST" if cast.choice == "FOR" else "FOR", cast.turn)


async def unheard(ground: Ground, rounds: int) -> Figures:
    """Hang up once a ballot is sent, before the answer, and ask again: one effect."""
    chance = random.Random(SEED)
    async with ground.town() as town:
        campaign = Campaign(town)
        async with running(town.site), town.client() as client:
            voters = len(town.tokens)
            for number in range(rounds):
                cast = Cast(number % voters, turn=number // voters)
                await abort(campaign, client, cast, chance.random() * 0.03)
                await campaign.stubbornly(client, cast)
        counted = await check(town, campaign)
        equal("ballots", counted["returned"], rounds)
    return {"rounds": rounds, **counted}


async def abort(campaign: Campaign, client: httpx.AsyncClient, cast: Cast, after: float) -> None:
    """Send a ballot and hang up after so many seconds."""
    asking = asyncio.ensure_future(campaign.once(client, cast))
    await asyncio.wait({asking}, timeout=after)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def cancelled(ground: Ground, rounds: int) -> Figures:
    """Begin ballots and leave, half over WebSockets and half by hanging up; the next query is answered soon."""
    chance, loop = random.Random(SEED), asyncio.get_running_loop()
    async with ground.town() as town:
        campaign = Campaign(town)
        async with running(town.site):
            await asyncio.gather(_leaving(campaign, rounds // 2), _hanging_up(campaign, rounds - rounds // 2, chance))
            longest = 0.0
            async with town.client() as client:
                for turn in range(5):
                    began = loop.time()
                    equal("status of the next query", (await client.post("/graphql", json=QUERY)).status_code, 200)
                    await campaign.stubbornly(client, Cast(0, turn=900_000 + turn))
                    longest = max(longest, loop.time() - began)
        at_most("next query s", longest, 3.0)
        counted = await check(town, campaign)
    return {"cancels": rounds, "next query s": round(longest, 3), **counted}


async def _leaving(campaign: Campaign, rounds: int) -> None:
    socket = await Socket.open(campaign.town, 1)
    for number in range(rounds):
        cast = Cast(1, turn=number)
        campaign.sent[cast.key] = cast
        await socket.begin(str(number), campaign.body(cast))
        await socket.leave(str(number))
        if number % 15 == 14:  # a socket may have twenty under way
            await socket.ask(f"pause {number}", {**QUERY})
    await socket.link.close()


async def _hanging_up(campaign: Campaign, rounds: int, chance: random.Random) -> None:
    async with campaign.town.client() as client:
        for number in range(rounds):
            await abort(campaign, client, Cast(2, turn=number), chance.random() * 0.02)


async def written_by_three(ground: Ground, rounds: int) -> Figures:
    """Three servers with one database take ballots at once: no error, and nobody waits long."""
    async with ground.town() as town:
        towns = [town, beside(town), beside(town)]
        campaigns = [Campaign(one) for one in towns]
        servers = [(await one.site.started())[0] for one in towns]
        try:
            await asyncio.gather(*(_steadily(campaigns[n], n, rounds) for n in range(3)))
        finally:
            ended = await asyncio.gather(*map(stop, servers))
        equal("exit codes", set(ended) - {0, -15}, set())
        whole = _together(town, campaigns)
        equal("refusals", dict(whole.refusals), {})
        if rounds >= 100:  # the first few wait for caches to fill
            at_most("p99 ms", p99(whole.latencies), 100)
        counted = await check(town, whole)
    return {"processes": 3, "ballots": 3 * rounds, "p99 ms": p99(whole.latencies), "errors": 0, **counted}


async def _steadily(campaign: Campaign, number: int, rounds: int) -> None:
    voters = range(number, len(campaign.town.tokens), 3)
    async with campaign.town.client() as client:
        casts = (Cast(voters[turn % len(voters)], turn=turn) for turn in range(rounds))
        await campaign.all_of(client, casts, 1)


def _together(town: Town, campaigns: list[Campaign]) -> Campaign:
    whole = Campaign(town)
    for one in campaigns:
        whole.sent |= one.sent
        whole.receipts |= one.receipts
        whole.refusals += one.refusals
        whole.latencies += one.latencies
        whole.contradictions += one.contradictions
    return whole


async def overloaded(ground: Ground, rounds: int) -> Figures:
    """Send ten and three times as many ballots at once as the server lets in: the rest is told to come back, none is lost.

    Casts are so short that such bursts are often answered before the limit is reached: then nobody is refused, which is as
    good. The server sleeps until all of a burst are there; what is measured is its time, not how fast a client sends.
    """
    most = Limits().max_in_flight
    async with ground.town() as town:
        campaign = Campaign(town)
        async with running(town.site) as server:
            await burst(campaign, server.supervisor.pid, _casts(town, 0, 10 * most))
            refused, slowest = campaign.refusals["503"], p99(campaign.latencies)
            campaign.latencies.clear()
            for turn in range(1, rounds + 1):
                await burst(campaign, server.supervisor.pid, _casts(town, turn, 3 * most))
        told: dict[str, Any] = dict(campaign.refusals)
        counted = await check(town, campaign)
        equal("answers that are neither a receipt nor a 503", set(told) - {"503"}, set())
        if rounds > 1:  # in the tests, other tests run beside it
            at_most("accepted p99 ms", p99(campaign.latencies), 1000)
    return {
        "sent": len(campaign.sent),
        "refused of ten times": refused,
        "refused of three times": campaign.refusals["503"] - refused,
        "accepted p99 ms of ten times": slowest,
        "accepted p99 ms of three times": p99(campaign.latencies),
        **counted,
    }


def _casts(town: Town, turn: int, count: int) -> list[Cast]:
    return [Cast(n % len(town.tokens), turn=turn * 10_000 + n) for n in range(count)]
