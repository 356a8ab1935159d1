"""The demo world's notices: a meeting in three weeks, accounts, a stairwell's own notice, one withdrawn, one draft."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from core.demo import DemoWorld
from plugins.notices.rules import NoticeKind
from plugins.notices.service import (
    acknowledge_notice,
    answer_objection,
    draft_notice,
    object_to_notice,
    post_notice,
    withdraw_notice,
)  # fmt: skip

COMMITTEE = "示例花园01业主委员会"


async def fill(world: DemoWorld) -> None:
    """Draft, post, acknowledge, object to and withdraw notices as the cast would."""
    await _meeting(world)
    roll = await _post(
        world, "chair", NoticeKind.VOTER_ROLL, "业主名册公示", "现公示本小区业主名册，如有异议请在公示期内提出。"
    )
    objection = await world.perform(object_to_notice, "resident", id=roll, text="我家的建筑面积与房产证不一致。")
    await world.perform(
        answer_objection,
        "chair",
        id=roll,
        objection=objection,
        upheld=True,
        answer="已核对房产证，将予更正。谢谢提醒。",
    )
    await _post(
        world, "property", NoticeKind.SERVICE_INFORMATION, "物业服务内容与联系方式",
        "服务热线 12000000001，前台每日八点至二十点。", issuer="示例物业服务公司",
    )  # fmt: skip
    await _for_a_stairwell(world)
    wrong = await _post(world, "property", NoticeKind.GENERAL, "停水通知", "明日停水。", issuer="示例物业服务公司")
    await world.perform(withdraw_notice, "property", id=wrong, reason="供水公司改期，另行通知。")
    await _draft(world, "member", NoticeKind.GENERAL, "议事会记录（草稿）", "待主任审定。")


async def _meeting(world: DemoWorld) -> None:
    day = world.kernel.clock.now() + timedelta(days=21)
    meeting = await _post(
        world, "chair", NoticeKind.ASSEMBLY_MEETING, "关于召开业主大会会议的公告",
        "定于下述时间召开业主大会会议，审议电梯更新方案，请各位业主参加。",
        event_at=day.replace(hour=19, minute=30, second=0, microsecond=0), legal_basis="物业管理条例第十四条",
    )  # fmt: skip
    for key in ("resident", "tenant"):
        await world.perform(acknowledge_notice, key, id=meeting)


async def _for_a_stairwell(world: DemoWorld) -> None:
    await _post(
        world, "property", NoticeKind.GENERAL, "本单元电梯年检停梯半天", "周五上午八点至十二点停梯，请留意。",
        issuer="示例物业服务公司", is_public=False, audience=[world.places["stairwell"].code],
        display_until=world.kernel.clock.now() + timedelta(days=7),
    )  # fmt: skip


async def _post(world: DemoWorld, as_: str, kind: NoticeKind, title: str, body: str, **more: Any) -> int:
    key = await _draft(world, as_, kind, title, body, **more)
    await world.perform(post_notice, as_, id=key)
    return key


async def _draft(
    world: DemoWorld, as_: str, kind: NoticeKind, title: str, body: str, *, issuer: str = COMMITTEE,
    event_at: datetime | None = None, **more: Any,
) -> int:  # fmt: skip
    key: int = await world.perform(
        draft_notice, as_, community=world.places["compound"].code, kind=kind, title=title, body=body, issuer=issuer,
        event_at=event_at, **more,
    )  # fmt: skip
    return key
