"""Deeds on owners: naming them once, correcting their particulars, linking them with persons, mandates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core import looks
from core.hierarchy import Place, place_by_id
from core.ids import new_id
from core.matters import Matter
from core.plugin import Act, check_text, deed, invalid
from plugins.register import corrections, identity, places, roster, store
from plugins.register.kinds import MandateState, OwnerKind
from plugins.register.lifecycle import MANDATE
from plugins.register.members import sync_members, sync_person
from plugins.register.problems import (
    DOCUMENT_TAKEN,
    DOCUMENT_WRONG,
    MANDATE_NEEDED,
    NO_MANDATE_NEEDED,
    OWNER_LINKED,
    OWNER_UNKNOWN,
    PERSON_UNKNOWN,
    PHONE_WRONG,
)  # fmt: skip
from plugins.register.settings import RegisterSettings
from plugins.register.voters import follow_owner


async def owner_place(act: Act, arguments: Mapping[str, Any]) -> Place:
    """Find the compound of the owner ``id``; raises NotFound."""
    row = await act.tx.one("SELECT community_id FROM register_owner WHERE id = ?", (arguments["id"],))
    if row is None:
        raise OWNER_UNKNOWN(path=("input", "id"))
    return await place_by_id(act.tx, row["community_id"])


async def owner_row(act: Act, compound: Place, key: int) -> Any:
    """Return the row of an owner of a compound; raises OWNER_UNKNOWN."""
    row = await act.tx.one("SELECT * FROM register_owner WHERE id = ? AND community_id = ?", (key, compound.id))
    if row is None:
        raise OWNER_UNKNOWN(path=("input", "owner"))
    return row


async def named_owner(act: Act, compound: Place, given: Mapping[str, Any], path: Sequence[str | int]) -> int:
    """Return the owner that an input names by its id, or find or add the one it describes."""
    if given.get("owner") is not None:
        return int((await owner_row(act, compound, int(given["owner"])))["id"])
    if not given.get("name"):
        raise invalid(
            "请写明业主（owner）或姓名（name）。", "Name an owner by `owner`, or describe one by `name`.", *path
        )
    kind = OwnerKind(given.get("kind") or OwnerKind.PERSON)
    name = check_text(given["name"], "name", most=60)
    document = _document(act, given.get("document"), kind, (*path, "document"))
    phone = _phone(given.get("phone"), (*path, "phone"))
    found = await _find(act, compound, kind, name, document, phone)
    return found if found is not None else await _add(act, compound, kind, name, document, phone)


def _document(act: Act, text: str | None, kind: OwnerKind, path: Sequence[str | int]) -> str | None:
    number = (text or "").strip().upper()
    if not number:
        return None
    checked = act.settings(RegisterSettings, plugin="register").check_documents
    if len(number) > 40 or (checked and roster.document_fault(number, kind) is not None):
        raise DOCUMENT_WRONG(path=path)
    return number


def _phone(text: str | None, path: Sequence[str | int]) -> str | None:
    if not text or not text.strip():
        return None
    number = roster.phone_of(text)
    if number is None:
        raise PHONE_WRONG(path=path)
    return number


async def _find(
    act: Act, compound: Place, kind: OwnerKind, name: str, document: str | None, phone: str | None
) -> int | None:
    """Find who is the same owner, by the rules of ``plan``: by document, a company by name, a person by name and phone."""
    if document is not None:
        row = await by_index(act, compound, identity.DOCUMENT, document)
        if row is not None and row["name"] != name:
            raise DOCUMENT_TAKEN(path=("input", "owners"))
        if row is not None:
            return int(row["id"])
    if kind is not OwnerKind.PERSON:
        found: int | None = await act.tx.value(
            "SELECT id FROM register_owner WHERE community_id = ? AND name = ? AND kind = ? ORDER BY id LIMIT 1",
            (compound.id, name, kind.value),
        )
        return found
    row = await by_index(act, compound, identity.PHONE, phone, name) if phone else None
    if row is None or (document is not None and row["document_index"] is not None):
        return None
    if document is not None:
        await store.change_owner(act, row["id"], document=document)
    return int(row["id"])


async def by_index(act: Act, compound: Place, kind: str, value: str, name: str | None = None) -> Any:
    """Return the first owner of a compound with a telephone or document number, and with a name if one is given."""
    found = identity.indexes(act.kernel.keys, kind, value)
    marks = ", ".join("?" * len(found))
    column = "phone_index" if kind == identity.PHONE else "document_index"
    named = " AND name = ?" if name is not None else ""
    return await act.tx.one(
        f"SELECT * FROM register_owner WHERE community_id = ? AND {column} IN ({marks}){named} ORDER BY id LIMIT 1",
        (compound.id, *found, *([name] if name is not None else [])),
    )


async def _add(act: Act, compound: Place, kind: OwnerKind, name: str, document: str | None, phone: str | None) -> int:
    key = new_id()
    await act.tx.execute(
        store.INSERT_OWNER, store.owner_row(act.kernel.keys, key, compound.id, kind, name, phone, document)
    )
    return key


@deed("register.manage_register", place=owner_place)
async def correct_owner(
    act: Act, *, id: int, name: str | None = None, document: str | None = None, phone: str | None = None, reason: str
) -> int:
    """Correct the name, document or telephone number of an owner; what is left out stays."""
    [row] = await act.tx.fetch(f"SELECT kind FROM register_owner WHERE id = ?{act.tx.for_update}", (id,))
    kind = OwnerKind(row["kind"])
    await places.change(act, act.place)
    number = _document(act, document, kind, ("input", "document"))
    taken = await by_index(act, act.place, identity.DOCUMENT, number) if number else None
    if taken is not None and taken["id"] != id:
        raise DOCUMENT_TAKEN(path=("input", "document"))
    await store.change_owner(
        act, id, name=check_text(name, "name", most=60) if name is not None else None,
        phone=_phone(phone, ("input", "phone")), document=number,
    )  # fmt: skip
    changed = [key for key, value in (("name", name), ("document", document), ("phone", phone)) if value is not None]
    await corrections.log(act, act.place, reason, owner=id)
    act.note(owner=str(id), changed=changed)
    return id


# --- links with persons -----------------------------------------------------------------------------------------------


@deed("register.manage_register", place=owner_place)
async def link_owner(act: Act, *, id: int, person: int) -> int:
    """Record that an owner is this person, after checking documents: the person becomes ``owner`` and may vote."""
    await link(act, act.place, id, person)
    return id


async def link(act: Act, compound: Place, owner: int, person: int) -> None:
    """Tie an owner to a person from within a deed; membership and the right to vote follow. Idempotent.

    Raises OWNER_LINKED when it is another's, MANDATE_NEEDED for companies: a person acts for them, but is not the owner.
    """
    [row] = await act.tx.fetch(f"SELECT kind, person_id FROM register_owner WHERE id = ?{act.tx.for_update}", (owner,))
    if row["kind"] != OwnerKind.PERSON:
        raise MANDATE_NEEDED(path=("input", "id"))
    if row["person_id"] == person:
        return
    if row["person_id"] is not None:
        raise OWNER_LINKED(path=("input", "id"))
    await _check_person(act, person)
    await act.tx.execute("UPDATE register_owner SET person_id = ? WHERE id = ?", (person, owner))
    await looks.adopt(act, "register_owner", owner, person)
    await sync_members(act, compound, [owner])
    await follow_owner(act, owner)
    act.note(owner=str(owner), linked=True)
    act.emit("register.owner_linked", person_id=person, owner=str(owner))


async def _check_person(act: Act, person: int) -> None:
    if await act.tx.one("SELECT id FROM core_person WHERE id = ?", (person,)) is None:
        raise PERSON_UNKNOWN(path=("input", "person"))


@deed("register.manage_register", place=owner_place)
async def unlink_owner(act: Act, *, id: int, reason: str) -> int:
    """Undo a wrong link: membership and the right to vote in open rolls end with it."""
    [row] = await act.tx.fetch(f"SELECT person_id FROM register_owner WHERE id = ?{act.tx.for_update}", (id,))
    person = row["person_id"]
    if person is not None:
        await act.tx.execute("UPDATE register_owner SET person_id = NULL WHERE id = ?", (id,))
        await sync_person(act, act.place, person)
        await follow_owner(act, id)
    await corrections.log(act, act.place, reason, owner=id)
    act.note(owner=str(id), linked=False)
    return id


# --- mandates ---------------------------------------------------------------------------------------------------------


@deed("register.manage_register", opens=MANDATE, place=owner_place)
async def grant_mandate(act: Act, *, id: int, person: int, letter: int) -> int:
    """Record who is authorised to act for a company or another owner that is no natural person, with the letter.

    An earlier mandate of the same owner ends. The holder may vote for the owner in rolls that are still open.
    """
    [row] = await act.tx.fetch(f"SELECT kind, name FROM register_owner WHERE id = ?{act.tx.for_update}", (id,))
    if row["kind"] == OwnerKind.PERSON:
        raise NO_MANDATE_NEEDED(path=("input", "id"))
    await _check_person(act, person)
    await _end_earlier(act, id)
    key = await act.open(MANDATE, f"授权代表：{row['name']}")
    await act.tx.execute(
        "INSERT INTO register_mandate (matter_id, owner_id, person_id) VALUES (?, ?, ?)", (key, id, person)
    )
    await act.attach([letter], key)
    await _represent(act, id, person)
    act.note(owner=str(id), mandate=str(key))
    act.emit("register.mandate_granted", person_id=person, owner=str(id), mandate=str(key))
    return key


async def _end_earlier(act: Act, owner: int) -> None:
    rows = await act.tx.fetch(
        "SELECT m.* FROM register_mandate d JOIN core_matter m ON m.id = d.matter_id WHERE d.owner_id = ? AND m.state = ?",
        (owner, MandateState.IN_FORCE.value),
    )
    for row in rows:
        await act.move(MANDATE, "end_mandate", matter=Matter.of(row))


@deed(on=MANDATE, step="end_mandate")
async def end_mandate(act: Act, *, reason: str) -> int:
    """End a mandate: its holder may no longer act for the owner."""
    owner = await act.tx.value("SELECT owner_id FROM register_mandate WHERE matter_id = ?", (act.matter.id,))
    await _represent(act, owner, None)
    await corrections.log(act, act.place, reason, owner=owner)
    act.note(owner=str(owner))
    return act.matter.id


async def _represent(act: Act, owner: int, person: int | None) -> None:
    await act.tx.execute("UPDATE register_owner SET representative_id = ? WHERE id = ?", (person, owner))
    await follow_owner(act, owner)


DEEDS = (correct_owner, link_owner, unlink_owner, grant_mandate, end_mandate)
