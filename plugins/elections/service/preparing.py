"""From the application to the list of candidates: the group, the roll, nominations."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from core import calendar
from core.calendar import DayKind
from core.clock import day_start, from_wire
from core.database import Row
from core.kinds import LinkRelation
from core.plugin import Act, check_text, deed
from plugins.elections import petitions, rules
from plugins.elections.kinds import CandidateState, ElectionKind, GroupStanding, Nomination
from plugins.elections.lifecycle import ELECTION, S
from plugins.elections.problems import (
    ALREADY_STANDING,
    BALLOT_READY,
    GROUP_MEMBER,
    GROUP_WRONG,
    NO_COMMITTEE,
    NO_SUCH_CANDIDATE,
    STILL_SHOWN,
    UNCITED,
    UNDERTAKING_NEEDED,
    WRONG_SIZE,
)  # fmt: skip
from plugins.elections.settings import ElectionsSettings
from plugins.elections.store import insert, own_row, standing_committee, update
from plugins.notices import api as notices
from plugins.register import api as register

BLANK = {
    "needs_lot": False, "lot_source": "", "lot_seed": "", "certificate_hash": "", "filing_receipt": "", "seal_certificate": "",
    "refusal_reason": "", "refusal_basis": "", "custodian": "", "alerted_days": 0,
}  # fmt: skip


def cited(text: str, field: str = "citation") -> str:
    """Return the rule that a refusal rests on; raises UNCITED when it names no title and article."""
    found = check_text(text, field, most=300)
    if not rules.is_citation(found):
        raise UNCITED(path=("input", field))
    return found


def until(act: Act, days: int) -> datetime:
    """Return the end of a period of calendar days that starts now."""
    return calendar.due(act.now, days, DayKind.CALENDAR_DAY, act.kernel.calendar).at


async def post(act: Act, kind: notices.NoticeKind, title: str, body: str, *, event_at: datetime | None = None) -> None:
    """Post a notice of the deed's matter, where notices are on."""
    if act.can_use("notices"):
        await notices.publish(
            act,
            kind,
            title[:200],
            body[:20_000],
            issuer=act.place.name,
            event_at=event_at,
            about=act.matter.id,
            is_public=False,
        )


def check_shown(act: Act, row: Row) -> None:
    """Raise STILL_SHOWN while what was put on display has not been shown long enough."""
    if row["shown_until"] and act.now < from_wire(row["shown_until"]):
        raise STILL_SHOWN(until=row["shown_until"])


async def names(act: Act, persons: list[int]) -> dict[int, str]:
    """Return the names of persons by their keys."""
    marks = ", ".join("?" * len(persons)) or "0"
    return {
        row["id"]: row["name"]
        for row in await act.tx.fetch(f"SELECT id, name FROM core_person WHERE id IN ({marks})", tuple(persons))
    }


@deed("elections.apply_election", opens=ELECTION)
async def apply_election(
    act: Act, *, title: str, reason: str, kind: ElectionKind, seats: int, term_years: int = rules.TERM_YEARS.value
) -> int:
    """Apply for a first election, a re-election or a by-election; for a first one owners sign before it is accepted."""
    settings = act.settings(ElectionsSettings)
    parent = await standing_committee(act, also_leaving=True)
    if kind is not ElectionKind.FIRST and parent is None:
        raise NO_COMMITTEE()
    is_sized = kind is ElectionKind.BY_ELECTION or (settings.fewest_seats <= seats and seats % 2)
    if not is_sized or not 1 <= seats <= settings.most_seats or not 1 <= term_years <= settings.longest_term_years:
        raise WRONG_SIZE(
            path=("input", "seats"),
            least=settings.fewest_seats,
            most=settings.most_seats,
            years=settings.longest_term_years,
        )
    key = await act.open(ELECTION, check_text(title, "title"))
    await act.freeze(act.resolved(ElectionsSettings))
    await insert(act, "election", matter_id=key, kind=kind, reason=check_text(reason, "reason", most=5000), seats=seats,
                 term_years=term_years, parent_id=parent if kind is not ElectionKind.FIRST else None,
                 group_due=until(act, settings.group_days), **BLANK)  # fmt: skip
    if parent is not None and kind is not ElectionKind.FIRST:
        await act.link(key, parent, LinkRelation.FOLLOWS)
    if act.actor.person_id is not None:
        await petitions.sign(act, key)
    act.emit("elections.election_applied", matter_id=key)
    return key


