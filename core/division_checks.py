"""What must be right before a file of divisions is imported; every mistake is found in one pass over the file."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.division_files import Division, Mistake, digest_of, read_divisions
from core.errors import DomainError, check_text
from core.hierarchy import Place
from core.kinds import CommunityKind

MOST_MISTAKES = 200
NAME_LENGTH = 120
CODE_LENGTH = 12

# The levels from the top down.
LEVELS = (
    (CommunityKind.NATION,),
    (CommunityKind.PROVINCE,),
    (CommunityKind.CITY,),
    (CommunityKind.DISTRICT,),
    (CommunityKind.TOWN,),
    (CommunityKind.COMMUNITY, CommunityKind.VILLAGE),
)
RANK = {kind: rank for rank, kinds in enumerate(LEVELS) for kind in kinds}
NAMED = {kind.value: kind for kind in RANK}
KNOWN = ", ".join(NAMED)
# Which of the twelve digits tell the nodes of a level apart; those after them are zeros.
GROUPS = ((0, 2), (0, 2), (2, 4), (4, 6), (6, 9), (9, 12))


class Mistakes:
    """The mistakes of one source as they are found: all are counted, the first 200 kept."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[Mistake] = []

    def add(self, file: str, line: int, zh: str, en: str) -> None:
        """Note a mistake."""
        self.count += 1
        if len(self._kept) < MOST_MISTAKES:
            self._kept.append(Mistake(file, line, zh, en))

    def kept(self) -> tuple[Mistake, ...]:
        """Return the kept mistakes in the order of their lines."""
        return tuple(sorted(self._kept, key=lambda mistake: mistake.line))


@dataclass
class Table:
    """The sound rows of a source by columns, so that the nation's 665,000 take some 200 MiB.

    ``unsound`` holds the codes of the rows that are not among them: their children are not blamed for it.
    """

    digest: str = ""
    codes: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kinds: list[CommunityKind] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("L"))
    index: dict[str, int] = field(default_factory=dict)
    unsound: set[str] = field(default_factory=set)
    mistakes: Mistakes = field(default_factory=Mistakes)

    def add(self, row: Division, kind: CommunityKind, parent: str) -> None:
        """Keep a row."""
        self.index[row.code] = len(self.codes)
        self.codes.append(row.code)
        self.names.append(row.name)
        self.kinds.append(kind)
        self.parents.append(parent)
        self.files.append(row.file)
        self.lines.append(row.line)

    def blame(self, row: int, zh: str, en: str) -> None:
        """Note a mistake of a kept row."""
        self.mistakes.add(self.files[row], self.lines[row], zh, en)

    def levels(self) -> Iterator[array[int]]:
        """Return the rows of each level that has any, from the top down."""
        ranks = [array("L") for _ in LEVELS]
        for row, kind in enumerate(self.kinds):
            ranks[RANK[kind]].append(row)
        return (rows for rows in ranks if rows)

    def outside(self) -> list[str]:
        """Return the codes of the parents that are not in the source."""
        return sorted({parent for parent in self.parents if parent} - self.index.keys() - self.unsound)


def load(path: Path) -> Table:
    """Read a source and check each row by itself; raises Unreadable."""
    table = Table()
    same: dict[str, str] = {}  # equal parents become one object: 44,000 instead of 665,000
    for row in read_divisions(path):
        kind = _sound(row, table)
        if kind is None:
            table.unsound.add(row.code)
        else:
            table.add(row, kind, same.setdefault(row.parent_code, row.parent_code))
    table.digest = digest_of(path)
    return table


def check_parents(table: Table, outside: Mapping[str, Place]) -> None:
    """Check that every row's parent exists, in the source or outside of it, and is of a level above."""
    for row, parent in enumerate(table.parents):
        above = table.index.get(parent)
        if not parent or (above is None and parent in table.unsound):
            continue
        if above is None and parent not in outside:
            table.blame(
                row, f"上级 {parent[:40]} 不在文件中，也不在数据库中。",
                f"the parent {parent[:40]} is neither in the file nor in the database.",
            )  # fmt: skip
            continue
        kind = table.kinds[above] if above is not None else outside[parent].kind
        if RANK.get(kind, len(LEVELS)) >= RANK[table.kinds[row]]:
            _blame_parent(table, row, kind)


def _blame_parent(table: Table, row: int, kind: CommunityKind) -> None:
    """Say that a parent is not above: in a circle, or of a level that is not."""
    circle = _circle(table, row)
    if circle:
        table.blame(
            row, f"上级关系成环：{' → '.join(circle)}。", f"the parents go round in a circle: {' → '.join(circle)}."
        )
        return
    own = table.kinds[row]
    table.blame(
        row, f"上级 {table.parents[row]} 是{kind.label_zh}，不在{own.label_zh}之上。",
        f"the parent {table.parents[row]} is a {kind.value}, which is not above a {own.value}.",
    )  # fmt: skip


def _circle(table: Table, row: int) -> list[str]:
    """Return the codes from a row up to itself again, or nothing when its parents end."""
    codes, at = [table.codes[row]], row
    while len(codes) <= len(LEVELS) + 2:
        above = table.index.get(table.parents[at])
        if above is None:
            return []
        codes.append(table.codes[above])
        if above == row:
            return codes
        at = above
    return []


def _sound(row: Division, table: Table) -> CommunityKind | None:
    """Check a row by itself, noting every mistake in it; returns its kind if there is none."""
    before = table.mistakes.count
    kind = _kind(row, table.mistakes)
    if kind is not None:
        _check_code(row, kind, table)
    _check_name(row, table.mistakes)
    return kind if table.mistakes.count == before else None


def _kind(row: Division, mistakes: Mistakes) -> CommunityKind | None:
    kind = NAMED.get(row.level.upper())
    if kind is not None:
        return kind
    mistakes.add(
        row.file, row.line, f"未知的级别“{row.level[:40]}”，应为：{KNOWN}。",
        f"unknown level {row.level[:40]!r}; it must be one of {KNOWN}.",
    )  # fmt: skip
    return None


def _check_code(row: Division, kind: CommunityKind, table: Table) -> None:
    code, (start, end) = row.code, GROUPS[RANK[kind]]
    shaped = len(code) == CODE_LENGTH and code.isascii() and code.isdigit()
    if not shaped or code[end:].strip("0") or not code[start:end].strip("0"):
        excel = " A spreadsheet has made a number of it: format the column as text." if "E+" in code.upper() else ""
        excel_zh = "表格软件已把它变成数字，请把该列设为文本。" if excel else ""
        table.mistakes.add(
            row.file, row.line, f"“{code[:40]}”不是{kind.label_zh}的 12 位统计用区划代码。{excel_zh}",
            f"{code[:40]!r} is not the 12-digit statistical code of a {kind.value}.{excel}",
        )  # fmt: skip
    elif code in table.index:
        first = table.lines[table.index[code]]
        table.mistakes.add(
            row.file, row.line, f"代码 {code} 与第 {first} 行重复。", f"the code {code} is also on line {first}."
        )


def _check_name(row: Division, mistakes: Mistakes) -> None:
    if row.name.isprintable() and 0 < len(row.name) <= NAME_LENGTH:
        return
    try:
        check_text(row.name, "name", most=NAME_LENGTH)
    except DomainError as error:
        mistakes.add(row.file, row.line, f"名称无效：{error.zh}", f"the name is wrong: {error.en}")
