"""Error codes of ``register``."""

from __future__ import annotations

from core.plugin import Conflict, Invalid, NotFound, Problem, TooMany

# --- units and owners -------------------------------------------------------------------------------------------------

UNIT_UNKNOWN = Problem(
    NotFound, "register.unit_unknown",
    "“{place}”没有房屋“{label}”。请核对楼栋、单元和房号。",
    "There is no unit {label} in {place}. Check building, stairwell and room.",
)  # fmt: skip
UNIT_AMBIGUOUS = Problem(
    Invalid, "register.unit_ambiguous",
    "“{place}”有多套房屋“{label}”，请写全楼栋和单元，如“1幢1单元0302”。",
    "Several units in {place} are called {label}. Write building and stairwell too, e.g. 1幢1单元0302.",
)  # fmt: skip
UNIT_EXISTS = Problem(
    Conflict, "register.unit_exists", "“{place}”已有房屋“{label}”。", "There is a unit {label} in {place} already."
)
UNIT_RETIRED = Problem(
    Conflict,
    "register.unit_retired",
    "房屋“{label}”已注销，不能再变更。",
    "The unit {label} was retired; it cannot change any more.",
)
AREA_NEEDED = Problem(
    Invalid, "register.area_needed",
    "住宅和商铺须至少填写一种来源的面积（登记、测绘或合同）。",
    "A dwelling or shop needs an area from one source at least: registry, survey or contract.",
)  # fmt: skip
DEVELOPER_NEEDED = Problem(
    Invalid, "register.developer_needed",
    "未交付的房屋须写明建设单位；本小区登记的建设单位不是恰好一个，无法自动确定。",
    "A unit not handed over needs its developer; the register of this compound does not hold exactly one.",
)  # fmt: skip
OWNERS_NEEDED = Problem(
    Invalid,
    "register.owners_needed",
    "请至少写明一位业主，至多 {most} 位。",
    "Name at least one owner, and at most {most}.",
)
OWNER_TWICE = Problem(Invalid, "register.owner_twice", "同一业主写了两次。", "The same owner is named twice.")
SHARES_WRONG = Problem(
    Invalid, "register.shares_wrong",
    "份额合计须恰好为 1，现为 {total}。共同共有请全部留空。",
    "The shares must add up to exactly 1; they make {total}. Leave all of them out for joint ownership.",
)  # fmt: skip
FUTURE_DAY = Problem(Invalid, "register.future_day", "日期 {day} 在将来。", "The day {day} lies in the future.")
DOCUMENT_WRONG = Problem(
    Invalid, "register.document_wrong",
    "证件号码不正确：身份证号和统一社会信用代码须通过校验位。",
    "The document number is wrong: identity numbers and credit codes must pass their check digit.",
)  # fmt: skip
DOCUMENT_TAKEN = Problem(
    Conflict, "register.document_taken",
    "该证件号码已登记在另一姓名名下。请先核对证件。",
    "This document number is registered under another name. Check the document first.",
)  # fmt: skip
PHONE_WRONG = Problem(
    Invalid, "register.phone_wrong", "电话号码须为 7 至 15 位数字。", "A telephone number has 7 to 15 digits."
)
OWNER_UNKNOWN = Problem(
    NotFound,
    "register.owner_unknown",
    "本小区清册中没有该业主。",
    "There is no such owner in the register of this compound.",
)
NOT_AN_OWNER = Problem(
    Invalid, "register.not_an_owner",
    "只能推选该房屋现在的业主作为代表。", "Only a present owner of the unit can be its representative."
)  # fmt: skip
NOT_CO_OWNED = Problem(
    Conflict, "register.not_co_owned",
    "该房屋只有一位业主，无需推选代表。", "The unit has one owner only; no representative is needed.",
)  # fmt: skip
OWNER_LINKED = Problem(
    Conflict, "register.owner_linked",
    "该业主已与另一人员关联。请先核实，由社区工作人员解除原关联。",
    "This owner is linked with another person. Verify first, and unlink that person.",
)  # fmt: skip
NO_MANDATE_NEEDED = Problem(
    Conflict, "register.no_mandate_needed",
    "自然人业主不设授权代表；共有人请推选房屋代表，他人代为表决请用委托书。",
    "A natural person has no mandate holder: co-owners designate a representative of the unit, proxies vote by proxy.",
)  # fmt: skip
MANDATE_NEEDED = Problem(
    Conflict, "register.mandate_needed",
    "该业主不是自然人，请登记授权代表（grantMandate）。", "This owner is no natural person: record its representative by grantMandate.",
)  # fmt: skip
PERSON_UNKNOWN = Problem(
    NotFound, "register.person_unknown", "没有找到该人员，请核对编号。", "There is no such person. Check the id."
)
PLACE_WRONG = Problem(
    Invalid, "register.place_wrong",
    "房屋须登记在小区、楼栋或单元之下，“{place}”不是。",
    "Units are registered in a compound, a building or a stairwell; {place} is none.",
)  # fmt: skip

