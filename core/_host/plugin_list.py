"""``plugins.toml``: which plugins this server loads.

    strict = false                # true: any failing plugin stops the server, as wanted in CI

    [plugins]
    load = "*"                    # every plugin in plugins/, or a list of ids
    installed = ["acme_parking==1.2.0"]  # plugins of installed packages, always by name and version; see pins.py

    [server]                      # the server's own settings, read elsewhere

The order of the ids never matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from core._host import pins
from core._host.manifest import is_id
from core._host.pins import Pin
from core._host.reasons import PluginListError, Said
from core._host.strict_toml import Section


@dataclass(frozen=True)
class PluginList:
    """What to load: ``"*"`` or ids, the ids of installed packages with their pins, and whether a failure stops the server.

    A list that was read from a file has a pin for each installed package; one made in code may do without.
    """

    load: frozenset[str] | Literal["*"] = "*"
    installed: frozenset[str] = frozenset()
    strict: bool = False
    pins: Mapping[str, Pin] = field(default_factory=lambda: MappingProxyType({}), hash=False)


def read_plugin_list(path: Path) -> PluginList:
    """Read ``plugins.toml``. Raises PluginListError with the file, the key and the remedy."""
    top = Section.read(path, PluginListError)
    top.only(("strict", "plugins", "server"))
    plugins = top.section("plugins")
    plugins.only(("load", "installed"))
    pinned = _pins(plugins, "installed")
    return PluginList(_load(plugins), frozenset(pinned), top.flag("strict", False), MappingProxyType(pinned))


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


def _pins(plugins: Section, key: str) -> dict[str, Pin]:
    found: dict[str, Pin] = {}
    for entry in plugins.words(key):
        pin = pins.read(entry)
        if pin is None or not is_id(pin.id):
            cause = Said(f"含有 {entry!r}，没有写明版本。", f"holds {entry!r}, which names no version.")
            raise plugins.refuse(key, cause, _SAY_WHICH)
        if pin.id in found:
            cause = Said(f"两次列出 {pin.id}。", f"names {pin.id} twice.")
            raise plugins.refuse(key, cause, Said("请只留一项。", "Keep one of them."))
        found[pin.id] = pin
    return found


_SAY_WHICH = Said(
    '请写 "编号==版本"，可加 sha256；python server.py plugin pin 编号 会给出这一行。',
    'Write "id==version", with a sha256 if you like; python server.py plugin pin ID gives the line.',
)
