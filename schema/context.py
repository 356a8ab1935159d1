"""What resolvers find in ``info.context``: the viewer, the reads, and the way to do deeds."""

import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from core import access
from core.kernel import Kernel
from core.settings import SettingsBook
from core.work import DeedSpec
from schema.reading import Reading

FRESH = 10.0
"""Seconds for which a look at who asks is good: then a subscription that has more to tell looks again."""


class Deeds:
    """The outcomes of the deeds of one operation, in order: run again, it is told them and does nothing twice."""

    def __init__(self) -> None:
        self._outcomes: list[tuple[Any, Exception | None]] = []
        self._told: int | None = None

    def tell(self) -> None:
        """From now on tell what came out the first time."""
        self._told = 0

    async def once(self, deed: Coroutine[Any, Any, Any]) -> Any:
        """Do a deed and keep its outcome, or leave it and tell the outcome."""
        if self._told is not None and self._told < len(self._outcomes):
            deed.close()
            result, error = self._outcomes[self._told]
            self._told += 1
        else:
            result, error = await _outcome(deed)
            self._outcomes.append((result, error))
        if error is not None:
            raise error
        return result


async def _outcome(deed: Coroutine[Any, Any, Any]) -> tuple[Any, Exception | None]:
    try:
        return await deed, None
    except Exception as error:  # noqa: BLE001 - kept to be raised again
        return None, error


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
    read_with: Callable[["Context"], Reading] = lambda context: Reading(context.kernel.database, context.sight)
    deeds: "Deeds | None" = None
    recognise: Callable[[], Awaitable[access.Viewer]] | None = (
        None  # reads anew who asks; None for nobody in particular
    )
    _looked: float = field(default=-math.inf, init=False, repr=False)

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
        return self.read_with(self)

    async def perform(self, spec: DeedSpec, arguments: dict[str, Any], key: str | None = None) -> Any:
        """Do a deed as the viewer; afterwards reads see its effect (and the settings it may have changed)."""
        deed = self.kernel.perform(spec, self.viewer, key, **arguments)
        result = await (deed if self.deeds is None else self.deeds.once(deed))
        await self.refresh()
        return result

    async def look_again(self) -> None:
        """Look again who asks, at the clock and at the settings: before every value of a subscription.

        What was allowed when it began may be over: an appointment, a session. Raises SESSION_ENDED.
        """
        if self.recognise is not None:
            self.viewer = await self.recognise()
        await self.refresh()
        self._looked = time.monotonic()

    @property
    def has_looked(self) -> bool:
        """Say whether who asks was looked at just now; a subscription's value is not given out else."""
        return time.monotonic() - self._looked < FRESH

    async def refresh(self) -> None:
        """Look again at the clock and at the settings: after deeds."""
        self.now = self.kernel.clock.now()
        self.book = await self.kernel.settings_book()
        self.__dict__.pop("sight", None)
        self.__dict__.pop("reading", None)
