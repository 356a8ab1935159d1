"""The tables of the kernel. Plugins may point foreign keys at ``Community``, ``Branch``, ``Person`` and ``Matter`` only."""

from __future__ import annotations

from typing import Any

from tortoise import fields
from tortoise.fields import RESTRICT
from tortoise.fields.relational import ForeignKeyNullableRelation, ForeignKeyRelation, OneToOneRelation
from tortoise.models import Model

from core.fields import CodeField, DayField, EnumField, InstantField, JsonField
from core.ids import new_id
from core.kinds import BranchLevel, CommunityKind, LinkRelation, Reach


def anchor(model: str, *, null: bool = False, db_index: bool = True) -> Any:
    """Declare a foreign key as this project wants every one: restricting, indexed, without a backward name.

    Where a type shows the rows that point here, their index carries the order of the page, too: pass ``db_index=False``
    and name both columns in ``Meta.indexes``. Otherwise a page is sorted out of all rows, or looked for along the keys.
    """
    made: Any = fields.ForeignKeyField
    return made(model, on_delete=RESTRICT, db_index=db_index, related_name=False, null=null)


class Community(Model):
    """A node of the tree of places."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    code = CodeField(64, unique=True)
    kind = EnumField(CommunityKind)
    name = fields.CharField(120)
    parent: ForeignKeyNullableRelation[Community] = anchor("core.Community", null=True, db_index=False)
    path = CodeField(255, unique=True)
    closed_at = InstantField(null=True)

    class Meta:
        table = "core_community"
        indexes = (("parent_id", "path"), ("name", "path"))


class Branch(Model):
    """A node of the tree of Party branches, beside the communities."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    code = CodeField(64, unique=True)
    level = EnumField(BranchLevel)
    name = fields.CharField(120)
    parent: ForeignKeyNullableRelation[Branch] = anchor("core.Branch", null=True, db_index=False)
    path = CodeField(255, unique=True)

    class Meta:
        table = "core_branch"
        indexes = (("parent_id", "path"),)


class BranchService(Model):
    """A branch serves a community."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    branch: ForeignKeyRelation[Branch] = anchor("core.Branch", db_index=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community", db_index=False)

    class Meta:
        table = "core_branch_service"
        unique_together = (("branch", "community"),)
        indexes = (("branch_id", "id"), ("community_id", "id"))


class Person(Model):
    """A natural person; may have no account."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    name = fields.CharField(60)
    created_at = InstantField()

    class Meta:
        table = "core_person"


class Account(Model):
    """A login of a person."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    username = CodeField(64, unique=True)
    password_hash = fields.CharField(255)
    session_version = fields.IntField(default=1)
    suspended_at = InstantField(null=True)
    created_at = InstantField()

    class Meta:
        table = "core_account"


class LoginFailure(Model):
    """One failed guess, counted against the username and the address it came from."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    subject = CodeField(80)
    at = InstantField()

    class Meta:
        table = "core_login_failure"
        indexes = (("subject", "at"),)


class RefreshToken(Model):
    """One refresh token, by hash; tokens of one login form a family that is revoked together on reuse."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    account: ForeignKeyRelation[Account] = anchor("core.Account")
    family = fields.BigIntField(db_index=True)
    token_hash = CodeField(64, unique=True)
    issued_at = InstantField()
    expires_at = InstantField()
    used_at = InstantField(null=True)
    revoked_at = InstantField(null=True)

    class Meta:
        table = "core_refresh_token"


class Identity(Model):
    """That an account belongs to whom an identity provider calls so."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    account: ForeignKeyRelation[Account] = anchor("core.Account")
    issuer = CodeField(255)
    subject = CodeField(255)
    linked_at = InstantField()

    class Meta:
        table = "core_identity"
        unique_together = (("issuer", "subject"), ("account", "issuer"))


