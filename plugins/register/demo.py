"""The register's part of the demo world: invented units and owners of every compound, and a voter roll that was published.

Nobody can be behind it: owners are called 示例业主, telephone numbers begin with 120, document numbers are left out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date

from core.demo import SYSTEM, DemoWorld
from core.hierarchy import Place
from plugins.register import importing, owners, roster
from plugins.register.rolls import prepare_roll, publish_roll

FLOORS, PER_FLOOR = 6, 2
HEADER = (
    "楼栋", "单元", "房号", "用途", "建筑面积(登记)", "建筑面积(合同)", "业主姓名", "业主类型", "手机号", "共有份额", "取得日期", "交付",
)  # fmt: skip
DEVELOPER = "示例置业有限公司"
LOGINS = (("owner", "示例业主001"), ("owner2", "示例业主002"))


async def fill(world: DemoWorld) -> None:
    """Import a roster for each compound, give two owners a login, and publish a roll."""
    for compound in world.compounds:
        await _import(world, compound)
    first = world.compounds[0]
    stairwell = world.stairwells[world.buildings[first.code][0].code][0]
    for key, name in LOGINS:
        person = await world.person(key, name, "resident", stairwell)
        rows = await world.kernel.database.fetch(
            "SELECT id FROM register_owner WHERE community_id = ? AND name = ? ORDER BY id LIMIT 1", (first.id, name)
        )
        await world.perform(owners.link_owner, id=rows[0]["id"], person=person)
    roll = await world.perform(prepare_roll, community=first.code)
    await world.perform(publish_roll, id=roll)


async def _import(world: DemoWorld, compound: Place) -> None:
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(HEADER)
    table.writerows(_lines(world, compound))
    data = text.getvalue().encode()
    reading = roster.Reading(world.kernel.clock.now().date())
    prepared = await importing.prepare(world.kernel, compound, f"{compound.name}.csv", data, reading)
    key = await world.perform(importing.preview_roster_import, community=compound.code, prepared=prepared)
    await importing.apply_preview(world.kernel, SYSTEM, key, prepared.planned.hash)


def _lines(world: DemoWorld, compound: Place) -> Iterator[tuple[str, ...]]:
    """Yield the lines of a roster: co-owners, one owner of two units, tenants' flats, shops, stock, parking spaces."""
    number = 0
    for building in world.buildings[compound.code]:
        for stairwell in world.stairwells[building.code]:
            for floor in range(1, FLOORS + 1):
                for door in range(1, PER_FLOOR + 1):
                    number += 1
                    yield from _unit(
                        building.name, stairwell.name, f"{floor:02d}{door:02d}", number, number - (number == 9)
                    )
    block = world.buildings[compound.code][0].name
    yield block, "", "P01", "车位", "12.50", "", _name(1), "自然人", _phone(1), "", "2019-06-01", "是"
    yield block, "", "S01", "商铺", "", "56.40", "示例便利店有限公司", "法人", "", "", "2019-06-01", "是"


def _unit(building: str, stairwell: str, room: str, number: int, owner: int) -> Iterator[tuple[str, ...]]:
    area = f"{75 + number * 7 % 60}.{number * 13 % 100:02d}"
    since = date(2018 + number % 7, 1 + number % 12, 1 + number % 28).isoformat()
    line = (building, stairwell, room, "住宅", area, "")
    if number % 11 == 0:
        yield *line, DEVELOPER, "建设单位", "", "", "", "否"
    elif number % 5 == 0:
        yield *line, _name(owner), "自然人", _phone(owner), "1/2", since, "是"
        yield *line, _name(900 + owner), "自然人", _phone(900 + owner), "1/2", since, "是"
    else:
        yield *line, _name(owner), "自然人", _phone(owner), "", since, "是"


def _name(number: int) -> str:
    return f"示例业主{number:03d}"


def _phone(number: int) -> str:
    return f"120{number:08d}"
