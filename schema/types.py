"""The kernel's own types: communities, people, matters and what belongs to every matter."""

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.scalars import JSON

from core import access, attachments, matters, models
from core.access import ROW_PATH, ROW_PLACE, either, everyone, holders
from core.hierarchy import subtree_range
from core.kinds import CommunityKind, LinkRelation
from core.matters import Matter as MatterRow
from schema.declared import column, computed, declared, for_each, to_many, to_one
from schema.enums import graphql_enum
from schema.errors import UserError, user_error
from schema.node import Node
from schema.paging import NEWEST, OLDEST, Connection, Filter, Order, check_first
from schema.policies import Guard, guarded
from schema.reading import visible_matters

if TYPE_CHECKING:
    from schema.news import NewsItem

graphql_enum(CommunityKind)
graphql_enum(LinkRelation)


def shared_place(sight: access.Sight) -> access.Where:
    """Show a person's full name to staff who hold ``core.read_people`` where the person holds an appointment."""
    where = access.within("c.path", sight.viewer.ranges("core.read_people"))
    if where.sql == "FALSE":
        return access.FALSE
    return access.Where(
        "EXISTS (SELECT 1 FROM core_appointment a JOIN core_community c ON c.id = a.community_id "
        f"WHERE a.person_id = {{t}}.id AND {where.sql})",
        where.params,
    )


def of_visible_matter(sight: access.Sight) -> access.Where:
    """Show the files of a matter to whoever may see the matter, as far as its kind does not keep them from some."""
    seen = visible_matters(sight)
    for (plugin, kind), declared_kind in sight.kinds.items():
        if declared_kind.files is not None:
            other = access.Where("NOT (m.plugin = ? AND m.kind = ?)", (plugin, kind))
            admitted = declared_kind.files(sight)
            seen &= other | access.Where(admitted.sql.replace("{m}", "m"), admitted.params)
    return access.Where(
        f"EXISTS (SELECT 1 FROM core_matter m WHERE m.id = {{t}}.matter_id AND {seen.sql})", seen.params
    )


@declared(models.Person, visible=everyone)
class Person(Node):
    """A natural person, shown no more than needed."""

    name: str = column(
        "The name; masked (张*) unless it is your own or your office needs it.",
        allowed=either(access.person("{t}.id"), shared_place),
        otherwise="substr({t}.name, 1, 1) || '*'",
    )


@declared(models.Attachment, visible=either(access.person("{t}.uploader_id"), of_visible_matter))
class Attachment(Node):
    """A file that belongs to a matter; immutable once uploaded."""

    filename: str = column("Its name as uploaded.")
    media_type: str | None = column("Its type, found from its content; null until it is uploaded.")
    size: int | None = column("Its size in bytes.")
    sha256: str | None = column("Its SHA-256, hex: anybody can check that it is the same file.")
    stored_at: datetime | None = column("When it was uploaded; null while only its ticket exists.")

    @strawberry.field(
        description="An address to download it from, valid for ten minutes; null until it is uploaded.",
        metadata=guarded(Guard.ROW, "whoever sees a file may read it; the address is signed and good for ten minutes"),
    )
    def url(self, info: strawberry.Info) -> str | None:
        if self.stored_at is None:
            return None
        kernel = info.context.kernel
        return attachments.download_path(kernel, self.pk)  # type: ignore[attr-defined]


@strawberry.type(description="A moment at which a matter moves by itself.")
class Deadline:
    """A moment at which a matter moves by itself."""

    step: str = strawberry.field(description="The step that time takes.")
    at: datetime = strawberry.field(description="When.")
    to_state: str = strawberry.field(description="The state the matter has from then on.")
    started_at: datetime = strawberry.field(description="When this clock was started; it is never recomputed.")
    source: str = strawberry.field(description="The rule the period comes from, with its confidence mark.")
    estimated: bool = strawberry.field(
        description="True when the working days of that year are not published yet (推定)."
    )


