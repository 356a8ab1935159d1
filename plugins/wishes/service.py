"""The verbs of wishes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.clock import to_wire
from core.ids import new_id
from core.matters import STATE_NOW
from core.plugin import Act, check_text, deed, invalid
from plugins.wishes import rules
from plugins.wishes.kinds import ClaimState, Satisfaction
from plugins.wishes.lifecycle import WISH
from plugins.wishes.problems import (
    CASH,
    COMPANION_NEEDED,
    COMPANION_UNFIT,
    GUARDIAN_NEEDED,
    NOT_THE_CLAIMER,
    OVER_CAP,
    OWN_NAME,
    OWN_WISH,
    REFUSED_BEFORE,
    SAME_HOUSEHOLD,
    SHOWS_ADDRESS,
    TOO_MANY_CLAIMS,
)  # fmt: skip
from plugins.wishes.rules import ClaimBarrier, ClaimFacts, ScreeningReason, WishFacts, WishState, WishType
from plugins.wishes.settings import WishesSettings

OPEN = ClaimState.OPEN.value


@deed("wishes.post_wish", opens=WISH)
async def open_wish(
    act: Act,
    *,
    title: str,
    story: str,
    type: WishType,
    alias: str,
    value_fen: int,
    building: str = "",
    address: str | None = None,
    asks_for_cash: bool = False,
    is_for_minor: bool = False,
    is_by_guardian: bool = False,
    is_visited_by_two: bool = False,
) -> int:
    """Write down a wish, under an alias and with no more than the building; it is a draft until it is submitted."""
    _check_facts(act, WishFacts(value_fen, asks_for_cash, False, is_for_minor, is_by_guardian))
    told = _texts(title=title, story=story, alias=alias, building=building)
    await _check_shown(act, told)
    key = await act.open(WISH, told["title"])
    await act.tx.execute(
        "INSERT INTO wishes_wish (matter_id, type, story, alias, value_fen, is_for_minor, is_visited_by_two, building, "
        "address_sealed, screening_note, thanks, thanks_is_public) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', ?)",
        (key, type.value, told["story"], told["alias"], value_fen, is_for_minor, is_visited_by_two, told["building"],
         _sealed(act, "wishes_wish", "address_sealed", key, address, "address"), False),
    )  # fmt: skip
    return key


_LENGTHS = {"title": (1, 60), "story": (1, 1000), "alias": (1, 20), "building": (0, 60)}


def _texts(**given: str | None) -> dict[str, str]:
    """Check the texts that are shown to everybody, as far as they are given."""
    return {
        name: check_text(value, name, least=_LENGTHS[name][0], most=_LENGTHS[name][1])
        for name, value in given.items()
        if value is not None
    }


async def _check_shown(act: Act, told: Mapping[str, str]) -> None:
    """Refuse what would tell everybody who the beneficiary is or where they live."""
    name = str(await act.tx.value("SELECT name FROM core_person WHERE id = ?", (act.person_id,)))
    for field, text in told.items():
        if rules.shows_address(text):
            raise SHOWS_ADDRESS(path=("input", field))
        if name in text:
            raise OWN_NAME(path=("input", field))


def _check_facts(act: Act, facts: WishFacts) -> None:
    """Refuse at the door what screening would return anyway."""
    cap = act.settings(WishesSettings).value_cap_fen
    reasons = rules.screen(facts, cap).reasons
    if facts.value_fen < 0:
        raise invalid("价值不能为负数。", "The value cannot be negative.", "input", "valueFen")
    if ScreeningReason.OVER_CAP in reasons:
        raise OVER_CAP(path=("input", "valueFen"), cap=f"{cap / 100:g}")
    if ScreeningReason.CASH in reasons:
        raise CASH(path=("input", "asksForCash"))
    if ScreeningReason.MINOR_WITHOUT_GUARDIAN in reasons:
        raise GUARDIAN_NEEDED(path=("input", "isByGuardian"))


def _sealed(act: Act, table: str, column: str, key: int, text: str | None, field: str) -> str | None:
    if text is None or not text.strip():
        return None
    return act.kernel.keys.seal(table, column, key, check_text(text, field, most=200))


@deed(on=WISH, step="revise_wish")
async def revise_wish(
    act: Act,
    *,
    title: str | None = None,
    story: str | None = None,
    type: WishType | None = None,
    alias: str | None = None,
    value_fen: int | None = None,
    building: str | None = None,
    address: str | None = None,
) -> int:
    """Change a wish before it is screened, or after it was returned; what is left out stays."""
    told = _texts(title=title, story=story, alias=alias, building=building)
    await _check_shown(act, told)
    if "title" in told:
        await act.retitle(told.pop("title"))
    columns: dict[str, Any] = {**told}
    if type is not None:
        columns["type"] = type.value
    if value_fen is not None:
        _check_facts(act, WishFacts(value_fen, is_by_guardian=True))
        columns["value_fen"] = value_fen
    if address is not None:
        columns["address_sealed"] = _sealed(act, "wishes_wish", "address_sealed", act.matter.id, address, "address")
    if columns:
        await _set(act, **columns)
    return act.matter.id


async def _set(act: Act, **columns: Any) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)
    await act.tx.execute(f"UPDATE wishes_wish SET {names} WHERE matter_id = ?", (*columns.values(), act.matter.id))


@deed(on=WISH, step="submit_wish")
async def submit_wish(act: Act) -> int:
    """Hand a wish in; it is screened within two working days."""
    await act.move(WISH, "submit_wish")
    await _start_screening(act)
    return act.matter.id


@deed(on=WISH, step="resume_wish")
async def resume_wish(act: Act) -> int:
    """Take a wish up again that statutory aid did not cover after all."""
    await act.move(WISH, "resume_wish")
    await _start_screening(act)
    return act.matter.id


async def _start_screening(act: Act) -> None:
    days = act.settings(WishesSettings).screening_working_days
    due = rules.screening_due(act.now, act.kernel.calendar, days)
    await _set(act, submitted_at=to_wire(act.now), screening_due=to_wire(due.at))


@deed(on=WISH, step="approve_wish")
async def approve_wish(act: Act, *, note: str = "") -> int:
    """Find a wish small and doable."""
    return await _screened(act, note, least=0)


@deed(on=WISH, step="return_wish")
async def return_wish(act: Act, *, note: str) -> int:
    """Send a wish back with the reason; it may be changed and handed in again."""
    return await _screened(act, note)


@deed(on=WISH, step="refer_wish")
async def refer_wish(act: Act, *, note: str) -> int:
    """Refer a wish to the statutory aid that its beneficiary is entitled to: charity never replaces it."""
    return await _screened(act, note)


async def _screened(act: Act, note: str, least: int = 1) -> int:
    await _set(act, screening_note=check_text(note, "note", least=least, most=500))
    return act.matter.id


@deed(on=WISH, step="publish_wish")
async def publish_wish(act: Act) -> int:
    """Put a wish on the wall."""
    await act.move(WISH, "publish_wish")
    await _open_to_claims(act)
    await _set(act, published_at=to_wire(act.now))
    return act.matter.id


async def _open_to_claims(act: Act) -> None:
    """Start the time in which a wish may be claimed; a released wish keeps what is left of it, a week at least."""
    row = await act.tx.one("SELECT open_until FROM wishes_wish WHERE matter_id = ?", (act.matter.id,))
    until = rules.open_until(act.now, act.settings(WishesSettings).open_days)
    if row is not None and row["open_until"] is not None:
        until = max(datetime.fromisoformat(row["open_until"]), rules.open_until(act.now, 7))
    await _set(act, open_until=to_wire(until))
    await act.start_clock(WISH, "expire_wish", until, rules.OPEN_DAYS.source)


@deed(on=WISH, step="claim_wish")
async def claim_wish(act: Act, *, message: str = "", contact: str | None = None) -> int:
    """Claim a wish of one's own free will; the beneficiary agrees or declines within the lease."""
    await _end_lapsed(act)
    facts = await _claim_facts(act)
    most = act.settings(WishesSettings).most_open_claims
    _check_barriers(rules.claim_barriers(facts, most), facts)
    key = new_id()
    lease = rules.lease_until(act.now, act.settings(WishesSettings).lease_days)
    await act.tx.execute(
        "INSERT INTO wishes_claim (id, wish_id, claimer_id, message, contact_sealed, state, claimed_at, lease_until, reason) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')",
        (key, act.matter.id, act.person_id, check_text(message, "message", least=0, most=500),
         _sealed(act, "wishes_claim", "contact_sealed", key, contact, "contact"), OPEN, to_wire(act.now), to_wire(lease)),
    )  # fmt: skip
    await act.move(WISH, "claim_wish")
    await act.start_clock(WISH, "lapse_claim", lease, rules.LEASE_DAYS.source)
    return act.matter.id


