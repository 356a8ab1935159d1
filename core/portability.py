"""Everything that is held about a person as one JSON document, written while it is sent: nothing of it is stored.

    {"format": "shanzhi.personal-data", "version": 1, "madeAt": …, "person": "Person_…",
     "categories": [{"code", "title", "purpose", "basis", "source", "retention", "kept",
                     "records": [{"table": …, "rows": [{column: value}]}]}]}

Every row names its key. Keys and other whole numbers beyond 2^53 are texts; sealed fields are opened; moments are RFC 3339.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.models import Model

from core import models
from core.clock import to_wire
from core.fields import JsonField
from core.ids import global_id
from core.personal import Held, PersonalData, columns_of

if TYPE_CHECKING:
    from core._db.seam import Row
    from core.kernel import Kernel

FORMAT, VERSION = "shanzhi.personal-data", 1
PAGE = 500
_SAFE = 1 << 53


async def export(kernel: Kernel, person_id: int, language: str = "zh") -> AsyncIterator[str]:
    """Yield the document in pieces."""
    readers = _readers(kernel)
    head = {"format": FORMAT, "version": VERSION, "madeAt": to_wire(kernel.clock.now()),
            "person": global_id("Person", person_id)}  # fmt: skip
    yield f'{_json(head)[:-1]}, "categories": ['
    for at, data in enumerate(kernel.personal_data):
        yield f'{", " if at else ""}{_json(_about(data, language))[:-1]}, "records": ['
        found = [held for held in data.held if held.of]
        for place, held in enumerate(found):
            yield f'{", " if place else ""}{{"table": {_json(held.table)}, "rows": ['
            first = True
            async for row in _rows(kernel, held, person_id, readers.get(held.table, {})):
                yield f"{'' if first else ', '}{_json(row)}"
                first = False
            yield "]}"
        yield "]}"
    yield "]}\n"


def _about(data: PersonalData, language: str) -> dict[str, str]:
    texts = {name: data.text(name, language) for name in ("title", "purpose", "retention", "kept")}
    return {"code": data.code, "basis": data.basis.value, "source": data.source, **texts}


async def _rows(
    kernel: Kernel, held: Held, person_id: int, readers: Mapping[str, fields.Field[Any]]
) -> AsyncIterator[dict[str, Any]]:
    """Read the rows of a person a page at a time, in the order of their keys."""
    columns = dict.fromkeys((held.key, *held.shows, *(one.column for one in held.sealed)))
    told = [f"{sql} AS {name}" for name, sql in held.told.items()]
    select = ", ".join((*columns, *told))
    last = -1
    while True:
        rows = await kernel.database.fetch(
            f"SELECT {select} FROM {held.table} WHERE ({held.of}) AND {held.key} > ? ORDER BY {held.key} LIMIT {PAGE}",
            (*held.parameters(person_id), last),
        )
        for row in rows:
            yield _shown(kernel, held, row, readers)
        if len(rows) < PAGE:
            return
        last = rows[-1][held.key]


def _shown(kernel: Kernel, held: Held, row: Row, readers: Mapping[str, fields.Field[Any]]) -> dict[str, Any]:
    found = {name: _value(row[name], readers.get(name)) for name in (held.key, *held.shows, *held.told)}
    found[held.key] = str(row[held.key])
    for one in held.sealed:
        blob = row[one.column]
        found[one.shown] = blob and kernel.keys.unseal(held.table, one.word, row[held.key], blob)
    return found


def _value(value: Any, reader: fields.Field[Any] | None) -> Any:
    if isinstance(reader, JsonField) and isinstance(value, str):
        return json.loads(value)
    if isinstance(reader, fields.BooleanField) and value is not None:
        return bool(value)
    return str(value) if isinstance(value, int) and not -_SAFE < value < _SAFE else value


def _readers(kernel: Kernel) -> dict[str, dict[str, fields.Field[Any]]]:
    """Return the fields of every table by their columns: SQLite tells truth values from numbers only by them."""
    known: list[type[Model]] = [*models.__models__, *kernel.host.models()]
    return {model._meta.db_table: columns_of(model) for model in known}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
