"""The register (业主清册): units, owners, residents, roster imports, and voter rolls."""

from collections.abc import Sequence
from typing import Any

from core.demo import DemoWorld
from core.plugin import EventType, Indicator, Lifecycle, Permission, PersonalData, Problem, Settings, Sweep, hookimpl


@hookimpl
def permissions() -> Sequence[Permission]:
    from plugins.register.lifecycle import PERMISSIONS

    return PERMISSIONS


@hookimpl
def settings() -> type[Settings]:
    from plugins.register.settings import RegisterSettings

    return RegisterSettings


@hookimpl
def lifecycles() -> Sequence[Lifecycle]:
    from plugins.register.lifecycle import MANDATE, ROLL

    return [ROLL, MANDATE]


@hookimpl
def events() -> Sequence[EventType]:
    from plugins.register.lifecycle import EVENTS

    return EVENTS


@hookimpl
def problems() -> Sequence[Problem]:
    from plugins.register.problems import PROBLEMS

    return PROBLEMS


@hookimpl
def graphql() -> Any:
    from plugins.register.mutations import FRAGMENTS

    return FRAGMENTS


@hookimpl
def sweeps() -> Sequence[Sweep]:
    from plugins.register.importing import forget_previews

    return [Sweep("forget_previews", 3600, forget_previews)]


@hookimpl
def personal_data() -> Sequence[PersonalData]:
    from plugins.register.personal_data import PERSONAL_DATA

    return PERSONAL_DATA


@hookimpl
def indicators() -> Sequence[Indicator]:
    from plugins.register.indicators import INDICATORS

    return INDICATORS


@hookimpl
async def demo(world: DemoWorld) -> None:
    from plugins.register.demo import fill

    await fill(world)
