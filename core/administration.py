"""Running a community's features: switching plugins on and off, setting values, applying blueprints.

Enabling, disabling and removing are three different deeds. Disabling hides everything a plugin has here and keeps its
data; enabling again shows it as it was. Removing (``server.py plugin remove``) exports, drops the tables, keeps the record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import errors
from core.access import Permission
from core.clock import to_wire
from core.errors import Conflict, Invalid, Problem
from core.events import EventType
from core.fields import canonical_json
from core.ids import new_id
from core.settings import ENABLED, Settings, check_value
from core.work import Act, deed

PERMISSIONS = (
    Permission(
        "core.manage_plugins", "启用与停用功能", "Switch plugins on and off",
        roles=("community_staff", "town_staff", "district_staff", "system_admin"),
    ),
    Permission(
        "core.manage_settings", "更改设置", "Change settings",
        roles=("community_staff", "town_staff", "district_staff", "system_admin"),
    ),
    Permission("core.read_security", "查看安全事件", "Read security events that belong to no place: logins, locks, sessions",
               roles=("audit_admin",)),
    Permission("core.read_trace", "查看留痕", "Read the trace", roles=("auditor", "audit_admin")),
)  # fmt: skip
EVENTS = (
    EventType("core.plugin_enabled", "功能已启用", "A plugin was enabled", public=True),
    EventType("core.plugin_disabled", "功能已停用", "A plugin was disabled", public=True),
    EventType("core.plugin_removed", "插件已移除", "A plugin was removed", public=True),
    EventType("core.setting_changed", "设置已更改", "A setting was changed", public=True),
)
UNKNOWN_PLUGIN = Problem(
    Invalid, "core.unknown_plugin", "服务器没有可用的插件 {plugin}。可用：{known}。",
    "This server has no usable plugin {plugin}. It has: {known}.",
)  # fmt: skip
NEEDS_PLUGINS = Problem(
    Conflict,
    "core.needs_plugins",
    "启用 {plugin} 需要先启用：{missing}。",
    "{plugin} needs these plugins on first: {missing}.",
)
NEEDED_BY = Problem(
    Conflict, "core.needed_by", "{plugin} 仍被以下功能使用：{dependents}。请先停用它们。",
    "{plugin} is still needed by: {dependents}. Disable those first.",
)  # fmt: skip
ALREADY = Problem(Conflict, "core.already_so", "{plugin} 在此已经是该状态。", "{plugin} is already so here.")
PROBLEMS = (UNKNOWN_PLUGIN, NEEDS_PLUGINS, NEEDED_BY, ALREADY)


@dataclass(frozen=True)
class Blueprint:
    """A bundle of plugins with settings that a community takes on in one deed."""

    code: str
    title_zh: str
    title_en: str
    plugins: tuple[str, ...]
    settings: tuple[tuple[str, str, Any], ...] = ()


BLUEPRINTS: Mapping[str, Blueprint] = {
    b.code: b
    for b in (
        Blueprint("village", "村居基础", "Village basics", ("notices", "wishes", "rating")),
        Blueprint(
            "compound", "业主自治小区", "Self-governed compound", ("register", "notices", "voting", "wishes", "rating")
        ),
    )
}


async def put_setting(
    act: Act, plugin: str, key: str, value: Any, *, effective_from: datetime | None = None, reason: str = ""
) -> None:
    """Write one setting at the deed's place; the callers have validated it."""
    await act.tx.execute(
        "INSERT INTO core_setting (id, community_id, plugin, key, value, effective_from, set_at, set_by_id, reason) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new_id(), act.place.id, plugin, key, None if value is None else canonical_json(value),
            to_wire(effective_from or act.now), to_wire(act.now), act.actor.person_id, reason,
        ),
    )  # fmt: skip
    await act.settings_changed()
    act.book = await act.kernel.settings_book(act.tx)


def _usable(act: Act, plugin: str) -> None:
    known = [p.id for p in act.kernel.host.ready()]
    if plugin not in known:
        raise UNKNOWN_PLUGIN(path=("input", "plugin"), plugin=plugin, known=", ".join(known))


def missing_for(act: Act, plugin: str) -> list[str]:
    """Return the plugins that this one requires and that are off at the deed's place."""
    needed = act.kernel.host.requires_closure(plugin) - {plugin}
    return sorted(p for p in needed if not act.enabled(p))


def dependents_of(act: Act, plugin: str) -> list[str]:
    """Return the plugins that are on here and require this one."""
    return sorted(p for p in act.kernel.host.dependents_of(plugin) if act.enabled(p))


