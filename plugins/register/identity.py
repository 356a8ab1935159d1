"""What is personal about owners and residents: sealed for keeping, indexed for finding, masked for showing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from core.masks import mask_name, mask_phone
from plugins.register.kinds import OwnerKind

if TYPE_CHECKING:
    from core.keys import Keyring

PHONE, DOCUMENT = "phone", "document"


@dataclass(frozen=True)
class Sealed:
    """One personal value as a row keeps it."""

    sealed: str | None
    index: str | None
    masked: str


NOTHING = Sealed(None, None, "")


def seal(keys: Keyring, table: str, row_id: int, kind: str, value: str | None) -> Sealed:
    """Seal a telephone or document number for one row."""
    if not value:
        return NOTHING
    masked = mask_phone(value) if kind == PHONE else mask_document(value)
    return Sealed(keys.seal(table, kind, row_id, value), indexes(keys, kind, value)[0], masked)


def indexes(keys: Keyring, kind: str, value: str) -> tuple[str, ...]:
    """Return the blind indexes of a number, the current one first."""
    return keys.blind_indexes(f"register.{kind}", value)


class Indexes:
    """The blind indexes of one import, each worked out once."""

    def __init__(self, keys: Keyring) -> None:
        self._of = lru_cache(maxsize=None)(lambda kind, value: indexes(keys, kind, value))

    def __call__(self, kind: str, value: str) -> tuple[str, ...]:
        """Return the blind indexes of a value of a kind."""
        return self._of(kind, value)


def mask_document(number: str) -> str:
    """Keep the last two characters: enough to compare with a card in hand, and no more."""
    return f"********{number[-2:]}"


def mask_owner(name: str, kind: OwnerKind) -> str:
    """Mask the name of a person; companies and public bodies are named in full."""
    return mask_name(name) if kind is OwnerKind.PERSON else name
