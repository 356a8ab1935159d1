"""What rating counts: who was satisfied, of how many that were asked, and whether the rated replied."""

from __future__ import annotations

from core.plugin import Confidence, FiveZero, Indicator, IndicatorKind, Source, Words

_OURS = Source("本系统约定", Confidence.DESIGN)
# What ended in the period, by its time or before. A rating that told nothing, for too few answered, is in no sum either:
# it could be worked out as what the others lack.
_ENDED = "COALESCE(r.closed_at, r.closes_at) >= :begin AND COALESCE(r.closed_at, r.closes_at) < :end"

INDICATORS = (
    Indicator(
        "rating.satisfied", "满意率", "Satisfied", IndicatorKind.SHARE,
        numerator=Words("回答满意的人次", "Answers that say satisfied"),
        denominator=Words("本期结束的评价收到的全部回答", "All answers to ratings that ended in the period"),
        coverage=Words("回答人次占应邀人次", "Answers, of all who were asked"),
        unit=Words("人次", "answers"), source=_OURS, zero=FiveZero.ZERO_DELAY, of_persons=True,
        guard=Words(
            "同时公布回答率与95%区间；不催评、不奖评。",
            "The share that answered and a 95% interval stand beside it; nobody is pressed or paid to rate.",
        ),
        sql="WITH told AS (SELECT r.matter_id, r.asked, COUNT(s.id) AS answers, "
        "COUNT(CASE WHEN s.score = 'SATISFIED' THEN 1 END) AS satisfied FROM rating_rating r "
        f"JOIN rating_score s ON s.rating_id = r.matter_id WHERE {_ENDED} "
        "GROUP BY r.matter_id, r.asked, r.smallest_group HAVING COUNT(s.id) >= r.smallest_group) "
        "SELECT m.community_id AS place, SUM(t.satisfied) AS numerator, SUM(t.answers) AS denominator, "
        "SUM(t.answers) AS covered, SUM(CASE WHEN t.asked > t.answers THEN t.asked ELSE t.answers END) AS coverable "
        "FROM told t JOIN core_matter m ON m.id = t.matter_id GROUP BY m.community_id",
    ),
    Indicator(
        "rating.replied", "评价回应率", "Ratings replied to", IndicatorKind.SHARE,
        numerator=Words("其中已公开回应的", "Those of them that have a public reply"),
        denominator=Words("本期结束的评价", "Ratings that ended in the period"),
        unit=Words("件", "ratings"), source=_OURS, settles_days=15,
        sql="SELECT m.community_id AS place, COUNT(r.replied_at) AS numerator, COUNT(*) AS denominator "
        f"FROM rating_rating r JOIN core_matter m ON m.id = r.matter_id WHERE {_ENDED} GROUP BY m.community_id",
    ),
)  # fmt: skip
