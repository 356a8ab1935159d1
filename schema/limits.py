"""Static limits: how large one document may be, decided before anything runs.

Two analyses of a parsed document, both linear because every fragment is looked at once, however often it is spread:

* its *shape* needs no schema: depth, aliases, root fields, introspection. It is checked before validation, whose rules
  are dearer than this one;
* its *cost* needs the schema: the number of values the answer may hold. A page size multiplies what is below it, and
  page sizes may be variables, so the cost is a formula that each request evaluates with its variables.
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
    GraphQLField,
    GraphQLNamedType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    is_interface_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
    is_wrapping_type,
    value_from_ast_untyped,
)

from schema.http_errors import refused

MAX_NESTING = 64
"""Braces and spreads inside each other: more than any document needs, less than the interpreter's stack."""

MAX_ALIAS = 200
"""Characters of an alias; it comes back once per value and per error."""

MAX_PAGE = 100
"""What a nonsensical page size counts as; paging refuses it when it runs."""

MAX_READ = 10**9
"""What an unreadably large page size counts as."""

PAGED = frozenset({"edges", "nodes", "items"})
"""The list fields of a connection: they are as long as the page that was asked for."""

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
    max_in_flight: int = 512
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
            f"The introspection has a weight of {_rounded(shape.introspection)}, over {limits.max_introspection}. "
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
            f"The document uses {_rounded(shape.aliases)} aliases, over {limits.max_aliases}. Ask for a list instead.",
        )


def _rounded(count: int) -> str:
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
class _Once:
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
        self._once = _Once(fragments)

    def of(self, selections: SelectionSetNode | None, level: int) -> _Shape:
        """Measure the selections found at a level of nesting."""
        _check_nesting(level)
        parts = [self._node(node, level) for node in _nodes(selections)]
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
        return sum(self._introspected(node, level, inside=inside) for node in _nodes(selections))

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


def _nodes(selections: SelectionSetNode | None) -> Iterable[SelectionNode]:
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


@dataclass(frozen=True)
class _Count:
    """How many items a list may have: a constant, or the value of a variable."""

    constant: int
    variable: str | None = None

    def of(self, variables: Mapping[str, Any]) -> int:
        """Return the number for one request."""
        if self.variable is None or variables.get(self.variable) is None:
            return self.constant
        return _items(variables[self.variable])


def _literal(node: ValueNode) -> object:
    try:
        return value_from_ast_untyped(node)
    except ValueError:  # an integer too long for Python to read
        return MAX_READ