_HELD = "', '".join(sorted(s.value for s in rules.CLAIM_STATES - {WishState.DELIVERED}))


async def _claim_facts(act: Act) -> ClaimFacts:
    person, wish = act.person_id, act.matter
    refused = await act.tx.value(
        "SELECT id FROM wishes_claim WHERE wish_id = ? AND claimer_id = ? AND state = 'REFUSED' LIMIT 1",
        (wish.id, person),
    )
    household = await _shared_household(act, person, int(wish.author_id or 0))
    return ClaimFacts(
        WishState(wish.state), int(wish.author_id or 0), person, household, household, await _open_claims(act),
        refused is not None,
    )  # fmt: skip


async def _open_claims(act: Act) -> int:
    """Count the other wishes the actor is at: neither those whose time ran out, nor those that wait for confirmation."""
    if act.tx.for_update:  # two claims at once would both find room
        await act.tx.fetch(f"SELECT id FROM core_person WHERE id = ?{act.tx.for_update}", (act.person_id,))
    found = await act.tx.value(
        "SELECT COUNT(*) FROM wishes_claim c JOIN core_matter m ON m.id = c.wish_id "
        f"WHERE c.claimer_id = ? AND c.state = 'OPEN' AND c.wish_id <> ? AND {STATE_NOW.format(m='m')} IN ('{_HELD}')",
        (act.person_id, act.matter.id, to_wire(act.now)),
    )
    return int(found)


