"""The kernel's root queries and subscriptions: finding things, knowing oneself, following changes."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import strawberry

from core import access, accounts, errors
from core.host import PluginState
from core.ids import parse_global_id
from core.work import DeedSpec
from schema.declared import REGISTRY, lookup
from schema.enums import graphql_enum
from schema.errors import user_error
from schema.feed import Change, ChangePage, changes_after, follow
from schema.meta import Meta, meta_of
from schema.node import Node
from schema.paging import NEWEST, Connection
from schema.personal import PersonalQuery
from schema.policies import Guard, guarded
from schema.trace import TraceQuery
from schema.types import Ability, Community, Person, TraceRecord
from schema.viewer import ViewerInfo, ViewerRole

graphql_enum(PluginState)

First = Annotated[int, strawberry.argument(description="How many items, at most 100.")]


@strawberry.type(description="A plugin of this server and how it stands.")
class ServerPlugin:
    """A plugin of this server and how it stands."""

    id: strawberry.ID = strawberry.field(description="The plugin's id.")
    title_zh: str = strawberry.field(description="Its Chinese title.")
    title_en: str = strawberry.field(description="Its English title.")
    version: str = strawberry.field(description="Its version.")
    state: PluginState = strawberry.field(description="How far it has come.")
    reason: str | None = strawberry.field(description="Why it is not ready, and what to do; null when all is well.")


@strawberry.type(description="Everything that can be read.")
class Query(TraceQuery, PersonalQuery):
    """Everything that can be read."""

    community: Community | None = lookup(
        "Community", "The community with this code, e.g. 440604010001; null when there is none.",
        argument="code", about="Its code.", sql="{t}.code",
    )  # fmt: skip

    @strawberry.field(
        description="Communities whose code begins with, or whose name contains, a text: at most `first`."
    )
    async def search_communities(
        self,
        info: strawberry.Info,
        text: Annotated[str, strawberry.argument(description="A name or part of it, or the beginning of a code.")],
        first: First = 20,
        under: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only below the place with this code.")
        ] = None,
    ) -> list[Community]:
        return await info.context.reading.search_communities(info, text, first, under)

    @strawberry.field(description="The object with this global id; null when there is none or you may not see it.")
    async def node(
        self, info: strawberry.Info, id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")]
    ) -> Node | None:
        return (await _nodes(info, [id]))[0]

    @strawberry.field(description="The objects with these global ids (at most 100), in order; null for each not found.")
    async def nodes(
        self,
        info: strawberry.Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids, at most 100.")],
    ) -> list[Node | None]:
        if len(ids) > 100:
            raise errors.invalid("一次最多查询 100 个编号。", "Ask for at most 100 ids at a time.", "ids")
        return await _nodes(info, ids)

    @strawberry.field(description="Whoever asks.", metadata=guarded(Guard.SELF, "who the viewer is"))
    async def viewer(self, info: strawberry.Info) -> ViewerInfo:
        return await _viewer(info)

    @strawberry.field(
        description="Whether the viewer may do a deed at a place now, and if not, why.",
        metadata=guarded(Guard.SELF, "what the viewer may do at a place; places are public"),
    )
    async def viewer_can(
        self,
        info: strawberry.Info,
        deed: Annotated[str, strawberry.argument(description="The deed, e.g. `voting.open_poll`.")],
        community: Annotated[strawberry.ID, strawberry.argument(description="The place's code.")],
    ) -> Ability:
        return await _viewer_can(info, deed, str(community))

    @strawberry.field(
        description="The plugins of this server and how they stand (some dozens).",
        metadata=guarded(Guard.EVERYONE, "what the server offers; why one fails is told to who runs plugins"),
    )
    def plugins(self, info: strawberry.Info) -> list[ServerPlugin]:
        return [
            ServerPlugin(
                id=strawberry.ID(p.id), title_zh=p.manifest.title_zh, title_en=p.manifest.title_en,
                version=p.manifest.version, state=p.state,
                reason=_told(p.reason, info.context),
            )
            for p in info.context.kernel.host.plugins.values()
        ]  # fmt: skip

    @strawberry.field(
        description="Labels of enums and codes of errors: fetch once and cache.",
        metadata=guarded(Guard.EVERYONE, "labels of enums and error codes"),
    )
    def meta(self, info: strawberry.Info) -> Meta:
        return meta_of(info)

    @strawberry.field(
        description="Security events, newest first: refused and locked logins, sessions, accounts, appointments, data taken "
        "out; for audit administrators, and for auditors as far as a place is concerned."
    )
    async def security_events(
        self,
        info: strawberry.Info,
        first: First = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = strawberry.UNSET,
        deed: Annotated[
            str | None, strawberry.argument(description="Only these, e.g. `core.login_locked`.")
        ] = strawberry.UNSET,
    ) -> Connection[TraceRecord]:
        names = sorted(_security_events(info) & {deed}) if deed else sorted(_security_events(info))
        where = access.Where(f"{{t}}.deed IN ({', '.join('?' * len(names))})", tuple(names)) if names else access.FALSE
        return await info.context.reading.page("TraceRecord", info, where=where, order=NEWEST, first=first, after=after)

    @strawberry.field(
        description="What happened after a cursor, as far as the viewer may see it: for polling.",
        metadata=guarded(Guard.CHECKED, "every event is chosen by what the viewer may see at that moment"),
    )
    async def changes(
        self,
        info: strawberry.Info,
        after: Annotated[
            str | None, strawberry.argument(description="The last cursor seen; from now on without.")
        ] = None,
        community: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only at and below this place.")
        ] = None,
        first: First = 50,
    ) -> ChangePage:
        return await changes_after(info, after, community, first)


def _security_events(info: strawberry.Info) -> frozenset[str]:
    """Return the deeds that concern access, and those by which data leave the server."""
    taking_out = (name for name, spec in deeds_of(info.schema).items() if spec.takes_out)
    return accounts.SECURITY_EVENTS.union(taking_out)


def _told(reason: Any, context: Any) -> str | None:
    """Tell why a plugin is not ready: the whole of it to who runs plugins, for it may quote code and paths."""
    if reason is None:
        return None
    runs = any("core.manage_plugins" in grant.permissions for grant in context.viewer.grants)
    return str(reason.text(context.language)) if runs or context.kernel.config.is_development else str(reason.step)


async def _nodes(info: strawberry.Info, ids: list[strawberry.ID]) -> list[Any]:
    wanted: dict[str, list[int]] = {}
    parsed = [parse_global_id(str(value)) for value in ids]
    for found in parsed:
        if found is not None and found[0] in REGISTRY and info.schema.get_type_by_name(found[0]) is not None:
            wanted.setdefault(found[0], []).append(found[1])
    raw = info._raw_info
    objects = {
        (name, key): obj
        for name, keys in wanted.items()
        for key, obj in (await info.context.reading.by_ids(REGISTRY[name], keys, raw, raw.field_nodes)).items()
    }
    return [objects.get(found) if found is not None else None for found in parsed]


async def _viewer(info: strawberry.Info) -> ViewerInfo:
    context, raw = info.context, info._raw_info
    viewer, reading = context.viewer, context.reading
    persons, places = {}, {}
    if viewer.person_id is not None:
        persons = await reading.by_ids(REGISTRY["Person"], [viewer.person_id], raw, reading.below(raw, "person"))
    nodes = [n for roles in reading.below(raw, "roles") for n in reading.inside(raw, roles, "community")]
    ids = [grant.community_id for grant in viewer.grants if grant.community_id is not None]
    if nodes and ids:
        places = await reading.by_ids(REGISTRY["Community"], ids, raw, nodes)
    roles = [
        ViewerRole(role=g.role, community=places.get(g.community_id), permissions=sorted(g.permissions))
        for g in viewer.grants
    ]
    person: Person | None = persons.get(viewer.person_id)
    return ViewerInfo(person=person, roles=roles, language=viewer.language)


def deeds_of(schema: Any) -> dict[str, DeedSpec]:
    """Return the deeds behind the mutations of a schema, by name."""
    fields = schema.get_fields(schema.get_type_by_name("Mutation"))
    specs = (found.metadata.get("deed") for found in fields if found.metadata)
    return {spec.name: spec for spec in specs if spec is not None}


async def _viewer_can(info: strawberry.Info, deed: str, code: str) -> Ability:
    context = info.context
    spec = deeds_of(info.schema).get(deed)
    if spec is None or spec.permission is None:
        raise errors.invalid(
            f"没有可按地点查询的操作 {deed[:80]}；对具体事项请查询其 viewerCan。",
            f"There is no deed {deed[:80]} that a place decides; for a matter, ask its own viewerCan.",
            "deed",
        )
    place = await context.reading.place_by_code(code)
    refusal = access.decide(context.viewer, spec.permission, place).refusal
    if refusal is None and spec.plugin != "core" and not context.reading.is_on(spec.plugin, place.path):
        refusal = errors.PLUGIN_DISABLED(place=place.name, plugin=spec.plugin)
    reason = user_error(refusal, context.language) if refusal else None
    return Ability(deed=deed, allowed=refusal is None, reason=reason)


@strawberry.type(description="What can be followed live, over graphql-transport-ws.")
class Subscription:
    """What can be followed live, over graphql-transport-ws."""

    @strawberry.subscription(
        description="What happens, from a cursor on: first what was missed, then live, without a gap.",
        metadata=guarded(Guard.CHECKED, "every event is chosen by what the viewer may see at that moment"),
    )
    async def changes(
        self,
        info: strawberry.Info,
        after: Annotated[
            str | None, strawberry.argument(description="The last cursor seen; from now on without.")
        ] = None,
        community: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only at and below this place.")
        ] = None,
    ) -> AsyncGenerator[Change, None]:
        async for event, subject in follow(info, after, community):
            yield Change.of(info.context.kernel, event, subject)
