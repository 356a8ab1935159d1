"""What notices counts: what was posted, and whether objections were answered in time."""

from __future__ import annotations

from core.plugin import Confidence, Indicator, IndicatorKind, Source, Words

_OURS = Source("本系统约定", Confidence.DESIGN)

INDICATORS = (
    Indicator(
        "notices.posted", "发布的公示", "Notices posted", IndicatorKind.COUNT,
        numerator=Words("首次发布的公示", "Notices posted for the first time"), unit=Words("件", "notices"), source=_OURS,
        sql="SELECT m.community_id AS place, COUNT(*) AS numerator FROM notices_notice n "
        "JOIN core_matter m ON m.id = n.matter_id WHERE n.posted_at >= :begin AND n.posted_at < :end "
        "GROUP BY m.community_id",
    ),
    Indicator(
        "notices.objections_in_time", "公示异议按时答复率", "Objections answered in time", IndicatorKind.SHARE,
        numerator=Words("其中按时答复的", "Those of them that were answered by then"),
        denominator=Words("答复期限在本期内的异议", "Objections whose answer was due in the period"),
        unit=Words("件", "objections"), source=_OURS,
        sql="SELECT m.community_id AS place, COUNT(CASE WHEN o.answered_at <= o.answer_due THEN 1 END) AS numerator, "
        "COUNT(*) AS denominator FROM notices_objection o JOIN core_matter m ON m.id = o.notice_id "
        "WHERE o.answer_due >= :begin AND o.answer_due < :end GROUP BY m.community_id",
    ),
)  # fmt: skip
