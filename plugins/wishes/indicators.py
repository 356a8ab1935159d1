"""What wishes counts: domain reference 5.2, Z2; only what beneficiaries confirmed is a success."""

from __future__ import annotations

from core.plugin import Confidence, FiveZero, Indicator, IndicatorKind, Source, Words

_OURS = Source("本系统约定", Confidence.DESIGN)
# Wishes that were sent back, referred to aid or taken back before they hung on the wall were not there to be fulfilled.
_VALID = (
    "FROM wishes_wish w JOIN core_matter m ON m.id = w.matter_id "
    "WHERE w.published_at IS NOT NULL AND w.submitted_at >= :begin AND w.submitted_at < :end GROUP BY m.community_id"
)

INDICATORS = (
    Indicator(
        "wishes.fulfilled", "圆梦率", "Wishes fulfilled", IndicatorKind.SHARE,
        numerator=Words("三十日内由许愿人确认的", "Those confirmed by the beneficiary within 30 days"),
        denominator=Words("本期提交并上墙的心愿（不是被认领的）", "Wishes handed in that went on the wall; not: claimed"),
        unit=Words("件", "wishes"), source=_OURS, zero=FiveZero.ZERO_BARRIER, of_persons=True, settles_days=30,
        guard=Words(
            "不得自认领；沉默不算确认；单件价值有上限；抽样回访。",
            "Nobody claims their own; silence confirms nothing; values are capped; samples are called back.",
        ),
        sql="SELECT m.community_id AS place, COUNT(CASE WHEN DAYS(w.submitted_at, w.confirmed_at) <= 30 THEN 1 END) "
        "AS numerator, COUNT(*) AS denominator " + _VALID,
    ),
    Indicator(
        "wishes.claimed_in_14_days", "十四日内被认领率", "Claimed within 14 days", IndicatorKind.SHARE,
        numerator=Words("上墙十四日内有人认领的", "Those claimed within 14 days of going on the wall"),
        denominator=Words("本期提交并上墙的心愿", "Wishes handed in that went on the wall"),
        unit=Words("件", "wishes"), source=_OURS, zero=FiveZero.ZERO_BARRIER, of_persons=True, settles_days=30,
        sql="SELECT m.community_id AS place, COUNT(CASE WHEN EXISTS (SELECT 1 FROM wishes_claim c WHERE "
        "c.wish_id = w.matter_id AND DAYS(w.published_at, c.claimed_at) <= 14) THEN 1 END) AS numerator, "
        "COUNT(*) AS denominator " + _VALID,
    ),
    Indicator(
        "wishes.handed_in", "提交的心愿", "Wishes handed in", IndicatorKind.VOLUME,
        numerator=Words("本期提交并上墙的心愿", "Wishes handed in that went on the wall"), unit=Words("件", "wishes"),
        source=_OURS, zero=FiveZero.ZERO_BARRIER, of_persons=True,
        sql="SELECT m.community_id AS place, COUNT(*) AS numerator " + _VALID,
    ),
)  # fmt: skip
