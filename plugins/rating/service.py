"""The verbs of ratings."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.calendar import display_until
from core.clock import to_wire
from core.errors import BAD_ID
from core.hierarchy import lineage, subtree_range
from core.ids import new_id, parse_global_id
from core.kinds import LinkRelation
from core.plugin import Act, check_text, deed
from plugins.rating.kinds import RatingScore, RatingState, RatingSubject
from plugins.rating.lifecycle import RATING
from plugins.rating.problems import (
    ALREADY_ASKED,
    BAD_WINDOW,
    NO_PERSONS,
    NOT_FINISHED,
    REASON_NEEDED,
    REPLIED,
    SUBJECT_MISSING,
)  # fmt: skip
from plugins.rating.settings import RatingSettings

LONGEST = timedelta(days=90)


@dataclass(frozen=True)
class Subject:
    """What is rated: its kind, its name, what makes it the same subject, and the matter if it is one."""

    kind: RatingSubject
    name: str
    key: str
    matter_id: int | None = None


@deed("rating.open_rating", opens=RATING)
async def open_rating(
    act: Act,
    *,
    title: str,
    period: str,
    kind: RatingSubject = RatingSubject.MATTER,
    subject: str | None = None,
    about: str | None = None,
    opens_at: datetime | None = None,
    closes_at: datetime | None = None,
) -> int:
    """Ask the people of a place to rate a finished matter, a service or a provider; at once, or from a moment on."""
    shown, told = check_text(title, "title", most=100), check_text(period, "period", most=40)
    await _refuse_persons(act, shown, "title")
    found = await _subject(act, kind, subject, about)
    opens, closes = _window(act, opens_at, closes_at)
    state = RatingState.DRAFT if opens > act.now else RatingState.OPEN
    key = await act.open(RATING, shown, state=state)
    await act.freeze(act.resolved(RatingSettings))
    await _insert(act, key, found, told, opens, closes)
    if found.matter_id is not None:
        await act.link(key, found.matter_id, LinkRelation.RATES)
    if state is RatingState.DRAFT:
        await act.start_clock(RATING, "begin_rating", opens, "opensAt")
    await act.start_clock(RATING, "end_rating", closes, "closesAt")
    act.emit("rating.rating_announced" if state is RatingState.DRAFT else "rating.rating_opened", state=state.value)
    return key


async def _subject(act: Act, kind: RatingSubject, name: str | None, about: str | None) -> Subject:
    if (kind is RatingSubject.MATTER) is not (about is not None) or (about is None) is (name is None):
        raise SUBJECT_MISSING(path=("input", "about" if kind is RatingSubject.MATTER else "subject"))
    if about is not None:
        return await _finished_matter(act, about)
    shown = check_text(str(name), "subject", most=80)
    await _refuse_persons(act, shown, "subject")
    return Subject(kind, shown, plain(shown))


async def _finished_matter(act: Act, about: str) -> Subject:
    """Return a matter at or below the place, that the actor may see and that its lifecycle calls finished."""
    parsed = parse_global_id(about)
    lifecycle = act.kernel.lifecycle_of(parsed[0]) if parsed else None
    if parsed is None or lifecycle is None or lifecycle is RATING:
        raise BAD_ID(path=("input", "about"), value=about, expected="Matter")
    matter = await act.load_matter(lifecycle, parsed[1])
    if not matter.path.startswith(act.place.path):
        raise BAD_ID(path=("input", "about"), value=about, expected="Matter")
    if not lifecycle.is_final(matter.state):
        raise NOT_FINISHED(
            path=("input", "about"), state=matter.state, state_zh=lifecycle.states(matter.state).label_zh
        )
    return Subject(RatingSubject.MATTER, lifecycle.title_zh or lifecycle.kind, str(matter.id), matter.id)


async def _refuse_persons(act: Act, text: str, field: str) -> None:
    """Refuse a text that holds the name of anybody who belongs to, or holds an office at, this place."""
    above = lineage(act.place.path)
    found = await act.tx.value(
        "SELECT p.id FROM core_person p JOIN core_appointment a ON a.person_id = p.id "
        f"JOIN core_community c ON c.id = a.community_id WHERE (c.path IN ({', '.join('?' * len(above))}) "
        "OR (c.path >= ? AND c.path < ?)) AND LENGTH(p.name) > 1 AND ? LIKE '%' || p.name || '%' LIMIT 1",
        (*above, *subtree_range(act.place.path), text),
    )
    if found is not None:
        raise NO_PERSONS(path=("input", field), subject=text)


def plain(text: str) -> str:
    """Return a name without what writers vary: width, case, blanks and punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\W_]+", "", folded) or folded.strip()


