"""Random histories of small polls over GraphQL, held against a model of a few lines."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from bench import polls, rows
from bench.world import tokens_of
from core.database import Tx
from core.ids import global_id
from core.kernel import Kernel
from tests.reliability.casting import CHOICES, Campaign, Cast
from tests.reliability.figures import Figures, equal
from tests.reliability.invariants import LETTERS
from tests.reliability.servers import running
from tests.reliability.towns import Ground, Town

VOTERS, STEPS, AT_ONCE = 3, 9, 50
PAST = "2026-01-01T00:00:00.000+08:00"


@dataclass
class Model:
    """What a poll should be."""

    is_open: bool = True
    counts: dict[int, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """The choice that was taken under each key."""

    def cast(self, cast: Cast) -> bool:
        """Take in a ballot; says whether it is acknowledged."""
        if cast.key in self.keys:
            return self.keys[cast.key] == cast.choice
        if not self.is_open:
            return False
        self.counts[cast.voter], self.keys[cast.key] = cast.choice, cast.choice
        return True

    def sums(self) -> dict[str, int]:
        """Return how many heads each choice has."""
        found = Counter(self.counts.values())
        return {choice: found[choice] for choice in CHOICES}


async def simulated(ground: Ground, rounds: int) -> Figures:
    """Play one history per seed: casts, second thoughts, repeated keys, other bodies under them, the close in between."""
    steps = 0
    async with ground.town() as town:
        for begin in range(0, rounds, AT_ONCE):
            seeds = range(begin, min(begin + AT_ONCE, rounds))
            async with town.kernel() as kernel:
                towns = [await _poll(kernel, town, seed) for seed in seeds]
            async with running(town.site), town.client() as client, town.kernel() as kernel:
                played = zip(seeds, towns, strict=True)
                models = await asyncio.gather(*(_play(kernel, client, one, seed) for seed, one in played))
                await kernel.background().settle_due()
                for seed, one, model in zip(seeds, towns, models, strict=True):
                    steps += STEPS
                    await _compare(kernel, one, model, seed)
    return {"seeds": rounds, "steps": steps, "divergences": 0}


async def _poll(kernel: Kernel, town: Town, seed: int) -> Town:
    around = rows.Neighbourhood(town.world.places["compound"], town.world.people["staff"], ())
    prefix = f"seed-{seed:05}-"
    # Every poll's owners get flats of the same names.
    await kernel.database.run(lambda tx: tx.execute("UPDATE register_unit SET label_key = 'u' || id"))
    opened = await polls.to_cast(kernel, around, VOTERS, prefix)
    return replace(
        town, poll=global_id("Poll", opened.poll), motion=global_id("Motion", opened.motion),
        tokens=await tokens_of(kernel, prefix),
    )  # fmt: skip


async def _play(kernel: Kernel, client: httpx.AsyncClient, town: Town, seed: int) -> Model:
    chance, model, campaign = random.Random(seed), Model(), Campaign(town)
    closes = chance.randrange(2, STEPS + 4)
    for step in range(STEPS):
        if step == closes:
            await _close(kernel, town)
            model.is_open = False
        cast = Cast(chance.randrange(VOTERS), chance.choice(CHOICES), chance.randrange(4))
        told = await campaign.once(client, cast) is not None
        equal(f"seed {seed}, step {step}: {cast} acknowledged", told, model.cast(cast))
    equal(f"seed {seed}: contradictions", campaign.contradictions, [])
    if model.is_open:
        await _close(kernel, town)
    return model


async def _close(kernel: Kernel, town: Town) -> None:
    """Let the poll's time be over."""

    async def work(tx: Tx) -> None:
        await tx.execute("UPDATE core_deadline SET at = ? WHERE matter_id = ?", (PAST, town.poll_key))
        await tx.execute("UPDATE voting_poll SET closes_at = ? WHERE matter_id = ?", (PAST, town.poll_key))

    await kernel.database.run(work)


async def _compare(kernel: Kernel, town: Town, model: Model, seed: int) -> None:
    """Hold the rows of a closed poll against the model."""
    kept = await kernel.database.fetch("SELECT choices FROM voting_ballot WHERE poll_id = ?", (town.poll_key,))
    found = Counter(row["choices"] for row in kept)
    equal(f"seed {seed}: ballots", {c: found[LETTERS[c]] for c in CHOICES}, model.sums())
    returned = await kernel.database.value("SELECT COUNT(*) FROM voting_returned WHERE poll_id = ?", (town.poll_key,))
    equal(f"seed {seed}: returned", returned, len(model.keys))
    told = await kernel.database.fetch("SELECT figures FROM voting_result WHERE poll_id = ?", (town.poll_key,))
    figures: list[Any] = [json.loads(row["figures"])["strict"]["sums"] for row in told]
    for sums in figures:
        equal(f"seed {seed}: tally", {choice: sums[choice]["heads"] for choice in CHOICES}, model.sums())
