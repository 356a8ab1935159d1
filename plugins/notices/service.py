"""The verbs of notices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.calendar import DayKind, due
from core.clock import to_wire
from core.ids import new_id
from core.plugin import Act, Place, check_text, deed
from plugins.notices import problems, rules
from plugins.notices.kinds import ObjectionState, PostingPlace
from plugins.notices.lifecycle import NOTICE
from plugins.notices.rules import NoticeKind, NoticeRule
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
) -> int:
    """Draft a notice of a place for everybody, or for the people of some places in it, down to a stairwell."""
    key = await act.open(NOTICE, check_text(title, "title"))
    await insert(
        act, key, kind, body, issuer, legal_basis=legal_basis, is_public=is_public, event_at=event_at,
        audience=await _audience(act, audience or ()),
    )  # fmt: skip
    return key


async def insert(
    act: Act, key: int, kind: NoticeKind, body: str, issuer: str, *, legal_basis: str, is_public: bool,
    audience: Sequence[Place], event_at: datetime | None,
) -> None:  # fmt: skip
    """Write the rows of a notice beside its matter."""
    await act.tx.execute(
        "INSERT INTO notices_notice (matter_id, kind, body, issuer, legal_basis, is_public, number, event_at, "
        "withdrawal_reason) VALUES (?, ?, ?, ?, ?, ?, 0, ?, '')",
        (key, kind.value, check_text(body, "body", most=20_000), check_text(issuer, "issuer", most=120),
         check_text(legal_basis, "legalBasis", least=0, most=300), is_public, to_wire(event_at) if event_at else None),
    )  # fmt: skip
    await act.tx.execute_many(
        "INSERT INTO notices_audience (id, notice_id, community_id) VALUES (?, ?, ?)",
        [(new_id(), key, place.id) for place in audience or (act.place,)],
    )


async def _audience(act: Act, codes: Sequence[str]) -> list[Place]:
    """Return the places of an audience: all within the notice's own place."""
    found = []
    for index, code in enumerate(dict.fromkeys(codes)):
        row = await act.tx.one(
            "SELECT id, code, kind, name, parent_id, path, closed_at FROM core_community WHERE code = ?", (code,)
        )
        if row is None or not row["path"].startswith(act.place.path):
            raise problems.STRANGE_AUDIENCE(path=("input", "audience", index), code=code, place=act.place.name)
        found.append(Place.of(row))
    return found


@deed(on=NOTICE, step="revise_notice")
async def revise_notice(
    act: Act, *, title: str | None = None, body: str | None = None, event_at: datetime | None = None
) -> int:
    """Change a draft."""
    await _rewrite(act, title, body)
    if event_at is not None:
        await act.tx.execute(
            "UPDATE notices_notice SET event_at = ? WHERE matter_id = ?", (to_wire(event_at), act.matter.id)
        )
    return act.matter.id


@deed(on=NOTICE, step="post_notice")
async def post_notice(act: Act) -> int:
    """Put a notice on display; refused when its event comes sooner than the law's notice period allows."""
    row = await act.tx.one("SELECT kind, body, event_at FROM notices_notice WHERE matter_id = ?", (act.matter.id,))
    assert row is not None
    event_at = datetime.fromisoformat(row["event_at"]) if row["event_at"] else None
    await act.move(NOTICE, "post_notice")
    await display(act, act.matter.id, NoticeKind(row["kind"]), act.matter.title, row["body"], event_at)
    return act.matter.id


async def display(
    act: Act, key: int, kind: NoticeKind, title: str, body: str, event_at: datetime | None, reason: str = ""
) -> None:
    """Start a notice's display: check its periods, number its text, prove the posting online, start its clock."""
    settings = act.settings(NoticesSettings, plugin="notices")
    rule = rules.rule_for(kind, settings.jurisdiction)
    _check_event(rule, act.now, event_at)
    until = rules.shown_until(rule, act.now, event_at)
    number = 1 + int(await act.tx.value("SELECT number FROM notices_notice WHERE matter_id = ?", (key,)))
    await act.tx.execute(
        "UPDATE notices_notice SET posted_at = COALESCE(posted_at, ?), display_until = ?, number = ? WHERE matter_id = ?",
        (to_wire(act.now), to_wire(until) if until else None, number, key),
    )
    await _keep_version(act, key, number, title, body, reason)
    await _prove(act, key, PostingPlace.ONLINE, "", None)
    if until is not None:
        source = rule.shown.source if rule.shown else rule.before.source if rule.before else "notices"
        await act.start_clock(NOTICE, "end_display", until, source, matter_id=key)
    act.note(notice=str(key), kind=kind.value, number=number, display_until=to_wire(until) if until else None)


