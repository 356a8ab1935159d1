"""What Python adds to an answer that SQL has written: the fields that only resolvers know.

Where a level has such fields, SQL writes each row as ``{"v": {...}, "r": [...]}``: the members of its object in the
document's order (null where a resolver will put its value), and the raw columns from which the object is made that
resolvers see. ``Patch.apply`` takes the rows out, makes the objects, and leaves the resolvers to the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schema.declared import Column, Declaration
from schema.reading import instance

if TYPE_CHECKING:
    from schema.engine.later import Later
    from schema.engine.shapes import Field

Spot = tuple[Any, Any]
"""Where a row's JSON value lies: in which dict or list, under which key or index."""
Enqueue = Callable[["Field | Later", Any, dict[str, Any]], None]


@dataclass(frozen=True, eq=False)
class Child:
    """Where the rows of a relation lie below a row: under ``key``, for a connection in its lists."""

    key: str
    lists: tuple[tuple[str, str | None], ...]
    patch: Patch | Choice

    def spots(self, values: dict[str, Any]) -> Iterator[Spot]:
        """Return where they lie."""
        if not self.lists:
            yield values, self.key
            return
        page = values[self.key]
        for name, inner in self.lists:
            items = page[name]
            for index in range(len(items)):
                yield (items, index) if inner is None else (items[index], inner)


@dataclass(frozen=True, eq=False)
class Patch:
    """What has to be done with the rows of one level."""

    declaration: Declaration
    names: tuple[str, ...]
    columns: tuple[Column, ...]
    fields: tuple[Field | Later, ...]
    children: tuple[Child, ...]

    def apply(self, spots: Iterator[Spot], enqueue: Enqueue) -> None:
        """Put every row's own value in its place, and hand its resolvers to the run."""
        for holder, key in spots:
            row = holder[key]
            if row is None:
                continue
            values = row
            if self.fields:
                values = holder[key] = row["v"]
                raw = row["r"]
                obj = (
                    raw[0]
                    if len(raw) == 1
                    else instance(self.declaration, self.columns, dict(zip(self.names, raw, strict=True)))
                )
                for field in self.fields:
                    enqueue(field, obj, values)
            for child in self.children:
                child.patch.apply(child.spots(values), enqueue)


@dataclass(frozen=True, eq=False)
class Choice:
    """A relation to matters of any kind: SQL writes ``["Poll", value]``, and each type has its own patch."""

    patches: Mapping[str, Patch | None]

    def apply(self, spots: Iterator[Spot], enqueue: Enqueue) -> None:
        """Put every row's value in its place by its type."""
        for holder, key in spots:
            if holder[key] is not None:
                name, holder[key] = holder[key]
                patch = self.patches[name]
                if patch is not None:
                    patch.apply(iter([(holder, key)]), enqueue)
