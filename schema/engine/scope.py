"""One operation under one set of variable shapes: what the compiler asks of a document.

A plan depends on variables in two ways: the values of booleans steer ``@skip`` and ``@include``, and whether an optional
variable is there decides which conditions a statement has. Both make the plan's key; all other values are parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLNamedType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)  # fmt: skip
from graphql.execution.values import VariableValues, get_argument_values, get_directive_values

from schema.engine.sql import Constant, Given, Uncompilable

Fields = dict[str, list[FieldNode]]
Flags = tuple[Any, ...]


def flags_of(names: Iterable[str], coerced: Mapping[str, Any]) -> Flags:
    """Return what a plan depends on: for each variable whether it is there, null, empty or given; booleans as they are."""
    return tuple(_flag(coerced[name]) if name in coerced else "absent" for name in names)


def _flag(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    return "empty" if value == "" else "given"


class Scope:
    """A schema, the fragments of a document, and the variables of the request it is compiled for."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: VariableValues
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.variables = variables

    def collect(self, nodes: Iterable[FieldNode], type_: GraphQLNamedType) -> Fields:
        """Collect what field nodes ask of an object of one type: the nodes of each response name, in document order."""
        fields: Fields = {}
        seen: set[str] = set()
        for node in nodes:
            if node.selection_set is not None:
                self._collect(node.selection_set, type_, fields, seen)
        return fields

    def collect_root(self, selection: SelectionSetNode, type_: GraphQLNamedType) -> Fields:
        """Collect what an operation asks of its root."""
        fields: Fields = {}
        self._collect(selection, type_, fields, set())
        return fields

    def _collect(self, selection: SelectionSetNode, type_: GraphQLNamedType, fields: Fields, seen: set[str]) -> None:
        for node in selection.selections:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                fields.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or self._applies(node.type_condition.name.value, type_):
                    self._collect(node.selection_set, type_, fields, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self.fragments[node.name.value]
                fragment = getattr(fragment, "definition", fragment)
                if self._applies(fragment.type_condition.name.value, type_):
                    self._collect(fragment.selection_set, type_, fields, seen)

    def _applies(self, name: str, type_: GraphQLNamedType) -> bool:
        condition = self.schema.get_type(name)
        if condition is type_:
            return True
        return is_abstract_type(condition) and self.schema.is_sub_type(condition, type_)

    def _included(self, node: Any) -> bool:
        if not node.directives:
            return True
        if any(directive.name.value not in ("skip", "include") for directive in node.directives):
            raise Uncompilable("a directive other than @skip and @include")
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        if skip and skip["if"] is True:
            return False
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return not (include and include["if"] is False)

    def arguments(self, field: GraphQLField, node: FieldNode) -> dict[str, Any]:
        """Return the coerced arguments of a field, by GraphQL name."""
        return get_argument_values(field, node, self.variables)

    def slots(self, field: GraphQLField, node: FieldNode) -> dict[str, Constant | Given]:
        """Return the arguments of a field as parameters: constants, or what each request's variables say."""
        values = self.arguments(field, node)
        found: dict[str, Constant | Given] = {name: Constant(value) for name, value in values.items()}
        for argument in node.arguments or ():
            name, value = argument.name.value, argument.value
            if isinstance(value, VariableNode):
                variable = value.name.value
                given = self.variables.coerced.get(variable)
                if given is not None and not isinstance(given, bool) and given != "":
                    found[name] = Given(_reader(variable))
            elif isinstance(value, (ListValueNode, ObjectValueNode)) and name in values:
                raise Uncompilable("a list or object as argument of a relation")
        return found


def _reader(variable: str) -> Callable[[dict[str, Any]], Any]:
    return lambda variables: variables[variable]
