"""What one-stop data counts of itself: how often published figures had to be corrected."""

from __future__ import annotations

from core.plugin import Confidence, Indicator, IndicatorKind, Source, Words

INDICATORS = (
    Indicator(
        "data.figures_corrected", "已更正的公布数据", "Published figures corrected", IndicatorKind.COUNT,
        numerator=Words("本期作出的更正", "Corrections made in the period"), unit=Words("次", "corrections"),
        source=Source("本系统约定", Confidence.DESIGN),
        guard=Words("更正留痕、原值可查；更正多不等于差。", "The old figure stays readable; more corrections are not worse."),
        sql="SELECT f.community_id AS place, COUNT(*) AS numerator FROM data_version v JOIN data_figure f "
        "ON f.id = v.figure_id WHERE v.number > 1 AND v.at >= :begin AND v.at < :end GROUP BY f.community_id",
    ),
)  # fmt: skip