@deed(on=ELECTION, step="sign_application")
async def sign_application(act: Act) -> int:
    """Sign an application for an election; who signed is shown to nobody, only how many."""
    await petitions.sign(act, act.matter.id)
    return act.matter.id


@deed(on=ELECTION, step="accept_election")
async def accept_election(act: Act) -> int:
    """Accept an application: the preparatory group is formed. A first election needs its share of signatures."""
    row, settings = await own_row(act, "election"), act.settings(ElectionsSettings)
    if row["kind"] == ElectionKind.FIRST.value:
        await petitions.require(act, settings.application_percent)
    await update(act, "election", act.matter.id, group_due=until(act, settings.group_days))
    return act.matter.id


@deed(on=ELECTION, step="refuse_election")
async def refuse_election(act: Act, *, reason: str, citation: str) -> int:
    """Refuse an application on a cited rule; it may be made again."""
    await update(
        act,
        "election",
        act.matter.id,
        refusal_reason=check_text(reason, "reason", most=500),
        refusal_basis=cited(citation),
    )
    return act.matter.id


@deed(on=ELECTION, step="add_group_member")
async def add_group_member(act: Act, *, person: int, standing: GroupStanding, is_leader: bool = False) -> int:
    """Add a member to the preparatory group, or change for whom they sit in it."""
    await act.tx.execute(
        "DELETE FROM elections_group_member WHERE election_id = ? AND person_id = ?", (act.matter.id, person)
    )
    await insert(
        act, "group_member", election_id=act.matter.id, person_id=person, standing=standing, is_leader=is_leader
    )
    return act.matter.id


@deed(on=ELECTION, step="publish_group")
async def publish_group(act: Act) -> int:
    """Publish the preparatory group: odd, owners at least half, one leader of the street or the residents' committee."""
    rows = await act.tx.fetch(
        "SELECT * FROM elections_group_member WHERE election_id = ? ORDER BY id", (act.matter.id,)
    )
    faults = rules.group_faults([r["standing"] for r in rows], [r["standing"] for r in rows if r["is_leader"]])
    if faults:
        raise GROUP_WRONG(faults_zh="；".join(zh for zh, _ in faults), faults="; ".join(en for _, en in faults))
    settings = act.settings(ElectionsSettings)
    called = await names(act, [r["person_id"] for r in rows])
    lines = [
        f"{called[r['person_id']]}（{GroupStanding(r['standing']).label_zh}{'，组长' if r['is_leader'] else ''}）"
        for r in rows
    ]
    await update(act, "election", act.matter.id, shown_until=calendar.display_until(act.now, settings.group_shown_days),
                 assembly_due=until(act, settings.assembly_days))  # fmt: skip
    await post(act, notices.NoticeKind.PREPARATORY_GROUP, f"筹备组名单：{act.matter.title}", "\n".join(lines))
    return act.matter.id


@deed(on=ELECTION, step="settle_roll")
async def settle_roll(act: Act, *, roll: int) -> int:
    """Settle who may vote: a roll of the register that was published and confirmed, once the group has been shown."""
    check_shown(act, await own_row(act, "election"))
    found = await register.require_confirmed(act, roll)
    await update(act, "election", act.matter.id, roll_id=found.id)
    await act.link(act.matter.id, found.id, LinkRelation.FOLLOWS)
    act.note(roll=str(found.id), roll_hash=found.hash)
    return act.matter.id


@deed(on=ELECTION, step="open_candidates")
async def open_candidates(act: Act, *, roll: int | None = None) -> int:
    """Open nominations: after the roll is settled; at once for a by-election, which names its confirmed roll here."""
    row = await own_row(act, "election")
    if act.matter.state == S.APPLIED.value:
        if row["kind"] != ElectionKind.BY_ELECTION.value or roll is None:
            raise GROUP_WRONG(
                faults_zh="首次和换届选举须先组建筹备组；补选须指明已确认的名册",
                faults="only a by-election goes without a group, and names its roll",
            )
        await update(act, "election", act.matter.id, roll_id=(await register.require_confirmed(act, roll)).id)
    await _open(act, "open_candidates")
    return act.matter.id


@deed(on=ELECTION, step="reopen_candidates")
async def reopen_candidates(act: Act) -> int:
    """Open nominations again: too few were eligible, or the election failed. Who stood stays on the list."""
    row = await own_row(act, "election")
    if row["term_begins"] is not None:
        raise BALLOT_READY()
    await update(act, "election", act.matter.id, poll_id=None, refusal_reason="", refusal_basis="")
    await _open(act, "reopen_candidates")
    return act.matter.id


