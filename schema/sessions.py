"""The kernel's root mutations: signing in and out, and running a community's features."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from core import access, accounts, administration, errors
from schema.errors import MEMBERS
from schema.mutation import DeedInput, mutation, text
from schema.policies import Guard, guarded
from schema.types import Community


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

    enable_plugin = mutation(administration.enable_plugin, SwitchPluginInput, Community, present=_community)
    disable_plugin = mutation(administration.disable_plugin, SwitchPluginInput, Community, present=_community)
    apply_blueprint = mutation(administration.apply_blueprint, ApplyBlueprintInput, Community, present=_community)
    set_setting = mutation(administration.set_setting, SetSettingInput, Community, present=_community)


SESSIONS = frozenset({"login", "refresh", "logout", "change_password"})
"""Mutations that are no deeds: they make and end sessions, and are guarded by accounts themselves."""
