"""GraphQL over HTTP: an ASGI application that refuses early, answers in JSON whatever happens, and never leaks.

The table of methods, types and statuses, first match first:

==========================================================  ======  =======================
the request                                                 status  ``extensions.code``
==========================================================  ======  =======================
a method other than GET and POST                            405     METHOD_NOT_ALLOWED
an ``Accept`` with neither JSON nor events                  406     NOT_ACCEPTABLE
a query string over ``max_source`` bytes                    414     URI_LIMIT
POST with any ``Content-Encoding``                          415     UNSUPPORTED_ENCODING
POST that is not ``application/json`` in UTF-8              415     UNSUPPORTED_MEDIA_TYPE
a body over ``max_bytes``, announced or counted             413     BODY_LIMIT
a body that takes over ``body_seconds``                     408     BODY_TIMEOUT
not JSON                                                    400     BAD_JSON
no document at all                                          400     BAD_REQUEST
parameters of wrong types, a list of operations             422 *   BAD_REQUEST
a document that does not parse                              400 **  GRAPHQL_PARSE_FAILED
a document that does not fit the schema                     422 **  GRAPHQL_VALIDATION_FAILED
a document over a limit (``limits.py``)                     422 **  DEPTH_LIMIT, COST_LIMIT …
no operation of that name, or several and no name           422 **  OPERATION_RESOLUTION_FAILURE
variables that do not fit                                   422 **  BAD_USER_INPUT
a stored document that is unknown, or only those run here   422 **  PERSISTED_DOCUMENT_NOT_FOUND, TRUSTED_DOCUMENTS_ONLY
a mutation by GET                                           405     METHOD_NOT_ALLOWED
a subscription, unless ``text/event-stream`` is accepted    422 **  UNSUPPORTED_OPERATION
a context that turns the caller away                        401 403 404 429, else 422 **; the DomainError's code
more points than the rate limit allows                      429     RATE_LIMITED
too many operations at once, shutting down, a failure       503     OVERLOADED, STOPPING, UNAVAILABLE, INTERNAL
anything with ``data``, errors beside it or not             200
==========================================================  ======  =======================

``*``: 400 for clients that accept only ``application/json``. ``**``: 200 for those. In the profile ``draft`` every 422
is a 400.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from random import getrandbits
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from schema.eager import TooLate, within
from schema.execution import Caller, Executor, StockExecutor, Work, refusal_of
from schema.http_errors import INVALID, Profile, Refusal, always, refused
from schema.limits import Limits
from schema.operations import Prepared
from schema.requests import Bodies, GraphQLRequest
from schema.streams import EVENTS, EventStream, StreamLimits, once

__all__ = ["GraphQLFront", "StockExecutor"]

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"

# What every answer of a type begins with, encoded once.
_HEADS = {
    media: (
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"vary", b"Accept"),
    )
    for media in (GRAPHQL, JSON)
}

Page = Callable[[Scope], Awaitable[Response]]
Reply = tuple[int, bytes, Mapping[str, str]]
"""Status, body and headers."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _TooLong(Exception):
    """More bytes came than a body may have."""


class _ClientGone(Exception):
    """The client left before its request was complete; nobody waits for an answer."""


