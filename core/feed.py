"""The change feed: events in the order of their commits, and a bell that rings when there are new ones.

The truth is the table of events. Whatever tells that there is something new (a deed of this process, a message of
another one, or the clock) makes one watcher per process look how far the table goes, and only when it has grown does the
bell ring: a message that is lost costs a second, and five hundred subscriptions do not each ask whether they have to ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from core._db.seam import StorageUnavailable

LOOK_EVERY = 1.0
"""Seconds after which the watcher looks without being told."""
REST = 0.05
"""Seconds between two rings at least: what is committed meanwhile is shown together."""
REST_EACH = 0.001
"""Seconds for each listener: about what one takes to read, so that many of them leave time for whoever writes."""
PATIENCE = 30.0
"""Seconds after which a listener looks for itself, whatever the bell does."""

Newest = Callable[[], Awaitable[int]]


class Feed:
    """Wakes whoever waits for events in this process."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()
        self._closed = False
        self._rung = 0
        self._listeners = 0
        self._told: asyncio.Event | None = None  # of the watcher; without one the bell rings at every word

    @property
    def rung(self) -> int:
        """Return how often the bell has rung: what was read since it last did is as new as can be known."""
        return self._rung

    def wake(self) -> None:
        """Say that there may be new events."""
        if self._told is None:
            self._ring()
        else:
            self._told.set()

    def close(self) -> None:
        """End every ``rings`` iteration, and the watcher."""
        self._closed = True
        if self._told is not None:
            self._told.set()
        self._ring()

    async def rings(self, seconds: float = PATIENCE) -> AsyncIterator[None]:
        """Yield at once, then after every ring and at least once every ``seconds``, until the feed is closed."""
        self._listeners += 1
        try:
            while not self._closed:
                rung = self._rung
                yield
                if rung == self._rung:  # one that came while the listener was reading counts
                    await self._wait(seconds)
        finally:
            self._listeners -= 1

    async def watch(self, newest: Newest, seconds: float = LOOK_EVERY) -> None:
        """Look how far the table goes, when told and once every ``seconds``; ring when it has grown."""
        self._told = told = asyncio.Event()
        seen: int | None = None
        try:
            while not self._closed:
                told.clear()
                with suppress(StorageUnavailable):  # whoever reads for an answer says so; here it is tried again
                    found = await newest()
                    if found != seen:
                        seen = found
                        self._ring()
                        await asyncio.sleep(max(REST, self._listeners * REST_EACH))
                with suppress(TimeoutError):
                    await asyncio.wait_for(told.wait(), seconds)
        finally:
            self._told = None

    def _ring(self) -> None:
        self._rung += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def _wait(self, seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await asyncio.wait_for(waiter, seconds)
        except TimeoutError:
            pass
        finally:
            self._waiters.discard(waiter)
