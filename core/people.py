"""People: who holds which role where and until when (appointments), and whose logins are open.

An appointment is held at a community, or at a branch; an office at a branch reaches the communities that the branch and
the branches below it serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import errors, hierarchy, roles
from core.access import Permission
from core.clock import to_wire
from core.errors import Conflict, Invalid, NotAllowed, Problem
from core.events import EventType
from core.hierarchy import PLACE_COLUMNS, Place
from core.ids import new_id
from core.kinds import Reach
from core.viewers import load_viewer
from core.work import Act, deed

SOURCE = "core.appoint"
_STAFF = ("community_staff", "town_staff", "district_staff")

PERMISSIONS = (
    Permission(
        "core.manage_people", "登记人员、开立账号", "Register persons and open accounts",
        roles=(*_STAFF, "system_admin"),
    ),
    Permission(
        "core.appoint", "任免角色", "Appoint and dismiss",
        roles=(*_STAFF, "security_admin"),
    ),
    Permission("core.manage_accounts", "停用与恢复账号", "Suspend and restore accounts", roles=("security_admin",)),
    Permission("core.read_people", "查看人员姓名", "Read people's full names", roles=_STAFF),
)  # fmt: skip

EVENTS = (
    EventType("core.appointed", "获任角色", "A person was appointed"),
    EventType("core.appointment_ended", "角色终止", "An appointment ended"),
    EventType("core.account_added", "账号已开立", "An account was opened"),
    EventType("core.account_suspended", "账号已停用", "An account was suspended"),
    EventType("core.account_restored", "账号已恢复", "A suspended account was restored"),
    EventType("core.password_reset", "密码已重置", "A password was reset by an administrator"),
)

UNKNOWN_ROLE = Problem(
    Invalid, "core.unknown_role", "没有可以任命的角色 {role}。", "There is no role {role} that people are appointed to."
)
MAY_NOT_APPOINT = Problem(
    NotAllowed, "core.may_not_appoint", "角色 {role} 须由以下角色任免：{appointers}。",
    "{role} is given and taken by: {appointers}. Ask one of them.",
)  # fmt: skip
NOT_YOURSELF = Problem(
    NotAllowed, "core.not_yourself", "不能对本人执行此操作，请由他人办理。",
    "Nobody does this to themselves. Ask a colleague.",
)  # fmt: skip
EXCLUSIVE = Problem(
    Conflict, "core.exclusive_roles", "{role} 与此人的角色 {held} 互斥（三员分立）。请先终止后者，或另任他人。",
    "{role} excludes {held}, which this person holds. End that first, or appoint somebody else.",
)  # fmt: skip
ALREADY_APPOINTED = Problem(
    Conflict, "core.already_appointed", "此人在此已任 {role}。", "This person holds {role} here already."
)
NOT_YOURS_TO_END = Problem(
    Conflict, "core.follows_from_elsewhere", "此角色由 {source} 产生，请在那里更改。",
    "This role follows from {source}; change it there.",
)  # fmt: skip
BAD_TERM = Problem(
    Invalid, "core.bad_term", "任期的结束必须晚于开始和当前时间。", "A term must end after it begins, and after now."
)
NO_PLACE = Problem(
    Invalid, "core.no_place", "请指明社区或党组织之一；党组织须已有服务的社区，且同属一个上级。",
    "Name a community or a branch, not both; the branch must serve communities that have a place above them in common.",
)  # fmt: skip
USERNAME_TAKEN = Problem(
    Conflict, "core.username_taken", "用户名 {username} 已被使用，请换一个。",
    "The username {username} is taken. Choose another.",
)  # fmt: skip
HAS_ACCOUNT = Problem(
    Conflict, "core.has_account", "此人已有账号。如忘记密码，请重置。",
    "This person has an account already. Reset its password if it is lost.",
)  # fmt: skip
PROBLEMS = (
    UNKNOWN_ROLE, MAY_NOT_APPOINT, NOT_YOURSELF, EXCLUSIVE, ALREADY_APPOINTED, NOT_YOURS_TO_END, BAD_TERM, NO_PLACE,
    USERNAME_TAKEN, HAS_ACCOUNT,
)  # fmt: skip


# --- appointments, for the deeds of plugins ---------------------------------------------------------------------------


async def appoint(
    act: Act,
    person_id: int,
    role: str,
    place_id: int,
    since: datetime | None = None,
    until: datetime | None = None,
    source: str = SOURCE,
) -> int:
    """Give a person a role at a community from within a deed, and return the appointment's key.

    ``source`` names what the role follows from, e.g. ``register.record_ownership``; only the same source ends it. When
    the person holds the role there from that source already, that appointment gets the new end and its key is returned.
    Whether the actor may do so is for the calling deed to have checked. Raises NotFound, Invalid for an unknown role or
    term, Conflict for roles that exclude each other.
    """
    await _lock_person(act, person_id)
    begins = since or act.now
    if until is not None and until <= max(begins, act.now):
        raise BAD_TERM(path=("input", "until"))
    standing = await _standing(act, person_id, role, "community_id", place_id, source, begins, until)
    if standing is None:
        return await _insert(act, person_id, role, ("community_id", place_id), begins, until, source)
    end = to_wire(until) if until else None
    await act.tx.execute("UPDATE core_appointment SET until = ? WHERE id = ?", (end, standing))
    return standing


async def end_appointments(act: Act, person_id: int, role: str, place_id: int, source: str = SOURCE) -> int:
    """End a person's appointments to a role at a community that came from one source; returns how many were ended."""
    rows = await act.tx.fetch(
        "SELECT id FROM core_appointment WHERE person_id = ? AND role_id = ? AND community_id = ? AND source = ? "
        "AND (until IS NULL OR until > ?)",
        (person_id, role, place_id, source, to_wire(act.now)),
    )
    for row in rows:
        await _end(act, row["id"], person_id, role)
    return len(rows)


