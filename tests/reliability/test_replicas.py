"""A real streaming replica: it answers queries while it is fresh, and nobody misses what they did themselves."""

from __future__ import annotations

import asyncio
import os
import pwd
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.reliability.clusters import Cluster, programs
from tests.reliability.servers import HOST, Client, fill, free_port, serving, token_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ADD = """mutation($input: AddCommunityInput!) { addCommunity(input: $input)
  { __typename ... on Community { name } ... on UserError { code message } } }"""
COUNT = '{ community(code: "%s") { children(first: 1) { totalCount } } }'


@pytest.fixture
def pair() -> Iterator[tuple[Cluster, Cluster]]:
    """Run a primary and a replica that streams from it."""
    found = programs()
    if found is None:
        pytest.skip("there are no initdb and pg_basebackup to make a replica with")
    # Not below pytest's folder, which is its user's alone: PostgreSQL runs as another one.
    with TemporaryDirectory(prefix="shanzhi_clusters_", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        if os.geteuid() == 0:
            try:
                owner = pwd.getpwnam("postgres")
            except KeyError:
                pytest.skip("there is no user postgres, and PostgreSQL does not run as root")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        yield from _streaming(found, folder)


def _streaming(programs: Path, folder: Path) -> Iterator[tuple[Cluster, Cluster]]:
    primary = Cluster(programs, folder / "primary", free_port())
    replica = Cluster(programs, folder / "replica", free_port())
    primary.run("initdb", "-D", str(primary.folder), "-U", "postgres", "-A", "trust", "-N")
    primary.start()
    try:
        primary.run(
            "pg_basebackup", "-d", f"host={HOST} port={primary.port} user=postgres", "-D", str(replica.folder),
            "-R", "-c", "fast", "-X", "stream", "-N",
        )  # fmt: skip
        replica.start()
        try:
            yield primary, replica
        finally:
            replica.stop()
    finally:
        primary.stop()


async def _asked(workers: Sequence[Client], name: str, *, known: bool) -> None:
    """Wait until every worker says that it asks the replica, or that it does not."""
    for worker in workers:
        async with asyncio.timeout(20):
            while ((await worker.health())["replicas"].get(name) is not None) is not known:  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.05)


async def test_a_replica_answers_while_it_is_fresh(pair: tuple[Cluster, Cluster], tmp_path: Path) -> None:
    """Held back, it still answers others for the seconds that are allowed, but never who did something meanwhile; when
    it is too far behind or gone the primary answers, and it is asked again when it has come back.
    """  # fmt: skip
    primary, replica = pair
    world = await fill(primary.url, tmp_path)
    town = await token_of(primary.url, tmp_path, world, "town")
    place, name = world.places["community"].code, f"{HOST}:{replica.port}"

    def adding(what: str) -> dict[str, Any]:
        return {"input": {"community": place, "kind": "COMPOUND", "name": what}}

    options = {"REPLICA_URL": replica.url, "REPLICA_LAG": "6"}
    async with serving(primary.url, tmp_path, 2, **options) as server, server.clients(2) as (here, there):

        async def count(client: Any, token: str | None = None) -> int:
            found = await client.gql(COUNT % place, token=token)
            return int(found["community"]["children"]["totalCount"])

        await server.until("bus", "postgres")
        await _asked((here, there), name, known=True)
        before = await count(here)
        await replica.ask("SELECT pg_wal_replay_pause()")
        held = time.monotonic()
        assert (await here.gql(ADD, adding("示例滞后"), town))["addCommunity"]["__typename"] == "Community"
        assert await count(here, town) == before + 1  # read your own writes, at the worker that did it
        async with asyncio.timeout(2):
            while await count(there, town) != before + 1:  # noqa: ASYNC110 - another process cannot tell us
                await asyncio.sleep(0.01)
        assert await count(here) == await count(there) == before  # others are answered by the replica
        assert time.monotonic() - held < 5, "this machine was too slow to tell"

        await _asked((here, there), name, known=False)
        assert await count(here) == await count(there) == before + 1
        await replica.ask("SELECT pg_wal_replay_resume()")
        await _asked((here, there), name, known=True)
        assert await count(here) == await count(there) == before + 1

        replica.stop()
        assert await count(here) == await count(there) == before + 1
        await _asked((here, there), name, known=False)
        replica.start()
        await _asked((here, there), name, known=True)
        assert await count(here) == before + 1
