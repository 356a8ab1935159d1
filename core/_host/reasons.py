"""Why something was refused, for whoever must mend it: the step, the cause and the remedy, in Chinese and English."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Said:
    """One sentence in both languages."""

    zh: str
    en: str

    @classmethod
    def of(cls, words: Said | str) -> Said:
        """Take a sentence as it is; plain text stands for both languages."""
        return words if isinstance(words, Said) else cls(words, words)

    def text(self, language: str) -> str:
        """Return the sentence in ``zh`` or ``en``."""
        return self.en if language == "en" else self.zh


@dataclass(frozen=True)
class Reason:
    """At which step it went wrong, what is wrong, and what to do."""

    step: str
    cause: Said
    remedy: Said

    def text(self, language: str) -> str:
        """Return all of it as one line in ``zh`` or ``en``."""
        if language == "en":
            return f"{self.step}: {self.cause.en} {self.remedy.en}"
        return f"{self.step}：{self.cause.zh}{self.remedy.zh}"


@dataclass(frozen=True)
class Rule:
    """What may be refused, with ``{placeholders}``; calling it makes the reason: ``NO_INDEX(key="Wish.x")``."""

    step: str
    zh: str
    en: str
    fix_zh: str
    fix_en: str

    def __call__(self, hint: Said | None = None, /, **params: object) -> Reason:
        """Make the reason; a hint stands for the ``{hint}`` of the remedy."""
        zh, en = (hint.zh, hint.en) if hint is not None else ("", "")
        cause = Said(self.zh.format(**params), self.en.format(**params))
        return Reason(
            self.step, cause, Said(self.fix_zh.format(hint=zh, **params), self.fix_en.format(hint=en, **params))
        )


class HostError(Exception):
    """The plugin host cannot go on; the message says why and what to do."""


class Refusal(HostError):
    """Something that a plugin brings is refused, for one or more reasons."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__("\n".join(reason.text("en") for reason in reasons))
        self.reasons = reasons


class BadFile(Refusal):
    """A configuration file cannot be used; names the file and, where there is one, the key."""

    def __init__(self, file: Path, key: str | None, cause: Said, remedy: Said) -> None:
        where = f"{file.parent.name}/{file.name}"
        shown = Said(f"{where}：{cause.zh}", f"{where}: {cause.en}")
        super().__init__(Reason("read", shown, remedy))
        self.file = file
        self.key = key


class ManifestError(BadFile):
    """A ``plugin.toml`` cannot be used."""


class PluginListError(BadFile):
    """``plugins.toml`` cannot be used."""


class PluginFault(HostError):
    """A plugin's reaction or sweep failed, took too long, or is paused; its own exception is the ``__cause__``."""

    def __init__(self, plugin_id: str, name: str, cause: str) -> None:
        super().__init__(f"{plugin_id}: {name}: {cause}")
        self.plugin_id = plugin_id
        self.name = name


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, if any is close."""
    found = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> Said:
    """Say what was probably meant, or what there is."""
    words = sorted(known)
    near = nearest(word, words)
    if near is not None:
        return Said(f"是否想写 {near}？", f"Did you mean {near}?")
    listed = ", ".join(words)
    return Said(f"可用的有：{listed or '（无）'}。", f"There is: {listed or 'nothing'}.")
