"""Enums of ratings."""

from __future__ import annotations

from core.plugin import LabelledEnum


class RatingState(LabelledEnum):
    """Where a rating stands."""

    DRAFT = "DRAFT", "待开放", "Draft", "Announced for later; opens by itself."
    OPEN = "OPEN", "评价中", "Open", "People rate, and may change what they said; nobody sees any figure."
    CLOSED = "CLOSED", "已结束", "Closed", "Over; the figures are told unless too few answered."


class RatingSubject(LabelledEnum):
    """What is rated. Persons are not among them."""

    MATTER = "MATTER", "办结事项", "Matter", "One finished item of the community's business."
    SERVICE = "SERVICE", "服务", "Service", "A service, such as cleaning or the station's counter."
    PROVIDER = "PROVIDER", "服务单位", "Provider", "An organisation that provides services, by its name."


class RatingScore(LabelledEnum):
    """What one person says."""

    SATISFIED = "SATISFIED", "满意", "Satisfied", "It was good."
    FAIR = "FAIR", "一般", "Fair", "It was neither good nor bad."
    DISSATISFIED = "DISSATISFIED", "不满意", "Dissatisfied", "It was not good; the reason is asked."
