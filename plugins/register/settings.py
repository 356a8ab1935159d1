"""What a community may set about its register and its voter rolls."""

from __future__ import annotations

from core.plugin import Confidence, Override, Settings, Source, Stricter, setting
from plugins.register.rules import OVERLAP_SOURCE, PARKING_SOURCE, HeadsKey

OBJECTION_SOURCE = Source("名册公示与异议期", Confidence.DESIGN)


class RegisterSettings(Settings):
    """Options of ``register``; what the law fixes about counting is in ``rules.py`` and cannot be set."""

    heads_key: HeadsKey = setting(
        HeadsKey.OWNER_SET,
        "What makes two units one head when co-owners overlap: exactly the same owners, or any owner in common. "
        "Frozen with every roll and shown beside it.",
        source=OVERLAP_SOURCE, override=Override.CHOICE,
    )  # fmt: skip
    include_parking: bool = setting(
        False,
        "Whether parking spaces with a title of their own count by area and heads; for the bylaws to decide.",
        source=PARKING_SOURCE, override=Override.CHOICE,
    )  # fmt: skip
    objection_days: int = setting(
        7, "For how many days owners may object to a published roll.", unit="CALENDAR_DAY",
        source=OBJECTION_SOURCE, override=Override.TIGHTEN_ONLY, stricter=Stricter.HIGHER, ge=7, le=60,
    )  # fmt: skip
    check_documents: bool = setting(
        True,
        "Whether identity numbers and credit codes must pass their check digits. Switch off for demonstrations and "
        "tests only, whose numbers must fail them so that they belong to nobody.",
    )
