"""Follow-up work of plugins, bounded: awaited for a limited time, and paused when it fails again and again."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from core._host import messages as say
from core._host.reasons import PluginFault, Reason

FAILURES = 5
PAUSE_SECONDS = 60.0


@dataclass
class _Circuit:
    failures: int = 0
    paused_until: float = 0.0
    last: str = ""


@dataclass
class Breakers:
    """The record of each piece of follow-up work, by plugin and name; ``now`` counts seconds and never goes back."""

    now: Callable[[], float]
    _circuits: dict[tuple[str, str], _Circuit] = field(default_factory=dict)

    async def call(self, plugin_id: str, name: str, work: Awaitable[Any], seconds: float) -> PluginFault | None:
        """Await a piece of work; returns what went wrong, attributed to the plugin, or None."""
        circuit = self._circuits.setdefault((plugin_id, name), _Circuit())
        if self.now() < circuit.paused_until:
            if inspect.iscoroutine(work):
                work.close()
            return PluginFault(plugin_id, name, f"paused; it failed {circuit.failures} times, last with {circuit.last}")
        fault = await _bounded(plugin_id, name, work, seconds)
        if fault is None:
            del self._circuits[plugin_id, name]
        else:
            self._note(circuit, fault)
        return fault

    def degraded(self, plugin_id: str) -> Reason | None:
        """Say which work of a plugin is not getting done, and why."""
        for (owner, name), circuit in self._circuits.items():
            if owner == plugin_id and circuit.failures >= FAILURES:
                return say.DEGRADED(
                    name=name, failures=circuit.failures, last=circuit.last, seconds=f"{PAUSE_SECONDS:g}"
                )
        return None

    def _note(self, circuit: _Circuit, fault: PluginFault) -> None:
        circuit.failures += 1
        circuit.last = str(fault)
        if circuit.failures >= FAILURES:
            circuit.paused_until = self.now() + PAUSE_SECONDS


async def _bounded(plugin_id: str, name: str, work: Awaitable[Any], seconds: float) -> PluginFault | None:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await work
    except TimeoutError as error:
        said = f"took longer than {seconds:g} s" if limit.expired() else f"TimeoutError: {error}"
        return _caused(PluginFault(plugin_id, name, said), error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything, and stops only itself
        return _caused(PluginFault(plugin_id, name, f"{type(error).__name__}: {error}"), error)
    return None


def _caused(fault: PluginFault, cause: BaseException) -> PluginFault:
    fault.__cause__ = cause
    return fault
