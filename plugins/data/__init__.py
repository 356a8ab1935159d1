"""One-stop data (一站数据)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.plugin import EventType, Indicator, Lifecycle, Permission, Problem, Route, Settings, Sweep, hookimpl

if TYPE_CHECKING:
    from core.demo import DemoWorld


@hookimpl
def permissions() -> Sequence[Permission]:
    from plugins.data.lifecycle import PERMISSIONS

    return PERMISSIONS


@hookimpl
def settings() -> type[Settings]:
    from plugins.data.settings import DataSettings

    return DataSettings


@hookimpl
def lifecycles() -> Sequence[Lifecycle]:
    from plugins.data.lifecycle import RELEASE

    return [RELEASE]


@hookimpl
def events() -> Sequence[EventType]:
    from plugins.data.lifecycle import EVENTS

    return EVENTS


@hookimpl
def problems() -> Sequence[Problem]:
    from plugins.data.problems import PROBLEMS

    return PROBLEMS


@hookimpl
def sweeps() -> Sequence[Sweep]:
    from plugins.data.tally import count_due

    return [Sweep("count_due", 900, count_due)]


@hookimpl
def indicators() -> Sequence[Indicator]:
    from plugins.data.indicators import INDICATORS

    return INDICATORS


@hookimpl
def graphql() -> Any:
    from plugins.data.schema import FRAGMENTS

    return FRAGMENTS


@hookimpl
def routes() -> Sequence[Route]:
    from plugins.data.pages import ROUTES

    return ROUTES


@hookimpl
async def demo(world: DemoWorld) -> None:
    from plugins.data.demo import fill

    await fill(world)
