"""The contract: everything a plugin imports from the kernel, and the hooks it may implement.

A plugin is a package with a ``plugin.toml`` and an ``__init__.py`` of ``@hookimpl`` functions, each of which returns
declarations. Nothing of this layer runs per request: declarations are collected once, checked and compiled.

    from core.plugin import Permission, hookimpl

    @hookimpl
    def permissions():
        return [Permission("wishes.open_wish", "提出微心愿", "Post a wish", roles=("resident",))]

Tables live in ``<package>.models``, their migrations in ``<package>.migrations``; both are found by their names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from core.access import (
    Permission,
    Rule,
    Sight,
    Viewer,
    Where,
    both,
    either,
    everyone,
    holders,
    members,
    nobody,
    person,
    row,
)
from core.errors import (
    Conflict,
    Disabled,
    DomainError,
    Invalid,
    NotAllowed,
    NotFound,
    Problem,
    TooMany,
    check_text,
    invalid,
)  # fmt: skip
from core.events import Event, EventType, Reaction, Telling
from core.hierarchy import Place
from core.indicators import FiveZero, Indicator, IndicatorKind, Words
from core.labels import Confidence, LabelledEnum, Source
from core.matters import Lifecycle, Matter, Step
from core.periods import Period, PeriodKind
from core.personal import CLOSED_NAME, ERASED, ConsentText, Held, LegalBasis, PersonalData, Sealed
from core.routes import Admits, Asked, Refusal, Reply, Route
from core.settings import Override, Settings, Stricter, setting
from core.work import Act, DeedSpec, Fresh, deed

if TYPE_CHECKING:
    from core.demo import DemoWorld
    from core.kernel import Kernel

CONTRACT = 1
PROJECT = "shanzhi"

hookimpl = pluggy.HookimplMarker(PROJECT)
hookspec = pluggy.HookspecMarker(PROJECT)

GateCheck = Callable[[Act, Mapping[str, Any]], Awaitable[DomainError | None]]


@dataclass(frozen=True)
class Gate:
    """A check that may refuse another plugin's deed, with a reason; it may await only the database and changes nothing."""

    deed: str
    check: GateCheck


@dataclass(frozen=True)
class Sweep:
    """Follow-up work done again and again by one worker at a time; must be idempotent and bounded."""

    name: str
    every_seconds: int
    run: Callable[[Kernel], Awaitable[None]]


class Hooks:
    """What a plugin may implement; every hook is optional and takes no argument unless it says so."""

    @hookspec
    def permissions(self) -> Sequence[Permission]:  # type: ignore[empty-body]
        """Return the permissions of this plugin's deeds, each with the roles that hold it by default."""

    @hookspec
    def settings(self) -> type[Settings]:  # type: ignore[empty-body]
        """Return the settings model: options and legal parameters with their sources."""

    @hookspec
    def lifecycles(self) -> Sequence[Lifecycle]:  # type: ignore[empty-body]
        """Return the kinds of matters with their states and steps."""

    @hookspec
    def events(self) -> Sequence[EventType]:  # type: ignore[empty-body]
        """Return the types of events that this plugin's deeds emit."""

    @hookspec
    def problems(self) -> Sequence[Problem]:  # type: ignore[empty-body]
        """Return the error codes of this plugin."""

    @hookspec
    def graphql(self) -> Any:
        """Return a ``schema.compose.Fragments``: types, queries, mutations, fields added to the kernel's types."""

    @hookspec
    def reactions(self) -> Sequence[Reaction]:  # type: ignore[empty-body]
        """Return what to do after which events."""

    @hookspec
    def sweeps(self) -> Sequence[Sweep]:  # type: ignore[empty-body]
        """Return the follow-up work that time makes necessary."""

    @hookspec
    def gates(self) -> Sequence[Gate]:  # type: ignore[empty-body]
        """Return checks that may refuse deeds of others while this plugin is on at the place."""

    @hookspec
    def personal_data(self) -> Sequence[PersonalData]:  # type: ignore[empty-body]
        """Return what this plugin holds of persons: why, how long, and what an erasure does with it."""

    @hookspec
    def indicators(self) -> Sequence[Indicator]:  # type: ignore[empty-body]
        """Return what this plugin counts for the one-stop data: definitions, each with the SELECT that counts it."""

    @hookspec
    def routes(self) -> Sequence[Route]:  # type: ignore[empty-body]
        """Return the addresses that this plugin answers over HTTP: pages, open data, formats of others."""

    @hookspec
    def demo(self, world: DemoWorld) -> Awaitable[None]:  # type: ignore[empty-body]
        """Fill the demo world with this plugin's part, through its own deeds."""


__all__ = [
    "CLOSED_NAME", "CONTRACT", "ERASED", "PROJECT", "Act", "Admits", "Asked", "Confidence", "Conflict", "ConsentText",
    "DeedSpec", "Disabled", "DomainError", "Event", "EventType", "FiveZero", "Fresh", "Gate", "Held", "Hooks",
    "Indicator", "IndicatorKind", "Invalid", "LabelledEnum", "LegalBasis", "Lifecycle", "Matter", "NotAllowed",
    "NotFound", "Override", "Period", "PeriodKind", "Permission", "PersonalData", "Place", "Problem", "Reaction",
    "Refusal", "Reply", "Route", "Rule", "Sealed", "Settings", "Sight", "Source", "Step", "Stricter", "Sweep",
    "Telling", "TooMany", "Viewer", "Where", "Words", "both", "check_text", "deed", "either", "everyone", "holders",
    "hookimpl", "invalid", "members", "nobody", "person", "row", "setting",
]  # fmt: skip
