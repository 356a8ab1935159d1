"""What the kernel itself holds of persons, declared as plugins declare theirs."""

from __future__ import annotations

from core import errors, people
from core.clock import to_wire
from core.personal import CLOSED_NAME, Held, LegalBasis, PersonalData, Sealed
from core.work import Act

NAME = "name"

_MINE = "account_id IN (SELECT id FROM core_account WHERE person_id = ?)"
_MEMBERSHIP = "role_id IN (SELECT code FROM core_role WHERE reach = 'MEMBER')"
_PLACE = "(SELECT c.code FROM core_community c WHERE c.id = core_appointment.community_id)"


async def _correct_name(act: Act, person_id: int, value: str) -> int:
    """Write the name that a person goes by here; what a register says of an owner is corrected there, by documents."""
    name = errors.check_text(value, NAME, most=60)
    return await act.tx.execute("UPDATE core_person SET name = ? WHERE id = ?", (name, person_id))


async def _close_logins(act: Act, person_id: int) -> None:
    """End every session and appointment of a person."""
    for row in await act.tx.fetch("SELECT id FROM core_account WHERE person_id = ?", (person_id,)):
        await people.revoke_sessions(act, row["id"])
        await act.tx.execute(
            "UPDATE core_account SET suspended_at = COALESCE(suspended_at, ?), session_version = session_version + 1 "
            "WHERE id = ?",
            (to_wire(act.now), row["id"]),
        )
    held = await act.tx.fetch(
        "SELECT id FROM core_appointment WHERE person_id = ? AND (until IS NULL OR until > ?)",
        (person_id, to_wire(act.now)),
    )
    now = to_wire(act.now)
    for row in held:
        await act.tx.execute(
            "UPDATE core_appointment SET until = CASE WHEN since > ? THEN since ELSE ? END WHERE id = ?",
            (now, now, row["id"]),
        )


