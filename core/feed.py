"""The change feed: events in the order of their commits, and a bell that rings when there are new ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class Feed:
    """Wakes whoever waits for events in this process; other processes are noticed by the waiters' own patience."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()
        self._closed = False

    def wake(self) -> None:
        """Ring the bell."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def close(self) -> None:
        """End every ``rings`` iteration."""
        self._closed = True
        self.wake()

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after some seconds."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await asyncio.wait_for(waiter, seconds)
        except TimeoutError:
            pass
        finally:
            self._waiters.discard(waiter)

    async def rings(self, seconds: float = 1.0) -> AsyncIterator[None]:
        """Yield at once, then at every ring and at least once every ``seconds``, until the feed is closed."""
        while not self._closed:
            yield
            await self.wait(seconds)
