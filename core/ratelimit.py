"""Rate limits: how much one client may ask of a server, in points, by token buckets.

A bucket fills with ``rate`` points a second up to ``burst``; who finds too few in it has to wait. One process keeps its
buckets in memory. Several share them in Redis: a process takes a slice of a bucket at a time, one second's worth, by one
script in one round trip, and spends it in memory. So the hot path is a dictionary, and what all processes grant together
is exact: a slice that is not spent is given to nobody else, and is forgotten after a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from core.lines import LineBroken, RedisLine

SAVED_SECONDS = 30
"""A client that was quiet has this many seconds' worth of points."""
FORGET_SECONDS = 60.0
MOST_KEPT = 50_000
"""Buckets in memory at which the full and the forgotten ones are dropped."""

# KEYS: the bucket. ARGV: rate, burst, how many points are needed, how many are wanted.
# Returns how many are given (0 or at least those needed) and the seconds to wait, as texts: a Lua number loses its fraction.
TAKE = """
local rate, burst, need, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'points', 'at')
local points = tonumber(kept[1]) or burst
points = math.min(burst, points + math.max(0, now - (tonumber(kept[2]) or now)) * rate)
local given, wait = 0, 0
if points >= need then
  given = math.min(points, want)
else
  wait = (need - points) / rate
end
redis.call('HSET', KEYS[1], 'points', string.format('%.3f', points - given), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return {string.format('%.3f', given), string.format('%.3f', wait)}
"""

Monotonic = Callable[[], float]


class Limiter(Protocol):
    """What counts the points that clients spend."""

    async def spend(self, key: str, points: int, times: int = 1) -> float:
        """Take points from a client's bucket, one that is ``times`` as large as the usual.

        Returns 0 when they were taken, else after how many seconds there will be enough; then nothing was taken. What
        costs more than a whole bucket takes a full one.
        """


class LocalLimiter:
    """Buckets in the memory of this process."""

    def __init__(self, rate: float, *, now: Monotonic = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}  # key: the points there were, and when
        self._tidied = now()

    async def spend(self, key: str, points: int, times: int = 1) -> float:
        """Take points from a bucket of this process."""
        now, rate = self._now(), self._rate * times
        burst = rate * SAVED_SECONDS
        left, at = self._buckets.get(key, (burst, now))
        left = min(burst, left + (now - at) * rate)
        needed = min(points, burst)
        if left < needed:
            return (needed - left) / rate
        self._buckets[key] = (left - needed, now)
        if len(self._buckets) > MOST_KEPT and now - self._tidied > 1:
            self._tidy(now)
        return 0.0

    def _tidy(self, now: float) -> None:
        """Drop the buckets that are full by now: a new one is the same."""
        self._tidied = now
        self._buckets = {key: kept for key, kept in self._buckets.items() if now - kept[1] < SAVED_SECONDS}


class SharedLimiter:
    """Buckets in Redis, shared by every process of the server; while Redis is away, each process counts for itself."""

    def __init__(
        self, rate: float, line: RedisLine, is_up: Callable[[], bool], *, now: Monotonic = time.monotonic
    ) -> None:
        self._rate = rate
        self._line = line
        self._take = line.script(TAKE)
        self._is_up = is_up
        self._now = now
        self._alone = LocalLimiter(rate, now=now)
        self._slices: dict[str, tuple[float, float]] = {}  # key: the points left, and when they were last spent

    async def spend(self, key: str, points: int, times: int = 1) -> float:
        """Take points from the slice at hand, or from a new one."""
        now, rate = self._now(), self._rate * times
        left, at = self._slices.get(key, (0.0, now))
        if left >= points and now - at < FORGET_SECONDS:
            self._slices[key] = (left - points, now)
            return 0.0
        if not self._is_up():
            return await self._alone.spend(key, points, times)
        try:
            return await self._refill(key, points, rate)
        except LineBroken:  # the bus has noticed, or will: the next client does not wait for it
            return await self._alone.spend(key, points, times)

    async def _refill(self, key: str, points: int, rate: float) -> float:
        """Take a slice; others may spend from the old one meanwhile, so that it is looked at again afterwards."""
        burst = rate * SAVED_SECONDS
        needed = min(points, burst)
        took = self._take(keys=[f"{self._line.prefix}:rate:{key}"], args=[rate, burst, needed, max(needed, rate)])
        given, wait = map(float, await self._line.run(took))
        if not given:
            return max(wait, 0.001)
        now = self._now()
        left, at = self._slices.get(key, (0.0, now))
        self._slices[key] = ((left if now - at < FORGET_SECONDS else 0.0) + given - needed, now)
        if len(self._slices) > MOST_KEPT:
            self._slices = {name: kept for name, kept in self._slices.items() if now - kept[1] < FORGET_SECONDS}
        return 0.0
