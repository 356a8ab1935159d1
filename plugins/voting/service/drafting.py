"""Preparing a poll: drafting, motions, announcement, withdrawal, extension."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from core import calendar
from core.clock import from_wire, to_wire
from core.database import Row
from core.fields import canonical_json
from core.ids import new_id
from core.kinds import LinkRelation
from core.plugin import Act, check_text, deed
from core.settings import Resolved
from plugins.notices import api as notices
from plugins.register import api as register
from plugins.voting import roll, rules
from plugins.voting.ballots import MOST_MOTIONS
from plugins.voting.kinds import EXPLAINED, BallotMode, LegalEffect, PollKind
from plugins.voting.lifecycle import POLL
from plugins.voting.problems import (
    BAD_EXTENSION,
    BAD_WINDOW,
    EXTENDED_BEFORE,
    IN_THE_PAST,
    JUSTIFICATION_NEEDED,
    MATTER_NEEDED,
    MUST_BE_NAMED,
    NO_MOTIONS,
    NOT_SUB_AREA,
    NOTICES_OFF,
    OPTIONS_NEEDED,
    ROLL_DIFFERS,
    ROLL_ELSEWHERE,
    ROLL_NEEDED,
    ROLL_NOT_FINAL,
    STRANGE_MOTION,
    TOO_MANY_MOTIONS,
    TOO_SOON,
    WRONG_KIND,
    WRONG_MODE,
)  # fmt: skip
from plugins.voting.rules import JointDecisionMatter
from plugins.voting.service import separating
from plugins.voting.settings import VotingSettings, frozen

AT_ONCE = timedelta(minutes=10)
"""How far the opening of a survey may lie back when it is announced: it opens at once then. No notice period binds it."""


async def poll_row(act: Act) -> Row:
    """Return the row of the deed's poll."""
    [found] = await act.tx.fetch("SELECT * FROM voting_poll WHERE matter_id = ?", (act.matter.id,))
    return found


def must_be(row: Row, kind: PollKind) -> None:
    """Raise Conflict when a poll is not of this kind."""
    if row["kind"] != kind.value:
        is_one = PollKind(row["kind"])
        raise WRONG_KIND(kind=is_one.value, kind_zh=is_one.label_zh)


def must_have(row: Row, mode: BallotMode) -> None:
    """Raise Conflict when a poll does not have this mode."""
    if row["mode"] != mode.value:
        has = BallotMode(row["mode"])
        raise WRONG_MODE(mode=has.value, mode_zh=has.label_zh)


def mode_of(kind: PollKind, wanted: BallotMode | None) -> BallotMode:
    """Return the mode of a poll: as wanted, else what is usual for its kind; raises Invalid for a secret joint decision."""
    if kind is PollKind.SURVEY:
        return wanted or BallotMode.SEPARATED
    if wanted is BallotMode.SEPARATED:
        raise MUST_BE_NAMED(path=("input", "mode"))
    return BallotMode.OPEN


@deed("voting.draft_poll", opens=POLL)
async def draft_poll(
    act: Act,
    *,
    title: str,
    body: str,
    opens_at: datetime,
    closes_at: datetime | None = None,
    kind: PollKind = PollKind.STATUTORY,
    roll: int | None = None,
    scope_justification: str = "",
    silence_text: str = "",
    legal_review_note: str = "",
    is_first_assembly: bool = False,
    mode: BallotMode | None = None,
    by_standing: bool = False,
) -> int:
    """Begin a poll; nobody sees it but those who may draft. Add motions, then announce it."""
    ends = closes_at or opens_at + timedelta(days=act.settings(VotingSettings).window_days)
    return await insert_poll(
        act, title, body, opens_at, ends, kind=kind, roll=roll, scope_justification=scope_justification,
        silence_text=silence_text, legal_review_note=legal_review_note, is_first_assembly=is_first_assembly, mode=mode,
        by_standing=by_standing,
    )  # fmt: skip


