"""The only module that touches pluggy: registers plugins, refuses hooks nobody knows, hands out each plugin's own."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pluggy

from core._host import messages as say
from core._host.reasons import Refusal, did_you_mean
from core._host.record import Plugin
from core.plugin import PROJECT, Hooks


class Switchboard:
    """The hooks of the plugins of one host."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self._known = {name for name in vars(Hooks) if self._manager.parse_hookspec_opts(Hooks, name) is not None}

    def register(self, plugin: Plugin, package: ModuleType) -> None:
        """Register a package's hooks. Raises Refusal for a hook that does not exist or cannot be called."""
        module = self._as_written(package)
        self._refuse_unknown(plugin, module)
        try:
            self._manager.register(module, plugin.id)
        except pluggy.PluginValidationError as error:
            told = " ".join(str(error).split())
            raise Refusal(say.UNFIT_HOOK(file=plugin.file(), told=told)) from error

    def hooks(self, plugin: Plugin) -> dict[str, Callable[..., Any]]:
        """Return the hooks that a registered plugin implements; each takes its specification's arguments by keyword."""
        found: dict[str, Callable[..., Any]] = {}
        for name in sorted(self._known):
            caller: pluggy.HookCaller = getattr(self._manager.hook, name)
            for implementation in caller.get_hookimpls():
                if implementation.plugin_name == plugin.id:
                    if name in found or implementation.wrapper or implementation.hookwrapper:
                        raise Refusal(say.NOT_ONE_FUNCTION(file=plugin.file(), name=name))
                    found[name] = _taking_fewer(implementation)
        return found

    def forget(self, plugin: Plugin) -> None:
        """Take a plugin's hooks out again."""
        if self._manager.has_plugin(plugin.id):
            self._manager.unregister(name=plugin.id)

    def _as_written(self, package: ModuleType) -> ModuleType:
        """Return a package whose hooks are not hidden behind its own submodules.

        Importing ``wishes.settings`` puts that module in the place of the hook ``settings`` of the package ``wishes``;
        then the package's own file is run once more, apart, and the hooks are taken from there.
        """
        spec = package.__spec__
        if spec is None or spec.loader is None:
            return package
        if not any(isinstance(vars(package).get(name), ModuleType) for name in self._known):
            return package
        again = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(again)
        return again

    def _refuse_unknown(self, plugin: Plugin, module: ModuleType) -> None:
        for name, value in vars(module).items():
            options = self._manager.parse_hookimpl_opts(module, name)
            if options is None:
                if name in self._known and inspect.isfunction(value) and value.__module__ == module.__name__:
                    raise Refusal(say.UNMARKED_HOOK(file=plugin.file(), name=name))
            elif not options.get("optionalhook") and (hook := options.get("specname") or name) not in self._known:
                raise Refusal(say.UNKNOWN_HOOK(did_you_mean(hook, self._known), file=plugin.file(), name=hook))


def _taking_fewer(implementation: Any) -> Callable[..., Any]:
    """Let an implementation leave out arguments that it does not need, as pluggy does."""
    function, wanted = implementation.function, implementation.argnames

    def call(**arguments: Any) -> Any:
        return function(*(arguments[name] for name in wanted))

    return call
