"""The running kernel: database, clock, plugins, and what is cached of the database.

Nothing in this process's memory is the truth: what is cached (the settings) is watched by a counter in the database,
and read again by whoever finds that the counter has moved.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core import access, declarations, roles, work
from core._db.seam import Params, Row, Tx
from core.background import Background
from core.calendar import WorkingCalendar, national_calendar
from core.clock import Clock, SystemClock
from core.config import Config
from core.database import Database
from core.errors import Problem
from core.events import EventType
from core.feed import Feed
from core.host import Host, read_plugin_list
from core.keys import Keyring
from core.matters import Lifecycle
from core.plugin import GateCheck
from core.settings import SETTINGS_SQL, SettingsBook, setting_row
from core.upgrade import upgrade

log = logging.getLogger("shanzhi.kernel")

SETTINGS_COUNTER = "settings"


class Fetching(Protocol):
    """Anything that reads: the database outside of deeds, or the transaction of one."""

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        """Return all rows."""


@dataclass
class Kernel:
    """Everything a deed or a read needs; made by ``Kernel.open``."""

    config: Config
    clock: Clock
    host: Host
    database: Database
    keys: Keyring
    calendar: WorkingCalendar
    event_types: dict[str, EventType]
    feed: Feed = field(default_factory=Feed)
    _book: SettingsBook | None = None

    @classmethod
    async def open(
        cls, config: Config, *, clock: Clock | None = None, host: Host | None = None, root: Path | None = None
    ) -> Kernel:
        """Load the plugins, migrate, connect, and bring roles and permissions up to date.

        Raises MigrationFailed when the kernel's own migration fails; a plugin's failure only marks that plugin.
        """
        host = host or load_host(root or Path.cwd())
        await upgrade(config, host)
        database = await Database.open(config.database_url, host.apps(), pool_size=config.pool_size)
        types = {event.code: event for event in (*declarations.EVENTS, *host.event_types.values())}
        kernel = cls(config, clock or SystemClock(), host, database, Keyring.of(config), national_calendar(), types)
        await database.run(kernel._synchronise)
        return kernel

    async def close(self) -> None:
        """Finish what runs and close the database."""
        self.feed.close()
        await self.database.close()

    async def _synchronise(self, tx: Tx) -> None:
        await roles.sync(tx, (*declarations.PERMISSIONS, *self.host.permissions.values()))
        await self.host.record(tx, self.clock.now())

    async def perform(
        self, spec: work.DeedSpec, viewer: access.Viewer, key: str | None = None, /, **arguments: Any
    ) -> Any:
        """Do a deed as a viewer; see ``work.perform``."""
        return await work.perform(self, spec, viewer, arguments, key)

    async def settings_book(self, source: Fetching | None = None) -> SettingsBook:
        """Return all settings as they stand for this reader, from memory while the counter has not moved."""
        reader = source or self.database
        rows = await reader.fetch("SELECT value FROM core_counter WHERE name = ?", (SETTINGS_COUNTER,))
        version = rows[0][0] if rows else 0
        if self._book is None or self._book.version != version:
            found = await reader.fetch(SETTINGS_SQL)
            book = SettingsBook.of(version, [setting_row(row, json.loads(row["value"] or "null")) for row in found])
            if source is not None:
                return book  # uncommitted, perhaps: good for this transaction only
            self._book = book
        return self._book

    def sight(self, viewer: access.Viewer, book: SettingsBook, now: Any) -> access.Sight:
        """Return what row predicates are made for: whose eyes, when, and where each plugin is on."""
        return access.Sight(viewer, now, lambda plugin: book.enabled_ranges(plugin, now), self.host.lifecycles)

    def gates_for(self, deed: str) -> Sequence[tuple[str, GateCheck]]:
        """Return the gates that stand before a deed, each with the plugin that owns it."""
        return self.host.gates_for(deed)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return every error code this server can give."""
        return (*declarations.PROBLEMS, *self.host.problems.values())

    def lifecycle_of(self, type_name: str) -> Lifecycle | None:
        """Return the lifecycle whose matters have this GraphQL type."""
        return self.host.lifecycle_by_type(type_name)

    def committed(self) -> None:
        """Tell whoever waits for events that a deed was committed."""
        self.feed.wake()

    def background(self) -> Background:
        """Return the follow-up work of this kernel: outbox, due matters, plugins' sweeps."""
        return Background(self)


def load_host(root: Path) -> Host:
    """Load the plugins that ``plugins.toml`` lists, from ``plugins/`` and from installed packages."""
    return Host.load(root / "plugins", read_plugin_list(root / "plugins.toml"), roles.CODES)
