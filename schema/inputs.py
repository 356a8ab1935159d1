"""The input of a mutation as its deed takes it: ids as keys, nested inputs as dictionaries, gaps as their defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from functools import cached_property
from typing import Any, NamedTuple

import strawberry
from strawberry.types.base import StrawberryList, StrawberryOptional, get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType
from strawberry.utils.str_converters import to_camel_case

from core import errors
from core.ids import parse_global_id

Path = tuple[str, ...]
Read = Callable[[Any, Path], Any]
IDEMPOTENCY_KEY = "idempotencyKey"


class _Part(NamedTuple):
    """One field of an input: its name in GraphQL and in the deed, what it is when left out, and how it is read."""

    name: str
    argument: str
    default: Callable[[], Any]
    read: Read | None


class DeedArguments:
    """Reads coerced values of an input type. The type's annotations are resolved when the first value comes.

    Input types are declarations: no object of theirs is made.
    """

    def __init__(self, input_type: type) -> None:
        self._type = input_type

    def read(self, given: Mapping[str, Any], path: Path = ("input",)) -> dict[str, Any]:
        """Return the arguments of a deed; raises BAD_ID with the path of an id that names nothing of its type."""
        found = {}
        for name, argument, default, read in self._parts:
            if name not in given:
                found[argument] = default()
            else:
                value = given[name]
                found[argument] = value if read is None or value is None else read(value, (*path, name))
        return found

    def subject(self, given: Mapping[str, Any]) -> tuple[str, int] | None:
        """Return the type and key of what the input is about, as its ``id`` names it; None when it names nothing."""
        parsed = parse_global_id(str(given.get("id"))) if self._about is not None else None
        return parsed if parsed is not None and parsed[0] == self._about else None

    @cached_property
    def _about(self) -> str | None:
        fields = get_object_definition(self._type, strict=True).fields
        return next((f.metadata.get("ref") for f in fields if f.python_name == "id" and f.metadata), None)

    @cached_property
    def _parts(self) -> tuple[_Part, ...]:
        definition = get_object_definition(self._type, strict=True)
        parts = (_part(field, field.resolve_type(type_definition=definition)) for field in definition.fields)
        return tuple(part for part in parts if part.name != IDEMPOTENCY_KEY)


def _part(field: StrawberryField, type_: Any) -> _Part:
    name = _name(field)
    expected = field.metadata.get("ref") if field.metadata else None
    return _Part(name, field.python_name, _default(field), _key_of(expected) if expected else _read(type_))


def _name(field: StrawberryField) -> str:
    return field.graphql_name or to_camel_case(field.python_name)


def _default(field: StrawberryField) -> Callable[[], Any]:
    if callable(field.default_factory):
        return field.default_factory
    given = None if field.default is MISSING or field.default is strawberry.UNSET else field.default
    return lambda: given


def _read(type_: Any) -> Read | None:
    """Return how values of a type are read; None where they are taken as they are."""
    if isinstance(type_, LazyType):
        return _read(type_.resolve_type())
    if isinstance(type_, StrawberryOptional):
        return _read(type_.of_type)
    if isinstance(type_, StrawberryList):
        item = _read(type_.of_type)
        return _list(item) if item is not None else None
    definition = get_object_definition(type_)
    return DeedArguments(type_).read if definition is not None and definition.is_input else None


def _list(item: Read) -> Read:
    def read(values: Any, path: Path) -> Any:
        return [None if value is None else item(value, (*path, str(at))) for at, value in enumerate(values)]

    return read


def _key_of(type_name: str) -> Read:
    """Read the key that a global id of the right type names; a list of ids as a list of keys."""

    def read(value: Any, path: Path) -> Any:
        if isinstance(value, list):
            return [None if item is None else read(item, (*path, str(at))) for at, item in enumerate(value)]
        parsed = parse_global_id(str(value))
        if parsed is None or parsed[0] != type_name:
            raise errors.BAD_ID(path=path, value=str(value), expected=type_name)
        return parsed[1]

    return read
