"""Error codes of ``data``."""

from __future__ import annotations

from core.plugin import Conflict, Invalid, Problem

BAD_PERIOD = Problem(
    Invalid, "data.bad_period", "“{period}”不是周期。请写 2026-03、2026-Q1 或 2026。",
    "{period} is no period. Write 2026-03, 2026-Q1 or 2026.",
)  # fmt: skip
NOT_SETTLED = Problem(
    Conflict, "data.not_settled", "{period} 尚不能冻结：{indicator} 到 {until} 才统计完毕（最早只统计近两年）。",
    "{period} cannot be frozen yet: {indicator} is still counted until {until} (and nothing before the last two years is).",
)  # fmt: skip
ALREADY_FROZEN = Problem(
    Conflict, "data.already_frozen", "{place} {period} 的数据已冻结；要更改请更正单项数据。",
    "The figures of {place} for {period} are frozen already. Correct a figure instead.",
)  # fmt: skip
NOT_OF_RELEASE = Problem(
    Invalid, "data.not_of_release", "该数据不属于这次公布。", "The figure is not one of this release.",
)  # fmt: skip
BAD_FIGURE = Problem(
    Invalid, "data.bad_figure", "数值无效：须为非负整数，分子不大于分母，已覆盖不大于应覆盖。",
    "Not a figure: whole numbers, the numerator not above the denominator, covered not above coverable.",
)  # fmt: skip
SAME_FIGURE = Problem(
    Conflict, "data.same_figure", "数值没有变化，无需更正。", "The figure says so already; there is nothing to correct."
)  # fmt: skip

PROBLEMS = (BAD_PERIOD, NOT_SETTLED, ALREADY_FROZEN, NOT_OF_RELEASE, BAD_FIGURE, SAME_FIGURE)
