"""The kernel's administration over GraphQL: places, branches, people, appointments, uploads."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from core import accounts, attachments, branches, communities, models, people
from core.access import Sight, Where, either, everyone, holders, person
from core.kinds import BranchLevel, CommunityKind
from schema.declared import column, declared, extension, to_many, to_one
from schema.enums import graphql_enum
from schema.mutation import DeedInput, mutation, ref, text
from schema.node import Node
from schema.paging import NEWEST, OLDEST, Connection, Filter, Order
from schema.types import Attachment, Community, Person

graphql_enum(BranchLevel)

# An office at a branch is held, for who may see it, at the first community that the branch serves.
OFFICE_PLACE = "COALESCE({t}.community_id, (SELECT MIN(bs.community_id) FROM core_branch_service bs WHERE bs.branch_id = {t}.branch_id))"
OFFICE_PATH = f"(SELECT c.path FROM core_community c WHERE c.id = {OFFICE_PLACE})"
BRANCH = Annotated["Branch", strawberry.lazy("schema.offices")]


ACCOUNT_PATH = (
    "(SELECT MIN(c.path) FROM core_appointment a JOIN core_community c ON c.id = a.community_id "
    "WHERE a.person_id = {t}.person_id)"
)
ACCOUNT_PLACE = "(SELECT MIN(a.community_id) FROM core_appointment a WHERE a.person_id = {t}.person_id)"


@declared(
    models.Account,
    visible=either(
        person("{t}.person_id"),
        holders("core.manage_people", path=ACCOUNT_PATH, place=ACCOUNT_PLACE),
        holders("core.manage_accounts", path=ACCOUNT_PATH, place=ACCOUNT_PLACE),
    ),
)
class Account(Node):
    """A login; shown to its owner and to who looks after accounts where the person belongs."""

    username: str = column("The name to sign in with.")
    person: Person | None = to_one("Person", "{t}.person_id", "Whose it is.")
    suspended_at: datetime | None = column("Since when it is suspended; null while it works.")
    created_at: datetime = column("When it was opened.")


@declared(models.BranchService, visible=everyone)
class BranchService(Node):
    """A branch serves a community."""

    branch: BRANCH = to_one("Branch", "{t}.branch_id", "The branch.")
    community: Community = to_one("Community", "{t}.community_id", "The community it serves.")


@declared(models.Branch, visible=everyone)
class Branch(Node):
    """A Party organisation: it recommends, guides and supervises; it cannot cast, cancel or re-weight owners' votes."""

    code: str = column("Its code.")
    level: BranchLevel = column("Its level.")
    name: str = column("Its name.")
    parent: BRANCH | None = to_one("Branch", "{t}.parent_id", "The organisation above.")
    children: Connection[BRANCH] = to_many(
        "Branch", "{t}.parent_id", "The organisations right below.", order=Order("{t}.path", descending=False)
    )
    serves: Connection[BranchService] = to_many(
        "BranchService", "{t}.branch_id", "The communities it serves.", order=OLDEST
    )


def holds_now(sight: Sight) -> Where:
    """Say in SQL whether an appointment holds at this moment."""
    now = sight.now_wire
    return Where("CASE WHEN {t}.since <= ? AND ({t}.until IS NULL OR {t}.until > ?) THEN 1 ELSE 0 END", (now, now))


@declared(
    models.Appointment,
    visible=either(person("{t}.person_id"), holders("core.appoint", path=OFFICE_PATH, place=OFFICE_PLACE)),
)
class Appointment(Node):
    """A person holds a role at a place, or at a branch, for a time."""

    role: str = column("The role's code.", "{t}.role_id")
    person: Person | None = to_one("Person", "{t}.person_id", "Who holds it.")
    community: Community | None = to_one("Community", "{t}.community_id", "Where; null for an office at a branch.")
    branch: Branch | None = to_one("Branch", "{t}.branch_id", "At which branch.")
    since: datetime = column("From when.")
    until: datetime | None = column("Until when; null without an end.")
    is_current: bool = column("Whether it holds now.", holds_now, convert=bool)


@extension("Community")
class CommunityOffices:
    """What the kernel's administration adds to a community."""

    branches: Connection[BranchService] = to_many(
        "BranchService", "{t}.community_id", "The Party branches that serve it.", order=OLDEST
    )
    appointments: Connection[Appointment] = to_many(
        "Appointment", "{t}.community_id", "Who holds which role here: for those who appoint.", order=NEWEST,
        filters={"role": Filter(str, "{t}.role_id = ?", "Only this role.")},
    )  # fmt: skip


@strawberry.input(description="A place to add.")
class AddCommunityInput(DeedInput):
    """A place to add."""

    community: strawberry.ID = text("The code of the place above.")
    kind: CommunityKind = text("COMPOUND, BUILDING or STAIRWELL.")
    name: str = text("Its name.")
    code: str | None = text("Its code; the next free number when left out.", default=None)


@strawberry.input(description="A new name for a place.")
class RenameCommunityInput(DeedInput):
    """A new name for a place."""

    community: strawberry.ID = text("The code of the place.")
    name: str = text("The new name.")


@strawberry.input(description="Where to move a place.")
class MoveCommunityInput(DeedInput):
    """Where to move a place."""

    community: strawberry.ID = text("The code of the place to move with everything below it.")
    to: strawberry.ID = text("The code of the place it shall lie in.")


