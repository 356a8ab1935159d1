"""States of releases, and what a figure is worth."""

from __future__ import annotations

from core.plugin import LabelledEnum


class ReleaseState(LabelledEnum):
    """Where the figures of one place for one period stand."""

    FROZEN = "FROZEN", "已冻结", "Frozen", "The figures stand still and are being checked; not published yet."
    PUBLISHED = (
        "PUBLISHED",
        "已公布",
        "Published",
        "Published; a figure changes only by a correction that tells its reason.",
    )
    DISCARDED = "DISCARDED", "已作废", "Discarded", "Taken back before publication; the period is counted anew."


class Quality(LabelledEnum):
    """What a figure is worth: shown beside it wherever it is shown."""

    SOUND = "SOUND", "可用", "Sound", "Counted, settled, and about enough of what it is about."
    PROVISIONAL = (
        "PROVISIONAL",
        "暂定",
        "Provisional",
        "The period is not over, or what began in it may still be finished.",
    )
    LOW_COVERAGE = (
        "LOW_COVERAGE", "覆盖不足", "Low coverage",
        "Too few of those that could have been looked at were: read it with care.",
    )  # fmt: skip
    SUPPRESSED = (
        "SUPPRESSED", "人数过少不公布", "Suppressed",
        "About fewer than ten persons, or such a figure could be worked out from it; not told.",
    )  # fmt: skip
