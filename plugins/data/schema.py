"""GraphQL of ``data``."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from core.access import Sight, Where, everyone
from core.indicators import FiveZero, Indicator, IndicatorKind
from core.periods import PeriodKind
from plugins.data import models, service
from plugins.data.kinds import Quality, ReleaseState
from plugins.data.lifecycle import RELEASE
from schema.compose import Fragments
from schema.declared import column, computed, declared, extension, for_each, lookup, state_now, to_many, to_one
from schema.enums import graphql_enum
from schema.mutation import DeedInput, mutation, ref, text
from schema.node import Node
from schema.paging import OLDEST, Connection, Filter, Order
from schema.policies import Guard, guarded
from schema.types import Community, Matter

for enum in (ReleaseState, Quality, PeriodKind, IndicatorKind, FiveZero):
    graphql_enum(enum)

PLACE_PATH = "(SELECT pc.path FROM core_community pc WHERE pc.id = {t}.community_id)"
FIGURE_PATH = (
    "(SELECT pc.path FROM core_community pc JOIN data_figure pf ON pf.community_id = pc.id WHERE pf.id = {t}.figure_id)"
)
LATEST = Order("{t}.begins_on")
PUBLIC = guarded(Guard.EVERYONE, "definitions: what is counted, of nobody in particular")


def counted(name: str) -> str:
    """Return the SQL of a number as text, withheld where the figure is not told."""
    return f"CASE WHEN {{t}}.is_suppressed THEN NULL ELSE CAST({{t}}.{name} AS VARCHAR(20)) END"


def quality(sight: Sight) -> Where:
    """Tell what a figure is worth at this moment."""
    return Where(
        "CASE WHEN {t}.is_suppressed THEN 'SUPPRESSED' WHEN {t}.release_id IS NULL AND {t}.settles_at > ? THEN 'PROVISIONAL' "
        "WHEN {t}.is_thin THEN 'LOW_COVERAGE' ELSE 'SOUND' END",
        (sight.now_wire,),
    )


@strawberry.type(description="What an indicator counts, and how: an entry of the data dictionary.")
class IndicatorDefinition:
    """What an indicator counts, and how."""

    code: str = strawberry.field(description="Its code, `plugin.name`.")
    title_zh: str = strawberry.field(description="Its name in Chinese.")
    title_en: str = strawberry.field(description="Its name in English.")
    kind: IndicatorKind = strawberry.field(description="How it is read.")
    zero: FiveZero | None = strawberry.field(description="Which of the five zeros it tells something of.")
    numerator_zh: str = strawberry.field(description="What is counted, in Chinese.")
    numerator_en: str = strawberry.field(description="What is counted, in English.")
    denominator_zh: str | None = strawberry.field(description="Out of what, in Chinese; null for plain numbers.")
    denominator_en: str | None = strawberry.field(description="Out of what, in English; null for plain numbers.")
    unit_zh: str = strawberry.field(description="The unit, in Chinese.")
    unit_en: str = strawberry.field(description="The unit, in English.")
    source: str = strawberry.field(description="Where the definition comes from, with its confidence mark.")
    guard_zh: str | None = strawberry.field(description="What is done against making it look good, in Chinese.")
    guard_en: str | None = strawberry.field(description="What is done against making it look good, in English.")
    of_persons: bool = strawberry.field(description="Whether persons are counted: groups under ten are not told.")
    settles_days: int = strawberry.field(description="How many days after its end a period is still counted.")

    @classmethod
    def of(cls, one: Indicator) -> "IndicatorDefinition":
        """Show a declared indicator."""
        out_of, guard = one.denominator, one.guard
        return cls(
            code=one.code, title_zh=one.title_zh, title_en=one.title_en, kind=one.kind, zero=one.zero,
            numerator_zh=one.numerator.zh, numerator_en=one.numerator.en,
            denominator_zh=out_of.zh if out_of else None, denominator_en=out_of.en if out_of else None,
            unit_zh=one.unit.zh, unit_en=one.unit.en, source=str(one.source),
            guard_zh=guard.zh if guard else None, guard_en=guard.en if guard else None,
            of_persons=one.of_persons, settles_days=one.settles_days,
        )  # fmt: skip


@declared(models.Version, visible=everyone, path=FIGURE_PATH)
class DataFigureVersion(Node):
    """A frozen figure as it read at some time; the first is what was frozen, each later one a correction."""

    number: int = column("Which version of the figure it was.")
    numerator: str | None = computed(counted("numerator"), "What was counted; null where it is not told.")
    denominator: str | None = computed(counted("denominator"), "Out of what; null where it is not told.")
    value: str | None = column("Numerator by denominator, four decimals.")
    at: datetime = column("Since when it read so.")
    reason: str = column("Why it was corrected; empty for what was frozen.")


@declared(models.Figure, visible=everyone, path=PLACE_PATH)
class DataFigure(Node):
    """One indicator of one place for one period, summed over everything below; never a target, a rank or a person."""

    community: Community = to_one("Community", "{t}.community_id", "The place.")
    indicator: str = column("The indicator's code.")
    period: str = column("The period: 2026-03, 2026-Q1 or 2026.")
    period_kind: PeriodKind = column("How long it is.", "{t}.kind")
    numerator: str | None = computed(
        counted("numerator"), "What was counted, as text (areas are large); null where not told."
    )
    denominator: str | None = computed(
        "CASE WHEN {t}.is_suppressed OR {t}.denominator = 0 THEN NULL ELSE CAST({t}.denominator AS VARCHAR(20)) END",
        "Out of what; null for plain numbers and where it is not told.",
    )
    covered: str | None = computed(counted("covered"), "How many were looked at, where that is counted; else 0.")
    coverable: str | None = computed(counted("coverable"), "How many could have been.")
    value: str | None = column('Numerator by denominator with four decimals: "0.7225"; null for plain numbers.')
    low: str | None = column("Lower end of the 95 % Wilson interval of the value, rounded down.")
    high: str | None = column("Upper end of the interval, rounded up.")
    quality: Quality = computed(quality, "What the figure is worth.")
    is_silent: bool = column(
        "Whether this channel fell far below its own past: a reason to check that it is open, never a success.",
        convert=bool,
    )
    version: int = column("Counts up with every correction of a frozen figure.")
    counted_at: datetime = column("When it was counted or corrected last.")
    release: Annotated["DataRelease", strawberry.lazy("plugins.data.schema")] | None = to_one(
        "DataRelease",
        "{t}.release_id",
        "The release it is part of; null while it is still counted, or not published yet.",
    )
    versions: Connection[DataFigureVersion] = to_many(
        "DataFigureVersion", "{t}.figure_id", "Its frozen versions, oldest first.", order=OLDEST
    )

    @for_each("What it counts, and how; null when its plugin is gone.", needs=("indicator",), metadata=PUBLIC)
    async def definition(figures: list[Any], info: strawberry.Info) -> list[IndicatorDefinition | None]:  # noqa: N805 - a level's
        known = info.context.kernel.host.indicators
        return [IndicatorDefinition.of(known[f.indicator]) if f.indicator in known else None for f in figures]


FILTERS = {
    "period": Filter(str, "{t}.period = ?", "Only this period: 2026-03, 2026-Q1 or 2026."),
    "indicator": Filter(str, "{t}.indicator = ?", "Only this indicator, by its code."),
    "period_kind": Filter(PeriodKind, "{t}.kind = ?", "Only periods of this length: with `indicator`, its history."),
}


@declared(models.Release, matter=RELEASE)
class DataRelease(Matter):
    """The figures of one place for one period, frozen and published."""

    state: ReleaseState = state_now(ReleaseState)
    period: str = column("The period.")
    frozen_at: datetime = column("Since when its figures stand still.")
    published_at: datetime | None = column("When they were published.")
    discard_reason: str = column("Why they were taken back before; else empty.")
    figures: Connection[DataFigure] = to_many("DataFigure", "{t}.release_id", "Its figures.", order=OLDEST)


@extension("Community")
class CommunityData:
    """What ``data`` adds to a community."""

    indicators: Connection[DataFigure] = to_many(
        "DataFigure", "{t}.community_id", "Figures of this place and everything below it, the latest periods first.",
        order=LATEST, filters=FILTERS,
    )  # fmt: skip
    data_releases: Connection[DataRelease] = to_many(
        "DataRelease", "{m}.community_id", "Releases of this place that the viewer may see.", order=Order()
    )


@strawberry.type
class DataQuery:
    """Root queries of ``data``."""

    data_release: DataRelease | None = lookup(
        "DataRelease", "The release with this id; null when there is none or you may not see it."
    )

    @strawberry.field(description="The data dictionary: every indicator that is counted, a few dozen.", metadata=PUBLIC)
    def indicator_definitions(self, info: strawberry.Info) -> list[IndicatorDefinition]:
        return [IndicatorDefinition.of(one) for one in info.context.kernel.host.indicators.values()]


@strawberry.input(description="A period to freeze.")
class FreezePeriodInput(DeedInput):
    """A period to freeze."""

    community: strawberry.ID = text("The code of the place.")
    period: str = text("The period: 2026-03, 2026-Q1 or 2026; over, and settled.")


@strawberry.input(description="A release.")
class PublishReleaseInput(DeedInput):
    """A release."""

    id: strawberry.ID = ref("DataRelease", "The release.")


@strawberry.input(description="A release and why it is taken back.")
class DiscardReleaseInput(DeedInput):
    """A release and why it is taken back."""

    id: strawberry.ID = ref("DataRelease", "The release.")
    reason: str = text("Why, up to 500 characters.")


@strawberry.input(description="A figure and what it should have been.")
class CorrectFigureInput(DeedInput):
    """A figure and what it should have been."""

    id: strawberry.ID = ref("DataRelease", "The release.")
    figure: strawberry.ID = ref("DataFigure", "The figure.")
    numerator: str = text("What is counted, in digits.")
    denominator: str = text("Out of what, in digits; 0 for plain numbers.", default="0")
    covered: str = text("How many were looked at, in digits.", default="0")
    coverable: str = text("How many could have been, in digits.", default="0")
    reason: str = text("Why it was wrong, up to 500 characters; everybody reads it.")


@strawberry.type
class DataMutation:
    """Mutations of ``data``."""

    freeze_period = mutation(service.freeze_period, FreezePeriodInput, "DataRelease")
    publish_release = mutation(service.publish_release, PublishReleaseInput, "DataRelease")
    discard_release = mutation(service.discard_release, DiscardReleaseInput, "DataRelease")
    correct_figure = mutation(service.correct_figure, CorrectFigureInput, "DataFigure")


FRAGMENTS = Fragments(
    types=(DataRelease, DataFigure, DataFigureVersion),
    extends={"Community": CommunityData, "Query": DataQuery, "Mutation": DataMutation},
)
