"""Error codes of ``wishes``."""

from __future__ import annotations

from core.plugin import Conflict, Invalid, NotAllowed, Problem

CASH = Problem(
    Invalid, "wishes.cash", "心愿不能是现金或转账。请改为物品、服务、技能、陪伴、信息或场地。",
    "A wish cannot be for money or a transfer. Wish for goods, a service, a skill, company, information or space.",
)  # fmt: skip
OVER_CAP = Problem(
    Invalid, "wishes.over_cap", "心愿价值不能超过 {cap} 元。", "A wish may be worth at most {cap} yuan; ask for less or split it."
)
GUARDIAN_NEEDED = Problem(
    Invalid, "wishes.guardian_needed", "未成年人的心愿须由监护人提出并确认身份。",
    "A wish for a minor is made by the guardian: set isByGuardian, and mean it.",
)  # fmt: skip
OWN_WISH = Problem(Conflict, "wishes.own_wish", "不能认领自己的心愿。", "You cannot claim a wish of your own.")
SAME_HOUSEHOLD = Problem(
    Conflict, "wishes.same_household", "不能认领同住家人的心愿。", "You cannot claim a wish from your own household."
)
REFUSED_BEFORE = Problem(
    Conflict, "wishes.refused_before", "许愿人已谢绝您的认领。", "The beneficiary declined your claim before; claim another wish."
)
TOO_MANY_CLAIMS = Problem(
    Conflict, "wishes.too_many_claims", "您已有 {count} 个未完成的认领，请先完成。",
    "You have {count} open claims; finish or release them first.",
)  # fmt: skip
COMPANION_NEEDED = Problem(
    Conflict, "wishes.companion_needed", "上门看望须两人同行，请先登记同行人。",
    "Home visits to vulnerable people are made by two: name a companion first.",
)  # fmt: skip
NOT_THE_CLAIMER = Problem(
    NotAllowed, "wishes.not_the_claimer", "只有认领人可以这样做。", "Only the person who claimed the wish can do this."
)
NOT_THE_BENEFICIARY = Problem(
    NotAllowed, "wishes.not_the_beneficiary", "只有许愿人可以这样做。", "Only the person who made the wish can do this."
)
NOBODY_SUCH = Problem(
    Invalid, "wishes.nobody_such", "同行人须是本地的另一位居民。", "The companion must be another person who belongs here."
)

PROBLEMS = (
    CASH, OVER_CAP, GUARDIAN_NEEDED, OWN_WISH, SAME_HOUSEHOLD, REFUSED_BEFORE, TOO_MANY_CLAIMS, COMPANION_NEEDED,
    NOT_THE_CLAIMER, NOT_THE_BENEFICIARY, NOBODY_SUCH,
)  # fmt: skip
