"""Voting's part of the demo world."""

from __future__ import annotations

from core.demo import DemoWorld


async def fill(world: DemoWorld) -> None:
    """Add nothing yet."""
