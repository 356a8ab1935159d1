"""The enums of the kernel, with the field's standard terms in both languages."""

from __future__ import annotations

from core.labels import LabelledEnum


class CommunityKind(LabelledEnum):
    """What a node of the tree of places is."""

    NATION = "NATION", "全国", "Nation", "The root above the provinces, present only when the whole nation is loaded."
    PROVINCE = "PROVINCE", "省", "Province", "A province or a municipality under the central government."
    CITY = "CITY", "市", "City", "A prefecture-level city."
    DISTRICT = "DISTRICT", "区县", "District", "A district or county."
    TOWN = "TOWN", "镇街", "Town or street", "A town (镇) or subdistrict (街道)."
    COMMUNITY = "COMMUNITY", "社区", "Community", "A residents' community with its residents' committee."
    VILLAGE = "VILLAGE", "村", "Village", "A village with its villagers' committee."
    COMPOUND = "COMPOUND", "小区", "Compound", "A residential compound: one property-management area."
    BUILDING = "BUILDING", "楼栋", "Building", "One building of a compound."
    STAIRWELL = "STAIRWELL", "单元", "Stairwell", "One stairwell (entrance) of a building."


class BranchLevel(LabelledEnum):
    """The level of a Party organisation."""

    TOWN_WORK_COMMITTEE = (
        "TOWN_WORK_COMMITTEE",
        "镇街党工委",
        "Town work committee",
        "The committee of a town or street.",
    )
    COMMUNITY_COMMITTEE = "COMMUNITY_COMMITTEE", "社区党委", "Community committee", "The committee of a community."
    COMPOUND_BRANCH = "COMPOUND_BRANCH", "小区党支部", "Compound branch", "The branch of a compound."
    GROUP = "GROUP", "党小组", "Group", "A group of members in a building."


class Reach(LabelledEnum):
    """How far a role reaches from the place it is held at."""

    OFFICE = "OFFICE", "任职", "Office", "Its permissions hold at the place and everything below it."
    MEMBER = "MEMBER", "成员", "Member", "Its permissions hold at the place and everything above it: one belongs there."
    SELF = "SELF", "本人", "Self", "Its permissions hold everywhere for whoever is signed in."


class LinkRelation(LabelledEnum):
    """How one matter follows from another."""

    ANNOUNCES = "ANNOUNCES", "公告", "Announces", "The source is the notice that announces the target."
    RESULT_OF = "RESULT_OF", "结果", "Result of", "The source publishes or carries out the result of the target."
    FOLLOWS = "FOLLOWS", "后续", "Follows", "The source continues the target."
    RATES = "RATES", "评价", "Rates", "The source asks for ratings of the target."