async def _open(act: Act, step: str) -> None:
    ends = until(act, act.settings(ElectionsSettings).nomination_days)
    working = act.settings(ElectionsSettings).review_working_days
    await update(act, "election", act.matter.id, nominations_until=ends,
                 review_due=calendar.due(ends, working, DayKind.WORKING_DAY, act.kernel.calendar).at)  # fmt: skip
    await act.move(ELECTION, step)
    await act.start_clock(ELECTION, "begin_review", ends, rules.NOMINATION_DAYS.source)


# --- nominations ------------------------------------------------------------------------------------------------------


@deed(on=ELECTION, step="stand_for_election")
async def stand_for_election(act: Act, *, undertakes: bool, statement: str = "", occupation: str = "") -> int:
    """Stand as a candidate, with the written undertaking; your preview shows all that will be published."""
    await _check_stands(act, act.person_id, undertakes)
    await _add(act, act.person_id, Nomination.SELF, CandidateState.STANDING, statement, occupation)
    return act.matter.id


@deed(on=ELECTION, step="nominate_candidate")
async def nominate_candidate(act: Act, *, person: int, nominated_by: Nomination = Nomination.JOINT) -> int:
    """Propose somebody; they are a candidate once they agree (acceptNomination)."""
    await _add(act, person, nominated_by, CandidateState.PROPOSED, "", "")
    act.emit("elections.candidate_proposed", person_id=person)
    return act.matter.id


async def _add(act: Act, person: int, by: Nomination, state: CandidateState, statement: str, occupation: str) -> None:
    taken = await act.tx.value(
        "SELECT id FROM elections_candidate WHERE election_id = ? AND person_id = ? AND state <> 'WITHDRAWN'",
        (act.matter.id, person),
    )
    if taken is not None:
        raise ALREADY_STANDING()
    await act.tx.execute(
        "DELETE FROM elections_candidate WHERE election_id = ? AND person_id = ?", (act.matter.id, person)
    )
    await insert(act, "candidate", election_id=act.matter.id, person_id=person, nominated_by=by, state=state,
                 statement=check_text(statement, "statement", least=0, most=2000),
                 occupation=check_text(occupation, "occupation", least=0, most=60),
                 undertook_at=act.now if state is CandidateState.STANDING else None, citation="", finding="", answer="",
                 appeal="", appeal_answer="", yes_area_centi=0, yes_heads=0, has_passed=False)  # fmt: skip


async def _check_stands(act: Act, person: int, undertakes: bool) -> None:
    if not undertakes:
        raise UNDERTAKING_NEEDED(path=("input", "undertakes"))
    if not act.settings(ElectionsSettings).group_members_may_stand and await act.tx.value(
        "SELECT id FROM elections_group_member WHERE election_id = ? AND person_id = ?", (act.matter.id, person)
    ):
        raise GROUP_MEMBER()


async def own_candidacy(act: Act, *states: CandidateState) -> Row:
    """Return the actor's candidacy in one of these states; raises NO_SUCH_CANDIDATE."""
    row = await act.tx.one(
        "SELECT * FROM elections_candidate WHERE election_id = ? AND person_id = ?", (act.matter.id, act.person_id)
    )
    if row is None or row["state"] not in {state.value for state in states}:
        raise NO_SUCH_CANDIDATE()
    return row


@deed(on=ELECTION, step="accept_nomination")
async def accept_nomination(act: Act, *, undertakes: bool, statement: str = "", occupation: str = "") -> int:
    """Agree to stand after you were proposed, with the written undertaking."""
    row = await own_candidacy(act, CandidateState.PROPOSED)
    await _check_stands(act, act.person_id, undertakes)
    await update(act, "candidate", row["id"], state=CandidateState.STANDING, undertook_at=act.now,
                 statement=check_text(statement, "statement", least=0, most=2000),
                 occupation=check_text(occupation, "occupation", least=0, most=60))  # fmt: skip
    return act.matter.id


@deed(on=ELECTION, step="withdraw_candidacy")
async def withdraw_candidacy(act: Act) -> int:
    """Stand no longer; possible until the ballot is prepared."""
    if (await own_row(act, "election"))["poll_id"] is not None:
        raise BALLOT_READY()
    row = await own_candidacy(act, *(set(CandidateState) - {CandidateState.WITHDRAWN}))
    await update(act, "candidate", row["id"], state=CandidateState.WITHDRAWN)
    return act.matter.id


def days_before(day: date, days: int) -> datetime:
    """Return the first moment of the day so many days before another."""
    return day_start(day - timedelta(days=days))
