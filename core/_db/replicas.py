"""Read replicas: streaming standbys of the PostgreSQL primary that answer queries, as long as they are fresh enough.

How stale a replica is, is measured by the log alone, so that no two clocks are compared: every half second the primary is
asked how far its log goes, and the replica how far it has come. A replica that has come as far as the primary was at
moment *t* has everything that was committed before *t*. It answers while *t* is not further back than the bound, and it
answers a person whose own deed was committed here only once *t* is after that deed.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

import asyncpg

from core._db.seam import Params, Row, StorageUnavailable

log = logging.getLogger("shanzhi.db")

LOOK_EVERY = 0.5
OPEN_SECONDS = 5.0
NEVER = float("-inf")
_WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
_REPLAYED = "SELECT pg_is_in_recovery(), pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint"
_AWAY = (StorageUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError)


class Source(Protocol):
    """A pool of connections to read by."""

    async def open(self) -> None:
        """Connect; raises StorageUnavailable."""

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        """Return all rows; raises StorageUnavailable."""

    async def close(self) -> None:
        """Close the connections."""


class Replica:
    """One standby: what was committed before ``as_of`` (monotonic seconds), it has."""

    def __init__(self, url: str, pool: Source) -> None:
        parts = urlsplit(url)
        self.name = f"{parts.hostname}:{parts.port or 5432}"
        self.pool = pool
        self.is_open = False
        self.as_of = NEVER

    async def look(self, samples: Sequence[tuple[float, int]]) -> None:
        """Find out how far it has come."""
        try:
            if not self.is_open:
                await asyncio.wait_for(self.pool.open(), OPEN_SECONDS)
                self.is_open = True
            [(recovering, replayed)] = await asyncio.wait_for(self.pool.fetch(_REPLAYED), OPEN_SECONDS)
        except (*_AWAY, TimeoutError) as error:
            self.leave_out(str(error) or "no answer in time")
            return
        if not recovering:
            self.leave_out("it is no replica: it does not follow a primary")
            return
        reached = max((at for at, written in samples if written <= (replayed or 0)), default=NEVER)
        if self.as_of == NEVER < reached:
            log.info("the replica %s answers queries", self.name)
        self.as_of = reached

    def leave_out(self, why: str) -> None:
        """Ask it no more until the next look says that it is well."""
        if self.as_of != NEVER:
            log.warning("the replica %s is left out, the primary answers: %s", self.name, why)
        self.as_of = NEVER


class Replicas:
    """All standbys of one primary."""

    def __init__(self, primary: Source, replicas: Sequence[Replica], max_lag: float) -> None:
        self._primary = primary
        self._replicas = tuple(replicas)
        self._max_lag = max_lag
        self._samples: deque[tuple[float, int]] = deque()
        self._wrote: dict[int, float] = {}

    async def watch(self) -> None:
        """Look after the primary and every replica until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sample())
            for replica in self._replicas:
                group.create_task(self._follow(replica))

    def wrote(self, person_id: int) -> None:
        """Note that a deed of this person is committed by now."""
        if self._replicas:
            self._wrote[person_id] = time.monotonic()

    def choose(self, person_id: int | None) -> Replica | None:
        """Return a replica that is fresh enough for this person, or None: then the primary answers."""
        now = time.monotonic()
        least = now - self._max_lag
        if person_id is not None:
            least = max(least, self._wrote.get(person_id, NEVER))
        fresh = [replica for replica in self._replicas if replica.as_of > least]
        return random.choice(fresh) if fresh else None  # noqa: S311 - spreads load, guards nothing

    def lags(self) -> dict[str, float | None]:
        """Return how stale each replica may be at most, in seconds; None for one that is left out."""
        now = time.monotonic()
        ages = ((replica.name, now - replica.as_of) for replica in self._replicas)
        return {name: round(age, 1) if age <= self._max_lag else None for name, age in ages}

    async def close(self) -> None:
        """Close the connections to the replicas."""
        for replica in self._replicas:
            if replica.is_open:
                replica.is_open = False
                await replica.pool.close()

    async def _sample(self) -> None:
        while True:
            at = time.monotonic()  # before the question: what is committed by now, is in the answer
            try:
                [(written,)] = await self._primary.fetch(_WRITTEN)
                self._samples.append((at, written))
            except _AWAY as error:
                log.debug("the primary does not say how far its log goes: %s", error)
            while self._samples and self._samples[0][0] < at - 2 * self._max_lag:
                self._samples.popleft()
            self._wrote = {key: when for key, when in self._wrote.items() if when > at - 2 * self._max_lag}
            await asyncio.sleep(LOOK_EVERY)

    async def _follow(self, replica: Replica) -> None:
        while True:
            await replica.look(tuple(self._samples))
            await asyncio.sleep(LOOK_EVERY)
