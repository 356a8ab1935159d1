"""Idempotency keys: a retry of a mutation gets the first answer; another request under the same key is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from core import access, errors, trace
from core._db.seam import Tx
from core.clock import to_wire
from core.fields import canonical_json
from core.ids import new_id

if TYPE_CHECKING:
    from core.kernel import Kernel

KEY_LENGTH = 100
KEPT_DAYS = 30


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


async def earlier_answer(tx: Tx, claim: Claim) -> Earlier | None:
    """Return the first answer under a key, None when the key is new; raises Conflict when it was another request."""
    row = await tx.one(
        "SELECT request_hash, answer FROM core_idempotency_key WHERE owner = ? AND key = ?", (claim.owner, claim.key)
    )
    if row is None:
        return None
    if row["request_hash"] != claim.request_hash:
        raise errors.KEY_REUSED(path=("input", "idempotencyKey"))
    return Earlier(json.loads(row["answer"]) if row["answer"] is not None else None)


async def remember(tx: Tx, claim: Claim, answer: Any, now: datetime) -> None:
    """Keep an answer under its key; two at once: the later one fails whole and is told to ask again."""
    kept = await tx.execute(
        "INSERT INTO core_idempotency_key (id, owner, key, request_hash, answer, at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (owner, key) DO NOTHING",
        (new_id(), claim.owner, claim.key, claim.request_hash, canonical_json(answer), to_wire(now)),
    )
    if kept != 1:
        raise Raced(claim.key)


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
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, str | int | bool) or value is None:
        return value
    return str(value)
