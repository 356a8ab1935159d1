"""What elections counts: whether committees are filed in time, and follow one another without a gap."""

from __future__ import annotations

from core.plugin import Indicator, IndicatorKind, Words
from plugins.elections.rules import FILING_DAYS, MEETING_MAJORITY

INDICATORS = (
    Indicator(
        "elections.filed_in_time", "按期备案率", "Filed in time", IndicatorKind.SHARE,
        numerator=Words("选举产生三十日内报备案的", "Those filed within 30 days of the election"),
        denominator=Words("本期选举产生的业委会", "Committees elected in the period"),
        unit=Words("个", "committees"), source=FILING_DAYS.source, settles_days=30,
        sql="SELECT m.community_id AS place, COUNT(CASE WHEN e.filed_at < e.filing_due THEN 1 END) AS numerator, "
        "COUNT(*) AS denominator FROM elections_election e JOIN core_matter m ON m.id = e.matter_id "
        "WHERE e.decided_at >= :begin AND e.decided_at < :end AND e.filing_due IS NOT NULL GROUP BY m.community_id",
    ),
    Indicator(
        "elections.quorate_meetings", "有效会议率", "Quorate meetings", IndicatorKind.SHARE,
        numerator=Words("出席过半数的", "Those with more than half of the members there"),
        denominator=Words("本期结束的业委会会议", "Committee meetings closed in the period"),
        unit=Words("次", "meetings"), source=MEETING_MAJORITY,
        guard=Words("签到须本人，不得代签；不统计个人出席。", "Members attend in person; nobody's own attendance is counted."),
        sql="SELECT m.community_id AS place, COUNT(CASE WHEN 2 * g.present > g.members THEN 1 END) AS numerator, "
        "COUNT(*) AS denominator FROM elections_meeting g JOIN core_matter m ON m.id = g.matter_id "
        "WHERE g.closed_at >= :begin AND g.closed_at < :end GROUP BY m.community_id",
    ),
)  # fmt: skip
