"""The scaffold writes a plugin that works: it loads, keeps the contract, and its own test passes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.scaffold import ScaffoldRefused, scaffold
from tests.contract import conformance

ROOT = conformance.ROOT
NAME = "tool_library"
CHECK = f"""
from pathlib import Path
from tests.contract import conformance as c

host = c.load_with({NAME!r}, folder=Path("plugins").absolute())
plugin = host.plugins[{NAME!r}]
faults = [
    *c.declared_faults(host, plugin.id), *c.import_faults(plugin), *c.schema_faults(host, plugin.id),
    *c.deed_faults(plugin), *c.list_faults(host, plugin.id), *c.description_faults(host, plugin.id),
    *c.readme_faults(plugin), *c.manifest_faults(plugin), *c.personal_faults(host, plugin.id),
]
raise SystemExit("\\n".join(faults))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the server with no plugin but a new one."""
    copy = tmp_path_factory.mktemp("house")
    ignored = shutil.ignore_patterns("__pycache__", "_assets")
    for part in ("core", "schema", "tests"):
        shutil.copytree(ROOT / part, copy / part, ignore=ignored)
    shutil.copytree(ROOT / "examples" / "data", copy / "examples" / "data")
    for file in ("conftest.py", "pyproject.toml", "plugins.toml"):
        shutil.copyfile(ROOT / file, copy / file)
    (copy / "plugins").mkdir()
    (copy / "plugins" / "__init__.py").touch()
    scaffold(NAME, copy / "plugins", title_zh="工具图书馆", title_en="Tool library")
    return copy


def run(house: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy."""
    environment = {**os.environ, "PYTHONPATH": str(house)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=house, env=environment, capture_output=True, text=True, check=False
    )


def test_a_new_plugin_is_small(house: Path) -> None:
    """Whoever begins reads it in a few minutes: about a hundred lines, its migration not counted."""
    files = [
        path for path in (house / "plugins" / NAME).rglob("*") if path.is_file() and path.parent.name != "migrations"
    ]
    lines = [line for path in files for line in path.read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) <= 110


@pytest.mark.slow
def test_its_own_test_passes(house: Path) -> None:
    """Through GraphQL over HTTP, on a migrated database."""
    found = run(house, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"plugins/{NAME}")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "passed" in found.stdout


@pytest.mark.slow
def test_it_keeps_the_contract(house: Path) -> None:
    """Every check that plugins of this repository pass, but for the descriptions that only its author can write."""
    faults = run(house, "-c", CHECK).stderr.strip().splitlines()
    assert faults == ["plugin.toml: describe it in both languages (description_zh, description_en)"]


@pytest.mark.slow
def test_it_is_clean(house: Path) -> None:
    """The linter and the formatter have nothing to say."""
    assert run(house, "-m", "ruff", "check", "--no-cache", f"plugins/{NAME}").stdout.strip() == "All checks passed!"
    assert run(house, "-m", "ruff", "format", "--no-cache", "--check", f"plugins/{NAME}").returncode == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Tool", "is no name for a plugin"),
        ("tool-library", "is no name for a plugin"),
        ("9lives", "is no name for a plugin"),
        ("a__b", "is no name for a plugin"),
        ("x" * 35, "34 characters at most"),
        ("core", "means something else already"),
        ("class", "means something else already"),
        ("json", "means something else already"),
    ],
)
def test_a_name_that_will_not_do_is_refused(name: str, why: str, tmp_path: Path) -> None:
    """The message says what a name looks like; nothing is written."""
    with pytest.raises(ScaffoldRefused, match=why):
        scaffold(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    """An existing plugin stays as it is."""
    scaffold(NAME, tmp_path)
    with pytest.raises(ScaffoldRefused, match="is there already"):
        scaffold(NAME, tmp_path)


@pytest.mark.parametrize("title", ['say "hi"', "two\nlines", "back\\slash", " "])
def test_a_title_that_would_break_the_files_is_refused(title: str, tmp_path: Path) -> None:
    """Titles stand in quotes in plugin.toml and in docstrings."""
    with pytest.raises(ScaffoldRefused, match="is no title"):
        scaffold(NAME, tmp_path, title_en=title)


def test_without_titles_the_name_serves(tmp_path: Path) -> None:
    """The manifest is valid at once, and waits for better titles."""
    scaffold(NAME, tmp_path)
    text = (tmp_path / NAME / "plugin.toml").read_text("utf-8")
    assert 'title_en = "Tool library"' in text
    assert 'title_zh = "tool_library"' in text
