"""What a plugin may not declare: others' names, names without its own prefix, steps without their event or permission.

Nothing wins silently: of two plugins with one name the later in the order of dependency is refused, naming both.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core._host import messages as say
from core._host.reasons import Reason, did_you_mean
from core._host.record import Plugin
from core._host.tables import tables_of
from core.indicators import faults as indicator_faults
from core.matters import Lifecycle, Step
from core.routes import Route, overlap
from core.routes import faults as route_faults
from core.settings import ENABLED, Settings, SettingsBook

# The widths of the columns that hold these names; SQLite would not mind longer ones, PostgreSQL would.
LONGEST_CODE, LONGEST_KIND, LONGEST_STATE, LONGEST_STEP = 80, 40, 40, 60

# What only one plugin may have, in Chinese, by the word for it.
WORDS = {
    "permission": "权限",
    "event": "事件",
    "error code": "错误代码",
    "kind of matter": "事项种类",
    "type name": "类型名",
    "reaction": "反应",
    "sweep": "定时任务",
    "table": "数据表",
    "category of personal data": "个人信息类别",
    "indicator": "指标",
}

_VERB = re.compile(r"[a-z][a-z0-9_]*")
_KIND = re.compile(r"[A-Z][A-Z0-9_]*")
_TYPE = re.compile(r"[A-Z][A-Za-z0-9]*")
_SOME_TIME = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class Claims:
    """Who owns which name on this server."""

    _owners: dict[tuple[str, str], str] = field(default_factory=dict)
    _routes: list[tuple[str, Route]] = field(default_factory=list)

    def collisions(self, plugin: Plugin) -> Iterator[Reason]:
        """Yield a reason for each name of a plugin that is taken, by another or by itself."""
        mine: dict[tuple[str, str], str] = {}
        for what, name in names_of(plugin):
            owner = _owner(plugin, what)
            other = self._owners.get((what, name)) or mine.get((what, name))
            if other is not None:
                yield say.TAKEN(what_zh=WORDS[what], what=what, name=name, other=other, owner=owner)
            mine[what, name] = owner
        yield from self._crossings(plugin)

    def enter(self, plugin: Plugin) -> None:
        """Give a plugin its names."""
        for what, name in names_of(plugin):
            self._owners[what, name] = _owner(plugin, what)
        self._routes += ((plugin.owner(), route) for route in plugin.routes)

    def _crossings(self, plugin: Plugin) -> Iterator[Reason]:
        """Yield a reason for each address of a plugin that is also another's, or another of its own."""
        for index, route in enumerate(plugin.routes):
            before = [*self._routes, *((plugin.owner(), one) for one in plugin.routes[:index])]
            for other, taken in before:
                if taken.method == route.method and overlap(taken.path, route.path):
                    yield say.SAME_ADDRESS(path=route.path, owner=plugin.owner(), taken=taken.path, other=other)


def names_of(plugin: Plugin) -> Iterator[tuple[str, str]]:
    """Yield every name that only one plugin may have, after the word for what it names."""
    yield from (("permission", permission.code) for permission in plugin.permissions)
    yield from (("event", event.code) for event in plugin.event_types)
    yield from (("error code", problem.code) for problem in plugin.problems)
    yield from (("kind of matter", lifecycle.kind) for lifecycle in plugin.lifecycles)
    yield from (("type name", lifecycle.type_name) for lifecycle in plugin.lifecycles)
    yield from (("reaction", f"{plugin.id}.{reaction.name}") for reaction in plugin.reactions)
    yield from (("sweep", f"{plugin.id}.{sweep.name}") for sweep in plugin.sweeps)
    yield from (("category of personal data", data.code) for data in plugin.personal_data)
    yield from (("indicator", indicator.code) for indicator in plugin.indicators)
    yield from (("table", table) for table in tables_of(plugin))


def faults(plugin: Plugin, known_roles: Collection[str]) -> Iterator[Reason]:
    """Yield a reason for everything that is wrong with a plugin's declarations by themselves."""
    yield from _codes(plugin)
    yield from _roles(plugin, known_roles)
    if plugin.settings is not None:
        yield from _settings(plugin, plugin.settings)
    for lifecycle in plugin.lifecycles:
        yield from _names(plugin, lifecycle)
        yield from _states(plugin, lifecycle)
        for step in lifecycle.steps:
            yield from _step(plugin, lifecycle, step)
    yield from _indicators(plugin)
    for route in plugin.routes:
        for zh, en in route_faults(route, plugin.id):
            yield say.BAD_ROUTE(file=plugin.file(), path=route.path, told_zh=zh, told=en)
    yield from _work(plugin)


def deaf(plugin: Plugin, usable: Mapping[str, Plugin]) -> Iterator[Reason]:
    """Yield a reason for each reaction to an event that its plugin, which is loaded, does not have."""
    for reaction in plugin.reactions:
        owner = usable.get(reaction.event.partition(".")[0])
        if owner is None:  # of the kernel, or of a plugin that this server does not have
            continue
        codes = {event.code for event in owner.event_types}
        if reaction.event not in codes:
            hint = did_you_mean(reaction.event, codes)
            yield say.DEAF(hint, file=plugin.file(), name=reaction.name, event=reaction.event)


def _owner(plugin: Plugin, what: str) -> str:
    return plugin.owner("models.py" if what == "table" else "__init__.py")


