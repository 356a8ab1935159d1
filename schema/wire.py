"""The connection below ASGI: what a server must do to a wire that no application gets to see.

uvicorn waits without end for the head of a request, takes headers of any size, and leaves a connection open for as
long as its reader takes nothing of what was sent. These two protocols add the missing ends:

- a head that takes over ``HEAD_SECONDS`` is answered with 408 ``HEAD_TIMEOUT``, from the first byte of each request,
- one of over ``HEAD_BYTES``, or an address of over ``URL_BYTES``, with 431 ``HEAD_LIMIT`` or 414 ``URI_LIMIT``,
- a WebSocket is gone ``LINGER_SECONDS`` after its goodbye, whether or not that was read,
- an application may learn that the server is about to stop, and may cut its connection (``connection_of``).

Every one of these answers is JSON with a code, as all others are.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEAD_SECONDS = 10
HEAD_BYTES = 32 * 1024
URL_BYTES = 80 * 1024
LINGER_SECONDS = 5

_KEY = "shanzhi.connection"


@dataclass(eq=False)
class Connection:
    """What an application may know of, and do to, the connection under a request."""

    transport: asyncio.Transport | None = None
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server is about to stop: what has no end of its own must end now."""

    def drop(self) -> None:
        """Cut the connection, whatever its reader has not taken."""
        if self.transport is not None:
            self.transport.abort()


def connection_of(scope: Scope) -> Connection:
    """Return the connection of a request; under another server it is one that nothing can be done to."""
    found: Connection = scope.get("extensions", {}).get(_KEY) or Connection()
    return found


class _Answer(NamedTuple):
    status: int
    code: str
    message: str


_MALFORMED = _Answer(400, "BAD_HTTP", "This is no HTTP/1.1 request.")
_TOO_LATE = _Answer(408, "HEAD_TIMEOUT", f"The head of the request took longer than {HEAD_SECONDS} seconds.")
_LONG_HEAD = _Answer(431, "HEAD_LIMIT", f"The headers have more than {HEAD_BYTES} bytes.")
_LONG_URL = _Answer(414, "URI_LIMIT", "The address is too long. Send the document by POST.")


class _Refused(Exception):
    """Ends the parser; what to answer is on the protocol."""


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a bound on how long and how large the head of a request may be."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._connection = Connection()
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._heads = 0
        self._refusal = _MALFORMED

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._connection.transport = transport
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._head_came()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request, the first or a later one of this connection."""
        super().on_message_begin()
        self.scope["extensions"] = {_KEY: self._connection}  # type: ignore[dict-item]
        self._head_bytes = 0
        self._expect_head()

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        super().on_url(url)
        if len(self.url) > URL_BYTES:
            self._refuse(_LONG_URL)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > HEAD_BYTES:
            self._refuse(_LONG_HEAD)
        super().on_header(name, value)

    def data_received(self, data: bytes) -> None:
        """Take bytes; those of a head that has no end yet are counted before they are kept."""
        waited, heads = self._head_timer is not None, self._heads
        super().data_received(data)
        if waited and self._head_timer is not None and self._heads == heads:
            # All of it belongs to one head, of which the parser keeps a half header to itself until it is whole.
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES + URL_BYTES:
                self._answer(_LONG_HEAD)

    def on_headers_complete(self) -> None:
        """Let the application begin."""
        self._head_came()
        self._heads += 1
        super().on_headers_complete()

    def shutdown(self) -> None:
        """Tell the application that the server is about to stop."""
        self._connection.leaving.set()
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser could not or would not take."""
        self._answer(self._refusal)

    def _refuse(self, answer: _Answer) -> None:
        self._refusal = answer
        raise _Refused

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._answer, _TOO_LATE)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _answer(self, answer: _Answer) -> None:
        self._head_came()
        if self.transport.is_closing():
            return
        if self._heads and not self.cycle.response_complete:
            # An answer to an earlier request is on its way: nothing may stand in the middle of it.
            self.transport.close()
            return
        error = {"message": answer.message, "extensions": {"code": answer.code}}
        body = json.dumps({"errors": [error]}).encode()
        self.transport.write(
            STATUS_LINE[answer.status]
            + b"content-type: application/json; charset=utf-8\r\ncache-control: no-store\r\n"
            + b"x-content-type-options: nosniff\r\nconnection: close\r\n"
            + b"content-length: %d\r\n\r\n" % len(body)
            + body
        )
        self.transport.close()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSockets that are gone soon after their goodbye."""

    async def run_asgi(self) -> None:
        """Run the application; its reader gets a while to take what was sent, and no longer."""
        await super().run_asgi()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)
