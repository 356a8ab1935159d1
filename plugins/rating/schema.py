"""GraphQL of ``rating``."""

from datetime import datetime

import strawberry

from core.access import Sight, Where, both, holders, person
from core.matters import STATE_NOW
from plugins.rating import models, service
from plugins.rating.kinds import RatingScore, RatingState, RatingSubject
from plugins.rating.lifecycle import RATING
from plugins.rating.rules import RatingCount, RatingSummary, summarise
from schema.compose import Fragments
from schema.declared import column, declared, extension, hidden, lookup, state_now, to_many, to_one
from schema.enums import graphql_enum
from schema.mutation import DeedInput, mutation, named, ref, text
from schema.node import Node
from schema.paging import NEWEST, Connection, Filter
from schema.policies import Guard, guarded
from schema.scalars import Fraction
from schema.types import Matter

for enum in (RatingState, RatingSubject, RatingScore):
    graphql_enum(enum)

RATING_PATH = "(SELECT pm.path FROM core_matter pm WHERE pm.id = {t}.rating_id)"
MOST_REASONS = 200


def closed(sight: Sight) -> Where:
    """Admit nobody to any figure before the rating is closed."""
    return Where(f"{STATE_NOW} = 'CLOSED'", (sight.now_wire,))


def _counted(condition: str = "") -> str:
    return f"(SELECT COUNT(*) FROM rating_score s WHERE s.rating_id = {{t}}.matter_id{condition})"


def own_score(sight: Sight) -> Where:
    """Point at what the viewer said."""
    mine = "SELECT s.id FROM rating_score s WHERE s.rating_id = {t}.matter_id AND s.person_id = ?"
    return Where(f"({mine})", (sight.viewer.person_id or 0,))


@declared(models.Score, visible=person("{t}.person_id"), path=RATING_PATH)
class MyRating(Node):
    """What the viewer said in a rating; nobody else sees it."""

    score: RatingScore = column("What you said.")
    reason: str = column("Why; empty when you gave no reason.")
    at: datetime = column("When you said it last.")


@strawberry.type(description="What a closed rating says. Figures are withheld (null) when too few answered.")
class RatingResult:
    """What a closed rating says."""

    is_withheld: bool = strawberry.field(
        description="True when fewer answered than `smallestGroup`: then all else is null."
    )
    smallest_group: int = strawberry.field(description="How many answers it takes for figures to be told.")
    asked: int = strawberry.field(description="How many people were asked: those who belonged here when it was made.")
    satisfied: int | None = strawberry.field(description="How many were satisfied.")
    answered: int | None = strawberry.field(description="How many answered.")
    satisfied_share: Fraction | None = strawberry.field(description="Satisfied among answers.")
    answer_rate: Fraction | None = strawberry.field(
        description="Answers among those asked; a high score with few answers is no praise."
    )
    lower_bound: str | None = strawberry.field(
        description='Lower bound of the 95 % Wilson interval of the satisfied share, rounded down: "0.7225". Compare this.'
    )

    @classmethod
    def of(cls, summary: RatingSummary, asked: int, smallest_group: int) -> "RatingResult":
        """Show a summary."""
        count, share, rate = summary.count, summary.satisfied_share, summary.answer_rate
        return cls(
            is_withheld=summary.is_withheld, smallest_group=smallest_group, asked=asked,
            satisfied=count.satisfied if count else None, answered=count.answered if count else None,
            satisfied_share=Fraction.exact(share) if share is not None else None,
            answer_rate=Fraction.exact(rate) if rate is not None else None,
            lower_bound=None if summary.lower_bound is None else f"{summary.lower_bound:.4f}",
        )  # fmt: skip


