"""What ``notices`` holds of persons."""

from __future__ import annotations

from core.plugin import ERASED, Held, LegalBasis, PersonalData

PERSONAL_DATA = (
    PersonalData(
        "notices.acknowledgement", "签收", "Acknowledgements of notices",
        purpose_zh="证明公示已送达本人。", purpose_en="Proving that a notice reached you.",
        basis=LegalBasis.STATUTORY_DUTY, source="个人信息保护法 13(1)(三)；民法典 278",
        retention_zh="公示结束后三年。", retention_en="Three years after the notice came down.",
        held=(Held("notices_acknowledgement", "person_id = ?", shows=("notice_id", "at")),),
        kept_zh="送达证明是决定有效的依据；其中没有姓名。",
        kept_en="That a notice was delivered makes a decision valid; no name is in the proof.",
    ),
    PersonalData(
        "notices.objection", "对公示的异议", "Objections to notices",
        purpose_zh="答复提出异议的人。", purpose_en="Answering whoever objects.",
        basis=LegalBasis.STATUTORY_DUTY, source="个人信息保护法 13(1)(三)；民法典 280",
        retention_zh="公示结束后三年；注销时删除您写的内容。",
        retention_en="Three years after the notice came down; what you wrote until the account is closed.",
        held=(
            Held(
                "notices_objection", "person_id = ?",
                shows=("notice_id", "text", "at", "state", "answer", "answered_at"),
                clears={"text": ERASED, "answer": "CASE WHEN answer IS NULL THEN NULL ELSE '〔已删除〕' END"},
            ),
        ),
    ),
    PersonalData(
        "notices.office", "您发布与答复的公示", "Notices that you wrote, posted and answered in office",
        purpose_zh="证明由谁发布。", purpose_en="Telling who published.",
        basis=LegalBasis.STATUTORY_DUTY, source="个人信息保护法 13(1)(三)",
        retention_zh="随公示长期保存。", retention_en="For good, as the notice.",
        held=(
            Held("notices_version", "by_id = ?", shows=("notice_id", "number", "title", "body", "at", "reason")),
            Held("notices_posting", "by_id = ?", shows=("notice_id", "place", "location", "at")),
            Held("notices_objection", "answered_by_id = ?", shows=("notice_id", "answered_at")),
        ),
        kept_zh="公示是社区的公开记录；发布人只剩一个不含姓名的编号。",
        kept_en="Notices are the community's public record; of who published, a number without a name is left.",
    ),
)  # fmt: skip
