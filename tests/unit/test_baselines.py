"""The baselines of ``bench/`` answer the measured documents as our server does, or its ratios would mean nothing."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from bench import node
from bench.agreement import READS, Party, check_agreement
from bench.load import Line, WrongAnswer
from bench.servers import serving
from bench.workloads import Workload, workloads
from bench.world import Copy, Size, Store, copy_of

TINY = Size(matters=2_000, people=1_000, large_roll=300)
VARIANTS = ("engine", "shanzhi-stock", "stock", "hand")  # stock-cached is stock with two extensions


async def _asked(party: Party, work: Workload) -> bytes:
    line = await Line.to(party.server.port)
    answer = await line.ask(next(work.requests))
    line.close()
    work.check(answer)
    return answer.body


def _written(copy: Copy) -> list[tuple[object, ...]]:
    """Return how many rows a cast ballot has left in each table, and what the turnout says."""
    tables = ("voting_returned", "voting_ballot", "core_trace_leaf WHERE deed = 'voting.cast_ballot'",
              "core_trace_salt", "core_event WHERE type = 'voting.ballot_cast'",
              "core_idempotency_key WHERE key LIKE 'bench-%'")  # fmt: skip
    with closing(sqlite3.connect(copy.url.removeprefix("sqlite://"))) as database:
        counted = [database.execute(f"SELECT COUNT(*) FROM {table}").fetchone() for table in tables]
        return [*counted, *database.execute("SELECT building, area_centi, heads FROM voting_turnout ORDER BY 1, 2")]


async def _started(stack: AsyncExitStack, folder: Path, variants: Sequence[str]) -> tuple[list[Party], list[Copy]]:
    """Start each variant on a copy of one world."""
    store, copies = Store(folder, TINY), list[Copy]()
    for variant in variants:
        copies.append(await stack.enter_async_context(copy_of(store, variant, copies[0] if copies else None)))
    servers = await asyncio.gather(
        *(stack.enter_async_context(serving(variant, copy.folder, copy.url, copy.secret))
          for variant, copy in zip(variants, copies, strict=True))
    )  # fmt: skip
    found = zip(variants, servers, copies, strict=True)
    return [Party(variant, server, workloads(copy)) for variant, server, copy in found], copies


@pytest.mark.timeout(240)
async def test_every_variant_answers_alike_and_writes_the_same_rows(tmp_path: Path) -> None:
    """Each read gives equal JSON everywhere; a ballot leaves equal rows; a wrong reference is noticed."""
    async with AsyncExitStack() as stack:
        parties, copies = await _started(stack, tmp_path, VARIANTS)
        assert {work.name for work in parties[0].workloads} >= {*READS, "W5"}
        await check_agreement(parties, "shanzhi-stock")
        for party in parties:
            for work in party.workloads:
                assert json.loads(await _asked(party, work))["data"]
        rows = [_written(copy) for copy in copies]
        assert rows[0][0] == (601,)  # the counted poll's, and one more
        assert all(found == rows[0] for found in rows[1:])
        swapped = [parties[0], Party("other", parties[1].server, list(reversed(parties[1].workloads)))]
        next(swapped[1].workloads[-2].requests)  # W1 asks for another community every time
        with pytest.raises(WrongAnswer, match="W1: other answers otherwise than engine"):
            await check_agreement(swapped, "engine")


@pytest.mark.skipif(not node.is_installed(), reason="the peer's packages are not installed: `npm ci` in bench/peer")
@pytest.mark.timeout(240)
async def test_the_peer_on_node_answers_the_reads_alike(tmp_path: Path) -> None:
    """Each read of mercurius gives the JSON that our server gives."""
    async with AsyncExitStack() as stack:
        [ours, peer], _ = await _started(stack, tmp_path, ("engine", "peer"))
        reads = [work for work in peer.workloads if work.name in node.PEER_WORKLOADS]
        assert {work.name for work in reads} == {"W0", *READS}
        await check_agreement([ours, Party(peer.name, peer.server, reads)], ours.name)
        for work in reads:
            assert json.loads(await _asked(peer, work))["data"]
