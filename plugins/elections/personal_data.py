"""What ``elections`` holds of persons."""

from __future__ import annotations

from core.plugin import ERASED, Held, LegalBasis, PersonalData

_LAW = "个人信息保护法 13(1)(三)；民法典 278；物业管理条例 16"

PERSONAL_DATA = (
    PersonalData(
        "elections.candidacy", "您的参选与任职", "Your candidacies and offices",
        purpose_zh="公开选举与任职。", purpose_en="Public elections and offices.",
        basis=LegalBasis.STATUTORY_DUTY, source=_LAW, retention_zh="长期保存；自我介绍直至注销。",
        retention_en="For good; what you wrote until the account is closed.",
        held=(
            Held("elections_candidate", "person_id = ?",
                 shows=("election_id", "nominated_by", "state", "statement", "occupation", "ground", "citation", "finding", "answer",
                        "appeal", "appeal_answer", "yes_area_centi", "yes_heads", "place"),
                 clears={"statement": ERASED, "occupation": "''", "answer": "''", "appeal": "''"}, stays=True),
            Held("elections_seat", "person_id = ?",
                 shows=("body_id", "office", "since", "until", "ended_at", "end_ground", "end_citation")),
            Held("elections_group_member", "person_id = ?", shows=("election_id", "standing", "is_leader")),
            Held("elections_handover_item", "listed_by_id = ?", shows=("body_id", "name", "listed_at")),
            Held("elections_handover_item", "received_by_id = ?", shows=("body_id", "name", "received_at")),
        ),
        kept_zh="谁参选、谁任职、谁移交是公开记录；只剩一个不含姓名的编号。",
        kept_en="Who stood, held office and handed over is public record; a number without a name is left of you.",
    ),
    PersonalData(
        "elections.signature", "您的联名", "Your signatures",
        purpose_zh="每名业主只计一次。", purpose_en="Counting each owner once.",
        basis=LegalBasis.STATUTORY_DUTY, source=_LAW,
        retention_zh="至事项办结且可诉期间届满，或直至注销。",
        retention_en="Until the petition is decided and the time to sue is over, or the account is closed.",
        held=(Held("elections_signature", "person_id = ?", shows=("petition_id", "at"), deletes=True),),
    ),
)  # fmt: skip
