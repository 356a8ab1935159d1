"""Awaiting with a deadline that costs nothing where nothing waits: most reads end before they ever suspend."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class TooLate(Exception):
    """The time was up, and what ran was cancelled."""


async def within(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Await work; when it has not ended after so many seconds it is cancelled.

    Raises:
        TooLate: it was.
    """
    try:
        awaited = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    try:
        async with asyncio.timeout(seconds) as deadline:
            return await _resumed(work, awaited)
    except TimeoutError:
        if not deadline.expired():
            raise
        raise TooLate from None


@types.coroutine
def _resumed(work: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """Go on with work that was started and has yielded what it waits for."""
    while True:
        error: BaseException | None = None
        try:
            sent = yield awaited
        except BaseException as raised:  # noqa: BLE001 - handed on to the work, which is what waits
            error = raised
        try:
            awaited = work.send(sent) if error is None else work.throw(error)
        except StopIteration as done:
            result: T = done.value
            return result