async def insert_poll(
    act: Act,
    title: str,
    body: str,
    opens_at: datetime,
    closes_at: datetime,
    *,
    kind: PollKind,
    roll: int | None,
    scope_justification: str = "",
    silence_text: str = "",
    legal_review_note: str = "",
    is_first_assembly: bool = False,
    mode: BallotMode | None = None,
    by_standing: bool = False,
) -> int:
    """Write the rows of a draft; returns its key."""
    key = await act.open(POLL, check_text(title, "title"))
    await act.tx.execute(
        "INSERT INTO voting_poll (matter_id, kind, mode, by_standing, body, roll_id, roll_hash, area_centi, heads, opens_at, closes_at, "
        "extension_reason, scope_justification, silence_text, legal_review_note, is_first_assembly, round, "
        "certificate_hash, end_reason, end_basis) VALUES (?, ?, ?, ?, ?, ?, '', 0, 0, ?, ?, '', ?, ?, ?, ?, 0, '', '', '')",
        (key, kind.value, mode_of(kind, mode).value, by_standing,
         check_text(body, "body", most=20_000), roll, to_wire(opens_at), to_wire(closes_at),
         check_text(scope_justification, "scopeJustification", least=0, most=500),
         check_text(silence_text, "silenceText", least=0, most=500),
         check_text(legal_review_note, "legalReviewNote", least=0, most=500), is_first_assembly),
    )  # fmt: skip
    return key


@deed(on=POLL, step="add_motion")
async def add_motion(
    act: Act,
    *,
    title: str,
    text: str = "",
    matter: JointDecisionMatter | None = None,
    candidate: int | None = None,
    options: Sequence[str] | None = None,
    most_options: int = 1,
) -> int:
    """Add a question to a draft: one of the nine joint decisions, or for surveys a question with its options."""
    row = await poll_row(act)
    choices = _options(row, matter, options, most_options)
    last = await act.tx.one(
        "SELECT COUNT(*) AS n, COALESCE(MAX(position), 0) AS last FROM voting_motion WHERE poll_id = ?",
        (act.matter.id,),
    )
    if last is not None and last["n"] >= MOST_MOTIONS:
        raise TOO_MANY_MOTIONS(most=MOST_MOTIONS)
    position = (last["last"] if last else 0) + 1
    await insert_motion(act, act.matter.id, position, title, text, matter, candidate, choices, most_options)
    return act.matter.id


async def insert_motion(
    act: Act,
    poll_id: int,
    position: int,
    title: str,
    text: str,
    matter: JointDecisionMatter | None,
    candidate: int | None = None,
    options: Sequence[str] = (),
    most_options: int = 1,
) -> None:
    """Write one question of a draft."""
    await act.tx.execute(
        "INSERT INTO voting_motion (id, poll_id, position, title, text, matter_code, candidate_id, options, most_options) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (new_id(), poll_id, position, check_text(title, "title"), check_text(text, "text", least=0, most=10_000),
         matter.value if matter else None, candidate, canonical_json(list(options)), most_options),
    )  # fmt: skip


def _options(
    row: Row, matter: JointDecisionMatter | None, options: Sequence[str] | None, most_options: int
) -> list[str]:
    if row["kind"] == PollKind.STATUTORY.value:
        if matter is None:
            raise MATTER_NEEDED(path=("input", "matter"))
        return []
    texts = [check_text(text, "options", most=200) for text in options or ()]
    if not 2 <= len(texts) <= 20 or len(set(texts)) != len(texts) or not 1 <= most_options <= len(texts):
        raise OPTIONS_NEEDED(path=("input", "options"))
    return texts


@deed(on=POLL, step="remove_motion")
async def remove_motion(act: Act, *, motion: int) -> int:
    """Take a question out of a draft."""
    gone = await act.tx.execute("DELETE FROM voting_motion WHERE id = ? AND poll_id = ?", (motion, act.matter.id))
    if gone != 1:
        raise STRANGE_MOTION(path=("input", "motion"))
    return act.matter.id


