"""Whoever asks: the person, the roles held now, where they are signed in, and by which identities."""

from datetime import datetime

import strawberry

from core import identities, sessions
from schema.policies import Guard, guarded
from schema.types import Community, Person

OPEN_SESSION = "OpenSession"


@strawberry.type(description="Where one is signed in; the device is not known.")
class OpenSession:
    """A session that has not ended."""

    id: strawberry.ID = strawberry.field(description="Pass this to endSession.")
    began_at: datetime = strawberry.field(description="When the password was given.")
    refreshed_at: datetime = strawberry.field(
        description="When a refresh token was last swapped: the last sign of life."
    )
    expires_at: datetime = strawberry.field(description="When it ends if it is not refreshed.")
    is_this: bool = strawberry.field(description="Whether it is the one that asks.")

    @classmethod
    def of(cls, found: sessions.OpenSession) -> "OpenSession":
        """Show a session."""
        return cls(
            id=strawberry.ID(f"{OPEN_SESSION}_{found.id}"), began_at=found.began_at, refreshed_at=found.refreshed_at,
            expires_at=found.expires_at, is_this=found.is_this,
        )  # fmt: skip


@strawberry.type(description="A provider whose identity stands for this account.")
class LinkedIdentity:
    """A provider whose identity stands for this account."""

    issuer: str = strawberry.field(description="The provider, by its issuer; pass this to unlinkIdentity.")
    linked_at: datetime = strawberry.field(description="Since when.")


@strawberry.type(description="One appointment of the viewer.")
class ViewerRole:
    """One appointment of the viewer."""

    role: str = strawberry.field(description="The role's code.")
    community: Community | None = strawberry.field(
        description="Where it is held; null for what everybody signed in has."
    )
    permissions: list[str] = strawberry.field(description="What it allows there.")


@strawberry.type(description="Whoever asks.")
class ViewerInfo:
    """Whoever asks."""

    person: Person | None = strawberry.field(description="The person signed in; null for nobody.")
    roles: list[ViewerRole] = strawberry.field(description="The roles held now.")
    language: str = strawberry.field(description="The language messages come in: zh or en.")

    @strawberry.field(
        description="Where one is signed in, the session refreshed last first.",
        metadata=guarded(Guard.SELF, "sessions of the viewer's own account"),
    )
    async def sessions(self, info: strawberry.Info) -> list[OpenSession]:
        found = await sessions.open_sessions(info.context.kernel, info.context.viewer)
        return [OpenSession.of(session) for session in found]

    @strawberry.field(
        description="The providers outside whose identity stands for this account.",
        metadata=guarded(Guard.SELF, "links of the viewer's own account"),
    )
    async def identities(self, info: strawberry.Info) -> list[LinkedIdentity]:
        found = await identities.identities_of(info.context.kernel, info.context.viewer)
        return [LinkedIdentity(issuer=issuer, linked_at=since) for issuer, since in found]
