"""In which order plugins are brought up: after what they require and what they ask to come after, then by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from core._host import messages as say
from core._host.record import Plugin


def in_order(plugins: Iterable[Plugin]) -> list[Plugin]:
    """Sort plugins; those in a cycle are failed and come where their names put them."""
    by_id = {plugin.id: plugin for plugin in sorted(plugins, key=lambda plugin: plugin.id)}
    edges = {name: {*plugin.requires, *plugin.manifest.after} & by_id.keys() for name, plugin in by_id.items()}
    while (cycle := _cycle(edges)) is not None:
        for name in set(cycle):
            if by_id[name].usable:
                by_id[name].fail(say.CIRCLE(chain=" → ".join(cycle)))
            edges[name] = set()
    return [by_id[name] for name in _levels(edges)]


def closure(plugins: Mapping[str, Plugin], name: str) -> frozenset[str]:
    """Return all that a plugin requires, directly or through others, without itself."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        plugin = plugins.get(waiting.pop())
        new = set(plugin.requires) - found if plugin is not None else set()
        found |= new
        waiting += new
    return frozenset(found - {name})


def dependents(plugins: Mapping[str, Plugin], name: str) -> frozenset[str]:
    """Return all plugins that require one, directly or through others."""
    return frozenset(other for other in plugins if name in closure(plugins, other))


def _cycle(edges: Mapping[str, set[str]]) -> Sequence[str] | None:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))[1:]  # graphlib names what is needed first, and one of them twice
        first = circle.index(min(circle))
        return [*circle[first:], *circle[: first + 1]]
    return None


def _levels(edges: Mapping[str, set[str]]) -> list[str]:
    sorter, found = TopologicalSorter(edges), list[str]()
    sorter.prepare()
    while sorter.is_active():
        level = sorted(sorter.get_ready())
        found += level
        sorter.done(*level)
    return found
