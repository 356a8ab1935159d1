"""Static limits: how large one document may be, decided before anything runs.

Two analyses of a parsed document, both linear because every fragment is looked at once, however often it is spread.
Its *shape* is here and needs no schema: depth, aliases, root fields, introspection. It is checked before validation,
whose rules are dearer than this one. Its *cost* needs the schema and is in ``cost.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from schema.http_errors import refused

MAX_NESTING = 64
"""Braces and spreads inside each other: more than any document needs, less than the interpreter's stack."""

MAX_ALIAS = 200
"""Characters of an alias; it comes back once per value and per error."""

_TYPE_LISTS = frozenset({"fields", "inputFields", "interfaces", "possibleTypes"})
_REPEATED = 20

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """How much one request may ask for. The defaults fit a busy screen of a front end several times over."""

    max_bytes: int = 1 << 20
    """Bytes of a request body or of one WebSocket message."""
    body_seconds: float = 10
    """From the first to the last byte of a body."""
    max_source: int = 64 * 1024
    """Characters of a document."""
    max_tokens: int = 2000
    max_depth: int = 14
    """Fields inside fields; fragments add nothing, introspection has its own measure."""
    max_aliases: int = 30
    """Counted as often as the fragment that holds them is spread."""
    max_root_fields: int = 10
    max_cost: int = 20_000
    """Values in the answer, if every page is full."""
    max_introspection: int = 500
    """Fields below ``__schema`` and ``__type``; the standard introspection query has about 220."""
    max_errors: int = 5
    """Validation and coercion errors that are listed."""
    operation_seconds: float = 10
    max_in_flight: int = 128
    """Operations that run at once in this process; whoever comes later is told to come back."""
    page_size: int = 20
    """A page whose size the document leaves open."""
    list_size: int = 20
    """A list without a page size."""
    guarded: frozenset[str] = frozenset({"login"})
    """Root fields that guess at secrets: at most one of them per request, so that tries can be counted."""


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return the fragments of a document by name."""
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


def operations_of(document: DocumentNode) -> list[OperationDefinitionNode]:
    """Return the operations of a document."""
    return [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]


def check_shape(document: DocumentNode, limits: Limits, *, allow_introspection: bool) -> None:
    """Refuse a parsed document that is too large; every operation in it must keep the limits.

    Raises:
        Refused: DEPTH_LIMIT, ALIAS_LIMIT, ROOT_FIELD_LIMIT, GUARDED_FIELD_LIMIT, INTROSPECTION_LIMIT or
            INTROSPECTION_DISABLED.
    """
    fragments = fragments_of(document)
    shapes = _Shapes(fragments)
    for operation in operations_of(document):
        _check_one(shapes.of(operation.selection_set, 0), limits, allow_introspection=allow_introspection)
        _check_roots(_root_fields(operation.selection_set, fragments, set()), limits)


class _Shape(NamedTuple):
    """What selections add up to, fragments spread."""

    depth: int = 0
    aliases: int = 0
    introspection: int = 0
    nesting: int = 0


def _check_one(shape: _Shape, limits: Limits, *, allow_introspection: bool) -> None:
    if shape.introspection and not allow_introspection:
        raise refused("INTROSPECTION_DISABLED", "Introspection is off on this server. Read its SDL file instead.")
    if shape.introspection > limits.max_introspection:
        raise refused(
            "INTROSPECTION_LIMIT",
            f"The introspection has a weight of {rounded(shape.introspection)}, over {limits.max_introspection}. "
            "Send the standard introspection query, once.",
        )
    if shape.depth > limits.max_depth:
        raise refused(
            "DEPTH_LIMIT",
            f"The document is {shape.depth} fields deep, over {limits.max_depth}. "
            "Ask for the inner objects by id in a second request.",
        )
    if shape.aliases > limits.max_aliases:
        raise refused(
            "ALIAS_LIMIT",
            f"The document uses {rounded(shape.aliases)} aliases, over {limits.max_aliases}. Ask for a list instead.",
        )


def rounded(count: int) -> str:
    """Write a number that an attacker may have made thousands of digits long."""
    return str(count) if count < 10**9 else "more than 1000000000"


def _check_roots(roots: Mapping[str, str], limits: Limits) -> None:
    if len(roots) > limits.max_root_fields:
        raise refused(
            "ROOT_FIELD_LIMIT",
            f"The operation has {len(roots)} root fields, over {limits.max_root_fields}. Send several requests.",
        )
    guarded = [name for name in roots.values() if name in limits.guarded]
    if len(guarded) > 1:
        raise refused("GUARDED_FIELD_LIMIT", f"Ask for {guarded[0]} once per request.")


def _root_fields(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> dict[str, str]:
    """Return the root fields by the name they get in the answer; what merges there counts once."""
    roots: dict[str, str] = {}
    for node in selections.selections:
        if isinstance(node, FieldNode):
            roots[(node.alias or node.name).value] = node.name.value
        elif isinstance(node, InlineFragmentNode):
            roots |= _root_fields(node.selection_set, fragments, seen)
        elif isinstance(node, FragmentSpreadNode) and node.name.value in fragments and node.name.value not in seen:
            seen.add(node.name.value)
            roots |= _root_fields(fragments[node.name.value].selection_set, fragments, seen)
    return roots


@dataclass
class Once:
    """Fragments by name, each analysed at most once per variant of the analysis."""

    fragments: Mapping[str, FragmentDefinitionNode]
    known: dict[tuple[str, object], Any] = field(default_factory=dict)

    def __call__(
        self, spread: FragmentSpreadNode, variant: object, unfinished: T, of: Callable[[FragmentDefinitionNode], T]
    ) -> T:
        """Return the analysis of a fragment; within a cycle, which validation refuses, ``unfinished``."""
        key = (spread.name.value, variant)
        if key not in self.known:
            self.known[key] = unfinished
            if key[0] in self.fragments:
                self.known[key] = of(self.fragments[key[0]])
        return cast("T", self.known[key])


class _Shapes:
    """Measures selections without a schema."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._once = Once(fragments)

    def of(self, selections: SelectionSetNode | None, level: int) -> _Shape:
        """Measure the selections found at a level of nesting."""
        _check_nesting(level)
        parts = [self._node(node, level) for node in nodes_of(selections)]
        return _Shape(
            max((part.depth for part in parts), default=0),
            sum(part.aliases for part in parts),
            sum(part.introspection for part in parts),
            max((part.nesting for part in parts), default=0),
        )

    def _node(self, node: SelectionNode, level: int) -> _Shape:
        if isinstance(node, FieldNode):
            return self._field(node, level)
        if isinstance(node, FragmentSpreadNode):
            inner = self._once(node, "shape", _Shape(), lambda found: self.of(found.selection_set, level + 1))
        else:
            inner = self.of(cast("InlineFragmentNode", node).selection_set, level + 1)
        _check_nesting(level + inner.nesting)
        return inner._replace(nesting=inner.nesting + 1)

    def _field(self, node: FieldNode, level: int) -> _Shape:
        aliases = _aliases(node)
        if node.name.value == "__typename":
            return _Shape(1, aliases)
        if node.name.value.startswith("__"):
            return _Shape(1, aliases, 1 + self._introspection(node.selection_set, level + 1, inside=False))
        inner = self.of(node.selection_set, level + 1)
        return _Shape(inner.depth + 1, inner.aliases + aliases, inner.introspection, inner.nesting + 1)

    def _introspection(self, selections: SelectionSetNode | None, level: int, *, inside: bool) -> int:
        """Weigh introspection; ``inside`` says that this runs once per field of every type already."""
        _check_nesting(level)
        return sum(self._introspected(node, level, inside=inside) for node in nodes_of(selections))

    def _introspected(self, node: SelectionNode, level: int, *, inside: bool) -> int:
        if isinstance(node, FragmentSpreadNode):
            return self._once(
                node,
                inside,
                0,
                lambda found: self._introspection(found.selection_set, level + 1, inside=inside),
            )
        if not isinstance(node, FieldNode):
            return self._introspection(cast("InlineFragmentNode", node).selection_set, level + 1, inside=inside)
        listing = node.name.value in _TYPE_LISTS
        times = _REPEATED if (listing and inside) or _aliases(node) else 1
        return times * (1 + self._introspection(node.selection_set, level + 1, inside=inside or listing))


def nodes_of(selections: SelectionSetNode | None) -> Iterable[SelectionNode]:
    """Return what a selection set holds, nothing for a leaf."""
    return selections.selections if selections is not None else ()


def _check_nesting(level: int) -> None:
    if level > MAX_NESTING:
        raise refused("DEPTH_LIMIT", f"The document nests more than {MAX_NESTING} levels. Split it.")


def _aliases(node: FieldNode) -> int:
    if node.alias is None:
        return 0
    if len(node.alias.value) > MAX_ALIAS:
        raise refused("ALIAS_LIMIT", f"An alias has more than {MAX_ALIAS} characters. Choose a shorter one.")
    return 1
