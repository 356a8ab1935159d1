"""Error codes of ``wishes``."""

from __future__ import annotations

from core.plugin import Conflict, Invalid, NotAllowed, Problem

CASH = Problem(
    Invalid, "wishes.cash", "心愿不能是现金或转账。请改为物品、服务、技能、陪伴、信息或场地。",
    "A wish cannot be for money or a transfer. Wish for goods, a service, a skill, company, information or space.",
)  # fmt: skip
OVER_CAP = Problem(
    Invalid,
    "wishes.over_cap",
    "心愿价值不能超过 {cap} 元。",
    "A wish may be worth at most {cap} yuan; ask for less or split it.",
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
    Conflict,
    "wishes.refused_before",
    "许愿人已谢绝您的认领。",
    "The beneficiary declined your claim before; claim another wish.",
)
TOO_MANY_CLAIMS = Problem(
    Conflict, "wishes.too_many_claims", "您已有 {count} 个未完成的认领，请先完成。",
    "You have {count} open claims; finish or release them first.",
)  # fmt: skip
COMPANION_NEEDED = Problem(
    Conflict, "wishes.companion_needed", "此心愿须两人上门，请等同行人加入后再同意。",
    "This wish is visited by two: somebody must join (joinVisit) before you go on.",
)  # fmt: skip
NOT_THE_CLAIMER = Problem(
    NotAllowed, "wishes.not_the_claimer", "只有认领人可以这样做。", "Only the person who claimed the wish can do this."
)
NOT_THE_BENEFICIARY = Problem(
    NotAllowed, "wishes.not_the_beneficiary", "只有许愿人可以这样做。", "Only the person who made the wish can do this."
)
OWN_SCREENING = Problem(
    Conflict, "wishes.own_screening", "不能审核自己提出的心愿，请由另一位工作人员审核。",
    "You cannot screen a wish of your own; let a colleague do it.",
)  # fmt: skip
COMPANION_UNFIT = Problem(
    Conflict, "wishes.companion_unfit", "同行人须是许愿人和认领人以外的另一位居民，且此心愿须两人上门、尚无同行人。",
    "Coming along is for a third person, and for a wish that is visited by two and has no companion yet.",
)  # fmt: skip
SHOWS_ADDRESS = Problem(
    Invalid, "wishes.shows_address", "此处人人可见，请勿写房号、电话或证件号；住址请填入 address，双方约定后才会互见。",
    "Everybody reads this: take out room, telephone and document numbers. Put the address into `address`; it is shared "
    "once both agree.",
)  # fmt: skip
OWN_NAME = Problem(
    Invalid, "wishes.own_name", "此处人人可见，请勿写您的姓名，请用化名。",
    "Everybody reads this: take out your own name and use an alias.",
)  # fmt: skip

PROBLEMS = (
    CASH, OVER_CAP, GUARDIAN_NEEDED, OWN_WISH, SAME_HOUSEHOLD, REFUSED_BEFORE, TOO_MANY_CLAIMS, COMPANION_NEEDED,
    NOT_THE_CLAIMER, NOT_THE_BENEFICIARY, OWN_SCREENING, COMPANION_UNFIT, SHOWS_ADDRESS, OWN_NAME,
)  # fmt: skip
