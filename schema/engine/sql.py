"""SQL with its parameters, compiled once and bound for every reading.

A compiled statement has the predicates of its types in it. Their text depends on whom they are made for, so a statement
is kept per *shape*: the texts of all its rules. Viewers with the same shape share it and differ in parameters only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.access import Moment, Rule, Sight, Where

if TYPE_CHECKING:
    from schema.engine.patches import Child, Choice, Patch

KEPT_STATEMENTS = 256
KEPT_SHAPES = 16


class Uncompilable(Exception):
    """No plan can be made for this; graphql-core runs it."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A parameter that the document says."""

    value: Any


@dataclass(frozen=True, slots=True)
class OfRule:
    """A parameter of a predicate: of which rule, and which of its parameters."""

    rule: Rule
    index: int


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter that each request gives, read from its variables."""

    read: Callable[[dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Extra:
    """A parameter that a resolver gives."""

    index: int


Slot = Constant | OfRule | Given | Extra


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and the slots of its placeholders, in order."""

    text: str
    slots: tuple[Slot, ...] = ()
    pieces: tuple[Sql | str, ...] = ()
    """What a concatenation was made of, so that one inside another becomes part of it."""

    def __add__(self, other: Sql | str) -> Sql:
        if isinstance(other, str):
            return Sql(self.text + other, self.slots)
        return Sql(self.text + other.text, self.slots + other.slots)

    def __radd__(self, other: str) -> Sql:
        return Sql(other + self.text, self.slots)

    def map(self, text: str) -> Sql:
        """Put this piece where ``{}`` stands in a text."""
        return Sql(text.replace("{}", self.text), self.slots * text.count("{}"))


def joined(pieces: Iterable[Sql], separator: str) -> Sql:
    """Join pieces of SQL."""
    kept = list(pieces)
    return Sql(separator.join(piece.text for piece in kept), tuple(slot for piece in kept for slot in piece.slots))


class Eyes:
    """One viewer's predicates, for as long as grants and settings stay as they are."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self._rules: dict[Rule, Where] = {}
        self._bound: dict[Query, Bound] = {}

    def where(self, rule: Rule) -> Where:
        """Return what a rule says to these eyes."""
        found = self._rules.get(rule)
        if found is None:
            found = self._rules[rule] = rule(self.sight)
        return found

    def bound(self, query: Query) -> Bound:
        """Return a query as these eyes have it: compiled for their shape, their own parameters filled in."""
        found = self._bound.get(query)
        if found is None:
            if len(self._bound) >= KEPT_STATEMENTS:
                self._bound.clear()
            found = self._bound[query] = Bound(query.for_(self), self)
        return found


@dataclass(eq=False)
class Statement:
    """A compiled statement, and what has to be done with its answer."""

    text: str
    slots: tuple[Slot, ...]
    patch: Patch | Choice | Child | None = None
    checks: tuple[Given, ...] = ()
    """Arguments that are read only to be refused when they are wrong: the size of a page that is only counted."""
    seconds: float = 0.0
    """How long it takes, as far as is known: a running estimate."""


class Query:
    """A statement to be: how it is compiled, and the texts it has for the shapes seen so far."""

    def __init__(self, compile: Callable[[Eyes], tuple[Statement, tuple[Rule, ...]]]) -> None:
        self._compile = compile
        self._rules: tuple[Rule, ...] | None = None
        self._by_shape: dict[tuple[str, ...], Statement] = {}

    def for_(self, eyes: Eyes) -> Statement:
        """Return the statement for the shape of these eyes."""
        if self._rules is not None:
            found = self._by_shape.get(self._shape(eyes))
            if found is not None:
                return found
        statement, self._rules = self._compile(eyes)
        if len(self._by_shape) >= KEPT_SHAPES:
            self._by_shape.pop(next(iter(self._by_shape)))
        self._by_shape[self._shape(eyes)] = statement
        return statement

    def _shape(self, eyes: Eyes) -> tuple[str, ...]:
        return tuple(eyes.where(rule).sql for rule in self._rules or ())


class Bound:
    """A statement with one viewer's parameters; what changes from reading to reading is filled in each time."""

    __slots__ = ("_holes", "_template", "statement")

    def __init__(self, statement: Statement, eyes: Eyes) -> None:
        self.statement = statement
        self._template: list[Any] = []
        self._holes: list[tuple[int, Moment | Given | Extra]] = []
        for position, slot in enumerate(statement.slots):
            value: Any = slot
            if isinstance(slot, OfRule):
                value = eyes.where(slot.rule).params[slot.index]
            elif isinstance(slot, Constant):
                value = slot.value
            if isinstance(value, (Moment, Given, Extra)):
                self._holes.append((position, value))
                value = None
            self._template.append(value)

    def params(self, now: datetime, variables: dict[str, Any], extra: Sequence[Any] = ()) -> list[Any]:
        """Return the parameters for one reading."""
        for check in self.statement.checks:
            check.read(variables)
        params = self._template.copy()
        for position, hole in self._holes:
            if isinstance(hole, Given):
                params[position] = hole.read(variables)
            elif isinstance(hole, Extra):
                params[position] = extra[hole.index]
            else:
                params[position] = hole.of(now)
        return params
