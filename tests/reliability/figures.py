"""What an experiment says, and how its figures are held against their bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.reliability.invariants import Violated
from tests.reliability.servers import Server

Figures = dict[str, Any]


class NotHere(Exception):
    """An experiment that this machine has no means for; the message says which are missing."""


def p99(seconds: Sequence[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    ordered = sorted(seconds)
    return round(ordered[math.ceil(len(ordered) * 0.99) - 1] * 1000, 1)


def at_most(what: str, value: float, bound: float) -> None:
    """Raise Violated when a figure is over its bound."""
    if value > bound:
        raise Violated(f"{what}: {value:g}, and {bound:g} is the most")


def equal(what: str, value: Any, wanted: Any) -> None:
    """Raise Violated when something is not as it has to be."""
    if value != wanted:
        raise Violated(f"{what}: {str(value)[:300]} instead of {str(wanted)[:300]}")


def resident_mib(server: Server) -> float:
    """Return how much memory a server holds; MiB."""
    lines = Path(f"/proc/{server.supervisor.pid}/status").read_text("ascii").splitlines()
    [told] = (line for line in lines if line.startswith("VmRSS"))
    return int(told.split()[1]) / 1024


def descriptors(server: Server) -> int:
    """Return how many files and sockets a server has open."""
    return len(list(Path(f"/proc/{server.supervisor.pid}/fd").iterdir()))