def _items(value: object) -> int:
    """Return what a page size or a list of ids stands for; whatever paging will refuse counts as a full page."""
    if isinstance(value, (list, tuple)):
        return len(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        return MAX_PAGE
    return int(value)


@dataclass(eq=False)
class _Sum:
    """A number of values: a fixed part, and parts that are multiplied by a count."""

    fixed: int = 0
    terms: list[tuple[_Count, _Sum]] = field(default_factory=list)

    def add(self, count: _Count, part: _Sum) -> None:
        """Add a part, so many times; what no variable touches is added up now."""
        if count.variable is None:
            self.fixed += count.constant * part.fixed
            self.terms += [(count, _Sum(terms=part.terms))] if part.terms else []
        elif part.fixed or part.terms:
            self.terms.append((count, part))

    def of(self, variables: Mapping[str, Any], known: dict[int, int]) -> int:
        """Return the number for one request; a part that is shared is computed once."""
        if not self.terms:
            return self.fixed
        if id(self) not in known:
            known[id(self)] = self.fixed + sum(
                count.of(variables) * part.of(variables, known) for count, part in self.terms
            )
        return known[id(self)]


_ONE = _Count(1)


class _Parts(NamedTuple):
    """What selections hold: values of their own, and values per item of the page their parent was asked for."""

    own: _Sum
    per_item: _Sum

    def add(self, other: _Parts) -> None:
        """Add what a fragment holds."""
        self.own.add(_ONE, other.own)
        self.per_item.add(_ONE, other.per_item)


class Cost:
    """The number of values an operation may answer with, as a function of its variables.

    Every selected field counts one; a list counts what is below it as often as its page is long (``first`` or
    ``last``), as there are ``ids``, or ``Limits.list_size`` times; introspection counts one. Fields that ``@skip`` or
    ``@include`` may leave out are counted.
    """

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, limits: Limits
    ) -> None:
        self._limits = limits
        self._types = schema.type_map
        self._once = _Once(fragments_of(document))
        self._defaults = {
            node.variable.name.value: _literal(node.default_value)
            for node in operation.variable_definitions or ()
            if node.default_value is not None
        }
        root = schema.get_root_type(operation.operation)
        self._sum = self._closed(self._parts(operation.selection_set, root))

    def of(self, variables: Mapping[str, Any]) -> int:
        """Return the cost of a request."""
        return self._sum.of(variables, {})

    def check(self, variables: Mapping[str, Any]) -> None:
        """Refuse a request that is too dear.

        Raises:
            Refused: COST_LIMIT.
        """
        cost = self.of(variables)
        if cost > self._limits.max_cost:
            raise refused(
                "COST_LIMIT",
                f"The answer may hold {_rounded(cost)} values, over {self._limits.max_cost}. "
                "Ask for smaller pages (first) or for fewer fields in inner lists.",
            )

    def _parts(self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None) -> _Parts:
        parts = _Parts(_Sum(), _Sum())
        for node in _nodes(selections):
            if isinstance(node, FieldNode):
                self._add_field(parts, node, parent)
            elif isinstance(node, FragmentSpreadNode):
                parts.add(self._once(node, "cost", _Parts(_Sum(), _Sum()), self._fragment))
            else:
                parts.add(self._inlined(cast("InlineFragmentNode", node), parent))
        return parts

    def _fragment(self, found: FragmentDefinitionNode) -> _Parts:
        return self._parts(found.selection_set, self._types.get(found.type_condition.name.value))

    def _inlined(self, node: InlineFragmentNode, parent: GraphQLNamedType | None) -> _Parts:
        condition = node.type_condition
        return self._parts(node.selection_set, self._types.get(condition.name.value) if condition else parent)

    def _add_field(self, parts: _Parts, node: FieldNode, parent: GraphQLNamedType | None) -> None:
        """Add a field, and what is below it as often as it may occur."""
        name = node.name.value
        declared = parent.fields.get(name) if is_object_type(parent) or is_interface_type(parent) else None
        parts.own.fixed += name != "__typename"
        if declared is None or is_leaf_type(get_named_type(declared.type)):
            return
        below = self._parts(node.selection_set, get_named_type(declared.type))
        count = self._count(node, declared)
        lists = _list_levels(declared.type)
        if not lists:
            parts.own.add(_ONE, below.own)
            parts.own.add(count or _Count(self._limits.list_size), below.per_item)
        elif count is None and name in PAGED:
            parts.per_item.add(_ONE, self._closed(below))
        else:
            outer = _Count(self._limits.list_size ** (lists - 1))
            parts.own.add(outer, self._times(count or _Count(self._limits.list_size), self._closed(below)))

    def _closed(self, parts: _Parts) -> _Sum:
        """Return the whole of selections whose parent has no page of its own."""
        whole = _Sum()
        whole.add(_ONE, parts.own)
        whole.add(_Count(self._limits.list_size), parts.per_item)
        return whole

    @staticmethod
    def _times(count: _Count, part: _Sum) -> _Sum:
        product = _Sum()
        product.add(count, part)
        return product

    def _count(self, node: FieldNode, declared: GraphQLField) -> _Count | None:
        """Return how long a page or list this field asks for, or None if it cannot say."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        sized = [name for name in ("first", "last", "ids") if name in declared.args]
        for name in sized:
            if name in given:
                return self._given(given[name], declared.args[name].default_value)
        return self._open(declared.args[sized[0]].default_value) if sized else None

    def _given(self, value: ValueNode, default: object) -> _Count:
        if isinstance(value, VariableNode):
            variable = value.name.value
            return _Count(self._open(self._defaults.get(variable, default)).constant, variable)
        return self._open(_literal(value))

    def _open(self, value: object) -> _Count:
        """Return a known size; one that is left open is an ordinary page."""
        return _Count(self._limits.page_size if value is None or value is Undefined else _items(value))


def _list_levels(type_: GraphQLOutputType) -> int:
    """Return how many lists are inside each other: two for ``[[Cell!]!]!``."""
    levels = 0
    inner: object = type_
    while is_wrapping_type(inner):
        levels += is_list_type(inner)
        inner = inner.of_type
    return levels