@strawberry.input(description="A place to close.")
class CloseCommunityInput(DeedInput):
    """A place to close."""

    community: strawberry.ID = text("The code of the place; nothing below it may be open.")
    reason: str = text("Why.", default="")


@strawberry.input(description="A branch to add.")
class AddBranchInput(DeedInput):
    """A branch to add."""

    community: strawberry.ID = text("The code of a community it serves.")
    level: BranchLevel = text("Its level.")
    name: str = text("Its name.")
    parent: str | None = text("The code of the organisation above.", default=None)


@strawberry.input(description="A branch and a community.")
class ServeCommunityInput(DeedInput):
    """A branch and a community."""

    community: strawberry.ID = text("The code of the community.")
    branch: str = text("The code of the branch.")


@strawberry.input(description="A person to register.")
class AddPersonInput(DeedInput):
    """A person to register."""

    community: strawberry.ID = text("The code of the place.")
    name: str = text("The person's name: one field, never first and last.")
    role: str | None = text("A role to give here at once.", default=None)


@strawberry.input(description="An appointment.")
class AppointInput(DeedInput):
    """An appointment."""

    person_id: strawberry.ID = ref("Person", "Who.")
    role: str = text("The role's code.")
    community: strawberry.ID | None = text("The code of the place; or name a branch.", default=None)
    branch: str | None = text("The code of the branch.", default=None)
    since: datetime | None = text("From when; now, if not said.", default=None)
    until: datetime | None = text("Until when.", default=None)


@strawberry.input(description="An appointment to end.")
class EndAppointmentInput(DeedInput):
    """An appointment to end."""

    id: strawberry.ID = ref("Appointment", "The appointment.")


@strawberry.input(description="A file to upload.")
class CreateUploadInput(DeedInput):
    """A file to upload."""

    community: strawberry.ID = text("The code of the place whose business it belongs to.")
    filename: str = text("Its name with its extension.")


@strawberry.type(description="Where to send a file, once, within 15 minutes.")
class UploadTicket:
    """Where to send a file."""

    attachment_id: strawberry.ID = strawberry.field(description="Pass this to the mutation that uses the file.")
    url: str = strawberry.field(description="POST the file there as multipart/form-data, one file, any field name.")
    expires_at: datetime = strawberry.field(description="Until when.")


@strawberry.input(description="An account to open.")
class AddAccountInput(DeedInput):
    """An account to open."""

    community: strawberry.ID = text("The code of a place where the person belongs.")
    person_id: strawberry.ID = ref("Person", "Whose account.")
    username: str = text("The name to sign in with.")
    password: str = text("A first password: 10 characters of three kinds, or 16 of any.")


@strawberry.input(description="An account.")
class SuspendAccountInput(DeedInput):
    """An account."""

    community: strawberry.ID = text("The code of a place where the person belongs.")
    account_id: strawberry.ID = ref("Account", "The account.")


@strawberry.input(description="A new password for somebody's account.")
class ResetPasswordInput(SuspendAccountInput):
    """A new password for somebody's account."""

    password: str = text("The new password; the person should change it.")


async def hashed(arguments: dict[str, Any], info: strawberry.Info) -> dict[str, Any]:
    """Hash the password of an input, which a deed could not wait for."""
    context = info.context
    return await accounts.with_hash(context.kernel, context.viewer, arguments)


def ticket(result: Any, info: strawberry.Info) -> UploadTicket:
    """Show where to send a file."""
    made = attachments.upload_of(info.context.kernel, result)
    return UploadTicket(attachment_id=strawberry.ID(f"Attachment_{made.id}"), url=made.path, expires_at=made.expires_at)


@strawberry.type
class OfficeMutation:
    """Mutations of the kernel's administration."""

    add_community = mutation(communities.add_community, AddCommunityInput, "Community")
    rename_community = mutation(communities.rename_community, RenameCommunityInput, "Community")
    move_community = mutation(communities.move_community, MoveCommunityInput, "Community")
    close_community = mutation(communities.close_community, CloseCommunityInput, "Community")
    add_branch = mutation(branches.add_branch, AddBranchInput, "Branch")
    serve_community = mutation(branches.serve_community, ServeCommunityInput, "Branch")
    end_service = mutation(branches.end_service, ServeCommunityInput, "Branch")
    add_person = mutation(people.add_person, AddPersonInput, "Person")
    appoint = mutation(people.appoint_person, AppointInput, "Appointment")
    end_appointment = mutation(people.end_appointment, EndAppointmentInput, "Appointment")
    add_account = mutation(people.add_account, AddAccountInput, "Account", prepare=hashed)
    suspend_account = mutation(people.suspend_account, SuspendAccountInput, "Account")
    restore_account = mutation(people.restore_account, SuspendAccountInput, "Account")
    reset_password = mutation(people.reset_password, ResetPasswordInput, "Account", prepare=hashed)
    create_upload = mutation(attachments.create_upload, CreateUploadInput, UploadTicket, present=ticket)


TYPES: tuple[type, ...] = (Account, Branch, BranchService, Appointment, Attachment)
EXTENDS: dict[str, type] = {"Community": CommunityOffices, "Mutation": OfficeMutation}
