"""Everything that the usable plugins declare, compiled into look-ups when plugins load; requests only look up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from core._host.record import Plugin
from core.access import Permission
from core.errors import Problem
from core.events import EventType, Reaction
from core.indicators import Indicator
from core.matters import Lifecycle
from core.personal import PersonalData
from core.plugin import GateCheck, Sweep

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Compiled:
    """The declarations of all usable plugins, in the order of dependency."""

    permissions: Mapping[str, Permission]
    event_types: Mapping[str, EventType]
    problems: Mapping[str, Problem]
    lifecycles: Mapping[tuple[str, str], Lifecycle]
    by_type_name: Mapping[str, Lifecycle]
    gates: Mapping[str, tuple[tuple[str, GateCheck], ...]]
    reactions: tuple[tuple[str, Reaction], ...]
    by_event: Mapping[str, tuple[tuple[str, Reaction], ...]]
    sweeps: tuple[tuple[str, Sweep], ...]
    personal_data: tuple[PersonalData, ...]
    indicators: Mapping[str, Indicator]

    @classmethod
    def of(cls, usable: Iterable[Plugin]) -> Compiled:
        """Compile."""
        plugins = tuple(usable)
        lifecycles = [lifecycle for plugin in plugins for lifecycle in plugin.lifecycles]
        reactions = [(plugin.id, reaction) for plugin in plugins for reaction in plugin.reactions]
        return cls(
            permissions=MappingProxyType({p.code: p for plugin in plugins for p in plugin.permissions}),
            event_types=MappingProxyType({e.code: e for plugin in plugins for e in plugin.event_types}),
            problems=MappingProxyType({p.code: p for plugin in plugins for p in plugin.problems}),
            lifecycles=MappingProxyType({(c.plugin, c.kind): c for c in lifecycles}),
            by_type_name=MappingProxyType({c.type_name: c for c in lifecycles}),
            gates=_grouped((gate.deed, (plugin.id, gate.check)) for plugin in plugins for gate in plugin.gates),
            reactions=tuple(reactions),
            by_event=_grouped((reaction.event, (owner, reaction)) for owner, reaction in reactions),
            sweeps=tuple((plugin.id, sweep) for plugin in plugins for sweep in plugin.sweeps),
            personal_data=tuple(data for plugin in plugins for data in plugin.personal_data),
            indicators=MappingProxyType({one.code: one for plugin in plugins for one in plugin.indicators}),
        )


def _grouped(pairs: Iterable[tuple[K, V]]) -> Mapping[K, tuple[V, ...]]:
    found: dict[K, tuple[V, ...]] = {}
    for key, value in pairs:
        found[key] = (*found.get(key, ()), value)
    return MappingProxyType(found)
