"""What ``register`` holds of persons.

An ownership that lasts is the compound's business, not its owner's alone: who owns what decides who decides (民法典 278).
The register keeps the name of a present owner whose account is closed, and drops it when the ownership ends.
"""

from __future__ import annotations

from core.plugin import ERASED, Act, Held, LegalBasis, PersonalData, Sealed
from plugins.register import identity, roster
from plugins.register.problems import PHONE_WRONG

_LAW = "个人信息保护法 13(1)(三)；民法典 278；业主大会和业主委员会指导规则"
_OWNERS = "(SELECT w.id FROM register_owner w WHERE w.person_id = ?)"
_OWNS_NOW = "EXISTS (SELECT 1 FROM register_ownership o WHERE o.owner_id = register_owner.id AND o.until IS NULL)"
PHONE = Sealed("phone_sealed", place=identity.PHONE, index="phone_index", kind="register.phone")
DOCUMENT = Sealed("document_sealed", place=identity.DOCUMENT, index="document_index", kind="register.document")
_NO_PHONE = {"phone_sealed": "NULL", "phone_index": "NULL", "phone_masked": "''"}
_NO_DOCUMENT = {"document_sealed": "NULL", "document_index": "NULL", "document_masked": "''"}


async def correct_phone(act: Act, person_id: int, value: str) -> int:
    """Write a new telephone number wherever the register has one of this person."""
    number = roster.phone_of(value)
    if number is None:
        raise PHONE_WRONG(path=("input", "phone"))
    changed = 0
    for table, more in (("register_owner", ""), ("register_resident", "AND phone_sealed IS NOT NULL")):
        rows = await act.tx.fetch(
            f"SELECT id FROM {table} WHERE person_id = ? {more} ORDER BY id{act.tx.for_update}", (person_id,)
        )
        for row in rows:
            tel = identity.seal(act.kernel.keys, table, row["id"], identity.PHONE, number)
            changed += await act.tx.execute(
                f"UPDATE {table} SET phone_sealed = ?, phone_index = ?, phone_masked = ? WHERE id = ?",
                (tel.sealed, tel.index, tel.masked, row["id"]),
            )
    return changed


PERSONAL_DATA = (
    PersonalData(
        "register.contact", "电话与证件号码", "Telephone and document numbers",
        purpose_zh="区分同名业主，核实身份，送达通知。", purpose_en="Telling owners apart, verifying identity, delivering notices.",
        basis=LegalBasis.STATUTORY_DUTY, source=f"{_LAW}；个人信息保护法 28—30",
        retention_zh="业主的：产权存续期间；居住登记的电话：核实完毕即止；注销时删除。",
        retention_en="An owner's while the ownership lasts, a resident's until it is decided; until the account is closed.",
        held=(
            Held("register_owner", "person_id = ?", sealed=(PHONE, DOCUMENT), clears={**_NO_PHONE, **_NO_DOCUMENT}),
            Held("register_resident", "person_id = ?", sealed=(PHONE,), clears=_NO_PHONE),
        ),
        corrects={"phone": correct_phone},
    ),
    PersonalData(
        "register.resident", "居住登记", "Residencies",
        purpose_zh="确认您属于此处。", purpose_en="Telling that you belong to the place.",
        basis=LegalBasis.CONTRACT, source="个人信息保护法 13(1)(二)",
        retention_zh="居住结束后一年，或直至注销。", retention_en="One year after the residency ended, or until the account is closed.",
        held=(
            Held("register_resident", "person_id = ?", deletes=True,
                 shows=("unit_id", "kind", "state", "since", "until", "requested_at", "verified_at", "reason")),
        ),
    ),
    PersonalData(
        "register.roll", "表决名册", "Voter rolls",
        purpose_zh="决定谁以多少面积表决。", purpose_en="Telling who votes, and with what area.",
        basis=LegalBasis.STATUTORY_DUTY, source=_LAW,
        retention_zh="决定可以争议期间。", retention_en="As long as the decision may be disputed.",
        held=(
            Held("register_roll_objection", "person_id = ?", shows=("roll_id", "text", "state", "made_at", "answer", "answered_at"),
                 clears={"text": ERASED, "answer": "CASE WHEN answer = '' THEN '' ELSE '〔已删除〕' END"}),
            Held("register_roll_entry", "id IN (SELECT v.entry_id FROM register_roll_voter v WHERE v.person_id = ?)",
                 shows=("roll_id", "number", "units_text", "area_centi", "heads")),
            Held("register_roll_voter", "person_id = ?", shows=("roll_id", "entry_id", "may_vote"), clears={"person_id": "NULL"}),
        ),
        kept_zh="名册已公示，其哈希写入结果证书，姓名早已遮盖；与您账号的联系已删除。",
        kept_en="The roll was published masked, and its hash stands in the certificate; what tied it to your account is gone.",
    ),
    PersonalData(
        "register.office", "您经办与受托的事务", "What you did for the register, and mandates",
        purpose_zh="证明由谁更正、导入、核实，谁受托代表单位。",
        purpose_en="Telling who corrected, imported and verified, and who was authorised to act for a company.",
        basis=LegalBasis.STATUTORY_DUTY, source=_LAW, retention_zh="长期保存。", retention_en="For good.",
        held=(
            Held("register_correction", "made_by_id = ?", shows=("deed", "reason", "made_at")),
            Held("register_import", "created_by_id = ?", shows=("file_name", "sha256", "state", "created_at", "applied_at")),
            Held("register_resident", "verified_by_id = ?", shows=("state", "verified_at")),
            Held("register_mandate", "person_id = ?", shows=("owner_id",), key="matter_id"),
            Held("register_import_row", "", sealed=(Sealed("sealed"),)),
        ),
        kept_zh="经办记录使清册可以追责，只剩不含姓名的编号；未执行的导入预览最多加密保存七天。",
        kept_en="Who did what makes the register accountable; numbers without names are left. A preview of an import that was "
        "not carried out is kept sealed for seven days at most.",
    ),
    PersonalData(
        "register.owner", "业主与产权", "Owner and ownerships",
        purpose_zh="确定谁共同决定，并能证明。", purpose_en="Telling who decides together, and proving it.",
        basis=LegalBasis.STATUTORY_DUTY, source=_LAW,
        retention_zh="产权存续期间；产权结束后随注销删除姓名。",
        retention_en="As long as the ownership lasts; the name of an erased owner goes when it ends.",
        held=(
            Held("register_correction", f"owner_id IN {_OWNERS}", shows=("deed", "reason", "made_at"), clears={"reason": ERASED}),
            Held("register_ownership", f"owner_id IN {_OWNERS}",
                 shows=("unit_id", "numerator", "denominator", "is_joint", "since", "until", "basis", "recorded_at")),
            Held("register_owner", "representative_id = ?", shows=("kind",), clears={"representative_id": "NULL"}),
            Held("register_owner", "person_id = ?", shows=("kind", "name"), keeps_while=_OWNS_NOW,
                 clears={"name": ERASED, "name_masked": ERASED, "person_id": "NULL"}),
        ),
        kept_zh="您现在仍是业主：清册依法须载明谁拥有什么。产权转移后姓名自动删除；产权的历史只剩不含姓名的编号。",
        kept_en="Whoever owns a unit now has to stand in the register by law; the name goes by itself once the ownership ends. "
        "Of past ownerships, numbers without names are left.",
    ),
)  # fmt: skip
