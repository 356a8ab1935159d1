"""The running kernel: database, clock, plugins, and what is cached of the database.

Nothing in this process's memory is the truth: what is cached (the settings) is watched by a counter in the database,
and read again by whoever finds that the counter has moved.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from core import access, consents, declarations, own_data, roles, tracekeys, work
from core._db.seam import Params, Row, Tx
from core.background import Background, spawn
from core.bus import Bus
from core.calendar import WorkingCalendar, national_calendar
from core.clock import Clock, SystemClock
from core.config import Config, ConfigError
from core.database import Database
from core.errors import Problem
from core.events import EventType
from core.feed import Feed
from core.host import Host, read_plugin_list
from core.keys import CannotUnseal, Keyring
from core.lines import Line, PostgresLine, RedisLine
from core.matters import Lifecycle
from core.personal import PersonalData
from core.plugin import GateCheck
from core.providers import Provider
from core.ratelimit import Limiter, LocalLimiter, SharedLimiter
from core.settings import SETTINGS_SQL, SettingsBook, setting_row
from core.upgrade import upgrade
from core.viewers import Permissions, permissions_of_roles

log = logging.getLogger("shanzhi.kernel")

SETTINGS_COUNTER = work.SETTINGS_COUNTER
LOOK_SECONDS = 0.02


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
    bus: Bus = field(init=False)
    limiter: Limiter | None = field(init=False)
    provider: Provider | None = field(init=False)
    _book: SettingsBook | None = None
    _permissions: Permissions = field(default_factory=dict)
    _harmless_commits: int = 0
    _looked: int = -1
    _look_again: float = 0.0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Prepare the line to the other processes, and what they share; ``join`` opens it."""
        line = _line(self.config, self.keys)
        self.bus = Bus(line, self._heard)
        self.provider = Provider(self.config) if self.config.oidc_issuer else None
        self.limiter = None
        if self.config.rate_limit:
            rate = float(self.config.rate_limit)
            if isinstance(line, RedisLine):
                self.limiter = SharedLimiter(rate, line, lambda: self.bus.is_up)
            else:
                self.limiter = LocalLimiter(rate)

    @classmethod
    async def open(
        cls, config: Config, *, clock: Clock | None = None, host: Host | None = None, root: Path | None = None
    ) -> Kernel:
        """Load the plugins, migrate, connect, and bring roles and permissions up to date.

        Raises MigrationFailed when the kernel's own migration fails; a plugin's failure only marks that plugin.
        Raises ConfigError when the database was sealed under another secret.
        """
        host = host or load_host(root or Path.cwd())
        await upgrade(config, host)
        database = await Database.open(
            config.database_url, host.apps(), pool_size=config.pool_size, replicas=config.replica_url,
            replica_lag=config.replica_lag,
        )  # fmt: skip
        types = {event.code: event for event in (*declarations.EVENTS, *host.event_types.values())}
        kernel = cls(config, clock or SystemClock(), host, database, Keyring.of(config), national_calendar(), types)
        try:
            await tracekeys.check_secret(database, kernel.keys)
        except CannotUnseal as error:
            await database.close()
            raise ConfigError(
                "SHANZHI_SECRET is not the one this database was sealed with; set that one, "
                "or put it into SHANZHI_SECRET_PREVIOUS to rotate"
            ) from error
        await database.run(kernel._synchronise)
        return kernel

    def join(self) -> None:
        """Begin to hear of the other processes of this server: for one that serves, until ``close``."""
        self._tasks = [
            spawn(self.feed.watch(self._newest_event), "feed"),
            spawn(self.bus.listen(), "bus in"),
            spawn(self.bus.talk(), "bus out"),
        ]
        if self.database.replicas is not None:
            self._tasks.append(spawn(self.database.replicas.watch(), "replicas"))

    async def close(self) -> None:
        """Finish what runs and close the database."""
        self.feed.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.bus.close()
        await self.database.close()

    async def _synchronise(self, tx: Tx) -> None:
        await roles.sync(tx, (*declarations.PERMISSIONS, *self.host.permissions.values()))
        await self.host.record(tx, self.clock.now())
        await consents.publish(tx, self.personal_data, self.clock.now())

    async def perform(
        self, spec: work.DeedSpec, viewer: access.Viewer, key: str | None = None, /, **arguments: Any
    ) -> Any:
        """Do a deed as a viewer; see ``work.perform``."""
        return await work.perform(self, spec, viewer, arguments, key)

    async def settings_book(self, source: Fetching | None = None, version: int | None = None) -> SettingsBook:
        """Return all settings as they stand for this reader, from memory while the counter has not moved.

        ``version`` is the counter as the reader has just read it, if it has. Outside of deeds the counter is looked at
        after every commit of this process that may have moved it, and once in ``LOOK_SECONDS`` for those of others.
        """
        if source is None and version is None and self._book is not None and self._is_fresh():
            return self._book
        reader, unknown = source or self.database, self._unknown_commits
        if source is None:  # whoever comes meanwhile, and knows of nothing that was changed, need not look, too
            self._look_again = time.monotonic() + LOOK_SECONDS
        if version is None:
            rows = await reader.fetch("SELECT value FROM core_counter WHERE name = ?", (SETTINGS_COUNTER,))
            version = rows[0][0] if rows else 0
        if self._book is None or self._book.version != version:
            found = await reader.fetch(SETTINGS_SQL)
            book = SettingsBook.of(version, [setting_row(row, json.loads(row["value"] or "null")) for row in found])
            if source is not None:
                return book  # uncommitted, perhaps: good for this transaction only
            self._book = book
        if source is None:
            self._permissions = await permissions_of_roles(reader)
            self._looked = unknown
        return self._book

    async def permissions(self) -> Permissions:
        """Return what each role permits; as fresh as the settings."""
        await self.settings_book()
        return self._permissions

    def _is_fresh(self) -> bool:
        return self._looked == self._unknown_commits and time.monotonic() < self._look_again

    @property
    def _unknown_commits(self) -> int:
        """How many commits of this process may have moved the counter."""
        return self.database.commits - self._harmless_commits

    def sight(self, viewer: access.Viewer, book: SettingsBook, now: datetime, *, lasting: bool = False) -> access.Sight:
        """Return what row predicates are made for: whose eyes, when, and where each plugin is on.

        With ``lasting`` the predicates hold until the viewer's grants or the settings change (``SettingsBook.epoch``).
        """
        moment = None if lasting else now
        return access.Sight(viewer, moment, lambda plugin: book.enabled_ranges(plugin, now), self.host.lifecycles)

    def gates_for(self, deed: str) -> Sequence[tuple[str, GateCheck]]:
        """Return the gates that stand before a deed, each with the plugin that owns it."""
        return self.host.gates_for(deed)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return every error code this server can give."""
        return (*declarations.PROBLEMS, *self.host.problems.values())

    @property
    def personal_data(self) -> tuple[PersonalData, ...]:
        """Return every category of personal data: those of plugins before those of plugins they require, core's last.

        In this order rows are erased: what finds a person by another plugin's rows comes before these are gone.
        """
        return (*_dependents_first(self.host.personal_data), *own_data.PERSONAL_DATA)

    def lifecycle_of(self, type_name: str) -> Lifecycle | None:
        """Return the lifecycle whose matters have this GraphQL type."""
        return self.host.lifecycle_by_type(type_name)

    def committed(self, person_id: int | None = None, *, changes_settings: bool = True) -> None:
        """Tell whoever waits for events, here and in other processes, that a deed was committed, and whose it was."""
        if not changes_settings:
            self._harmless_commits += 1
        self._noted(person_id)
        self.feed.wake()
        self.bus.announce(person_id)

    def _heard(self, writers: frozenset[int]) -> None:
        for person_id in writers:
            self._noted(person_id)
        self.feed.wake()

    def _noted(self, person_id: int | None) -> None:
        if person_id is not None and self.database.replicas is not None:
            self.database.replicas.wrote(person_id)

    async def _newest_event(self) -> int:
        return int(await self.database.value("SELECT COALESCE(MAX(seq), 0) FROM core_event"))

    def background(self) -> Background:
        """Return the follow-up work of this kernel: outbox, due matters, plugins' sweeps."""
        return Background(self)


def _dependents_first(declared: Sequence[PersonalData]) -> list[PersonalData]:
    owners = list(dict.fromkeys(data.owner for data in declared))
    return [data for owner in reversed(owners) for data in declared if data.owner == owner]


def _line(config: Config, keys: Keyring) -> Line | None:
    if config.redis_url:
        # Servers that share a Redis keep apart by their secrets and the names of their databases.
        name = urlsplit(config.database_url).path
        return RedisLine(config.redis_url, f"shanzhi:{keys.blind_index('redis prefix', name)[:16]}")
    return None if config.database_url.startswith("sqlite") else PostgresLine(config.database_url)


def load_host(root: Path) -> Host:
    """Load the plugins that ``plugins.toml`` lists, from ``plugins/`` and from installed packages."""
    return Host.load(root / "plugins", read_plugin_list(root / "plugins.toml"), roles.CODES)
