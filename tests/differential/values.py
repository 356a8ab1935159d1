"""Values for arguments and variables: what the world really holds, what it does not, and what is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLNamedType,
    GraphQLNonNull,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from tests.differential.choices import Chooser

PAGES = (1, 2, 3, 5, 20, 100)
BAD_PAGES = (-1, 101, 2**31 - 1)
JUNK_CURSORS = ("", "0", "-1", "x", "1~2", "~7", "99999999999999999999", "abc~5", "１２", "9223372036854775807")
JUNK_IDS = (
    "",
    "Poll",
    "Poll_",
    "Poll_x",
    "Nothing_1",
    "Notice_-1",
    "Notice_999",
    "Notice_99999999999999999999",
    "Notice_1_2",
)
JUNK_CODES = ("", "0", "999999999999", "440604010001-C999", "' OR 1=1 --", "440604%")
TEXTS = ("", "花园", "示例", "4406", "1栋", "%", "_", "' OR ''='", '"', "\\", "\u2028", "😀", "\x01", "01", "x" * 70)
NOT_ONES = ("abc", 1.5, True, [1, 2], {"a": 1}, 2**31, "")
"""What a variable of another type might be given."""


@dataclass(frozen=True)
class Source:
    """Where the value of an argument comes from; equal ``key``s have the same values, so that variables can be shared."""

    key: str
    draw: Callable[[Chooser], Any]
    page: Callable[[Any], int] | None = None  # of a page size or a list of ids: how many items that may be
    most: int | None = None  # the same, when the value is not known beforehand


@dataclass
class Pools:
    """What the world holds: ids by type, codes of places, cursors by type and field."""

    ids: Mapping[str, Sequence[str]] = field(default_factory=dict)
    codes: Sequence[str] = ()
    cursors: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by the argument's name

    def source(
        self, owner: str, name: str, given: str, argument: GraphQLArgument, room: int, hint: str | None
    ) -> Source:
        """Return the values for one argument; pages and lists of ids hold at most ``room`` items, unless they are refused."""
        if given == "first":
            return self._pages(room)
        if given == "after":
            return self._cursors(owner, name)
        if given == "ids" and is_list_type(get_nullable_type(argument.type)):
            return self._id_lists(room)
        if given == "id":
            return Source(f"id:{hint}", lambda choose: self.an_id(choose, hint))
        return self._plain(given, get_named_type(argument.type))

    def _plain(self, given: str, named: GraphQLNamedType) -> Source:
        if given in {"code", "community", "under"}:
            return Source("code", self._code)
        if isinstance(named, GraphQLEnumType):
            members = list(named.values)
            return Source(f"enum:{named.name}", lambda choose: Enum(choose.one(members)))
        if named.name == "Boolean":
            return Source("Boolean", lambda choose: choose.chance(50))
        texts = (*self.texts.get(given, ()), *self.texts.get(given, ()), *TEXTS)
        return Source(f"text:{given}", lambda choose: choose.one(texts))

    def _pages(self, room: int) -> Source:
        fitting = [page for page in PAGES if page <= room] or [1]

        def draw(choose: Chooser) -> int:
            if choose.chance(4):
                return choose.one((0, *BAD_PAGES))
            return choose.one(fitting)

        return Source(f"first:{fitting[-1]}", draw, lambda value: min(max(value, 0), 100), fitting[-1])

    def _cursors(self, owner: str, name: str) -> Source:
        real = self.cursors.get((owner, name), ())

        def draw(choose: Chooser) -> str:
            return choose.one(JUNK_CURSORS) if not real or choose.chance(15) else choose.one(real)

        return Source(f"after:{owner}.{name}", draw)

    def an_id(self, choose: Chooser, hint: str | None) -> str:
        """Choose an id: of the type that is looked for, seldom of another one or none at all."""
        if choose.chance(6):
            return choose.one(JUNK_IDS)
        kind = hint if hint in self.ids and not choose.chance(6) else choose.one(list(self.ids))
        return choose.one(self.ids[kind])

    def _id_lists(self, room: int) -> Source:
        most = min(room, 8)

        def draw(choose: Chooser) -> list[str]:
            return [self.an_id(choose, None) for _ in range(choose.below(most + 1))]

        return Source(f"ids:{most}", draw, len, most)

    def _code(self, choose: Chooser) -> str:
        return choose.one(JUNK_CODES) if choose.chance(6) else choose.one(self.codes)


class Enum(str):
    """The name of an enum's member: written without quotes in a document."""

    __slots__ = ()


def literal(value: Any, choose: Chooser) -> str:
    """Write a value as GraphQL; texts escaped or as they are."""
    if value is None:
        return "null"
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(literal(item, choose) for item in value) + "]"
    return json.dumps(value, ensure_ascii=choose.chance(30))


def is_required(argument: GraphQLArgument) -> bool:
    """Say whether an argument takes no null."""
    return isinstance(argument.type, GraphQLNonNull)
