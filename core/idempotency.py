"""Idempotency keys: a retry of a mutation gets the first answer; another request under the same key is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from core import access, errors, trace
from core._db.seam import Statement, Tx
from core.clock import to_wire
from core.fields import canonical_json
from core.ids import new_id

if TYPE_CHECKING:
    from core.kernel import Kernel

KEY_LENGTH = 100
KEPT_DAYS = 30
_PLAIN_TYPES = frozenset({str, int, bool})


@dataclass(frozen=True)
class Claim:
    """Who asks for what under which key."""

    owner: str
    key: str
    request_hash: str

    @classmethod
    def of(cls, viewer: access.Viewer, deed: str, arguments: Mapping[str, Any], key: str) -> Claim:
        """Make the claim of a request; raises Invalid when the key is empty or over 100 characters."""
        errors.check_text(key, "idempotencyKey", most=KEY_LENGTH)
        owner = str(viewer.person_id or viewer.system or "anyone")
        return cls(owner, key, trace.digest([deed, _plain(arguments)]))


class Raced(Exception):
    """The same key was committed by another request while this one ran; ask again for its answer."""


@dataclass(frozen=True)
class Earlier:
    """The answer that was given before."""

    answer: Any


# The row of the counter always comes; what was answered before, beside it.
OPENING = (
    "SELECT o.version, k.request_hash, k.answer "
    "FROM (SELECT (SELECT value FROM core_counter WHERE name = ?) AS version) o "
    "LEFT JOIN core_idempotency_key k ON k.owner = ? AND k.key = ?"
)


async def opening(tx: Tx, claim: Claim, counter: str) -> tuple[int, Earlier | None]:
    """Return a counter's value, and the first answer under a key or None when it is new, by one statement.

    Raises Conflict when the key was used for another request.
    """
    [row] = await tx.fetch(OPENING, (counter, claim.owner, claim.key))
    version = row["version"] or 0
    if row["request_hash"] is None:
        return version, None
    if row["request_hash"] != claim.request_hash:
        raise errors.KEY_REUSED(path=("input", "idempotencyKey"))
    return version, Earlier(json.loads(row["answer"]) if row["answer"] is not None else None)


_REMEMBER = (
    "INSERT INTO core_idempotency_key (id, owner, key, request_hash, answer, at) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (owner, key) DO NOTHING"
)


def remembering(claim: Claim, answer: Any, now: datetime) -> Statement:
    """Return what keeps an answer under its key; it touches no row when another request has just taken the key."""
    return (
        _REMEMBER,
        (new_id(), claim.owner, claim.key, claim.request_hash, canonical_json(answer), to_wire(now)),
    )


async def forget_old(kernel: Kernel) -> int:
    """Drop the keys older than 30 days, a bounded number per deed; returns how many."""
    before = to_wire(kernel.clock.now() - timedelta(days=KEPT_DAYS))

    async def drop(tx: Tx) -> int:
        return await tx.execute(
            "DELETE FROM core_idempotency_key WHERE id IN "
            "(SELECT id FROM core_idempotency_key WHERE at < ? ORDER BY at LIMIT 10000)",
            (before,),
        )

    total = dropped = await kernel.database.run(drop)
    while dropped == 10_000:
        dropped = await kernel.database.run(drop)
        total += dropped
    return total


def _plain(value: Any) -> Any:
    """Turn arguments into JSON-able data, the same for the same request."""
    if value is None or type(value) in _PLAIN_TYPES:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, str | int | bool) or value is None:
        return value
    return str(value)
