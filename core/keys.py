"""Keys: one secret, and from it a key of its own for every purpose; field encryption, blind indexes, signatures.

Keys are derived by HKDF-SHA256. What is sealed names its algorithm and its key, so that secrets can be rotated and the
algorithm replaced (SM4 where the rules ask for it) while old data stay readable:

    1.A256GCM.<key id>.<base64url of nonce and ciphertext>
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.config import Config

FORMAT = "1"
ALGORITHM = "A256GCM"
NONCE_BYTES = 12
_SALT = b"shanzhi keyring 1"


class CannotUnseal(Exception):
    """A sealed value was made with an unknown key or algorithm, was altered, or belongs to another row or column.

    Put the secret it was made with into SHANZHI_SECRET_PREVIOUS; if that is there, the value was tampered with.
    """


class Aead(Protocol):
    """A cipher that encrypts, and authenticates what it encrypted together with its place."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Return the ciphertext with its tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Return the text, or raise InvalidTag."""


_CIPHERS: Mapping[str, Callable[[bytes], Aead]] = {ALGORITHM: AESGCM}


@dataclass(frozen=True, repr=False)
class Key:
    """One derived key; its ``id`` names the secret it came from without telling anything about it."""

    id: str
    data: bytes


class _Root:
    """What is derived from one secret."""

    def __init__(self, secret: str) -> None:
        self._material = secret.encode()
        self._derived: dict[str, bytes] = {}

    @cached_property
    def id(self) -> str:
        return self.derive("key id")[:6].hex()

    def derive(self, purpose: str) -> bytes:
        if purpose not in self._derived:
            hkdf = HKDF(algorithm=SHA256(), length=32, salt=_SALT, info=purpose.encode())
            self._derived[purpose] = hkdf.derive(self._material)
        return self._derived[purpose]


class Keyring:
    """The keys of a server: the current secret makes, the current and the previous ones read."""

    def __init__(self, secret: str, previous: Sequence[str] = ()) -> None:
        self._roots = tuple(_Root(text) for text in dict.fromkeys((secret, *previous)))
        self._by_id = {root.id: root for root in self._roots}

    @classmethod
    def of(cls, config: Config) -> Keyring:
        """Make the keyring of a configuration."""
        return cls(config.secret, config.secret_previous)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._by_id)})"

    def key(self, purpose: str) -> Key:
        """Return the current 32-byte key of a purpose; keys of different purposes have nothing in common."""
        return Key(self._roots[0].id, self._roots[0].derive(purpose))

    def keys(self, purpose: str) -> tuple[Key, ...]:
        """Return the keys of a purpose that are accepted, the current one first."""
        return tuple(Key(root.id, root.derive(purpose)) for root in self._roots)

    def seal(self, table: str, column: str, row_id: int, text: str) -> str:
        """Encrypt a field; the result can be read only at the same place of the same row."""
        nonce, key = secrets.token_bytes(NONCE_BYTES), self.key(f"field {ALGORITHM}")
        sealed = _CIPHERS[ALGORITHM](key.data).encrypt(nonce, text.encode(), _place(table, column, row_id))
        return ".".join((FORMAT, ALGORITHM, key.id, to_base64(nonce + sealed)))

    def unseal(self, table: str, column: str, row_id: int, blob: str) -> str:
        """Decrypt a field that ``seal`` encrypted, under the current or a previous secret; raises CannotUnseal."""
        form, algorithm, root, data = _parts(blob)
        if form != FORMAT or algorithm not in _CIPHERS or root not in self._by_id:
            raise CannotUnseal(f"no key {root[:20]} for {algorithm[:20]}, format {form[:5]}")
        cipher = _CIPHERS[algorithm](self._by_id[root].derive(f"field {algorithm}"))
        try:
            raw = from_base64(data)
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _place(table, column, row_id)).decode()
        except (InvalidTag, ValueError) as error:
            raise CannotUnseal(f"a value of {table}.{column} was altered, or is not of row {row_id}") from error

    def needs_resealing(self, blob: str) -> bool:
        """Say whether a sealed value was made with an earlier secret or algorithm than would be used now."""
        form, algorithm, root, _ = _parts(blob)
        return (form, algorithm, root) != (FORMAT, ALGORITHM, self._roots[0].id)

    def blind_index(self, kind: str, value: str) -> str:
        """Return what an encrypted value is looked up by: equal for equal (normalised) values, and mute; hex."""
        return _mac(self.key(f"blind index {kind}"), value).hex()

    def blind_indexes(self, kind: str, value: str) -> tuple[str, ...]:
        """Return the blind indexes under every accepted secret, for look-ups while rows are being resealed."""
        return tuple(_mac(key, value).hex() for key in self.keys(f"blind index {kind}"))

    def sign(self, purpose: str, message: str) -> str:
        """Sign a message for one purpose; 43 characters that can stand in a URL."""
        return to_base64(_mac(self.key(f"signature {purpose}"), message))

    def verify(self, purpose: str, message: str, signature: str) -> bool:
        """Say whether a signature was made for this purpose and message, under any accepted secret."""
        given = signature.encode(errors="surrogatepass")
        expected = (to_base64(_mac(key, message)).encode() for key in self.keys(f"signature {purpose}"))
        return any(hmac.compare_digest(one, given) for one in expected)


def to_base64(data: bytes) -> str:
    """Write bytes as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64(text: str) -> bytes:
    """Read base64url without padding; raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _place(table: str, column: str, row_id: int) -> bytes:
    return f"{table}:{column}:{row_id}".encode()


def _mac(key: Key, message: str) -> bytes:
    return hmac.new(key.data, message.encode(errors="surrogatepass"), hashlib.sha256).digest()


def _parts(blob: str) -> tuple[str, str, str, str]:
    parts = blob.split(".")
    if len(parts) != 4:
        raise CannotUnseal("this is not a sealed value")
    return parts[0], parts[1], parts[2], parts[3]
