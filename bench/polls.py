"""Two statutory polls of the measured world: one counted, with 600 ballots; one large and open, for casting."""

from __future__ import annotations

from dataclasses import dataclass

from bench.rows import Neighbourhood
from core.kernel import Kernel

NEEDED = ("register", "voting")
BALLOTS = 600


class NotYet(Exception):
    """The plugins that polls need are not ready in this tree; the message says which."""


@dataclass(frozen=True)
class Votes:
    """The global ids of the polls and of the open poll's motion."""

    counted: str
    open: str
    motion: str


async def build(kernel: Kernel, where: Neighbourhood, large_roll: int, prefix: str) -> Votes:
    """Make both polls with their rolls at a compound; raises NotYet."""
    missing = [name for name in NEEDED if name not in {plugin.id for plugin in kernel.host.ready()}]
    raise NotYet(f"the plugins {', '.join(missing) or 'register and voting'} are not ready")