@deed(on=POLL, step="announce_poll")
async def announce_poll(
    act: Act,
    *,
    roll: int | None = None,
    opens_at: datetime | None = None,
    closes_at: datetime | None = None,
    issuer: str = "",
    quick_roll: bool = False,
    mode: BallotMode | None = None,
) -> int:
    """Announce a poll: freeze mode, motions, roll and settings, post its notice, start the clocks.

    A joint decision needs a confirmed roll and the statutory notice period before voting opens. An advisory one may go by
    a roll of today that was not shown to the owners before.
    """
    row = await poll_row(act)
    motions = await _numbered(act)
    if not motions:
        raise NO_MOTIONS()
    resolved = act.resolved(VotingSettings)
    opens, closes = opens_at or from_wire(row["opens_at"]), closes_at or _moved(row, opens_at)
    if _means_now(act, row, opens):
        opens = act.now
    _check_window(act, row, resolved.values, opens, closes)
    chosen = mode_of(PollKind(row["kind"]), mode or BallotMode(row["mode"]))
    await act.move(POLL, "announce_poll")
    await act.freeze(resolved)
    await _keep_announcement(act, resolved, chosen, opens, closes)
    if chosen is BallotMode.SEPARATED:
        await separating.prepare(act, row, motions)
    if row["kind"] == PollKind.STATUTORY.value:
        wanted = await _quick_roll(act, resolved.values) if quick_roll else roll or row["roll_id"]
        await _take_roll(act, row, wanted, resolved.values, motions)
        await _post_meeting(act, row, motions, opens, closes, issuer)
    else:
        await _post_survey(act, row, motions, chosen, opens, closes, issuer)
    await act.start_clock(POLL, "open_poll", opens, rules.MEETING_NOTICE_DAYS.source)
    await act.start_clock(POLL, "close_poll", closes, rules.WINDOW_DAYS.source)
    return act.matter.id


async def motions_of(act: Act, poll_id: int) -> list[Row]:
    """Return the motions of a poll in order."""
    return await act.tx.fetch("SELECT * FROM voting_motion WHERE poll_id = ? ORDER BY position", (poll_id,))


async def _numbered(act: Act) -> list[Row]:
    """Return the motions of a poll, numbered without the gaps that removed ones left: ballots name them by their place."""
    motions = await motions_of(act, act.matter.id)
    if [motion["position"] for motion in motions] == list(range(1, len(motions) + 1)):
        return motions
    for place, motion in enumerate(motions, start=1):
        await act.tx.execute("UPDATE voting_motion SET position = ? WHERE id = ?", (place, motion["id"]))
    return await motions_of(act, act.matter.id)


def _moved(row: Row, opens_at: datetime | None) -> datetime:
    """Return the end as drafted, moved along when the announcement moves the beginning."""
    end = from_wire(row["closes_at"])
    return end if opens_at is None else end + (opens_at - from_wire(row["opens_at"]))


def _means_now(act: Act, row: Row, opens: datetime) -> bool:
    """Say whether a survey is to open at once: whoever says "now" says so before the server hears it."""
    return row["kind"] == PollKind.SURVEY.value and timedelta() < act.now - opens <= AT_ONCE


def _check_window(act: Act, row: Row, settings: VotingSettings, opens: datetime, closes: datetime) -> None:
    if opens < act.now:
        raise IN_THE_PAST(path=("input", "opensAt"))
    is_survey = row["kind"] == PollKind.SURVEY.value
    least = 1 if is_survey else settings.shortest_window_days
    if not timedelta(days=least) <= closes - opens <= timedelta(days=settings.longest_window_days):
        raise BAD_WINDOW(path=("input", "closesAt"), least=least, most=settings.longest_window_days)
    earliest = calendar.earliest_start(act.now, settings.notice_days)
    if not is_survey and opens < earliest:
        raise TOO_SOON(
            path=("input", "opensAt"), days=settings.notice_days, source=rules.MEETING_NOTICE_DAYS.source,
            earliest=to_wire(earliest),
        )  # fmt: skip


async def _keep_announcement(
    act: Act, resolved: Resolved[VotingSettings], mode: BallotMode, opens: datetime, closes: datetime
) -> None:
    await act.tx.execute(
        "UPDATE voting_poll SET opens_at = ?, closes_at = ?, first_closes_at = ?, announced_at = ?, legal_effect = ?, "
        "mode = ? WHERE matter_id = ?",
        (to_wire(opens), to_wire(closes), to_wire(closes), to_wire(act.now), resolved.values.legal_effect.value,
         mode.value, act.matter.id),
    )  # fmt: skip
    act.note(mode=mode.value, opens=to_wire(opens), closes=to_wire(closes))


