"""Names and provenance: what every enum value is called in both languages, and where a rule comes from.

An enum that people see is declared once, labels included, so that no value can reach a screen without its name:

    class Choice(LabelledEnum):
        FOR = "FOR", "同意", "For", "The owner wants the motion to pass."

The value is the member's own name: the same text in Python, in the database and in GraphQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class LabelledEnum(StrEnum):
    """An enum whose members carry a Chinese label, an English label and a one-sentence English description."""

    label_zh: str
    label_en: str
    description: str

    def __new__(cls, value: str, label_zh: str, label_en: str, description: str) -> Self:
        """Make a member of its four declared texts."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label_zh = label_zh
        member.label_en = label_en
        member.description = description
        return member

    def __init__(self, value: str, *_labels: str) -> None:
        if value != self.name:
            raise TypeError(f"{type(self).__name__}.{self.name} has the value {value!r}; write its own name")

    def label(self, language: str) -> str:
        """Return the label in ``zh`` or ``en``."""
        return self.label_en if language == "en" else self.label_zh


class Confidence(LabelledEnum):
    """How sure we are of a rule: shown beside every legal parameter, so that nobody takes our choice for law."""

    VERIFIED = "VERIFIED", "已核对原文", "Verified", "The statutory text itself was read."
    WEB = "WEB", "网络转引", "Web", "A secondary or partial web source was read."
    MEMORY = "MEMORY", "待核对", "From memory", "Not confirmed by a look-up; never the only basis of a refusal."
    DESIGN = "DESIGN", "本系统约定", "Design", "Our own choice where the law is silent."

    @property
    def mark(self) -> str:
        """Return the one-letter mark of the reference: V, W, M or D."""
        return self.name[0]


@dataclass(frozen=True)
class Source:
    """Where a rule comes from.

    ``is_comparator`` says that the text was read but is another place's law: a sound model, not in force here.
    """

    cite: str
    confidence: Confidence
    is_comparator: bool = False

    def __str__(self) -> str:
        return f"{self.cite} [{self.confidence.mark}]"


@dataclass(frozen=True)
class Sourced(Generic[T]):
    """A default or a legal parameter, with its source."""

    value: T
    source: Source