class Role(Model):
    """A named set of permissions; data, not code."""

    code = CodeField(40, primary_key=True)
    title_zh = fields.CharField(60)
    title_en = fields.CharField(60)
    reach = EnumField(Reach)
    exclusive = CodeField(40, null=True, description="roles with the same word here exclude each other")

    class Meta:
        table = "core_role"


class RolePermission(Model):
    """One permission granted to, or taken from, a role."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    role: ForeignKeyRelation[Role] = anchor("core.Role")
    permission = CodeField(80)
    allowed = fields.BooleanField(default=True)

    class Meta:
        table = "core_role_permission"
        unique_together = (("role", "permission"),)


class Appointment(Model):
    """A person holds a role at a place, or at a branch, for a time."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    role: ForeignKeyRelation[Role] = anchor("core.Role")
    community: ForeignKeyNullableRelation[Community] = anchor("core.Community", null=True, db_index=False)
    branch: ForeignKeyNullableRelation[Branch] = anchor("core.Branch", null=True)
    since = InstantField()
    until = InstantField(null=True)
    source = CodeField(80, default="core", description="what made it: a deed name; the maker may end it")

    class Meta:
        table = "core_appointment"
        indexes = (("community_id", "id"),)


class Matter(Model):
    """One item of a community's business; a plugin's table shares its primary key."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community", db_index=False)
    path = CodeField(255)
    plugin = CodeField(40)
    kind = CodeField(40)
    title = fields.CharField(200)
    state = CodeField(40)
    author: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    created_at = InstantField()
    updated_at = InstantField()
    version = fields.IntField(default=1)
    frozen = JsonField(null=True, description="settings as they were when the matter was announced, with provenance")

    class Meta:
        table = "core_matter"
        indexes = (("path", "id"), ("kind", "path", "id"), ("community_id", "kind", "id"), ("community_id", "id"))


class Deadline(Model):
    """A moment at which a matter moves by itself; stored when its clock starts and never recomputed."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    matter: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    step = CodeField(60)
    at = InstantField(db_index=True)
    to_state = CodeField(40)
    started_at = InstantField()
    source = fields.CharField(200)
    estimated = fields.BooleanField(default=False)

    class Meta:
        table = "core_deadline"
        indexes = (("matter_id", "at", "id"),)


class Link(Model):
    """A typed link between two matters: complaint to deliberation to motion to notice."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    source: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    target: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    relation = EnumField(LinkRelation)
    made_at = InstantField()

    class Meta:
        table = "core_link"
        unique_together = (("source", "target", "relation"),)
        indexes = (("source_id", "id"), ("target_id", "id"))


class Attachment(Model):
    """A file of a matter: ticketed first, then uploaded once, then immutable."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community")
    matter: ForeignKeyNullableRelation[Matter] = anchor("core.Matter", null=True, db_index=False)
    uploader: ForeignKeyRelation[Person] = anchor("core.Person")
    filename = fields.CharField(200)
    ticket_hash = CodeField(64, unique=True)
    ticket_expires_at = InstantField()
    media_type = CodeField(100, null=True)
    size = fields.BigIntField(null=True)
    sha256 = CodeField(64, null=True, db_index=True)
    stored_at = InstantField(null=True)

    class Meta:
        table = "core_attachment"
        indexes = (("matter_id", "id"),)


class Setting(Model):
    """One value set at a place, in force from a moment on; rows are only added."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community")
    plugin = CodeField(40)
    key = CodeField(80)
    value = JsonField(null=True, description="null takes the value set here back, so that the one above holds again")
    effective_from = InstantField()
    set_at = InstantField()
    set_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    reason = fields.CharField(300, default="")

    class Meta:
        table = "core_setting"
        indexes = (("plugin", "key", "community_id"),)


class IdempotencyKey(Model):
    """The first answer to a mutation, under the key its client chose."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    owner = CodeField(40)
    key = CodeField(100)
    request_hash = CodeField(64)
    answer = JsonField(null=True)
    at = InstantField(db_index=True)

    class Meta:
        table = "core_idempotency_key"
        unique_together = (("owner", "key"),)


