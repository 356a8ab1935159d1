"""The enums of ``inbox``."""

from __future__ import annotations

from core.labels import LabelledEnum


class ChannelKind(LabelledEnum):
    """How messages are brought."""

    EMAIL = "EMAIL", "电子邮件", "E-mail", "Letters to an address that the person has confirmed."
    WEBHOOK = "WEBHOOK", "网络回调", "Webhook", "Signed HTTP requests to an address that has answered a challenge."


class Rhythm(LabelledEnum):
    """When messages are brought."""

    AT_ONCE = "AT_ONCE", "即时", "At once", "As they come, outside of quiet hours."
    DAILY = "DAILY", "每日摘要", "Daily", "Once a day, all together."
    WEEKLY = "WEEKLY", "每周摘要", "Weekly", "On Mondays, all together."


class DeliveryOutcome(LabelledEnum):
    """How a delivery went."""

    DELIVERED = "DELIVERED", "已送达", "Delivered", "The other side took it."
    FAILED = "FAILED", "未送达", "Failed", "The other side did not take it; it is tried again, later and later."
