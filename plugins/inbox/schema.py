"""GraphQL of ``inbox``."""

import json
from datetime import datetime
from typing import Annotated, Any

import strawberry

from core.access import Where, person
from core.ids import global_id
from plugins.inbox import models, service
from plugins.inbox.concern import concerning, told
from plugins.inbox.kinds import ChannelKind, DeliveryOutcome, Rhythm
from plugins.inbox.problems import NO_CHANNEL
from schema.compose import Fragments
from schema.declared import REGISTRY, column, declared, extension, to_many
from schema.enums import graphql_enum
from schema.mutation import DeedInput, mutation, named, ref, text
from schema.news import NewsItem
from schema.node import Node
from schema.paging import NEWEST, Connection, check_first
from schema.policies import Guard, guarded
from schema.types import Matter

for enum in (ChannelKind, Rhythm, DeliveryOutcome):
    graphql_enum(enum)

MOST_COUNTED = 100
OWNERS = "(SELECT ic.person_id FROM inbox_channel ic WHERE ic.id = {t}.channel_id AND ic.removed_at IS NULL)"


@declared(models.Delivery, visible=person(OWNERS))
class InboxDelivery(Node):
    """One try to bring news by a channel."""

    at: datetime = column("When.")
    items: int = column("How many news; 0 for the request to confirm.")
    outcome: DeliveryOutcome = column("How it went.")
    problem: str = column("What went wrong, without addresses; empty when nothing did.")


@declared(models.Channel, visible=lambda sight: person("{t}.person_id")(sight) & Where("{t}.removed_at IS NULL"))
class InboxChannel(Node):
    """A way in which you have news brought; nothing goes there before it is confirmed."""

    kind: ChannelKind = column("How.")
    address: str = column("Where to, masked.", "{t}.address_masked")
    rhythm: Rhythm = column("When.")
    quiet_from: str | None = column(
        "From when on nothing is brought, HH:MM, China Standard Time; null for no quiet hours."
    )
    quiet_until: str | None = column("Until when.")
    muted: list[str] = column("The plugins whose news are not brought.", convert=json.loads)
    language: str = column("The language of what is written, zh or en: that of the request that added it.")
    added_at: datetime = column("When you added it.")
    confirmed_at: datetime | None = column("When it was confirmed; null while that is awaited.")
    paused_at: datetime | None = column(
        "Since when it is paused, by you or after too many failures; null while it runs."
    )
    failures: int = column("How often it failed in a row.")
    last_error: str = column("What went wrong last; empty when nothing did.")
    due_at: datetime = column("When it is looked after next.")
    deliveries: Connection[InboxDelivery] = to_many(
        "InboxDelivery", "{t}.channel_id", "What was brought in the last ninety days, newest first.", order=NEWEST
    )


READ = "COALESCE((SELECT im.read_up_to FROM inbox_mark im WHERE im.person_id = ?), 0)"


def _unread(info: strawberry.Info) -> Where:
    return Where(f"{{t}}.id > {READ}", (info.context.viewer.person_id,))


@extension("Me")
class MyInbox:
    """What ``inbox`` adds to oneself."""

    @strawberry.field(
        description="News that concern you, newest first: addressed to you, of places where you belong or hold an office, and of "
        "matters that you follow."
    )
    async def inbox(
        root: Any,  # noqa: N805 - it is the viewer
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="How many items, at most 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = strawberry.UNSET,
        unread: Annotated[bool, strawberry.argument(description="Only what you have not marked as read.")] = False,
    ) -> Connection[NewsItem]:
        where = concerning(info.context.sight)
        if unread:
            where &= _unread(info)
        return await info.context.reading.page("NewsItem", info, where=where, order=NEWEST, first=first, after=after)

    @strawberry.field(
        description="How many news you have not marked as read, counted up to 100.",
        metadata=guarded(Guard.SELF, "a count of news that the viewer sees"),
    )
    async def unread(root: Any, info: strawberry.Info) -> int:  # noqa: N805 - it is the viewer
        both, unread = told(info.context.sight), _unread(info)
        where = both & Where(unread.sql.replace("{t}", "t"), unread.params)
        found = await info.context.kernel.database.value(
            f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM core_news t WHERE {where.sql} LIMIT {MOST_COUNTED}) AS counted",
            where.params,
        )
        return int(found)

    @strawberry.field(description="The matters that you follow and may see, newest first.")
    async def followed(
        root: Any,  # noqa: N805 - it is the viewer
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="How many items, at most 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = strawberry.UNSET,
    ) -> Connection[Matter]:
        where = Where(
            "m.id IN (SELECT f.matter_id FROM inbox_follow f WHERE f.person_id = ?)", (info.context.viewer.person_id,)
        )
        return await info.context.reading.matters_page(info, where, check_first(first), after or None)

    @strawberry.field(description="The ways in which you have news brought (a handful).")
    async def channels(
        root: Any,  # noqa: N805 - it is the viewer
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="How many items, at most 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = strawberry.UNSET,
    ) -> Connection[InboxChannel]:
        where = Where("{t}.person_id = ?", (info.context.viewer.person_id,))
        return await info.context.reading.page(
            "InboxChannel", info, where=where, order=NEWEST, first=first, after=after
        )


# --- deeds ------------------------------------------------------------------------------------------------------------


@strawberry.type(description="Whether you follow a matter.")
class MatterFollowed:
    """Whether you follow a matter."""

    is_followed: bool = strawberry.field(description="Whether what becomes of it is in your inbox from now on.")


