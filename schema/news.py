"""News: what happened that is worth telling, in words, for people; the change feed is for programs."""

from datetime import datetime

import strawberry

from core import access, models
from schema.declared import column, declared, to_one
from schema.node import Node
from schema.policies import Guard, guarded
from schema.reading import visible_matters
from schema.types import Community, Matter


def of_visible_matter(sight: access.Sight) -> access.Where:
    """Show news that are addressed to nobody in particular to whoever may see the matter they are about."""
    seen = visible_matters(sight)
    return access.Where(
        f"({{t}}.person_id IS NULL AND EXISTS (SELECT 1 FROM core_matter m WHERE m.id = {{t}}.matter_id AND {seen.sql}))",
        seen.params,
    )


@declared(models.News, visible=access.either(access.person("{t}.person_id"), of_visible_matter))
class NewsItem(Node):
    """Something that happened and is worth telling: a notice was posted, voting began, a wish came true."""

    type: str = column("What happened, `plugin.past_tense`, as in the change feed.")
    at: datetime = column("When.")
    community: Community | None = to_one("Community", "{t}.community_id", "Where.")
    matter: Matter | None = to_one(
        "Matter", "{t}.matter_id", "The matter it is about; null when there is none, or it may not be seen."
    )
    is_addressed_to_you: bool = column(
        "Whether it is told to you alone, because it concerns you.", "({t}.person_id IS NOT NULL)", convert=bool
    )

    @strawberry.field(
        description="What happened, in the language of the request.",
        metadata=guarded(Guard.ROW, "what the type of the row is called", needs=("type",)),
    )
    def title(self, info: strawberry.Info) -> str:
        kind = info.context.kernel.event_types.get(self.type)
        return kind.title(info.context.language) if kind is not None else self.type
