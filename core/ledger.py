"""The log of all deeds as outsiders check it: leaves in their order, the stored hashes above them, signed heads, proofs.

Deeds know nothing of this: their leaves get their numbers at the commit, and what is above them is computed afterwards,
by whichever process has the lease. A head is made every so many leaves, every hour with something in it, and whenever a
plugin asks for one (the close of a poll); rows of heads are only added.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core import tracekeys
from core._db.seam import Row, Tx
from core.checkpoints import Checkpoint
from core.clock import from_wire, to_wire
from core.ids import new_id
from core.merkle import SPAN, WIDTH, Hashing, Tree
from core.trace import HASH_NAME

if TYPE_CHECKING:
    from core.kernel import Fetching, Kernel

log = logging.getLogger("shanzhi.ledger")

GROW_BATCH = 64
"""How many tiles of 256 leaves one deed of growing hashes: some ten milliseconds."""
_LEVEL_BITS = 48
_HEAD = "SELECT size, root, hash_name, note, reason, made_at FROM core_trace_head"


class LogAltered(Exception):
    """The log no longer begins with what a head of it says: the database was changed or set back by other means."""


class StoredTiles:
    """The stored hashes of a log, read from the database."""

    def __init__(self, reader: Fetching) -> None:
        self._reader = reader

    async def tile(self, level: int, index: int, size: int) -> list[bytes]:
        """Return at most 256 hashes of a level; see ``merkle.Tiles``."""
        first = index * WIDTH
        last = min(first + WIDTH, size >> level)
        if level == 0:
            rows = await self._reader.fetch(
                "SELECT leaf_hash FROM core_trace_leaf WHERE seq > ? AND seq <= ? ORDER BY seq", (first, last)
            )
        else:
            rows = await self._reader.fetch(
                "SELECT hash FROM core_trace_node WHERE id >= ? AND id < ? ORDER BY id",
                (node_key(level, first), node_key(level, last)),
            )
        return [bytes.fromhex(row[0]) for row in rows]


def node_key(level: int, position: int) -> int:
    """Return the primary key of a stored hash."""
    return (level << _LEVEL_BITS) | position


@dataclass(frozen=True)
class Head:
    """A signed head of the log."""

    size: int
    root: str
    hash_name: str
    note: str
    reason: str
    made_at: str

    @classmethod
    def of(cls, row: Row) -> Head:
        """Make a head of its row."""
        return cls(row["size"], row["root"], row["hash_name"], row["note"], row["reason"], row["made_at"])


async def size_of(reader: Fetching) -> int:
    """Return how many leaves have their place in the log."""
    rows = await reader.fetch("SELECT COALESCE(MAX(seq), 0) FROM core_trace_leaf")
    return int(rows[0][0])


def tree(reader: Fetching, size: int, hash_name: str = HASH_NAME) -> Tree:
    """Return the tree of the first ``size`` leaves; the stored hashes must have grown so far."""
    return Tree(StoredTiles(reader), size, Hashing(hash_name))


async def grow(tx: Tx, most: int = GROW_BATCH) -> int:
    """Store the hashes of tiles that have become complete, at most so many; returns how many."""
    size, grown, level = await size_of(tx), 0, SPAN
    while size >> level and grown < most:
        made = await _grow_level(tx, level, size, most - grown)
        grown, level = grown + made, level + SPAN
    return grown


async def _grow_level(tx: Tx, level: int, size: int, most: int) -> int:
    last = await tx.value(
        "SELECT MAX(id) FROM core_trace_node WHERE id >= ? AND id < ?", (node_key(level, 0), node_key(level + 1, 0))
    )
    begin = 0 if last is None else last - node_key(level, 0) + 1
    end = min(size >> level, begin + most)
    tiles, hashing = StoredTiles(tx), Hashing(HASH_NAME)
    for position in range(begin, end):
        below = await tiles.tile(level - SPAN, position, size)
        if len(below) < WIDTH:  # the level below has not grown so far in this batch
            return position - begin
        await tx.execute(
            "INSERT INTO core_trace_node (id, hash) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
            (node_key(level, position), hashing.fold(below).hex()),
        )
    return end - begin


async def make_head(kernel: Kernel, reason: str) -> Head | None:
    """Sign a head over everything that is on the log, unless the latest one is; None while nothing is."""

    async def prepare(tx: Tx) -> int:
        await tracekeys.current(kernel, tx)
        return await grow(tx)

    while await kernel.database.run(prepare) == GROW_BATCH:
        pass
    return await kernel.database.run(lambda tx: _sign(kernel, tx, reason))


async def _sign(kernel: Kernel, tx: Tx, reason: str) -> Head | None:
    size = await size_of(tx)
    if not size:
        return None
    while await grow(tx):
        pass
    await _check_last(tx, size)
    key, root = await tracekeys.current(kernel, tx), await tree(tx, size).root(size)
    note = key.sign(Checkpoint(key.origin, size, root, HASH_NAME).text)
    made = Head(size, root.hex(), HASH_NAME, note, reason, to_wire(kernel.clock.now()))
    await tx.execute(
        "INSERT INTO core_trace_head (id, size, root, hash_name, note, reason, made_at) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (size) DO NOTHING",
        (new_id(), made.size, made.root, made.hash_name, made.note, made.reason, made.made_at),
    )
    return await head(tx, size)


async def altered(reader: Fetching) -> str | None:
    """Say how the log contradicts its last signed head, or None; a few reads, for health. Leaves are not read."""
    try:
        await _check_last(reader, await size_of(reader))
    except LogAltered as told:
        return str(told)
    return None


async def _check_last(reader: Fetching, size: int) -> None:
    """Refuse to sign a head that contradicts the last one: whoever anchored that would see a fork of ours."""
    last = await head(reader)
    if last is None:
        return
    if last.size > size:
        raise LogAltered(f"a head of {last.size} leaves was signed, and {size} are there")
    if (await tree(reader, size).root(last.size)).hex() != last.root:
        raise LogAltered(
            f"the first {last.size} leaves are not those whose head was signed; run: server.py trace verify"
        )


async def keep_heads(kernel: Kernel) -> Head | None:
    """Make a head when it is time for one: so many leaves, or so many seconds with at least one, after the last."""
    size, last = await size_of(kernel.database), await head(kernel.database)
    if last is None:
        return await make_head(kernel, "first")
    if size - last.size >= kernel.config.trace_head_leaves:
        return await make_head(kernel, "leaves")
    due = from_wire(last.made_at) + timedelta(seconds=kernel.config.trace_head_seconds)
    return await make_head(kernel, "time") if size > last.size and kernel.clock.now() >= due else None


async def head(reader: Fetching, size: int | None = None) -> Head | None:
    """Return the head of a size, or the latest one."""
    if size is not None:
        rows = await reader.fetch(f"{_HEAD} WHERE size = ?", (size,))
    else:
        rows = await reader.fetch(f"{_HEAD} ORDER BY size DESC LIMIT 1")
    return Head.of(rows[0]) if rows else None


async def head_over(reader: Fetching, seq: int) -> Head | None:
    """Return the first head that covers a leaf; None until one is made."""
    rows = await reader.fetch(f"{_HEAD} WHERE size >= ? ORDER BY size LIMIT 1", (seq,))
    return Head.of(rows[0]) if rows else None


async def heads_before(reader: Fetching, size: int | None, most: int) -> list[Head]:
    """Return the latest heads, or the latest below a size."""
    where, params = ("WHERE size < ?", (size,)) if size is not None else ("", ())
    return [Head.of(row) for row in await reader.fetch(f"{_HEAD} {where} ORDER BY size DESC LIMIT {most:d}", params)]


async def inclusion(reader: Fetching, seq: int, of: Head) -> list[str]:
    """Prove that the leaf with a number is under a head; hex, lowest first."""
    return _hex(await tree(reader, of.size, of.hash_name).inclusion(seq - 1, of.size))


async def consistency(reader: Fetching, old: int, of: Head) -> list[str]:
    """Prove that the log of ``old`` leaves is the beginning of the one under a head; hex."""
    return _hex(await tree(reader, of.size, of.hash_name).consistency(old, of.size))


def _hex(hashes: Iterable[bytes]) -> list[str]:
    return [found.hex() for found in hashes]
