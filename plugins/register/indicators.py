"""What the register counts: how complete it is, and whether objections to rolls were settled."""

from __future__ import annotations

from core.plugin import Confidence, Indicator, IndicatorKind, Source, Words

_OURS = Source("本系统约定", Confidence.DESIGN)

INDICATORS = (
    Indicator(
        "register.units_with_owner", "登记完整率", "Units with a known owner", IndicatorKind.SHARE,
        numerator=Words("期末登记有业主的", "Those with an owner on record at the end of the period"),
        denominator=Words("期末存在的已交付专有部分", "Delivered units that existed at the end of the period"),
        unit=Words("户", "units"), source=_OURS,
        sql="SELECT u.community_id AS place, COUNT(CASE WHEN EXISTS (SELECT 1 FROM register_ownership o WHERE "
        "o.unit_id = u.id AND (o.since IS NULL OR o.since < :end_day) AND (o.until IS NULL OR o.until >= :end_day)) "
        "THEN 1 END) AS numerator, COUNT(*) AS denominator FROM register_unit u WHERE u.delivered "
        "AND u.use IN ('DWELLING', 'SHOP') AND (u.retired_on IS NULL OR u.retired_on >= :end_day) "
        "GROUP BY u.community_id",
    ),
    Indicator(
        "register.roll_objections_answered", "名册异议答复率", "Objections to rolls answered", IndicatorKind.SHARE,
        numerator=Words("其中已答复的", "Those of them that were answered"),
        denominator=Words("收到的名册异议", "Objections to voter rolls that came in"),
        unit=Words("件", "objections"), source=_OURS, settles_days=15,
        sql="SELECT m.community_id AS place, COUNT(o.answered_at) AS numerator, COUNT(*) AS denominator "
        "FROM register_roll_objection o JOIN core_matter m ON m.id = o.roll_id "
        "WHERE o.made_at >= :begin AND o.made_at < :end GROUP BY m.community_id",
    ),
)  # fmt: skip
