"""What outsiders get of the log: the leaves of one matter with what leads from them to a signed head, and whole exports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from core import ledger, tracekeys
from core.fields import canonical_json
from core.ledger import Head
from core.merkle import Range, Tree, split

if TYPE_CHECKING:
    from core.kernel import Fetching

MOST_HEADS = 100
EXPORT_PAGE = 1000


def subtrees_without(places: list[int], size: int) -> list[Range]:
    """Return the largest subtrees that hold none of some leaves (from 0, sorted), from left to right."""
    found: list[Range] = []

    def over(first: int, last: int, low: int, high: int) -> None:
        if low == high:
            found.append((first, last))
        elif last - first > 1:
            middle, cut = first + split(last - first), low
            while cut < high and places[cut] < middle:
                cut += 1
            over(first, middle, low, cut)
            over(middle, last, cut, high)

    if size:
        over(0, size, 0, len(places))
    return found


async def of_matter(reader: Fetching, matter_id: int, head: Head) -> dict[str, Any]:
    """Return a matter's leaves under a head, the hashes that lead to it, and the heads made since its first leaf."""
    rows = await reader.fetch(
        "SELECT seq, body, leaf_hash FROM core_trace_leaf WHERE matter_id = ? AND seq <= ? ORDER BY seq",
        (matter_id, head.size),
    )
    tree = ledger.tree(reader, head.size, head.hash_name)
    ranges = subtrees_without([row["seq"] - 1 for row in rows], head.size)
    first = rows[0]["seq"] if rows else head.size
    earlier = [one for one in await ledger.heads_before(reader, head.size, MOST_HEADS) if one.size >= first]
    return {
        "leaves": [{"seq": row["seq"], "body": row["body"], "hash": row["leaf_hash"]} for row in rows],
        "nodes": [(await tree.hash_of(one)).hex() for one in ranges],
        "heads": [*[await _connected(tree, one, head) for one in reversed(earlier)], {"note": head.note, "consistency": []}],
        "keys": await keys(reader),
    }  # fmt: skip


async def _connected(tree: Tree, old: Head, head: Head) -> dict[str, Any]:
    return {"note": old.note, "consistency": [one.hex() for one in await tree.consistency(old.size, head.size)]}


async def keys(reader: Fetching) -> list[dict[str, Any]]:
    """Return the keys of the log, oldest first, as verifiers read them."""
    return [{"key": str(key), "handover": handover} for key, handover in await tracekeys.listed(reader)]


async def receipt(reader: Fetching, matter_id: int, after: int, text: str) -> dict[str, Any] | None:
    """Prove a receipt: the leaf that bears it, and its way to a head; None while there is no head over it.

    ``after`` is the key of the row that was written with the leaf: the leaf's own comes soon after it.
    """
    rows = await reader.fetch(
        "SELECT seq, body FROM core_trace_leaf WHERE matter_id = ? AND id > ? ORDER BY id LIMIT 1000",
        (matter_id, after),
    )
    row = next((row for row in rows if f'"receipt":"{text}"' in row["body"]), None)
    head = await ledger.head_over(reader, row["seq"]) if row is not None and row["seq"] is not None else None
    if row is None or head is None:
        return None
    return {
        "v": 1, "kind": "shanzhi.receipt", "receipt": text, "leaf": row["body"], "seq": row["seq"], "head": head.note,
        "hashes": await ledger.inclusion(reader, row["seq"], head), "keys": await keys(reader),
    }  # fmt: skip


async def export(reader: Fetching, first: int = 1, last: int | None = None) -> AsyncIterator[str]:
    """Give the whole log under its latest head as lines of JSON; outside of a range the hashes without the texts."""
    head = await ledger.head(reader)
    if head is None:
        return
    about = {"v": 1, "kind": "shanzhi.log", "hash": head.hash_name, "head": head.note, "keys": await keys(reader)}
    yield canonical_json(about)
    for begin in range(0, head.size, EXPORT_PAGE):
        rows = await reader.fetch(
            "SELECT seq, body, leaf_hash FROM core_trace_leaf WHERE seq > ? AND seq <= ? ORDER BY seq",
            (begin, min(begin + EXPORT_PAGE, head.size)),
        )
        for row in rows:
            shown = {"body": row["body"]} if first <= row["seq"] <= (last or head.size) else {}
            yield canonical_json({"seq": row["seq"], "hash": row["leaf_hash"], **shown})
        await asyncio.sleep(0)
