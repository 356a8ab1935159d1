"""Imports go one way, core <- schema <- plugins <- server, and plugins meet only where one has opened a door."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("core", "schema", "plugins", "server")
ONE_WAY = "imports go one way: core <- schema <- plugins <- server"
PRIVATE = "nobody imports another package's _underscored modules or names"
DOOR = "a plugin reaches another only through plugins.<other>.api"
DECLARED = "a plugin imports only plugins that `requires` or `after` in its plugin.toml lists"
ABSOLUTE = "imports are absolute"


@dataclass(frozen=True)
class Standing:
    """Where a file stands in the house: its layer, its plugin if it is in one, and what that plugin may call.

    What a plugin lists under ``after`` it may call while that is on (``act.enabled``), and does without it otherwise.
    """

    layer: str
    plugin: str = ""
    reaches: frozenset[str] = frozenset()


def sources(root: Path) -> Iterator[tuple[Path, Standing]]:
    """Yield every product file of a tree with its standing; a plugin's own tests are no part of the product."""
    for layer in ("core", "schema"):
        yield from ((path, Standing(layer)) for path in sorted((root / layer).rglob("*.py")))
    for folder in plugin_folders(root):
        standing = Standing("plugins", folder.name, reachable(folder / "plugin.toml"))
        files = (path for path in sorted(folder.rglob("*.py")) if "tests" not in path.relative_to(folder).parts)
        yield from ((path, standing) for path in files)
    loose = [*sorted((root / "plugins").glob("*.py")), root / "server.py"]
    yield from ((path, Standing(path.stem if path.stem == "server" else "plugins")) for path in loose if path.exists())


def plugin_folders(root: Path) -> list[Path]:
    """Return the folders of the plugins in the tree and of the separately installed examples."""
    own = (path for path in (root / "plugins").glob("*/") if path.name.isidentifier() and path.name != "__pycache__")
    examples = (manifest.parent for manifest in (root / "examples").glob("*/*/plugin.toml"))
    return sorted([*own, *examples])


def reachable(manifest: Path) -> frozenset[str]:
    """Return the ids under ``requires`` and ``after`` in a manifest, without version bounds; none without a manifest."""
    if not manifest.exists():
        return frozenset()
    told = tomllib.loads(manifest.read_text("utf-8"))
    entries = [*told.get("requires", []), *told.get("after", [])]
    return frozenset(re.split(r"[^\w-]", entry.strip())[0] for entry in entries)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and full dotted name of everything a module imports, wherever in it, also by a literal name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and (name := literal_import(node)):
            yield node.lineno, name


def literal_import(call: ast.Call) -> str:
    """Return X of ``import_module("X")`` or ``__import__("X")``, or nothing."""
    called = getattr(call.func, "attr", getattr(call.func, "id", ""))
    first = call.args[0] if call.args else None
    if called in {"import_module", "__import__"} and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return ""


def broken_rule(standing: Standing, target: str) -> str | None:
    """Return the rule that an import breaks, or None."""
    if target.startswith("."):
        return ABSOLUTE
    layer, *rest = target.split(".")
    if layer not in LAYERS:
        return None
    if LAYERS.index(layer) > LAYERS.index(standing.layer):
        return ONE_WAY
    if standing.layer == layer == "plugins":
        return broken_door(standing, rest)
    return PRIVATE if layer != standing.layer and any(map(is_private, rest)) else None


def broken_door(standing: Standing, path: list[str]) -> str | None:
    """Return the rule that an import of ``plugins.<path>`` by a plugin breaks, or None."""
    if path[:1] == [standing.plugin]:
        return None
    if path[1:2] != ["api"]:
        return DOOR
    if path[0] not in standing.reaches:
        return DECLARED
    return PRIVATE if any(map(is_private, path)) else None


def is_private(name: str) -> bool:
    """Tell whether a module or name has the underscore that keeps it in its package."""
    return name.startswith("_") and not name.endswith("__")


