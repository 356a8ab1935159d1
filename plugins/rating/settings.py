"""What a community may set about its ratings."""

from __future__ import annotations

from core.masks import SMALLEST_GROUP
from core.plugin import Confidence, Override, Settings, Source, Stricter, setting

_OURS = Source("本系统约定", Confidence.DESIGN)


class RatingSettings(Settings):
    """Whose answers are too few to be told, and how long a rating stays open."""

    smallest_group: int = setting(
        SMALLEST_GROUP, "With fewer answers than this no figure is told.", unit="PERSON", source=_OURS,
        override=Override.TIGHTEN_ONLY, stricter=Stricter.HIGHER, ge=SMALLEST_GROUP, le=1000,
    )  # fmt: skip
    window_days: int = setting(
        14,
        "How many whole days a rating stays open when its close is not given.",
        unit="DAY",
        source=_OURS,
        ge=1,
        le=90,
    )
