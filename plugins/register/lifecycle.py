"""Who may do what with the register, its events, and the lives of voter rolls and mandates."""

from __future__ import annotations

from core.plugin import EventType, Lifecycle, Permission, Step, Telling, both, either, holders, person, row
from plugins.register.kinds import MandateState, RollState

_STAFF = ("community_staff",)
_COMMITTEE = ("committee_member", "committee_chair")
_READERS = ("community_staff", "town_staff", "property_staff")

PERMISSIONS = (
    Permission(
        "register.read_units", "查看小区房屋与面积", "Read the units of a compound and their areas, without owners",
        roles=("owner", *_COMMITTEE, "building_captain", "branch_secretary", *_READERS),
    ),
    Permission("register.read_register", "查看业主清册（脱敏）", "Read who owns what, masked", roles=_READERS),
    Permission(
        "register.read_contacts", "查看业主姓名、电话与证件", "Read full names, telephone and document numbers of owners",
        roles=_STAFF,
    ),
    Permission("register.manage_register", "维护业主清册", "Correct units, ownerships and owners", roles=_STAFF),
    Permission("register.import_roster", "导入业主清册", "Import rosters", roles=_STAFF),
    Permission("register.request_residency", "申请居住登记", "Ask to be registered in a unit", roles=("signed_in",)),
    Permission(
        "register.verify_resident", "核实居住登记", "Verify residents", roles=(*_STAFF, "building_captain")
    ),
    Permission(
        "register.read_rolls", "查看表决名册", "Read published voter rolls",
        roles=("owner", *_COMMITTEE, "scrutineer", "branch_secretary", "community_staff", "town_staff", "auditor"),
    ),
    Permission(
        "register.manage_rolls", "编制表决名册", "Prepare, publish and correct voter rolls",
        roles=(*_STAFF, "committee_chair"),
    ),
    Permission("register.object_to_roll", "对名册提出异议", "Object to a voter roll", roles=("owner", "resident")),
)  # fmt: skip

EVENTS = (
    EventType("register.roster_applied", "清册已导入", "A roster was imported"),
    EventType("register.unit_changed", "房屋信息已变更", "A unit was added or corrected"),
    EventType("register.unit_transferred", "房屋已过户", "A unit has new owners"),
    EventType("register.owner_linked", "业主已关联", "An owner was linked with a person", tells=Telling.CONCERNED),
    EventType("register.residency_requested", "收到居住登记申请", "Somebody asked to be registered"),
    EventType(
        "register.residency_decided",
        "居住登记已核实或拒绝",
        "A residency was verified or rejected",
        tells=Telling.CONCERNED,
    ),
    EventType("register.residency_ended", "居住登记已结束", "A residency ended", tells=Telling.CONCERNED),
    EventType("register.mandate_granted", "授权代表已登记", "A representative was authorised", tells=Telling.CONCERNED),
    EventType("register.mandate_ended", "授权已终止", "A representative's authority ended"),
    EventType("register.roll_published", "表决名册已公示", "A voter roll was published", tells=Telling.EVERYBODY),
    EventType("register.roll_corrected", "表决名册已更正", "A voter roll was corrected", tells=Telling.EVERYBODY),
    EventType("register.roll_held", "表决名册待核实异议", "Objections to a voter roll await answers"),
    EventType("register.roll_confirmed", "表决名册已确认", "A voter roll was confirmed", tells=Telling.EVERYBODY),
    EventType("register.roll_withdrawn", "表决名册已撤回", "A voter roll was withdrawn", tells=Telling.EVERYBODY),
    EventType(
        "register.roll_objected", "收到名册异议", "An objection to a voter roll was made", tells=Telling.CONCERNED
    ),
    EventType("register.roll_objection_answered", "名册异议已答复", "An objection to a voter roll was answered"),
)

DRAFT, PUBLISHED, CHECKED = RollState.DRAFT, RollState.PUBLISHED, RollState.UNDER_CORRECTION
CONFIRMED, WITHDRAWN = RollState.CONFIRMED, RollState.WITHDRAWN
_MANAGE = "register.manage_rolls"

ROLL = Lifecycle(
    "register", "VOTER_ROLL", RollState, DRAFT, type_name="VoterRoll", title_zh="表决名册", title_en="Voter roll",
    visible=either(
        holders(_MANAGE),
        both(row("{m}.state <> 'DRAFT'"), either(holders("register.read_rolls"), holders("register.object_to_roll"))),
    ),
    steps=[
        Step("rebuild_roll", {DRAFT}, None, permission=_MANAGE, title_zh="重建名册"),
        Step("publish_roll", {DRAFT}, PUBLISHED, permission=_MANAGE, event="register.roll_published", title_zh="公示名册"),
        Step("object_to_roll", {PUBLISHED}, None, permission="register.object_to_roll",
             event="register.roll_objected", title_zh="提出异议"),
        Step("answer_roll_objection", {PUBLISHED, CHECKED}, None, permission=_MANAGE,
             event="register.roll_objection_answered", title_zh="答复异议"),
        Step("correct_roll", {PUBLISHED, CHECKED}, None, permission=_MANAGE,
             event="register.roll_corrected", title_zh="更正名册"),
        Step("confirm_roll", {PUBLISHED}, CONFIRMED, timed=True, event="register.roll_confirmed", title_zh="公示期满确认"),
        Step("hold_roll", {PUBLISHED}, CHECKED, timed=True, event="register.roll_held", title_zh="公示期满待核实"),
        # Nobody's own step, like those of the clock: one is taken with the last answer, the other by a vote that is
        # advisory and needs no window (plugins.register.api.freeze_roll).
        Step("conclude_roll", {CHECKED}, CONFIRMED, timed=True, event="register.roll_confirmed", title_zh="核实完毕确认"),
        Step("freeze_roll", {DRAFT}, CONFIRMED, timed=True, event="register.roll_confirmed", title_zh="直接定稿"),
        Step("withdraw_roll", {DRAFT, PUBLISHED, CHECKED}, WITHDRAWN, permission=_MANAGE,
             event="register.roll_withdrawn", title_zh="撤回名册"),
    ],
)  # fmt: skip

MANDATE = Lifecycle(
    "register", "MANDATE", MandateState, MandateState.IN_FORCE, type_name="OwnerMandate",
    title_zh="业主授权", title_en="Owner's mandate",
    visible=either(
        holders("register.manage_register"),
        person("(SELECT d.person_id FROM register_mandate d WHERE d.matter_id = {m}.id)"),
    ),
    steps=[
        Step("end_mandate", {MandateState.IN_FORCE}, MandateState.ENDED, permission="register.manage_register",
             event="register.mandate_ended", title_zh="终止授权"),
    ],
)  # fmt: skip
