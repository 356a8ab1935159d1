"""GraphQL over WebSocket: the ``graphql-transport-ws`` protocol, made so that no client can hurt another.

Whoever completes an operation or hangs up stops only the *events* of a subscription. Queries and mutations go on to
their end and their answers are dropped: cancelling them in the middle of a database call is how one client could stop
the server for all. What goes on still counts towards the socket's operations.

Close codes:

- 4400 a message that breaks the protocol
- 4401 an operation before the acknowledgement
- 4403 turned away, or the token expired
- 4406 another subprotocol
- 4408 no ``connection_init`` in time
- 4409 an id that is in use
- 4429 a second ``connection_init``
- 1009 a message that is too long
- 1013 the server cannot now

A reader that stops reading is dropped without one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.types import Message, Receive, Scope, Send

from schema.execution import Caller, Executor, Work, refusal_of
from schema.front import headers_of, new_request_id
from schema.http_errors import Refused, refused, report
from schema.operations import Prepared
from schema.requests import GraphQLRequest, strict_json

LOG = logging.getLogger("shanzhi.sockets")

PROTOCOL = "graphql-transport-ws"
MAX_ID = 128


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class SocketLimits:
    """How much one socket may ask of the server, beside the limits of its operations."""

    init_seconds: float = 10
    """From the handshake to the acknowledgement."""
    max_operations: int = 20
    """Operations at once, those included whose answers nobody waits for any more."""
    outbox_bytes: int = 1 << 20
    """What waits for a slow reader; operations with more to say wait too."""
    stall_seconds: float = 10
    """A reader that takes nothing for so long is dropped."""


class GraphQLSocket:
    """Serves one schema over WebSockets at whatever path it is mounted."""

    def __init__(
        self,
        executor: Executor,
        work: Work | None = None,
        *,
        limits: SocketLimits | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.executor = executor
        self.work = work or Work()
        self.limits = limits or SocketLimits()
        self.now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        await receive()
        offered = PROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL if offered else None})
        if not offered:
            await send({"type": "websocket.close", "code": 4406, "reason": f"Use the subprotocol {PROTOCOL}"})
            return
        await _Connection(self, scope, receive, send).serve()


class _Closed(Exception):
    """The connection is over; the code and reason say why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        # The protocol allows 123 bytes.
        self.reason = reason.encode()[:120].decode(errors="ignore")


@dataclass(eq=False)
class _Operation:
    """One operation of a client, until it has ended."""

    id: str
    stream: asyncio.Task[None] | None = None
    """The events of a subscription. Queries and mutations are not held here: nothing may cancel them."""
    is_wanted: bool = True


class _Outbox:
    """Messages on their way to one reader, bounded in size."""

    def __init__(self, max_size: int) -> None:
        self._waiting: deque[str] = deque()
        self._size = 0
        self._max_size = max_size
        self._room, self._ready = asyncio.Event(), asyncio.Event()
        self._is_closed = False

    async def put(self, message: dict[str, Any], operation: _Operation | None = None) -> None:
        """Add a message once there is room for it, unless nobody wants it any more by then."""
        text = orjson.dumps(message).decode()
        while self._waiting and self._size + len(text) > self._max_size and not self._is_closed:
            self._room.clear()
            await self._room.wait()
        if not self._is_closed and (operation is None or operation.is_wanted):
            self._waiting.append(text)
            self._size += len(text)
            self._ready.set()

    async def take(self) -> str:
        """Remove the oldest message, waiting until there is one."""
        while not self._waiting:
            self._ready.clear()
            await self._ready.wait()
        text = self._waiting.popleft()
        self._size -= len(text)
        self._room.set()
        return text

    def close(self) -> None:
        """Let go of whoever waits for room: there is no reader any more."""
        self._is_closed = True
        self._waiting.clear()
        self._room.set()


