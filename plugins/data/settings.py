"""What a community may set about its figures."""

from __future__ import annotations

from core.plugin import Confidence, Override, Settings, Source, Stricter, setting

_OURS = Source("本系统约定", Confidence.DESIGN)


class DataSettings(Settings):
    """When a silence is asked about, and when a figure is about too few of those it is about."""

    silence_percent: int = setting(
        50, "A channel whose quarter stays below so many percent of its own four quarters before is to be audited.",
        unit="PERCENT", source=_OURS, override=Override.TIGHTEN_ONLY, stricter=Stricter.HIGHER, ge=50, le=90,
    )  # fmt: skip
    coverage_percent: int = setting(
        30, "A figure that covers less than so many percent of those it is about is marked.", unit="PERCENT", source=_OURS,
        override=Override.TIGHTEN_ONLY, stricter=Stricter.HIGHER, ge=10, le=100,
    )  # fmt: skip
