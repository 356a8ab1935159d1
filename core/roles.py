"""The roles that a new database starts with, as data, and who may appoint to each.

A role is a name and a set of permissions; ``sync`` adds what is missing and leaves what administrators changed.
The three administrators (三员分立) exclude each other and hold none of the plugins' permissions: who runs the system
decides nothing in it, and reads nothing of its business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core._db.seam import Tx
from core.access import Permission
from core.ids import new_id
from core.kinds import Reach

SIGNED_IN = "signed_in"
ADMINISTRATOR = "administrator"


@dataclass(frozen=True)
class RoleSeed:
    """A role as a new database gets it; holders of the roles ``appointed_by`` may give it within their reach."""

    code: str
    title_zh: str
    title_en: str
    reach: Reach
    appointed_by: tuple[str, ...] = ()
    exclusive: str | None = None


_STAFF = ("community_staff", "town_staff", "district_staff")
_ABOVE_TOWN = ("district_staff", "security_admin")
_SECURITY = ("security_admin",)

ROLES = (
    RoleSeed(SIGNED_IN, "登录用户", "Anyone signed in", Reach.SELF),
    RoleSeed("resident", "居民", "Resident", Reach.MEMBER, _STAFF),
    RoleSeed("tenant", "承租人", "Tenant", Reach.MEMBER, _STAFF),
    RoleSeed("owner", "业主", "Owner", Reach.MEMBER, _STAFF),
    RoleSeed("building_captain", "楼长", "Building captain", Reach.OFFICE, _STAFF),
    RoleSeed("committee_member", "业主委员会委员", "Owners' committee member", Reach.OFFICE, _STAFF),
    RoleSeed("committee_chair", "业主委员会主任", "Owners' committee chair", Reach.OFFICE, _STAFF),
    RoleSeed("scrutineer", "监票人", "Scrutineer", Reach.OFFICE, _STAFF),
    RoleSeed("property_staff", "物业服务人员", "Property staff", Reach.OFFICE, _STAFF),
    RoleSeed(
        "community_staff", "社区工作人员", "Community staff", Reach.OFFICE, ("town_staff", *_ABOVE_TOWN)
    ),
    RoleSeed("town_staff", "镇街工作人员", "Town staff", Reach.OFFICE, _ABOVE_TOWN),
    RoleSeed("district_staff", "区级工作人员", "District staff", Reach.OFFICE, _SECURITY),
    RoleSeed("branch_secretary", "党组织书记", "Branch secretary", Reach.OFFICE, ("town_staff", "district_staff")),
    RoleSeed("auditor", "监督审计人员", "Auditor", Reach.OFFICE, _SECURITY),
    RoleSeed("system_admin", "系统管理员", "System administrator", Reach.OFFICE, _SECURITY, ADMINISTRATOR),
    RoleSeed("security_admin", "安全管理员", "Security administrator", Reach.OFFICE, _SECURITY, ADMINISTRATOR),
    RoleSeed("audit_admin", "审计管理员", "Audit administrator", Reach.OFFICE, _SECURITY, ADMINISTRATOR),
)  # fmt: skip

CODES = frozenset(role.code for role in ROLES)
ADMINISTRATORS = frozenset(role.code for role in ROLES if role.exclusive == ADMINISTRATOR)
APPOINTERS: Mapping[str, tuple[str, ...]] = {role.code: role.appointed_by for role in ROLES}

# A role that an operator added is given by whoever is answerable for access, until the operator says otherwise.
DEFAULT_APPOINTERS = _SECURITY


class BadPermission(ValueError):
    """A permission's default roles are wrong: name roles of ``core.roles.ROLES``, no administrator for a plugin's."""


async def sync(tx: Tx, permissions: Sequence[Permission]) -> int:
    """Add the roles and the default permissions that this database lacks; returns how many rows were added.

    What is there stays, also a permission that an administrator took from a role (a row that says no). Safe to run by
    several processes at once. Raises BadPermission.
    """
    for permission in permissions:
        check(permission)
    added = 0
    for role in ROLES:
        added += await tx.execute(
            "INSERT INTO core_role (code, title_zh, title_en, reach, exclusive) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (code) DO NOTHING",
            (role.code, role.title_zh, role.title_en, role.reach.value, role.exclusive),
        )
    known = {(row[0], row[1]) for row in await tx.fetch("SELECT role_id, permission FROM core_role_permission")}
    wanted = {(role, permission.code) for permission in permissions for role in permission.roles}
    for role_code, code in sorted(wanted - known):
        added += await tx.execute(
            "INSERT INTO core_role_permission (id, role_id, permission, allowed) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (role_id, permission) DO NOTHING",
            (new_id(), role_code, code, True),
        )
    return added


def check(permission: Permission) -> None:
    """Raise BadPermission when a permission names unknown roles, or gives an administrator a plugin's business."""
    unknown = sorted(set(permission.roles) - CODES)
    if unknown:
        raise BadPermission(f"the permission {permission.code} names unknown roles {unknown}; known: {sorted(CODES)}")
    administrators = sorted(set(permission.roles) & ADMINISTRATORS)
    if administrators and not permission.code.startswith("core."):
        raise BadPermission(
            f"the permission {permission.code} is business: administrators must not hold it, take out {administrators}"
        )


def appointers(role: str) -> tuple[str, ...]:
    """Return the roles whose holders may appoint to a role within their reach."""
    return APPOINTERS.get(role, DEFAULT_APPOINTERS)
