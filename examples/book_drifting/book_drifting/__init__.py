"""Book drifting (图书漂流): a separately installed plugin, and the example of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.plugin import EventType, Lifecycle, Permission, PersonalData, Problem, Settings, Sweep, hookimpl

if TYPE_CHECKING:
    from core.demo import DemoWorld


@hookimpl
def permissions() -> Sequence[Permission]:
    from book_drifting.lifecycle import PERMISSIONS

    return PERMISSIONS


@hookimpl
def settings() -> type[Settings]:
    from book_drifting.settings import BookDriftingSettings

    return BookDriftingSettings


@hookimpl
def lifecycles() -> Sequence[Lifecycle]:
    from book_drifting.lifecycle import BOOK

    return [BOOK]


@hookimpl
def events() -> Sequence[EventType]:
    from book_drifting.lifecycle import EVENTS

    return EVENTS


@hookimpl
def problems() -> Sequence[Problem]:
    from book_drifting.problems import PROBLEMS

    return PROBLEMS


@hookimpl
def sweeps() -> Sequence[Sweep]:
    from book_drifting.followup import SWEEPS

    return SWEEPS


@hookimpl
def graphql() -> Any:
    from book_drifting.schema import FRAGMENTS

    return FRAGMENTS


@hookimpl
def personal_data() -> Sequence[PersonalData]:
    from book_drifting.personal_data import PERSONAL_DATA

    return PERSONAL_DATA


@hookimpl
async def demo(world: DemoWorld) -> None:
    from book_drifting.demo import fill

    await fill(world)