class TraceLeaf(Model):
    """One deed in the append-only record; ``seq`` is its place in the Merkle log (RFC 9162), given after commit."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    seq = fields.BigIntField(null=True, unique=True)
    community_id = fields.BigIntField(null=True)
    matter_id = fields.BigIntField(null=True)
    deed = CodeField(80)
    at = InstantField()
    body = fields.TextField()
    leaf_hash = CodeField(64)
    hash_name = CodeField(16, default="SHA-256")

    class Meta:
        table = "core_trace_leaf"
        indexes = (("community_id", "id"), ("matter_id", "id"))


class TraceSalt(Model):
    """Who stands behind a leaf's digest; erased with the person, the leaf stays."""

    leaf_id = fields.BigIntField(primary_key=True, generated=False)
    person_id = fields.BigIntField(db_index=True)
    salt = CodeField(32)

    class Meta:
        table = "core_trace_salt"


class TraceNode(Model):
    """A stored hash of the Merkle log: 256 of the level below; its key is made of its level and its position."""

    id = fields.BigIntField(primary_key=True, generated=False)
    hash = CodeField(64)

    class Meta:
        table = "core_trace_node"


class TraceKey(Model):
    """A key that signs heads of the log; the private part is sealed. A later key is handed over to by the one before."""

    id = fields.BigIntField(primary_key=True, generated=False, description="1, 2, 3 …")
    origin = CodeField(120, description="the name of the log: the first line of its heads; the same for all its keys")
    public = CodeField(64)
    sealed = fields.TextField()
    made_at = InstantField()
    handover = fields.TextField(
        null=True, description="what the key before signed, as a signed note; null for the first"
    )

    class Meta:
        table = "core_trace_key"


class TraceHead(Model):
    """A signed head of the log; rows are only added."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    size = fields.BigIntField(unique=True)
    root = CodeField(64)
    hash_name = CodeField(16)
    note = fields.TextField(description="the signed checkpoint, as it is anchored")
    reason = CodeField(80, description="why it was made: hour, leaves, or the deed that asked for it")
    made_at = InstantField()

    class Meta:
        table = "core_trace_head"


class TraceAnchor(Model):
    """How far one anchor outside of the operator's reach has come."""

    name = CodeField(120, primary_key=True)
    size = fields.BigIntField(default=0)
    failures = fields.IntField(default=0)
    last_error = fields.CharField(300, default="")
    tried_at = InstantField()
    done_at = InstantField(null=True)

    class Meta:
        table = "core_trace_anchor"


class Event(Model):
    """Something that happened, written in the deed's transaction; ``seq`` is its place in the change feed."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    seq = fields.BigIntField(null=True, unique=True)
    at = InstantField()
    type = CodeField(80)
    plugin = CodeField(40)
    community_id = fields.BigIntField(null=True)
    path = CodeField(255)
    matter_id = fields.BigIntField(null=True)
    person_id = fields.BigIntField(null=True, description="when set, only this person's feed shows the event")
    payload = JsonField()

    class Meta:
        table = "core_event"
        indexes = (("path", "seq"),)


class News(Model):
    """That an event is worth telling: to one person, or to whoever may see its matter. Its key is the event's."""

    id = fields.BigIntField(primary_key=True, generated=False)
    at = InstantField()
    type = CodeField(80)
    plugin = CodeField(40)
    community: ForeignKeyNullableRelation[Community] = anchor("core.Community", null=True, db_index=False)
    path = CodeField(255)
    matter: ForeignKeyNullableRelation[Matter] = anchor("core.Matter", null=True, db_index=False)
    person: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True, db_index=False)

    class Meta:
        table = "core_news"
        indexes = (("community_id", "id"), ("path", "id"), ("matter_id", "id"), ("person_id", "id"))


class ReactionCursor(Model):
    """How far a reaction has read the outbox."""

    name = CodeField(120, primary_key=True)
    seq = fields.BigIntField()
    failures = fields.IntField(default=0)
    last_error = fields.CharField(300, default="")

    class Meta:
        table = "core_reaction_cursor"


