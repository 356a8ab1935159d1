"""The cost of an operation: how many values its answer may hold, as a function of its variables.

A page size multiplies what is below it. Page sizes may be variables, so the cost is a formula that is built once, with
every fragment looked at once, and that each request evaluates with its own variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

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
from schema.limits import Limits, Once, fragments_of, nodes_of, rounded

PAGED = frozenset({"edges", "nodes", "items"})
"""The list fields of a connection: they are as long as the page that was asked for."""

MAX_READ = 10**9
"""What an unreadably large page size counts as."""

MAX_PAGE = 100
"""What a nonsensical page size counts as; paging refuses it when it runs."""


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
        self._once = Once(fragments_of(document))
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
                f"The answer may hold {rounded(cost)} values, over {self._limits.max_cost}. "
                "Ask for smaller pages (first) or for fewer fields in inner lists.",
            )

    def _parts(self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None) -> _Parts:
        parts = _Parts(_Sum(), _Sum())
        for node in nodes_of(selections):
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
