"""What a person may do with their own data (个人信息保护法 44—50): take it along, correct it, restrict it, close the account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core import errors
from core.access import Permission, Viewer
from core.clock import to_wire
from core.errors import Invalid, Problem
from core.events import EventType
from core.guesses import count_guess, forgive
from core.hierarchy import PLACE_COLUMNS, Place, lineage
from core.passwords import verify
from core.work import Act, deed

if TYPE_CHECKING:
    from core.kernel import Kernel

OWN_DATA = "core.own_data"
LINK_LIFE = timedelta(minutes=10)

PERMISSIONS = (
    Permission(OWN_DATA, "行使个人信息权利", "Read, take along, correct, restrict and erase one's own data", roles=("signed_in",)),
    Permission("core.answer_requests", "代办个人信息请求（命令行）", "Export and erase for persons without an account", roles=()),
)  # fmt: skip
EVENTS = (
    EventType("core.data_exported", "已导出个人数据", "A person took their data along"),
    EventType("core.data_corrected", "已更正个人数据", "A person corrected their data"),
    EventType("core.processing_restricted", "已限制处理", "A person asked that their data be kept only"),
    EventType("core.restriction_lifted", "已解除限制处理", "A person lifted that"),
    EventType("core.account_closed", "账号已注销", "A person closed the account"),
)
NOTHING_TO_CORRECT = Problem(
    Invalid, "core.nothing_to_correct", "请写明要更正的内容；可更正：{known}。",
    "Say what to correct; these can be: {known}.",
)  # fmt: skip
PASSWORD_NEEDED = Problem(
    Invalid, "core.password_needed", "注销账号须输入正确的密码。",
    "Closing the account takes its password. Ask the person for it.",
)  # fmt: skip
PROBLEMS = (NOTHING_TO_CORRECT, PASSWORD_NEEDED)


async def at_the_top(act: Act, arguments: Mapping[str, Any]) -> Place:
    """Find the top of the tree that a person belongs to: what somebody does with their own data happens at no place.

    On the trace it is told of the whole tree, so that it says nothing of the stairwell.
    """
    person = act.actor.person_id or arguments.get("person_id")
    path = await act.tx.value(
        "SELECT c.path FROM core_appointment a JOIN core_community c ON c.id = a.community_id WHERE a.person_id = ? "
        "ORDER BY a.id LIMIT 1",
        (person,),
    )
    where, values = ("path = ?", (lineage(path)[0],)) if path else ("parent_id IS NULL", ())
    row = await act.tx.one(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE {where} ORDER BY id LIMIT 1", values)
    if row is None:
        raise errors.NOT_FOUND(what="community")
    return Place.of(row)


@deed(OWN_DATA, place=at_the_top, takes_out=True)
async def export_my_data(act: Act) -> dict[str, Any]:
    """Get an address from which everything that is held about you can be downloaded as JSON, within ten minutes.

    Nothing is stored for it: the file is written while it is downloaded.
    """
    expires = act.now + LINK_LIFE
    act.emit("core.data_exported", person_id=act.person_id)
    return {"person": act.person_id, "expires_at": to_wire(expires)}


@deed("core.answer_requests", place=at_the_top, takes_out=True)
async def export_person(act: Act, *, person_id: int) -> None:
    """Write down that somebody's data are taken out for a person without an account: for the command line."""
    if await act.tx.value("SELECT 1 FROM core_person WHERE id = ?", (person_id,)) is None:
        raise errors.NOT_FOUND(what=f"Person_{person_id}")
    act.emit("core.data_exported", person_id=person_id)


async def may_take_out(kernel: Kernel, person_id: int) -> bool:
    """Say whether a person may still use the address of an export: not once the account is suspended or closed."""
    rows = await kernel.database.fetch(
        "SELECT 1 FROM core_account WHERE person_id = ? AND suspended_at IS NULL", (person_id,)
    )
    return bool(rows)


def export_path(kernel: Kernel, person_id: int, expires: int) -> str:
    """Return the address of an export, signed."""
    return f"/exports/{person_id}/{expires}/{kernel.keys.sign('export', f'{person_id}:{expires}')}"


@deed(OWN_DATA, place=at_the_top, secrets=frozenset({"name", "phone"}))
async def correct_my_data(act: Act, *, name: str | None = None, phone: str | None = None) -> dict[str, int]:
    """Correct your name or telephone number wherever you may do so yourself.

    What a register took from documents (an owner's name, a document number) is corrected by staff after a look at these.
    The trace says which fields were corrected, never to what.
    """
    wanted = {field: value for field, value in (("name", name), ("phone", phone)) if value is not None}
    corrects = [(field, correct) for data in act.kernel.personal_data for field, correct in data.corrects.items()]
    if not wanted:
        raise NOTHING_TO_CORRECT(path=("input",), known=", ".join(sorted({field for field, _ in corrects})))
    changed = dict.fromkeys(wanted, 0)
    for field, correct in corrects:
        if field in wanted:
            changed[field] += await correct(act, act.person_id, wanted[field])
    act.note(corrected=changed)
    act.emit("core.data_corrected", person_id=act.person_id, fields=sorted(changed))
    return changed


@deed(OWN_DATA, place=at_the_top, secrets=frozenset({"reason"}))
async def restrict_processing(act: Act, *, is_restricted: bool, reason: str = "") -> bool:
    """Ask that your sealed data be kept and not used: nobody else sees them until you lift it. Your account goes on."""
    text = errors.check_text(reason, "reason", least=0, most=300)
    if is_restricted:
        changed = await act.tx.execute(
            "INSERT INTO core_restriction (person_id, since, reason) VALUES (?, ?, ?) ON CONFLICT (person_id) DO NOTHING",
            (act.person_id, to_wire(act.now), text),
        )
    else:
        changed = await act.tx.execute("DELETE FROM core_restriction WHERE person_id = ?", (act.person_id,))
    if changed:
        event = "core.processing_restricted" if is_restricted else "core.restriction_lifted"
        act.emit(event, person_id=act.person_id)
    act.note(restricted=is_restricted)
    return is_restricted


@deed(OWN_DATA, place=at_the_top, traces_actor=False, secrets=frozenset({"password"}))
async def close_account(act: Act, *, password: str | None = None) -> list[dict[str, Any]]:
    """Close your account for good: sessions and roles end, your data are erased; the answer says what is kept and why.

    Ballots that you cast stay counted, without your name. There is no way back.
    """
    from core import erasure

    report = await erasure.erase(act, act.person_id, "person")
    act.emit("core.account_closed", person_id=act.person_id)
    return report


async def confirm(kernel: Kernel, viewer: Viewer, password: str | None) -> None:
    """Make sure that it is the person who closes the account, by its password where it has one; a wrong one is a guess."""
    rows = await kernel.database.fetch(
        "SELECT username, password_hash FROM core_account WHERE id = ?", (viewer.account_id or 0,)
    )
    if not rows:
        raise errors.NOT_SIGNED_IN()
    if not rows[0]["password_hash"]:
        return
    guess = await kernel.database.run(lambda tx: count_guess(kernel, tx, rows[0]["username"], None))
    if guess.account is None or not await verify(guess.account["password_hash"], password or ""):
        raise PASSWORD_NEEDED(path=("input", "password"))
    await kernel.database.run(lambda tx: forgive(tx, guess))


DEEDS = (export_my_data, export_person, correct_my_data, restrict_processing, close_account)