async def _lock_person(act: Act, person_id: int) -> None:
    """Make sure there is such a person, and that nobody else appoints it at the same time."""
    row = await act.tx.one(f"SELECT id FROM core_person WHERE id = ?{act.tx.for_update}", (person_id,))
    if row is None:
        raise errors.NOT_FOUND(path=("input", "personId"), what=f"Person_{person_id}")


async def _standing(
    act: Act, person_id: int, role: str, at: str, place: int, source: str, since: datetime, until: datetime | None
) -> int | None:
    """Return an appointment to the same role, at the same place, from the same source, for an overlapping time."""
    found: int | None = await act.tx.value(
        f"SELECT id FROM core_appointment WHERE person_id = ? AND role_id = ? AND {at} = ? AND source = ? "
        "AND (until IS NULL OR until > ?) AND since < ? ORDER BY id LIMIT 1",
        (person_id, role, place, source, to_wire(since), _end_of_term(until)),
    )
    return found


async def _insert(
    act: Act, person_id: int, role: str, at: tuple[str, int], since: datetime, until: datetime | None, source: str
) -> int:
    await _check_role(act, person_id, role, since, until)
    key = new_id()
    column, place = at
    await act.tx.execute(
        f"INSERT INTO core_appointment (id, person_id, role_id, {column}, since, until, source) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (key, person_id, role, place, to_wire(since), to_wire(until) if until else None, source),
    )
    act.note(role=role, appointment=str(key))
    act.emit("core.appointed", person_id=person_id, role=role, appointment=str(key))
    return key


async def _check_role(act: Act, person_id: int, role: str, since: datetime, until: datetime | None) -> None:
    """Raise when people are not appointed to a role, or when one that the person holds excludes it."""
    row = await act.tx.one("SELECT reach, exclusive FROM core_role WHERE code = ?", (role,))
    if row is None or row["reach"] == Reach.SELF:
        raise UNKNOWN_ROLE(path=("input", "role"), role=role)
    if row["exclusive"] is None:
        return
    held = await act.tx.value(
        "SELECT ap.role_id FROM core_appointment ap JOIN core_role r ON r.code = ap.role_id WHERE ap.person_id = ? "
        "AND r.exclusive = ? AND r.code <> ? AND (ap.until IS NULL OR ap.until > ?) AND ap.since < ?",
        (person_id, row["exclusive"], role, to_wire(since), _end_of_term(until)),
    )
    if held is not None:
        raise EXCLUSIVE(path=("input", "role"), role=role, held=held)


