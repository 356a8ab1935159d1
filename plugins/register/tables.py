"""Reading spreadsheets: xlsx and csv as rows of plain values, with the name of every cell as people see it."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

import python_calamine

from core.plugin import DomainError
from plugins.register.problems import FILE_TOO_LARGE, FILE_UNREADABLE

Value = str | int | float | bool | date | None
MOST_ROWS = 50_000
MOST_COLUMNS = 200
MOST_UNPACKED = 200 * 1024 * 1024
SEPARATORS = (",", ";", "\t", "|", "，")

_CELL = re.compile(rb"""\br=["']([A-Z]{1,3})(\d{1,7})["']""")
_ROW = re.compile(rb"""<(?:\w+:)?row\b[^>]*?\br=["'](\d{1,9})["']""")


@dataclass(frozen=True)
class Sheet:
    """One sheet: its rows from the first, each a list of values from column A; a csv file has one without a name."""

    name: str
    rows: list[list[Value]]

    def cell(self, row: int, column: int) -> str:
        """Name a cell by its zero-based place: ``清册!C12``, or ``C12`` where there is one sheet only."""
        return cell_name(self.name, row, column)


def read(data: bytes, likely: Callable[[list[Value]], int] = len) -> list[Sheet]:
    """Return the visible sheets of an xlsx or csv file.

    ``likely`` says how much a row looks like a header; of the separators that a csv might have, the one that gives the
    likeliest header wins. Raises FILE_UNREADABLE, FILE_TOO_LARGE.
    """
    if data.startswith(b"PK\x03\x04"):
        return _workbook(data)
    return [_text(decode(data), likely)]


def cell_name(sheet: str, row: int, column: int) -> str:
    """Name a cell by its zero-based place and the name of its sheet, if that matters."""
    place = f"{letters(column)}{row + 1}"
    return f"{sheet}!{place}" if sheet else place


def letters(column: int) -> str:
    """Name a zero-based column: 0 is A, 26 is AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def decode(data: bytes) -> str:
    """Decode text by its byte order mark, else as UTF-8, else as GB 18030, which Excel writes in China."""
    for mark, charset in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return _decoded(data, charset)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(data, "gb18030")


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset)
    except UnicodeDecodeError as error:
        raise _unreadable("文字编码无法识别", "its encoding is neither UTF-8 nor GB 18030") from error


def _text(text: str, likely: Callable[[list[Value]], int]) -> Sheet:
    if "\x00" in text:
        raise _unreadable("含有二进制内容", "it holds binary data")
    best = max(SEPARATORS, key=lambda separator: _promise(text, separator, likely))
    try:
        rows = list(_rows(text, best))
    except csv.Error as error:
        raise _unreadable("引号不成对或单元格过长", "a quote is never closed, or a cell is too long") from error
    _check_size(len(rows), max(map(len, rows), default=0))
    return Sheet("", rows)


def _promise(text: str, separator: str, likely: Callable[[list[Value]], int]) -> int:
    best = 0
    with suppress(csv.Error):  # a quote that is never closed comes later than the header
        for row in islice(_rows(text, separator), 20):
            best = max(best, likely(row))
    return best


def _rows(text: str, separator: str) -> Iterator[list[Value]]:
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
        yield [cell or None for cell in row]


def _workbook(data: bytes) -> list[Sheet]:
    _check_archive(data)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        shown = [s.name for s in book.sheets_metadata if s.visible == python_calamine.SheetVisibleEnum.Visible]
        sheets = [(name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in shown]
    except python_calamine.CalamineError as error:
        raise _unreadable("不是有效的 Excel 工作簿", "it is no valid workbook") from error
    filled = [(name, rows) for name, rows in sheets if rows]
    return [
        Sheet(name if len(filled) > 1 else "", [[_plain(value) for value in row] for row in rows])
        for name, rows in filled
    ]


def _check_archive(data: bytes) -> None:
    """Look at the sheets' own XML first: the reader lays sheets out densely, so one far-off cell could fill the memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(part.file_size for part in archive.infolist()) > MOST_UNPACKED:
                raise FILE_TOO_LARGE(rows=MOST_ROWS, columns=MOST_COLUMNS)
            for part in archive.infolist():
                if part.filename.startswith("xl/worksheets/"):
                    _check_sheet(archive.read(part))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise _unreadable("压缩包已损坏或加密", "it is damaged or encrypted") from error


def _check_sheet(xml: bytes) -> None:
    cells = {(match[1], int(match[2])) for match in _CELL.finditer(xml)}
    last_row = max((int(match[1]) for match in _ROW.finditer(xml)), default=0)
    _check_size(
        max(last_row, max((row for _, row in cells), default=0)), max((_number(name) for name, _ in cells), default=0)
    )


def _check_size(rows: int, columns: int) -> None:
    if rows > MOST_ROWS or columns > MOST_COLUMNS:
        raise FILE_TOO_LARGE(rows=MOST_ROWS, columns=MOST_COLUMNS)


def _number(name: bytes) -> int:
    number = 0
    for letter in name:
        number = number * 26 + letter - ord("A") + 1
    return number


def _plain(value: object) -> Value:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, str):
        return value or None
    if isinstance(value, time | timedelta):
        return str(value)
    return value if isinstance(value, bool | int | float | date) else None


def _unreadable(why_zh: str, why_en: str) -> DomainError:
    return FILE_UNREADABLE(path=("input", "attachment"), why_zh=why_zh, why_en=why_en)
