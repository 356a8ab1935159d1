"""What happens to a wish after the clock has moved it."""

from __future__ import annotations

from core.kernel import Kernel
from core.plugin import Conflict, Event, Reaction, Viewer
from plugins.wishes import service


async def reopen(kernel: Kernel, event: Event) -> None:
    """Give a wish whose claim fell away to others; harmless when it was claimed again meanwhile."""
    try:
        await kernel.perform(service.reopen_released, Viewer(system="wishes.reopen"), f"event-{event.id}", id=event.matter_id)
    except Conflict:
        return


REACTIONS = (Reaction("wishes.wish_released", "reopen", reopen),)
