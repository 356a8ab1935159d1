"""What ``voting`` holds of persons. Ballots stay and are counted; what ties them to a person goes."""

from __future__ import annotations

from core.plugin import ERASED, Held, LegalBasis, PersonalData, Sealed
from plugins.voting import separated

_MY_ENTRIES = "entry_id IN (SELECT v.entry_id FROM register_roll_voter v WHERE v.person_id = ?)"
_LAW = "个人信息保护法 13(1)(三)；民法典 278；业主大会和业主委员会指导规则 26"
_TERM_ZH, _TERM_EN = "业主委员会任期届满后三年。", "The term of the committee and three years."

_PROXY = ("poll_id", "scope", "begins", "until", "made_at", "used_at", "revoked_at")

PERSONAL_DATA = (
    PersonalData(
        "voting.ballot", "您的表决票", "Your ballots",
        purpose_zh="计票，并证明计票无误。", purpose_en="Counting the votes, and proving the count.",
        basis=LegalBasis.STATUTORY_DUTY, source=_LAW, retention_zh=_TERM_ZH, retention_en=_TERM_EN,
        held=(
            Held("voting_slip", _MY_ENTRIES, shows=("poll_id", "number", "state", "delivery", "delivered_at", "delivery_note"),
                 clears={"delivery_note": "''"}),
            Held("voting_ballot", _MY_ENTRIES, shows=("poll_id", "choices", "area_centi", "heads", "building", "at")),
            Held("voting_returned", "person_id = ?",
                 shows=("poll_id", "channel", "at", "marks", "is_signed", "withdrawn_at", "nonce", "receipt"),
                 clears={"person_id": "NULL"}, stays=True),
            Held("voting_tick", "voter_id = ?", shows=("matter_id", "category", "mark", "has_voted")),
            Held("voting_answer", "person_id = ?", shows=("poll_id", "standing", "options", "at")),
            Held("voting_box_part", "", sealed=(Sealed("sealed"),)),
            Held("voting_box", "", sealed=(Sealed("receipt_key_sealed"),), key="matter_id"),
        ),
        kept_zh="票必须可以重新计算，否则决定无从证明；与您本人的联系已删除。不记名的票不知属于谁，无法也不必删除。",
        kept_en="Ballots have to be countable again, or the decision could not be proved; what tied them to you is gone. "
        "Of ballots in a separated box nobody knows whose they are.",
        follows=separated.keep_receipt_keys,
    ),
    PersonalData(
        "voting.proxy", "委托书", "Authorisations to vote",
        purpose_zh="代不能到场的业主投票。", purpose_en="Voting for an owner who cannot.",
        basis=LegalBasis.STATUTORY_DUTY, source=_LAW, retention_zh=_TERM_ZH, retention_en=_TERM_EN,
        held=(
            Held("voting_proxy", "principal_id = ?", shows=(*_PROXY, "marks")),
            Held("voting_proxy", "holder_id = ?", shows=_PROXY),
        ),
        kept_zh="委托证明代投的票有效；双方只剩不含姓名的编号。",
        kept_en="An authorisation makes the ballot of a proxy valid; of both, numbers without names are left.",
    ),
    PersonalData(
        "voting.objection", "对结果的异议", "Objections to results",
        purpose_zh="答复提出异议的业主。", purpose_en="Answering the owner who objects.",
        basis=LegalBasis.STATUTORY_DUTY, source="个人信息保护法 13(1)(三)；民法典 280",
        retention_zh=_TERM_ZH, retention_en=_TERM_EN,
        held=(
            Held("voting_result_objection", "person_id = ?", shows=("poll_id", "text", "state", "at", "answer", "answered_at"),
                 clears={"text": ERASED, "answer": "CASE WHEN answer = '' THEN '' ELSE '〔已删除〕' END"}),
        ),
    ),
    PersonalData(
        "voting.office", "您参选或经办的事务", "Candidacies, and what you did in office",
        purpose_zh="公开选举；证明由谁送达、录入、答复。",
        purpose_en="Public elections; telling who delivered, entered and answered.",
        basis=LegalBasis.STATUTORY_DUTY, source=_LAW, retention_zh="长期保存。", retention_en="For good.",
        held=(
            Held("voting_motion", "candidate_id = ?", shows=("poll_id", "title", "text")),
            Held("voting_slip", "delivered_by_id = ?", shows=("poll_id", "number", "delivered_at")),
            Held("voting_slip", "entered_by_id = ?", shows=("poll_id", "number", "entered_at")),
            Held("voting_slip", "confirmed_by_id = ?", shows=("poll_id", "number", "confirmed_at")),
            Held("voting_result_objection", "answered_by_id = ?", shows=("poll_id", "answered_at")),
        ),
        kept_zh="选举与计票是公开记录：候选人的题目保留原文，经办人只剩不含姓名的编号。",
        kept_en="Elections and counts are public record: a candidate's motion stays as it was put; of who dealt with ballots, "
        "numbers without names are left.",
    ),
)  # fmt: skip
