"""The verbs of notices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core import access
from core.calendar import DayKind, due
from core.clock import from_wire, to_wire
from core.hierarchy import PLACE_COLUMNS
from core.ids import new_id
from core.plugin import Act, Place, check_text, deed, invalid
from plugins.notices import rules
from plugins.notices.kinds import IssuingBody, ObjectionState, PostingPlace
from plugins.notices.lifecycle import NOTICE, bodies_at
from plugins.notices.problems import (
    ALREADY_ANSWERED,
    ALREADY_OBJECTED,
    EVENT_NEEDED,
    NO_SUCH_OBJECTION,
    NOT_A_PHOTO,
    NOT_THE_ISSUER,
    PHOTO_NEEDED,
    REASON_NEEDED,
    STRANGE_AUDIENCE,
    TOO_LATE,
    TOO_SHORT,
    WRONG_TIME,
)  # fmt: skip
from plugins.notices.rules import Display, NoticeKind, NoticeRule
from plugins.notices.settings import NoticesSettings


@deed("notices.draft_notice", opens=NOTICE)
async def draft_notice(
    act: Act,
    *,
    kind: NoticeKind,
    title: str,
    body: str,
    issuer: str,
    legal_basis: str = "",
    is_public: bool = True,
    audience: Sequence[str] | None = None,
    event_at: datetime | None = None,
    display_until: datetime | None = None,
    attachments: Sequence[int] | None = None,
) -> int:
    """Draft a notice of a place for everybody, or for the people of some places in it, down to a stairwell."""
    key = await act.open(NOTICE, check_text(title, "title"))
    await insert(
        act, key, kind, body, issuer, legal_basis=legal_basis, is_public=is_public, event_at=event_at,
        audience=await _audience(act, audience or ()), display_until=display_until,
    )  # fmt: skip
    await act.attach(attachments or ())
    return key


async def insert(
    act: Act, key: int, kind: NoticeKind, body: str, issuer: str, *, legal_basis: str, is_public: bool,
    audience: Sequence[Place], event_at: datetime | None, display_until: datetime | None = None,
) -> None:  # fmt: skip
    """Write the rows of a notice beside its matter."""
    issuing = next(iter(bodies_at(act.actor, act.place)), IssuingBody.OTHER)
    await act.tx.execute(
        "INSERT INTO notices_notice (matter_id, kind, body, issuer, issuing_body, legal_basis, is_public, number, event_at, "
        "display_until, withdrawal_reason) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '')",
        (key, kind.value, check_text(body, "body", most=20_000), check_text(issuer, "issuer", most=120), issuing.value,
         check_text(legal_basis, "legalBasis", least=0, most=300), is_public, _wire(event_at), _wire(display_until)),
    )  # fmt: skip
    await _address(act, key, audience)


async def _address(act: Act, key: int, audience: Sequence[Place]) -> None:
    await act.tx.execute_many(
        "INSERT INTO notices_audience (id, notice_id, community_id) VALUES (?, ?, ?)",
        [(new_id(), key, place.id) for place in audience or (act.place,)],
    )


def _wire(at: datetime | None) -> str | None:
    return to_wire(at) if at else None


async def _audience(act: Act, codes: Sequence[str]) -> list[Place]:
    """Return the places of an audience: all within the notice's own place."""
    found = []
    for index, code in enumerate(dict.fromkeys(codes)):
        row = await act.tx.one(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE code = ?", (code,))
        if row is None or not row["path"].startswith(act.place.path):
            raise STRANGE_AUDIENCE(path=("input", "audience", index), code=code, place=act.place.name)
        found.append(Place.of(row))
    return found


async def _check_body(act: Act, *, overseers_too: bool = False) -> None:
    """Refuse whoever acts for another body than the one that drafted the notice: a provider, say, the committee's."""
    actor = act.actor
    if actor.system is not None or act.matter.author_id == actor.person_id:
        return
    if overseers_too and access.decide(actor, "notices.oversee_notices", act.place).allowed:
        return
    body = IssuingBody(
        await act.tx.value("SELECT issuing_body FROM notices_notice WHERE matter_id = ?", (act.matter.id,))
    )
    if body not in bodies_at(actor, act.place):
        raise NOT_THE_ISSUER(body=body.label_en, body_zh=body.label_zh)


@deed(on=NOTICE, step="revise_notice")
async def revise_notice(
    act: Act,
    *,
    title: str | None = None,
    body: str | None = None,
    issuer: str | None = None,
    legal_basis: str | None = None,
    is_public: bool | None = None,
    audience: Sequence[str] | None = None,
    event_at: datetime | None = None,
    display_until: datetime | None = None,
    attachments: Sequence[int] | None = None,
) -> int:
    """Change a draft; what is left out stays."""
    await _check_body(act)
    await _rewrite(act, title, body, event_at)
    if issuer is not None:
        await _set(act, "issuer", check_text(issuer, "issuer", most=120))
    if legal_basis is not None:
        await _set(act, "legal_basis", check_text(legal_basis, "legalBasis", least=0, most=300))
    if is_public is not None:
        await _set(act, "is_public", is_public)
    if display_until is not None:
        await _set(act, "display_until", to_wire(display_until))
    if audience is not None:
        places = await _audience(act, audience)
        await act.tx.execute("DELETE FROM notices_audience WHERE notice_id = ?", (act.matter.id,))
        await _address(act, act.matter.id, places)
    await act.attach(attachments or ())
    return act.matter.id


async def _set(act: Act, column: str, value: str | bool) -> None:
    await act.tx.execute(f"UPDATE notices_notice SET {column} = ? WHERE matter_id = ?", (value, act.matter.id))


async def _rewrite(act: Act, title: str | None, body: str | None, event_at: datetime | None) -> None:
    if title is not None:
        await act.retitle(check_text(title, "title"))
    if body is not None:
        await _set(act, "body", check_text(body, "body", most=20_000))
    if event_at is not None:
        await _set(act, "event_at", to_wire(event_at))


@deed(on=NOTICE, step="post_notice")
async def post_notice(act: Act) -> int:
    """Put a notice on display; refused when its event comes sooner than the law's notice period allows."""
    await _check_body(act)
    await act.move(NOTICE, "post_notice")
    await act.freeze(act.resolved(NoticesSettings))
    await display(act, act.matter.id, act.matter.title)
    return act.matter.id


async def display(act: Act, key: int, title: str, reason: str = "") -> None:
    """Start a notice's display: check its periods, number its text, prove the posting online, start its clock."""
    row = await act.tx.one(
        "SELECT kind, body, event_at, posted_at, display_until, number FROM notices_notice WHERE matter_id = ?", (key,)
    )
    assert row is not None  # noqa: S101 - the caller has just written or locked it
    rule = rules.rule_for(NoticeKind(row["kind"]), act.settings(NoticesSettings, plugin="notices").jurisdiction)
    event_at = from_wire(row["event_at"]) if row["event_at"] else None
    _check_event(rule, act.now, event_at)
    wished = from_wire(row["display_until"]) if row["display_until"] else None
    until = _until(rule, act.now, event_at, wished, is_first=row["posted_at"] is None)
    number = row["number"] + 1
    await act.tx.execute(
        "UPDATE notices_notice SET posted_at = COALESCE(posted_at, ?), display_until = ?, number = ? WHERE matter_id = ?",
        (to_wire(act.now), _wire(until), number, key),
    )
    await _keep_version(act, key, number, title, row["body"], reason)
    if row["posted_at"] is None:
        await _prove(act, key, PostingPlace.ONLINE, "", None)
    if until is not None:
        await act.start_clock(NOTICE, "end_display", until, _source(rule), matter_id=key)
    act.note(notice=str(key), kind=row["kind"], number=number, display_until=_wire(until))


def _source(rule: NoticeRule) -> str:
    return str(rule.sources[0]) if rule.sources else "issuer"


def _check_event(rule: NoticeRule, posted_at: datetime, event_at: datetime | None) -> None:
    if rule.before is None:
        return
    if event_at is None:
        raise EVENT_NEEDED(path=("input", "eventAt"))
    earliest = rules.earliest_event(rule, posted_at)
    if earliest is not None and event_at < earliest:
        raise TOO_LATE(
            path=("input", "eventAt"), days=f"{rule.before.length} {rule.before.unit.label_en}",
            days_zh=f"{rule.before.length} {rule.before.unit.label_zh}", source=rule.before.source, earliest=to_wire(earliest),
        )  # fmt: skip


def _until(
    rule: NoticeRule, now: datetime, event_at: datetime | None, wished: datetime | None, *, is_first: bool
) -> datetime | None:
    """Return when the display ends: as long as the rule says at least, longer if the issuer wishes so."""
    least = rules.shown_until(rule, now, event_at)
    if wished is None:
        return least
    if rule.display is Display.CONTINUOUS:
        raise invalid(
            "此类公示须长期公示。", "A notice of this kind stays for good; leave it out.", "input", "displayUntil"
        )
    if least is None or wished >= least:
        if wished <= now:
            raise invalid("展示截止时间已过。", "The display would end in the past.", "input", "displayUntil")
        return wished
    if is_first:
        raise TOO_SHORT(path=("input", "displayUntil"), until=to_wire(least), source=_source(rule))
    return least  # a correction: the old end is no longer long enough


async def _keep_version(act: Act, key: int, number: int, title: str, body: str, reason: str) -> None:
    await act.tx.execute(
        "INSERT INTO notices_version (id, notice_id, number, title, body, at, by_id, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (new_id(), key, number, title, body, to_wire(act.now), act.actor.person_id, reason),
    )


@deed(on=NOTICE, step="correct_notice")
async def correct_notice(
    act: Act, *, reason: str, title: str | None = None, body: str | None = None, event_at: datetime | None = None
) -> int:
    """Correct a posted notice: the old text stays readable as a version, and every period runs anew from now."""
    await _check_body(act)
    if not reason.strip():
        raise REASON_NEEDED(path=("input", "reason"))
    await _rewrite(act, title, body, event_at)
    await act.stop_clocks("end_display")
    await display(act, act.matter.id, act.matter.title, check_text(reason, "reason", most=500))
    return act.matter.id


@deed(on=NOTICE, step="withdraw_notice")
async def withdraw_notice(act: Act, *, reason: str) -> int:
    """Take a notice back; title and reason stay for everybody to see, nothing is deleted."""
    await _check_body(act, overseers_too=True)
    await act.tx.execute(
        "UPDATE notices_notice SET withdrawn_at = ?, withdrawal_reason = ? WHERE matter_id = ?",
        (to_wire(act.now), check_text(reason, "reason", most=500), act.matter.id),
    )
    return act.matter.id


@deed(on=NOTICE, step="acknowledge_notice")
async def acknowledge_notice(act: Act) -> int:
    """Say that one has read a notice; saying it again changes nothing."""
    await act.tx.execute(
        "INSERT INTO notices_acknowledgement (id, notice_id, person_id, at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (notice_id, person_id) DO NOTHING",
        (new_id(), act.matter.id, act.person_id, to_wire(act.now)),
    )
    return act.matter.id


@deed(on=NOTICE, step="object_to_notice")
async def object_to_notice(act: Act, *, text: str) -> int:
    """Object to a notice on display; the issuer must answer within the set working days. Returns the objection's key."""
    pending = await act.tx.value(
        "SELECT id FROM notices_objection WHERE notice_id = ? AND person_id = ? AND state = 'OPEN'",
        (act.matter.id, act.person_id),
    )
    if pending is not None:
        raise ALREADY_OBJECTED()
    days = act.settings(NoticesSettings).objection_answer_days
    answer_due = due(act.now, days, DayKind.WORKING_DAY, act.kernel.calendar)
    key = new_id()
    await act.tx.execute(
        "INSERT INTO notices_objection (id, notice_id, person_id, text, at, answer_due, state) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (key, act.matter.id, act.person_id, check_text(text, "text", most=2000), to_wire(act.now),
         to_wire(answer_due.at), ObjectionState.OPEN.value),
    )  # fmt: skip
    act.note(objection=str(key))
    return key