@deed("core.manage_plugins")
async def enable_plugin(act: Act, *, plugin: str, reason: str = "") -> str:
    """Switch a plugin on here and below: it appears in the community's schema at once.

    What it requires must be on already. Refused when it is on.
    """
    _usable(act, plugin)
    if act.enabled(plugin):
        raise ALREADY(plugin=plugin)
    missing = missing_for(act, plugin)
    if missing:
        raise NEEDS_PLUGINS(plugin=plugin, missing=", ".join(missing))
    await _switch(act, plugin, True, reason)
    return act.place.code


@deed("core.manage_plugins")
async def disable_plugin(act: Act, *, plugin: str, reason: str = "") -> str:
    """Switch a plugin off here and below: everything of it is hidden, nothing is deleted.

    Refused while another enabled plugin requires it, or while a plugin's gate objects (an open vote, for instance).
    """
    _usable(act, plugin)
    if not act.enabled(plugin):
        raise ALREADY(plugin=plugin)
    dependents = dependents_of(act, plugin)
    if dependents:
        raise NEEDED_BY(plugin=plugin, dependents=", ".join(dependents))
    await _switch(act, plugin, False, reason)
    return act.place.code


async def _switch(act: Act, plugin: str, on: bool, reason: str) -> None:
    await put_setting(act, plugin, ENABLED, on, reason=reason)
    act.note(plugin=plugin, enabled=on)
    act.emit("core.plugin_enabled" if on else "core.plugin_disabled", plugin=plugin, community=act.place.code)


@deed("core.manage_plugins")
async def apply_blueprint(act: Act, *, blueprint: str, reason: str = "") -> str:
    """Switch on a bundle of plugins with its settings, all or nothing; what is on already stays as it is."""
    bundle = BLUEPRINTS.get(blueprint)
    if bundle is None:
        known = ", ".join(BLUEPRINTS)
        raise errors.invalid(
            f"没有蓝图 {blueprint[:40]}，可用：{known}", f"No blueprint {blueprint[:40]}; there are: {known}."
        )
    for plugin in bundle.plugins:
        _usable(act, plugin)
        if not act.enabled(plugin):
            missing = missing_for(act, plugin)
            if missing:
                raise NEEDS_PLUGINS(plugin=plugin, missing=", ".join(missing))
            await _switch(act, plugin, True, reason or f"blueprint {blueprint}")
    for plugin, key, value in bundle.settings:
        await _set_checked(act, plugin, key, value, None, f"blueprint {blueprint}")
    return act.place.code


@deed("core.manage_settings")
async def set_setting(
    act: Act, *, plugin: str, key: str, value: str, effective_from: datetime | None = None, reason: str = ""
) -> str:
    """Set one value here from a moment on (now, if not said); ``value`` is JSON, ``null`` takes it back.

    The field's override policy and the value above bound what may be set; a decision under way keeps what it froze.
    """
    _usable(act, plugin)
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise errors.invalid(
            "value 必须是 JSON。", 'value must be JSON, e.g. 15 or "STRICT".', "input", "value"
        ) from error
    if effective_from is not None and effective_from < act.now:
        raise errors.invalid(
            "生效时间不能早于现在。", "effectiveFrom cannot lie in the past.", "input", "effectiveFrom"
        )
    await _set_checked(act, plugin, key, parsed, effective_from, reason)
    return act.place.code


async def _set_checked(
    act: Act, plugin: str, key: str, value: Any, effective_from: datetime | None, reason: str
) -> None:
    model = settings_model(act, plugin)
    checked = None
    if value is not None:
        above = act.book.resolve(plugin, model, _above(act), effective_from or act.now)
        checked = check_value(model, key, value, {p.key: p.value for p in above.provenance}.get(key))
    elif key not in model.model_fields:
        check_value(model, key, value, None)
    await put_setting(act, plugin, key, checked, effective_from=effective_from, reason=reason)
    act.note(plugin=plugin, key=key, value=checked)
    act.emit("core.setting_changed", plugin=plugin, key=key, community=act.place.code)


def _above(act: Act) -> str:
    """Return the path of the parent, or an empty one at the root: whose value a new one here would override."""
    return act.place.path[:-1].rpartition("/")[0] + "/" if "/" in act.place.path[:-1] else ""


def settings_model(act: Act, plugin: str) -> type[Settings]:
    """Return the settings model of a plugin, an empty one when it declares none."""
    return act.kernel.host.plugins[plugin].settings or Settings


DEEDS = (enable_plugin, disable_plugin, apply_blueprint, set_setting)


def blueprints() -> Sequence[Blueprint]:
    """Return the bundles that this server offers."""
    return tuple(BLUEPRINTS.values())