def violations(root: Path) -> list[str]:
    """Return ``file:line: import: rule`` of every forbidden import below a folder."""
    return [
        f"{path.relative_to(root)}:{line}: imports {target}: {rule}"
        for path, standing in sources(root)
        for line, target in imports(ast.parse(path.read_text("utf-8"), str(path)))
        if (rule := broken_rule(standing, target))
    ]


def test_imports_keep_the_order_of_the_house() -> None:
    """No file of core, schema, plugins or server imports what its place forbids."""
    found = violations(ROOT)
    assert not found, "\n" + "\n".join(found)


CASES = [
    ("core/a.py", "from core._db import x", None),
    ("core/a.py", "import schema.node", ONE_WAY),
    ("core/a.py", "from plugins.voting import api", ONE_WAY),
    ("core/a.py", "from . import ids", ABSOLUTE),
    ("core/a.py", "import server", ONE_WAY),
    ("core/_host/a.py", "importlib.import_module('plugins.voting')", ONE_WAY),
    ("core/_host/a.py", "importlib.import_module(name)", None),
    ("schema/a.py", "from core.errors import NotAllowed", None),
    ("schema/a.py", "from core import _host", PRIVATE),
    ("schema/a.py", "from core.errors import _secret", PRIVATE),
    ("schema/a.py", "from core.version import __version__", None),
    ("schema/a.py", "from schema._front import x", None),
    ("schema/a.py", "def f():\n    from plugins.voting.api import x", ONE_WAY),
    ("plugins/voting/a.py", "from core.plugin import deed", None),
    ("plugins/voting/a.py", "import core._db.migrate", PRIVATE),
    ("plugins/voting/a.py", "from schema.engine._plan import x", PRIVATE),
    ("plugins/voting/a.py", "from plugins.voting import _tally", None),
    ("plugins/voting/a.py", "from plugins.register import api", None),
    ("plugins/voting/a.py", "from plugins.register.api import roll", None),
    ("plugins/voting/a.py", "from plugins.register.api import _roll", PRIVATE),
    ("plugins/voting/a.py", "from plugins.register.models import Unit", DOOR),
    ("plugins/voting/a.py", "from plugins.register import *", DOOR),
    ("plugins/voting/a.py", "import plugins.register", DOOR),
    ("plugins/voting/a.py", "from plugins import register", DOOR),
    ("plugins/voting/a.py", "import plugins", DOOR),
    ("plugins/voting/a.py", "from plugins.notices.api import publish", DECLARED),
    ("plugins/voting/a.py", "from plugins.rating.api import ask", None),
    ("plugins/voting/a.py", "from plugins.rating.models import Rating", DOOR),
    ("plugins/voting/a.py", "import server", ONE_WAY),
    ("plugins/voting/tests/test_a.py", "from plugins.notices.models import Notice", None),
    ("examples/acme/acme_parking/a.py", "from plugins.register.api import roll", DECLARED),
    ("examples/acme/acme_parking/a.py", "from plugins.voting.api import open_poll", None),
    ("server.py", "import plugins.voting.schema", None),
    ("server.py", "from core._host import load", PRIVATE),
]


@pytest.mark.parametrize(("file", "code", "rule"), CASES)
def test_each_rule_is_seen_to_be_broken(file: str, code: str, rule: str | None, tmp_path: Path) -> None:
    """In a small house with one import, exactly the expected rule is named, at its file and line."""
    write(tmp_path / "plugins/voting/plugin.toml", 'id = "voting"\nrequires = ["register>=1.0"]\nafter = ["rating"]\n')
    write(tmp_path / "examples/acme/acme_parking/plugin.toml", 'id = "acme_parking"\nrequires = ["voting"]\n')
    write(tmp_path / file, code)
    found = violations(tmp_path)
    line = 1 + code.count("\n")
    assert [(text.startswith(f"{file}:{line}: "), text.endswith(f": {rule}")) for text in found] == [
        (True, True)
    ] * bool(rule)


def test_an_empty_tree_breaks_no_rule(tmp_path: Path) -> None:
    """Packages that do not exist yet are not a fault."""
    assert violations(tmp_path) == []


def write(path: Path, text: str) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
