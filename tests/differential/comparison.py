"""When two answers are the same: in status, type, data with the order of names, and errors in any order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SEALED = "1.A256GCM."
"""How values begin that are encrypted anew for every answer: cursors of the feed of changes."""

MOST_LISTED = 100
"""A server lists so many errors at most; which of more it lists depends on the order in which they came up."""

OURS = frozenset({"INTERNAL", "UNAVAILABLE", "DEADLINE"})
"""Codes of failures of the server: whatever a client asks, these are mistakes."""


@dataclass(frozen=True)
class Reply:
    """An answer as the client gets it."""

    status: int
    content_type: str
    body: bytes


class TwiceTheSameName(ValueError):
    """An object of the answer has one name twice."""


def parsed(reply: Reply) -> dict[str, Any]:
    """Read an answer; raises TwiceTheSameName."""
    found: dict[str, Any] = json.loads(reply.body, object_pairs_hook=_unique)
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise TwiceTheSameName([name for name, _ in pairs])
    return dict(pairs)


def failures(reply: Reply) -> list[dict[str, Any]]:
    """Return the errors that are the server's own fault."""
    return [error for error in parsed(reply).get("errors", ()) if error.get("extensions", {}).get("code") in OURS]


def difference(one: Reply, other: Reply, unsealed: Callable[[str], object] = str) -> str | None:
    """Say how two answers differ, or return None; ``unsealed`` tells what a sealed text means."""
    if (one.status, one.content_type) != (other.status, other.content_type):
        return f"status and type: {one.status} {one.content_type}, {other.status} {other.content_type}"
    first, second = parsed(one), parsed(other)
    if list(first) != list(second):
        return f"parts: {list(first)}, {list(second)}"
    for name in first:
        write = _errors if name == "errors" else text_of
        left, right = write(_opened(first[name], unsealed)), write(_opened(second[name], unsealed))
        if left != right and not (name == "errors" and _same_kinds(first, second)):
            return f"{name}: {_around(left, right)}"
    return None


def _same_kinds(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Say whether two answers have the same data and as many errors of the same codes.

    Where an error makes a list or an object null, the first of several says so, and resolvers that wait for PostgreSQL
    finish in any order: the specification leaves it open which one is told.
    """
    codes = [sorted(error["extensions"]["code"] for error in answer["errors"]) for answer in (first, second)]
    return first.get("data") == second.get("data") and codes[0] == codes[1]


def text_of(value: Any) -> str:
    """Write a value so that equal texts mean equal values, names in the same order, numbers of the same type."""
    return json.dumps(value, ensure_ascii=False)


def _opened(value: Any, unsealed: Callable[[str], object]) -> Any:
    if isinstance(value, dict):
        return {name: _opened(found, unsealed) for name, found in value.items()}
    if isinstance(value, list):
        return [_opened(found, unsealed) for found in value]
    if isinstance(value, str) and value.startswith(SEALED):
        return f"sealed {unsealed(value)}"
    return value


def _errors(found: list[dict[str, Any]]) -> str:
    if len(found) >= MOST_LISTED:
        return f"{MOST_LISTED} or more"
    return "\n".join(sorted(json.dumps(error, ensure_ascii=False, sort_keys=True) for error in found))


def _around(left: str, right: str) -> str:
    """Show where two texts part."""
    at = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    begin = max(0, at - 150)
    return f"{left[begin : at + 150]!r}\nand\n{right[begin : at + 150]!r}"
