"""The whole log recomputed against what the database holds: every finding has a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core import ledger, tracekeys
from core._db.seam import Row
from core._db.snapshot import open_snapshot
from core.checkpoints import BadNote, Checkpoint, VerifierKey
from core.merkle import Hashing
from core.verification import Fault, audited, audits_of

if TYPE_CHECKING:
    from core.kernel import Fetching, Kernel

PAGE = 5_000


class _Frontier:
    """The root of leaves that are read one by one."""

    def __init__(self, hashing: Hashing) -> None:
        self._hashing, self._peaks = hashing, list[tuple[int, bytes]]()

    def add(self, leaf: bytes) -> None:
        """Add a leaf."""
        width = 1
        while self._peaks and self._peaks[-1][0] == width:
            leaf, width = self._hashing.node(self._peaks.pop()[1], leaf), width * 2
        self._peaks.append((width, leaf))

    @property
    def root(self) -> bytes:
        """Return the root of what was added so far."""
        found = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            found = self._hashing.node(peak, found)
        return found


async def verify_all(kernel: Kernel, kept: list[str]) -> list[Fault]:
    """Recompute the log, and compare with it what plugins keep beside it: ballots with their leaves, for one."""
    found = await verify(kernel.database, kept)
    async with open_snapshot(kernel.config.database_url) as snapshot:
        return found + await audited(snapshot, audits_of(kernel.host))


async def verify(reader: Fetching, kept: list[str]) -> list[Fault]:
    """Recompute the log: leaves, places, stored hashes, heads and their signatures; and heads ``kept`` elsewhere."""
    heads = await reader.fetch("SELECT size, root, note FROM core_trace_head ORDER BY size")
    notes = [Checkpoint.parse(note) for note in kept]
    wanted = {row["size"] for row in heads} | {note.size for note in notes}
    found, roots, size = await _leaves(reader, wanted)
    keys = [key for key, _ in await tracekeys.listed(reader)]
    for row in heads:
        if row["size"] > size:
            found.append(Fault("log-truncated", f"a head of {row['size']} leaves, and {size} are there"))
        elif roots.get(row["size"], b"").hex() != row["root"]:
            found.append(Fault("log-mismatch", f"the leaves do not lead to the head of {row['size']}"))
        if not _is_signed(row, keys):
            found.append(Fault("signature-invalid", f"the head of {row['size']} is not signed by a key of the log"))
    for text, note in zip(kept, notes, strict=True):
        found += _against(text, note, roots, size, keys)
    return [*found, *await _stored(reader, size)]


async def _leaves(reader: Fetching, wanted: set[int]) -> tuple[list[Fault], dict[int, bytes], int]:
    found, roots, expected, hashing = list[Fault](), dict[int, bytes](), 0, Hashing()
    frontier, last = _Frontier(hashing), 0
    while True:
        rows = await reader.fetch(
            f"SELECT seq, body, leaf_hash FROM core_trace_leaf WHERE seq > ? ORDER BY seq LIMIT {PAGE}", (last,)
        )
        if not rows:
            return found, roots, expected
        for row in rows:
            expected += 1
            if row["seq"] != expected:
                found.append(Fault("leaf-missing", f"no leaf at place {expected}"))
                expected = row["seq"]
            leaf = hashing.leaf(row["body"].encode())
            if leaf.hex() != row["leaf_hash"]:
                found.append(Fault("leaf-altered", f"the text at place {row['seq']} does not hash to its leaf"))
            frontier.add(leaf)
            if expected in wanted:
                roots[expected] = frontier.root
        last = rows[-1]["seq"]


def _is_signed(row: Row, keys: list[VerifierKey]) -> bool:
    try:
        said = Checkpoint.parse(row["note"])
        agrees = (said.size, said.root.hex()) == (row["size"], row["root"])
        return agrees and any(key.has_signed(row["note"]) for key in keys)
    except BadNote:
        return False


def _against(text: str, note: Checkpoint, roots: dict[int, bytes], size: int, keys: list[VerifierKey]) -> list[Fault]:
    """Hold the log against one head that was kept elsewhere."""
    found = []
    if not any(key.has_signed(text) for key in keys):
        found.append(Fault("key-replaced", f"no key of this log signed the head of {note.size} kept elsewhere"))
    if note.size > size:
        found.append(Fault("rolled-back", f"a head of {note.size} was kept elsewhere, and {size} leaves are there"))
    elif roots.get(note.size) != note.root:
        found.append(
            Fault("history-replaced", f"the first {note.size} leaves are not those of the head kept elsewhere")
        )
    return found


async def _stored(reader: Fetching, size: int) -> list[Fault]:
    """Compare every stored hash with the 256 below it."""
    found, tiles, hashing = list[Fault](), ledger.StoredTiles(reader), Hashing()
    for row in await reader.fetch("SELECT id, hash FROM core_trace_node ORDER BY id"):
        level, position = row["id"] >> 48, row["id"] & (1 << 48) - 1
        below = await tiles.tile(level - 8, position, size)
        if len(below) != 256 or hashing.fold(below).hex() != row["hash"]:
            found.append(Fault("node-altered", f"the stored hash {position} of level {level} is wrong"))
    return found