@deed(on=NOTICE, step="answer_objection")
async def answer_objection(act: Act, *, objection: int, upheld: bool, answer: str) -> int:
    """Answer an objection with reasons, for who made it to read. Returns the objection's key."""
    await _check_body(act, overseers_too=True)
    row = await act.tx.one(
        "SELECT state, person_id FROM notices_objection WHERE id = ? AND notice_id = ?", (objection, act.matter.id)
    )
    if row is None:
        raise NO_SUCH_OBJECTION(path=("input", "objection"))
    if row["state"] != ObjectionState.OPEN.value:
        raise ALREADY_ANSWERED(path=("input", "objection"))
    state = ObjectionState.UPHELD if upheld else ObjectionState.REJECTED
    await act.tx.execute(
        "UPDATE notices_objection SET state = ?, answer = ?, answered_at = ?, answered_by_id = ? WHERE id = ?",
        (state.value, check_text(answer, "answer", most=2000), to_wire(act.now), act.actor.person_id, objection),
    )
    act.note(objection=str(objection), upheld=upheld)
    return objection


@deed(on=NOTICE, step="record_posting")
async def record_posting(
    act: Act, *, place: PostingPlace, location: str = "", photo: int | None = None, at: datetime | None = None
) -> int:
    """Record where else a notice was posted; on a board it is proved by a photograph."""
    if place is PostingPlace.ONLINE:
        raise invalid("线上发布由系统自动登记。", "Posting online is recorded by itself.", "input", "place")
    if place is PostingPlace.BOARD and photo is None:
        raise PHOTO_NEEDED(path=("input", "photo"))
    posted_at = await act.tx.value("SELECT posted_at FROM notices_notice WHERE matter_id = ?", (act.matter.id,))
    if at is not None and not posted_at <= to_wire(at) <= to_wire(act.now):
        raise WRONG_TIME(path=("input", "at"))
    for row in await act.attach([photo] if photo is not None else []):
        if not str(row["media_type"]).startswith("image/"):
            raise NOT_A_PHOTO(path=("input", "photo"))
    await _prove(act, act.matter.id, place, location, photo, at)
    return act.matter.id


async def _prove(
    act: Act, key: int, place: PostingPlace, location: str, photo: int | None, at: datetime | None = None
) -> None:
    await act.tx.execute(
        "INSERT INTO notices_posting (id, notice_id, place, location, at, by_id, attachment_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new_id(), key, place.value, check_text(location, "location", least=0, most=200), to_wire(at or act.now),
         act.actor.person_id, photo),
    )  # fmt: skip
