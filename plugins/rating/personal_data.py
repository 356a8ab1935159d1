"""What ``rating`` holds of persons."""

from __future__ import annotations

from core.plugin import Held, LegalBasis, PersonalData

PERSONAL_DATA = (
    PersonalData(
        "rating.score", "您的评价", "Ratings that you gave",
        purpose_zh="一人一票，截止前可以修改；只公布汇总。",
        purpose_en="Counting each person once, and letting you change your mind until the close; only sums are told.",
        basis=LegalBasis.CONTRACT, source="个人信息保护法 13(1)(二)；物业管理条例 6",
        retention_zh="评价截止后两年；理由在注销时删除。",
        retention_en="Two years after the close; the reason until the account is closed.",
        held=(
            Held("rating_score", "person_id = ?", shows=("rating_id", "score", "reason", "at"), clears={"reason": "''"}, stays=True),
        ),
        kept_zh="已计入的分数保留，使公布的结果可以复核；只剩一个不含姓名的编号。",
        kept_en="A score that was counted stays, so that the result can be checked; a number without a name is left of you.",
    ),
    PersonalData(
        "rating.reply", "您代表单位作出的回复", "Replies that you gave for a provider",
        purpose_zh="证明由谁回复。", purpose_en="Telling who replied.",
        basis=LegalBasis.STATUTORY_DUTY, source="个人信息保护法 13(1)(三)",
        retention_zh="长期保存。", retention_en="For good.",
        held=(Held("rating_rating", "replied_by_id = ?", shows=("subject_name", "period", "reply", "replied_at"), key="matter_id"),),
        kept_zh="公开的答复；回复人只剩一个不含姓名的编号。",
        kept_en="It is a public answer; of who gave it a number without a name is left.",
    ),
)  # fmt: skip
