"""What ``wishes`` holds of persons, and how their wishes end when they leave."""

from __future__ import annotations

from core.clock import to_wire
from core.matters import Matter
from core.plugin import ERASED, Act, ConsentText, Held, LegalBasis, PersonalData, Sealed
from plugins.wishes.lifecycle import WISH

MINE = "matter_id IN (SELECT id FROM core_matter WHERE plugin = 'wishes' AND author_id = ?)"


async def end_wishes(act: Act, person_id: int) -> None:
    """Withdraw the wishes of a person that are under way, and give those they claimed back to the wall."""
    await _move(act, "withdraw_wish", "m.author_id = ?", person_id)
    claimed = "m.id IN (SELECT wish_id FROM wishes_claim WHERE state = 'OPEN' AND claimer_id = ?)"
    await _move(act, "release_wish", claimed, person_id)
    await act.tx.execute(
        "UPDATE wishes_claim SET state = 'RELEASED', ended_at = ?, contact_sealed = NULL WHERE state = 'OPEN' AND "
        "(claimer_id = ? OR wish_id IN (SELECT id FROM core_matter WHERE plugin = 'wishes' AND author_id = ?))",
        (to_wire(act.now), person_id, person_id),
    )


async def _move(act: Act, step: str, where: str, person_id: int) -> None:
    rows = await act.tx.fetch(
        f"SELECT m.* FROM core_matter m WHERE m.plugin = 'wishes' AND {where}{act.tx.for_update}", (person_id,)
    )
    for matter in map(Matter.of, rows):
        if WISH.check(WISH.step(step), matter) is None:
            await act.move(WISH, step, matter=matter)


PERSONAL_DATA = (
    PersonalData(
        "wishes.contact", "心愿的住址与联系方式", "Address and contact of wishes and claims",
        purpose_zh="双方约定后见面；心愿结束即删除。", purpose_en="Meeting, once both have agreed; erased when the wish has ended.",
        basis=LegalBasis.CONSENT, source="个人信息保护法 13(1)(一)、29",
        retention_zh="心愿确认、销号、过期或撤回时删除。", retention_en="Until the wish is confirmed, closed, expired or withdrawn.",
        consent=ConsentText(
            "我同意把住址和联系方式加密保存，并仅在双方约定后提供给为我圆梦的邻居（或我为其圆梦的邻居），心愿结束即删除。"
            "不同意不影响使用其他功能，可随时撤回。",
            "I agree that my address and contact are kept encrypted, shown only to the neighbour who fulfils my wish (or whose "
            "wish I fulfil) once we both agreed, and erased when the wish has ended. Everything else works without it, and I "
            "may take it back at any time.",
        ),
        held=(
            Held(
                "wishes_wish", MINE, sealed=(Sealed("address_sealed"),), clears={"address_sealed": "NULL"}, key="matter_id"
            ),
            Held("wishes_claim", "claimer_id = ?", sealed=(Sealed("contact_sealed"),), clears={"contact_sealed": "NULL"}),
        ),
    ),
    PersonalData(
        "wishes.wish", "您的心愿", "Your wishes",
        purpose_zh="为心愿找到愿意帮忙的邻居；墙上只显示化名。",
        purpose_en="Finding a neighbour who fulfils the wish; the wall shows an alias only.",
        basis=LegalBasis.CONTRACT, source="个人信息保护法 13(1)(二)",
        retention_zh="心愿结束后两年，或直至注销。", retention_en="Two years after the wish has ended, or until the account is closed.",
        held=(
            Held(
                "wishes_wish", MINE, key="matter_id",
                shows=("type", "story", "alias", "value_fen", "is_for_minor", "is_visited_by_two", "building", "submitted_at",
                       "screening_note", "published_at", "confirmed_at", "satisfaction", "thanks", "thanks_is_public"),
                clears={"story": ERASED, "alias": ERASED, "building": "''", "screening_note": "''", "thanks": "''",
                        "thanks_is_public": "FALSE", "is_for_minor": "FALSE"},
            ),
            Held("core_matter", "plugin = 'wishes' AND author_id = ?", clears={"title": ERASED}),
        ),
        prepares=end_wishes,
    ),
    PersonalData(
        "wishes.claim", "您认领的心愿", "Wishes that you claimed or joined",
        purpose_zh="让许愿人知道谁来圆梦。", purpose_en="Telling the beneficiary who comes.",
        basis=LegalBasis.CONTRACT, source="个人信息保护法 13(1)(二)",
        retention_zh="心愿结束后两年；留言直至注销。",
        retention_en="Two years after the wish has ended; your words until the account is closed.",
        held=(
            Held("wishes_claim", "claimer_id = ?", shows=("wish_id", "message", "state", "claimed_at", "ended_at", "reason"),
                 clears={"message": "''", "reason": "''"}, stays=True),
            Held("wishes_claim", "companion_id = ?", shows=("wish_id", "state", "claimed_at"), clears={"companion_id": "NULL"}),
        ),
        kept_zh="认领次数计入公开的汇总；只剩一个不含姓名的编号。",
        kept_en="That a wish was claimed counts in public sums; a number without a name is left of you.",
    ),
)  # fmt: skip
