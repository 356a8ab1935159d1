"""Matters and their lifecycles: declared once, from which refusals, abilities, clocks and diagrams follow.

WISH = Lifecycle("wishes", "WISH", WishState, initial=WishState.DRAFT, visible=..., steps=[
    Step("claim_wish", {PUBLISHED}, CLAIMED, permission="wishes.claim_wish", event="wishes.wish_claimed"),
    Step("expire_wish", {PUBLISHED}, EXPIRED, timed=True, event="wishes.wish_expired"),
])
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from core import access, errors
from core._db.seam import Row
from core.clock import from_wire
from core.labels import LabelledEnum


@dataclass(frozen=True)
class Step:
    """One thing that can be done with a matter, or (timed) that the clock does by itself.

    ``target`` None means that the state stays: casting a ballot, acknowledging a notice.
    ``permission`` None means that ``own`` decides alone. ``own`` names who may always do this to their own matter:
    ``"author"`` is the only word so far; a deed's body may check more.
    ``shared`` lets many do this with one matter at once, while nobody changes its state: casting a ballot. The body must
    leave the matter's own row alone (no new title, no freezing) and lock what two of them may not do at the same time.
    ``nameless`` is for what nobody must be tied to: a ballot of a separated poll, a rating. Its leaf has neither actor nor
    time of day, its key tells neither, and who follows the matter is not shown it; see docs/trace.md.
    """

    name: str
    sources: Collection[LabelledEnum]
    target: LabelledEnum | None = None
    permission: str | None = None
    own: bool = False
    timed: bool = False
    event: str | None = None
    title_zh: str = ""
    title_en: str = ""
    guard: Callable[[Matter, access.Viewer], errors.DomainError | None] | None = None
    shared: bool = False
    nameless: bool = False

    def __post_init__(self) -> None:
        if self.shared and self.target is not None:
            raise TypeError(f"{self.name} changes the state of its matter, so it cannot be shared")


@dataclass(frozen=True)
class Lifecycle:
    """The states of one kind of matter, its steps, and who may see it."""

    plugin: str
    kind: str
    states: type[LabelledEnum]
    initial: LabelledEnum
    steps: Sequence[Step]
    visible: access.Rule
    type_name: str  # the GraphQL type of this kind, whose name its global ids carry
    title_zh: str = ""
    title_en: str = ""
    finals: Collection[LabelledEnum] = ()  # where it counts as finished, beside the states that no step leads out of
    files: access.Rule | None = None  # who may see its files, of those who may see the matter; all when not said
    _by_name: dict[str, Step] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for step in self.steps:
            if step.name in self._by_name:
                raise TypeError(f"{self.plugin}.{self.kind} declares the step {step.name} twice")
            self._by_name[step.name] = step

    @property
    def common_deeds(self) -> Sequence[str]:
        """Return the deeds that many do to one matter, each of which would say who took part when: casting a ballot."""
        return [f"{self.plugin}.{step.name}" for step in self.steps if step.shared or step.nameless]

    def step(self, name: str) -> Step:
        """Return a declared step by its name."""
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self._by_name)
            raise LookupError(f"{self.plugin}.{self.kind} has no step {name}; it has {known}") from None

    def is_final(self, state: str) -> bool:
        """Say whether a matter in this state is finished: what follows, if anything, does not change its outcome."""
        leads_on = any(step.target is not None and state in {s.value for s in step.sources} for step in self.steps)
        return not leads_on or state in {final.value for final in self.finals}

    def check(self, step: Step, matter: Matter) -> errors.DomainError | None:
        """Say why a step is impossible from the state a matter is in, or None when it is possible."""
        if any(matter.state == source.value for source in step.sources):
            return None
        state = self.states(matter.state)
        allowed = ", ".join(sorted(s.value for s in step.sources))
        return errors.WRONG_STATE(
            state=matter.state,
            state_zh=state.label_zh,
            deed=step.name,
            deed_zh=step.title_zh or step.name,
            allowed=allowed,
        )


# A matter's state is true at read time: the last deadline that has passed decides, whether or not a sweep has run.
STATE_NOW = (
    "COALESCE((SELECT d.to_state FROM core_deadline d WHERE d.matter_id = {m}.id AND d.at <= ? "
    "ORDER BY d.at DESC, d.id DESC LIMIT 1), {m}.state)"
)
MATTER_COLUMNS = (
    "id", "community_id", "path", "plugin", "kind", "title", "state", "author_id",
    "created_at", "updated_at", "version", "frozen",
)  # fmt: skip


@dataclass
class Matter:
    """One matter inside a deed; ``state`` is settled: deadlines that have passed are applied."""

    id: int
    community_id: int
    path: str
    plugin: str
    kind: str
    title: str
    state: str
    author_id: int | None
    created_at: datetime
    version: int
    frozen: dict[str, Any]

    @classmethod
    def of(cls, row: Row) -> Matter:
        """Make a matter of a row with MATTER_COLUMNS."""
        return cls(
            row["id"], row["community_id"], row["path"], row["plugin"], row["kind"], row["title"], row["state"],
            row["author_id"], from_wire(row["created_at"]), row["version"], _parsed(row["frozen"] or "{}"),
        )  # fmt: skip


@lru_cache(maxsize=512)
def _parsed(frozen: str) -> dict[str, Any]:
    """Read frozen settings; all who read the same text get the same object, which nobody changes."""
    found: dict[str, Any] = json.loads(frozen)
    return found


def ability(lifecycle: Lifecycle, step: Step, matter: Matter, viewer: access.Viewer, place: Any) -> access.Decision:
    """Decide whether a viewer may do a step with a matter now: permission or ownership, then state, then guard."""
    decision = may(step, matter, viewer, place)
    if not decision.allowed:
        return decision
    refusal = lifecycle.check(step, matter) or (step.guard(matter, viewer) if step.guard else None)
    return access.Decision(refusal)


def may(step: Step, matter: Matter, viewer: access.Viewer, place: Any) -> access.Decision:
    """Decide whether a viewer may do a step at all, whatever the state."""
    if viewer.system is not None:
        return access.Decision()
    if step.own and viewer.person_id is not None and matter.author_id == viewer.person_id:
        return access.Decision()
    if step.permission is not None:
        return access.decide(viewer, step.permission, place)
    if viewer.person_id is None:
        return access.Decision(errors.NOT_SIGNED_IN())
    return access.Decision(errors.NOT_ALLOWED(place=place.name, permission=step.name))
