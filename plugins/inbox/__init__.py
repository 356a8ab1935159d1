"""The inbox (消息): news that concern a person, in the app and brought by e-mail and webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.plugin import EventType, Permission, PersonalData, Problem, Settings, Sweep, hookimpl

if TYPE_CHECKING:
    from core.demo import DemoWorld


@hookimpl
def permissions() -> Sequence[Permission]:
    from plugins.inbox.declarations import PERMISSIONS

    return PERMISSIONS


@hookimpl
def settings() -> type[Settings]:
    from plugins.inbox.settings import InboxSettings

    return InboxSettings


@hookimpl
def events() -> Sequence[EventType]:
    from plugins.inbox.declarations import EVENTS

    return EVENTS


@hookimpl
def problems() -> Sequence[Problem]:
    from plugins.inbox.problems import PROBLEMS

    return PROBLEMS


@hookimpl
def graphql() -> Any:
    from plugins.inbox.schema import FRAGMENTS

    return FRAGMENTS


@hookimpl
def sweeps() -> Sequence[Sweep]:
    from plugins.inbox.delivery import SWEEPS

    return SWEEPS


@hookimpl
def personal_data() -> Sequence[PersonalData]:
    from plugins.inbox.personal_data import PERSONAL_DATA

    return PERSONAL_DATA


@hookimpl
async def demo(world: DemoWorld) -> None:
    from plugins.inbox.demo import fill

    await fill(world)
