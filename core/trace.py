"""The trace: one hashed leaf per deed, written in the deed's transaction, ordered into a Merkle log afterwards.

A leaf's text is canonical JSON; its hash is SHA-256(0x00 ‖ text), as RFC 9162 hashes leaves. No personal data is in a
leaf: who acted is a salted digest, and the salt lies in a table of its own, so that a person can be erased and the
record still proves what happened.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from functools import cache
from typing import Any

from core._db.seam import Statement, Tx
from core.clock import CHINA, day_start, to_wire
from core.fields import canonical_json
from core.ids import day_id, new_id

HASH_NAME = "SHA-256"


def leaf_hash(body: str) -> str:
    """Hash the text of a leaf as RFC 9162 §2.1.1 does; hex."""
    return hashlib.sha256(b"\x00" + body.encode()).hexdigest()


def node_hash(left: str, right: str) -> str:
    """Hash two subtrees as RFC 9162 §2.1.1 does; hex in, hex out."""
    return hashlib.sha256(b"\x01" + bytes.fromhex(left) + bytes.fromhex(right)).hexdigest()


def tree_head(leaves: list[str]) -> str:
    """Return the Merkle tree head over leaf hashes (hex), as RFC 9162 §2.1.1 defines it."""
    if not leaves:
        return hashlib.sha256(b"").hexdigest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(tree_head(leaves[:split]), tree_head(leaves[split:]))


def digest(value: Any) -> str:
    """Hash any JSON-able value by its canonical text; hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def leaf(
    tx: Tx,
    *,
    at: datetime,
    deed: str,
    community_id: int | None,
    community_code: str | None,
    matter_id: int | None,
    person_id: int | None,
    acting_as: str,
    details: dict[str, Any],
    tells_moment: bool = True,
) -> list[Statement]:
    """Return what writes one leaf. ``details`` must hold no personal data: ids, codes, states, numbers, digests.

    Without ``tells_moment`` the leaf has the day alone, and a key that says no more.
    """
    key, moment = (
        (new_id(), to_wire(at)) if tells_moment else (day_id(), to_wire(day_start(at.astimezone(CHINA).date())))
    )
    salt = secrets.token_hex(16)
    body = canonical_json(
        {
            "v": 1,
            "id": str(key),
            "at": moment,
            "deed": deed,
            "community": community_code,
            "matter": str(matter_id) if matter_id else None,
            "actor": hashlib.sha256(f"{salt}:{person_id}".encode()).hexdigest() if person_id else None,
            "as": acting_as,
            "details": details,
        }
    )
    row = (key, community_id, matter_id, deed, moment, body, leaf_hash(body), HASH_NAME)
    statements: list[Statement] = [(_insert(tx.next_seq), row)]
    if person_id:
        statements.append((_SALT, (key, person_id, salt)))
    return statements


_SALT = "INSERT INTO core_trace_salt (leaf_id, person_id, salt) VALUES (?, ?, ?)"


@cache
def _insert(next_seq: str) -> str:
    return (
        "INSERT INTO core_trace_leaf (id, community_id, matter_id, deed, at, body, leaf_hash, hash_name, seq) "
        f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, {next_seq.format(table='core_trace_leaf')})"
    )


async def append(tx: Tx, **leaf_of: Any) -> None:
    """Write one leaf in the deed's transaction; takes what ``leaf`` takes."""
    await tx.together(leaf(tx, **leaf_of))
