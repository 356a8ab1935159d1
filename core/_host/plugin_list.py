"""``plugins.toml``: which plugins this server loads.

    strict = false                # true: any failing plugin stops the server, as wanted in CI

    [plugins]
    load = "*"                    # every plugin in plugins/, or a list of ids
    installed = ["acme_parking"]  # plugins of installed packages, always by name

    [server]                      # the server's own settings, read elsewhere

The order of the ids never matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core._host.manifest import is_id
from core._host.reasons import PluginListError, Said
from core._host.strict_toml import Section


@dataclass(frozen=True)
class PluginList:
    """What to load: ``"*"`` or ids, the ids of installed packages, and whether a failure stops the server."""

    load: frozenset[str] | Literal["*"] = "*"
    installed: frozenset[str] = frozenset()
    strict: bool = False


def read_plugin_list(path: Path) -> PluginList:
    """Read ``plugins.toml``. Raises PluginListError with the file, the key and the remedy."""
    top = Section.read(path, PluginListError)
    top.only(("strict", "plugins", "server"))
    plugins = top.section("plugins")
    plugins.only(("load", "installed"))
    return PluginList(_load(plugins), _ids(plugins, "installed"), top.flag("strict", False))


def _load(plugins: Section) -> frozenset[str] | Literal["*"]:
    wanted = plugins.data.get("load", "*")
    if wanted == "*":
        return "*"
    if isinstance(wanted, str):
        cause = Said(f"的值 {wanted!r} 无法理解。", f"is {wanted!r}, which cannot be understood.")
        raise plugins.refuse("load", cause, Said('请写 "*" 或编号列表。', 'Write "*" or a list of ids.'))
    return _ids(plugins, "load")


def _ids(plugins: Section, key: str) -> frozenset[str]:
    found = plugins.words(key)
    for entry in found:
        if not is_id(entry):
            cause = Said(f"含有 {entry!r}，不是插件编号。", f"holds {entry!r}, which is not a plugin id.")
            raise plugins.refuse(key, cause, Said("请写插件编号。", "Write the id from the plugin's plugin.toml."))
    return frozenset(found)