async def _shared_household(act: Act, one: int, other: int) -> int | None:
    """Return a unit that both are verified to live in; None when there is none or no register is kept here."""
    if not act.can_use("register"):
        return None
    from plugins.register import api  # optional: this server may not have it

    return await api.shared_unit(act, one, other)


def _check_barriers(barriers: tuple[ClaimBarrier, ...], facts: ClaimFacts) -> None:
    found = {
        ClaimBarrier.OWN_WISH: OWN_WISH,
        ClaimBarrier.SAME_HOUSEHOLD: SAME_HOUSEHOLD,
        ClaimBarrier.REFUSED: REFUSED_BEFORE,
    }
    for barrier in barriers:
        if barrier is ClaimBarrier.TOO_MANY_CLAIMS:
            raise TOO_MANY_CLAIMS(count=facts.open_claims)
        if barrier in found:
            raise found[barrier]()


async def _end_lapsed(act: Act) -> None:
    """End the claims of this wish whose time has run out, before anybody claims it again."""
    await act.tx.execute(
        "UPDATE wishes_claim SET state = 'LAPSED', ended_at = ?, contact_sealed = NULL WHERE wish_id = ? AND state = 'OPEN'",
        (to_wire(act.now), act.matter.id),
    )


async def _my_claim(act: Act) -> int:
    key = await act.tx.value(
        "SELECT id FROM wishes_claim WHERE wish_id = ? AND claimer_id = ? AND state = 'OPEN'",
        (act.matter.id, act.person_id),
    )
    if key is None:
        raise NOT_THE_CLAIMER()
    return int(key)


async def _end_claim(act: Act, state: ClaimState, reason: str = "") -> None:
    await act.tx.execute(
        "UPDATE wishes_claim SET state = ?, ended_at = ?, reason = ?, contact_sealed = NULL "
        "WHERE wish_id = ? AND state = 'OPEN'",
        (state.value, to_wire(act.now), reason, act.matter.id),
    )


@deed(on=WISH, step="reopen_released")
async def reopen_released(act: Act) -> int:
    """End the claims of a wish that the clock released, and give it time to be claimed again (done by the system)."""
    await _end_lapsed(act)
    running = await act.tx.value("SELECT id FROM core_deadline WHERE matter_id = ? LIMIT 1", (act.matter.id,))
    if running is None:
        await _open_to_claims(act)
    return act.matter.id


@deed(on=WISH, step="forget_address")
async def forget_address(act: Act) -> int:
    """Erase address and contact of a wish that time has ended (done by the system)."""
    await _end_lapsed(act)
    await _set(act, address_sealed=None)
    return act.matter.id


@deed(on=WISH, step="join_visit")
async def join_visit(act: Act) -> int:
    """Offer to come along on a visit that is made by two, before the beneficiary agrees to both."""
    joined = await act.tx.execute(
        "UPDATE wishes_claim SET companion_id = ? WHERE wish_id = ? AND state = 'OPEN' AND claimer_id <> ? "
        "AND companion_id IS NULL AND EXISTS "
        "(SELECT 1 FROM wishes_wish w WHERE w.matter_id = wishes_claim.wish_id AND w.is_visited_by_two)",
        (act.person_id, act.matter.id, act.person_id),
    )
    if joined != 1:
        raise COMPANION_UNFIT()
    return act.matter.id


