"""The bus: after a commit every process of the server is told that there may be new events, and who caused them.

It only makes things quicker. Each process looks at the table of events every second anyway (``feed.py``), so a line that
is down when the server starts, or breaks later, costs a second of delay and a warning in the log; it is opened again with
growing pauses.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable

from core.lines import MOST_BYTES, Line, LineBroken

log = logging.getLogger("shanzhi.bus")

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
MOST_WRITERS = MOST_BYTES // 24
"""Keys have at most 19 digits; of more writers at once, the last ones are told."""

Heard = Callable[[frozenset[int]], None]


class Bus:
    """Tells the other processes of commits, and hears of theirs.

    ``heard`` is called with the keys of the persons whose deeds another process committed. Without a line nothing is
    said and nothing is heard.
    """

    def __init__(self, line: Line | None, heard: Heard) -> None:
        self._line = line
        self._heard = heard
        self._me = secrets.token_hex(8)
        self._is_up = False
        self._news = asyncio.Event()
        self._writers: dict[int, None] = {}

    @property
    def is_up(self) -> bool:
        """Whether the line is open."""
        return self._is_up

    @property
    def state(self) -> str:
        """Say, for ``/readyz``, by what the processes hear of each other: a line's name, ``polling``, or ``none`` for one alone."""
        if self._line is None:
            return "none"
        return self._line.name if self._is_up else "polling"

    def announce(self, person_id: int | None = None) -> None:
        """Say that a deed was committed, and by whom; several at once are said together."""
        if self._is_up:
            if person_id is not None:
                self._writers[person_id] = None
            self._news.set()

    async def listen(self) -> None:
        """Keep the line open until cancelled."""
        if self._line is None:
            return
        pause = FIRST_PAUSE
        while True:
            try:
                await self._line.listen(self._hear, self._opened)
            except LineBroken as error:
                pause = FIRST_PAUSE if self._is_up else min(pause * 2, LONGEST_PAUSE)
                level = logging.WARNING if self._is_up or pause == FIRST_PAUSE * 2 else logging.DEBUG
                log.log(
                    level, "no line to the other processes by %s, they look every second: %s", self._line.name, error
                )
            finally:
                self._is_up = False
            await asyncio.sleep(pause)

    async def talk(self) -> None:
        """Say what there is to say until cancelled."""
        while self._line is not None:
            await self._news.wait()
            self._news.clear()
            writers, self._writers = list(self._writers)[-MOST_WRITERS:], {}
            try:
                await self._line.say(_word(self._me, writers))
            except LineBroken as error:
                log.debug("a word was lost: %s", error)

    async def close(self) -> None:
        """Close the line."""
        if self._line is not None:
            await self._line.close()

    def _opened(self) -> None:
        self._is_up = True
        log.info("the processes of this server hear of each other by %s", self._line.name if self._line else "")
        self._heard(frozenset())  # of whatever was said while the line was down

    def _hear(self, word: str) -> None:
        sender, _, rest = word.partition(":")
        if sender != self._me:
            self._heard(frozenset(int(part) for part in rest.split(",") if part.isdecimal()))


def _word(sender: str, writers: Iterable[int]) -> str:
    return f"{sender}:{','.join(map(str, writers))}"
