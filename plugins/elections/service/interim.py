"""Interim committees (物业管理委员会): owners ask, the street organises; it organises owners to decide, never in their place."""

from __future__ import annotations

from core import calendar
from core.plugin import Act, check_text, deed
from plugins.elections import petitions, rules
from plugins.elections.kinds import GroupStanding, Office
from plugins.elections.lifecycle import INTERIM
from plugins.elections.problems import GROUP_WRONG
from plugins.elections.service.preparing import cited, names, post, until
from plugins.elections.settings import ElectionsSettings
from plugins.elections.store import insert, members, update
from plugins.notices import api as notices


@deed("elections.apply_election", opens=INTERIM)
async def request_interim(act: Act, *, title: str, reason: str) -> int:
    """Ask for an interim committee where there is no committee; owners sign."""
    key = await act.open(INTERIM, check_text(title, "title"))
    await insert(
        act,
        "interim",
        matter_id=key,
        reason=check_text(reason, "reason", most=5000),
        refusal_reason="",
        refusal_basis="",
    )
    if act.actor.person_id is not None:
        await petitions.sign(act, key)
    act.emit("elections.interim_requested", matter_id=key)
    return key


@deed(on=INTERIM, step="sign_interim")
async def sign_interim(act: Act) -> int:
    """Sign the request; who signed is shown to nobody, only how many."""
    await petitions.sign(act, act.matter.id)
    return act.matter.id


@deed(on=INTERIM, step="accept_interim")
async def accept_interim(act: Act) -> int:
    """Accept a request that its share of owners signed, and begin to put the committee together."""
    await petitions.require(act, act.settings(ElectionsSettings).interim_percent)
    return act.matter.id


@deed(on=INTERIM, step="refuse_interim")
async def refuse_interim(act: Act, *, reason: str, citation: str) -> int:
    """Refuse a request on a cited rule."""
    await update(
        act,
        "interim",
        act.matter.id,
        refusal_reason=check_text(reason, "reason", most=500),
        refusal_basis=cited(citation),
    )
    return act.matter.id


@deed(on=INTERIM, step="add_interim_member")
async def add_interim_member(act: Act, *, person: int, standing: GroupStanding, is_chair: bool = False) -> int:
    """Add a member: of the residents' or villagers' committee, which gives the chair, or an owner."""
    await act.tx.execute("DELETE FROM elections_seat WHERE body_id = ? AND person_id = ?", (act.matter.id, person))
    await insert(act, "seat", body_id=act.matter.id, person_id=person, standing=standing,
                 office=Office.CHAIR if is_chair else Office.MEMBER,
                 place=0, since=act.now, end_citation="")  # fmt: skip
    return act.matter.id


@deed(on=INTERIM, step="show_interim")
async def show_interim(act: Act) -> int:
    """Show the list of members; it begins its work when the list has been shown."""
    rows = await members(act, act.matter.id)
    faults = rules.interim_faults(
        [r["standing"] for r in rows], [r["standing"] for r in rows if r["office"] == Office.CHAIR.value]
    )
    if faults:
        raise GROUP_WRONG(faults_zh="；".join(zh for zh, _ in faults), faults="; ".join(en for _, en in faults))
    ends = calendar.display_until(act.now, act.settings(ElectionsSettings).interim_shown_days)
    called = await names(act, [r["person_id"] for r in rows])
    lines = [
        f"{called[r['person_id']]}（{GroupStanding(r['standing']).label_zh}，{Office(r['office']).label_zh}）"
        for r in rows
    ]
    await update(act, "interim", act.matter.id, shown_until=ends)
    await act.move(INTERIM, "show_interim")
    await act.start_clock(INTERIM, "begin_interim", ends, rules.INTERIM_SHOWN_DAYS.source)
    await post(act, notices.NoticeKind.INTERIM_COMMITTEE_MEMBERS, f"名单公示：{act.matter.title}", "\n".join(lines))
    return act.matter.id


@deed(on=INTERIM, step="replace_interim")
async def replace_interim(act: Act) -> int:
    """Let an interim committee hand over, because a committee was elected; done by the system."""
    await update(act, "interim", act.matter.id, handover_due=until(act, act.settings(ElectionsSettings).handover_days))
    return act.matter.id


@deed(on=INTERIM, step="end_interim")
async def end_interim(act: Act) -> int:
    """Establish that an interim committee has handed over to its successor; its seats end."""
    for one in await members(act, act.matter.id):
        await update(act, "seat", one["id"], ended_at=act.now)
    return act.matter.id