async def _quick_roll(act: Act, settings: VotingSettings) -> int:
    """Make today's roll of the place and freeze it at once: lawful only where the result binds nobody."""
    if settings.legal_effect is not LegalEffect.ADVISORY:
        raise ROLL_NEEDED(path=("input", "quickRoll"))
    key = await register.make_roll(
        act, [act.place.id], calendar.day_of(act.now), parking=settings.parking_counts,
        heads_key=register.HeadsKey(settings.heads_key),
    )  # fmt: skip
    await register.freeze_roll(act, key)
    return key


async def _take_roll(act: Act, row: Row, roll_id: int | None, settings: VotingSettings, motions: Sequence[Row]) -> None:
    """Freeze the roll with the poll: its hash, its two totals, its sums by building."""
    found = await roll.load_roll(act, roll_id) if roll_id is not None else None
    if found is None:
        raise ROLL_NEEDED(path=("input", "roll"))
    _check_roll(act, found, settings)
    _check_scope(found, row, act, motions)
    await act.tx.execute(
        "UPDATE voting_poll SET roll_id = ?, roll_hash = ?, record_date = ?, area_centi = ?, heads = ? WHERE matter_id = ?",
        (found["matter_id"], found["hash"], found["record_date"], found["area_centi"], found["heads"], act.matter.id),
    )
    await act.tx.execute_many(
        "INSERT INTO voting_turnout (id, poll_id, building, all_area_centi, all_heads, area_centi, heads) "
        "VALUES (?, ?, ?, ?, ?, 0, 0)",
        [(new_id(), act.matter.id, b["building"], int(b["area_centi"]), int(b["heads"]))
         for b in await roll.buildings(act, found["matter_id"])],
    )  # fmt: skip
    await act.tx.execute_many(
        "INSERT INTO voting_area_turnout (id, poll_id, area_centi, all_entries, entries) VALUES (?, ?, ?, ?, 0)",
        [
            (new_id(), act.matter.id, a["area_centi"], int(a["entries"]))
            for a in await roll.areas(act, found["matter_id"])
        ],
    )
    await act.link(act.matter.id, found["matter_id"], LinkRelation.FOLLOWS)
    act.note(roll=str(found["matter_id"]), roll_hash=found["hash"])


def _check_roll(act: Act, found: Row, settings: VotingSettings) -> None:
    if not found["path"].startswith(act.place.path):
        raise ROLL_ELSEWHERE(path=("input", "roll"), place=act.place.name)
    if found["state"] != "CONFIRMED":
        raise ROLL_NOT_FINAL(path=("input", "roll"), state=found["state"])
    if bool(found["include_parking"]) != settings.parking_counts:
        raise ROLL_DIFFERS(path=("input", "roll"), key="parking_counts")
    if found["heads_key"] != settings.heads_key:
        raise ROLL_DIFFERS(path=("input", "roll"), key="heads_key")


def _check_scope(found: Row, row: Row, act: Act, motions: Sequence[Row]) -> None:
    """Let a part of the compound decide alone only what only that part shares, and with its reason."""
    places = {int(place["id"]) for place in json.loads(found["scope"])}
    if not places or act.place.id in places:
        return
    for motion in motions:
        rule = rules.RULES[JointDecisionMatter(motion["matter_code"])]
        if not rule.may_be_sub_area:
            raise NOT_SUB_AREA(matter=rule.matter.label_zh)
    if not row["scope_justification"].strip():
        raise JUSTIFICATION_NEEDED(path=("input", "scopeJustification"))


async def _post_meeting(
    act: Act, row: Row, motions: Sequence[Row], opens: datetime, closes: datetime, issuer: str
) -> None:
    """Post the notice of meeting to all owners, which also tells the residents' committee."""
    if not act.can_use("notices"):
        raise NOTICES_OFF()
    key = await notices.publish(
        act, notices.NoticeKind.ASSEMBLY_MEETING, act.matter.title[:200], _meeting_text(row, motions, opens, closes),
        issuer=issuer.strip() or f"{act.place.name}业主大会", legal_basis="物业管理条例14；民法典278", event_at=opens,
        about=act.matter.id, is_public=False,
    )  # fmt: skip
    await act.tx.execute("UPDATE voting_poll SET notice_id = ? WHERE matter_id = ?", (key, act.matter.id))


