"""What ``inbox`` holds of persons."""

from __future__ import annotations

from core.plugin import Held, LegalBasis, PersonalData, Sealed

_MINE = "channel_id IN (SELECT id FROM inbox_channel WHERE person_id = ?)"

PERSONAL_DATA = (
    PersonalData(
        "inbox.channels", "通知渠道", "Channels for messages",
        purpose_zh="把与您有关的消息送到您指定的地方。", purpose_en="Bringing news that concern you to where you want them.",
        basis=LegalBasis.CONTRACT, source="个人信息保护法 13(1)(二)",
        retention_zh="直至您删除渠道或注销；送达记录 90 天。",
        retention_en="Until you remove the channel or close the account; the log of deliveries for 90 days.",
        held=(
            Held("inbox_delivery", _MINE, shows=("at", "items", "outcome", "problem"), deletes=True),
            Held(
                "inbox_channel", "person_id = ?",
                shows=("kind", "address_masked", "language", "rhythm", "quiet_from", "quiet_until", "muted", "added_at",
                       "confirmed_at", "paused_at"),
                sealed=(Sealed("address_sealed"), Sealed("secret_sealed"), Sealed("code_sealed")), deletes=True,
            ),
        ),
    ),
    PersonalData(
        "inbox.reading", "您关注的事项与已读标记", "What you follow and have read",
        purpose_zh="显示新消息。", purpose_en="Showing what is new.",
        basis=LegalBasis.CONTRACT, source="个人信息保护法 13(1)(二)",
        retention_zh="直至取消关注或注销。", retention_en="Until you stop following, or close the account.",
        held=(
            Held("inbox_follow", "person_id = ?", shows=("matter_id", "at"), deletes=True),
            Held("inbox_mark", "person_id = ?", shows=("read_up_to", "at"), deletes=True),
        ),
    ),
)  # fmt: skip