def _window(act: Act, opens_at: datetime | None, closes_at: datetime | None) -> tuple[datetime, datetime]:
    opens = opens_at or act.now
    closes = closes_at or display_until(opens, act.settings(RatingSettings).window_days)
    if opens < act.now or not opens < closes <= opens + LONGEST + timedelta(days=1):
        raise BAD_WINDOW(path=("input", "closesAt" if closes_at else "opensAt"))
    return opens, closes


async def _insert(act: Act, key: int, subject: Subject, period: str, opens: datetime, closes: datetime) -> None:
    made = await act.tx.execute(
        "INSERT INTO rating_rating (matter_id, community_id, subject_kind, subject_key, subject_name, about_id, period, "
        "period_key, opens_at, closes_at, asked, smallest_group) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (community_id, subject_kind, subject_key, period_key) DO NOTHING",
        (key, act.place.id, subject.kind.value, subject.key, subject.name, subject.matter_id, period, plain(period),
         to_wire(opens), to_wire(closes), await _asked(act), act.settings(RatingSettings).smallest_group),
    )  # fmt: skip
    if made != 1:
        raise ALREADY_ASKED(subject=subject.name, period=period)


async def _asked(act: Act) -> int:
    """Count who may answer: everybody who belongs to the place or below it now. It is fixed before anybody answers."""
    now = to_wire(act.now)
    found = await act.tx.value(
        "SELECT COUNT(DISTINCT a.person_id) FROM core_appointment a JOIN core_role r ON r.code = a.role_id "
        "JOIN core_role_permission rp ON rp.role_id = r.code AND rp.permission = 'rating.cast_rating' AND rp.allowed "
        "JOIN core_community c ON c.id = a.community_id WHERE r.reach = 'MEMBER' AND c.path >= ? AND c.path < ? "
        "AND a.since <= ? AND (a.until IS NULL OR a.until > ?)",
        (*subtree_range(act.place.path), now, now),
    )
    return int(found)


@deed(on=RATING, step="cast_rating")
async def cast_rating(act: Act, *, score: RatingScore, reason: str = "") -> int:
    """Rate, or change what one said before; nobody else ever sees who said what."""
    why = check_text(reason, "reason", least=0, most=500)
    if score is RatingScore.DISSATISFIED and not why:
        raise REASON_NEEDED(path=("input", "reason"))
    await act.tx.execute(
        "INSERT INTO rating_score (id, rating_id, person_id, score, reason, at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (rating_id, person_id) DO UPDATE SET score = excluded.score, reason = excluded.reason, at = excluded.at",
        (new_id(), act.matter.id, act.person_id, score.value, why, to_wire(act.now)),
    )
    act.emit("rating.rating_cast", person_id=act.person_id)
    return act.matter.id


@deed(on=RATING, step="close_rating")
async def close_rating(act: Act) -> int:
    """Close a rating before its time; its figures are told as if it had run out."""
    await act.tx.execute(
        "UPDATE rating_rating SET closed_at = ? WHERE matter_id = ?", (to_wire(act.now), act.matter.id)
    )
    return act.matter.id


@deed(on=RATING, step="reply_to_rating")
async def reply_to_rating(act: Act, *, reply: str) -> int:
    """Reply once, for those responsible, to what people said."""
    done = await act.tx.execute(
        "UPDATE rating_rating SET reply = ?, replied_at = ?, replied_by_id = ? WHERE matter_id = ? AND reply IS NULL",
        (check_text(reply, "reply", most=2000), to_wire(act.now), act.actor.person_id, act.matter.id),
    )
    if done != 1:
        raise REPLIED()
    return act.matter.id
