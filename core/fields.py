"""Column types: stored alike on SQLite and PostgreSQL, and as far as possible as they go over the wire.

Text columns carry byte order (``COLLATE "C"`` on PostgreSQL), so that ranges over paths and instants mean the same on
both databases and can use an index.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import Enum
from typing import Any

import orjson
from tortoise import fields
from tortoise.models import Model

from core.clock import from_wire, to_wire

_CANONICAL = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)


class CodeField(fields.CharField):  # type: ignore[type-arg]
    """Short text compared by its bytes: codes, paths, hashes, instants."""

    class _db_postgres:  # noqa: N801 - Tortoise's name
        def __init__(self, field: CodeField) -> None:
            self.field = field

        @property
        def SQL_TYPE(self) -> str:  # noqa: N802 - Tortoise's name
            return f'VARCHAR({self.field.max_length}) COLLATE "C"'


class InstantField(CodeField):
    """An instant in the wire format; aware datetimes in Python."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["max_length"] = 29
        super().__init__(**kwargs)

    def to_db_value(self, value: Any, instance: type[Model] | Model) -> Any:
        """Write the column."""
        return to_wire(value) if isinstance(value, datetime) else value

    def to_python_value(self, value: Any) -> Any:
        """Read the column."""
        return from_wire(value) if isinstance(value, str) else value


class DayField(CodeField):
    """A calendar day as ``YYYY-MM-DD``; dates in Python."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["max_length"] = 10
        super().__init__(**kwargs)

    def to_db_value(self, value: Any, instance: type[Model] | Model) -> Any:
        """Write the column."""
        return value.isoformat() if isinstance(value, date) else value

    def to_python_value(self, value: Any) -> Any:
        """Read the column."""
        return date.fromisoformat(value) if isinstance(value, str) else value


class EnumField(CodeField):
    """The name of one member of an enum whose values are their names."""

    def __init__(self, enum_type: type[Enum] | None = None, **kwargs: Any) -> None:
        self.enum_type = enum_type
        kwargs["max_length"] = 40
        super().__init__(**kwargs)

    def to_db_value(self, value: Any, instance: type[Model] | Model) -> Any:
        """Write the column."""
        return value.value if isinstance(value, Enum) else value

    def to_python_value(self, value: Any) -> Any:
        """Read the column."""
        if isinstance(value, str) and self.enum_type is not None and not isinstance(value, Enum):
            return self.enum_type(value)
        return value


class JsonField(fields.TextField):
    """A JSON value as canonical text (sorted keys, no spaces), the same bytes on both databases."""

    def to_db_value(self, value: Any, instance: type[Model] | Model) -> Any:
        """Write the column."""
        return None if value is None else canonical_json(value)

    def to_python_value(self, value: Any) -> Any:
        """Read the column."""
        return json.loads(value) if isinstance(value, str) else value


def canonical_json(value: Any) -> str:
    """Write JSON with sorted keys and no spaces: equal values give equal bytes (no floats are used in this project)."""
    try:
        return orjson.dumps(value, option=_CANONICAL).decode()
    except (
        TypeError
    ):  # keys that are not texts, subclasses of texts, integers over 64 bits: the same bytes, ten times slower
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
