"""Serving the addresses of plugins: everything that a handler may rely on is done here, once for all of them.

Nothing is found here that does not say who is admitted, and what a plugin declares never hides an address of the server.
Every answer goes out with the same strict headers: no script, no frame, nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from core import errors
from core.database import Overloaded, StorageUnavailable
from core.errors import DomainError
from core.guesses import network
from core.hierarchy import PLACE_COLUMNS, Place
from core.host import Host, Said
from core.kernel import Kernel
from core.routes import Admits, Asked, Refusal, Reply, Route, overlap
from schema.context import Context
from schema.execution import Caller
from schema.front import headers_of, new_request_id
from schema.gate import ADDRESS_TIMES
from schema.policies import ROUTES

LOG = logging.getLogger("shanzhi.routes")

MOST_AT_ONCE = 64
CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",
}  # fmt: skip
STATUS: Mapping[type[DomainError], int] = {
    errors.Unauthenticated: 401, errors.NotAllowed: 403, errors.NotFound: 404, errors.Invalid: 422, errors.Conflict: 409,
    errors.Disabled: 404, errors.TooMany: 429,
}  # fmt: skip

ContextOf = Callable[[Caller], Awaitable[Context]]


class _Refused(Exception):
    """The request is not answered, and why."""

    def __init__(self, status: int, code: str, zh: str, en: str, **headers: str) -> None:
        super().__init__(code)
        self.status, self.code, self.zh, self.en = status, code, zh, en
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True)
class Found:
    """A route that fits an address, and what its parameters are there."""

    plugin: str
    route: Route
    parameters: Mapping[str, str]


def check(host: Host) -> None:
    """Fail every plugin whose address is one of the server's own: the server answers it, and the plugin never would."""
    for plugin in list(host.ready()):
        for route in plugin.routes:
            taken = next((path for path in ROUTES if overlap(path, route.path)), None)
            if taken is not None:
                cause = Said(
                    f"{plugin.id} 的地址 {route.path} 与服务器自己的 {taken} 重合。",
                    f"The address {route.path} of {plugin.id} is also {taken}, which the server itself answers.",
                )
                host.fail(plugin.id, "routes", cause, Said("请换一个地址。", "Choose another address."))
                break


def find(host: Host, path: str) -> Iterator[Found]:
    """Yield the routes of usable plugins that fit an address, whatever their methods."""
    for plugin in host.ready():
        for route in plugin.routes:
            fits = route.pattern.fullmatch(path)
            if fits is not None:
                yield Found(plugin.id, route, fits.groupdict())