@declared(models.Rating, matter=RATING)
class ServiceRating(Matter):
    """A rating of a finished matter, a service or a provider for one period; never of a person."""

    state: RatingState = state_now(RatingState)
    subject_kind: RatingSubject = column("What is rated.")
    subject: str = column("Its name; for a matter, what kind of matter it is.", "{t}.subject_name")
    about: Matter | None = to_one("Matter", "{t}.about_id", "The matter that is rated; null when you may not see it.")
    period: str = column("The period it is about, in words: 2026年第一季度.")
    opens_at: datetime = column("When it opens.")
    closes_at: datetime = column("When it closes by itself.")
    closed_at: datetime | None = column("When somebody closed it before its time.")
    reply: str | None = column("What those responsible replied.")
    replied_at: datetime | None = column("When they replied.")
    my_rating: MyRating | None = to_one("MyRating", own_score, "What you said; null when you have not rated.")
    told_asked: int = hidden("{t}.asked")
    told_smallest: int = hidden("{t}.smallest_group")
    told_answers: int | None = hidden(_counted(), allowed=closed)
    told_satisfied: int | None = hidden(_counted(" AND s.score = 'SATISFIED'"), allowed=closed)
    told_to_responsible: int | None = hidden(_counted(), allowed=both(closed, holders("rating.reply_to_rating")))

    @strawberry.field(description="The figures; null until it is closed, withheld when too few answered.")
    def result(self) -> RatingResult | None:
        if self.told_answers is None or self.told_satisfied is None:
            return None
        asked = max(self.told_asked, self.told_answers)  # some may have moved in since it was made
        count = RatingCount(self.told_satisfied, self.told_answers, asked)
        return RatingResult.of(summarise(count, self.told_smallest), self.told_asked, self.told_smallest)

    @strawberry.field(
        description="Why people were not satisfied, in alphabetical order and without names (at most 200): for those "
        "responsible, once it is closed; empty when too few answered.",
        metadata=guarded(Guard.CHECKED, "empty unless those responsible ask, after the close, and enough answered"),
    )
    async def reasons(self, info: strawberry.Info) -> list[str]:
        if self.told_to_responsible is None or self.told_to_responsible < self.told_smallest:
            return []
        rows = await info.context.kernel.database.fetch(
            "SELECT reason FROM rating_score WHERE rating_id = ? AND reason <> '' ORDER BY reason LIMIT ?",
            (self.pk, MOST_REASONS),  # type: ignore[attr-defined]
        )
        return [row["reason"] for row in rows]


@extension("Community")
class CommunityRatings:
    """What ``rating`` adds to a community."""

    ratings: Connection[ServiceRating] = to_many(
        "ServiceRating", "{m}.community_id", "Ratings of this place that the viewer may see, newest first.", order=NEWEST,
        filters={"subject_kind": Filter(RatingSubject, "{t}.subject_kind = ?", "Only ratings of such subjects.")},
    )  # fmt: skip


@strawberry.type
class RatingQuery:
    """Root queries of ``rating``."""

    service_rating: ServiceRating | None = lookup(
        "ServiceRating", "The rating with this id; null when there is none or you may not see it."
    )


@strawberry.input(description="A rating to open.")
class OpenRatingInput(DeedInput):
    """A rating to open."""

    community: strawberry.ID = text("The code of the place whose people are asked.")
    title: str = text("The question, up to 100 characters; no person's name.")
    period: str = text("The period it is about, e.g. 2026年第一季度; one rating of a subject per period.")
    kind: RatingSubject = text("What is rated.", default=RatingSubject.MATTER)
    about: strawberry.ID | None = named("Matter", "The id of the finished matter, for MATTER.", default=None)
    subject: str | None = text("The name of the service or organisation, for SERVICE and PROVIDER.", default=None)
    opens_at: datetime | None = text("When it opens; at once, when left out.", default=None)
    closes_at: datetime | None = text(
        "When it closes; after the community's usual window, when left out.", default=None
    )


@strawberry.input(description="What you say.")
class CastRatingInput(DeedInput):
    """What you say."""

    id: strawberry.ID = ref("ServiceRating", "The rating.")
    score: RatingScore = text("What you say; you may change it until the close.")
    reason: str = text(
        "Why, up to 500 characters; needed when dissatisfied. Those responsible read it without your name, once it is "
        "closed and enough people answered.", default="",
    )  # fmt: skip


@strawberry.input(description="A rating to close.")
class CloseRatingInput(DeedInput):
    """A rating to close."""

    id: strawberry.ID = ref("ServiceRating", "The rating.")


@strawberry.input(description="A reply to what people said.")
class ReplyToRatingInput(DeedInput):
    """A reply to what people said."""

    id: strawberry.ID = ref("ServiceRating", "The rating.")
    reply: str = text("The reply, up to 2,000 characters; everybody of the place reads it.")


@strawberry.type
class RatingMutation:
    """Mutations of ``rating``."""

    open_rating = mutation(service.open_rating, OpenRatingInput, "ServiceRating")
    cast_rating = mutation(service.cast_rating, CastRatingInput, "ServiceRating")
    close_rating = mutation(service.close_rating, CloseRatingInput, "ServiceRating")
    reply_to_rating = mutation(service.reply_to_rating, ReplyToRatingInput, "ServiceRating")


FRAGMENTS = Fragments(
    types=(ServiceRating, MyRating),
    extends={"Community": CommunityRatings, "Query": RatingQuery, "Mutation": RatingMutation},
)
