"""What a document asks of an object: graphql-core's collection rules over the AST, ahead of execution.

Reads look ahead with this, so that one statement per relation serves all the objects of a level.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLResolveInfo,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionSetNode,
    is_object_type,
    is_union_type,
)  # fmt: skip
from graphql.execution.values import VariableValues, get_argument_values, get_directive_values


@dataclass(frozen=True)
class Asked:
    """The fields asked of objects of one type: for each response name the nodes that ask for it, in document order."""

    info: GraphQLResolveInfo[Any]
    fields: dict[str, list[FieldNode]]

    def names(self) -> set[str]:
        """Return the names of the schema fields asked for."""
        return {nodes[0].name.value for nodes in self.fields.values()}

    def of(self, name: str) -> list[list[FieldNode]]:
        """Return the groups of nodes that ask for one schema field, one group per response name."""
        return [nodes for nodes in self.fields.values() if nodes[0].name.value == name]


def asked(info: GraphQLResolveInfo[Any], nodes: Iterable[FieldNode], type_names: frozenset[str]) -> Asked:
    """Collect what these field nodes ask of an object whose type has one of these names (its own, its interfaces')."""
    fields: dict[str, list[FieldNode]] = {}
    seen: set[str] = set()
    for node in nodes:
        if node.selection_set is not None:
            _collect(info, node.selection_set, type_names, fields, seen)
    return Asked(info, fields)


def _collect(
    info: GraphQLResolveInfo[Any],
    selection: SelectionSetNode,
    type_names: frozenset[str],
    fields: dict[str, list[FieldNode]],
    seen: set[str],
) -> None:
    for node in selection.selections:
        if not _included(info, node):
            continue
        if isinstance(node, FieldNode):
            fields.setdefault((node.alias or node.name).value, []).append(node)
        elif isinstance(node, InlineFragmentNode):
            if node.type_condition is None or _applies(info, node.type_condition.name.value, type_names):
                _collect(info, node.selection_set, type_names, fields, seen)
        elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
            seen.add(node.name.value)
            fragment = _fragment(info, node.name.value)
            if _applies(info, fragment.type_condition.name.value, type_names):
                _collect(info, fragment.selection_set, type_names, fields, seen)


def _applies(info: GraphQLResolveInfo[Any], name: str, type_names: frozenset[str]) -> bool:
    """Say whether a fragment on a type, an interface or a union is about objects with one of these names."""
    if name in type_names:
        return True
    condition = info.schema.get_type(name)
    types = (info.schema.get_type(each) for each in type_names)
    return is_union_type(condition) and any(
        is_object_type(each) and info.schema.is_sub_type(condition, each) for each in types
    )


def _fragment(info: GraphQLResolveInfo[Any], name: str) -> Any:
    found = info.fragments[name]
    return getattr(found, "definition", found)


def _included(info: GraphQLResolveInfo[Any], node: Any) -> bool:
    if not node.directives:
        return True
    skip = get_directive_values(GraphQLSkipDirective, node, _variables(info))
    if skip and skip["if"] is True:
        return False
    include = get_directive_values(GraphQLIncludeDirective, node, _variables(info))
    return not (include and include["if"] is False)


def _variables(info: GraphQLResolveInfo[Any]) -> VariableValues:
    """Return the variables as graphql-core takes them; resolvers are given the plain values."""
    given: Any = info.variable_values
    return given if hasattr(given, "coerced") else VariableValues(sources={}, coerced=given)


def arguments_of(info: GraphQLResolveInfo[Any], type_name: str, node: FieldNode) -> dict[str, Any]:
    """Return the coerced arguments of a field node, by GraphQL name."""
    parent: Any = info.schema.get_type(type_name)
    return get_argument_values(parent.fields[node.name.value], node, _variables(info))


def item_nodes(info: GraphQLResolveInfo[Any], nodes: Sequence[FieldNode]) -> tuple[list[FieldNode], bool]:
    """Return the nodes below a connection that select its items, and whether ``totalCount`` is asked for."""
    inside = asked(info, nodes, ANY)
    items = [node for group in inside.of("nodes") for node in group]
    for group in inside.of("edges"):
        below = asked(info, group, ANY)
        items += [node for nodes_ in below.of("node") for node in nodes_]
    return items, bool(inside.of("totalCount"))


class _Any(frozenset[str]):
    def __contains__(self, name: object) -> bool:
        return True


ANY = _Any()
