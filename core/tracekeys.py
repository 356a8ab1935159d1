"""The key that signs the heads of the log: made once, kept sealed in the database, so that every server process has it.

It does not follow from SHANZHI_SECRET, which only seals it: rotating the secret changes how it is kept, never the key. A
new key is handed over to by a note that the old and the new one sign, and the hand-over is a deed on the log.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core import checkpoints, trace
from core._db.seam import Row, Tx
from core.checkpoints import VerifierKey
from core.clock import to_wire
from core.keys import Keyring

if TYPE_CHECKING:
    from core.kernel import Fetching, Kernel

_COLUMNS = "id, origin, public, sealed, made_at, handover"
HANDOVER = "shanzhi key hand-over"


@dataclass(frozen=True)
class SigningKey:
    """The key in force, and the name it signs under."""

    number: int
    origin: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        """Return the public part."""
        return VerifierKey(self.origin, checkpoints.public_of(self.private))

    def sign(self, text: str) -> str:
        """Sign a text as a note."""
        return checkpoints.sign(text, self.origin, self.private)


async def current(kernel: Kernel, tx: Tx) -> SigningKey:
    """Return the key in force, inside a deed; makes the first one, and seals it anew when the secret was rotated."""
    row = await tx.one(f"SELECT {_COLUMNS} FROM core_trace_key ORDER BY id DESC LIMIT 1")
    if row is None:
        await _make_first(kernel, tx)
        row = await tx.one(f"SELECT {_COLUMNS} FROM core_trace_key ORDER BY id DESC LIMIT 1")
    if row is None:
        raise RuntimeError("the key that was just made is not there")
    key = _unsealed(kernel, row)
    if kernel.keys.needs_resealing(row["sealed"]):
        sealed = _sealed(kernel, key.number, key.private)
        await tx.execute("UPDATE core_trace_key SET sealed = ? WHERE id = ?", (sealed, key.number))
    return key


async def check_secret(reader: Fetching, keys: Keyring) -> None:
    """Raise CannotUnseal when the key in force was sealed under a secret that is not known here."""
    for row in await reader.fetch(f"SELECT {_COLUMNS} FROM core_trace_key ORDER BY id DESC LIMIT 1"):
        keys.unseal("core_trace_key", "sealed", row["id"], row["sealed"])


async def rotate(kernel: Kernel) -> VerifierKey:
    """Replace the key by a new one, with a hand-over that both sign, on the log; returns the new one."""

    async def deed(tx: Tx) -> VerifierKey:
        old = await current(kernel, tx)
        new = SigningKey(old.number + 1, old.origin, Ed25519PrivateKey.generate())
        text = f"{HANDOVER}\n{old.verifier}\n{new.verifier}\n"
        note = checkpoints.sign(text, old.origin, old.private, new.private)
        await _keep(kernel, tx, new, note)
        await _leaf(kernel, tx, "core.rotate_trace_key", new, handover=note)
        return new.verifier

    found = await kernel.database.run(deed)
    kernel.committed()
    return found


async def listed(reader: Fetching) -> list[tuple[VerifierKey, str | None]]:
    """Return all keys of the log, oldest first, each with the note that hands over to it."""
    rows = await reader.fetch(f"SELECT {_COLUMNS} FROM core_trace_key ORDER BY id")
    return [(VerifierKey(row["origin"], b64decode(row["public"])), row["handover"]) for row in rows]


async def _make_first(kernel: Kernel, tx: Tx) -> None:
    """Make the first key; of several processes that try, the first one's stays."""
    host = (kernel.config.public_origin or "shanzhi").rpartition("/")[2]
    made = SigningKey(1, f"{host}/trace/{secrets.token_hex(4)}", Ed25519PrivateKey.generate())
    if await _keep(kernel, tx, made, None):
        await _leaf(kernel, tx, "core.make_trace_key", made)


async def _keep(kernel: Kernel, tx: Tx, key: SigningKey, handover: str | None) -> bool:
    kept = await tx.execute(
        f"INSERT INTO core_trace_key ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (key.number, key.origin, b64encode(key.verifier.public).decode(), _sealed(kernel, key.number, key.private),
         to_wire(kernel.clock.now()), handover),
    )  # fmt: skip
    return kept == 1


async def _leaf(kernel: Kernel, tx: Tx, deed: str, key: SigningKey, **more: str) -> None:
    await trace.append(
        tx, at=kernel.clock.now(), deed=deed, community_id=None, community_code=None, matter_id=None, person_id=None,
        acting_as="system", details={"key": str(key.verifier), **more},
    )  # fmt: skip


def _sealed(kernel: Kernel, number: int, private: Ed25519PrivateKey) -> str:
    text = b64encode(private.private_bytes_raw()).decode()
    return kernel.keys.seal("core_trace_key", "sealed", number, text)


def _unsealed(kernel: Kernel, row: Row) -> SigningKey:
    text = kernel.keys.unseal("core_trace_key", "sealed", row["id"], row["sealed"])
    return SigningKey(row["id"], row["origin"], Ed25519PrivateKey.from_private_bytes(b64decode(text)))
