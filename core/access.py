"""Who may do and see what: viewers with their grants, decisions with reasons, and row predicates for SQL.

An office reaches down the tree, a membership reaches up (one who lives in a stairwell belongs to its compound and its
community), nothing reaches sideways. The same grants feed both questions: ``decide`` answers "may this person do this
here?", a ``Rule`` answers "which rows may this person see?" as a predicate that is part of every read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any, Protocol

from core import errors
from core.clock import to_wire
from core.hierarchy import Place, subtree_range
from core.kinds import Reach


@dataclass(frozen=True)
class Permission:
    """One thing people may be allowed to do: ``voting.open_poll``, with the roles that hold it unless data say otherwise."""

    code: str
    title_zh: str
    title_en: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grant:
    """One live appointment, resolved: these permissions, from this place, in this direction."""

    role: str
    reach: Reach
    permissions: frozenset[str]
    community_id: int | None = None
    path: str | None = None
    lineage: tuple[int, ...] = ()  # ids of the place and all above it, for memberships

    def covers(self, permission: str, place: Place) -> bool:
        """Say whether this grant gives a permission at a place."""
        if permission not in self.permissions:
            return False
        if self.reach is Reach.SELF:
            return True
        if self.path is None:
            return False
        return place.path.startswith(self.path) if self.reach is Reach.OFFICE else self.path.startswith(place.path)


@dataclass(frozen=True)
class Viewer:
    """Whoever asks: a signed-in person with grants, nobody in particular, or the system itself."""

    person_id: int | None = None
    account_id: int | None = None
    name: str = ""
    language: str = "zh"
    grants: tuple[Grant, ...] = ()
    system: str | None = None  # name of the sweep or reaction that acts, when no person does
    expires_at: datetime | None = None
    session: int | None = None  # the family of refresh tokens that the access token belongs to

    def roles_at(self, place: Place) -> tuple[str, ...]:
        """Return the roles this viewer holds with power or membership at a place."""
        return tuple(
            grant.role
            for grant in self.grants
            if grant.path is not None
            and (
                place.path.startswith(grant.path) if grant.reach is Reach.OFFICE else grant.path.startswith(place.path)
            )
        )

    def ranges(self, permission: str) -> tuple[tuple[str, str], ...]:
        """Return the path ranges (from, to) in which an office of this viewer holds a permission; nested ones merged."""
        paths = sorted(
            {g.path for g in self.grants if g.path and g.reach is Reach.OFFICE and permission in g.permissions}
        )
        outer: list[str] = []
        for path in paths:
            if not outer or not path.startswith(outer[-1]):
                outer.append(path)
        return tuple(subtree_range(path) for path in outer)

    def places(self, permission: str | None = None) -> tuple[int, ...]:
        """Return the ids of the communities where this viewer belongs (and holds a permission as a member, if given)."""
        member = (
            g for g in self.grants if g.reach is Reach.MEMBER and (permission is None or permission in g.permissions)
        )
        return tuple(sorted({place for grant in member for place in grant.lineage}))

    @cached_property
    def homes(self) -> tuple[int, ...]:
        """Return the ids of the communities this viewer is a member of in person, without those above."""
        return tuple(sorted({g.community_id for g in self.grants if g.reach is Reach.MEMBER and g.community_id}))


ANYONE = Viewer()


@dataclass(frozen=True)
class Decision:
    """May this be done: yes, or no and why."""

    refusal: errors.DomainError | None = None

    @property
    def allowed(self) -> bool:
        """Say whether it may be done."""
        return self.refusal is None

    def enforce(self) -> None:
        """Raise the refusal, if there is one."""
        if self.refusal is not None:
            raise self.refusal


def decide(viewer: Viewer, permission: str, place: Place) -> Decision:
    """Decide whether a viewer holds a permission at a place."""
    if viewer.system is not None or any(grant.covers(permission, place) for grant in viewer.grants):
        return Decision()
    if viewer.person_id is None:
        return Decision(errors.NOT_SIGNED_IN())
    return Decision(errors.NOT_ALLOWED(place=place.name, permission=permission))


@dataclass(frozen=True)
class Where:
    """A piece of a WHERE clause; ``{m}``, ``{t}`` stand for the aliases of the matter and of the row's own table."""

    sql: str
    params: tuple[Any, ...] = ()
    joined: str = field(default="", compare=False)  # AND or OR, when it is a chain of such in parentheses

    def __and__(self, other: Where) -> Where:
        if self.sql == "TRUE":
            return other
        if other.sql == "TRUE":
            return self
        return self._chained("AND", other)

    def __or__(self, other: Where) -> Where:
        if "TRUE" in (self.sql, other.sql):
            return TRUE
        if self.sql == "FALSE":
            return other
        if other.sql == "FALSE":
            return self
        return self._chained("OR", other)

    def _chained(self, word: str, other: Where) -> Where:
        """Join two; a chain stays flat, for parentheses inside parentheses soon are too deep for SQLite's parser."""
        links = (part.sql[1:-1] if part.joined == word else part.sql for part in (self, other))
        return Where(f"({f' {word} '.join(links)})", self.params + other.params, word)


TRUE = Where("TRUE")
FALSE = Where("FALSE")