@strawberry.type(description="Whether the viewer may do something now, and if not, why.")
class Ability:
    """Whether the viewer may do something now, and if not, why."""

    deed: str = strawberry.field(
        description="The deed, e.g. `voting.cast_ballot`; the mutation is the part after the dot."
    )
    allowed: bool = strawberry.field(description="Whether it would be accepted now.")
    reason: UserError | None = strawberry.field(description="Why not; null when allowed.", default=None)


def without_place(sight: access.Sight) -> access.Where:
    """Show what belongs to no place, a login or a lock, to who watches over access where the person concerned belongs.

    Guesses at names that nobody has concern no person: whoever watches anywhere may see them.
    """
    ranges = sight.viewer.ranges("core.read_security")
    if not ranges:
        return access.TRUE if sight.viewer.system is not None else access.FALSE
    reached = access.within("c.path", ranges)
    appointed = "FROM core_trace_salt s JOIN core_appointment a ON a.person_id = s.person_id"
    return access.Where(
        f"({{t}}.community_id IS NULL AND {{t}}.matter_id IS NULL AND (NOT EXISTS (SELECT 1 {appointed} "
        f"WHERE s.leaf_id = {{t}}.id AND a.community_id IS NOT NULL) OR EXISTS (SELECT 1 {appointed} "
        f"JOIN core_community c ON c.id = a.community_id WHERE s.leaf_id = {{t}}.id AND {reached.sql})))",
        reached.params,
    )


@declared(
    models.TraceLeaf,
    visible=either(holders("core.read_trace", path=ROW_PATH, place=ROW_PLACE), without_place),
)
class TraceRecord(Node):
    """One deed in the append-only record."""

    seq: str | None = computed(
        "CAST({t}.seq AS VARCHAR(20))", "Its place in the Merkle log; null for the moment before it is given."
    )
    deed: str = column("What was done, `plugin.verb`.")
    at: datetime = column("When.")
    body: str = column("The canonical JSON that is hashed: states, ids, digests; no personal data.")
    leaf_hash: str = column("SHA-256(0x00 ‖ body), hex: the leaf of RFC 9162.")
    hash_name: str = column("The hash used.")


@declared(interface=True)
class Matter(Node):
    """One item of a community's business: a poll, a notice, a wish … It belongs to one community and one plugin."""

    title: str = column("What it is about.", "{m}.title")
    kind: str = column("Which kind of matter: NOTICE, POLL, WISH …", "{m}.kind")
    plugin: str = column("The plugin it belongs to.", "{m}.plugin")
    state_code: str = computed(
        lambda sight: access.Where(matters.STATE_NOW, (sight.now_wire,)),
        "The state at this moment as text; the types of each kind have it as an enum, `state`.",
    )
    created_at: datetime = column("When it was made.", "{m}.created_at")
    updated_at: datetime = column("When its state last changed.", "{m}.updated_at")
    author: Person | None = to_one(
        "Person", "{m}.author_id", "Who made it; null when the system did or it is withheld."
    )
    community: Annotated["Community", strawberry.lazy("schema.types")] = to_one(
        "Community", "{m}.community_id", "Where it belongs."
    )

    attachments: Connection[Attachment] = to_many(
        "Attachment", "{t}.matter_id", "Its files, oldest first.", order=OLDEST
    )

    @for_each(
        "Its clocks that are running, soonest first (a handful).",
        needs=(),
        metadata=guarded(Guard.ROW, "the clocks of the matter itself"),
    )
    async def deadlines(matters_: list[Any], info: strawberry.Info) -> list[list[Deadline]]:  # noqa: N805 - a level's
        return await deadlines_of(matters_, info)

    @strawberry.field(
        description="What the viewer may do with it now, each with the reason if not (a handful).",
        metadata=guarded(Guard.SELF, "what the viewer may do with a matter they see", needs=()),
    )
    async def viewer_can(self, info: strawberry.Info) -> list[Ability]:
        return await abilities(self, info)

    @strawberry.field(
        description="The matters it is linked with, in the order the links were made (at most 100).",
        metadata=guarded(Guard.CHECKED, "the other matters are read as rows; those not seen are left out", needs=()),
    )
    async def links(self, info: strawberry.Info) -> list["MatterLink"]:
        return await links_of(self, info)

    @strawberry.field(
        description="Everything that links lead to from here, itself among it, oldest first (at most 200): the complaint, the "
        "motion, the notice, the work done. No link is followed from a matter that the viewer may not see.",
        metadata={"needs": ()},
    )
    async def thread(self, info: strawberry.Info) -> list["Matter"]:
        return await thread_of(self, info)

    @strawberry.field(
        description="The settings it was decided under and where each came from; null until announced.",
        metadata={"needs": ()},
    )
    def frozen_settings(self) -> JSON | None:
        text = self.row["m_frozen"]  # type: ignore[attr-defined]
        return json.loads(text) if text else None


