"""Writing a new plugin: a small working one, with a test that passes, to start from."""

from __future__ import annotations

import keyword
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from core._host.manifest import LONGEST_ID, RESERVED, is_id

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_NAME = LONGEST_ID - len("_entry")  # the tables' names begin with it

FILES: Mapping[str, str] = {
    "plugin.toml.txt": "plugin.toml",
    "__init__.py.txt": "__init__.py",
    "models.py.txt": "models.py",
    "migration.py.txt": "migrations/0001_initial.py",
    "service.py.txt": "service.py",
    "schema.py.txt": "schema.py",
    "README.md.txt": "README.md",
    "test.py.txt": "tests/test_{{id}}.py",
}


class ScaffoldRefused(Exception):
    """A plugin of this name cannot be written; the message says why and what to do. Nothing was written."""


def scaffold(name: str, target_dir: Path, *, title_zh: str | None = None, title_en: str | None = None) -> list[Path]:
    """Write a working plugin into ``target_dir/name``; returns the files, in reading order.

    Raises:
        ScaffoldRefused: the name or a title will not do, or something of this name is there already.
    """
    titles = (title_zh or name, title_en or name.replace("_", " ").capitalize())
    problem = next(_problems(name, target_dir, titles), None)
    if problem is not None:
        raise ScaffoldRefused(problem)
    words = _words(name, target_dir.name, *titles)
    made = [_write(target_dir / name / _filled(path, words), source, words) for source, path in FILES.items()]
    package = target_dir / name / "migrations" / "__init__.py"
    package.write_text(f'"""Migrations of ``{name}``."""\n', "utf-8")
    return [*made, package]


def _problems(name: str, target_dir: Path, titles: Iterable[str]) -> Iterator[str]:
    if not is_id(name) or len(name) > LONGEST_NAME or name.endswith("_") or "__" in name:
        yield (
            f"{name!r} is no name for a plugin: begin with a lower-case letter, go on with those, digits and single _, "
            f"{LONGEST_NAME} characters at most."
        )
    elif name in RESERVED or keyword.iskeyword(name) or name in sys.stdlib_module_names:
        yield f"{name} means something else already; choose another name."
    if (target_dir / name).exists():
        yield f"{target_dir / name} is there already; choose another name, or delete it."
    for title in titles:
        if any(character in title for character in '"\\\n') or not title.strip():
            yield f"{title!r} is no title: write it on one line without quotes and backslashes."


def _words(name: str, package: str, title_zh: str, title_en: str) -> dict[str, str]:
    pascal = "".join(word.capitalize() for word in name.split("_"))
    return {
        "id": name, "package": f"{package}.{name}", "Type": pascal, "field": pascal[:1].lower() + pascal[1:],
        "title_zh": title_zh, "title_en": title_en,
    }  # fmt: skip


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"{{{{{word}}}}}", value)
    return text


def _write(path: Path, source: str, words: Mapping[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_filled((TEMPLATES / source).read_text("utf-8"), words), "utf-8")
    return path