def _check_event(rule: NoticeRule, posted_at: datetime, event_at: datetime | None) -> None:
    if rule.before is None:
        return
    if event_at is None:
        raise problems.EVENT_NEEDED(path=("input", "eventAt"))
    earliest = rules.earliest_event(rule, posted_at)
    if earliest is not None and event_at < earliest:
        raise problems.TOO_LATE(
            days=f"{rule.before.length} {rule.before.unit.value}", source=rule.before.source, earliest=to_wire(earliest)
        )


async def _keep_version(act: Act, key: int, number: int, title: str, body: str, reason: str) -> None:
    await act.tx.execute(
        "INSERT INTO notices_version (id, notice_id, number, title, body, at, by_id, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (new_id(), key, number, title, body, to_wire(act.now), act.actor.person_id, reason),
    )


async def _rewrite(act: Act, title: str | None, body: str | None) -> None:
    if title is not None:
        await act.retitle(check_text(title, "title"))
    if body is not None:
        await act.tx.execute(
            "UPDATE notices_notice SET body = ? WHERE matter_id = ?",
            (check_text(body, "body", most=20_000), act.matter.id),
        )


@deed(on=NOTICE, step="correct_notice")
async def correct_notice(act: Act, *, reason: str, title: str | None = None, body: str | None = None) -> int:
    """Correct a posted notice: the old text stays readable as a version, the display period starts anew by default."""
    if not reason.strip():
        raise problems.REASON_NEEDED(path=("input", "reason"))
    await _rewrite(act, title, body)
    row = await act.tx.one(
        "SELECT kind, body, event_at, number FROM notices_notice WHERE matter_id = ?", (act.matter.id,)
    )
    assert row is not None
    why = check_text(reason, "reason", most=500)
    event_at = datetime.fromisoformat(row["event_at"]) if row["event_at"] else None
    if act.settings(NoticesSettings).correction_restarts_display:
        await act.stop_clocks("end_display")
        await display(act, act.matter.id, NoticeKind(row["kind"]), act.matter.title, row["body"], event_at, why)
    else:
        await act.tx.execute("UPDATE notices_notice SET number = number + 1 WHERE matter_id = ?", (act.matter.id,))
        await _keep_version(act, act.matter.id, row["number"] + 1, act.matter.title, row["body"], why)
    return act.matter.id


@deed(on=NOTICE, step="withdraw_notice")
async def withdraw_notice(act: Act, *, reason: str) -> int:
    """Take a notice back; title and reason stay for everybody to see, nothing is deleted."""
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
        raise problems.ALREADY_OBJECTED()
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
    """Answer an objection with reasons; the answer is shown beside the notice. Returns the objection's key."""
    row = await act.tx.one(
        "SELECT state, person_id FROM notices_objection WHERE id = ? AND notice_id = ?", (objection, act.matter.id)
    )
    if row is None:
        raise problems.NO_SUCH_OBJECTION(path=("input", "objection"))
    if row["state"] != ObjectionState.OPEN.value:
        raise problems.ALREADY_ANSWERED(path=("input", "objection"))
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
    if place is PostingPlace.BOARD and photo is None:
        raise problems.PHOTO_NEEDED(path=("input", "photo"))
    if photo is not None:
        await act.attach([photo])
    await _prove(act, act.matter.id, place, location, photo, min(at, act.now) if at else None)
    return act.matter.id


async def _prove(
    act: Act, key: int, place: PostingPlace, location: str, photo: int | None, at: datetime | None = None
) -> None:
    await act.tx.execute(
        "INSERT INTO notices_posting (id, notice_id, place, location, at, by_id, attachment_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new_id(), key, place.value, check_text(location, "location", least=0, most=200), to_wire(at or act.now),
         act.actor.person_id, photo),
    )  # fmt: skip
