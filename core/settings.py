"""Settings: one mechanism for switching plugins on, for their options, for legal parameters and for house rules.

A plugin declares a ``Settings`` model whose fields carry description, unit, source and override policy. Communities set
values, in force from a date on; a value holds for the place and everything below it, as far as the field's policy lets a
place below override what stands above. ``resolve`` tells each value *and where it came from*.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from core import errors
from core.clock import from_wire, to_wire
from core.hierarchy import lineage, subtree_range
from core.labels import Confidence, LabelledEnum, Source

ENABLED = "enabled"


class Override(LabelledEnum):
    """Who may set a value other than the one that comes from above."""

    NONE = "NONE", "不可更改", "None", "Nobody: the law fixes it."
    TIGHTEN_ONLY = "TIGHTEN_ONLY", "只可从严", "Tighten only", "A place below may only be stricter."
    CHOICE = "CHOICE", "可选", "Choice", "A place below may choose among the allowed values."
    FREE = "FREE", "自定", "Free", "A place below may set any valid value."


class Stricter(LabelledEnum):
    """Which direction is stricter."""

    HIGHER = "HIGHER", "越大越严", "Higher", "A larger number is stricter."
    LOWER = "LOWER", "越小越严", "Lower", "A smaller number is stricter."


class Settings(BaseModel):
    """Base of every settings model of a plugin."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def setting(
    default: Any,
    description: str,
    *,
    source: Source | None = None,
    override: Override = Override.FREE,
    stricter: Stricter | None = None,
    unit: str | None = None,
    **bounds: Any,
) -> Any:
    """Declare one field of a settings model: what it means, its unit, where it comes from, who may override it."""
    if (override is Override.TIGHTEN_ONLY) != (stricter is not None):
        raise TypeError("say which way is stricter, with TIGHTEN_ONLY and only with it")
    about = source or Source("ours", Confidence.DESIGN)
    extra: dict[str, Any] = {
        "source": about.cite,
        "confidence": about.confidence.value,
        "override": override.value,
        "stricter": stricter.value if stricter else None,
        "unit": unit,
    }
    return Field(default=default, description=description, json_schema_extra=extra, **bounds)


@dataclass(frozen=True)
class SettingRow:
    """One value as set: where, what, from when."""

    plugin: str
    key: str
    value: Any
    path: str
    code: str
    place_name: str
    effective_from: datetime
    reason: str


@dataclass(frozen=True)
class Provenance:
    """Where one resolved value came from: a place, or the plugin's own default with its source."""

    key: str
    value: Any
    place_code: str | None
    place_name: str | None
    effective_from: datetime | None
    source: str
    confidence: str
    reason: str = ""


M = TypeVar("M", bound=Settings)


@dataclass(frozen=True)
class Resolved(Generic[M]):
    """The settings in force at a place and moment, with the provenance of every field in declaration order."""

    values: M
    provenance: tuple[Provenance, ...]

    def frozen(self) -> dict[str, Any]:
        """Return what a matter keeps of the settings it was decided under."""
        return {
            p.key: {
                "value": p.value,
                "from": p.place_code,
                "since": to_wire(p.effective_from) if p.effective_from else None,
                "source": p.source,
                "confidence": p.confidence,
            }
            for p in self.provenance
        }


