"""Enums of wishes beside those of ``rules``."""

from __future__ import annotations

from core.plugin import LabelledEnum


class ClaimState(LabelledEnum):
    """Where a claim stands."""

    OPEN = "OPEN", "进行中", "Open", "The claimer is at it."
    DONE = "DONE", "已完成", "Done", "The beneficiary confirmed."
    REFUSED = "REFUSED", "被谢绝", "Refused", "The beneficiary declined this claimer."
    RELEASED = "RELEASED", "已放弃", "Released", "The claimer gave up."
    LAPSED = "LAPSED", "已过期", "Lapsed", "A period ran out."


class Satisfaction(LabelledEnum):
    """What the beneficiary says of a fulfilled wish."""

    GLAD = "GLAD", "很满意", "Glad", "It was just what was wished for."
    CONTENT = "CONTENT", "满意", "Content", "It was good."
    SO_SO = "SO_SO", "一般", "So-so", "It was not quite what was wished for."