class _Connection:
    """One socket from its handshake to its end."""

    def __init__(self, socket: GraphQLSocket, scope: Scope, receive: Receive, send: Send) -> None:
        self._executor, self._work, self._limits, self._now = socket.executor, socket.work, socket.limits, socket.now
        self._receive, self._send = receive, send
        headers = {name: value for name, value in headers_of(scope).items() if name != "cookie"}
        self._caller = Caller(scope, "websocket", headers, new_request_id())
        self._is_known = False
        self._outbox = _Outbox(self._limits.outbox_bytes)
        self._active: dict[str, _Operation] = {}
        self._running: set[_Operation] = set()
        self._end: asyncio.Future[_Closed] = asyncio.get_running_loop().create_future()
        self._timer = self._close_later(self._limits.init_seconds, 4408, "Connection initialisation timeout")

    async def serve(self) -> None:
        """Read and write until either side ends it."""
        jobs = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            watched: list[asyncio.Future[Any]] = [*jobs, self._end]
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._stop(jobs)
        if self._end.done():
            await self._say_goodbye(self._end.result())

    async def _stop(self, jobs: list[asyncio.Task[None]]) -> None:
        self._timer.cancel()
        self._outbox.close()
        streams = [operation.stream for operation in self._running if operation.stream is not None]
        for operation in list(self._running):
            self._leave(operation)
        for job in jobs:
            job.cancel()
        # A source that takes long to close its things must not keep the socket.
        ended, _ = await asyncio.wait([*jobs, *streams], timeout=self._limits.stall_seconds)
        for task in ended:
            if not task.cancelled() and (raised := task.exception()) is not None:
                report(raised, self._caller.request_id)

    async def _say_goodbye(self, closed: _Closed) -> None:
        message = {"type": "websocket.close", "code": closed.code, "reason": closed.reason}
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(self._limits.stall_seconds):
                await self._send(message)

    def _close(self, closed: _Closed) -> None:
        if not self._end.done():
            self._end.set_result(closed)

    def _close_later(self, seconds: float, code: int, reason: str) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(max(seconds, 0), self._close, _Closed(code, reason))

    async def _write(self) -> None:
        try:
            while True:
                text = await self._outbox.take()
                async with asyncio.timeout(self._limits.stall_seconds):
                    await self._send({"type": "websocket.send", "text": text})
        except TimeoutError:
            LOG.info("a reader took nothing for %g seconds and is dropped", self._limits.stall_seconds)
        except OSError:
            LOG.debug("a client is gone")

    async def _read(self) -> None:
        try:
            while (message := await self._receive())["type"] != "websocket.disconnect":
                await self._handle(self._parsed(message))
        except _Closed as closed:
            self._close(closed)
        except Exception as raised:  # noqa: BLE001  the last net: the client is told to come back
            refusal_of(raised, self._caller)
            self._close(_Closed(1013, "Try again later"))

    def _parsed(self, message: Message) -> dict[str, Any]:
        text = message.get("text")
        if text is None:
            raise _Closed(4400, "Send text messages")
        if len(text) > self._executor.operations.limits.max_bytes:
            raise _Closed(1009, "The message is too long")
        try:
            value = strict_json(text.encode())
        except Refused as no:
            raise _Closed(4400, no.refusal.errors[0]["message"]) from no
        if not isinstance(value, dict) or not isinstance(value.get("payload"), dict | None):
            raise _Closed(4400, "A message is an object, and so is its payload")
        return value

    async def _handle(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "connection_init":
                await self._init(message.get("payload") or {})
            case "ping":
                payload = {"payload": message["payload"]} if message.get("payload") else {}
                await self._outbox.put({"type": "pong", **payload})
            case "pong":
                return
            case "subscribe":
                await self._subscribe(_id(message), message.get("payload"))
            case "complete":
                if (operation := self._active.get(_id(message))) is not None:
                    self._leave(operation)
            case _:
                raise _Closed(4400, "Unknown message type")

    async def _init(self, payload: dict[str, Any]) -> None:
        if self._is_known:
            raise _Closed(4429, "Too many initialisation requests")
        token = payload.get("authorization", payload.get("Authorization"))
        if not isinstance(token, str | None):
            raise _Closed(4400, "authorization is a string")
        if token is not None:
            self._caller = replace(self._caller, headers={**self._caller.headers, "authorization": token})
        context = await self._first_context()
        self._is_known = True
        self._timer.cancel()
        expires_at = getattr(context, "expires_at", None)
        if expires_at is not None:
            seconds = (expires_at - self._now()).total_seconds()
            self._timer = self._close_later(seconds, 4403, "The token expired: connect again with a new one")
        await self._outbox.put({"type": "connection_ack"})

    async def _first_context(self) -> Any:
        try:
            # To the end even if the client hangs up: it may be reading the database.
            return await asyncio.shield(self._work.start(self._executor.context(self._caller)))
        except Exception as raised:
            refusal = refusal_of(raised, self._caller)
            turned_away = refusal.status.hybrid < 500
            raise _Closed(4403 if turned_away else 1013, refusal.code) from raised

    async def _subscribe(self, id: str, payload: dict[str, Any] | None) -> None:
        if not self._is_known:
            raise _Closed(4401, "Unauthorized")
        if id in self._active:
            raise _Closed(4409, f"Subscriber for {id} already exists")
        try:
            request = GraphQLRequest.from_json(payload)
        except Refused as no:
            raise _Closed(4400, no.refusal.errors[0]["message"]) from no
        try:
            self._check_room()
            prepared = self._executor.operations.find(request)
        except Refused as no:
            await self._outbox.put(_error(id, no.refusal.errors))
            return
        self._start(_Operation(id), prepared, request.variables)

    def _check_room(self) -> None:
        if len(self._running) >= self._limits.max_operations:
            most = self._limits.max_operations
            raise refused("OPERATION_LIMIT", f"{most} operations are running on this socket. Complete some first.")

    def _start(self, operation: _Operation, prepared: Prepared, variables: dict[str, Any]) -> None:
        self._active[operation.id] = operation
        self._running.add(operation)
        caller = replace(self._caller, request_id=new_request_id())
        if prepared.is_subscription:
            task = operation.stream = asyncio.create_task(self._stream(operation, prepared, variables, caller))
        else:
            task = self._work.start(self._answer(operation, prepared, variables, caller))
        # Not by `finally` in the task: one that is cancelled before its first step never gets there.
        task.add_done_callback(lambda _: self._running.discard(operation))

    async def _answer(
        self, operation: _Operation, prepared: Prepared, variables: dict[str, Any], caller: Caller
    ) -> None:
        try:
            answer = await self._work.answer(self._executor, prepared, variables, caller)
            if await self._deliver(operation, answer):
                await self._finish(operation, {"id": operation.id, "type": "complete"})
        except Exception as raised:  # noqa: BLE001  the last net: the client learns that it failed
            await self._finish(operation, _error(operation.id, refusal_of(raised, caller).errors))

    async def _stream(
        self, operation: _Operation, prepared: Prepared, variables: dict[str, Any], caller: Caller
    ) -> None:
        try:
            _, opened = await self._work.subscribe(self._executor, prepared, variables, caller)
            async with aclosing(opened) as answers:
                async for answer in answers:
                    if not await self._deliver(operation, answer):
                        return
            await self._finish(operation, {"id": operation.id, "type": "complete"})
        except Exception as raised:  # noqa: BLE001  the last net: the client learns that it failed
            await self._finish(operation, _error(operation.id, refusal_of(raised, caller).errors))

    async def _deliver(self, operation: _Operation, answer: dict[str, Any]) -> bool:
        """Send an answer and tell whether the operation goes on; a request error ends it."""
        if "data" in answer:
            await self._outbox.put({"id": operation.id, "type": "next", "payload": answer}, operation)
            return True
        await self._finish(operation, _error(operation.id, answer["errors"]))
        return False

    async def _finish(self, operation: _Operation, message: dict[str, Any]) -> None:
        """Send the last message of an operation; its id is free from here on."""
        if self._active.get(operation.id) is operation:
            del self._active[operation.id]
        await self._outbox.put(message, operation)

    def _leave(self, operation: _Operation) -> None:
        """Stop talking of an operation: its events end, whatever else it does goes on unheard."""
        if self._active.get(operation.id) is operation:
            del self._active[operation.id]
        operation.is_wanted = False
        if operation.stream is not None:
            operation.stream.cancel()


def _id(message: dict[str, Any]) -> str:
    id = message.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= MAX_ID:
        raise _Closed(4400, f"id is a string of 1 to {MAX_ID} characters")
    return id


def _error(id: str, errors: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"id": id, "type": "error", "payload": list(errors)}
