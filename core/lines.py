"""Lines between the processes of one server: words said on one are heard on all, as long as the line holds.

Two kinds, Redis and PostgreSQL's own notifications. Both may break at any time and lose what is said meanwhile; the bus
(``bus.py``) opens them again, and nothing that must not be lost is said on them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol, cast

import asyncpg
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 0.5
"""A Redis that is slower than this is as good as away."""
PING_EVERY = 5.0
MOST_BYTES = 8000
"""What PostgreSQL carries in one notification."""

Hear = Callable[[str], None]


class LineBroken(Exception):
    """Nobody answers on the line."""


class Line(Protocol):
    """A way to the other processes."""

    name: str

    async def listen(self, hear: Hear, opened: Callable[[], None]) -> None:
        """Open the line, call ``opened``, then ``hear`` for every word; raises LineBroken when it breaks."""

    async def say(self, word: str) -> None:
        """Say a word of at most ``MOST_BYTES`` to every process, this one included; raises LineBroken."""

    async def close(self) -> None:
        """Close the line for good."""


class RedisLine:
    """One channel of a Redis; ``run`` is for whatever else the processes share there."""

    name = "redis"

    def __init__(self, url: str, prefix: str) -> None:
        self.prefix = prefix
        self._client = Redis.from_url(
            url, decode_responses=True, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0), client_name="shanzhi",
        )  # fmt: skip

    async def listen(self, hear: Hear, opened: Callable[[], None]) -> None:
        """Subscribe, and hear until the line breaks; raises LineBroken."""
        pubsub = self._client.pubsub()
        try:
            await pubsub.subscribe(f"{self.prefix}:events")
            opened()
            await self._hear(pubsub, hear)
        except (RedisError, OSError) as error:
            raise LineBroken(str(error)) from error
        finally:
            with suppress(RedisError, OSError):
                await cast("Any", pubsub).aclose()

    async def _hear(self, pubsub: PubSub, hear: Hear) -> None:
        is_asked = False
        while True:
            message = await pubsub.get_message(timeout=PING_EVERY)
            if message is None and is_asked:
                raise LineBroken("it does not answer")
            is_asked = message is None
            if message is None:
                await pubsub.ping("there?")  # an answer without a text would be taken for silence
            elif message["type"] == "message":
                hear(str(message["data"]))

    async def say(self, word: str) -> None:
        """Publish a word; raises LineBroken."""
        await self.run(self._client.publish(f"{self.prefix}:events", word))

    async def run(self, command: Awaitable[Any]) -> Any:
        """Await a command of ``client``; raises LineBroken when Redis does not answer in time."""
        try:
            return await command
        except (RedisError, OSError, TimeoutError) as error:
            raise LineBroken(str(error)) from error

    def script(self, text: str) -> Callable[..., Awaitable[Any]]:
        """Return a Lua script as a function of ``keys`` and ``args``: one round trip, all or nothing."""
        run: Callable[..., Awaitable[Any]] = self._client.register_script(text)
        return run

    async def close(self) -> None:
        """Close the connections."""
        with suppress(RedisError, OSError):
            await self._client.aclose()


class PostgresLine:
    """PostgreSQL's LISTEN and NOTIFY, on a connection of its own; a pooler in transaction mode does not carry it."""

    name = "postgres"
    channel = "shanzhi_events"

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        self._one_at_a_time = asyncio.Lock()

    async def listen(self, hear: Hear, opened: Callable[[], None]) -> None:
        """Connect, and hear until the connection breaks; raises LineBroken."""
        gone = asyncio.Event()
        try:
            connection = await asyncpg.connect(
                self._url, timeout=CONNECT_SECONDS, command_timeout=PING_EVERY,
                server_settings={"application_name": "shanzhi line"},
            )  # fmt: skip
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise LineBroken(str(error)) from error
        try:
            connection.add_termination_listener(lambda _: gone.set())
            await connection.add_listener(self.channel, lambda *found: hear(str(found[3])))
            self._connection = connection
            opened()
            while not await _within(PING_EVERY, gone):
                async with self._one_at_a_time:
                    await connection.execute("SELECT 1")
            raise LineBroken("the connection was closed")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise LineBroken(str(error)) from error
        finally:
            self._connection = None
            connection.terminate()

    async def say(self, word: str) -> None:
        """Notify with a word; raises LineBroken."""
        if self._connection is None:
            raise LineBroken("the line is not open")
        try:
            async with self._one_at_a_time:
                await self._connection.execute("SELECT pg_notify($1, $2)", self.channel, word)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise LineBroken(str(error)) from error

    async def close(self) -> None:
        """Do nothing: ``listen`` closes what it opened."""


async def _within(seconds: float, event: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