@strawberry.type(description="A link between two matters.")
class MatterLink:
    """A link between two matters."""

    relation: LinkRelation = strawberry.field(description="How the source follows from the target.")
    is_source: bool = strawberry.field(description="True when this matter is the source.")
    matter: Matter = strawberry.field(description="The other matter.")


async def deadlines_of(matters_: list[Any], info: strawberry.Info) -> list[list[Deadline]]:
    """Load the running clocks of all matters of a level at once."""
    found: dict[int, list[Deadline]] = {matter.pk: [] for matter in matters_}
    keys = list(found)
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        rows = await info.context.kernel.database.fetch(
            "SELECT matter_id, step, at, to_state, started_at, source, estimated FROM core_deadline "
            f"WHERE matter_id IN ({', '.join('?' * len(some))}) AND at > ? ORDER BY at",
            (*some, info.context.sight.now_wire),
        )
        for row in rows:
            values = {**dict(row), "estimated": bool(row["estimated"])}
            found[values.pop("matter_id")].append(Deadline(**values))
    return [found[matter.pk] for matter in matters_]


async def abilities(root: Any, info: strawberry.Info) -> list[Ability]:
    """Work out what a viewer may do with a matter, from its lifecycle."""
    context = info.context
    lifecycle = context.kernel.lifecycle_of(root.declaration.name)
    row = {name: root.row[f"m_{name}"] for name in matters.MATTER_COLUMNS if name not in ("id", "state", "updated_at")}
    matter = MatterRow.of({**row, "id": root.pk, "state": root.state_now})
    place = await context.reading.place(root.community_id)
    found = []
    for step in lifecycle.steps:
        if not step.timed:
            refusal = matters.ability(lifecycle, step, matter, context.viewer, place).refusal
            reason = user_error(refusal, context.language) if refusal else None
            found.append(Ability(deed=f"{lifecycle.plugin}.{step.name}", allowed=refusal is None, reason=reason))
    return found


async def links_of(root: Any, info: strawberry.Info) -> list[MatterLink]:
    """Load the visible matters that a matter is linked with."""
    rows = await info.context.kernel.database.fetch(
        "SELECT source_id, target_id, relation FROM core_link WHERE source_id = ? OR target_id = ? ORDER BY id LIMIT 100",
        (root.pk, root.pk),
    )
    others = [row["target_id"] if row["source_id"] == root.pk else row["source_id"] for row in rows]
    raw = info._raw_info
    nodes = info.context.reading.below(raw, "matter")
    found = await info.context.reading.matters_by_ids(others, raw, nodes)
    return [
        MatterLink(relation=LinkRelation(row["relation"]), is_source=row["source_id"] == root.pk, matter=found[other])
        for row, other in zip(rows, others, strict=True)
        if other in found
    ]


LONGEST_THREAD = 200


