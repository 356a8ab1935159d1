"""What a community may set about the messages to its people."""

from __future__ import annotations

from core.plugin import Confidence, Settings, Source, setting

_OURS = Source("本系统约定", Confidence.DESIGN)


class InboxSettings(Settings):
    """When digests are sent, and how many channels a person may have."""

    digest_hour: int = setting(
        8, "The hour of the day at which digests are sent, China Standard Time.", unit="HOUR", source=_OURS, ge=0, le=23
    )
    most_channels: int = setting(
        5, "How many channels one person may have, and may add within a day.", unit="CHANNEL", source=_OURS, ge=1, le=20
    )