# --- residents --------------------------------------------------------------------------------------------------------

ALREADY_REQUESTED = Problem(
    Conflict, "register.already_requested",
    "您在该房屋已有登记或待核实的申请。", "You are registered in this unit, or your request is waiting.",
)  # fmt: skip
MANY_REQUESTS = Problem(
    TooMany, "register.many_requests",
    "您已有 {most} 条待核实的申请，请等候核实。", "{most} requests of yours await verification; wait for those.",
)  # fmt: skip
NO_MATCHING_OWNER = Problem(
    Conflict, "register.no_matching_owner",
    "无法确认申请人是该房屋的哪位业主：手机号与清册不符。请核验证件后指定业主（owner）。",
    "Which owner of the unit the person is cannot be told: the phone is not in the register. "
    "Check documents and name the owner.",
)  # fmt: skip
RESIDENCY_STATE = Problem(
    Conflict, "register.residency_state",
    "该登记的状态为“{state_zh}”，不能执行此操作。", "This residency is {state}; that is not possible any more.",
)  # fmt: skip
TERM_WRONG = Problem(
    Invalid,
    "register.term_wrong",
    "结束日期须晚于开始日期和今天。",
    "The end must come after the beginning and after today.",
)

# --- imports ----------------------------------------------------------------------------------------------------------

FILE_UNKNOWN = Problem(
    NotFound, "register.file_unknown",
    "没有您为此小区上传的该文件，或文件已过期删除。请重新上传。",
    "There is no such file that you uploaded for this compound, or it has expired. Upload it again.",
)  # fmt: skip
FILE_UNREADABLE = Problem(
    Invalid, "register.file_unreadable",
    "无法读取该文件：{why_zh}。请用 Excel 另存为 .xlsx 或 UTF-8 的 .csv。",
    "The file cannot be read: {why_en}. Save it as .xlsx, or as .csv in UTF-8.",
)  # fmt: skip
FILE_TOO_LARGE = Problem(
    Invalid, "register.file_too_large",
    "文件超过 {rows} 行或 {columns} 列。请按楼栋拆分后分别导入。",
    "The file has more than {rows} rows or {columns} columns. Split it by building.",
)  # fmt: skip
NO_HEADER = Problem(
    Invalid, "register.no_header",
    "没有找到表头：前 20 行中须有一行含有“房号”和“业主姓名”（或“面积”）等列名。模板见文档。",
    "No header was found: one of the first 20 rows must hold column names such as 房号 and 业主姓名 (room, owner). "
    "The documentation has a template.",
)  # fmt: skip
HEADER_TWICE = Problem(
    Invalid, "register.header_twice",
    "{first} 和 {second} 两列都是“{title}”，请删去其一。",
    "The columns {first} and {second} are both {title}; delete one of them.",
)  # fmt: skip
AREA_SOURCE_NEEDED = Problem(
    Invalid, "register.area_source_needed",
    "{cell} 的“面积”没有写明来源。请在 areaSource 指明，或把列名改为 建筑面积(登记)、建筑面积(测绘)、建筑面积(合同)。",
    "The area column {cell} does not say where it is from. Give areaSource, or name it 建筑面积(登记), (测绘) or (合同).",
)  # fmt: skip
EMPTY_FILE = Problem(Invalid, "register.empty_file", "文件中没有数据行。", "The file holds no rows of data.")
IMPORT_PLACE = Problem(
    Invalid, "register.import_place",
    "清册按小区导入，“{place}”不是小区。", "A roster is imported for a compound; {place} is none.",
)  # fmt: skip
IMPORT_OVER = Problem(
    Conflict, "register.import_over",
    "该导入的状态为“{state_zh}”，不能再执行。请重新预览。", "This import is {state}. Preview the file again."
)  # fmt: skip
WRONG_PLAN = Problem(
    Conflict, "register.wrong_plan",
    "planHash 与预览不符：请核对所预览的内容后重试。",
    "planHash is not that of this preview: look at the preview you mean to apply, and pass its hash.",
)  # fmt: skip
IMPORT_STALE = Problem(
    Conflict, "register.import_stale",
    "预览之后清册有变更，未作任何改动。请重新预览。",
    "The register changed since the preview; nothing was done. Preview again.",
)  # fmt: skip
IMPORT_FAULTY = Problem(
    Conflict, "register.import_faulty",
    "有 {errors} 行错误、{conflicts} 行冲突。请改正后重新预览，或以 skipFaulty 只导入其余各行。",
    "{errors} rows have errors and {conflicts} conflict. Correct them and preview again, or pass skipFaulty for the rest.",
)  # fmt: skip

