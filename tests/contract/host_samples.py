"""Sample plugins, written as files and loaded as any other plugin is."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from core.host import Host, Plugin, PluginList, PluginState

ROLES = ("resident", "community_staff")
HEAD = "from core.plugin import *\n"

_numbers = itertools.count(1)


class Samples:
    """A folder of plugins, under a package name that no other test uses."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.package = f"sample_plugins_{next(_numbers)}"
        self.folder = root / self.package
        self.folder.mkdir()
        patch.syspath_prepend(str(root))

    def plugin(self, name: str, hooks: str = "", files: Mapping[str, str] | None = None, **manifest: Any) -> str:
        """Write a plugin: its manifest, its hooks and other files. Returns the name of its package."""
        module = f"{self.package}.{name}"
        write(self.folder / name, name, hooks, files or {}, manifest)
        return module

    def sound(self, *names: str) -> None:
        """Write plugins that nothing is wrong with."""
        for name in names:
            self.plugin(name, permissions("open_it", name))

    def installed(self, name: str, hooks: str = "", *, package: str | None = None, **manifest: Any) -> str:
        """Write an installed package that offers a plugin by a real entry point. Returns the name of the package."""
        module = package or f"{name}_{next(_numbers)}"
        write(self.root / module, name, hooks, {}, manifest)
        info = self.root / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n", "utf-8")
        (info / "entry_points.txt").write_text(f"[shanzhi.plugins]\n{name} = {module}\n", "utf-8")
        return module

    def load(self, wanted: PluginList | None = None, *, now: Callable[[], float] = lambda: 0.0) -> Host:
        """Load the folder, or what a list asks for."""
        return Host.load(self.folder, wanted or PluginList(), ROLES, now=now)


def write(folder: Path, name: str, hooks: str, files: Mapping[str, str], manifest: Mapping[str, Any]) -> None:
    """Write the files of one plugin."""
    folder.mkdir(parents=True)
    said = {"id": name, "title_zh": name, "title_en": name, "version": "1.0", "contract": 1, **manifest}
    toml = "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items())
    (folder / "plugin.toml").write_text(toml, "utf-8")
    for file, text in {"__init__.py": HEAD + dedent(hooks), **files}.items():
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text), "utf-8")


def permissions(verb: str, name: str, roles: str = '("resident",)') -> str:
    """Write a hook that declares one permission."""
    return f"""
@hookimpl
def permissions():
    return [Permission("{name}.{verb}", "权限", "Permission", roles={roles})]
"""


def lifecycle(name: str, kind: str, type_name: str, steps: str = "", owner: str | None = None) -> str:
    """Write a hook that declares one lifecycle with the states OPEN and DONE."""
    return f"""
class State(LabelledEnum):
    OPEN = "OPEN", "开", "Open", "It is open."
    DONE = "DONE", "完", "Done", "It is done."

@hookimpl
def lifecycles():
    return [Lifecycle("{owner or name}", "{kind}", State, State.OPEN, [{steps}], everyone, "{type_name}")]
"""


def models(name: str, fields: str = "", table: str | None = None, listed: str = "[Item]") -> dict[str, str]:
    """Write a models module with one model ``Item``."""
    text = f"""
from tortoise import fields
from tortoise.models import Model
from core.models import anchor

class Item(Model):
    id = fields.BigIntField(primary_key=True)
    {fields}

    class Meta:
        table = "{table or name + "_item"}"

__models__ = {listed}
"""
    return {"models.py": text}


def states(host: Host) -> dict[str, PluginState]:
    """Return the state of every plugin of a host."""
    return {name: plugin.state for name, plugin in host.plugins.items()}


def why(host: Host, name: str) -> str:
    """Return everything that a host says against a plugin, in English; it must say it in Chinese as well."""
    plugin: Plugin = host.plugins[name]
    assert plugin.reasons, f"{name} is {plugin.state}"
    for reason in plugin.reasons:
        assert reason.cause.zh
        assert reason.remedy.zh
    return "\n".join(reason.text("en") for reason in plugin.reasons)


def is_imported(module: str) -> bool:
    """Say whether anything of a package is among the imported modules."""
    return any(name == module or name.startswith(f"{module}.") for name in sys.modules)