def _end_of_term(until: datetime | None) -> str:
    return to_wire(until) if until else "9999"  # after every instant, as text


async def _end(act: Act, key: int, person_id: int, role: str) -> None:
    """End an appointment now; one that has not begun ends where it would have begun."""
    now = to_wire(act.now)
    await act.tx.execute(
        "UPDATE core_appointment SET until = CASE WHEN since > ? THEN since ELSE ? END WHERE id = ?", (now, now, key)
    )
    act.note(role=role, appointment=str(key))
    act.emit("core.appointment_ended", person_id=person_id, role=role, appointment=str(key))


# --- who may do what to whom ------------------------------------------------------------------------------------------


def _check_appointer(act: Act, role: str) -> None:
    """Raise NotAllowed unless the actor holds, here, a role whose holders appoint to this one."""
    wanted = roles.appointers(role)
    if act.actor.system is None and not set(wanted) & set(act.actor.roles_at(act.place)):
        raise MAY_NOT_APPOINT(path=("input", "role"), role=role, appointers=", ".join(wanted) or "-")


_REACHED_SQL = (
    "SELECT c.path, r.reach, ap.until FROM core_appointment ap JOIN core_role r ON r.code = ap.role_id "
    "JOIN core_community c ON c.id = ap.community_id WHERE ap.person_id = ? "
    "UNION ALL SELECT c.path, r.reach, ap.until FROM core_appointment ap JOIN core_role r ON r.code = ap.role_id "
    "JOIN core_branch b ON b.id = ap.branch_id "
    "JOIN core_branch d ON d.path >= b.path AND d.path < substr(b.path, 1, length(b.path) - 1) || '0' "
    "JOIN core_branch_service s ON s.branch_id = d.id JOIN core_community c ON c.id = s.community_id "
    "WHERE ap.person_id = ?"
)


async def _check_within_reach(act: Act, person_id: int, permission: str, *, offices: bool = False) -> None:
    """Raise NotFound for persons of places where the actor has no say; somebody without any role is new to all.

    With ``offices``, whoever holds an office beyond the actor's reach is out of it altogether: who may open, suspend or
    reset a login could otherwise take over, or silence, somebody above.
    """
    await _lock_person(act, person_id)
    if act.actor.system is not None:
        return
    ranges = act.actor.ranges(permission)
    rows = await act.tx.fetch(_REACHED_SQL, (person_id, person_id))
    inside = [any(low <= row["path"] < high for low, high in ranges) for row in rows]
    if rows and not any(inside):
        raise errors.NOT_FOUND(path=("input", "personId"), what=f"Person_{person_id}")
    now = to_wire(act.now)
    live_offices = (r["reach"] == Reach.OFFICE and (r["until"] is None or r["until"] > now) for r in rows)
    if offices and any(office and not reached for office, reached in zip(live_offices, inside, strict=True)):
        raise errors.NOT_ALLOWED(place=act.place.name, permission=permission)


# --- places of appointments -------------------------------------------------------------------------------------------


async def _named_place(act: Act, arguments: Mapping[str, Any]) -> Place:
    """Find where an appointment is made: at the community, or where all that the branch serves comes together."""
    community, branch = arguments.get("community"), arguments.get("branch")
    if (community is None) == (branch is None):
        raise NO_PLACE(path=("input", "community"))
    if community is not None:
        return await hierarchy.place_by_code(act.tx, community)
    return await _branch_place(act, await _branch_by_code(act, str(branch)))


async def _branch_by_code(act: Act, code: str) -> int:
    found: int | None = await act.tx.value("SELECT id FROM core_branch WHERE code = ?", (code,))
    if found is None:
        raise errors.NOT_FOUND(path=("input", "branch"), what=f"branch {code[:40]}")
    return found


