"""Who asks, and the DataLoaders of one request: every level of a document is one or two statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from strawberry.dataloader import DataLoader
from tortoise import connections
from tortoise.expressions import Q

from bench.baselines import stock_models as models
from bench.baselines.common import Claims, now
from core.masks import mask_name

PUBLIC = "EXISTS (SELECT 1 FROM notices_notice n WHERE n.matter_id = x.id AND n.is_public)"
ON_THE_WALL = "EXISTS (SELECT 1 FROM wishes_wish w WHERE w.matter_id = x.id AND w.published_at IS NOT NULL)"


@dataclass
class Viewer:
    """Somebody who is signed in, with the roles held."""

    person_id: int = 0
    offices: dict[str, set[str]] = field(default_factory=dict)  # path → permissions there and below
    homes: dict[str, set[str]] = field(default_factory=dict)  # path → permissions there and above
    role: str = "person"

    def reaches(self, permission: str, path: str) -> bool:
        """Say whether an office of this viewer has a permission at a path."""
        return any(path.startswith(office) and permission in may for office, may in self.offices.items())

    def belongs(self, permission: str, path: str) -> bool:
        """Say whether this viewer has a permission as a member of the place with this path."""
        return any(home.startswith(path) and permission in may for home, may in self.homes.items())


async def viewer_of(claims: Claims) -> Viewer | None:
    """Load the viewer of a session; None when it was ended."""
    session = await models.Session.get_or_none(
        id=claims.session, account_id=claims.account, revoked_at=None, account__session_version=claims.version,
        account__suspended_at=None,
    ).select_related("account")  # fmt: skip
    if session is None:
        return None
    viewer, moment = Viewer(session.account.person_id), now()
    held = await models.Appointment.filter(
        Q(until=None) | Q(until__gt=moment), person_id=viewer.person_id, since__lte=moment, community_id__isnull=False
    ).select_related("role", "community")
    granted: dict[str, set[str]] = defaultdict(set)
    codes = {one.role_id for one in held}
    for code, permission in await models.RolePermission.filter(role_id__in=codes, allowed=True).values_list(
        "role_id", "permission"
    ):
        granted[code].add(permission)
    for one in held:
        places = viewer.offices if one.role.reach == "OFFICE" else viewer.homes
        places.setdefault(one.community.path, set()).update(granted[one.role_id])
        viewer.role = one.role_id
    return viewer


@dataclass
class Request:
    """The DataLoaders of one request."""

    viewer: Viewer
    moment: str = field(default_factory=now)

    @cached_property
    def communities(self) -> DataLoader[int, Any]:
        """Load communities by id."""
        return DataLoader(load_fn=self._communities)

    @cached_property
    def children(self) -> DataLoader[tuple[int, int], Any]:
        """Load the first children of places, by (place, how many)."""
        return DataLoader(load_fn=self._children)

    @cached_property
    def notices(self) -> DataLoader[tuple[int, int], Any]:
        """Load the newest notices of places, by (place, how many)."""
        return DataLoader(load_fn=self._notices)

    @cached_property
    def wishes(self) -> DataLoader[tuple[int, int], Any]:
        """Load the newest wishes of places, by (place, how many)."""
        return DataLoader(load_fn=self._wishes)

    @cached_property
    def claims(self) -> DataLoader[tuple[int, int], Any]:
        """Load the newest claims of wishes, by (wish, how many)."""
        return DataLoader(load_fn=self._claims)

    @cached_property
    def names(self) -> DataLoader[int, str]:
        """Load the names of people as the viewer may see them."""
        return DataLoader(load_fn=self._names)

    @cached_property
    def states(self) -> DataLoader[int, Any]:
        """Load the states that deadlines have brought about; None where none has passed."""
        return DataLoader(load_fn=self._states)

    async def _communities(self, keys: list[int]) -> Sequence[Any]:
        found = await models.Community.in_bulk(set(keys), "id")
        return [found.get(one) for one in keys]

    async def _children(self, keys: list[tuple[int, int]]) -> Sequence[Any]:
        rows = await models.Community.filter(parent_id__in={key for key, _ in keys}).order_by("path")
        return _grouped(keys, rows, "parent_id")

    async def _notices(self, keys: list[tuple[int, int]]) -> Sequence[Any]:
        mine = self._offices("notices.oversee_notices")
        visible = f"((x.state <> 'DRAFT' AND {PUBLIC}) OR x.author_id = {self.viewer.person_id}{mine})"
        found = await newest(keys, "NOTICE", visible)
        rows = await models.Notice.filter(matter_id__in=found).select_related("matter").order_by("-matter_id")
        return _grouped(keys, rows, "community_id", of=lambda row: row.matter)

    async def _wishes(self, keys: list[tuple[int, int]]) -> Sequence[Any]:
        mine = self._offices("wishes.screen_wish")
        visible = (
            f"(x.author_id = {self.viewer.person_id} OR (x.state <> 'WITHDRAWN' AND {ON_THE_WALL} AND (FALSE{mine})))"
        )
        found = await newest(keys, "WISH", visible)
        rows = await models.Matter.filter(id__in=found).order_by("-id")
        return _grouped(keys, rows, "community_id")

    def _offices(self, permission: str) -> str:
        """Write the paths of offices as SQL; they are codes and slashes."""
        paths = [path for path, may in self.viewer.offices.items() if permission in may]
        return "".join(f" OR (x.path >= '{path}' AND x.path < '{path[:-1]}0')" for path in paths)

    async def _claims(self, keys: list[tuple[int, int]]) -> Sequence[Any]:
        rows = await models.Claim.filter(wish_id__in={key for key, _ in keys}).order_by("-id").select_related("wish")
        me = self.viewer.person_id
        seen = [
            row
            for row in rows
            if me in (row.claimer_id, row.companion_id, row.wish.author_id)
            or self.viewer.reaches("wishes.screen_wish", row.wish.path)
        ]
        return _grouped(keys, seen, "wish_id")

    async def _names(self, keys: list[int]) -> Sequence[str]:
        people = await models.Person.in_bulk(set(keys), "id")
        known = {self.viewer.person_id}
        for path in self.viewer.offices:
            near = models.Appointment.filter(
                person_id__in=list(people), community__path__gte=path, community__path__lt=f"{path[:-1]}0"
            )
            known.update(row["person_id"] for row in await near.values("person_id"))
        return [people[one].name if one in known else mask_name(people[one].name) for one in keys]

    async def _states(self, keys: list[int]) -> Sequence[Any]:
        due = await models.Deadline.filter(matter_id__in=keys, at__lte=self.moment).order_by("at", "id")
        found = {row.matter_id: row.to_state for row in due}
        return [found.get(one) for one in keys]


def _grouped(keys: list[tuple[int, int]], rows: Sequence[Any], column: str, of: Any = lambda row: row) -> list[Any]:
    by_parent: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        by_parent[getattr(of(row), column)].append(row)
    return [by_parent[parent][:first] for parent, first in keys]


async def newest(keys: list[tuple[int, int]], kind: str, visible: str) -> list[int]:
    """Return the keys of the newest visible matters of each place: the one thing the ORM has no words for."""
    client = connections.get("default")
    most = max(first for _, first in keys)
    page = (
        f"SELECT x.id FROM core_matter x WHERE x.community_id = c.id AND x.kind = '{kind}' AND {visible} "  # noqa: S608
        f"ORDER BY x.id DESC LIMIT {most + 1}"  # one more says whether there is a next page
    )
    places = ", ".join(str(place) for place in {place for place, _ in keys})
    is_postgres = client.capabilities.dialect == "postgres"
    joined = f"LATERAL ({page}) m ON TRUE" if is_postgres else f"core_matter m ON m.id IN ({page})"
    sql = f"SELECT m.id FROM core_community c JOIN {joined} WHERE c.id IN ({places})"  # noqa: S608 - keys and codes
    return [row["id"] for row in await client.execute_query_dict(sql)]