def _codes(plugin: Plugin) -> Iterator[Reason]:
    for what, code in names_of(plugin):
        if what not in {"permission", "event", "error code", "category of personal data", "indicator"}:
            continue
        owner, _, verb = code.partition(".")
        if owner != plugin.id or not _VERB.fullmatch(verb) or len(code) > LONGEST_CODE:
            where = {"file": plugin.file(), "prefix": f"{plugin.id}.", "most": LONGEST_CODE}
            yield say.BAD_CODE(what_zh=WORDS[what], what=what, code=code, **where)


def _roles(plugin: Plugin, known: Collection[str]) -> Iterator[Reason]:
    for permission in plugin.permissions:
        given: object = permission.roles
        if isinstance(given, str):  # a forgotten comma
            yield say.ROLES_TEXT(file=plugin.file(), code=permission.code, role=given)
            continue
        for role in permission.roles:
            if role not in known:
                yield say.UNKNOWN_ROLE(did_you_mean(role, known), file=plugin.file(), code=permission.code, role=role)


def _settings(plugin: Plugin, model: type[Settings]) -> Iterator[Reason]:
    file = plugin.file("settings.py")
    if ENABLED in model.model_fields:
        yield say.SWITCH_TAKEN(file=file, key=ENABLED)
    try:
        SettingsBook(0, {}).resolve(plugin.id, model, "", _SOME_TIME)
    except ValueError as error:  # pydantic's ValidationError
        yield say.BAD_DEFAULTS(file=file, told=" ".join(str(error).split()))


def _names(plugin: Plugin, lifecycle: Lifecycle) -> Iterator[Reason]:
    name, where = lifecycle.type_name, _where(plugin, lifecycle)
    if lifecycle.plugin != plugin.id:
        yield say.FOREIGN_LIFECYCLE(**where, other=lifecycle.plugin, name=plugin.id)
    if not _KIND.fullmatch(lifecycle.kind) or len(lifecycle.kind) > LONGEST_KIND:
        yield say.BAD_KIND(**where, most=LONGEST_KIND)
    if not _TYPE.fullmatch(name):
        yield say.BAD_TYPE_NAME(**where, name=name)
    elif not plugin.namespace.allows_type(name):
        yield say.UNPREFIXED_TYPE(**where, name=name, prefix=plugin.namespace.types)


def _states(plugin: Plugin, lifecycle: Lifecycle) -> Iterator[Reason]:
    where = _where(plugin, lifecycle)
    used = [lifecycle.initial]
    for step in lifecycle.steps:
        used += [*step.sources, *([step.target] if step.target is not None else [])]
    for state in dict.fromkeys(used):
        if not isinstance(state, lifecycle.states):
            yield say.FOREIGN_STATE(**where, state=str(state), states=lifecycle.states.__name__)
    for state in lifecycle.states:
        if len(state.value) > LONGEST_STATE:
            yield say.LONG_STATE(**where, state=state.value, most=LONGEST_STATE)


def _step(plugin: Plugin, lifecycle: Lifecycle, step: Step) -> Iterator[Reason]:
    permissions = {permission.code for permission in plugin.permissions}
    events = {event.code for event in plugin.event_types}
    where = {**_where(plugin, lifecycle), "step": step.name}
    if not _VERB.fullmatch(step.name) or len(step.name) > LONGEST_STEP:
        yield say.BAD_STEP_NAME(**where, most=LONGEST_STEP)
    if step.permission is not None and step.permission not in permissions:
        yield say.STEP_PERMISSION(did_you_mean(step.permission, permissions), **where, code=step.permission)
    if step.event is not None and step.event not in events:
        yield say.STEP_EVENT(did_you_mean(step.event, events), **where, code=step.event)
    if step.timed and step.target is None:
        yield say.AIMLESS_CLOCK(**where)


def _indicators(plugin: Plugin) -> Iterator[Reason]:
    """Refuse indicators that do not say what they count, or that count others' rows: a table's name tells whose it is."""
    readable = ("core_community", "core_matter", f"{plugin.id}_", *(f"{name}_" for name in plugin.requires))
    for indicator in plugin.indicators:
        for said in indicator_faults(indicator, readable):
            yield say.BAD_INDICATOR(file=plugin.file(), code=indicator.code, told_zh=said.zh, told=said.en)


def _where(plugin: Plugin, lifecycle: Lifecycle) -> dict[str, object]:
    return {"file": plugin.file(), "lifecycle": f"{plugin.id}.{lifecycle.kind}"}


def _work(plugin: Plugin) -> Iterator[Reason]:
    for name in (*(reaction.name for reaction in plugin.reactions), *(sweep.name for sweep in plugin.sweeps)):
        if not _VERB.fullmatch(name) or len(f"{plugin.id}.{name}") > LONGEST_CODE:
            yield say.BAD_WORK_NAME(file=plugin.file(), name=name, most=LONGEST_CODE)
    for sweep in plugin.sweeps:
        if sweep.every_seconds < 1:
            yield say.RESTLESS(file=plugin.file(), name=sweep.name, seconds=sweep.every_seconds)
    for gate in plugin.gates:
        if not all(_VERB.fullmatch(part) for part in gate.deed.partition(".")[::2]):
            yield say.NO_DEED(file=plugin.file(), deed=gate.deed)
