"""One-click rating (一键评价)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.plugin import EventType, Indicator, Lifecycle, Permission, PersonalData, Problem, Settings, hookimpl

if TYPE_CHECKING:
    from core.demo import DemoWorld


@hookimpl
def permissions() -> Sequence[Permission]:
    from plugins.rating.lifecycle import PERMISSIONS

    return PERMISSIONS


@hookimpl
def settings() -> type[Settings]:
    from plugins.rating.settings import RatingSettings

    return RatingSettings


@hookimpl
def lifecycles() -> Sequence[Lifecycle]:
    from plugins.rating.lifecycle import RATING

    return [RATING]


@hookimpl
def events() -> Sequence[EventType]:
    from plugins.rating.lifecycle import EVENTS

    return EVENTS


@hookimpl
def problems() -> Sequence[Problem]:
    from plugins.rating.problems import PROBLEMS

    return PROBLEMS


@hookimpl
def graphql() -> Any:
    from plugins.rating.schema import FRAGMENTS

    return FRAGMENTS


@hookimpl
def personal_data() -> Sequence[PersonalData]:
    from plugins.rating.personal_data import PERSONAL_DATA

    return PERSONAL_DATA


@hookimpl
def indicators() -> Sequence[Indicator]:
    from plugins.rating.indicators import INDICATORS

    return INDICATORS


@hookimpl
async def demo(world: DemoWorld) -> None:
    from plugins.rating.demo import fill

    await fill(world)
