"""The demo world: Chancheng's real tree, a few invented compounds in it, people of every role, and each plugin's part.

All of it is written by the same deeds that people use. Names and numbers cannot belong to anybody: compounds are called
示例花园, people 示例某某, telephone numbers begin with 120.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import accounts, administration, communities, people
from core.access import Viewer
from core.divisions import import_divisions
from core.hierarchy import PLACE_COLUMNS, Place
from core.kernel import Kernel
from core.kinds import CommunityKind
from core.viewers import load_viewer
from core.work import DeedSpec

log = logging.getLogger("shanzhi.demo")

SYSTEM = Viewer(system="demo")
PASSWORD = "shanzhi-demo-2026"  # noqa: S105 - of people who do not exist, on servers in development mode only
COMMUNITY_CODE = "440604010001"
VILLAGE_CODE = "440604100200"


@dataclass(frozen=True)
class Compound:
    """An invented compound: how many buildings, stairwells in each, and floors with two units each."""

    name: str
    buildings: int
    stairwells: int = 1


COMPOUNDS = (
    Compound("示例花园01", 3, 2),  # with an owners' committee
    Compound("示例花园02", 1, 1),  # managed by its provider
)


@dataclass(frozen=True)
class DemoPerson:
    """Someone to sign in as."""

    key: str
    name: str
    role: str
    place: str  # "district", "town", "community", "village", "compound", "stairwell"


CAST = (
    DemoPerson("district", "示例区干部", "district_staff", "district"),
    DemoPerson("town", "示例镇干部", "town_staff", "town"),
    DemoPerson("staff", "示例社区工作者", "community_staff", "community"),
    DemoPerson("village", "示例村干部", "community_staff", "village"),
    DemoPerson("secretary", "示例支部书记", "branch_secretary", "compound"),
    DemoPerson("chair", "示例业委会主任", "committee_chair", "compound"),
    DemoPerson("member", "示例业委会委员", "committee_member", "compound"),
    DemoPerson("scrutineer", "示例监票人", "scrutineer", "compound"),
    DemoPerson("property", "示例物业管家", "property_staff", "compound"),
    DemoPerson("captain", "示例楼长", "building_captain", "building"),
    DemoPerson("resident", "示例居民", "resident", "stairwell"),
    DemoPerson("tenant", "示例租客", "tenant", "stairwell"),
    DemoPerson("auditor", "示例监督员", "auditor", "district"),
    DemoPerson("sysadmin", "示例系统管理员", "system_admin", "district"),
    DemoPerson("secadmin", "示例安全管理员", "security_admin", "district"),
    DemoPerson("stranger", "示例外区居民", "resident", "elsewhere"),
)


QUERIES = (
    '{ community(code: "440604000000") { name children(first: 10) { totalCount nodes { code name } } } }',
    '{ community(code: "440604010001-C001") { name polls { nodes { id title state } } notices { nodes { title } } } }',
    "{ viewer { person { name } roles { role community { name } } } }",
)


WELCOME = """# 上方可选一个演示身份登录
# Ctrl-Enter 执行，Ctrl-空格 提示可写的字段
# 左上角是全部类型的说明
#
# Sign in above as one of the demo's people
# Ctrl-Enter runs, Ctrl-Space completes
# Top left: documentation of all types