class PluginFront:
    """Serves what plugins declare; the application asks it for whatever it does not know itself."""

    def __init__(self, kernel: Kernel, context_of: ContextOf) -> None:
        self._kernel = kernel
        self._context_of = context_of
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer one HTTP request; returns False, with nothing sent, when no plugin declares its address."""
        candidates = list(find(self._kernel.host, scope["path"]))
        if not candidates:
            return False
        caller = Caller(scope, "http", headers_of(scope), new_request_id())
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        found = next((one for one in candidates if one.route.method == method), candidates[0])
        try:
            _check_method(method, candidates)
            reply = await self._bounded(found, caller, receive)
        except Exception as raised:  # noqa: BLE001 - the last net: a plugin may raise anything
            reply = _refusal(found, raised, caller)
        await _send(reply, found.route, caller, send, close=method == "POST" and reply.status >= 400)
        return True

    async def _bounded(self, found: Found, caller: Caller, receive: Receive) -> Reply:
        if self._running >= MOST_AT_ONCE:
            raise _Refused(503, "OVERLOADED", "请求过多，请稍后再试。", "Too busy. Try again shortly.", Retry_After="1")
        self._running += 1
        try:
            async with asyncio.timeout(found.route.seconds):
                return await self._answer(found, caller, receive)
        except TimeoutError:
            raise _Refused(503, "TIMEOUT", "处理超时，请稍后再试。", "It took too long. Try again later.") from None
        finally:
            self._running -= 1

    async def _answer(self, found: Found, caller: Caller, receive: Receive) -> Reply:
        context = await self._context_of(caller)
        await self._pay(found.route, context)
        if found.route.admits is Admits.SIGNED_IN and context.viewer.person_id is None:
            raise errors.NOT_SIGNED_IN()
        pairs = parse_qsl(caller.scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=50)
        query = dict(pairs)
        asked = Asked(
            self._kernel, context.viewer, context.book, context.now, found.plugin, _origin(caller), caller.scope["path"],
            found.parameters, query, caller.headers, await _body(found.route, caller, receive),
            await self._place(found, context, query),
        )  # fmt: skip
        return await found.route.handler(asked)

    async def _pay(self, route: Route, context: Context) -> None:
        if self._kernel.limiter is None:
            return
        person = context.viewer.person_id
        key = f"address:{network(context.address)}" if person is None else f"person:{person}"
        seconds = await self._kernel.limiter.spend(key, route.points, ADDRESS_TIMES if person is None else 1)
        if seconds:
            wait = str(math.ceil(seconds))
            raise _Refused(
                429, "RATE_LIMITED", f"请求过于频繁，请在 {wait} 秒后再试。", f"Too many requests. Try again in {wait} s.",
                Retry_After=wait,
            )  # fmt: skip

    async def _place(self, found: Found, context: Context, query: Mapping[str, str]) -> Place | None:
        """Find the place that a route names; where there is none, or the plugin is off there, the address does not exist."""
        name = found.route.place
        if not name:
            return None
        code = found.parameters.get(name) or query.get(name, "")
        rows = await self._kernel.database.fetch(
            f"SELECT {PLACE_COLUMNS} FROM core_community WHERE code = ?", (code[:64],)
        )
        if not rows or not context.book.is_enabled(found.plugin, rows[0]["path"], context.now):
            raise errors.NOT_FOUND(what=code[:40] or name)
        return Place.of(rows[0])


def _check_method(method: str, candidates: Sequence[Found]) -> None:
    methods = sorted({one.route.method for one in candidates})
    if method not in methods:
        allow = ", ".join(methods)
        raise _Refused(405, "METHOD_NOT_ALLOWED", f"请使用 {allow}。", f"Use {allow}.", Allow=allow)


async def _body(route: Route, caller: Caller, receive: Receive) -> bytes:
    """Read a body within the route's limit; a GET's is left unread."""
    if route.method == "GET":
        return b""
    too_long = _Refused(
        413, "BODY_LIMIT", f"请求体超过 {route.body_bytes} 字节。", f"The body has more than {route.body_bytes} bytes."
    )
    announced = caller.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > route.body_bytes):
        raise too_long
    if caller.headers.get("content-encoding", "identity").lower() != "identity":
        raise _Refused(415, "UNSUPPORTED_ENCODING", "请勿压缩请求体。", "Send the body without a content encoding.")
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Refused(400, "BAD_REQUEST", "请求不完整。", "The request was cut off.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > route.body_bytes:
            raise too_long
    return bytes(body)


def _origin(caller: Caller) -> str:
    """Return what the client calls this server; a Host header that is no host name gives nothing."""
    host = caller.headers.get("host", "")
    plain = host if host and all(c.isalnum() or c in ".-:[]" for c in host) else "localhost"
    return f"{caller.scope.get('scheme', 'http')}://{plain}"


def _refusal(found: Found, raised: Exception, caller: Caller) -> Reply:
    """Word why a request is not answered; what nobody foresaw is logged and says nothing of itself."""
    headers: Mapping[str, str] = {}
    if isinstance(raised, _Refused):
        status, code, headers = raised.status, raised.code, raised.headers
        message = raised.en if caller.language == "en" else raised.zh
    elif isinstance(raised, DomainError):
        status = next((found for kind, found in STATUS.items() if isinstance(raised, kind)), 400)
        code, message = raised.code, raised.message(caller.language)
        headers = {"Retry-After": str(raised.retry_after)} if raised.retry_after else {}
    elif isinstance(raised, StorageUnavailable | Overloaded):
        status, code, message, headers = 503, "UNAVAILABLE", "Try again shortly.", {"Retry-After": "5"}
    else:
        LOG.error("%s of plugin %s failed (%s)", found.route.path, found.plugin, caller.request_id, exc_info=raised)
        status, code, message = 500, "INTERNAL", f"Reference {caller.request_id}"
    refusal = Refusal(status, code, message, caller.scope["path"])
    reply = found.route.refuse(refusal) if found.route.refuse is not None else _in_json(refusal)
    return Reply(reply.body, reply.media_type, reply.status, {**reply.headers, **headers})


def _in_json(refusal: Refusal) -> Reply:
    error: dict[str, Any] = {"message": refusal.message, "extensions": {"code": refusal.code}}
    return Reply.json({"errors": [error]}, status=refusal.status)


async def _send(reply: Reply, route: Route, caller: Caller, send: Send, *, close: bool) -> None:
    opened = {"Access-Control-Allow-Origin": "*"} if route.admits is Admits.EVERYBODY else {}
    kept = f"public, max-age={reply.max_age}" if reply.max_age and reply.status == 200 else "no-store"
    headers = {
        **HEADERS, **opened, "Content-Type": reply.media_type, "Cache-Control": kept,
        "Vary": "Accept-Language, Authorization", "X-Request-Id": caller.request_id, **reply.headers,
        "Content-Length": str(len(reply.body)), **({"Connection": "close"} if close else {}),
    }  # fmt: skip
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
    await send({"type": "http.response.body", "body": b"" if caller.scope["method"] == "HEAD" else reply.body})


def addresses(host: Host) -> Iterator[tuple[str, Route]]:
    """Yield every address of the usable plugins with its owner, for the pages that list them."""
    for plugin in host.ready():
        yield from ((plugin.id, route) for route in plugin.routes)


__all__ = ["CSP", "Found", "PluginFront", "addresses", "check", "find"]