@dataclass(frozen=True)
class SettingsBook:
    """All settings of a database, in memory; rebuilt whenever the counter ``settings`` has moved."""

    version: int
    rows: Mapping[tuple[str, str], tuple[SettingRow, ...]]

    @classmethod
    def of(cls, version: int, rows: Iterable[SettingRow]) -> SettingsBook:
        """Group rows by plugin and key, in order of the moment they take effect."""
        grouped: dict[tuple[str, str], list[SettingRow]] = {}
        for row in sorted(rows, key=lambda r: r.effective_from):
            grouped.setdefault((row.plugin, row.key), []).append(row)
        return cls(version, {key: tuple(group) for key, group in grouped.items()})

    @cached_property
    def _changes(self) -> list[datetime]:
        return sorted({row.effective_from for group in self.rows.values() for row in group})

    def epoch(self, at: datetime) -> int:
        """Return a number that is the same for all moments between which no value of this book takes effect."""
        return bisect_right(self._changes, at)

    def chain(self, plugin: str, key: str, path: str, at: datetime) -> list[SettingRow]:
        """Return the values in force from the root down to a place: at most one per place."""
        latest: dict[str, SettingRow] = {}
        for row in self.rows.get((plugin, key), ()):
            if row.effective_from <= at and path.startswith(row.path):
                latest[row.path] = row
        return [latest[step] for step in lineage(path) if step in latest and latest[step].value is not None]

    def resolve(self, plugin: str, model: type[M], path: str, at: datetime) -> Resolved[M]:
        """Work out the settings of a plugin at a place and moment."""
        found = [self._field(plugin, key, info, path, at) for key, info in model.model_fields.items()]
        values = model.model_validate({p.key: p.value for p in found})
        return Resolved(values, tuple(found))

    def is_enabled(self, plugin: str, path: str, at: datetime) -> bool:
        """Say whether a plugin is on at a place: the nearest switch on the way up decides; without any it is off."""
        chain = self.chain(plugin, ENABLED, path, at)
        return bool(chain and chain[-1].value)

    def enabled_ranges(self, plugin: str, at: datetime) -> tuple[tuple[str, str], ...]:
        """Return the disjoint path ranges in which a plugin is on, in order."""
        switches: dict[str, bool] = {}
        for row in self.rows.get((plugin, ENABLED), ()):
            if row.effective_from <= at:
                switches.pop(row.path, None)
                if row.value is not None:
                    switches[row.path] = bool(row.value)
        return _on_ranges(switches)

    def _field(self, plugin: str, key: str, info: FieldInfo, path: str, at: datetime) -> Provenance:
        about = cast("dict[str, Any]", info.json_schema_extra or {})
        value, row = info.get_default(call_default_factory=True), None
        for candidate in self.chain(plugin, key, path, at):
            if _may_override(about, value, candidate.value):
                value, row = candidate.value, candidate
        source, confidence = str(about.get("source", "ours")), str(about.get("confidence", "DESIGN"))
        if row is None:
            return Provenance(key, _plain(value), None, None, None, source, confidence)
        return Provenance(key, value, row.code, row.place_name, row.effective_from, source, confidence, row.reason)


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)


def _may_override(about: Mapping[str, Any], above: Any, below: Any) -> bool:
    policy = about.get("override", Override.FREE.value)
    if policy == Override.NONE.value:
        return False
    if policy != Override.TIGHTEN_ONLY.value:
        return True
    return bool(below >= above if about.get("stricter") == Stricter.HIGHER.value else below <= above)


def check_value(model: type[Settings], key: str, value: Any, above: Any) -> Any:
    """Validate one value before it is set at a place; returns it as JSON-able data, raises Invalid with the reason."""
    info = model.model_fields.get(key)
    if info is None:
        known = ", ".join(model.model_fields) or "none"
        raise errors.invalid(
            f"没有名为 {key[:80]} 的设置项。可用：{known}",
            f"There is no setting {key[:80]}; there are: {known}.",
            "input",
            "key",
        )
    about = cast("dict[str, Any]", info.json_schema_extra or {})
    checked = _validated(model, key, value)
    if not _may_override(about, _plain(above), checked):
        raise errors.invalid(
            f"{key} 由上级或法律规定为 {above}（{about.get('source')}），此处不可这样更改。",
            f"{key} is {above} by what stands above ({about.get('source')}); its policy {about.get('override')} "
            "does not let this place change it so.",
            "input",
            "value",
        )
    return checked


def _validated(model: type[Settings], key: str, value: Any) -> Any:
    """Return a value as the model keeps it: the policy compares that, not how it was written (15, "15" or 15.0)."""
    try:
        return model.model_validate({key: value}).model_dump(mode="json")[key]
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise errors.invalid(f"{key} 的值无效：{said}", f"Not a value for {key}: {said}.", "input", "value") from error


def _on_ranges(switches: Mapping[str, bool]) -> tuple[tuple[str, str], ...]:
    """Flatten nested on/off switches on paths into disjoint ranges that are on."""
    edges: list[tuple[str, bool]] = []  # (position, whether it is on from there); no two share a position
    for path, on in switches.items():
        low, high = subtree_range(path)
        outer = [p for p in switches if p != path and path.startswith(p)]
        edges += [(low, on), (high, switches[max(outer, key=len)] if outer else False)]
    ranges: list[tuple[str, str]] = []
    begin: str | None = None
    for position, on in sorted(edges):
        if on and begin is None:
            begin = position
        elif not on and begin is not None:
            ranges.append((begin, position))
            begin = None
    return tuple(ranges)


SETTINGS_SQL = (
    "SELECT s.plugin, s.key, s.value, s.effective_from, s.reason, c.path, c.code, c.name AS place_name "
    "FROM core_setting s JOIN core_community c ON c.id = s.community_id ORDER BY s.effective_from, s.id"
)


def setting_row(row: Any, value: Any) -> SettingRow:
    """Make a SettingRow of a row of SETTINGS_SQL and its parsed value."""
    return SettingRow(
        row["plugin"], row["key"], value, row["path"], row["code"], row["place_name"],
        from_wire(row["effective_from"]), row["reason"],
    )  # fmt: skip