PERSONAL_DATA = (
    PersonalData(
        "core.identity", "姓名", "Name",
        purpose_zh="称呼您，并让有权处理事务的人知道与谁打交道；其他人只看到姓氏。",
        purpose_en="Addressing you, and telling those in office whom they deal with; others see the surname only.",
        basis=LegalBasis.CONTRACT, source="个人信息保护法 13(1)(二)",
        retention_zh="直至注销账号。", retention_en="Until the account is closed.",
        held=(Held("core_person", "id = ?", shows=("name", "created_at"), clears={"name": CLOSED_NAME}),),
        corrects={NAME: _correct_name},
    ),
    PersonalData(
        "core.account", "账号与登录", "Account and sessions",
        purpose_zh="登录，并发现他人盗用。", purpose_en="Signing in, and noticing when somebody else does.",
        basis=LegalBasis.CONTRACT, source="个人信息保护法 13(1)(二)；网络安全法 21",
        retention_zh="账号直至注销；会话结束后 30 天；登录失败计数 15 分钟，且只存加密摘要。",
        retention_en="The account until it is closed; sessions for 30 days after their end; failed guesses for 15 minutes, "
        "as keyed digests only.",
        held=(
            Held("core_refresh_token", _MINE, shows=("issued_at", "expires_at", "used_at", "revoked_at"), deletes=True),
            Held("core_identity", _MINE, shows=("issuer", "subject", "linked_at"), deletes=True),
            Held(
                "core_account", "person_id = ?", shows=("username", "created_at", "suspended_at"),
                clears={"username": "'closed-' || CAST(id AS VARCHAR(20))", "password_hash": "''"},
            ),
        ),
        prepares=_close_logins,
    ),
    PersonalData(
        "core.appointments", "角色与任职", "Roles and offices",
        purpose_zh="决定您在何处可以做什么；证明谁曾担任公职。",
        purpose_en="Deciding what you may do where; proving who held which office.",
        basis=LegalBasis.STATUTORY_DUTY, source="个人信息保护法 13(1)(三)；民法典 277",
        retention_zh="居民、业主等身份随注销删除；任职记录长期保存。",
        retention_en="Memberships until the account is closed; offices for good.",
        held=(
            Held(
                "core_appointment", f"person_id = ? AND {_MEMBERSHIP}", shows=("role_id", "since", "until"),
                told={"community": _PLACE}, deletes=True,
            ),
            Held(
                "core_appointment", f"person_id = ? AND NOT {_MEMBERSHIP}", shows=("role_id", "since", "until", "source"),
                told={"community": _PLACE},
            ),
        ),
        kept_zh="任职记录证明当时的决定由有权的人作出；注销后只剩一个不含姓名的编号。",
        kept_en="An office proves that decisions were made by whoever was entitled; a number without a name is left.",
    ),
    PersonalData(
        "core.matters", "您发起的事项与设置", "Matters and settings that you made",
        purpose_zh="办理事项，并能追溯由谁发起。", purpose_en="Dealing with matters, and telling who began them.",
        basis=LegalBasis.STATUTORY_DUTY, source="个人信息保护法 13(1)(三)",
        retention_zh="随事项保存；其内容由各功能另行说明。",
        retention_en="As long as the matter; each feature says what becomes of its content.",
        held=(
            Held("core_matter", "author_id = ?", shows=("plugin", "kind", "title", "state", "created_at", "updated_at")),
            Held("core_setting", "set_by_id = ?", shows=("plugin", "key", "value", "set_at", "reason")),
        ),
        kept_zh="事项属于社区；发起人只剩一个不含姓名的编号。",
        kept_en="A matter is the community's; of who began it a number without a name is left.",
    ),
    PersonalData(
        "core.uploads", "您上传的文件", "Files that you uploaded",
        purpose_zh="作为事项的附件。", purpose_en="Being attached to matters.",
        basis=LegalBasis.STATUTORY_DUTY, source="个人信息保护法 13(1)(三)",
        retention_zh="未使用的一天后删除；附件随事项保存，注销时删除文件名。",
        retention_en="One day when unused; attached ones as long as their matter, their names until the account is closed.",
        held=(
            Held(
                "core_attachment", "uploader_id = ?",
                shows=("filename", "media_type", "size", "sha256", "stored_at"), clears={"filename": "'附件'"},
            ),
        ),
    ),
    PersonalData(
        "core.trace", "操作留痕", "The trace of what you did",
        purpose_zh="证明决定如何作出，发现篡改。", purpose_en="Proving how decisions were made, and finding tampering.",
        basis=LegalBasis.STATUTORY_DUTY, source="网络安全法 21；个人信息保护法 13(1)(三)、51",
        retention_zh="留痕本身不含个人信息，长期保存；与您的对应关系（盐值）随注销销毁。",
        retention_en="The trace itself holds nothing personal and stays; the salts that tie it to you are destroyed.",
        held=(
            Held(
                "core_trace_salt", "person_id = ?", key="leaf_id", deletes=True,
                told={
                    "deed": "(SELECT l.deed FROM core_trace_leaf l WHERE l.id = core_trace_salt.leaf_id)",
                    "at": "(SELECT l.at FROM core_trace_leaf l WHERE l.id = core_trace_salt.leaf_id)",
                    "leaf_hash": "(SELECT l.leaf_hash FROM core_trace_leaf l WHERE l.id = core_trace_salt.leaf_id)",
                },
            ),
            Held(
                "core_idempotency_key", "owner = CAST(CAST(? AS BIGINT) AS VARCHAR(20))", shows=("at",), deletes=True
            ),
            Held("core_trace_key", "", sealed=(Sealed("sealed"),)),  # nobody's: it signs heads
        ),
    ),
    PersonalData(
        "core.events", "发给您的消息", "Messages addressed to you",
        purpose_zh="告知您与您有关的变化。", purpose_en="Telling you what happened that concerns you.",
        basis=LegalBasis.CONTRACT, source="个人信息保护法 13(1)(二)",
        retention_zh="随变更流保存，只含编号与代码。", retention_en="As long as the feed; ids and codes only.",
        held=(
            Held("core_event", "person_id = ?", shows=("type", "at", "payload")),
            Held("core_news", "person_id = ?", shows=("type", "at"), deletes=True),
        ),
        kept_zh="变更流须连续；其中只有编号与代码，注销后无人可以读取。",
        kept_en="The feed must have no gaps; it holds ids and codes, and nobody can read these any more.",
    ),
    PersonalData(
        "core.access_log", "查阅记录", "The log of who looked",
        purpose_zh="让您知道谁看过您的加密信息；追究滥用。",
        purpose_en="Telling you who read your sealed data, and calling abuse to account.",
        basis=LegalBasis.STATUTORY_DUTY, source="个人信息保护法 44、51、54；网络安全法 21",
        retention_zh="最后一次查阅后 365 天。", retention_en="365 days after the last look.",
        held=(
            Held("core_access_look", "person_id = ?", shows=("role", "category", "field", "at", "last_at", "times")),
            Held(
                "core_access_look", "reader_id = ?",
                shows=("role", "category", "field", "operation", "at", "last_at", "times"),
            ),
        ),
        kept_zh="查阅记录依法至少保存六个月，到期自动删除。",
        kept_en="Logs are kept for six months at least by law; these are deleted when their time is over.",
    ),
    PersonalData(
        "core.consents", "同意与限制处理的记录", "Consents and restrictions",
        purpose_zh="证明您同意过什么、何时撤回。", purpose_en="Proving what you agreed to, and when you took it back.",
        basis=LegalBasis.STATUTORY_DUTY, source="个人信息保护法 14—16、44；网络数据安全管理条例 12、22",
        retention_zh="撤回后三年。", retention_en="Three years after withdrawal.",
        held=(
            Held("core_consent", "person_id = ?", shows=("category", "text_id", "given_at", "withdrawn_at")),
            Held("core_restriction", "person_id = ?", shows=("since", "reason"), key="person_id", deletes=True),
            Held("core_erasure", "person_id = ?", shows=("at", "made_by", "report"), key="person_id"),
        ),
        kept_zh="同意、撤回与删除的记录是依法处理的证明；其中没有姓名。",
        kept_en="The record of consents and of the erasure proves that the law was kept; no name is in it.",
    ),
)  # fmt: skip
