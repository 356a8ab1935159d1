"""Voting (一键表决)."""

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
    Route,
    Settings,
    Sweep,
    hookimpl,
)


@hookimpl
def permissions() -> Sequence[Permission]:
    from plugins.voting.lifecycle import PERMISSIONS

    return PERMISSIONS


@hookimpl
def settings() -> type[Settings]:
    from plugins.voting.settings import VotingSettings

    return VotingSettings


@hookimpl
def lifecycles() -> Sequence[Lifecycle]:
    from plugins.voting.lifecycle import POLL

    return [POLL]


@hookimpl
def events() -> Sequence[EventType]:
    from plugins.voting.lifecycle import EVENTS

    return EVENTS


@hookimpl
def problems() -> Sequence[Problem]:
    from plugins.voting.problems import PROBLEMS

    return PROBLEMS


@hookimpl
def reactions() -> Sequence[Reaction]:
    from plugins.voting.followup import REACTIONS

    return REACTIONS


@hookimpl
def sweeps() -> Sequence[Sweep]:
    from plugins.voting.followup import SWEEPS

    return SWEEPS


@hookimpl
def gates() -> Sequence[Gate]:
    from plugins.voting.gates import GATES

    return GATES


@hookimpl
def graphql() -> Any:
    from plugins.voting.schema import FRAGMENTS

    return FRAGMENTS


@hookimpl
def personal_data() -> Sequence[PersonalData]:
    from plugins.voting.personal_data import PERSONAL_DATA

    return PERSONAL_DATA


@hookimpl
def indicators() -> Sequence[Indicator]:
    from plugins.voting.indicators import INDICATORS

    return INDICATORS


@hookimpl
def routes() -> Sequence[Route]:
    from plugins.voting.pages import ROUTES

    return ROUTES


@hookimpl
async def demo(world: DemoWorld) -> None:
    from plugins.voting.demo import fill

    await fill(world)
