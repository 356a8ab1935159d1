"""The words of voting beside those of ``rules``."""

from __future__ import annotations

from core.plugin import LabelledEnum


class PollKind(LabelledEnum):
    """What a poll is in law."""

    STATUTORY = (
        "STATUTORY", "业主共同决定", "Joint decision of owners",
        "A vote of the owners by area and heads under 民法典 278; needs a confirmed voter roll and a notice.",
    )  # fmt: skip
    SURVEY = (
        "SURVEY",
        "民意问卷",
        "Survey",
        "A plain question to everybody here, one answer a person; it decides nothing.",
    )


class BallotMode(LabelledEnum):
    """How ballots are kept; fixed when the poll is announced."""

    OPEN = (
        "OPEN", "记名", "Named",
        "Each ballot is kept with its voter and sealed until the close; what joint decisions of owners by area need.",
    )  # fmt: skip
    SEPARATED = (
        "SEPARATED", "不记名", "Separated",
        "By head, with no link between who voted and what was voted; needs at least 30 eligible voters.",
    )  # fmt: skip


EXPLAINED = {
    BallotMode.OPEN: (
        "记名表决：您的选择与您的身份一并保存，截止前任何人都看不到；截止后只公布合计，监票人可留痕查验。",
        (
            "Named: your ballot is kept with who you are and sealed from everybody until the close; afterwards only totals are "
            "published, and scrutineers may inspect ballots on the record."
        ),
    ),
    BallotMode.SEPARATED: (
        "不记名：谁已投票与投了什么分开保存，互不关联；投出后找不到您的票，不能更改或撤回；凭证只证明您已投票，不证明投了什么。",
        (
            "Not named: who has voted and what was voted are kept apart without a link; once cast, your ballot cannot be found, "
            "changed or withdrawn; your receipt proves that you voted, never what."
        ),
    ),
}
"""What voters are told before they vote, in one sentence: Chinese, English."""


class PollState(LabelledEnum):
    """Where a poll stands."""

    DRAFT = "DRAFT", "草稿", "Draft", "Being prepared; only those who may draft see it."
    ANNOUNCED = "ANNOUNCED", "已公告", "Announced", "Motions, roll and settings are frozen; voting has not begun."
    VOTING = "VOTING", "表决中", "Voting", "Ballots are accepted."
    CLOSED = "CLOSED", "已截止", "Closed", "No ballot is accepted any more; the count is to come."
    PRELIMINARY = (
        "PRELIMINARY",
        "结果公示（询异）",
        "Preliminary",
        "Counted; the result is shown and open to objections.",
    )
    CONFIRMED = "CONFIRMED", "结果生效", "Confirmed", "The time to object is over and no objection is open."
    VOID = "VOID", "无效", "Void", "Declared void for a legal reason; its figures stay for the record."
    WITHDRAWN = "WITHDRAWN", "已撤回", "Withdrawn", "Taken back before voting began, with a reason."


class LegalEffect(LabelledEnum):
    """What a result counts for."""

    ADVISORY = (
        "ADVISORY",
        "仅供参考",
        "Advisory",
        "Not a decision in law until the vote is repeated in a recognised form.",
    )
    BINDING = (
        "BINDING",
        "具有法律效力",
        "Binding",
        "The local authority recognises electronic votes taken with this system.",
    )


class SilencePolicy(LabelledEnum):
    """How owners who return nothing are treated."""

    STRICT = "STRICT", "不计入", "Strict", "They do not take part."
    FOLLOW_MAJORITY = (
        "FOLLOW_MAJORITY", "从众条款", "Follow the majority",
        "Where the law's conditions are met, owners who were served join the leading side; contested.",
    )  # fmt: skip


class DeliveryMethod(LabelledEnum):
    """How a ballot was brought to an owner."""

    IN_PERSON = "IN_PERSON", "当面", "In person", "Handed over; the recipient signed."
    MAIL = "MAIL", "邮寄", "Mail", "Sent by post with proof of delivery."
    LETTER_BOX = "LETTER_BOX", "投递信箱", "Letter box", "Put into the letter box."
    ELECTRONIC = "ELECTRONIC", "电子送达", "Electronic", "Sent to the address the owner gave for this."


class SlipState(LabelledEnum):
    """Where a numbered paper ballot stands. What is marked on it is never shown."""

    ISSUED = "ISSUED", "已编号", "Issued", "Numbered for an entry of the roll."
    ENTERED = "ENTERED", "已录入", "Entered", "Entered by one person; a second one has to enter it again."
    CONFIRMED = "CONFIRMED", "已复核", "Confirmed", "Two persons entered the same; it is a returned ballot."
    CONFLICT = (
        "CONFLICT",
        "录入不一致",
        "Conflict",
        "Two persons entered different things; the scrutineers begin again.",
    )


class MyBallotState(LabelledEnum):
    """How one's entry of the roll stands in a poll."""

    NOT_CAST = "NOT_CAST", "未投票", "Not cast", "No ballot has come in for this entry."
    CAST = "CAST", "已投票", "Cast", "A valid ballot has come in."
    CONFLICTED = (
        "CONFLICTED",
        "共有人意见冲突",
        "Conflicted",
        "Co-owners differ; none counts until they designate a representative.",
    )
    NOT_VALID = "NOT_VALID", "未形成有效票", "Not valid", "What came in does not count for any motion."


class ResultObjectionState(LabelledEnum):
    """What became of an objection to a result."""

    OPEN = "OPEN", "待答复", "Open", "Not answered yet; the result is not confirmed before it is."
    UPHELD = "UPHELD", "成立", "Upheld", "It was right."
    REJECTED = "REJECTED", "不成立", "Rejected", "It was not right; the answer says why."


class Remedy(LabelledEnum):
    """What follows from an objection that was right."""

    RECOUNT = "RECOUNT", "重新计票", "Recount", "The ballots are counted again and the result is shown anew."
    VOID = "VOID", "宣告无效", "Void", "The poll is declared void."
    NOTHING = "NOTHING", "更正说明", "Nothing", "The outcome stands; the answer corrects the record."


class LegName(LabelledEnum):
    """One of the four comparisons behind an outcome."""

    QUORUM_AREA = "QUORUM_AREA", "参与面积", "Quorum by area", "Area taking part, of all area."
    QUORUM_HEADS = "QUORUM_HEADS", "参与人数", "Quorum by heads", "Heads taking part, of all heads."
    APPROVAL_AREA = "APPROVAL_AREA", "同意面积", "Approval by area", "Area in favour, of the area taking part."
    APPROVAL_HEADS = "APPROVAL_HEADS", "同意人数", "Approval by heads", "Heads in favour, of the heads taking part."
