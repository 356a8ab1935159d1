"""What voting counts: how many owners took part, by the strict count, and whether objections were answered."""

from __future__ import annotations

from core.plugin import Confidence, FiveZero, Indicator, IndicatorKind, Source, Words

_CC278 = Source("民法典 278", Confidence.VERIFIED)
_OURS = Source("本系统约定", Confidence.DESIGN)
_NO_QUOTA = Words(
    "不设参与率指标；付费或强制投票应如实通报；未参与不推定为同意。",
    "There is no turnout quota; paid or forced voting is to be reported; silence counts for nothing.",
)
_COUNTED = (
    "FROM voting_turnout t JOIN voting_poll p ON p.matter_id = t.poll_id JOIN core_matter m ON m.id = p.matter_id "
    "WHERE p.kind = 'STATUTORY' AND p.counted_at >= :begin AND p.counted_at < :end AND m.state <> 'VOID' "
    "GROUP BY m.community_id"
)

INDICATORS = (
    Indicator(
        "voting.strict_turnout_heads", "业主参与率（人数，严格口径）", "Strict turnout by heads", IndicatorKind.SHARE,
        numerator=Words("参与表决的人数", "Heads that took part"),
        denominator=Words("名册上的全部人数", "All heads of the rolls"),
        unit=Words("人", "heads"), source=_CC278, zero=FiveZero.ZERO_ERRAND, guard=_NO_QUOTA, of_persons=True,
        sql="SELECT m.community_id AS place, SUM(t.heads) AS numerator, SUM(t.all_heads) AS denominator " + _COUNTED,
    ),
    Indicator(
        "voting.strict_turnout_area", "业主参与率（面积，严格口径）", "Strict turnout by area", IndicatorKind.SHARE,
        numerator=Words("参与表决的专有部分面积", "Exclusive area that took part"),
        denominator=Words("名册上的全部面积", "All area of the rolls"),
        unit=Words("0.01平方米", "0.01 m²"), source=_CC278, zero=FiveZero.ZERO_ERRAND, guard=_NO_QUOTA, has_interval=False,
        sql="SELECT m.community_id AS place, SUM(t.area_centi) AS numerator, SUM(t.all_area_centi) AS denominator " + _COUNTED,
    ),
    Indicator(
        "voting.objections_answered", "表决结果异议答复率", "Objections to results answered", IndicatorKind.SHARE,
        numerator=Words("其中已答复的", "Those of them that were answered"),
        denominator=Words("收到的结果异议", "Objections to results that came in"),
        unit=Words("件", "objections"), source=_OURS, settles_days=15,
        sql="SELECT m.community_id AS place, COUNT(o.answered_at) AS numerator, COUNT(*) AS denominator "
        "FROM voting_result_objection o JOIN core_matter m ON m.id = o.poll_id "
        "WHERE o.at >= :begin AND o.at < :end GROUP BY m.community_id",
    ),
)  # fmt: skip