@strawberry.type(description="How your inbox stands.")
class InboxRead:
    """How your inbox stands."""

    read_up_to: strawberry.ID = strawberry.field(description="The item up to which it is read.")


@strawberry.type(description="A webhook, with what its requests are signed with.")
class WebhookChannelAdded:
    """A webhook, with what its requests are signed with."""

    channel: InboxChannel = strawberry.field(description="The channel.")
    secret: str = strawberry.field(
        description="Keep it: `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 with it over `webhook-id.webhook-timestamp.body`."
    )


@strawberry.type(description="A channel was removed.")
class ChannelRemoved:
    """A channel was removed."""

    is_removed: bool = strawberry.field(description="True.")


@strawberry.input(description="A matter.")
class FollowInput(DeedInput):
    """A matter."""

    matter: strawberry.ID = named("any matter that the viewer sees", "The matter, of any kind, by its global id.")


@strawberry.input(description="Up to where you have read.")
class MarkReadInput(DeedInput):
    """Up to where you have read."""

    up_to: strawberry.ID = ref("NewsItem", "The newest item that you have seen; it and all before it count as read.")


@strawberry.input(description="An e-mail address.")
class AddEmailChannelInput(DeedInput):
    """An e-mail address."""

    address: str = text("The address; kept sealed.")
    rhythm: Rhythm = text("When news are brought.", default=Rhythm.AT_ONCE)
    quiet_from: str | None = text("From when on nothing is brought, HH:MM, China Standard Time.", default=None)
    quiet_until: str | None = text("Until when, HH:MM; may lie on the next day.", default=None)


@strawberry.input(description="A webhook.")
class AddWebhookChannelInput(AddEmailChannelInput):
    """A webhook."""

    address: str = text("The address, at an origin that the operator allows; kept sealed, for it may hold a secret.")


@strawberry.input(description="A channel and its code.")
class ConfirmChannelInput(DeedInput):
    """A channel and its code."""

    id: strawberry.ID = ref("InboxChannel", "The channel.")
    code: str = text("The code that was sent there.")


@strawberry.input(description="Changes to a channel; what is left out stays.")
class ChangeChannelInput(DeedInput):
    """Changes to a channel."""

    id: strawberry.ID = ref("InboxChannel", "The channel.")
    rhythm: Rhythm | None = text("When news are brought.", default=None)
    quiet_from: str | None = text("From when on nothing is brought, HH:MM; with its end.", default=None)
    quiet_until: str | None = text("Until when, HH:MM.", default=None)
    has_quiet_hours: bool | None = text("False for no quiet hours.", default=None)
    muted: list[str] | None = text("The ids of all plugins whose news are not brought.", default=None)
    is_paused: bool | None = text("Whether nothing is brought for now.", default=None)


@strawberry.input(description="A channel.")
class RemoveChannelInput(DeedInput):
    """A channel."""

    id: strawberry.ID = ref("InboxChannel", "The channel.")


async def _counted(arguments: dict[str, Any], info: strawberry.Info) -> dict[str, Any]:
    await service.count_guess(info.context.kernel, info.context.viewer.person_id, arguments["id"])
    return arguments


async def _with_secret(result: Any, info: strawberry.Info) -> WebhookChannelAdded:
    """Give the secret with the channel: to a retry of the same request, too, whose first answer may have been lost."""
    key, kernel = getattr(result, "key", result), info.context.kernel
    sealed = await kernel.database.value("SELECT secret_sealed FROM inbox_channel WHERE id = ?", (key,))
    raw, reading = info._raw_info, info.context.reading
    found = await reading.by_ids(REGISTRY["InboxChannel"], [key], raw, reading.below(raw, "channel"))
    if key not in found:  # removed since
        raise NO_CHANNEL()
    return WebhookChannelAdded(
        channel=found[key], secret=kernel.keys.unseal("inbox_channel", service.SECRET, key, sealed)
    )


def _followed(found: bool, info: strawberry.Info) -> MatterFollowed:
    return MatterFollowed(is_followed=found)


@strawberry.type
class InboxMutation:
    """Mutations of ``inbox``."""

    follow_matter = mutation(service.follow_matter, FollowInput, MatterFollowed, present=_followed)
    unfollow_matter = mutation(service.unfollow_matter, FollowInput, MatterFollowed, present=_followed)
    mark_read = mutation(
        service.mark_read, MarkReadInput, InboxRead,
        present=lambda found, info: InboxRead(read_up_to=strawberry.ID(global_id("NewsItem", found))),
    )  # fmt: skip
    add_email_channel = mutation(service.add_email_channel, AddEmailChannelInput, "InboxChannel")
    add_webhook_channel = mutation(
        service.add_webhook_channel, AddWebhookChannelInput, WebhookChannelAdded, present=_with_secret
    )
    confirm_channel = mutation(service.confirm_channel, ConfirmChannelInput, "InboxChannel", prepare=_counted)
    change_channel = mutation(service.change_channel, ChangeChannelInput, "InboxChannel")
    remove_channel = mutation(
        service.remove_channel, RemoveChannelInput, ChannelRemoved,
        present=lambda found, info: ChannelRemoved(is_removed=found),
    )  # fmt: skip


FRAGMENTS = Fragments(types=(InboxChannel, InboxDelivery), extends={"Me": MyInbox, "Mutation": InboxMutation})