async def _branch_place(act: Act, branch_id: int) -> Place:
    """Return the lowest place that holds every community which a branch and the branches below it serve."""
    rows = await act.tx.fetch(
        "SELECT c.path FROM core_branch b "
        "JOIN core_branch d ON d.path >= b.path AND d.path < substr(b.path, 1, length(b.path) - 1) || '0' "
        "JOIN core_branch_service s ON s.branch_id = d.id JOIN core_community c ON c.id = s.community_id "
        "WHERE b.id = ?",
        (branch_id,),
    )
    lines = [hierarchy.lineage(row["path"]) for row in rows]
    shared = [steps[0] for steps in zip(*lines, strict=False) if len(set(steps)) == 1]
    found = await act.tx.one(
        f"SELECT {PLACE_COLUMNS} FROM core_community WHERE path = ?", (shared[-1] if shared else "",)
    )
    if found is None:
        raise NO_PLACE(path=("input", "branch"))
    return Place.of(found)


async def _appointment_place(act: Act, arguments: Mapping[str, Any]) -> Place:
    row = await act.tx.one("SELECT community_id, branch_id FROM core_appointment WHERE id = ?", (arguments["id"],))
    if row is None:
        raise errors.NOT_FOUND(path=("input", "id"), what=f"Appointment_{arguments['id']}")
    if row["community_id"] is not None:
        return await hierarchy.place_by_id(act.tx, row["community_id"])
    return await _branch_place(act, row["branch_id"])


# --- deeds ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HashedPassword:
    """A password on its way into the database; as text it is a keyed fingerprint, so that a retry is recognised."""

    hash: str
    fingerprint: str

    def __str__(self) -> str:
        return self.fingerprint


@deed("core.manage_people")
async def add_person(act: Act, *, name: str, role: str | None = None) -> int:
    """Register a person, with a role here if you name one; returns the person's key. No account is needed."""
    key = new_id()
    await act.tx.execute(
        "INSERT INTO core_person (id, name, created_at) VALUES (?, ?, ?)",
        (key, errors.check_text(name, "name", most=60), to_wire(act.now)),
    )
    act.note(person=str(key))
    if role is not None:
        act.require("core.appoint")
        _check_appointer(act, role)
        await appoint(act, key, role, act.place.id)
    return key


