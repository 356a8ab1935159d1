"""What resolvers find in ``info.context``: the viewer, the reads, and the way to do deeds."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from core import access
from core.kernel import Kernel
from core.settings import SettingsBook
from core.work import DeedSpec
from schema.reading import Reading


@dataclass
class Context:
    """One request."""

    kernel: Kernel
    viewer: access.Viewer
    book: SettingsBook
    now: datetime
    address: str = ""
    community_path: str | None = None  # of the community whose profile is served; None on the superset
    plugins: frozenset[str] = frozenset()
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def language(self) -> str:
        """Return ``zh`` or ``en``."""
        return self.viewer.language

    @property
    def expires_at(self) -> datetime | None:
        """Return when the viewer's token ends; sockets close then."""
        return self.viewer.expires_at

    @cached_property
    def sight(self) -> access.Sight:
        """Return whose eyes this request has."""
        return self.kernel.sight(self.viewer, self.book, self.now)

    @cached_property
    def reading(self) -> Reading:
        """Return the reads of this request."""
        return Reading(self.kernel.database, self.sight)

    async def perform(self, spec: DeedSpec, arguments: dict[str, Any], key: str | None = None) -> Any:
        """Do a deed as the viewer; afterwards reads see its effect (and the settings it may have changed)."""
        result = await self.kernel.perform(spec, self.viewer, key, **arguments)
        await self.refresh()
        return result

    async def refresh(self) -> None:
        """Look again: at the clock and at the settings; used after deeds and for every event of a subscription."""
        self.now = self.kernel.clock.now()
        self.book = await self.kernel.settings_book()
        self.__dict__.pop("sight", None)
        self.__dict__.pop("reading", None)