async def thread_of(root: Any, info: strawberry.Info) -> list[Any]:
    """Load all matters that links connect with a matter, over such as the viewer may see."""
    raw, reading = info._raw_info, info.context.reading
    seen = visible_matters(info.context.sight)
    rows = await info.context.kernel.database.fetch(
        "WITH RECURSIVE thread(id) AS (SELECT CAST(? AS BIGINT) UNION SELECT m.id FROM thread "
        "JOIN core_link l ON l.source_id = thread.id OR l.target_id = thread.id JOIN core_matter m "
        "ON m.id = CASE WHEN l.source_id = thread.id THEN l.target_id ELSE l.source_id END "
        f"WHERE {seen.sql}) SELECT id FROM thread LIMIT {LONGEST_THREAD}",
        (root.pk, *seen.params),
    )
    found = await reading.matters_by_ids(sorted(row["id"] for row in rows), raw, raw.field_nodes)
    return [found[key] for key in sorted(found)]


@strawberry.type(description="One value in force at a place, and where it came from.")
class SettingValue:
    """One value in force at a place, and where it came from."""

    key: str = strawberry.field(description="The name of the setting.")
    value: JSON = strawberry.field(description="The value in force.")
    description: str = strawberry.field(description="What it means.")
    unit: str | None = strawberry.field(description="The unit, e.g. CALENDAR_DAY.")
    source: str = strawberry.field(description="The rule it comes from.")
    confidence: str = strawberry.field(description="VERIFIED, WEB, MEMORY or DESIGN: how sure we are of that rule.")
    override: str = strawberry.field(description="Who may change it: NONE, TIGHTEN_ONLY, CHOICE or FREE.")
    set_at: "Community | None" = strawberry.field(description="The place where it was set; null for the default.")
    effective_from: datetime | None = strawberry.field(description="Since when; null for the default.")
    reason: str = strawberry.field(description="The reason given.")


@strawberry.type(description="A plugin as one community has it.")
class CommunityPlugin:
    """A plugin as one community has it."""

    id: strawberry.ID = strawberry.field(description="The plugin's id.")
    title_zh: str = strawberry.field(description="Its Chinese title.")
    title_en: str = strawberry.field(description="Its English title.")
    enabled: bool = strawberry.field(description="Whether it is on here.")
    requires: list[str] = strawberry.field(description="The plugins that must be on first.")
    settings_schema: JSON = strawberry.field(description="JSON Schema of its settings: enough to draw the form.")
    settings: list[SettingValue] = strawberry.field(description="The values in force here, in the schema's order.")


MANY = 5_000
"""Where so many rows lie below a place, its newest are soon met by walking all from the newest on; fewer are sorted."""
BY_PATH = Order("{t}.path", descending=False)
KIND_FILTER = Filter(CommunityKind, "{t}.kind = ?", "Only this kind.")


