"""The demo world's wishes: one in every stage that visitors of the wall, the screener and the two concerned meet."""

from __future__ import annotations

from typing import Any

from core.demo import DemoWorld
from core.work import DeedSpec
from plugins.wishes.kinds import Satisfaction
from plugins.wishes.rules import WishType
from plugins.wishes.service import (
    agree_claim,
    approve_wish,
    begin_wish,
    claim_wish,
    confirm_wish,
    deliver_wish,
    open_wish,
    publish_wish,
    rate_wish,
    refer_wish,
    submit_wish,
)  # fmt: skip

Stage = tuple[DeedSpec, str, dict[str, Any]]

SUBMITTED: tuple[Stage, ...] = ((submit_wish, "", {}),)
PUBLISHED: tuple[Stage, ...] = (*SUBMITTED, (approve_wish, "staff", {}), (publish_wish, "staff", {}))
CLAIMED: tuple[Stage, ...] = (
    *PUBLISHED, (claim_wish, "member", {"message": "我来帮忙", "contact": "电话 12000000002"}),
)  # fmt: skip
FULFILLED: tuple[Stage, ...] = (
    *PUBLISHED, (claim_wish, "chair", {"message": "家里有一副新的", "contact": "电话 12000000003"}), (agree_claim, "", {}),
    (begin_wish, "chair", {}), (deliver_wish, "chair", {}), (confirm_wish, "", {}),
    (rate_wish, "", {"satisfaction": Satisfaction.GLAD, "thanks": "看报清楚多了，谢谢！", "thanks_is_public": True}),
)  # fmt: skip


async def fill(world: DemoWorld) -> None:
    """Post wishes and bring each as far as it has come."""
    await _wish(world, "resident", "想要一副老花镜", "旧的摔坏了，看不清报纸。", WishType.GOODS, 8_000, FULFILLED)
    await _wish(world, "resident", "想学用手机挂号", "孩子不在身边，自己不会操作。", WishType.SKILL, 0, PUBLISHED)
    await _wish(world, "tenant", "想找人陪练普通话", "刚来这里，想和邻居多聊聊。", WishType.COMPANY, 0, CLAIMED)
    await _wish(world, "tenant", "周末借个地方给孩子过生日", "家里太小，来的小朋友多。", WishType.SPACE, 0, SUBMITTED)
    await _wish(
        world, "resident", "换一台旧风扇", "夏天太热。", WishType.GOODS, 20_000,
        (*SUBMITTED, (refer_wish, "staff", {"note": "可先申请临时救助，社区协助办理。"})),
    )  # fmt: skip
    await _wish(world, "tenant", "想要一个小书架", "还没想好尺寸。", WishType.GOODS, 15_000, ())


async def _wish(
    world: DemoWorld, author: str, title: str, story: str, type: WishType, value_fen: int, stages: tuple[Stage, ...]
) -> None:
    """Post a wish as one of the cast and take its stages; those without an actor are the author's own."""
    key = await world.perform(
        open_wish, author, community=world.places["compound"].code, title=title, story=story, type=type,
        alias="向阳花" if author == "resident" else "远方来客", value_fen=value_fen, building="1栋",
        address="示例花园01 1栋1单元（示例住址）",
    )  # fmt: skip
    for spec, actor, arguments in stages:
        await world.perform(spec, actor or author, id=key, **arguments)
