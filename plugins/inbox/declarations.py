"""What ``inbox`` permits and tells. It has no kind of matter: what it shows are news of other features' matters."""

from __future__ import annotations

from core.plugin import EventType, Permission, Telling

KEEP = "inbox.keep_inbox"

PERMISSIONS = (
    Permission(
        KEEP, "管理自己的消息", "Follow matters, and have news brought by e-mail and webhooks", roles=("signed_in",)
    ),
)

EVENTS = (
    EventType("inbox.channel_added", "已添加通知渠道", "A channel for messages was added"),
    EventType("inbox.channel_confirmed", "通知渠道已确认", "A channel for messages was confirmed"),
    EventType("inbox.channel_removed", "通知渠道已删除", "A channel for messages was removed"),
    EventType("inbox.channel_paused", "通知渠道已暂停：多次送达失败", "A channel was paused: its deliveries failed again and again",
              tells=Telling.CONCERNED),
)  # fmt: skip
