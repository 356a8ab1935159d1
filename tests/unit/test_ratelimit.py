"""Rate limits: how a bucket empties and fills, for one process and for several that share it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from core.lines import RedisLine
from core.ratelimit import SAVED_SECONDS, LocalLimiter, SharedLimiter
from tests import services


@dataclass
class Stopwatch:
    """A monotonic clock that is moved by hand."""

    at: float = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.at


async def test_a_bucket_holds_half_a_minute_and_fills_by_the_second() -> None:
    """What was saved up is spent, then one waits for exactly as long as it takes; others are not concerned."""
    clock = Stopwatch()
    limiter = LocalLimiter(10.0, now=clock)
    assert await limiter.spend("a", 10 * SAVED_SECONDS) == 0
    assert await limiter.spend("a", 25) == pytest.approx(2.5)
    assert await limiter.spend("b", 25) == 0
    clock.at += 2.5
    assert await limiter.spend("a", 25) == 0
    assert await limiter.spend("a", 1) > 0


async def test_a_larger_bucket_and_one_that_is_smaller_than_the_price() -> None:
    """An address has so many times as much; what costs more than a whole bucket passes when it is full."""
    clock = Stopwatch()
    limiter = LocalLimiter(10.0, now=clock)
    assert await limiter.spend("address", 3000, 10) == 0
    assert await limiter.spend("a", 100_000) == 0
    assert await limiter.spend("a", 1) == pytest.approx(0.1)


async def test_buckets_that_are_full_again_are_forgotten() -> None:
    """A million addresses do not fill the memory."""
    clock = Stopwatch()
    limiter = LocalLimiter(10.0, now=clock)
    for number in range(120_000):
        clock.at += 0.01
        assert await limiter.spend(str(number), 1) == 0
    assert len(limiter._buckets) <= 54_000


@pytest.fixture
async def line() -> AsyncIterator[RedisLine]:
    """Give a line to a Redis under a prefix of its own; its keys run out by themselves."""
    url = services.redis_url()
    if url is None:
        pytest.skip("Redis is not reachable: set SHANZHI_TEST_REDIS_URL or start one on 127.0.0.1:6379")
    made = RedisLine(url, f"test:{secrets.token_hex(8)}")
    yield made
    await made.close()


@pytest.mark.redis
async def test_processes_that_share_a_bucket_grant_no_more_than_it_holds(line: RedisLine) -> None:
    """Four limiters, one bucket: together they grant what is in it, and then each of them says how long to wait."""
    limiters = [SharedLimiter(100.0, line, lambda: True) for _ in range(4)]
    granted = 0
    for number in range(800):
        granted += not await limiters[number % 4].spend("somebody", 10)
    assert 100 * SAVED_SECONDS - 40 <= granted * 10 <= 100 * SAVED_SECONDS + 400
    assert 0 < await limiters[0].spend("somebody", 2000) <= 20
    assert await limiters[0].spend("somebody else", 2000) == 0


async def test_without_redis_each_process_counts_for_itself() -> None:
    """A line that is known to be down is not tried; one that breaks is not waited for."""
    nowhere = RedisLine("redis://127.0.0.1:1/0", "test")
    for is_up in (False, True):
        limiter = SharedLimiter(10.0, nowhere, lambda up=is_up: up)  # type: ignore[misc]
        assert await limiter.spend("a", 300) == 0
        assert await limiter.spend("a", 300) > 0
    await nowhere.close()
