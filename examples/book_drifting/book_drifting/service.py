"""The deeds of ``book_drifting``."""

from __future__ import annotations

from datetime import timedelta

from book_drifting import problems
from book_drifting.lifecycle import BOOK, KEEP
from book_drifting.settings import BookDriftingSettings
from core.clock import to_wire
from core.ids import new_id
from core.plugin import Act, check_text, deed


@deed(KEEP)
async def book_drifting_add_stop(act: Act, *, name: str, location: str = "") -> int:
    """Set up a place where books stand."""
    key = new_id()
    await act.tx.execute(
        "INSERT INTO book_drifting_stop (id, community_id, name, location, added_at) VALUES (?, ?, ?, ?, ?)",
        (
            key,
            act.place.id,
            check_text(name, "name", most=60),
            check_text(location, "location", least=0),
            to_wire(act.now),
        ),
    )
    act.note(stop=key)
    return key


@deed("book_drifting.give_book", opens=BOOK)
async def book_drifting_give(act: Act, *, title: str, stop: int, written_by: str = "") -> int:
    """Give a book to the neighbourhood: it stands at a stop and may be borrowed."""
    await _check_stop(act, stop)
    key = await act.open(BOOK, check_text(title, "title", most=120))
    await act.tx.execute(
        "INSERT INTO book_drifting_book (matter_id, written_by, stop_id) VALUES (?, ?, ?)",
        (key, check_text(written_by, "writtenBy", least=0, most=120), stop),
    )
    act.emit("book_drifting.book_given", state=BOOK.initial.value)
    return key


async def _check_stop(act: Act, stop: int) -> None:
    found = await act.tx.value("SELECT community_id FROM book_drifting_stop WHERE id = ?", (stop,))
    if found != act.place.id:
        raise problems.NO_SUCH_STOP(path=("input", "stop"))


@deed(on=BOOK, step="book_drifting_borrow")
async def book_drifting_borrow(act: Act) -> int:
    """Borrow a book from the shelf; only the borrower ever sees who has it."""
    settings = act.settings(BookDriftingSettings)
    count = await act.tx.value(
        "SELECT COUNT(*) FROM book_drifting_loan WHERE borrower_id = ? AND returned_at IS NULL", (act.person_id,)
    )
    if count >= settings.most_open_loans:
        raise problems.TOO_MANY_LOANS(count=count)
    await act.tx.execute(
        "INSERT INTO book_drifting_loan (id, book_id, borrower_id, lent_at, due_at) VALUES (?, ?, ?, ?, ?)",
        (
            new_id(),
            act.matter.id,
            act.person_id,
            to_wire(act.now),
            to_wire(act.now + timedelta(days=settings.loan_days)),
        ),
    )
    return act.matter.id


@deed(on=BOOK, step="book_drifting_return")
async def book_drifting_return(act: Act, *, stop: int | None = None) -> int:
    """Bring a book back, to the stop it came from or to another one of this place."""
    loan = await act.tx.one(
        "SELECT id, borrower_id FROM book_drifting_loan WHERE book_id = ? AND returned_at IS NULL", (act.matter.id,)
    )
    if loan is None or loan["borrower_id"] != act.actor.person_id:
        _check_keeper(act)
    if stop is not None:
        await _check_stop(act, stop)
        await act.tx.execute("UPDATE book_drifting_book SET stop_id = ? WHERE matter_id = ?", (stop, act.matter.id))
    await act.tx.execute(
        "UPDATE book_drifting_loan SET returned_at = ? WHERE book_id = ? AND returned_at IS NULL",
        (to_wire(act.now), act.matter.id),
    )
    return act.matter.id


def _check_keeper(act: Act) -> None:
    """Refuse whoever neither has the book nor keeps the shelf; which of the two is not told."""
    if act.actor.system is None and not any(grant.covers(KEEP, act.place) for grant in act.actor.grants):
        raise problems.NOT_THE_BORROWER()


@deed(on=BOOK, step="book_drifting_retire")
async def book_drifting_retire(act: Act) -> int:
    """Take a book out of the drift: its giver, or whoever keeps the shelf. A lost one is returned first."""
    return act.matter.id


@deed(on=BOOK, step="book_drifting_review")
async def book_drifting_review(act: Act, *, text: str) -> int:
    """Leave a note for the next reader, once; it is shown without a name."""
    read = await act.tx.value(
        "SELECT id FROM book_drifting_loan WHERE book_id = ? AND borrower_id = ? AND returned_at IS NOT NULL LIMIT 1",
        (act.matter.id, act.person_id),
    )
    if read is None:
        raise problems.NOT_READ()
    key = new_id()
    added = await act.tx.execute(
        "INSERT INTO book_drifting_review (id, book_id, reader_id, text, at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (book_id, reader_id) DO NOTHING",
        (key, act.matter.id, act.person_id, check_text(text, "text", most=300), to_wire(act.now)),
    )
    if added != 1:
        raise problems.ALREADY_REVIEWED()
    return key


@deed(on=BOOK, step="book_drifting_remind")
async def book_drifting_remind(act: Act) -> int:
    """Tell the borrower, and nobody else, that the book is due (done by the system, once per loan)."""
    loan = await act.tx.one(
        "SELECT id, borrower_id, due_at FROM book_drifting_loan "
        "WHERE book_id = ? AND returned_at IS NULL AND reminded_at IS NULL",
        (act.matter.id,),
    )
    if loan is not None:
        await act.tx.execute(
            "UPDATE book_drifting_loan SET reminded_at = ? WHERE id = ?", (to_wire(act.now), loan["id"])
        )
        act.emit("book_drifting.loan_due", person_id=loan["borrower_id"], due=loan["due_at"])
    return act.matter.id
