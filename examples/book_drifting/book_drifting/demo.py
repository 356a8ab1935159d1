"""The demo world's drifting books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from book_drifting import service

if TYPE_CHECKING:
    from core.demo import DemoWorld

BOOKS = (("西游记", "吴承恩"), ("呐喊", "鲁迅"), ("城南旧事", "林海音"))


async def fill(world: DemoWorld) -> None:
    """Set up a stop, give three books, and let one drift once around."""
    code = world.places["compound"].code
    stop = await world.perform(
        service.book_drifting_add_stop, "chair", community=code, name="一号漂流点", location="架空层"
    )
    books = [
        await world.perform(
            service.book_drifting_give, "resident", community=code, title=title, written_by=by, stop=stop
        )
        for title, by in BOOKS
    ]
    await world.perform(service.book_drifting_borrow, "tenant", id=books[0])
    await world.perform(service.book_drifting_return, "tenant", id=books[0])
    await world.perform(service.book_drifting_review, "tenant", id=books[0], text="适合和孩子一起读。")
    await world.perform(service.book_drifting_borrow, "resident", id=books[1])