@deed("core.appoint", name="appoint", place=_named_place)
async def appoint_person(
    act: Act,
    *,
    person_id: int,
    role: str,
    community: str | None = None,
    branch: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Give a person a role at a community, or an office at a branch, now or from a moment on; returns its key.

    Staff appoint residents, captains and committee members within their reach; who appoints to a role is declared in
    ``core.roles``. Nobody appoints themselves. Administrators' roles exclude each other.
    """
    _check_appointer(act, role)
    if person_id == act.actor.person_id:
        raise NOT_YOURSELF(path=("input", "personId"))
    await _check_within_reach(act, person_id, "core.appoint")
    begins = since or act.now
    if until is not None and until <= max(begins, act.now):
        raise BAD_TERM(path=("input", "until"))
    at = ("community_id", act.place.id) if branch is None else ("branch_id", await _branch_by_code(act, branch))
    if branch is not None:
        await _check_office(act, role)
    if await _standing(act, person_id, role, *at, SOURCE, begins, until) is not None:
        raise ALREADY_APPOINTED(role=role)
    return await _insert(act, person_id, role, at, begins, until, SOURCE)


async def _check_office(act: Act, role: str) -> None:
    """Raise Invalid for a membership at a branch: one belongs to a place; a branch gives offices only."""
    if await act.tx.value("SELECT reach FROM core_role WHERE code = ?", (role,)) != Reach.OFFICE:
        raise UNKNOWN_ROLE(path=("input", "role"), role=role)


@deed("core.appoint", place=_appointment_place)
async def end_appointment(act: Act, *, id: int) -> int:
    """End an appointment now; returns its key. One that follows from another record is ended there."""
    [row] = await act.tx.fetch(
        f"SELECT person_id, role_id, source, until FROM core_appointment WHERE id = ?{act.tx.for_update}", (id,)
    )
    _check_appointer(act, row["role_id"])
    if row["source"] != SOURCE:
        raise NOT_YOURS_TO_END(source=row["source"])
    if row["until"] is None or row["until"] > to_wire(act.now):
        await _end(act, id, row["person_id"], row["role_id"])
    return id


@deed("core.manage_people")
async def add_account(act: Act, *, person_id: int, username: str, password: HashedPassword) -> int:
    """Open a person's account; returns its key. Call ``accounts.add_account``, which hashes the password beforehand."""
    await _check_within_reach(act, person_id, "core.manage_people", offices=True)
    if await act.tx.value("SELECT id FROM core_account WHERE person_id = ?", (person_id,)) is not None:
        raise HAS_ACCOUNT(path=("input", "personId"))
    key = new_id()
    made = await act.tx.execute(
        "INSERT INTO core_account (id, person_id, username, password_hash, session_version, created_at) "
        "VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT (username) DO NOTHING",
        (key, person_id, username, password.hash, to_wire(act.now)),
    )
    if made != 1:
        raise USERNAME_TAKEN(path=("input", "username"), username=username)
    act.note(account=str(key))
    act.emit("core.account_added", person_id=person_id, account=str(key))
    return key


@deed("core.manage_accounts")
async def suspend_account(act: Act, *, account_id: int) -> int:
    """Close a login until it is restored: its tokens stop working at once. Suspending twice changes nothing."""
    person_id = await _account_holder(act, account_id)
    changed = await act.tx.execute(
        "UPDATE core_account SET suspended_at = ?, session_version = session_version + 1 "
        "WHERE id = ? AND suspended_at IS NULL",
        (to_wire(act.now), account_id),
    )
    if changed:
        await revoke_sessions(act, account_id)
        act.note(account=str(account_id))
        act.emit("core.account_suspended", person_id=person_id, account=str(account_id))
    return account_id


@deed("core.manage_accounts")
async def restore_account(act: Act, *, account_id: int) -> int:
    """Let a suspended account sign in again; with its password, as earlier tokens stay invalid."""
    person_id = await _account_holder(act, account_id)
    changed = await act.tx.execute(
        "UPDATE core_account SET suspended_at = NULL WHERE id = ? AND suspended_at IS NOT NULL", (account_id,)
    )
    if changed:
        act.note(account=str(account_id))
        act.emit("core.account_restored", person_id=person_id, account=str(account_id))
    return account_id


@deed("core.manage_accounts")
async def reset_password(act: Act, *, account_id: int, password: HashedPassword) -> int:
    """Give an account a new password and end its sessions. Call ``accounts.reset_password``, which hashes it."""
    person_id = await _account_holder(act, account_id)
    await act.tx.execute(
        "UPDATE core_account SET password_hash = ?, session_version = session_version + 1 WHERE id = ?",
        (password.hash, account_id),
    )
    await revoke_sessions(act, account_id)
    act.note(account=str(account_id))
    act.emit("core.password_reset", person_id=person_id, account=str(account_id))
    return account_id


async def _account_holder(act: Act, account_id: int) -> int:
    """Return whose account it is; raises unless it is another person's, within the actor's reach."""
    person_id = await act.tx.value("SELECT person_id FROM core_account WHERE id = ?", (account_id,))
    if person_id is None:
        raise errors.NOT_FOUND(path=("input", "accountId"), what=f"Account_{account_id}")
    if person_id == act.actor.person_id:
        raise NOT_YOURSELF(path=("input", "accountId"))
    await _check_within_reach(act, person_id, "core.manage_accounts", offices=True)
    return int(person_id)


async def revoke_sessions(act: Act, account_id: int) -> None:
    """End every session of an account."""
    await act.tx.execute(
        "UPDATE core_refresh_token SET revoked_at = ? WHERE account_id = ? AND revoked_at IS NULL",
        (to_wire(act.now), account_id),
    )


DEEDS = (
    add_person, appoint_person, end_appointment, add_account, suspend_account, restore_account, reset_password,
)  # fmt: skip

__all__ = [
    "DEEDS", "EVENTS", "PERMISSIONS", "PROBLEMS", "SOURCE", "HashedPassword", "add_account", "add_person", "appoint",
    "appoint_person", "end_appointment", "end_appointments", "load_viewer", "reset_password", "restore_account",
    "suspend_account",
]  # fmt: skip
