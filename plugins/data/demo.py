"""The demo world's data: everything counted, the last settled quarter published, one figure corrected, one discarded."""

from __future__ import annotations

from core.demo import DemoWorld
from core.periods import Period, PeriodKind
from plugins.data.service import correct_figure, discard_release, freeze_period, publish_release
from plugins.data.tally import count_due


async def fill(world: DemoWorld) -> None:
    """Count, freeze and publish as the town's staff would."""
    kernel, place = world.kernel, world.places["compound"].code
    await count_due(kernel)
    past = Period.containing(kernel.clock.now().date(), PeriodKind.QUARTER).shifted(-2)
    release = await world.perform(freeze_period, "town", community=place, period=past.code)
    await world.perform(publish_release, "town", id=release)
    figures = await kernel.database.fetch(
        "SELECT id, denominator, numerator FROM data_figure WHERE release_id = ? AND denominator > numerator",
        (release,),
    )
    for row in figures[:1]:
        more = {"numerator": str(row["numerator"] + 1), "denominator": str(row["denominator"])}
        await world.perform(
            correct_figure, "town", id=release, figure=row["id"], reason="补录一户漏登记的业主。", **more
        )
    other = await world.perform(freeze_period, "town", community=place, period=past.shifted(-1).code)
    await world.perform(discard_release, "town", id=other, reason="请各社区再核对一次。")
    await world.perform(freeze_period, "town", community=place, period=past.shifted(-2).code)
    await count_due(kernel)
