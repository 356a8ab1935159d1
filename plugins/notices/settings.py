"""What a community may set about its notices."""

from __future__ import annotations

from core.plugin import Confidence, Override, Settings, Source, Stricter, setting


class NoticesSettings(Settings):
    """Options of ``notices``; the statutory periods are in ``rules.py``, by kind of notice."""

    jurisdiction: str = setting(
        "CN-440604", "Whose local rules apply to periods: the code of a jurisdiction, most particular last.",
        pattern=r"^CN(-\d{2,6})?$",
    )  # fmt: skip
    objection_answer_days: int = setting(
        5, "Within how many working days an objection is answered.", unit="WORKING_DAY",
        source=Source("本系统约定", Confidence.DESIGN), override=Override.TIGHTEN_ONLY, stricter=Stricter.LOWER, ge=1, le=30,
    )  # fmt: skip
