"""The words of the register: what units, owners, residents, imports and rolls can be."""

from __future__ import annotations

from core.labels import LabelledEnum
from plugins.register.rules import UnitKind


class UnitUse(LabelledEnum):
    """What a unit is used as."""

    DWELLING = "DWELLING", "住宅", "Dwelling", "A flat or house."
    SHOP = "SHOP", "商铺", "Shop", "A shop, office or other place of business owned exclusively."
    PARKING = "PARKING", "车位", "Parking space", "A parking space or garage with a title of its own."
    COMMON = "COMMON", "共有用房", "Common room", "A room that all owners own together; it never votes."

    @property
    def counting(self) -> UnitKind:
        """Return what the unit is as far as counting cares."""
        if self is UnitUse.PARKING:
            return UnitKind.PARKING
        return UnitKind.COMMON if self is UnitUse.COMMON else UnitKind.EXCLUSIVE


class UnitStatus(LabelledEnum):
    """Whether a unit still exists as such."""

    ACTIVE = "ACTIVE", "正常", "Active", "It exists and counts."
    MERGED = "MERGED", "已合并或分割", "Merged or divided", "It became part of other units and counts no more."
    DEMOLISHED = "DEMOLISHED", "已灭失", "Demolished", "It no longer exists."


class OwnerKind(LabelledEnum):
    """What an owner is in law."""

    PERSON = "PERSON", "自然人", "Person", "A natural person."
    COMPANY = (
        "COMPANY",
        "法人或其他组织",
        "Company",
        "A company or other organisation; an authorised person acts for it.",
    )
    DEVELOPER = (
        "DEVELOPER",
        "建设单位",
        "Developer",
        "The developer: all it has not sold or not handed over is one head.",
    )
    PROPERTY_RIGHT_UNIT = (
        "PROPERTY_RIGHT_UNIT", "公房产权单位", "Property-right unit", "The body that owns public housing not sold to tenants."
    )  # fmt: skip


class OwnershipBasis(LabelledEnum):
    """On what an ownership rests (建筑物区分所有权解释 1)."""

    REGISTERED = "REGISTERED", "不动产登记", "Registered", "Entered in the real-estate register."
    JUDGMENT = (
        "JUDGMENT",
        "裁判或征收",
        "Judgment",
        "By a judgment, an award or an expropriation decision (民法典 229).",
    )
    INHERITANCE = "INHERITANCE", "继承", "Inheritance", "By inheritance (民法典 230)."
    CONSTRUCTION = "CONSTRUCTION", "合法建造", "Construction", "By lawful construction (民法典 231)."
    POSSESSION = (
        "POSSESSION", "购房入住未登记", "Buyer in possession",
        "Bought from the developer and taken over, not registered yet (解释 1 第二款).",
    )  # fmt: skip


class ResidentKind(LabelledEnum):
    """As what somebody lives in, or uses, a unit."""

    OWNER_OCCUPIER = "OWNER_OCCUPIER", "自住业主", "Owner-occupier", "Owns the unit and lives there."
    TENANT = "TENANT", "承租人", "Tenant", "Rents the unit."
    FAMILY = "FAMILY", "家庭成员", "Family member", "Lives there with the owner or the tenant."
    OTHER = "OTHER", "其他使用人", "Other user", "Uses the unit with the owner's consent."


class ResidentState(LabelledEnum):
    """How far the verification of a residency has come."""

    PENDING = "PENDING", "待核实", "Pending", "Requested; staff or the building captain has to verify it."
    VERIFIED = "VERIFIED", "已核实", "Verified", "Verified: the person belongs to the place."
    REJECTED = "REJECTED", "未通过", "Rejected", "Refused, with a reason."
    ENDED = "ENDED", "已结束", "Ended", "Over: moved out, lease ended, or withdrawn by the person."


class ImportState(LabelledEnum):
    """How far a roster import has come."""

    PREVIEWED = "PREVIEWED", "已预览", "Previewed", "Read and compared with the register; nothing was changed."
    APPLIED = "APPLIED", "已导入", "Applied", "Exactly the previewed plan was carried out."
    DISCARDED = "DISCARDED", "已放弃", "Discarded", "Given up; nothing was changed."
    STALE = "STALE", "已过期", "Stale", "The register changed since the preview: preview the file again."


class ImportRowState(LabelledEnum):
    """What one line of a roster would do."""

    NEW = "NEW", "新增", "New", "Adds a unit, or an owner to a unit."
    CHANGED = "CHANGED", "变更", "Changed", "Changes what the register says."
    UNCHANGED = "UNCHANGED", "不变", "Unchanged", "Says what the register says already."
    CONFLICT = (
        "CONFLICT",
        "冲突",
        "Conflict",
        "Well-formed, but it contradicts the register in a way people must settle.",
    )
    ERROR = "ERROR", "错误", "Error", "Cannot be understood; the messages name the cells."


class RollState(LabelledEnum):
    """How far a voter roll has come."""

    DRAFT = "DRAFT", "草稿", "Draft", "Built from the register; being checked, not yet public."
    PUBLISHED = "PUBLISHED", "公示中", "Published", "Shown to the owners, who may object until the window closes."
    UNDER_CORRECTION = (
        "UNDER_CORRECTION", "核实异议中", "Under correction",
        "The window has closed and objections are open: each has to be answered.",
    )  # fmt: skip
    CONFIRMED = "CONFIRMED", "已确认", "Confirmed", "Final: no objection is open; ballots are counted against it."
    WITHDRAWN = "WITHDRAWN", "已撤回", "Withdrawn", "Given up before it was confirmed."


class RollObjectionState(LabelledEnum):
    """What became of an objection to a roll."""

    OPEN = "OPEN", "待答复", "Open", "Not answered yet."
    UPHELD = "UPHELD", "成立", "Upheld", "It was right; the roll was rebuilt from the corrected register."
    REJECTED = "REJECTED", "不成立", "Rejected", "It was not right; the answer says why."


class MandateState(LabelledEnum):
    """Whether somebody may act for a company or another owner that is no natural person."""

    IN_FORCE = "IN_FORCE", "有效", "In force", "The person may act for the owner."
    ENDED = "ENDED", "已终止", "Ended", "Withdrawn or replaced."
