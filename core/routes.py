"""Addresses that plugins answer over HTTP beside the GraphQL schema: pages to print, open data, other people's formats.

    Route("/p/tool_library/{code}/list", "GET", show_list, Admits.EVERYBODY, "names of tools only", place="code")

A handler gets what was asked and returns a reply; it knows no HTTP framework. Whoever serves it has found the place, seen
that the plugin is on there, recognised the viewer, counted the request against the rate limit and read no more of the body
than the route allows. A handler reads through the predicates of ``Asked.sight`` and writes by deeds, as everything does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.access import Sight, Viewer
from core.errors import NOT_FOUND
from core.hierarchy import Place
from core.labels import LabelledEnum
from core.settings import SettingsBook

if TYPE_CHECKING:
    from core.kernel import Kernel

METHODS = ("GET", "POST")
MOST_SECONDS = 30.0
MOST_BYTES = 1 << 20

_PART = re.compile(r"[A-Za-z0-9._~-]*(?:\{[a-z][a-z0-9_]*\})?[A-Za-z0-9._~-]*")
_PARAMETER = re.compile(r"\{([a-z][a-z0-9_]*)\}")


class Admits(LabelledEnum):
    """Who is admitted at an address; ``Route.why`` says why that is safe."""

    EVERYBODY = "EVERYBODY", "任何人", "Everybody", "What it gives is public."
    SIGNED_IN = "SIGNED_IN", "已登录者", "Whoever is signed in", "Refused without a valid access token."
    CHECKED = "CHECKED", "由处理程序核查", "Whom its handler admits", "The handler asks who may, row by row."


@dataclass(frozen=True)
class Asked:
    """One request to a plugin's address.

    ``parameters`` are those of the path, ``query`` the last value of each name of the query string. ``origin`` is what the
    client called this server, for links and QR codes: ``https://example.org``.
    """

    kernel: Kernel
    viewer: Viewer
    book: SettingsBook
    now: datetime
    plugin: str
    origin: str
    path: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    place: Place | None

    @property
    def language(self) -> str:
        """Return ``zh`` or ``en``: as ``lang`` in the query says, else as the client prefers."""
        wished = self.query.get("lang", "")
        return wished if wished in ("zh", "en") else self.viewer.language

    @cached_property
    def sight(self) -> Sight:
        """Return whose eyes this request has: what row predicates are made for."""
        return self.kernel.sight(self.viewer, self.book, self.now)

    @property
    def here(self) -> Place:
        """Return the place of a route that names one."""
        if self.place is None:
            raise LookupError(f"{self.path} names no place; declare its route with place=")
        return self.place

    def require_on(self, path: str) -> None:
        """Raise NotFound unless the plugin is on at the place with this path: for what is found otherwise than by its code."""
        if not self.book.is_enabled(self.plugin, path, self.now):
            raise NOT_FOUND(what=self.path)


@dataclass(frozen=True)
class Reply:
    """An answer: ``max_age`` is how many seconds anybody may keep it; 0, and nobody does."""

    body: bytes
    media_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    max_age: int = 0

    @classmethod
    def page(cls, html: str, **more: Any) -> Reply:
        """Answer with a page."""
        return cls(html.encode(), "text/html; charset=utf-8", **more)

    @classmethod
    def json(cls, data: Any, **more: Any) -> Reply:
        """Answer with JSON."""
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return cls(text.encode(), "application/json; charset=utf-8", **more)

    @classmethod
    def download(cls, body: bytes, media_type: str, filename: str, **more: Any) -> Reply:
        """Answer with a file to keep; its name is plain ASCII."""
        return cls(body, media_type, headers={"Content-Disposition": f'attachment; filename="{filename}"'}, **more)


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered, for a route that words it in its own format."""

    status: int
    code: str
    message: str
    asked_path: str


Handler = Callable[[Asked], Awaitable[Reply]]


@dataclass(frozen=True)
class Route:
    """One address of a plugin.

    ``path`` begins with ``/p/<plugin>/``, or is anything else that overlaps with nobody's: ``{name}`` is a part without
    ``/``. ``place`` names the parameter, of the path or of the query, that holds a community's code: where the plugin is off
    there, the address does not exist. Without it the handler asks ``Asked.require_on``. A GET answers HEAD as well.
    ``points`` is what a request costs of the caller's rate limit, ``refuse`` words refusals in a format of its own.
    """

    path: str
    method: str
    handler: Handler
    admits: Admits
    why: str
    place: str = ""
    body_bytes: int = 0
    seconds: float = 5.0
    points: int = 200
    refuse: Callable[[Refusal], Reply] | None = None

    @property
    def shape(self) -> str:
        """Return the path without the names of its parameters: what two routes cannot both have."""
        return _PARAMETER.sub("{}", self.path)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Return what matches its requests."""
        parts = _PARAMETER.split(self.path)
        return re.compile(
            "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        )


def faults(route: Route, plugin: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a declaration, in Chinese and English."""
    parts = route.path.split("/")
    if parts[0] or len(parts) < 2 or not all(part and _PART.fullmatch(part) for part in parts[1:]):
        yield "path 写法不对", "its path is not written as one"
    if route.path.startswith("/p/") and parts[2:3] != [plugin]:
        yield f"/p/ 之下只能用 /p/{plugin}/", f"below /p/ it has only /p/{plugin}/"
    if route.method not in METHODS:
        yield "method 只能是 GET 或 POST", "its method is neither GET nor POST"
    if not route.why.strip():
        yield "没有说明为何安全（why）", "it does not say why admitting them is safe (why)"
    if not 0 <= route.body_bytes <= MOST_BYTES or not 0 < route.seconds <= MOST_SECONDS or route.points < 1:
        yield (
            f"body_bytes 至多 {MOST_BYTES}，seconds 至多 {MOST_SECONDS:g}，points 至少 1",
            f"it may have a body of {MOST_BYTES} bytes and take {MOST_SECONDS:g} s at most, and costs 1 point at least",
        )
    if route.body_bytes and route.method == "GET":
        yield "GET 没有请求体", "a GET has no body"


def overlap(one: str, other: str) -> bool:
    """Say whether some address fits two paths, ``{…}`` standing for anything without ``/``."""
    left, right = one.split("/"), other.split("/")
    return len(left) == len(right) and all(map(_may_equal, left, right))


def _may_equal(one: str, other: str) -> bool:
    first, second = _ends(one), _ends(other)
    if first is None and second is None:
        return one == other
    if first is None or second is None:
        (begin, end), whole = (first or second or ("", "")), one if first is None else other
        return len(whole) > len(begin) + len(end) and whole.startswith(begin) and whole.endswith(end)
    (a, x), (b, y) = first, second
    return (a.startswith(b) or b.startswith(a)) and (x.endswith(y) or y.endswith(x))


def _ends(part: str) -> tuple[str, str] | None:
    """Return what stands before and after the parameter of a part; None where there is none."""
    found = _PARAMETER.split(part)
    return (found[0], found[2]) if len(found) == 3 else None
