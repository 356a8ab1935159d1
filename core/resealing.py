"""Sealing anew: whatever was sealed under an earlier secret is sealed under the present one, while the server serves.

Columns come from the declarations of personal data. A batch is read, opened and sealed outside of any transaction, and
written only where the row still holds what was read: a row that the server changes meanwhile is never overwritten, and is
met again by the next pass. What is done stays done: killed at any moment, the work goes on where it was, for what is left
is seen from the values themselves.

When nothing is left, the earlier secret can be dropped. Once it is destroyed, nobody reads the sealed fields of older copies
of the database any more: that is how backups forget whom the server was told to forget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.keys import ALGORITHM, FORMAT, CannotUnseal, Keyring
from core.personal import Held, Sealed

if TYPE_CHECKING:
    from core._db.seam import Row
    from core.kernel import Kernel

BATCH = 500
MOST_PASSES = 20
_COLUMNS = {
    "sqlite": "SELECT m.name AS table_name, p.name AS column_name FROM sqlite_master m JOIN pragma_table_info(m.name) p "
    "WHERE m.type = 'table' AND p.name LIKE '%sealed' ORDER BY 1, 2",
    "postgres": "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND column_name LIKE '%sealed' ORDER BY 1, 2",
}


@dataclass
class Resealed:
    """What came of it: values sealed anew, values left by column, and those that no known secret opens."""

    done: int = 0
    left: Mapping[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Say whether no value needs an earlier secret any more."""
        return not self.left


@dataclass(frozen=True)
class _Place:
    """One sealed column of one table."""

    held: Held
    sealed: Sealed

    @property
    def name(self) -> str:
        return f"{self.held.table}.{self.sealed.column}"


def _places(kernel: Kernel) -> Iterator[_Place]:
    known: dict[str, _Place] = {}
    for data in kernel.personal_data:
        for held in data.held:
            for sealed in held.sealed:
                place = _Place(held, sealed)
                known.setdefault(place.name, place)
    yield from known.values()


def _present(keys: Keyring) -> str:
    """Return how values begin that are sealed as they would be now."""
    return f"{FORMAT}.{ALGORITHM}.{keys.key('field').id}."


async def left(kernel: Kernel) -> dict[str, int]:
    """Count by column what is sealed under earlier secrets; also in tables of plugins that are not loaded here."""
    found, now = {}, _present(kernel.keys)
    for row in await kernel.database.fetch(_COLUMNS[kernel.database.dialect]):
        table, column = row["table_name"], row["column_name"]
        count = await kernel.database.value(
            f'SELECT COUNT(*) FROM "{table}" WHERE "{column}" IS NOT NULL AND substr("{column}", 1, ?) <> ?',
            (len(now), now),
        )
        if count:
            found[f"{table}.{column}"] = int(count)
    for data in kernel.personal_data:
        if data.follows is not None and (count := await data.follows(kernel, False)):
            found[data.code] = count
    return found


async def reseal(kernel: Kernel, *, batch: int = BATCH, tell: Callable[[str, int], None] | None = None) -> Resealed:
    """Seal anew whatever an earlier secret sealed, a batch at a time; ``tell`` hears the column and how many were done."""
    outcome = Resealed()
    for _ in range(MOST_PASSES):
        before = outcome.done
        outcome.unreadable.clear()
        for data in kernel.personal_data:
            if data.follows is not None:
                outcome.done += await data.follows(kernel, True)
        for place in _places(kernel):
            await _column(kernel, place, batch, outcome, tell)
        outcome.left = await left(kernel)
        if not outcome.left or outcome.done == before:
            break
    return outcome


async def _column(
    kernel: Kernel, place: _Place, batch: int, outcome: Resealed, tell: Callable[[str, int], None] | None
) -> None:
    table, key, column, now, last = (
        place.held.table, place.held.key, place.sealed.column, _present(kernel.keys), -(1 << 62)
    )  # fmt: skip
    while True:
        rows = await kernel.database.fetch(
            f"SELECT {key} AS row_key, {column} AS sealed FROM {table} WHERE {key} > ? AND {column} IS NOT NULL "
            f"AND substr({column}, 1, ?) <> ? ORDER BY {key} LIMIT {batch}",
            (last, len(now), now),
        )
        if not rows:
            return
        last = rows[-1]["row_key"]
        made, unreadable = await asyncio.to_thread(_sealed_anew, kernel.keys, place, rows)
        if unreadable:
            outcome.unreadable[place.name] = outcome.unreadable.get(place.name, 0) + unreadable
        if made:
            await kernel.database.run(lambda tx, made=made: tx.execute_many(_update(place), made))  # type: ignore[misc]
            outcome.done += len(made)
        if tell is not None:
            tell(place.name, outcome.done)


def _update(place: _Place) -> str:
    held, sealed = place.held, place.sealed
    index = f", {sealed.index} = ?" if sealed.index else ""
    return f"UPDATE {held.table} SET {sealed.column} = ?{index} WHERE {held.key} = ? AND {sealed.column} = ?"


def _sealed_anew(keys: Keyring, place: _Place, rows: list[Row]) -> tuple[list[tuple[Any, ...]], int]:
    """Open and seal a batch; returns the parameters of its updates, and how many values no known secret opens."""
    made, unreadable, sealed = list[tuple[Any, ...]](), 0, place.sealed
    for row in rows:
        key, blob = row["row_key"], row["sealed"]
        try:
            text = keys.unseal(place.held.table, sealed.word, key, blob)
        except CannotUnseal:
            unreadable += 1
            continue
        index = (keys.blind_index(sealed.kind, text),) if sealed.index else ()
        made.append((keys.seal(place.held.table, sealed.word, key, text), *index, key, blob))
    return made, unreadable
