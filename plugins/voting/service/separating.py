"""Separated surveys: who may answer, how wide a ballot is, and the figures by head."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from core.clock import to_wire
from core.database import Row
from core.hierarchy import subtree_range
from core.kinds import Reach
from core.masks import SMALLEST_GROUP
from core.plugin import Act
from plugins.voting import rules, separated
from plugins.voting.separated import Eligible, Slip

STANDINGS = ("owner", "tenant", "resident")
OTHER = "other"


async def prepare(act: Act, row: Row, motions: Sequence[Row]) -> None:
    """Freeze who may answer a separated survey, and set up its box; raises Conflict when they are too few."""
    by_standing = bool(row["by_standing"])
    digest = await separated.prepare(
        act, act.matter.id, await eligible(act), [_longest(motion) for motion in motions], by_group=by_standing,
        fewest=SMALLEST_GROUP,
    )  # fmt: skip
    await act.tx.execute("UPDATE voting_poll SET roll_hash = ? WHERE matter_id = ?", (digest, act.matter.id))
    act.note(roll_hash=digest)


async def eligible(act: Act) -> list[Eligible]:
    """Return everybody who may answer surveys here today, each once, with the first of their standings."""
    low, high = subtree_range(act.place.path)
    rows = await act.tx.fetch(
        "SELECT DISTINCT a.person_id, a.role_id FROM core_appointment a JOIN core_community c ON c.id = a.community_id "
        "JOIN core_role r ON r.code = a.role_id AND r.reach = ? "
        "JOIN core_role_permission p ON p.role_id = a.role_id AND p.permission = 'voting.answer_survey' AND p.allowed "
        "WHERE c.path >= ? AND c.path < ? AND a.since <= ? AND (a.until IS NULL OR a.until > ?)",
        (Reach.MEMBER.value, low, high, to_wire(act.now), to_wire(act.now)),
    )
    roles: dict[int, set[str]] = {}
    for row in rows:
        roles.setdefault(row["person_id"], set()).add(row["role_id"])
    return [Eligible(person, standing_of(held)) for person, held in roles.items()]


def standing_of(roles: set[str]) -> str:
    """Return as what somebody answers: the first of owner, tenant, resident."""
    return next((role for role in STANDINGS if role in roles), OTHER)


def _longest(motion: Row) -> str:
    offered = len(json.loads(motion["options"]))
    return ",".join(map(str, range(offered - motion["most_options"], offered)))


def figures(motions: Sequence[Row], box: list[list[Slip]] | None) -> list[dict[str, Any]]:
    """Count an opened box, question by question."""
    if box is None:
        return [{"total": None, "groups": {}} for _ in motions]
    return [
        question(motion, [(slip.group, [int(at) for at in slip.answer.split(",")]) for slip in slips])
        for motion, slips in zip(motions, box, strict=True)
    ]


def question(motion: Row, answers: Sequence[tuple[str, Sequence[int]]]) -> dict[str, Any]:
    """Count the answers to one question by head and by group; figures of few are withheld, no group is no group."""
    labels: list[str] = json.loads(motion["options"])
    groups: dict[str, list[Sequence[int]]] = {}
    for group, options in answers:
        groups.setdefault(group, []).append(options)
    counted = rules.tally_survey({name: _counted(labels, chosen) for name, chosen in groups.items()})
    return {
        "total": _figures(counted.total, labels),
        "groups": {name: _figures(count, labels) for name, count in sorted(counted.groups.items()) if name},
    }


def _counted(labels: Sequence[str], chosen: Sequence[Sequence[int]]) -> rules.SurveyCount:
    options = {label: sum(at in picked for picked in chosen) for at, label in enumerate(labels)}
    return rules.SurveyCount(len(chosen), options)


def _figures(count: rules.SurveyCount | None, labels: Sequence[str]) -> dict[str, Any] | None:
    if count is None:
        return None
    return {"heads": count.heads, "options": [[label, count.options.get(label, 0)] for label in labels]}
