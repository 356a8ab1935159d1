"""Configuration files read strictly: a key that nobody knows is a mistake, and the right one is suggested."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core._host.reasons import BadFile, Said, did_you_mean


@dataclass(frozen=True)
class Section:
    """One table of a file; ``title`` is what stands before its keys in a message, e.g. ``[plugins] ``."""

    file: Path
    data: dict[str, Any]
    error: type[BadFile]
    title: str = ""

    @classmethod
    def read(cls, file: Path, error: type[BadFile]) -> Section:
        """Read a whole file. Raises ``error`` when it is missing or is not TOML."""
        try:
            return cls(file, tomllib.loads(file.read_text("utf-8")), error)
        except OSError as failure:
            said = Said(f"无法读取（{failure.strerror}）。", f"It cannot be read ({failure.strerror}).")
            raise error(
                file, None, said, Said("请检查该文件。", "Check that the file is there and readable.")
            ) from failure
        except ValueError as failure:  # TOMLDecodeError, UnicodeDecodeError
            said = Said(f"不是有效的 TOML：{failure}。", f"It is not valid TOML: {failure}.")
            raise error(file, None, said, Said("请修正该处。", "Correct it there.")) from failure

    def refuse(self, key: str, cause: Said, remedy: Said) -> BadFile:
        """Make the error about one key."""
        name = self.title + key
        return self.error(self.file, name, Said(f"{name} {cause.zh}", f"{name} {cause.en}"), remedy)

    def only(self, known: Collection[str]) -> None:
        """Refuse keys that are not known."""
        for key in self.data:
            if key not in known:
                raise self.refuse(key, Said("不是已知的键。", "is not a known key."), did_you_mean(key, known))

    def value(self, key: str, kind: type, said: Said, default: Any = None) -> Any:
        """Return a value of exactly this type; without a default the key is required."""
        if key not in self.data and default is not None:
            return default
        if key not in self.data:
            raise self.refuse(key, Said("缺失。", "is missing."), Said(f"请补上：{said.zh}。", f"Add it: {said.en}."))
        value = self.data[key]
        if type(value) is not kind:  # bool is an int, and `contract = true` is a mistake
            raise self.refuse(key, Said("的值类型不对。", "has a value of the wrong type."), _write(said))
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that is not empty, unless the default is."""
        said = Said("非空文字", "a text that is not empty")
        found = str(self.value(key, str, said, default)).strip()
        if not found and default is None:
            raise self.refuse(key, Said("为空。", "is empty."), _write(said))
        return found

    def number(self, key: str) -> int:
        """Return a whole number."""
        return int(self.value(key, int, Said("整数", "a whole number")))

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        return bool(self.value(key, bool, Said("true 或 false", "true or false"), default))

    def words(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; empty when the key is missing."""
        said = Said('文字列表，如 ["register"]', 'a list of texts like ["register"]')
        found = self.value(key, list, said, [])
        if not all(isinstance(word, str) for word in found):
            raise self.refuse(key, Said("的值类型不对。", "has a value of the wrong type."), _write(said))
        return tuple(found)

    def section(self, key: str) -> Section:
        """Return a table within this one; empty when it is missing."""
        found = self.value(key, dict, Said(f"表 [{key}]", f"a table [{key}]"), {})
        return Section(self.file, found, self.error, f"[{key}] ")

    def sections(self, key: str) -> list[Section]:
        """Return a list of tables; empty when it is missing."""
        said = Said(f"若干个表 [[{key}]]", f"tables [[{key}]]")
        found = self.value(key, list, said, [])
        if not all(isinstance(item, dict) for item in found):
            raise self.refuse(key, Said("的值类型不对。", "has a value of the wrong type."), _write(said))
        return [Section(self.file, item, self.error, f"[[{key}]] ") for item in found]


def _write(said: Said) -> Said:
    return Said(f"请写{said.zh}。", f"Write {said.en}.")