class MatterKind(Protocol):
    """What a sight knows of a kind of matter: a lifecycle, seen from here."""

    @property
    def type_name(self) -> str:
        """Return the GraphQL type of its matters."""

    @property
    def visible(self) -> Rule:
        """Return who may see them."""

    @property
    def files(self) -> Rule | None:
        """Return who of those may see their files; None for all."""

    @property
    def common_deeds(self) -> Sequence[str]:
        """Return the deeds that many do to one matter; of them each sees only their own."""


class Moment(Enum):
    """What stands for the time in the parameters of a predicate that is made once for many readings."""

    NOW = "now"
    TODAY = "today"

    def of(self, at: datetime) -> str:
        """Return the parameter for one reading."""
        return to_wire(at) if self is Moment.NOW else at.date().isoformat()


@dataclass(frozen=True)
class Sight:
    """Whose eyes, and at what moment: what a row predicate is made for.

    Rules ask ``now_wire`` and ``today`` and only put them among the parameters: where predicates last longer than one
    request (``moment`` is None then) they are a ``Moment``, which each reading replaces.
    """

    viewer: Viewer
    moment: datetime | None
    enabled: Callable[[str], Sequence[tuple[str, str]]] = field(default=lambda plugin: (("", "\uffff"),))
    kinds: Mapping[tuple[str, str], MatterKind] = field(default_factory=dict)  # by plugin and kind

    @property
    def now_wire(self) -> Any:
        """Return the moment in the wire format, as instants are stored."""
        return Moment.NOW if self.moment is None else Moment.NOW.of(self.moment)

    @property
    def today(self) -> Any:
        """Return the day as days are stored: ``2026-11-23``."""
        return Moment.TODAY if self.moment is None else Moment.TODAY.of(self.moment)


Rule = Callable[[Sight], Where]

MATTER_PATH = "{m}.path"
MATTER_PLACE = "{m}.community_id"
ROW_PLACE = "{t}.community_id"
ROW_PATH = "(SELECT c.path FROM core_community c WHERE c.id = {t}.community_id)"


def everyone(sight: Sight) -> Where:
    """Show the row to everybody, signed in or not."""
    return TRUE


def nobody(sight: Sight) -> Where:
    """Show the row to nobody but the system."""
    return FALSE


SEVERAL = 4
"""From so many ranges on they are looked up, not compared one by one: a plugin may be on in every province by itself."""


def within(path: str, ranges: Sequence[tuple[str, str]]) -> Where:
    """Show rows whose path lies in one of these ranges."""
    where, beginnings = FALSE, _beginnings(ranges) if len(ranges) >= SEVERAL else {}
    for low, high in ranges:
        if low not in beginnings.get(len(low), ()):
            where |= Where(f"({path} >= ? AND {path} < ?)", (low, high))
    for length, some in beginnings.items():
        where |= Where(f"substr({path}, 1, {length}) IN ({', '.join('?' * len(some))})", tuple(some))
    return where


def _beginnings(ranges: Sequence[tuple[str, str]]) -> dict[int, list[str]]:
    """Return the ranges that are a place and all below it, by the length of its path, with which all of them begin."""
    found: dict[int, list[str]] = {}
    for low, high in ranges:
        if low.endswith("/") and high == subtree_range(low)[1]:
            found.setdefault(len(low), []).append(low)
    return found


def among(column: str, keys: Sequence[int]) -> Where:
    """Show rows whose column holds one of these keys."""
    return Where(f"{column} IN ({', '.join('?' * len(keys))})", tuple(keys)) if keys else FALSE


def holders(permission: str, *, path: str = MATTER_PATH, place: str = MATTER_PLACE) -> Rule:
    """Show the row to whoever holds a permission at its place."""

    def rule(sight: Sight) -> Where:
        if sight.viewer.system is not None:
            return TRUE
        if any(g.reach is Reach.SELF and permission in g.permissions for g in sight.viewer.grants):
            return TRUE
        return within(path, sight.viewer.ranges(permission)) | among(place, sight.viewer.places(permission))

    return rule


def members(*, place: str = MATTER_PLACE) -> Rule:
    """Show the row to whoever belongs to its place: lives, owns or works in it or below it."""

    def rule(sight: Sight) -> Where:
        return TRUE if sight.viewer.system is not None else among(place, sight.viewer.places())

    return rule


def person(column: str = "{m}.author_id") -> Rule:
    """Show the row to the one person a column names."""

    def rule(sight: Sight) -> Where:
        if sight.viewer.system is not None:
            return TRUE
        return FALSE if sight.viewer.person_id is None else Where(f"{column} = ?", (sight.viewer.person_id,))

    return rule


def row(sql: str, *params: Any) -> Rule:
    """Show rows for which a piece of SQL holds (fixed text with ``{m}``/``{t}`` aliases; ``?`` for each parameter)."""

    def rule(sight: Sight) -> Where:
        return Where(sql, params)

    return rule


def either(*rules: Rule) -> Rule:
    """Show the row when any of these rules does."""

    def rule(sight: Sight) -> Where:
        where = FALSE
        for part in rules:
            where |= part(sight)
        return where

    return rule


def both(*rules: Rule) -> Rule:
    """Show the row when all of these rules do."""

    def rule(sight: Sight) -> Where:
        where = TRUE
        for part in rules:
            where &= part(sight)
        return where

    return rule