@deed(on=WISH, step="agree_claim")
async def agree_claim(act: Act, *, address: str | None = None) -> int:
    """Agree to the claimer, and to who comes along; only now each sees the other's address and contact."""
    alone = await act.tx.value(
        "SELECT c.id FROM wishes_wish w JOIN wishes_claim c ON c.wish_id = w.matter_id "
        "WHERE w.matter_id = ? AND w.is_visited_by_two AND c.state = 'OPEN' AND c.companion_id IS NULL",
        (act.matter.id,),
    )
    if alone is not None:
        raise COMPANION_NEEDED()
    if address is not None:
        await _set(act, address_sealed=_sealed(act, "wishes_wish", "address_sealed", act.matter.id, address, "address"))
    until = rules.fulfil_until(act.now, act.settings(WishesSettings).fulfil_days)
    await act.move(WISH, "agree_claim")
    await act.start_clock(WISH, "overrun_claim", until, rules.FULFIL_DAYS.source)
    return act.matter.id


@deed(on=WISH, step="refuse_claim")
async def refuse_claim(act: Act, *, reason: str = "") -> int:
    """Decline a claimer, without having to say why; the wish is open to others again."""
    await _end_claim(act, ClaimState.REFUSED, check_text(reason, "reason", least=0, most=300))
    await act.move(WISH, "refuse_claim")
    await _open_to_claims(act)
    return act.matter.id


@deed(on=WISH, step="begin_wish")
async def begin_wish(act: Act) -> int:
    """Begin to fulfil an agreed wish."""
    await _my_claim(act)
    until = await act.tx.value(
        "SELECT at FROM core_deadline WHERE matter_id = ? AND step = 'overrun_claim'", (act.matter.id,)
    )
    await act.move(WISH, "begin_wish")
    if until is not None:
        await act.start_clock(WISH, "overrun_claim", datetime.fromisoformat(until), rules.FULFIL_DAYS.source)
    return act.matter.id


@deed(on=WISH, step="deliver_wish")
async def deliver_wish(act: Act) -> int:
    """Say that a wish is fulfilled; only the beneficiary's confirmation makes it so."""
    await _my_claim(act)
    return act.matter.id


@deed(on=WISH, step="release_wish")
async def release_wish(act: Act, *, reason: str = "") -> int:
    """Give a claim up; nobody is held to it, and the wish is open to others again."""
    await _my_claim(act)
    await _end_claim(act, ClaimState.RELEASED, check_text(reason, "reason", least=0, most=300))
    await act.move(WISH, "release_wish")
    await _open_to_claims(act)
    return act.matter.id


@deed(on=WISH, step="confirm_wish")
async def confirm_wish(act: Act) -> int:
    """Confirm, as the beneficiary, that the wish came true: the only success there is. Address and contact are erased."""
    await _set(act, confirmed_at=to_wire(act.now), address_sealed=None)
    await _end_claim(act, ClaimState.DONE)
    return act.matter.id


@deed(on=WISH, step="contest_delivery")
async def contest_delivery(act: Act, *, reason: str) -> int:
    """Say that what was claimed as delivered did not arrive; the claimer goes on."""
    await act.tx.execute(
        "UPDATE wishes_claim SET reason = ? WHERE wish_id = ? AND state = 'OPEN'",
        (check_text(reason, "reason", most=300), act.matter.id),
    )
    until = rules.fulfil_until(act.now, act.settings(WishesSettings).fulfil_days)
    await act.move(WISH, "contest_delivery")
    await act.start_clock(WISH, "overrun_claim", until, rules.FULFIL_DAYS.source)
    return act.matter.id


@deed(on=WISH, step="rate_wish")
async def rate_wish(act: Act, *, satisfaction: Satisfaction, thanks: str = "", thanks_is_public: bool = False) -> int:
    """Say how it went; the thanks are shown to others only if the beneficiary wants so."""
    text = check_text(thanks, "thanks", least=0, most=500)
    await _set(act, satisfaction=satisfaction.value, thanks=text, thanks_is_public=thanks_is_public)
    return act.matter.id


@deed(on=WISH, step="close_wish")
async def close_wish(act: Act) -> int:
    """Strike a wish off the list; address and contact are erased."""
    await _set(act, address_sealed=None)
    return act.matter.id


@deed(on=WISH, step="withdraw_wish")
async def withdraw_wish(act: Act) -> int:
    """Take a wish back; address and contact are erased."""
    await _set(act, address_sealed=None)
    await _end_claim(act, ClaimState.RELEASED)
    return act.matter.id
