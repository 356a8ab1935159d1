"""What the host knows of a plugin: its manifest, how far it has come, why it came no further, what it declares."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core._host.manifest import Manifest
from core._host.reasons import Reason
from core.access import Permission
from core.errors import Problem
from core.events import EventType, Reaction
from core.indicators import Indicator
from core.labels import LabelledEnum
from core.matters import Lifecycle
from core.personal import PersonalData
from core.plugin import Gate, Sweep
from core.routes import Route
from core.settings import Settings

if TYPE_CHECKING:
    from core.demo import DemoWorld

log = logging.getLogger("shanzhi.host")


class PluginState(LabelledEnum):
    """How far a plugin has come on the way to being used."""

    DISCOVERED = "DISCOVERED", "已发现", "Discovered", "Its manifest was found."
    COMPATIBLE = (
        "COMPATIBLE",
        "兼容",
        "Compatible",
        "It was written for this server's contract; what it requires is there.",
    )
    IMPORTED = "IMPORTED", "已导入", "Imported", "Its code was imported."
    REGISTERED = "REGISTERED", "已登记", "Registered", "Its declarations were collected and collide with nothing."
    MIGRATED = "MIGRATED", "已迁移", "Migrated", "Its tables are up to date."
    READY = "READY", "就绪", "Ready", "It can be used wherever a community has it on."
    BLOCKED = "BLOCKED", "受阻", "Blocked", "It is sound itself, but something that it requires is missing or failed."
    FAILED = "FAILED", "失败", "Failed", "It cannot be used; the reason says why and what to do."


@dataclass(frozen=True)
class Namespace:
    """What names of a plugin in the GraphQL schema must start with; empty for the plugins of this repository."""

    types: str = ""
    fields: str = ""

    @classmethod
    def of(cls, manifest: Manifest) -> Namespace:
        """Derive ``BookDrifting`` and ``bookDrifting`` from the id of a separately installed plugin."""
        if not manifest.third_party:
            return cls()
        pascal = "".join(word.capitalize() for word in manifest.id.split("_"))
        return cls(pascal, pascal[:1].lower() + pascal[1:])

    def allows_type(self, name: str) -> bool:
        """Say whether a type may have this name."""
        return _starts(name, self.types)

    def allows_field(self, name: str) -> bool:
        """Say whether a root field may have this name."""
        return _starts(name, self.fields)


def _starts(name: str, prefix: str) -> bool:
    """Compare whole words: ``AcmeSpot`` starts with ``Acme``, ``Acmeology`` does not."""
    return name.startswith(prefix) and not (prefix and name[len(prefix) : len(prefix) + 1].islower())


@dataclass(eq=False)
class Plugin:
    """One plugin at run time; only the host changes it."""

    manifest: Manifest
    module: str
    folder: Path
    state: PluginState = PluginState.DISCOVERED
    reasons: tuple[Reason, ...] = ()
    degraded: Reason | None = None
    models: str | None = None
    migrations: str | None = None
    anchors: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ()
    settings: type[Settings] | None = None
    lifecycles: tuple[Lifecycle, ...] = ()
    event_types: tuple[EventType, ...] = ()
    problems: tuple[Problem, ...] = ()
    graphql: Any = None
    reactions: tuple[Reaction, ...] = ()
    sweeps: tuple[Sweep, ...] = ()
    gates: tuple[Gate, ...] = ()
    personal_data: tuple[PersonalData, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    routes: tuple[Route, ...] = ()
    demo: Callable[[DemoWorld], Awaitable[None]] | None = None

    @property
    def id(self) -> str:
        """Return the plugin's id."""
        return self.manifest.id

    @property
    def requires(self) -> tuple[str, ...]:
        """Return the ids of the plugins that this one cannot do without."""
        return self.manifest.requires

    @property
    def usable(self) -> bool:
        """Say whether nothing has stopped it so far."""
        return self.state not in {PluginState.BLOCKED, PluginState.FAILED}

    @property
    def reason(self) -> Reason | None:
        """Return why it is blocked or failed, or else why it is degraded."""
        return self.reasons[0] if self.reasons else self.degraded

    @property
    def namespace(self) -> Namespace:
        """Return what its GraphQL names must start with."""
        return Namespace.of(self.manifest)

    def file(self, name: str = "__init__.py") -> str:
        """Name one of its files as a reader would look for it: ``plugins/voting/models.py``."""
        return f"{self.module.replace('.', '/')}/{name}"

    def owner(self, name: str = "__init__.py") -> str:
        """Name the plugin together with the file concerned."""
        return f"{self.id} ({self.file(name)})"

    def stop(self, state: PluginState, *reasons: Reason, crash: BaseException | None = None) -> None:
        """Mark it blocked or failed, and say so in the log."""
        self.state = state
        self.reasons = reasons
        for reason in reasons:
            log.error("plugin %s is %s: %s", self.id, state.value.lower(), reason.text("en"), exc_info=crash)

    def fail(self, *reasons: Reason, crash: BaseException | None = None) -> None:
        """Mark it failed."""
        self.stop(PluginState.FAILED, *reasons, crash=crash)

    def block(self, reason: Reason) -> None:
        """Mark it blocked by another plugin."""
        self.stop(PluginState.BLOCKED, reason)
