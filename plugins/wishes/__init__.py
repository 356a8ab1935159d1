"""Micro-wishes (微心愿)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.plugin import EventType, Indicator, Lifecycle, Permission, PersonalData, Problem, Reaction, Settings, hookimpl

if TYPE_CHECKING:
    from core.demo import DemoWorld


@hookimpl
def permissions() -> Sequence[Permission]:
    from plugins.wishes.lifecycle import PERMISSIONS

    return PERMISSIONS


@hookimpl
def settings() -> type[Settings]:
    from plugins.wishes.settings import WishesSettings

    return WishesSettings


@hookimpl
def lifecycles() -> Sequence[Lifecycle]:
    from plugins.wishes.lifecycle import WISH

    return [WISH]


@hookimpl
def events() -> Sequence[EventType]:
    from plugins.wishes.lifecycle import EVENTS

    return EVENTS


@hookimpl
def problems() -> Sequence[Problem]:
    from plugins.wishes.problems import PROBLEMS

    return PROBLEMS


@hookimpl
def reactions() -> Sequence[Reaction]:
    from plugins.wishes.followup import REACTIONS

    return REACTIONS


@hookimpl
def graphql() -> Any:
    from plugins.wishes.schema import FRAGMENTS

    return FRAGMENTS


@hookimpl
def personal_data() -> Sequence[PersonalData]:
    from plugins.wishes.personal_data import PERSONAL_DATA

    return PERSONAL_DATA


@hookimpl
def indicators() -> Sequence[Indicator]:
    from plugins.wishes.indicators import INDICATORS

    return INDICATORS


@hookimpl
async def demo(world: DemoWorld) -> None:
    from plugins.wishes.demo import fill

    await fill(world)