query Welcome {
  viewer {
    person { name }
    roles { role community { name } }
  }
  community(code: "440604010001-C001") {
    name
    parent { name }
    plugins { titleZh enabled }
    matters(first: 10) {
      nodes {
        kind
        title
        stateCode
        viewerCan { deed allowed }
      }
    }
  }
}
"""


async def logins(kernel: Kernel) -> list[dict[str, str]]:
    """Return whom one can sign in as, for the terminal and the explorer: those whom plugins added, too."""
    rows = await kernel.database.fetch(
        "SELECT a.username, p.name, (SELECT MIN(r.role_id) FROM core_appointment r WHERE r.person_id = p.id) AS role "
        "FROM core_account a JOIN core_person p ON p.id = a.person_id WHERE p.name LIKE '示例%' ORDER BY a.id"
    )
    return [
        {"role": f"{row['name']} {row['role'] or ''}".strip(), "username": row["username"], "password": PASSWORD}
        for row in rows
    ]


@dataclass
class DemoWorld:
    """What plugins fill in their ``demo`` hooks."""

    kernel: Kernel
    places: dict[str, Place] = field(default_factory=dict)
    compounds: list[Place] = field(default_factory=list)
    buildings: dict[str, list[Place]] = field(default_factory=dict)  # by the compound's code
    stairwells: dict[str, list[Place]] = field(default_factory=dict)  # by the building's code
    people: dict[str, int] = field(default_factory=dict)
    say: Callable[[str], None] = log.info

    async def perform(self, spec: DeedSpec, as_: str | None = None, **arguments: Any) -> Any:
        """Do a deed as one of the cast, or as the system."""
        return await self.kernel.perform(spec, await self.viewer(as_) if as_ else SYSTEM, **arguments)

    async def viewer(self, key: str) -> Viewer:
        """Return one of the cast as they would be signed in."""
        found = await load_viewer(self.kernel.database, self.people[key], None, now=self.kernel.clock.now())
        assert found is not None, f"{key} is suspended"  # noqa: S101 - the demo suspends nobody
        return found

    async def place(self, code: str) -> Place:
        """Return a place by its code."""
        rows = await self.kernel.database.fetch(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE code = ?", (code,))
        return Place.of(rows[0])

    async def person(self, key: str, name: str, role: str, place: Place, *, login: bool = True) -> int:
        """Make a person with a role at a place and, unless told otherwise, an account called like the key."""
        found: int = await self.perform(people.add_person, community=place.code, name=name, role=role)
        if login:
            await accounts.add_account(
                self.kernel, SYSTEM, community=place.code, person_id=found, username=key, password=PASSWORD
            )
        self.people[key] = found
        return found


async def build(
    kernel: Kernel,
    divisions: Path,
    *,
    compounds: tuple[Compound, ...] = COMPOUNDS,
    cast: tuple[DemoPerson, ...] = CAST,
    plugins: bool = True,
    say: Callable[[str], None] = log.info,
) -> DemoWorld:
    """Build the demo world in an empty database; with ``plugins`` each plugin adds its part."""
    world = DemoWorld(kernel, say=say)
    report = await import_divisions(kernel.database, divisions, clock=kernel.clock)
    say(f"imported {report.added} divisions of Chancheng")
    await _name_places(world)
    for index, compound in enumerate(compounds):
        await _compound(world, compound)
        if index == 0:
            world.places["compound"] = world.compounds[0]
            world.places["building"] = world.buildings[world.compounds[0].code][0]
            world.places["stairwell"] = world.stairwells[world.places["building"].code][0]
    await _switch_on(world)
    for person in cast:
        await world.person(person.key, person.name, person.role, world.places[person.place])
    if plugins:
        for plugin in kernel.host.ready():
            if plugin.demo is not None:
                await _demo_of(world, plugin.id, plugin.demo)
    return world


async def _demo_of(world: DemoWorld, plugin: str, fill: Callable[[DemoWorld], Awaitable[None]]) -> None:
    """Let a plugin add its part; one whose part fails does not keep the others from a world to try them in."""
    world.say(f"demo data of {plugin}")
    try:
        await fill(world)
    except Exception:
        log.exception("the demo data of plugin %s stay incomplete", plugin)
        world.say("  failed; the log says why. The rest goes on without it")


async def _name_places(world: DemoWorld) -> None:
    codes = {
        "district": "440604000000", "town": "440604010000", "community": COMMUNITY_CODE, "village": VILLAGE_CODE,
        "elsewhere": "440604011001",
    }  # fmt: skip
    for key, code in codes.items():
        world.places[key] = await world.place(code)


async def _compound(world: DemoWorld, compound: Compound) -> None:
    made = await _add(world, world.places["community"], CommunityKind.COMPOUND, compound.name)
    world.compounds.append(made)
    world.buildings[made.code] = []
    for number in range(1, compound.buildings + 1):
        building = await _add(world, made, CommunityKind.BUILDING, f"{number}栋")
        world.buildings[made.code].append(building)
        world.stairwells[building.code] = [
            await _add(world, building, CommunityKind.STAIRWELL, f"{n}单元") for n in range(1, compound.stairwells + 1)
        ]


async def _add(world: DemoWorld, parent: Place, kind: CommunityKind, name: str) -> Place:
    key = await world.perform(communities.add_community, community=parent.code, kind=kind, name=name)
    rows = await world.kernel.database.fetch(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE id = ?", (key,))
    return Place.of(rows[0])


async def _switch_on(world: DemoWorld) -> None:
    """Switch every plugin on for the district, in the order in which they require each other."""
    for plugin in world.kernel.host.ready():
        await world.perform(
            administration.enable_plugin, community=world.places["district"].code, plugin=plugin.id, reason="demo"
        )