class GraphQLFront:
    """Serves one schema at whatever path it is mounted.

    ``page`` answers a browser that opens the address; ``profile`` picks the statuses for clients of the new media type.
    """

    def __init__(
        self,
        executor: Executor,
        work: Work | None = None,
        *,
        profile: Profile = "hybrid",
        page: Page | None = None,
        streams: StreamLimits | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._executor = executor
        self._work = work or Work()
        self._profile: Profile = profile
        self._page = page
        self._streams = streams or StreamLimits()
        self._now = now
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        exchange = _Exchange.of(scope, receive, send)
        if self._page is not None and exchange.wants_page():
            await (await self._page(scope))(scope, receive, send)
            return
        try:
            reply = await self._reply(exchange)
        except _ClientGone:
            return
        if isinstance(reply, EventStream):
            await reply(scope, receive, send)
        else:
            await exchange.respond(*reply)

    async def _reply(self, exchange: _Exchange) -> Reply | EventStream:
        try:
            prepared, variables = await self._asked(exchange)
            if prepared.is_subscription:
                return await self._subscribe(prepared, variables, exchange.caller)
            answer = await self._work.answer(self._executor, prepared, variables, exchange.caller)
            if exchange.media == EVENTS:
                return self._stream_of(answer, exchange)
            status = 200 if "data" in answer else INVALID.of(self._profile, legacy=exchange.is_legacy)
            return status, orjson.dumps(answer), {}
        except _ClientGone:
            raise
        except Exception as raised:  # noqa: BLE001  the last net: nothing may become a bare 500
            return self._refuse(refusal_of(raised, exchange.caller), exchange)

    def _refuse(self, refusal: Refusal, exchange: _Exchange) -> Reply | EventStream:
        status = refusal.status.of(self._profile, legacy=exchange.is_legacy)
        if exchange.media == EVENTS and status == 200:
            return self._stream_of({"errors": list(refusal.errors)}, exchange)
        return status, orjson.dumps({"errors": refusal.errors}), refusal.headers

    async def _asked(self, exchange: _Exchange) -> tuple[Prepared, dict[str, Any]]:
        exchange.check_method()
        exchange.check_accept()
        request = await exchange.request(self._executor.operations.limits, self._bodies)
        prepared = self._executor.operations.find(request)
        exchange.check_kind(prepared)
        if exchange.body and not prepared.is_mutation:
            self._bodies.keep(exchange.body, request)
        return prepared, request.variables

    async def _subscribe(self, prepared: Prepared, variables: dict[str, Any], caller: Caller) -> EventStream:
        context, answers = await self._work.subscribe(self._executor, prepared, variables, caller)
        expires_at = getattr(context, "expires_at", None)
        seconds = None if expires_at is None else max((expires_at - self._now()).total_seconds(), 0)
        return EventStream(caller, answers, seconds, self._streams)

    def _stream_of(self, answer: dict[str, Any], exchange: _Exchange) -> EventStream:
        return EventStream(exchange.caller, once(answer), None, self._streams)


@dataclass
class _Exchange:
    """One HTTP request and the way to answer it."""

    caller: Caller
    receive: Receive
    send: Send
    media: str | None
    takes_events: bool
    has_unread_body: bool
    body: bytes = b""

    @classmethod
    def of(cls, scope: Scope, receive: Receive, send: Send) -> _Exchange:
        """Read the head of a request."""
        headers = headers_of(scope)
        caller = Caller(scope, "http", headers, new_request_id())
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        accept = headers.get("accept")
        return cls(caller, receive, send, accepted(accept), accept is not None and EVENTS in accept.lower(), has_body)

    @property
    def method(self) -> str:
        """The HTTP method."""
        return str(self.caller.scope["method"])

    @property
    def is_legacy(self) -> bool:
        """Whether the client knows only plain JSON."""
        return self.media != GRAPHQL

    def wants_page(self) -> bool:
        """Whether this is a browser opening the address, rather than a program sending a query."""
        if self.method != "GET":
            return False
        qualities = _qualities(self.caller.headers.get("accept", ""))
        html = qualities.get("text/html", 0)
        asked = self.caller.scope["query_string"].split(b"&")
        asks = any(part.startswith((b"query=", b"documentId=")) for part in asked)
        return html > 0 and html >= max(qualities.values()) and not asks

    def check_method(self) -> None:
        """Refuse what is neither GET nor POST."""
        if self.method not in {"GET", "POST"}:
            raise refused("METHOD_NOT_ALLOWED", "Use GET or POST.", always(405), allow="GET, POST")

    def check_accept(self) -> None:
        """Refuse a client that can read neither of our types."""
        if self.media is None:
            raise refused("NOT_ACCEPTABLE", f"Accept {GRAPHQL}, {JSON} or {EVENTS}.", always(406))

    def check_kind(self, prepared: Prepared) -> None:
        """Refuse an operation that cannot come this way."""
        if prepared.is_subscription and not self.takes_events:
            message = f"Subscribe over a WebSocket with graphql-transport-ws, or accept {EVENTS}."
            raise refused("UNSUPPORTED_OPERATION", message)
        if prepared.is_mutation and self.method == "GET":
            raise refused("METHOD_NOT_ALLOWED", "Send mutations by POST.", always(405), allow="POST")

    async def request(self, limits: Limits, bodies: Bodies) -> GraphQLRequest:
        """Read the GraphQL request."""
        if self.method == "POST":
            self._check_type()
            self.body = await self._body(limits)
            return bodies.read(self.body)
        query_string = self.caller.scope["query_string"]
        if len(query_string) > limits.max_source:
            raise refused("URI_LIMIT", "The address is too long. Send the document by POST.", always(414))
        return GraphQLRequest.from_query_string(query_string)

    def _check_type(self) -> None:
        headers = self.caller.headers
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise refused("UNSUPPORTED_ENCODING", "Send the body without a content encoding.", always(415))
        if not _is_json(headers.get("content-type", "")):
            raise refused("UNSUPPORTED_MEDIA_TYPE", f"Send the body as {JSON} in UTF-8.", always(415))

    async def _body(self, limits: Limits) -> bytes:
        announced = self.caller.headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > limits.max_bytes):
            raise refused("BODY_LIMIT", f"The body has more than {limits.max_bytes} bytes.", always(413))
        try:
            return await within(self._read(limits.max_bytes), limits.body_seconds)
        except _TooLong:
            raise refused("BODY_LIMIT", f"The body has more than {limits.max_bytes} bytes.", always(413)) from None
        except TooLate:
            message = f"The body took longer than {limits.body_seconds:g} seconds."
            raise refused("BODY_TIMEOUT", message, always(408)) from None

    async def _read(self, most: int) -> bytes:
        body = bytearray()
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise _ClientGone
            body += message.get("body", b"")
            more = self.has_unread_body = message.get("more_body", False)
            if len(body) > most:
                raise _TooLong
        return bytes(body)

    async def respond(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send the answer; a connection with an unread body is closed, for its rest would be taken for a request."""
        pairs = [
            *_HEADS[GRAPHQL if self.media == GRAPHQL else JSON],
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", self.caller.request_id.encode()),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()),
        ]
        if self.has_unread_body:
            pairs.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": status, "headers": pairs})
        await self.send({"type": "http.response.body", "body": body})


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers by lower-case name; one given several times is joined, so that no two readers differ."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def new_request_id() -> str:
    """Return a reference that a person can read out; it opens nothing, so it need not be hard to guess."""
    return f"{getrandbits(64):016x}"


@lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    """Say whether a body of this type is JSON in UTF-8."""
    media, _, parameters = content_type.lower().partition(";")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "') or "utf-8"
    return media.strip() == JSON and charset in {"utf-8", "utf8"}


@lru_cache(maxsize=256)
def accepted(header: str | None) -> str | None:
    """Return the type to answer with, or None if the client reads none; without a wish it is plain JSON.

    Who reads events beside JSON gets them for subscriptions only; who reads nothing else, for every operation.
    """
    if header is None or not header.strip():
        return JSON
    qualities = _qualities(header)
    graphql = qualities.get(GRAPHQL, 0)
    plain = next((qualities[name] for name in (JSON, "application/*", "*/*") if name in qualities), 0)
    if graphql and graphql >= plain:
        return GRAPHQL
    if plain:
        return JSON
    return EVENTS if qualities.get(EVENTS) else None


def _qualities(header: str) -> dict[str, float]:
    """Return the media ranges of an Accept header with their weights."""
    qualities: dict[str, float] = {}
    for item in header.lower().split(","):
        name, _, parameters = item.partition(";")
        weight = parameters.replace(" ", "").partition("q=")[2].partition(";")[0]
        qualities[name.strip()] = _weight(weight)
    return qualities


def _weight(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0) if text else 1.0
    except ValueError:
        return 0.0
