"""The life of a book: on the shelf, lent, on the shelf again, and one day retired.

Steps bear the plugin's name, since each is also the name of a mutation, and an installed plugin's must carry its own.
"""

from __future__ import annotations

from core.plugin import EventType, LabelledEnum, Lifecycle, Permission, Step, either, holders, members, person

_READERS = ("resident", "tenant", "owner")
_KEEPERS = ("building_captain", "committee_member", "committee_chair", "property_staff", "community_staff")

KEEP = "book_drifting.keep_shelf"
BORROW = "book_drifting.borrow_book"

PERMISSIONS = (
    Permission(KEEP, "管理漂流点", "Keep the shelves", roles=_KEEPERS),
    Permission("book_drifting.give_book", "捐书", "Give a book", roles=(*_READERS, *_KEEPERS)),
    Permission(BORROW, "借书", "Borrow a book", roles=_READERS),
    Permission("book_drifting.return_book", "还书", "Return a book", roles=(*_READERS, *_KEEPERS)),
)
EVENTS = (
    EventType("book_drifting.book_given", "有新书上架", "A book was given"),
    EventType("book_drifting.book_lent", "图书借出", "A book was lent"),
    EventType("book_drifting.book_returned", "图书归还", "A book was returned"),
    EventType("book_drifting.book_retired", "图书退出漂流", "A book was retired"),
    EventType("book_drifting.loan_due", "借阅即将到期", "A loan is due soon"),
)


class BookDriftingBookState(LabelledEnum):
    """Where a book is."""

    ON_SHELF = "ON_SHELF", "在架", "On the shelf", "It stands at its stop and may be borrowed."
    LENT = "LENT", "已借出", "Lent", "Somebody reads it."
    RETIRED = "RETIRED", "已退出", "Retired", "It drifts no more."


ON_SHELF, LENT, RETIRED = BookDriftingBookState

BOOK = Lifecycle(
    "book_drifting", "BOOK_DRIFTING_BOOK", BookDriftingBookState, ON_SHELF, type_name="BookDriftingBook",
    title_zh="漂流图书", title_en="Drifting book",
    visible=either(members(), holders(KEEP), person("{m}.author_id")),
    steps=[
        Step("book_drifting_borrow", {ON_SHELF}, LENT, permission=BORROW, event="book_drifting.book_lent", title_zh="借阅"),
        Step("book_drifting_return", {LENT}, ON_SHELF, permission="book_drifting.return_book",
             event="book_drifting.book_returned", title_zh="归还"),
        Step("book_drifting_retire", {ON_SHELF}, RETIRED, permission=KEEP, own=True,
             event="book_drifting.book_retired", title_zh="退出漂流"),
        Step("book_drifting_review", set(BookDriftingBookState), None, permission=BORROW, title_zh="留言"),
        Step("book_drifting_remind", {LENT}, None, title_zh="到期提醒"),
    ],
)  # fmt: skip