# --- rolls ------------------------------------------------------------------------------------------------------------

ROLL_EMPTY = Problem(
    Conflict, "register.roll_empty",
    "所选范围内没有可计票的房屋。请先导入业主清册。",
    "There is no unit that counts in this scope. Import the register first.",
)  # fmt: skip
AREA_MISSING = Problem(
    Conflict, "register.area_missing",
    "{count} 套房屋没有面积，无法计票：{labels}。请先补录。",
    "{count} units have no area and cannot be counted: {labels}. Enter their areas first.",
)  # fmt: skip
SCOPE_WRONG = Problem(
    Invalid, "register.scope_wrong",
    "表决范围 {code} 不在“{place}”之内。", "The scope {code} does not lie within {place}."
)  # fmt: skip
RECORD_DATE_AHEAD = Problem(
    Invalid, "register.record_date_ahead",
    "基准日 {day} 尚未到来。", "The record date {day} has not come yet."
)  # fmt: skip
OBJECTION_UNKNOWN = Problem(
    NotFound, "register.objection_unknown",
    "该名册没有此异议。", "This roll has no such objection."
)  # fmt: skip
OBJECTION_ANSWERED = Problem(
    Conflict, "register.objection_answered", "该异议已答复。", "This objection has been answered already."
)
NOTHING_CORRECTED = Problem(
    Conflict, "register.nothing_corrected",
    "异议成立须先更正清册（过户、面积等）；按现有清册重建，名册没有变化。",
    "To uphold it, correct the register first (transfer, area …): rebuilt from the register as it is, the roll is the same.",
)  # fmt: skip
MANY_OBJECTIONS = Problem(
    TooMany, "register.many_objections",
    "您对此名册已有 {most} 条待答复的异议，请等候答复。",
    "{most} objections of yours to this roll await answers; wait for those.",
)  # fmt: skip
ROLL_NOT_CONFIRMED = Problem(
    Conflict, "register.roll_not_confirmed",
    "表决名册尚未确认（现为“{state_zh}”）。", "The voter roll is not confirmed; it is {state}.",
)  # fmt: skip
ROLL_UNKNOWN = Problem(NotFound, "register.roll_unknown", "没有该表决名册。", "There is no such voter roll.")
NO_VOTE_HERE = Problem(
    NotFound, "register.no_vote_here",
    "您不在本次表决的名册中，或不是该户推选的代表。", "You are not on this roll, or another co-owner was designated to vote."
)  # fmt: skip
WHICH_ENTRY = Problem(
    Invalid, "register.which_entry",
    "您在名册中代表 {count} 户，请指明是哪一户。", "You stand for {count} entries of this roll; say which one."
)  # fmt: skip

PROBLEMS = tuple(value for value in list(vars().values()) if isinstance(value, Problem))
