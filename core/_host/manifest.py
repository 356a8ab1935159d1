"""The manifest of a plugin, ``plugin.toml``: all that must be known before any of its code runs.

    id = "wishes"
    title_zh = "微心愿"
    title_en = "Small wishes"
    version = "1.0.0"
    contract = 1
    requires = ["register>=1"]
    after = ["notices"]

    [[data_classes]]
    name = "wish text"
    class = "P2"
    retention = "two years after the wish is closed"
    purpose = "matching wishes with helpers"

Of these, ``requires``, ``after``, ``data_classes`` and the two descriptions may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from core._host.reasons import ManifestError, Said, did_you_mean
from core._host.strict_toml import Section

FILE = "plugin.toml"
LONGEST_ID = 40  # the width of the columns that hold a plugin's id
RESERVED = frozenset({"core", "schema", "plugins", "server", "tests", "shanzhi"})
KEYS = (
    "id", "title_zh", "title_en", "description_zh", "description_en", "version", "contract", "requires", "after",
    "data_classes",
)  # fmt: skip
DATA_CLASSES = ("P0", "P1", "P2", "P3", "P4")

_ID = re.compile(r"[a-z][a-z0-9_]*")
_VERSION = re.compile(r"\d+(\.\d+)*")
_REQUIREMENT = re.compile(rf"({_ID.pattern})\s*(?:>=\s*({_VERSION.pattern}))?")

Version = tuple[int, ...]


@dataclass(frozen=True)
class DataClass:
    """One kind of data that a plugin stores: how sensitive (P0 public … P4 sealed), how long it is kept, what for."""

    name: str
    data_class: str
    retention: str
    purpose: str


@dataclass(frozen=True)
class Manifest:
    """What a plugin says of itself."""

    id: str
    title_zh: str
    title_en: str
    version: str
    contract: int
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    data_classes: tuple[DataClass, ...] = ()
    description_zh: str = ""
    description_en: str = ""
    least_versions: Mapping[str, Version] = field(default_factory=lambda: MappingProxyType({}))
    third_party: bool = False

    def satisfies(self, least: Version) -> bool:
        """Say whether this version is at least another one; 1, 1.0 and 1.0.0 are the same."""
        return _comparable(parse_version(self.version)) >= _comparable(least)


def read(path: Path, *, third_party: bool = False) -> Manifest:
    """Read a manifest without importing anything. Raises ManifestError with the file, the key and the remedy."""
    top = Section.read(path, ManifestError)
    top.only(KEYS)
    required = _requirements(top)
    return Manifest(
        id=_id(top),
        title_zh=top.text("title_zh"),
        title_en=top.text("title_en"),
        version=_version(top),
        contract=top.number("contract"),
        requires=tuple(required),
        after=_after(top),
        data_classes=tuple(_data_class(section) for section in top.sections("data_classes")),
        description_zh=top.text("description_zh", ""),
        description_en=top.text("description_en", ""),
        least_versions=MappingProxyType({name: least for name, least in required.items() if least}),
        third_party=third_party,
    )


def unreadable(name: str, *, third_party: bool = False) -> Manifest:
    """Stand in for the manifest of a plugin that has none that can be read."""
    return Manifest(name, name, name, "?", 0, third_party=third_party)


def parse_version(text: str) -> Version:
    """Split ``1.2.0`` into its numbers."""
    return tuple(int(part) for part in text.split("."))


def is_id(text: str) -> bool:
    """Say whether a text has the form of a plugin's id."""
    return _ID.fullmatch(text) is not None and len(text) <= LONGEST_ID


def _comparable(version: Version) -> Version:
    numbers = list(version)
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _id(top: Section) -> str:
    found = top.text("id")
    if not is_id(found):
        cause = Said(f"的值 {found!r} 不是有效的插件编号。", f"is {found!r}, which is not a plugin id.")
        remedy = Said(
            f"请用小写字母开头，只含小写字母、数字和下划线，至多 {LONGEST_ID} 个字符。",
            f"Begin with a lower-case letter; go on with those, digits and _; {LONGEST_ID} characters at most.",
        )
        raise top.refuse("id", cause, remedy)
    if found in RESERVED:
        cause = Said(f"的值 {found} 是系统保留的名称。", f"is {found}, a name that the server keeps for itself.")
        raise top.refuse("id", cause, Said("请另取名称。", "Choose another one."))
    return found


def _version(top: Section) -> str:
    found = top.text("version")
    if not _VERSION.fullmatch(found):
        cause = Said(f"的值 {found!r} 不是版本号。", f"is {found!r}, which is not a version.")
        raise top.refuse("version", cause, Said("请写成 1.0.0 的形式。", "Write numbers and dots, like 1.0.0."))
    return found


def _requirements(top: Section) -> dict[str, Version]:
    found: dict[str, Version] = {}
    for entry in top.words("requires"):
        match = _REQUIREMENT.fullmatch(entry.strip())
        if match is None:
            cause = Said(f"含有无法理解的一项 {entry!r}。", f"holds {entry!r}, which cannot be understood.")
            raise top.refuse(
                "requires", cause, Said("请写 register 或 register>=1。", "Write register or register>=1.")
            )
        found[match[1]] = parse_version(match[2]) if match[2] else ()
    return found


def _after(top: Section) -> tuple[str, ...]:
    found = top.words("after")
    for entry in found:
        if not is_id(entry):
            cause = Said(f"含有 {entry!r}，不是插件编号。", f"holds {entry!r}, which is not a plugin id.")
            raise top.refuse("after", cause, Said("请只写插件编号。", "Write ids only, without versions."))
    return found


def _data_class(section: Section) -> DataClass:
    section.only(("name", "class", "retention", "purpose"))
    found = section.text("class")
    if found not in DATA_CLASSES:
        cause = Said(f"的值 {found!r} 不是数据分级。", f"is {found!r}, which is not a data class.")
        raise section.refuse("class", cause, did_you_mean(found.upper(), DATA_CLASSES))
    return DataClass(section.text("name"), found, section.text("retention"), section.text("purpose"))
