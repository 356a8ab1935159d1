"""The kernel's root mutations: signing in and out, and running a community's features."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from core import access, accounts, administration, errors, identities, sessions
from schema.errors import MEMBERS
from schema.mutation import DeedInput, mutation, named, text
from schema.policies import Guard, guarded
from schema.types import Community
from schema.viewer import OPEN_SESSION, LinkedIdentity


@strawberry.type(description="A session: send the access token as `Authorization: Bearer …`.")
class Session:
    """A session."""

    access_token: str = strawberry.field(description="Send this with every request; it is short-lived.")
    refresh_token: str = strawberry.field(description="Swap this for a new session by `refresh`; it works once.")
    expires_at: datetime = strawberry.field(description="When the access token ends.")


@strawberry.input(description="Who signs in.")
class LoginInput:
    """Who signs in."""

    username: str = strawberry.field(description="The account's name.")
    password: str = strawberry.field(description="The password.")


@strawberry.input(description="The token to swap or to end.")
class RefreshInput:
    """The token to swap or to end."""

    refresh_token: str = strawberry.field(description="The refresh token last received.")


@strawberry.input(description="The old and the new password.")
class ChangePasswordInput:
    """The old and the new password."""

    old_password: str = strawberry.field(description="The password until now; a wrong one counts as a guess.")
    new_password: str = strawberry.field(description="The new one: 10 characters of three kinds, or 16 of any.")


@strawberry.type(description="The session has ended.")
class LoggedOut:
    """The session has ended."""

    ok: bool = strawberry.field(description="Always true.", default=True)


@strawberry.type(description="What has ended.")
class SessionsEnded:
    """What has ended."""

    ended: int = strawberry.field(description="How many sessions were ended.")


@strawberry.type(description="The identities that now stand for the account.")
class LinkedIdentities:
    """The identities that now stand for the account."""

    identities: list[LinkedIdentity] = strawberry.field(description="One for each provider.")


@strawberry.input(description="The session to end.")
class EndSessionInput:
    """The session to end."""

    id: strawberry.ID = named(
        "one of the viewer's own open sessions", "The session, from `viewer { sessions { id } }`."
    )


@strawberry.input(description="Whose identity to link.")
class LinkIdentityInput:
    """Whose identity to link."""

    token: str = strawberry.field(description="An access token of the provider that this server is configured for.")


@strawberry.input(description="Which identity to unlink.")
class UnlinkIdentityInput:
    """Which identity to unlink."""

    issuer: str = strawberry.field(description="The provider, from `viewer { identities { issuer } }`.")


@strawberry.input(description="Which plugin to switch where.")
class SwitchPluginInput(DeedInput):
    """Which plugin to switch where."""

    community: strawberry.ID = text("The code of the place; it and everything below is concerned.")
    plugin: str = text("The plugin's id.")
    reason: str = text("Why: kept with the setting.", default="")


@strawberry.input(description="Which blueprint to apply where.")
class ApplyBlueprintInput(DeedInput):
    """Which blueprint to apply where."""

    community: strawberry.ID = text("The code of the place.")
    blueprint: str = text("The blueprint's code.")
    reason: str = text("Why.", default="")


@strawberry.input(description="Which value to set where, from when.")
class SetSettingInput(DeedInput):
    """Which value to set where, from when."""

    community: strawberry.ID = text("The code of the place; the value holds there and below.")
    plugin: str = text("The plugin's id.")
    key: str = text("The name of the setting.")
    value: str = text('The value as JSON text: `15`, `"STRICT"`, or `null` to take it back.')
    effective_from: datetime | None = text("From when on; now, if not said.", default=None)
    reason: str = text("Why: kept with the setting.", default="")


@strawberry.type(description="What switching a plugin would do.")
class SwitchPlan:
    """What switching a plugin would do."""

    possible: bool = strawberry.field(description="Whether it would be accepted.")
    missing: list[str] = strawberry.field(description="Plugins that must be on first.")
    dependents: list[str] = strawberry.field(description="Plugins that are on and need this one.")
    matters: int = strawberry.field(description="How many matters of the plugin would be hidden or shown.")


async def _community(code: str, info: strawberry.Info) -> Any:
    found = await info.context.reading.first_where("Community", access.Where("{t}.code = ?", (code,)), info)
    if found is None:
        raise errors.NOT_FOUND(what=code)
    return found


def _result(name: str, member: type) -> Any:
    members: Any = member
    for one in MEMBERS:
        members |= one
    return Annotated[
        members, strawberry.union(f"{name}Result", description=f"What `{name[:1].lower()}{name[1:]}` gives.")
    ]


@strawberry.type(description="Everything that can be done.")
class Mutation:
    """Everything that can be done."""

    @strawberry.mutation(
        description="Sign in with username and password. Five wrong guesses lock the account for 15 minutes.",
        metadata=guarded(Guard.EVERYONE, "a guess at a password, counted"),
    )
    async def login(
        self, info: strawberry.Info, input: Annotated[LoginInput, strawberry.argument(description="Who signs in.")]
    ) -> _result("Login", Session):  # type: ignore[valid-type]
        context = info.context
        made = await accounts.login(context.kernel, input.username, input.password, context.address, context.language)
        return Session(access_token=made.access_token, refresh_token=made.refresh_token, expires_at=made.expires_at)

    @strawberry.mutation(
        description="Swap a refresh token for a new session. A token used twice ends the whole session.",
        metadata=guarded(Guard.EVERYONE, "whoever holds the refresh token"),
    )
    async def refresh(
        self, info: strawberry.Info, input: Annotated[RefreshInput, strawberry.argument(description="The token.")]
    ) -> _result("Refresh", Session):  # type: ignore[valid-type]
        made = await accounts.refresh(info.context.kernel, input.refresh_token)
        return Session(access_token=made.access_token, refresh_token=made.refresh_token, expires_at=made.expires_at)

    @strawberry.mutation(
        description="End the session that a refresh token belongs to.",
        metadata=guarded(Guard.EVERYONE, "whoever holds the refresh token"),
    )
    async def logout(
        self, info: strawberry.Info, input: Annotated[RefreshInput, strawberry.argument(description="The token.")]
    ) -> _result("Logout", LoggedOut):  # type: ignore[valid-type]
        await accounts.logout(info.context.kernel, input.refresh_token)
        return LoggedOut()

    @strawberry.mutation(
        description="Change one's own password; all other sessions end.",
        metadata=guarded(Guard.SELF, "the account of the session; the old password is asked for"),
    )
    async def change_password(
        self,
        info: strawberry.Info,
        input: Annotated[ChangePasswordInput, strawberry.argument(description="Old and new.")],
    ) -> _result("ChangePassword", Session):  # type: ignore[valid-type]
        context = info.context
        made = await accounts.change_password(context.kernel, context.viewer, input.old_password, input.new_password)
        return Session(access_token=made.access_token, refresh_token=made.refresh_token, expires_at=made.expires_at)

    @strawberry.mutation(
        description="End one of one's own sessions from another one.",
        metadata=guarded(Guard.SELF, "sessions of the viewer's own account only"),
    )
    async def end_session(
        self, info: strawberry.Info, input: Annotated[EndSessionInput, strawberry.argument(description="Which.")]
    ) -> _result("EndSession", SessionsEnded):  # type: ignore[valid-type]
        context = info.context
        await sessions.end_session(context.kernel, context.viewer, _session_key(input.id))
        return SessionsEnded(ended=1)

    @strawberry.mutation(
        description="End all of one's own sessions but this one.",
        metadata=guarded(Guard.SELF, "sessions of the viewer's own account only"),
    )
    async def end_other_sessions(self, info: strawberry.Info) -> _result("EndOtherSessions", SessionsEnded):  # type: ignore[valid-type]
        context = info.context
        return SessionsEnded(ended=await sessions.end_other_sessions(context.kernel, context.viewer))

    @strawberry.mutation(
        description="Link an identity of the provider outside to one's own account; sign in by password first.",
        metadata=guarded(Guard.SELF, "the account of the session; the token proves the identity"),
    )
    async def link_identity(
        self, info: strawberry.Info, input: Annotated[LinkIdentityInput, strawberry.argument(description="Whose.")]
    ) -> _result("LinkIdentity", LinkedIdentities):  # type: ignore[valid-type]
        await identities.link_identity(info.context.kernel, info.context.viewer, input.token)
        return await _identities(info)

    @strawberry.mutation(
        description="Take the link to a provider away: its tokens stand for nobody here any more.",
        metadata=guarded(Guard.SELF, "the account of the session"),
    )
    async def unlink_identity(
        self, info: strawberry.Info, input: Annotated[UnlinkIdentityInput, strawberry.argument(description="Which.")]
    ) -> _result("UnlinkIdentity", LinkedIdentities):  # type: ignore[valid-type]
        await identities.unlink_identity(info.context.kernel, info.context.viewer, input.issuer)
        return await _identities(info)

    enable_plugin = mutation(administration.enable_plugin, SwitchPluginInput, Community, present=_community)
    disable_plugin = mutation(administration.disable_plugin, SwitchPluginInput, Community, present=_community)
    apply_blueprint = mutation(administration.apply_blueprint, ApplyBlueprintInput, Community, present=_community)
    set_setting = mutation(administration.set_setting, SetSettingInput, Community, present=_community)


async def _identities(info: strawberry.Info) -> LinkedIdentities:
    found = await identities.identities_of(info.context.kernel, info.context.viewer)
    return LinkedIdentities(identities=[LinkedIdentity(issuer=who, linked_at=since) for who, since in found])


def _session_key(id: str) -> int:
    kind, _, key = id.partition("_")
    if kind != OPEN_SESSION or not (key.isascii() and key.isdigit() and len(key) <= 18):
        raise errors.NOT_FOUND(path=("input", "id"), what=id[:100])
    return int(key)


SESSIONS = frozenset({
    "login", "refresh", "logout", "change_password", "end_session", "end_other_sessions", "link_identity",
    "unlink_identity",
})  # fmt: skip
"""Mutations that are no deeds: they make and end sessions, and are guarded by accounts themselves."""
