"""Subscriptions keep to what their follower may see now: none gives a value without having looked at who follows."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from inspect import isawaitable
from typing import Any


class NotAsked(RuntimeError):
    """A subscription gave a value without asking who follows.

    Call ``await info.context.look_again()`` before each value, and read what is given afterwards, with ``info.context.reading``.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the subscription {name} gives values without asking who follows: before each, call "
            "`await info.context.look_again()`, then read what is given"
        )


def asked_each_time(name: str, subscribe: Callable[..., Any]) -> Callable[..., Any]:
    """Make a subscription's source end, with NotAsked in the log, at the first value that comes without a look.

    So what a plugin forgets shows at its first try, and not when somebody whose appointment is over goes on reading.
    """

    async def watched(root: Any, info: Any, **arguments: Any) -> AsyncGenerator[Any, None]:
        found = subscribe(root, info, **arguments)
        return _values(name, await found if isawaitable(found) else found, info.context)

    return watched


async def _values(name: str, values: AsyncGenerator[Any, None], context: Any) -> AsyncGenerator[Any, None]:
    async with aclosing(values):
        async for value in values:
            if not context.has_looked:
                raise NotAsked(name)
            yield value
