"""The tables that the measured documents touch, as models of a plain Tortoise ORM application."""

from __future__ import annotations

from typing import Any

from tortoise import fields
from tortoise.models import Model

from core.ids import new_id


def key() -> Any:
    """Declare a primary key that the application makes."""
    return fields.BigIntField(primary_key=True, default=new_id, generated=False)


def to(model: str, name: Any = False, *, null: bool = False) -> Any:
    """Declare a foreign key."""
    made: Any = fields.ForeignKeyField
    return made(f"models.{model}", related_name=name, null=null)


class Community(Model):
    """A place in the tree."""

    id = key()
    code = fields.CharField(64, unique=True)
    name = fields.CharField(120)
    parent = to("Community", "children", null=True)
    path = fields.CharField(255, unique=True)

    class Meta:
        table = "core_community"


class Person(Model):
    """A person."""

    id = key()
    name = fields.CharField(60)

    class Meta:
        table = "core_person"


class Account(Model):
    """A login."""

    id = key()
    person = to("Person")
    session_version = fields.IntField()
    suspended_at = fields.CharField(29, null=True)

    class Meta:
        table = "core_account"


class Session(Model):
    """A session that has begun."""

    id = key()
    account = to("Account")
    revoked_at = fields.CharField(29, null=True)

    class Meta:
        table = "core_refresh_token"


class Role(Model):
    """A role and how far it reaches."""

    code = fields.CharField(40, primary_key=True)
    reach = fields.CharField(40)

    class Meta:
        table = "core_role"


class RolePermission(Model):
    """What a role may do."""

    id = key()
    role = to("Role")
    permission = fields.CharField(80)
    allowed = fields.BooleanField()

    class Meta:
        table = "core_role_permission"


class Appointment(Model):
    """A role that a person holds at a place."""

    role_id: str
    id = key()
    person = to("Person", "appointments")
    role = to("Role")
    community = to("Community", null=True)
    since = fields.CharField(29)
    until = fields.CharField(29, null=True)

    class Meta:
        table = "core_appointment"


class Matter(Model):
    """An item of business."""

    community_id: int
    id = key()
    community = to("Community")
    path = fields.CharField(255)
    kind = fields.CharField(40)
    title = fields.CharField(200)
    state = fields.CharField(40)
    author = to("Person", null=True)

    class Meta:
        table = "core_matter"


class Deadline(Model):
    """A moment at which a matter moves by itself."""

    matter_id: int
    id = key()
    matter = to("Matter")
    at = fields.CharField(29)
    to_state = fields.CharField(40)

    class Meta:
        table = "core_deadline"


class Notice(Model):
    """What only notices have."""

    matter: Any = fields.OneToOneField("models.Matter", primary_key=True, related_name=False)
    issuer = fields.CharField(120)
    posted_at = fields.CharField(29, null=True)

    class Meta:
        table = "notices_notice"


class Wish(Model):
    """What only wishes have."""

    matter: Any = fields.OneToOneField("models.Matter", primary_key=True, related_name=False)
    published_at = fields.CharField(29, null=True)

    class Meta:
        table = "wishes_wish"


class Claim(Model):
    """Somebody takes a wish on."""

    wish_id: int
    companion_id: int | None
    claimer_id: int
    id = key()
    wish = to("Matter")
    claimer = to("Person")
    companion = to("Person", null=True)
    state = fields.CharField(40)
    claimed_at = fields.CharField(29)

    class Meta:
        table = "wishes_claim"


class Poll(Model):
    """What only polls have."""

    matter_id: int
    matter: Any = fields.OneToOneField("models.Matter", primary_key=True, related_name=False)
    roll_id = fields.BigIntField(null=True)
    round = fields.IntField()
    announced_at = fields.CharField(29, null=True)

    class Meta:
        table = "voting_poll"


class Motion(Model):
    """One question of a poll."""

    id = key()
    poll = to("Matter")
    position = fields.IntField()
    title = fields.CharField(200)

    class Meta:
        table = "voting_motion"


class Result(Model):
    """The result of a motion in one round."""

    id = key()
    motion = to("Motion")
    round = fields.IntField()
    outcome = fields.CharField(40, null=True)
    figures = fields.JSONField[Any]()

    class Meta:
        table = "voting_result"


class Turnout(Model):
    """How much of a building takes part."""

    id = key()
    poll = to("Matter")
    building = fields.TextField()
    all_area_centi = fields.BigIntField()
    all_heads = fields.IntField()
    area_centi = fields.BigIntField()
    heads = fields.IntField()

    class Meta:
        table = "voting_turnout"


class RollEntry(Model):
    """One head of a roll."""

    id = key()
    roll = to("Matter")
    number = fields.IntField()
    buildings = fields.TextField()
    area_centi = fields.BigIntField()
    heads = fields.IntField()
    struck_at = fields.CharField(29, null=True)

    class Meta:
        table = "register_roll_entry"


class RollVoter(Model):
    """Who may vote for an entry."""

    id = key()
    roll = to("Matter")
    entry = to("RollEntry")
    owner_id = fields.BigIntField()
    person = to("Person", null=True)
    may_vote = fields.BooleanField()

    class Meta:
        table = "register_roll_voter"


class Returned(Model):
    """A ballot as it came in."""

    id = key()
    poll = to("Matter")
    entry = to("RollEntry")
    owner_id = fields.BigIntField()
    person = to("Person", null=True)
    channel = fields.CharField(40)
    at = fields.CharField(29)
    marks = fields.CharField(20)
    is_signed = fields.BooleanField(default=True)
    nonce = fields.CharField(32)
    receipt = fields.CharField(64)

    class Meta:
        table = "voting_returned"


class Ballot(Model):
    """What counts for an entry."""

    entry_id: int
    id = key()
    poll = to("Matter")
    entry = to("RollEntry")
    choices = fields.CharField(20)
    area_centi = fields.BigIntField()
    heads = fields.IntField()
    building = fields.TextField()
    at = fields.CharField(29)

    class Meta:
        table = "voting_ballot"


class TraceLeaf(Model):
    """One deed on the record."""

    id = key()
    community_id = fields.BigIntField(null=True)
    matter_id = fields.BigIntField(null=True)
    deed = fields.CharField(80)
    at = fields.CharField(29)
    body = fields.TextField()
    leaf_hash = fields.CharField(64)
    hash_name = fields.CharField(16, default="SHA-256")

    class Meta:
        table = "core_trace_leaf"


class TraceSalt(Model):
    """Who is behind a leaf."""

    leaf_id = fields.BigIntField(primary_key=True, generated=False)
    person_id = fields.BigIntField()
    salt = fields.CharField(32)

    class Meta:
        table = "core_trace_salt"


class Event(Model):
    """Something that happened."""

    id = key()
    at = fields.CharField(29)
    type = fields.CharField(80)
    plugin = fields.CharField(40)
    community_id = fields.BigIntField(null=True)
    path = fields.CharField(255)
    matter_id = fields.BigIntField(null=True)
    payload = fields.TextField()

    class Meta:
        table = "core_event"


class IdempotencyKey(Model):
    """An answer that was given before."""

    id = key()
    owner = fields.CharField(40)
    key = fields.CharField(100)
    request_hash = fields.CharField(64)
    answer = fields.TextField(null=True)
    at = fields.CharField(29)

    class Meta:
        table = "core_idempotency_key"
