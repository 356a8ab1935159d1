"""One-window notices (一窗公示)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.plugin import EventType, Indicator, Lifecycle, Permission, PersonalData, Problem, Route, Settings, hookimpl

if TYPE_CHECKING:
    from core.demo import DemoWorld


@hookimpl
def permissions() -> Sequence[Permission]:
    from plugins.notices.lifecycle import PERMISSIONS

    return PERMISSIONS


@hookimpl
def settings() -> type[Settings]:
    from plugins.notices.settings import NoticesSettings

    return NoticesSettings


@hookimpl
def lifecycles() -> Sequence[Lifecycle]:
    from plugins.notices.lifecycle import NOTICE

    return [NOTICE]


@hookimpl
def events() -> Sequence[EventType]:
    from plugins.notices.lifecycle import EVENTS

    return EVENTS


@hookimpl
def problems() -> Sequence[Problem]:
    from plugins.notices.problems import PROBLEMS

    return PROBLEMS


@hookimpl
def graphql() -> Any:
    from plugins.notices.schema import FRAGMENTS

    return FRAGMENTS


@hookimpl
def personal_data() -> Sequence[PersonalData]:
    from plugins.notices.personal_data import PERSONAL_DATA

    return PERSONAL_DATA


@hookimpl
def indicators() -> Sequence[Indicator]:
    from plugins.notices.indicators import INDICATORS

    return INDICATORS


@hookimpl
def routes() -> Sequence[Route]:
    from plugins.notices.pages import ROUTES

    return ROUTES


@hookimpl
async def demo(world: DemoWorld) -> None:
    from plugins.notices.demo import fill

    await fill(world)
