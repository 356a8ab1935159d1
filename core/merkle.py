"""The Merkle tree of RFC 9162 over numbered leaves: heads, inclusion proofs and consistency proofs in O(log n).

Beside the leaves only every eighth level of the tree is stored, one hash for 256 below it; what lies between is hashed
anew from at most 256 stored hashes a tile. A log of ten million leaves keeps some 39,000 hashes more, and a proof reads
three or four tiles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

SPAN = 8
WIDTH = 1 << SPAN
HASHES = {"SHA-256": "sha256", "SM3": "sm3"}
"""The hashes a log may be built with, and what hashlib calls them; SM3 (GB/T 32905) is there where OpenSSL has it."""

Range = tuple[int, int]
"""Leaves from the first to before the second, counted from 0."""


@dataclass(frozen=True)
class Hashing:
    """How a log hashes leaves and nodes (RFC 9162 §2.1.1), by the name of its hash."""

    name: str = "SHA-256"

    def digest(self, data: bytes) -> bytes:
        """Hash bytes; raises ValueError for a hash that this Python does not have."""
        return hashlib.new(HASHES[self.name], data).digest()

    def leaf(self, data: bytes) -> bytes:
        """Hash the text of a leaf."""
        return self.digest(b"\x00" + data)

    def node(self, left: bytes, right: bytes) -> bytes:
        """Hash two subtrees."""
        return self.digest(b"\x01" + left + right)

    def fold(self, hashes: Sequence[bytes]) -> bytes:
        """Hash a complete subtree: as many hashes as a power of two."""
        level = list(hashes)
        while len(level) > 1:
            level = [self.node(level[at], level[at + 1]) for at in range(0, len(level), 2)]
        return level[0]


class Tiles(Protocol):
    """Where the stored hashes are: at level 0 those of the leaves, at 8, 16 … those of complete subtrees."""

    async def tile(self, level: int, index: int, size: int) -> list[bytes]:
        """Return the hashes ``index * 256`` and following, at most 256, that a log of ``size`` leaves has at a level."""


def split(count: int) -> int:
    """Return the largest power of two below a count: where RFC 9162 divides a tree."""
    return 1 << (count - 1).bit_length() - 1


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the subtrees whose hashes are the inclusion proof of a leaf, lowest first (RFC 9162 §2.1.3.1)."""
    first, last, path = 0, size, []
    while last - first > 1:
        middle = first + split(last - first)
        other, (first, last) = (
            ((middle, last), (first, middle)) if index < middle else ((first, middle), (middle, last))
        )
        path.append(other)
    return path[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """Return the subtrees whose hashes are the consistency proof of two sizes, in order (RFC 9162 §2.1.4.1)."""
    first, last, whole, path = 0, new, True, []
    while old != last:
        middle = first + split(last - first)
        if old <= middle:
            path.append((middle, last))
            last = middle
        else:
            path.append((first, middle))
            first, whole = middle, False
    return path[::-1] if whole else [(first, last), *path[::-1]]


class Tree:
    """The tree of a log, read from its tiles; one is made for a proof or a head, and keeps the tiles it has read."""

    def __init__(self, tiles: Tiles, size: int, hashing: Hashing) -> None:
        self._tiles = tiles
        self._size = size
        self._hashing = hashing
        self._read: dict[Range, list[bytes]] = {}

    async def root(self, size: int) -> bytes:
        """Return the head of the first ``size`` leaves."""
        return await self.hash_of((0, size)) if size else self._hashing.digest(b"")

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """Prove that a leaf (from 0) is in the log of a size."""
        if not 0 <= index < size <= self._size:
            raise ValueError(f"there is no leaf {index} in {size} of {self._size}")
        return [await self.hash_of(found) for found in inclusion_ranges(index, size)]

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """Prove that the log of the old size is the beginning of that of the new one."""
        if not 0 < old <= new <= self._size:
            raise ValueError(f"{old} is no beginning of {new} of {self._size}")
        return [await self.hash_of(found) for found in consistency_ranges(old, new)]

    async def hash_of(self, leaves: Range) -> bytes:
        """Hash the leaves of a range: its complete subtrees, put together from the right."""
        first, last = leaves
        if last - first == 1 << (level := (last - first).bit_length() - 1):
            return await self._complete(level, first >> level)
        middle = first + split(last - first)
        return self._hashing.node(await self.hash_of((first, middle)), await self.hash_of((middle, last)))

    async def _complete(self, level: int, position: int) -> bytes:
        stored = level - level % SPAN
        count = 1 << level - stored
        begin = position * count
        tile = await self._tile(stored, begin // WIDTH)
        return self._hashing.fold(tile[begin % WIDTH : begin % WIDTH + count])

    async def _tile(self, level: int, index: int) -> list[bytes]:
        if (level, index) not in self._read:
            self._read[level, index] = await self._tiles.tile(level, index, self._size)
        return self._read[level, index]