@declared(models.Community, visible=everyone, base=("path", "name", "code"))
class Community(Node):
    """A node of the tree of places: district, town or street, community or village, compound, building, stairwell."""

    code: str = column("The code: 12-digit statistical division code, extended below the community.")
    kind: CommunityKind = column("What it is.")
    name: str = column("The name; names are not unique, codes are.")
    closed_at: datetime | None = column("When it was closed; null while it exists.")
    parent: Annotated["Community", strawberry.lazy("schema.types")] | None = to_one(
        "Community", "{t}.parent_id", "The place above."
    )
    children: Connection[Annotated["Community", strawberry.lazy("schema.types")]] = to_many(
        "Community", "{t}.parent_id", "The places right below, in order of code.", order=BY_PATH,
        filters={"kind": KIND_FILTER},
    )  # fmt: skip

    @strawberry.field(description="All places below, parents before children.")
    async def descendants(
        self,
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="How many items, at most 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = strawberry.UNSET,
        kind: Annotated[CommunityKind | None, strawberry.argument(description="Only this kind.")] = strawberry.UNSET,
    ) -> Connection[Annotated["Community", strawberry.lazy("schema.types")]]:
        low, high = subtree_range(self.path)  # type: ignore[attr-defined]
        where = access.Where("{t}.path > ? AND {t}.path < ?", (low, high))
        if kind:
            where &= KIND_FILTER.where(kind)
        return await info.context.reading.page("Community", info, where=where, order=BY_PATH, first=first, after=after)

    @strawberry.field(description="The places above, from the top down (at most 10).")
    async def ancestors(self, info: strawberry.Info) -> list[Annotated["Community", strawberry.lazy("schema.types")]]:
        raw = info._raw_info
        return (await info.context.reading.lineage(self.path, raw, raw.field_nodes))[:-1]  # type: ignore[attr-defined]

    @strawberry.field(description="The business of this place itself, newest first; only what the viewer may see.")
    async def matters(
        self,
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="How many items, at most 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = strawberry.UNSET,
        kind: Annotated[str | None, strawberry.argument(description="Only this kind, e.g. POLL.")] = strawberry.UNSET,
        below: Annotated[bool, strawberry.argument(description="Also that of all places below.")] = False,
    ) -> Connection[Matter]:
        of_kind = access.Where("m.kind = ?", (kind,)) if kind else access.TRUE
        where = access.Where("m.community_id = ?", (self.pk,)) & of_kind  # type: ignore[attr-defined]
        if below:
            where = await lying_below(info, "core_matter", "m", self.path, of_kind)  # type: ignore[attr-defined]
        return await info.context.reading.matters_page(info, where, check_first(first), after or None)

    @strawberry.field(
        description="What happened here that is worth telling, newest first; only what the viewer may see."
    )
    async def feed(
        self,
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="How many items, at most 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = strawberry.UNSET,
        plugin: Annotated[
            str | None, strawberry.argument(description="Only that of this plugin, e.g. notices.")
        ] = strawberry.UNSET,
        below: Annotated[bool, strawberry.argument(description="Also that of all places below.")] = True,
    ) -> Connection[Annotated["NewsItem", strawberry.lazy("schema.news")]]:
        told = access.Where("{t}.person_id IS NULL")
        if plugin:
            told &= access.Where("{t}.plugin = ?", (plugin,))
        where = access.Where("{t}.community_id = ?", (self.pk,)) & told  # type: ignore[attr-defined]
        if below:
            where = await lying_below(info, "core_news", "{t}", self.path, told)  # type: ignore[attr-defined]
        return await info.context.reading.page("NewsItem", info, where=where, order=NEWEST, first=first, after=after)

    @strawberry.field(
        description="The plugins of this server as this community has them (some dozens).",
        metadata=guarded(Guard.EVERYONE, "which functions a place has, and its settings, are public"),
    )
    async def plugins(self, info: strawberry.Info) -> list[CommunityPlugin]:
        from schema.settings import community_plugins

        return await community_plugins(self, info)

    @strawberry.field(description="What happened here, newest first: for auditors and for holders of core.read_trace.")
    async def trace(
        self,
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="How many items, at most 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = strawberry.UNSET,
    ) -> Connection[TraceRecord]:
        where = access.Where("{t}.community_id = ?", (self.pk,))  # type: ignore[attr-defined]
        return await info.context.reading.page("TraceRecord", info, where=where, order=NEWEST, first=first, after=after)


async def lying_below(info: strawberry.Info, table: str, alias: str, path: str, narrowed: access.Where) -> access.Where:
    """Return the predicate for the rows of a place and all below it, so that few are sorted and many are walked.

    ``table`` has a column ``path``; ``alias`` is what stands for the table in ``narrowed`` and in what is returned.
    """
    where = access.Where(f"{alias}.path >= ? AND {alias}.path < ?", subtree_range(path)) & narrowed
    counted = where.sql.replace(f"{alias}.", "x.")
    count = await info.context.kernel.database.value(
        f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM {table} x WHERE {counted} LIMIT {MANY}) AS counted", where.params
    )
    if count < MANY:
        return where
    # With the empty text none filters by an index, which would give all that is to be sorted.
    walked = re.sub(rf"{re.escape(alias)}\.(path|kind|plugin)\b", rf"({alias}.\1 || '')", where.sql)
    return access.Where(walked, where.params)
