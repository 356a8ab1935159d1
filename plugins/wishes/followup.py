"""What happens to a wish after the clock has moved it."""

from __future__ import annotations

from core.kernel import Kernel
from core.plugin import Conflict, DeedSpec, Disabled, Event, Reaction, Viewer
from plugins.wishes.service import forget_address, reopen_released


async def reopen(kernel: Kernel, event: Event) -> None:
    """Give a wish whose claim fell away to others; harmless when it was claimed again meanwhile."""
    await _once(kernel, reopen_released, event)


async def forget(kernel: Kernel, event: Event) -> None:
    """Erase the address of a wish that nobody claimed in time."""
    await _once(kernel, forget_address, event)


async def _once(kernel: Kernel, spec: DeedSpec, event: Event) -> None:
    """Do a deed once for an event, unless the wish has moved on or the plugin was switched off meanwhile."""
    try:
        await kernel.perform(spec, Viewer(system=spec.name), f"event-{event.id}", id=event.matter_id)
    except (Conflict, Disabled):
        return


REACTIONS = (
    Reaction("wishes.wish_released", "reopen", reopen),
    Reaction("wishes.wish_expired", "forget", forget),
)