async def _post_survey(
    act: Act, row: Row, motions: Sequence[Row], mode: BallotMode, opens: datetime, closes: datetime, issuer: str
) -> None:
    """Post a notice of a survey, where notices are on: without one it decides nothing less."""
    if not act.can_use("notices"):
        return
    key = await notices.publish(
        act, notices.NoticeKind.GENERAL, f"民意问卷：{act.matter.title}"[:200], _survey_text(row, motions, mode, opens, closes),
        issuer=issuer.strip() or act.place.name, about=act.matter.id, is_public=False,
    )  # fmt: skip
    await act.tx.execute("UPDATE voting_poll SET notice_id = ? WHERE matter_id = ?", (key, act.matter.id))


def _survey_text(row: Row, motions: Sequence[Row], mode: BallotMode, opens: datetime, closes: datetime) -> str:
    asked = [
        f"问题{motion['position']}：{motion['title']}（{'、'.join(json.loads(motion['options']))}）"
        for motion in motions
    ]
    window = f"填写时间：{to_wire(opens)} 至 {to_wire(closes)}"
    return "\n".join([row["body"], EXPLAINED[mode][0], window, *asked])[:20_000]


def _meeting_text(row: Row, motions: Sequence[Row], opens: datetime, closes: datetime) -> str:
    lines = [row["body"], EXPLAINED[BallotMode.OPEN][0], f"表决时间：{to_wire(opens)} 至 {to_wire(closes)}"]
    for motion in motions:
        rule = rules.RULES[JointDecisionMatter(motion["matter_code"])]
        lines.append(f"事项{motion['position']}：{motion['title']}（{rule.article}，{_threshold_zh(rule)}）")
    lines += [f"仅限部分楼栋表决的理由：{row['scope_justification']}"] if row["scope_justification"] else []
    lines += [f"不表决的后果：{row['silence_text']}"] if row["silence_text"] else []
    return "\n".join(lines)[:20_000]


def _threshold_zh(rule: rules.MatterRule) -> str:
    asked = "四分之三以上" if rule.is_special else "过半数"
    return f"面积、人数均须三分之二以上参与，参与者面积、人数均须{asked}同意"


@deed(on=POLL, step="withdraw_poll")
async def withdraw_poll(act: Act, *, reason: str) -> int:
    """Take a poll back before voting begins; the reason stays for everybody who could see it."""
    await act.tx.execute(
        "UPDATE voting_poll SET end_reason = ? WHERE matter_id = ?",
        (check_text(reason, "reason", most=500), act.matter.id),
    )
    return act.matter.id


@deed(on=POLL, step="extend_poll")
async def extend_poll(act: Act, *, closes_at: datetime, reason: str) -> int:
    """Move the end of voting once, announced before the original end; ballots that have come in are kept."""
    row, settings = await poll_row(act), frozen(act.matter)
    if row["extension_reason"] or settings.most_extensions < 1:
        raise EXTENDED_BEFORE(most=settings.most_extensions)
    end = from_wire(row["closes_at"])
    if not end < closes_at <= end + timedelta(days=settings.longest_extension_days):
        raise BAD_EXTENSION(path=("input", "closesAt"), most=settings.longest_extension_days)
    why = check_text(reason, "reason", most=500)
    await act.tx.execute(
        "UPDATE voting_poll SET closes_at = ?, extension_reason = ? WHERE matter_id = ?",
        (to_wire(closes_at), why, act.matter.id),
    )
    act.note(closes=to_wire(closes_at))
    await act.stop_clocks("close_poll")
    await act.start_clock(POLL, "close_poll", closes_at, rules.LONGEST_EXTENSION_DAYS.source)
    await _post_extension(act, row, closes_at, why)
    act.note(closes=to_wire(closes_at))
    return act.matter.id


async def _post_extension(act: Act, row: Row, closes_at: datetime, reason: str) -> None:
    """Tell everybody of the new end; the meeting itself was announced in time and is not called anew."""
    if row["kind"] == PollKind.STATUTORY.value and act.can_use("notices"):
        await notices.publish(
            act, notices.NoticeKind.GENERAL, f"延长表决期：{act.matter.title}"[:200],
            f"表决截止时间延长至 {to_wire(closes_at)}，已投的票继续有效。原因：{reason}",
            issuer=f"{act.place.name}业主大会", about=act.matter.id, is_public=False,
        )  # fmt: skip
