"""Variables of an operation, coerced by functions that are made once; what is not plainly right is left to graphql-core.

Coercing the input of a ballot by the library takes as long as writing the ballot does. Its rules are kept: what these
functions return is what it would return, and where they cannot tell (a number for an ID, one value for a list, anything
wrong) the library is asked, which also finds the words for what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
    VariableDefinitionNode,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.utilities.coerce_input_value import coerce_default_value

Coerce = Callable[[Any], Any]
_INT = 1 << 31


class _Odd(Exception):
    """A value that only the library can judge."""


class Variables:
    """The variables that one operation declares."""

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self.names = tuple(node.variable.name.value for node in definitions)
        self._schema, self._definitions = schema, definitions
        self._known: list[tuple[str, Any, Coerce]] = []
        for node in definitions:
            signature = get_variable_signature(schema, node)
            # With defaults, and in a document that does not fit the schema, all is left to the library.
            coerce: Coerce = _odd
            if not isinstance(signature, GraphQLError) and node.default_value is None:
                coerce = _coerce(signature.type)
            self._known.append((node.variable.name.value, signature, coerce))

    def coerced(self, given: Mapping[str, Any]) -> VariableValues | None:
        """Coerce what a client has sent; None when it does not fit."""
        sources, values = {}, {}
        try:
            for name, signature, coerce in self._known:
                values[name] = coerce(given[name]) if name in given else _odd(None)
                sources[name] = VariableValueSource(signature, given[name])
        except _Odd:
            found = get_variable_values(self._schema, self._definitions, dict(given))
            return None if isinstance(found, list) else found
        return VariableValues(sources=sources, coerced=values)


def _coerce(type_: GraphQLInputType) -> Coerce:
    """Return the function of a type."""
    if is_non_null_type(type_):
        return _required(_coerce(type_.of_type))
    if is_list_type(type_):
        return _list(_coerce(type_.of_type))
    if isinstance(type_, GraphQLInputObjectType):
        return _Object(type_) if type_.out_type is GraphQLInputObjectType.out_type and not type_.is_one_of else _odd
    if isinstance(type_, GraphQLEnumType):
        return _enum(type_)
    type_ = cast(GraphQLScalarType, type_)
    return _LEAVES.get(type_.name) or _scalar(type_)


def _odd(value: Any) -> Any:
    raise _Odd


def _required(inner: Coerce) -> Coerce:
    def required(value: Any) -> Any:
        return inner(value) if value is not None else _odd(value)

    return required


def _list(item: Coerce) -> Coerce:
    def listed(value: Any) -> Any:
        if type(value) is not list:
            return None if value is None else _odd(value)
        return [item(one) for one in value]

    return listed


def _exactly(kind: type) -> Coerce:
    def leaf(value: Any) -> Any:
        return value if value is None or type(value) is kind else _odd(value)

    return leaf


def _int(value: Any) -> Any:
    return value if value is None or (type(value) is int and -_INT <= value < _INT) else _odd(value)


_LEAVES: Mapping[str, Coerce] = {
    "ID": _exactly(str), "String": _exactly(str), "Boolean": _exactly(bool), "Int": _int
}  # fmt: skip


def _enum(type_: GraphQLEnumType) -> Coerce:
    known = {name: type_.coerce_input_value(name) for name in type_.values}

    def enum(value: Any) -> Any:
        if value is None:
            return None
        return known[value] if type(value) is str and value in known else _odd(value)

    return enum


def _scalar(type_: GraphQLScalarType) -> Coerce:
    def scalar(value: Any) -> Any:
        if value is None:
            return None
        try:
            found = type_.coerce_input_value(value)
        except Exception:  # noqa: BLE001 - whatever is wrong, the library says it
            raise _Odd from None
        return found if found is not Undefined else _odd(value)

    return scalar


class _Object:
    """The function of an input object; its fields are looked at when the first value comes, for they may hold itself."""

    def __init__(self, type_: GraphQLInputObjectType) -> None:
        self._type = type_

    @cached_property
    def _fields(self) -> Sequence[tuple[str, str, Coerce, Any, bool]]:
        return [
            (name, field.out_name or name, _coerce(field.type), field, is_required_input_field(field))
            for name, field in self._type.fields.items()
        ]

    def __call__(self, value: Any) -> Any:
        if type(value) is not dict:
            return None if value is None else _odd(value)
        found, taken = {}, 0
        for name, out_name, coerce, field, is_required in self._fields:
            if name in value:
                found[out_name] = coerce(value[name])
                taken += 1
            elif is_required:
                raise _Odd
            elif (default := coerce_default_value(field)) is not Undefined:
                found[out_name] = default
        return found if taken == len(value) else _odd(value)
