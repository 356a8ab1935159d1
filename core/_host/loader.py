"""Brings plugins up one after another; whatever one of them does, the others go on."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import FunctionType, ModuleType

from core._host import messages as say
from core._host.checks import Claims, deaf, faults
from core._host.declared import collect, crashed
from core._host.order import closure, dependents, in_order
from core._host.reasons import Reason, Refusal
from core._host.record import Plugin, PluginState
from core._host.switchboard import Switchboard
from core._host.tables import table_faults
from core.plugin import CONTRACT, Hooks

HOOKS = tuple(sorted(name for name in vars(Hooks) if not name.startswith("_")))


def load(candidates: Iterable[Plugin], known_roles: Collection[str]) -> dict[str, Plugin]:
    """Bring up plugins as far as is possible without a database; returns them in the order of their dependencies."""
    importlib.invalidate_caches()
    plugins = {plugin.id: plugin for plugin in in_order(candidates)}
    loading = _Loading(plugins, frozenset(known_roles))
    for plugin in plugins.values():
        loading.bring_up(plugin)
    usable = {plugin.id: plugin for plugin in plugins.values() if plugin.usable}
    for plugin in usable.values():
        reasons = tuple(deaf(plugin, usable))
        if reasons:
            fail(plugins, plugin.id, *reasons)
    return plugins


def fail(plugins: Mapping[str, Plugin], name: str, *reasons: Reason) -> None:
    """Fail a plugin and block those that require it."""
    plugins[name].fail(*reasons)
    needing = dependents(plugins, name)
    for plugin in (plugin for plugin in plugins.values() if plugin.id in needing and plugin.usable):
        plugin.block(_needs(plugin, plugins[name]))


class _Loading:
    """One run of the loader: the switchboard and the names taken so far."""

    def __init__(self, plugins: Mapping[str, Plugin], known_roles: frozenset[str]) -> None:
        self._plugins = plugins
        self._known_roles = known_roles
        self._board = Switchboard()
        self._claims = Claims()

    def bring_up(self, plugin: Plugin) -> None:
        """Take a plugin through its states until it is registered or cannot go on."""
        if not plugin.usable:
            return
        blocked = _blocked(plugin, self._plugins)
        if blocked is not None:
            plugin.block(blocked)
            return
        for step, advance, state in self._steps():
            if not _advance(plugin, step, advance):
                self._board.forget(plugin)
                return
            plugin.state = state

    def _steps(self) -> tuple[tuple[str, Callable[[Plugin], None], PluginState], ...]:
        return (
            ("check compatibility", _check_contract, PluginState.COMPATIBLE),
            ("import", _import, PluginState.IMPORTED),
            ("register", self._register, PluginState.REGISTERED),
        )

    def _register(self, plugin: Plugin) -> None:
        self._board.register(plugin, sys.modules[plugin.module])
        collect(plugin, self._board.hooks(plugin))
        reasons = (
            *faults(plugin, self._known_roles),
            *table_faults(plugin, self._plugins),
            *self._claims.collisions(plugin),
        )
        if reasons:
            raise Refusal(*reasons)
        self._claims.enter(plugin)


def _advance(plugin: Plugin, step: str, advance: Callable[[Plugin], None]) -> bool:
    try:
        advance(plugin)
    except KeyboardInterrupt:
        raise
    except Refusal as refusal:
        plugin.fail(*refusal.reasons)
    except BaseException as error:  # noqa: BLE001 - a plugin may raise anything, even SystemExit, and stops only itself
        plugin.fail(crashed(plugin, step, error), crash=error)
    return plugin.usable


def _check_contract(plugin: Plugin) -> None:
    asked = plugin.manifest.contract
    if asked == CONTRACT:
        return
    rule = say.CONTRACT_TOO_NEW if asked > CONTRACT else say.CONTRACT_TOO_OLD
    raise Refusal(rule(file=plugin.file("plugin.toml"), asked=asked, offered=CONTRACT))


def _import(plugin: Plugin) -> None:
    """Import the package, its tables and its door; leaves nothing half-imported behind."""
    before = set(sys.modules)
    try:
        package = importlib.import_module(plugin.module)
        _check_place(plugin, getattr(package, "__file__", None))
        _uncover(plugin, package)
        plugin.models = _submodule(plugin, "models", run=True)
        plugin.migrations = _submodule(plugin, "migrations")
        door = _submodule(plugin, "api", run=True)
    except BaseException:
        _forget_modules(plugin.module, before)
        raise
    lent = getattr(sys.modules[door], "ANCHORS", ()) if door is not None else ()
    plugin.anchors = (lent,) if isinstance(lent, str) else tuple(lent)


def _uncover(plugin: Plugin, package: ModuleType) -> None:
    """Let ``from wishes import problems`` give the module also where the package has a hook of that name.

    The functions are taken out before the modules are imported; the switchboard finds them by running the file again.
    """
    covered = [name for name in HOOKS if importlib.util.find_spec(f"{plugin.module}.{name}") is not None]
    for name in covered:
        if isinstance(vars(package).get(name), FunctionType):
            delattr(package, name)
    for name in covered:
        _submodule(plugin, name, run=True)


def _check_place(plugin: Plugin, file: str | None) -> None:
    """Refuse a package of the same name that Python found elsewhere, before the one with the manifest."""
    if file is None or Path(file).resolve().parent != plugin.folder.resolve():
        raise Refusal(say.OTHER_PLACE(module=plugin.module, file=file, folder=plugin.folder))


def _submodule(plugin: Plugin, name: str, *, run: bool = False) -> str | None:
    full = f"{plugin.module}.{name}"
    if importlib.util.find_spec(full) is None:
        return None
    if run:
        importlib.import_module(full)
    return full


def _forget_modules(package: str, before: Collection[str]) -> None:
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        if name not in before:
            module = sys.modules.pop(name)
            parent, _, child = name.rpartition(".")
            if getattr(sys.modules.get(parent), child, None) is module:
                delattr(sys.modules[parent], child)


def _needs(plugin: Plugin, other: Plugin) -> Reason:
    rule = say.NEEDS_FAILED if other.state is PluginState.FAILED else say.NEEDS_BLOCKED
    return rule(name=plugin.id, other=other.id)


def _blocked(plugin: Plugin, plugins: Mapping[str, Plugin]) -> Reason | None:
    for name in plugin.requires:
        other = plugins.get(name)
        if other is None:
            return say.NEEDS_MISSING(name=plugin.id, other=name)
        if not other.usable:
            return _needs(plugin, other)
        least = plugin.manifest.least_versions.get(name, ())
        if not other.manifest.satisfies(least):
            wanted, version = ".".join(map(str, least)), other.manifest.version
            return say.NEEDS_NEWER(name=plugin.id, other=name, least=wanted, version=version)
    return None


__all__ = ["closure", "dependents", "fail", "load"]
