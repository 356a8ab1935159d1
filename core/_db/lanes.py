"""Lanes: deeds that wait for a connection of PostgreSQL, and those that may share a transaction, taken together."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

from core._db.seam import Deed, Overloaded, T

MOST_WAITING = 20_000


class Job:
    """One waiting deed, the context it was called in, and what became of it."""

    __slots__ = ("context", "deed", "error", "future", "result")

    def __init__(self, deed: Deed[Any]) -> None:
        self.deed = deed
        self.context = contextvars.copy_context()
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def answer(self) -> None:
        """Hand the outcome to whoever waits."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
            return
        self.future.set_exception(self.error)
        self.future.exception()  # nobody may be waiting any more; that is no reason to complain


class Lanes:
    """A queue of deeds and a few tasks that work it off, each with up to so many deeds at a time.

    No task runs while nothing waits. A caller that is cancelled leaves its deed in the queue: it is done all the same.
    """

    def __init__(self, work: Callable[[list[Job]], Awaitable[None]], lanes: int, together: int = 1) -> None:
        self._work = work
        self._lanes = lanes
        self._together = together
        self._waiting: deque[Job] = deque()
        self._running: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> set[asyncio.Task[None]]:
        """Return the tasks at work."""
        return self._running

    async def run(self, deed: Deed[T]) -> T:
        """Queue a deed and wait for its outcome; raises Overloaded when too many wait already."""
        if len(self._waiting) >= MOST_WAITING:
            raise Overloaded(f"{MOST_WAITING} deeds are waiting already")
        job = Job(deed)
        self._waiting.append(job)
        if len(self._running) < self._lanes:
            task = asyncio.create_task(self._lane(), context=contextvars.Context())
            self._running.add(task)
        return cast(T, await asyncio.shield(job.future))

    async def _lane(self) -> None:
        try:
            while self._waiting:
                jobs = [self._waiting.popleft() for _ in range(min(self._together, len(self._waiting)))]
                await self._work(jobs)
        finally:  # in the same breath as the last look at the queue: what comes next starts another
            self._running.discard(cast("asyncio.Task[None]", asyncio.current_task()))