class Lease(Model):
    """At most one worker does a named piece of follow-up work at a time."""

    name = CodeField(80, primary_key=True)
    holder = CodeField(80)
    until = InstantField()

    class Meta:
        table = "core_lease"


class WorkingDay(Model):
    """A published deviation from the weekday rule: a holiday, or a make-up working weekend day."""

    day = DayField(primary_key=True)
    working = fields.BooleanField()
    name = fields.CharField(60, default="")

    class Meta:
        table = "core_working_day"


class AccessLook(Model):
    """Somebody read a sealed field of another person: who, in which role, of whom, what, when; an hour's looks are one row."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    person: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True, db_index=False)
    reader: ForeignKeyRelation[Person] = anchor("core.Person", db_index=False)
    role = CodeField(40)
    community_id = fields.BigIntField(null=True)
    source = CodeField(60, description="the table; with row_id it says whose the field was before the person was known")
    row_id = fields.BigIntField()
    field = CodeField(40)
    category = CodeField(80)
    operation = fields.CharField(80, default="", description="the name that the client gave its operation")
    hour = CodeField(13)
    at = InstantField()
    last_at = InstantField(db_index=True)
    times = fields.IntField(default=1)

    class Meta:
        table = "core_access_look"
        unique_together = (("reader", "source", "row_id", "field", "hour"),)
        indexes = (("person_id", "id"), ("source", "row_id"))


class ConsentText(Model):
    """What persons are, or once were, asked to agree to; rows are only added."""

    hash = CodeField(64, primary_key=True)
    category = CodeField(80)
    version = fields.IntField()
    zh = fields.TextField()
    en = fields.TextField()
    since = InstantField()

    class Meta:
        table = "core_consent_text"
        unique_together = (("category", "version"),)


class Consent(Model):
    """A person agreed to one version of a text, and perhaps took that back."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person", db_index=False)
    text: ForeignKeyRelation[ConsentText] = anchor("core.ConsentText")
    category = CodeField(80)
    given_at = InstantField()
    withdrawn_at = InstantField(null=True)

    class Meta:
        table = "core_consent"
        indexes = (("person_id", "category"),)


class Restriction(Model):
    """A person has asked that nothing be done with their data but keeping them (个人信息保护法 44)."""

    person: OneToOneRelation[Person] = fields.OneToOneField(
        "core.Person", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    since = InstantField()
    reason = fields.CharField(300, default="")

    class Meta:
        table = "core_restriction"


class Erasure(Model):
    """A person was erased: what of it had to stay, and whether something is erased later, when it need not stay any more."""

    person: OneToOneRelation[Person] = fields.OneToOneField(
        "core.Person", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    at = InstantField()
    made_by = CodeField(40)
    is_complete = fields.BooleanField()
    looked_at = InstantField(db_index=True)
    report = JsonField()

    class Meta:
        table = "core_erasure"


class PluginRecord(Model):
    """A plugin this database has known: kept after removal, for the record."""

    plugin = CodeField(40, primary_key=True)
    version = CodeField(40)
    first_seen_at = InstantField()
    removed_at = InstantField(null=True)

    class Meta:
        table = "core_plugin_record"


class Counter(Model):
    """A number that processes watch to learn that something cached has changed."""

    name = CodeField(40, primary_key=True)
    value = fields.BigIntField(default=0)

    class Meta:
        table = "core_counter"


__models__ = [
    Community, Branch, BranchService, Person, Account, LoginFailure, RefreshToken, Identity, Role, RolePermission, Appointment,
    Matter, Deadline, Link, Attachment, Setting, IdempotencyKey, TraceLeaf, TraceSalt, TraceNode,
    TraceKey, TraceHead, TraceAnchor, Event, News, ReactionCursor, Lease,
    WorkingDay, AccessLook, ConsentText, Consent, Restriction, Erasure, PluginRecord, Counter,
]  # fmt: skip
