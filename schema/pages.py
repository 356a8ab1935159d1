"""Public pages that print: server-rendered HTML and SVG, one style sheet, no script, nothing from elsewhere.

Everything that goes into a page is escaped by ``esc``; a piece of markup is a ``str`` that this module, or a caller that
escaped its own parts, has made. Charts come with a table of the same figures: never a picture alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import segno

from core.plugin import Asked, Reply

STYLES = Path(__file__).parent / "_assets" / "pages.css"
STYLES_ADDRESS = "/assets/pages.css"
WIDTH, HEIGHT, LEFT, BOTTOM = 640, 240, 44, 34


@dataclass(frozen=True)
class Bar:
    """One bar of a chart: a share from 0 to 1 or a plain number, with an interval if it has one; None is no bar."""

    label: str
    value: float | None
    text: str
    low: float | None = None
    high: float | None = None


def esc(text: str) -> str:
    """Escape a text for a page: as content, and in a quoted attribute."""
    return escape(text, quote=True)


def words(asked: Asked, zh: str, en: str) -> str:
    """Return what is said in the language of the page, escaped."""
    return esc(en if asked.language == "en" else zh)


def page(asked: Asked, title: str, body: str, *, kind: str = "", max_age: int = 60) -> Reply:
    """Make a whole page around a body of markup; ``kind`` is a class of the style sheet."""
    lang = "en" if asked.language == "en" else "zh-CN"
    other, name = ("zh", "中文") if asked.language == "en" else ("en", "English")
    query = "&amp;".join(
        f"{esc(k)}={esc(v)}" for k, v in (*asked.query.items(), ("lang", other)) if k != "lang" or v == other
    )
    skip = words(asked, "跳到正文", "Skip to the text")
    html = (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f'<title>{esc(title)}</title>\n<link rel="stylesheet" href="{STYLES_ADDRESS}">\n</head>\n'
        f'<body class="{esc(kind)}">\n<a class="skip" href="#main">{skip}</a>\n<header><span>善治 Shanzhi</span>'
        f'<a href="{esc(asked.path)}?{query}" hreflang="{other}" lang="{"zh-CN" if other == "zh" else "en"}">{name}</a></header>\n'
        f'<main id="main">\n{body}\n</main>\n</body>\n</html>\n'
    )
    return Reply.page(html, max_age=max_age)


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Make a table; the first cell of a row is its heading. All texts are escaped here."""
    top = "".join(f'<th scope="col">{esc(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{esc(first)}</th>' + "".join(f"<td>{esc(cell)}</td>" for cell in others) + "</tr>"
        for first, *others in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{esc(caption)}"><table><caption>{esc(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def chart(title: str, bars: Sequence[Bar], *, is_share: bool) -> str:
    """Draw bars as SVG, oldest first, with whiskers for intervals; its table must stand beside it."""
    top = 1.0 if is_share else _round_up(max((bar.value or 0 for bar in bars), default=0))
    plot = HEIGHT - BOTTOM - 22
    step = (WIDTH - LEFT) / max(len(bars), 1)

    def y(value: float) -> float:
        return 22 + plot * (1 - min(value / top, 1))

    marks = [0, 0.25, 0.5, 0.75, 1]
    lines = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y(top * m):.1f}" y2="{y(top * m):.1f}"/>'
        f'<text class="axis" x="{LEFT - 6}" y="{y(top * m) + 4:.1f}" text-anchor="end">{_mark(top * m, is_share)}</text>'
        for m in marks
    )
    drawn = "".join(_bar(bar, LEFT + step * index, step, y) for index, bar in enumerate(bars))
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{esc(title)}"><title>{esc(title)}</title>'
        f"{lines}{drawn}</svg>"
    )


def _bar(bar: Bar, x: float, step: float, y: Callable[[float], float]) -> str:
    middle, wide = x + step / 2, min(step * 0.56, 56)
    label = f'<text class="axis" x="{middle:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{esc(bar.label)}</text>'
    if bar.value is None:
        return (
            f'{label}<text class="none" x="{middle:.1f}" y="{y(0) - 6:.1f}" text-anchor="middle">{esc(bar.text)}</text>'
        )
    whisker, high = "", y(bar.value)
    if bar.low is not None and bar.high is not None:
        high = y(bar.high)
        whisker = (
            f'<path class="whisker" d="M{middle:.1f} {y(bar.low):.1f}V{high:.1f}'
            f'M{middle - 7:.1f} {y(bar.low):.1f}h14M{middle - 7:.1f} {high:.1f}h14"/>'
        )
    return (
        f'<rect class="bar" x="{middle - wide / 2:.1f}" y="{y(bar.value):.1f}" width="{wide:.1f}" '
        f'height="{max(y(0) - y(bar.value), 1):.1f}"/>{whisker}'
        f'<text class="told" x="{middle:.1f}" y="{high - 6:.1f}" text-anchor="middle">{esc(bar.text)}</text>{label}'
    )


def _round_up(value: float) -> float:
    size = 4.0
    while size < value:
        size *= 2.5 if str(size).startswith("4") else 2
    return size


def _mark(value: float, is_share: bool) -> str:
    return f"{value:.0%}" if is_share else f"{value:g}"


def qr(text: str, label: str) -> str:
    """Draw a QR code as SVG; its label says what it leads to."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=False,
        scale=4,
        border=4,
        svgclass="qr",
        lineclass=None,
        title=label,
        omitsize=True,
    )
    return out.getvalue().decode()


def permalink(asked: Asked, label: str) -> str:
    """Print the address of a page with its QR code: what a paper copy leads back to."""
    address = f"{asked.origin}{asked.path}"
    link = f'<a href="{esc(address)}">{esc(address)}</a>'
    return f'<figure class="permalink">{qr(address, label)}<figcaption>{esc(label)}<br>{link}</figcaption></figure>'


def paragraphs(text: str) -> str:
    """Show plain text: an empty line begins a paragraph, a line break stays one."""
    blocks = text.replace("\r\n", "\n").split("\n\n")
    return "".join(
        f"<p>{'<br>'.join(esc(line) for line in block.splitlines())}</p>" for block in blocks if block.strip()
    )
