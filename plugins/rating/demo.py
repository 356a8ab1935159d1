"""The demo world's ratings: one open, one announced for later."""

from __future__ import annotations

from datetime import timedelta

from core.demo import DemoWorld
from plugins.rating.kinds import RatingScore, RatingSubject
from plugins.rating.service import cast_rating, open_rating


async def fill(world: DemoWorld) -> None:
    """Ask for two ratings; two people answer the open one."""
    place, now = world.places["compound"].code, world.kernel.clock.now()
    cleaning = await world.perform(
        open_rating, "staff", community=place, title="楼道保洁怎么样？", period=f"{now.year}年{now.month}月",
        kind=RatingSubject.SERVICE, subject="楼道保洁",
    )  # fmt: skip
    await world.perform(cast_rating, "resident", id=cleaning, score=RatingScore.SATISFIED)
    await world.perform(
        cast_rating, "tenant", id=cleaning, score=RatingScore.DISSATISFIED, reason="周末没有人清理电梯口。"
    )
    await world.perform(
        open_rating, "staff", community=place, title="物业服务公司的服务怎么样？", period=f"{now.year}年",
        kind=RatingSubject.PROVIDER, subject="示例物业服务公司", opens_at=now + timedelta(days=7),
    )  # fmt: skip
