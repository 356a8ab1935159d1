"""Collects what a plugin declares: every hook once, each by itself, each answer checked for its type."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core._host import messages as say
from core._host.reasons import Reason, Refusal
from core._host.record import Plugin, log
from core.access import Permission
from core.errors import Problem
from core.events import EventType, Reaction
from core.indicators import Indicator
from core.matters import Lifecycle
from core.personal import PersonalData
from core.plugin import Gate, Sweep
from core.routes import Route
from core.settings import Settings

# Hooks that return a sequence: the attribute of the record that keeps it, and what it must hold.
LISTS: Mapping[str, tuple[str, type]] = {
    "permissions": ("permissions", Permission),
    "lifecycles": ("lifecycles", Lifecycle),
    "events": ("event_types", EventType),
    "problems": ("problems", Problem),
    "reactions": ("reactions", Reaction),
    "sweeps": ("sweeps", Sweep),
    "gates": ("gates", Gate),
    "personal_data": ("personal_data", PersonalData),
    "indicators": ("indicators", Indicator),
    "routes": ("routes", Route),
}


def collect(plugin: Plugin, hooks: Mapping[str, Callable[..., Any]]) -> None:
    """Call the hooks and keep their answers in the record. Raises Refusal with a reason for each hook that failed."""
    reasons: list[Reason] = []
    for name, hook in hooks.items():
        try:
            _keep(plugin, name, hook)
        except KeyboardInterrupt:
            raise
        except Refusal as refusal:
            reasons += refusal.reasons
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything, even SystemExit, and stops only itself
            log.error("the hook %s of plugin %s failed", name, plugin.id, exc_info=error)
            reasons.append(crashed(plugin, f"collect {name}", error))
    if reasons:
        raise Refusal(*reasons)


def crashed(plugin: Plugin, step: str, error: BaseException) -> Reason:
    """Explain an exception that a plugin's code raised, with the last line of that plugin's own code in it."""
    told = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    return replace(say.CRASHED(where=_last_line(plugin, error), told=told), step=step)


def _last_line(plugin: Plugin, error: BaseException) -> str:
    lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename is not None:
        lines.append((error.filename, error.lineno))
    for file, line in reversed(lines):
        if Path(file).is_relative_to(plugin.folder):
            return f"{plugin.file(Path(file).relative_to(plugin.folder).as_posix())}:{line}"
    return plugin.file()


def _keep(plugin: Plugin, name: str, hook: Callable[..., Any]) -> None:
    if name == "demo":  # not a declaration: called when a demo world is made
        plugin.demo = lambda world: hook(world=world)
        return
    answer = hook()
    if inspect.isawaitable(answer):
        _discard(answer)
        raise Refusal(_at(name, say.ASYNC_HOOK(file=plugin.file(), name=name)))
    if name in LISTS:
        attribute, kind = LISTS[name]
        setattr(plugin, attribute, _all_of(plugin, name, kind, answer))
    elif name == "settings":
        plugin.settings = _settings(plugin, answer)
    elif answer is None:
        raise Refusal(_wrong(plugin, name, "None", "its declarations"))
    else:
        setattr(plugin, name, answer)


def _all_of(plugin: Plugin, name: str, kind: type, answer: Any) -> tuple[Any, ...]:
    wanted = f"list[{kind.__name__}]"
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | Mapping):
        raise Refusal(_wrong(plugin, name, type(answer).__name__, wanted))
    items = tuple(answer)
    for item in items:
        if not isinstance(item, kind):
            raise Refusal(_wrong(plugin, name, f"list[{type(item).__name__}]", wanted))
    return items


def _settings(plugin: Plugin, answer: Any) -> type[Settings]:
    if isinstance(answer, type) and issubclass(answer, Settings):
        return answer
    raise Refusal(_wrong(plugin, "settings", getattr(answer, "__name__", type(answer).__name__), "type[Settings]"))


def _wrong(plugin: Plugin, name: str, given: str, wanted: str) -> Reason:
    return _at(name, say.WRONG_ANSWER(file=plugin.file(), name=name, given=given, wanted=wanted))


def _at(hook: str, reason: Reason) -> Reason:
    return replace(reason, step=f"collect {hook}")


def _discard(answer: Any) -> None:
    if inspect.iscoroutine(answer):  # else Python warns that nobody awaited it
        answer.close()
