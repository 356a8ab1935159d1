"""From bytes to a GraphQL request: strict JSON, and the parameters of GraphQL over HTTP and over WebSocket."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from schema.http_errors import MALFORMED, UNREADABLE, Refused, refused

MAX_JSON_DEPTH = 64
MAX_INTEGER_DIGITS = 32
MAX_JSON_HOLDERS = 20_000
"""Lists and objects, counted as brackets. Half a million of them in one body keep the server busy for half a second."""
MAX_JSON_VALUES = 50_000
"""Values beside each other, counted as commas."""

KEPT_BODIES = 512
KEPT_BODY_BYTES = 2048

_LONG_INTEGER = re.compile(rf"\d{{{MAX_INTEGER_DIGITS + 1}}}")
_ODD_ESCAPE = re.compile(r"\\u(0000|[dD][89a-fA-F])")

T = TypeVar("T")


@dataclass(frozen=True)
class GraphQLRequest:
    """One request as the client wrote it, its parameters of the right types."""

    query: str | None = None
    document_id: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: object) -> GraphQLRequest:
        """Read the parameters from a JSON object; other properties are ignored, as the specification asks.

        Raises:
            Refused: BAD_REQUEST, with the parameter that is missing or of the wrong type.
        """
        if not isinstance(value, dict):
            raise refused("BAD_REQUEST", "Send one JSON object with query and variables; batches are off.", MALFORMED)
        request = cls(
            _typed(value, "query", str, "a string"),
            _typed(value, "documentId", str, "a string"),
            _typed(value, "operationName", str, "a string") or None,
            _typed(value, "variables", dict, "an object") or {},
            _typed(value, "extensions", dict, "an object") or {},
        )
        return request._with_one_document()

    @classmethod
    def from_query_string(cls, query_string: bytes) -> GraphQLRequest:
        """Read the parameters of a GET request; ``variables`` and ``extensions`` are JSON texts.

        Raises:
            Refused: BAD_REQUEST or BAD_JSON.
        """
        found = _pairs(query_string)
        for name in ("variables", "extensions"):
            if found.get(name):
                found[name] = strict_json(found[name].encode())
        return cls.from_json({name: value for name, value in found.items() if value})

    def _with_one_document(self) -> GraphQLRequest:
        if self.query is None and self.document_id is None:
            raise refused("BAD_REQUEST", "There is nothing to run: send query or documentId.", UNREADABLE)
        if self.query is not None and self.document_id is not None:
            raise refused("BAD_REQUEST", "Send either query or documentId, not both.", MALFORMED)
        return self


class Bodies:
    """The bodies of queries that came lately, as they were read: front ends send the same bytes all day.

    Two generations of at most ``KEPT_BODIES`` small ones each: what is asked for again moves to the younger one. A request
    is shared by all who send it, and changed by nobody. Mutations are not kept: they do not come again, and hold passwords.
    """

    def __init__(self) -> None:
        self._young: dict[bytes, GraphQLRequest] = {}
        self._old: dict[bytes, GraphQLRequest] = {}

    def read(self, body: bytes) -> GraphQLRequest:
        """Return the request of a body; raises Refused as ``strict_json`` and ``GraphQLRequest.from_json`` do."""
        return self._young.get(body) or self._old.get(body) or GraphQLRequest.from_json(strict_json(body))

    def keep(self, body: bytes, request: GraphQLRequest) -> None:
        """Remember what a body says."""
        if body not in self._young and len(body) <= KEPT_BODY_BYTES:
            if len(self._young) >= KEPT_BODIES:
                self._young, self._old = {}, self._young
            self._young[body] = request


def _typed(value: Mapping[str, Any], name: str, kind: type[T], wanted: str) -> T | None:
    found = value.get(name)
    if found is None or isinstance(found, kind):
        return found
    raise refused("BAD_REQUEST", f"{name} must be {wanted}.", MALFORMED)


def _pairs(query_string: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except (UnicodeDecodeError, ValueError) as wrong:
        raise refused("BAD_REQUEST", "The query string is not UTF-8 form encoding.", UNREADABLE) from wrong
    found = dict(pairs)
    if len(found) != len(pairs):
        raise refused("BAD_REQUEST", "A parameter is given twice.", UNREADABLE)
    return found


class _BadJson(ValueError):
    """JSON that ``json`` would accept and we do not."""


def strict_json(body: bytes) -> Any:
    """Read JSON that means the same to every reader.

    UTF-8, no duplicate keys, no NaN or infinity, a bounded number of values, no more than 64 levels and 32 digits, no
    NUL and no half of a surrogate pair in a text: databases refuse what those stand for.

    Raises:
        Refused: BAD_JSON.
    """
    try:
        text = body.decode()
        holders = text.count("[") + text.count("{")
        if holders > MAX_JSON_HOLDERS or text.count(",") > MAX_JSON_VALUES:
            raise _BadJson("it holds too many values")
        value = (_CAREFUL if _LONG_INTEGER.search(text) else _DECODER).decode(text)
        if holders > MAX_JSON_DEPTH:
            _check_depth(value)
        if _ODD_ESCAPE.search(text):
            _check_texts(value)
    except (ValueError, RecursionError) as wrong:
        raise _bad_json(wrong) from wrong
    return value


def _bad_json(wrong: Exception) -> Refused:
    """Say what is wrong without quoting the text."""
    if isinstance(wrong, UnicodeDecodeError):
        detail = "it is not UTF-8"
    elif isinstance(wrong, json.JSONDecodeError):
        detail = f"{wrong.msg} at line {wrong.lineno} column {wrong.colno}"
    else:
        detail = str(wrong) if isinstance(wrong, _BadJson) else "it is nested too deeply"
    return refused("BAD_JSON", f"This is not JSON that this server reads: {detail}.", UNREADABLE)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _BadJson("an object names a key twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _BadJson("a number is too large")
    return number


def _constant(name: str) -> float:
    raise _BadJson(f"{name} is not a number")


def _short_integer(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise _BadJson(f"an integer has more than {MAX_INTEGER_DIGITS} digits")
    return int(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_constant)
# A hook per integer would triple the time of every body, so it is used only when some run of digits is long.
_CAREFUL = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_constant, parse_int=_short_integer
)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [item for holder in level for item in _items(holder) if isinstance(item, (dict, list))]
        if not level:
            return
    raise _BadJson("it is nested too deeply")


def _items(holder: Any) -> Iterable[Any]:
    return holder.values() if isinstance(holder, dict) else holder


def _check_texts(value: Any) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, str) and ("\0" in item or not _encodes(item)):
            raise _BadJson("a text holds a NUL or half a character")


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
