"""The plugin host: which plugins this server has, how far each has come, and what the usable ones declare.

    host = Host.load(root / "plugins", read_plugin_list(root / "plugins.toml"), roles.CODES)
    report = await migrate(url, host.apps())
    host.mark_migrated(report)

A plugin that fails stops nobody but those that require it; with ``strict`` in ``plugins.toml``, any failure stops the
server. Everything is compiled when plugins load; per request there are only look-ups.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from tortoise.models import Model

from core._db.migrate_files import AppMigrations
from core._db.seam import Tx
from core._host import discovery, loader
from core._host import messages as say
from core._host.breaker import Breakers
from core._host.compiled import Compiled
from core._host.discovery import pin_of
from core._host.manifest import DataClass, Manifest
from core._host.pins import Pin
from core._host.plugin_list import PluginList, read_plugin_list
from core._host.reasons import HostError, ManifestError, PluginFault, PluginListError, Reason, Refusal, Said
from core._host.record import Namespace, Plugin, PluginState
from core._host.tables import models_of
from core.access import Permission
from core.clock import to_wire
from core.errors import Problem
from core.events import EventType, Reaction
from core.indicators import Indicator
from core.matters import Lifecycle
from core.personal import PersonalData
from core.plugin import GateCheck, Sweep

log = logging.getLogger("shanzhi.host")

CORE = "core"


class MigrationOutcome(Protocol):
    """What a migration run says: for each app that could not go on, a sentence that says why and what to do."""

    @property
    def failed(self) -> Mapping[str, str]:
        """Return the sentences by app label."""


class Host:
    """The plugins of one server; made by ``Host.load``."""

    def __init__(
        self,
        plugins: Mapping[str, Plugin],
        *,
        strict: bool = False,
        unlisted: tuple[Manifest, ...] = (),
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plugins = MappingProxyType(dict(plugins))
        self.strict = strict
        self.unlisted = unlisted
        self._breakers = Breakers(now)
        self._settle()

    @classmethod
    def load(
        cls,
        plugins_dir: Path,
        plugin_list: PluginList,
        known_roles: Collection[str],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> Host:
        """Find, import and check the plugins that a list asks for, as far as is possible without a database.

        Raises:
            HostError: the list says ``strict`` and a plugin failed; the message names every one of them.
        """
        folder, packages = discovery.in_folder(plugins_dir), discovery.installed()
        candidates = discovery.choose(plugin_list, folder, packages)
        plugins = loader.load(candidates, known_roles)
        others = discovery.unlisted(plugin_list, folder, packages)
        return cls(plugins, strict=plugin_list.strict, unlisted=others, now=now)

    def ready(self) -> tuple[Plugin, ...]:
        """Return the plugins that nothing has stopped, in the order of dependency; after migration all are READY."""
        return self._ready

    @property
    def permissions(self) -> Mapping[str, Permission]:
        """Return the permissions of all usable plugins by their codes."""
        return self._compiled.permissions

    @property
    def event_types(self) -> Mapping[str, EventType]:
        """Return the event types of all usable plugins by their codes."""
        return self._compiled.event_types

    @property
    def problems(self) -> Mapping[str, Problem]:
        """Return the problems of all usable plugins by their codes."""
        return self._compiled.problems

    @property
    def lifecycles(self) -> Mapping[tuple[str, str], Lifecycle]:
        """Return the lifecycles of all usable plugins by plugin and kind."""
        return self._compiled.lifecycles

    @property
    def reactions(self) -> tuple[tuple[str, Reaction], ...]:
        """Return all reactions, each with the id of its plugin."""
        return self._compiled.reactions

    @property
    def sweeps(self) -> tuple[tuple[str, Sweep], ...]:
        """Return all sweeps, each with the id of its plugin."""
        return self._compiled.sweeps

    @property
    def personal_data(self) -> tuple[PersonalData, ...]:
        """Return the categories of personal data of all usable plugins, in the order of dependency."""
        return self._compiled.personal_data

    @property
    def indicators(self) -> Mapping[str, Indicator]:
        """Return the indicators of all usable plugins by their codes, in the order of dependency."""
        return self._compiled.indicators

    def lifecycle(self, plugin_id: str, kind: str) -> Lifecycle | None:
        """Return the lifecycle of one kind of matter."""
        return self._compiled.lifecycles.get((plugin_id, kind))

    def lifecycle_by_type(self, type_name: str) -> Lifecycle | None:
        """Return the lifecycle whose matters have this GraphQL type."""
        return self._compiled.by_type_name.get(type_name)

    def gates_for(self, deed_name: str) -> tuple[tuple[str, GateCheck], ...]:
        """Return the gates that stand before a deed, each with the id of its plugin."""
        return self._compiled.gates.get(deed_name, ())

    def reactions_for(self, event_type: str) -> tuple[tuple[str, Reaction], ...]:
        """Return the reactions to a type of event, each with the id of its plugin."""
        return self._compiled.by_event.get(event_type, ())

    def requires_closure(self, plugin_id: str) -> frozenset[str]:
        """Return all that a plugin requires, directly or through others, without itself."""
        return self._requires.get(plugin_id, frozenset())

    def dependents_of(self, plugin_id: str) -> frozenset[str]:
        """Return all plugins that require one, directly or through others."""
        return frozenset(other for other, needed in self._requires.items() if plugin_id in needed)

    def models(self) -> list[type[Model]]:
        """Return the models of the usable plugins that have tables."""
        return [model for plugin in self._ready for model in models_of(plugin)]

    def apps(self) -> list[AppMigrations]:
        """Return what is to be migrated: core first, then the usable plugins with tables."""
        own = [
            AppMigrations(plugin.id, plugin.models, plugin.migrations or f"{plugin.module}.migrations")
            for plugin in self._ready
            if plugin.models is not None
        ]
        return [AppMigrations(CORE, "core.models", "core.migrations"), *own]

    def mark_migrated(self, report: MigrationOutcome) -> None:
        """Take in what a migration run says; what it does not name as failed is ready.

        Raises:
            HostError: the server is strict and a plugin failed.
        """
        for plugin in self._ready:
            if plugin.usable and plugin.id in report.failed:
                loader.fail(self.plugins, plugin.id, say.MIGRATION_FAILED(told=report.failed[plugin.id]))
            elif plugin.usable:
                plugin.state = PluginState.MIGRATED
        for plugin in self._ready:
            if plugin.usable:
                plugin.state = PluginState.READY
        self._settle()

    def fail(self, plugin_id: str, step: str, cause: Said | str, remedy: Said | str) -> None:
        """Fail a plugin after loading, e.g. for its part of the GraphQL schema; those that require it are blocked.

        Raises:
            HostError: the server is strict.
        """
        loader.fail(self.plugins, plugin_id, Reason(step, Said.of(cause), Said.of(remedy)))
        self._settle()

    async def record(self, tx: Tx, at: datetime) -> None:
        """Write down which plugins this database has known, and in which version."""
        for plugin in self._ready:
            await tx.execute(
                "INSERT INTO core_plugin_record (plugin, version, first_seen_at, removed_at) VALUES (?, ?, ?, NULL) "
                "ON CONFLICT (plugin) DO UPDATE SET version = excluded.version, removed_at = NULL",
                (plugin.id, plugin.manifest.version, to_wire(at)),
            )

    async def call_bounded(
        self, plugin_id: str, work: Awaitable[Any], seconds: float = 2.0, *, name: str | None = None
    ) -> PluginFault | None:
        """Await a reaction or sweep for a limited time; returns what went wrong, attributed to its plugin, or None.

        After five failures in a row it is paused for a minute and ``Plugin.degraded`` says so. ``name`` tells the
        pieces of work of one plugin apart; left out, the coroutine's own name does. A cancelled caller is no failure.
        """
        called = name or str(getattr(work, "__qualname__", type(work).__name__))
        fault = await self._breakers.call(plugin_id, called, work, seconds)
        if fault is not None:
            log.warning("follow-up work of plugin %s", fault, exc_info=fault.__cause__)
        if plugin_id in self.plugins:
            self.plugins[plugin_id].degraded = self._breakers.degraded(plugin_id)
        return fault

    def _settle(self) -> None:
        """Compile what is usable now; in strict mode, refuse to go on when anything is not."""
        self._ready = tuple(plugin for plugin in self.plugins.values() if plugin.usable)
        self._compiled = Compiled.of(self._ready)
        self._requires = {name: loader.closure(self.plugins, name) for name in self.plugins}
        stopped = [plugin for plugin in self.plugins.values() if not plugin.usable]
        if self.strict and stopped:
            named = "\n".join(_line(plugin) for plugin in stopped)
            raise HostError(f"plugins.toml says strict = true, and these plugins cannot be used:\n{named}")


def explain(host: Host, language: str = "en") -> list[str]:
    """Return one line per plugin for people: id, version, state, and each reason in ``zh`` or ``en``."""
    lines = [_line(plugin, language) for plugin in host.plugins.values()]
    not_listed = "not in plugins.toml" if language == "en" else "未列入 plugins.toml"
    state = PluginState.DISCOVERED.label(language)
    return [*lines, *(f"{other.id} {other.version} {state} ({not_listed})" for other in host.unlisted)]


def _line(plugin: Plugin, language: str = "en") -> str:
    reasons = plugin.reasons or ((plugin.degraded,) if plugin.degraded is not None else ())
    head = f"{plugin.id} {plugin.manifest.version} {plugin.state.label(language)}"
    return "\n  ".join([head, *(reason.text(language) for reason in reasons)])


__all__ = [
    "AppMigrations", "DataClass", "Host", "HostError", "Manifest", "ManifestError", "MigrationOutcome", "Namespace",
    "Pin", "Plugin", "PluginFault", "PluginList", "PluginListError", "PluginState", "Reason", "Refusal", "Said", "explain",
    "models_of", "pin_of", "read_plugin_list",
]  # fmt: skip
