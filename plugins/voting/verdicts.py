"""Verdicts as plain data: what is frozen with a result, shown by the API, and recomputed from the certificate."""

from __future__ import annotations

from typing import Any

from plugins.voting import rules
from plugins.voting.kinds import LegName
from plugins.voting.rules import BallotSums, Leg, MatterRule, Reading, Verdict, Weight


def weight_data(weight: Weight) -> dict[str, int]:
    """Write a weight."""
    return {"area": weight.area_centi, "heads": weight.heads}


def sums_data(sums: BallotSums) -> dict[str, dict[str, int]]:
    """Write the sums by choice."""
    return {
        "FOR": weight_data(sums.in_favour),
        "AGAINST": weight_data(sums.against),
        "ABSTAIN": weight_data(sums.abstaining),
    }


def verdict_data(verdict: Verdict, served: Weight) -> dict[str, Any]:
    """Write a verdict with every figure behind it."""
    follow = verdict.follow_majority
    return {
        "matter": verdict.rule.matter.value,
        "code": verdict.rule.code,
        "article": verdict.rule.article,
        "scope": weight_data(verdict.scope),
        "served": weight_data(served),
        "strict": _reading(verdict.strict, verdict.rule),
        "follow": _reading(follow, verdict.rule) if follow else None,
        "barriers": [barrier.value for barrier in verdict.follow_barriers],
        "basis": verdict.decision_basis.value,
        "outcome": verdict.deciding.outcome.value,
        "rests_on_silence": rests_on_silence(verdict),
    }


def rests_on_silence(verdict: Verdict) -> bool:
    """Say whether the outcome would be another one without the silent owners: then a banner says so."""
    return verdict.deciding.outcome is not verdict.strict.outcome


def _reading(reading: Reading, rule: MatterRule) -> dict[str, Any]:
    legs = (
        (LegName.QUORUM_AREA, reading.quorum_area, f"{rule.quorum.source.cite}", True),
        (LegName.QUORUM_HEADS, reading.quorum_heads, f"{rule.quorum.source.cite}", False),
        (LegName.APPROVAL_AREA, reading.approval_area, rule.article, True),
        (LegName.APPROVAL_HEADS, reading.approval_heads, rule.article, False),
    )
    return {
        "basis": reading.basis.value,
        "outcome": reading.outcome.value,
        "sums": sums_data(reading.sums),
        "legs": [_leg(name, leg, article, is_area) for name, leg, article, is_area in legs],
    }


def _leg(name: LegName, leg: Leg, article: str, is_area: bool) -> dict[str, Any]:
    return {
        "name": name.value, "numerator": leg.numerator, "denominator": leg.denominator,
        "threshold": [leg.threshold.numerator, leg.threshold.denominator], "comparison": leg.comparison, "met": leg.met,
        "margin": leg.margin, "margin_zh": margin_text(leg, is_area, "zh"), "margin_en": margin_text(leg, is_area, "en"),
        "article": article,
    }  # fmt: skip


def margin_text(leg: Leg, is_area: bool, language: str) -> str:
    """Say what one leg lacks: 还需 412.50 平方米, 还需 3 位业主, 已达到."""
    met = Leg(1, 1, leg.threshold, ">=")
    return rules.describe_gap(leg, met, language) if is_area else rules.describe_gap(met, leg, language)
