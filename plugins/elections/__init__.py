"""Committee elections (业委会选举)."""

from collections.abc import Sequence
from typing import Any

from core.demo import DemoWorld
from core.plugin import (
    EventType,
    Gate,
    Indicator,
    Lifecycle,
    Permission,
    PersonalData,
    Problem,
    Reaction,
    Settings,
    Sweep,
    hookimpl,
)


@hookimpl
def permissions() -> Sequence[Permission]:
    from plugins.elections.lifecycle import PERMISSIONS

    return PERMISSIONS


@hookimpl
def settings() -> type[Settings]:
    from plugins.elections.settings import ElectionsSettings

    return ElectionsSettings


@hookimpl
def lifecycles() -> Sequence[Lifecycle]:
    from plugins.elections.lifecycle import LIFECYCLES

    return LIFECYCLES


@hookimpl
def events() -> Sequence[EventType]:
    from plugins.elections.lifecycle import EVENTS

    return EVENTS


@hookimpl
def problems() -> Sequence[Problem]:
    from plugins.elections.problems import PROBLEMS

    return PROBLEMS


@hookimpl
def reactions() -> Sequence[Reaction]:
    from plugins.elections.followup import REACTIONS

    return REACTIONS


@hookimpl
def sweeps() -> Sequence[Sweep]:
    from plugins.elections.followup import SWEEPS

    return SWEEPS


@hookimpl
def gates() -> Sequence[Gate]:
    from plugins.elections.gates import GATES

    return GATES


@hookimpl
def indicators() -> Sequence[Indicator]:
    from plugins.elections.indicators import INDICATORS

    return INDICATORS


@hookimpl
def graphql() -> Any:
    from plugins.elections.schema import FRAGMENTS

    return FRAGMENTS


@hookimpl
def personal_data() -> Sequence[PersonalData]:
    from plugins.elections.personal_data import PERSONAL_DATA

    return PERSONAL_DATA


@hookimpl
async def demo(world: DemoWorld) -> None:
    from plugins.elections.demo import fill

    await fill(world)
