"""Signed heads of the log in the text of C2SP: a checkpoint (tlog-checkpoint) in a signed note (signed-note).

    shanzhi.example.cn/trace/3f9a1c52
    1024
    n0Yz…=

    — shanzhi.example.cn/trace/3f9a1c52 Kx3c…

The signature covers everything up to the empty line. A log built with another hash than SHA-256 says so on a fourth line.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
USUAL_HASH = "SHA-256"


class BadNote(ValueError):
    """A text is not a signed note, or not a checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """What a head says: which log, how long, and its root."""

    origin: str
    size: int
    root: bytes
    hash_name: str = USUAL_HASH

    @property
    def text(self) -> str:
        """Write what is signed."""
        lines = [self.origin, str(self.size), b64encode(self.root).decode()]
        lines += [f"hash {self.hash_name}"] if self.hash_name != USUAL_HASH else []
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, note: str) -> Checkpoint:
        """Read the head out of a note, signatures not looked at; raises BadNote."""
        lines = split_note(note)[0].splitlines()
        try:
            origin, size, root, *more = lines
            named = next((line.removeprefix("hash ") for line in more if line.startswith("hash ")), USUAL_HASH)
            return cls(origin, int(size), b64decode(root, validate=True), named)
        except ValueError as error:
            raise BadNote("a checkpoint has a line of origin, one of size, and one of the root in base64") from error


@dataclass(frozen=True)
class VerifierKey:
    """A public key with the name it signs under, as ``name+hash+base64`` for whoever verifies."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """Return the four bytes that name the key in a signature line."""
        return hashlib.sha256(f"{self.name}\n".encode() + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.public).decode()}"

    def has_signed(self, note: str) -> bool:
        """Say whether a note bears a valid signature of this key."""
        text, signatures = split_note(note)
        key = Ed25519PublicKey.from_public_bytes(self.public)
        for name, blob in signatures:
            if name == self.name and blob[:4] == self.id:
                try:
                    key.verify(blob[4:], text.encode())
                except InvalidSignature:
                    continue
                return True
        return False


def sign(text: str, name: str, *keys: Ed25519PrivateKey) -> str:
    """Sign a text that ends with a line break, by every key, as a note."""
    lines = []
    for key in keys:
        verifier = VerifierKey(name, public_of(key))
        blob = verifier.id + key.sign(text.encode())
        lines.append(f"— {name} {b64encode(blob).decode()}\n")
    return f"{text}\n{''.join(lines)}"


def public_of(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of the public key."""
    return key.public_key().public_bytes_raw()


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Split a note into its text and its signatures, each a name and what it says; raises BadNote."""
    text, separator, below = note.rpartition("\n\n")
    if not separator or not below.endswith("\n"):
        raise BadNote("a signed note has an empty line above its signatures")
    return f"{text}\n", [_signature(line) for line in below.splitlines()]


def _signature(line: str) -> tuple[str, bytes]:
    mark, _, rest = line.partition(" ")
    name, _, blob = rest.partition(" ")
    try:
        if mark != "—":
            raise BadNote("a signature line begins with an em dash")
        return name, b64decode(blob, validate=True)
    except ValueError as error:
        raise BadNote("a signature line has a name and base64") from error
