"""What only Python knows: the values of ordinary resolvers, shaped as the document asks for them.

Compiled once per selection. A value that graphql-core might treat otherwise (null where there must be none, a leaf of an
odd type) raises ``Unproven``: graphql-core runs the operation then. Resolvers are not called while values are shaped but
queued, so that those of one level run together, and ``for_each`` resolvers once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

import strawberry
from graphql import (
    FieldNode,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable

from core.errors import DomainError
from schema.engine.scope import Scope
from schema.errors import user_error

if TYPE_CHECKING:
    from schema.engine.run import Run

Shape = Callable[[Any, "Run"], Any]
_EXACT: dict[str, type] = {"String": str, "ID": str, "Boolean": bool, "Float": float}


class Unproven(Exception):
    """The engine cannot say what the specification wants here; graphql-core runs the operation."""


class Ready:
    """A value that is complete for certain nodes: JSON text, or a dictionary that the run still adds to."""

    __slots__ = ("nodes", "value")

    def __init__(self, value: Any, nodes: Sequence[FieldNode]) -> None:
        self.value = value
        self.nodes = frozenset(map(id, nodes))


class Field:
    """One field of one selection whose value a resolver gives."""

    def __init__(self, scope: Scope, parent: GraphQLObjectType, key: str, nodes: Sequence[FieldNode]) -> None:
        self.key, self.parent, self.nodes = key, parent, list(nodes)
        self.field = parent.fields[nodes[0].name.value]
        self.definition: Any = (self.field.extensions or {})["strawberry-definition"]
        metadata = self.definition.metadata or {}
        self.needs: Sequence[str] | None = metadata.get("needs")
        self.is_deed = "deed" in metadata
        self.lookup: Any = metadata.get("lookup")
        self._for_each = metadata.get("for_each")
        self._answer: Any = metadata.get("answer")
        self._shape = value_shape(scope, self.field.type, self.nodes)

    @property
    def name(self) -> str:
        """Return the coordinate of the field in the schema."""
        return f"{self.parent.name}.{self.nodes[0].name.value}"

    async def resolve(self, run: Run, pairs: Sequence[tuple[Any, dict[str, Any]]]) -> None:
        """Resolve the field for all objects of its level, and put the values in their places."""
        info = self._info(run)
        if self._for_each is not None:
            objects = [obj for obj, _ in pairs]
            found = await self._for_each(objects, strawberry.Info(_raw_info=info, _field=self.definition))
            for value, (_, values) in zip(found, pairs, strict=True):
                values[self.key] = self._shape(value, run)
            return
        arguments = run.scope.arguments(self.field, self.nodes[0])
        for obj, values in pairs:
            if self._answer is not None:
                value = await self._deed(arguments["input"], info)
            else:
                value = self.field.resolve(obj, info, **arguments)
            values[self.key] = self._shape(await value if isawaitable(value) else value, run)

    async def _deed(self, given: Mapping[str, Any], info: GraphQLResolveInfo[Any]) -> Any:
        """Do a deed; what it refuses is a member of its result."""
        try:
            return await self._answer(given, strawberry.Info(_raw_info=info, _field=self.definition))
        except DomainError as error:
            return user_error(error, info.context.language)

    def _info(self, run: Run) -> GraphQLResolveInfo[Any]:
        scope = run.scope
        return GraphQLResolveInfo(
            self.nodes[0].name.value, self.nodes, self.field.type, self.parent, Path(None, self.key, self.parent.name),
            scope.schema, dict(scope.fragments), None, run.operation, scope.variables, run.context,
            optimized_is_awaitable, None, None,  # type: ignore[arg-type]
        )  # fmt: skip


def value_shape(scope: Scope, type_: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Shape:
    """Return how a resolver's value becomes what the answer holds."""
    if is_non_null_type(type_):
        inner = value_shape(scope, type_.of_type, nodes)

        def required(value: Any, run: Run) -> Any:
            if value is None:
                raise Unproven("null where there must be none")
            return inner(value, run)

        return required
    if is_list_type(type_):
        return _optional(_list(value_shape(scope, type_.of_type, nodes)))
    if is_leaf_type(type_):
        return _optional(_leaf(type_))
    if is_abstract_type(type_):
        return _optional(_any_of(scope, nodes))
    return _optional(_object(scope, type_, nodes))  # type: ignore[arg-type]


def _optional(shape: Shape) -> Shape:
    def optional(value: Any, run: Run) -> Any:
        return None if value is None else shape(value, run)

    return optional


def _list(item: Shape) -> Shape:
    def listed(value: Any, run: Run) -> Any:
        if not isinstance(value, (list, tuple)):
            raise Unproven("a list that is none")
        return [item(one, run) for one in value]

    return listed


def _leaf(type_: Any) -> Shape:
    exact = _EXACT.get(type_.name)
    known: dict[Any, Any] = {}

    def leaf(value: Any, run: Run) -> Any:
        kind = type(value)
        if kind is exact:
            return value
        if isinstance(value, BaseException):
            raise Unproven("an error as value")
        if kind in (list, dict, int, float):
            return _proven(type_.coerce_output_value(value))
        if value not in known:
            if len(known) > 1000:
                known.clear()
            known[value] = _proven(type_.coerce_output_value(value))
        return known[value]

    return leaf


def _proven(value: Any) -> Any:
    if value is None:
        raise Unproven("a leaf without value")
    return value


def _ready(value: Any, nodes: frozenset[int]) -> Ready | None:
    """Return what a read has completed for these nodes, or None for an ordinary value."""
    found: Ready | None = value if type(value) is Ready else getattr(value, "__dict__", {}).get("ready")
    if found is not None and found.nodes != nodes:
        raise Unproven("an object read once for several response names")
    return found


def _object(scope: Scope, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Shape:
    mine = frozenset(map(id, nodes))
    parts: list[tuple[str, Any, Shape | None]] = []
    for key, group in scope.collect(nodes, type_).items():
        name = group[0].name.value
        if name == "__typename":
            parts.append((key, type_.name, None))
            continue
        definition: Any = (type_.fields[name].extensions or {})["strawberry-definition"]
        if definition.is_basic_field and not definition.extensions:
            parts.append((key, definition.python_name, value_shape(scope, type_.fields[name].type, group)))
        else:
            parts.append((key, Field(scope, type_, key, group), None))

    def shaped(value: Any, run: Run) -> Any:
        ready = _ready(value, mine)
        if ready is not None:
            return ready.value
        values: dict[str, Any] = {}
        for key, part, shape in parts:
            if shape is not None:
                values[key] = shape(getattr(value, part), run)
            elif isinstance(part, str):
                values[key] = part
            else:
                values[key] = None
                run.enqueue(part, value, values)
        return values

    return shaped


def _any_of(scope: Scope, nodes: Sequence[FieldNode]) -> Shape:
    mine = frozenset(map(id, nodes))
    by_type: dict[type, Shape] = {}

    def shaped(value: Any, run: Run) -> Any:
        ready = _ready(value, mine)
        if ready is not None:
            return ready.value
        kind = type(value)
        if kind not in by_type:
            definition = getattr(kind, "__strawberry_definition__", None)
            type_ = scope.schema.get_type(definition.name) if definition is not None else None
            if not isinstance(type_, GraphQLObjectType):
                raise Unproven("a value of unknown type")
            by_type[kind] = _object(scope, type_, nodes)
        return by_type[kind](value, run)

    return shaped
