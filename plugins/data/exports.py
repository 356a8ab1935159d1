"""Open data: a place's figures as CSV, JSON and a spreadsheet, each with the data dictionary."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xlsxwriter

from core.plugin import Asked, Reply
from plugins.data.reading import COLUMNS, dictionary, figures, record

BOM = "\ufeff"  # without it the spreadsheets that people have take the text for another encoding
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_AGE = 300


async def as_json(asked: Asked) -> Reply:
    """Give everything at once: place, figures, dictionary, and what the columns mean."""
    data = {
        "place": {"code": asked.here.code, "name": asked.here.name},
        "figures": [record(asked, one) for one in await figures(asked)],
        "dictionary": dictionary(asked.kernel.host.indicators),
        "columns": [{"name": name, "zh": zh, "en": en} for name, zh, en in COLUMNS],
        "license": "CC BY 4.0",
    }
    return Reply.json(data, max_age=MAX_AGE)


async def as_csv(asked: Asked) -> Reply:
    """Give the figures as a table of text."""
    rows = [record(asked, one) for one in await figures(asked)]
    text = _csv([name for name, _, _ in COLUMNS], (row.values() for row in rows))
    return Reply.download(text, "text/csv; charset=utf-8", f"data-{asked.here.code}.csv", max_age=MAX_AGE)


async def dictionary_csv(asked: Asked) -> Reply:
    """Give the data dictionary as a table of text."""
    entries = dictionary(asked.kernel.host.indicators)
    text = _csv(list(entries[0]) if entries else [], (entry.values() for entry in entries))
    return Reply.download(text, "text/csv; charset=utf-8", "data-dictionary.csv", max_age=MAX_AGE)


async def as_xlsx(asked: Asked) -> Reply:
    """Give figures, dictionary and columns as the sheets of one workbook."""
    rows = [record(asked, one) for one in await figures(asked)]
    entries = dictionary(asked.kernel.host.indicators)
    sheets = {
        "数据 Figures": ([name for name, _, _ in COLUMNS], [list(row.values()) for row in rows]),
        "指标 Dictionary": (list(entries[0]) if entries else [], [list(entry.values()) for entry in entries]),
        "列 Columns": (["name", "zh", "en"], [list(column) for column in COLUMNS]),
    }
    book = await asyncio.to_thread(_workbook, sheets)
    return Reply.download(book, SHEET, f"data-{asked.here.code}.xlsx", max_age=MAX_AGE)


def _csv(head: Sequence[str], rows: Iterable[Iterable[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return (BOM + out.getvalue()).encode()


def _plain(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return "" if cell is None else cell


def _workbook(sheets: Mapping[str, tuple[Sequence[str], Sequence[Sequence[Any]]]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        bold = book.add_format({"bold": True})
        for title, (head, rows) in sheets.items():
            sheet = book.add_worksheet(title)
            sheet.write_row(0, 0, head, bold)
            sheet.freeze_panes(1, 0)
            for number, row in enumerate(rows, start=1):
                sheet.write_row(number, 0, row)
            sheet.autofit()
    return out.getvalue()
