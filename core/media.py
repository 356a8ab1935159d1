"""Kinds of files: told by their content, never by their name or by what the client says.

Allowed is what can be shown without running anything: pictures, PDF, MP4, Word and Excel documents without macros, and
plain text in UTF-8 or GB 18030. Everything else is refused: web pages, SVG and programs above all.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path

import filetype

HEAD_BYTES = 8192
PART_BYTES = 1024 * 1024
NAME_LENGTH = 120

_MARKUP = re.compile(r"<\s*(?:!doctype|html|head|body|svg|script|iframe|object|embed|\?xml|\?php|%)", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Kind:
    """A kind of file: its media type, the extension it is saved under, and whether browsers may show it in place."""

    media_type: str
    extension: str
    inline: bool = False


_OFFICE = "application/vnd.openxmlformats-officedocument"
_MAGIC = {
    kind.media_type: kind
    for kind in (
        Kind("image/jpeg", "jpg", inline=True),
        Kind("image/png", "png", inline=True),
        Kind("image/webp", "webp", inline=True),
        Kind("image/gif", "gif", inline=True),
        Kind("video/mp4", "mp4", inline=True),
        Kind("application/pdf", "pdf"),
    )
}
_DOCUMENTS = {
    "word/document.xml": Kind(f"{_OFFICE}.wordprocessingml.document", "docx"),
    "xl/workbook.xml": Kind(f"{_OFFICE}.spreadsheetml.sheet", "xlsx"),
}
EXTENSIONS = ("jpg", "png", "webp", "gif", "pdf", "mp4", "docx", "xlsx", "csv", "txt")
_SHOWN = frozenset(kind.media_type for kind in _MAGIC.values() if kind.inline)


def sniff(path: Path, name: str) -> Kind | None:
    """Return the kind of a file by its content, or None when it is not allowed; ``name`` only tells CSV from text."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(b"PK\x03\x04"):
        return _document(path)
    found = filetype.guess(head)
    if found is not None:
        return _MAGIC.get(str(found.mime))
    return _text(path, name)


def shown_in_place(media_type: str) -> bool:
    """Say whether a browser may show a file of this type in place, rather than save it."""
    return media_type in _SHOWN


def _document(path: Path) -> Kind | None:
    """Look into a ZIP archive: a Word or Excel document without macros, or nothing that is allowed."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            with archive.open("[Content_Types].xml") as part:
                types = part.read(PART_BYTES)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, OSError, ValueError, EOFError):
        return None
    if b"macroEnabled" in types or any(name.lower().endswith("vbaproject.bin") for name in names):
        return None
    kinds = [kind for part_name, kind in _DOCUMENTS.items() if part_name in names]
    return kinds[0] if len(kinds) == 1 else None


def _text(path: Path, name: str) -> Kind | None:
    data = path.read_bytes()
    charset = _charset(data)
    if charset is None:
        return None
    text = data.decode(charset)
    if not text.strip() or _CONTROLS.search(text) or text.startswith("#!") or _MARKUP.search(text[:HEAD_BYTES]):
        return None
    is_table = name.lower().endswith(".csv")
    shown = "utf-8" if charset == "utf-8-sig" else charset
    return Kind(f"text/{'csv' if is_table else 'plain'}; charset={shown}", "csv" if is_table else "txt")


def _charset(data: bytes) -> str | None:
    for charset in ("utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8", "gb18030"):
        try:
            data.decode(charset)
        except UnicodeDecodeError:
            continue
        return charset
    return None


def safe_name(name: str, extension: str = "") -> str:
    """Return a file name without folders, control characters and tricks of direction; with the right extension."""
    text = unicodedata.normalize("NFC", name.encode(errors="replace").decode())
    last = re.split(r"[/\\]", text)[-1]
    clean = "".join(c for c in last if unicodedata.category(c)[0] != "C" and c not in '<>:"|?*').strip(" .")
    if not extension:
        return clean[:NAME_LENGTH] or "file"
    stem = clean.rpartition(".")[0] or clean
    return f"{stem[:NAME_LENGTH].rstrip(' .') or 'file'}.{extension}"
