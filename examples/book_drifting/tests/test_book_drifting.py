"""Book drifting through the front door: who may what, who sees what, and what time does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import World

BOOK = "... on BookDriftingBook { id state loanCount stop { id name } reviews { nodes { text isMine } } }"
LOANS = "{ bookDriftingMyLoans { totalCount nodes { dueAt returnedAt book { title } } } }"


def code(world: World) -> str:
    """Return the code of the compound."""
    return world.demo.places["compound"].code


async def stop(world: World, name: str = "一号漂流点") -> str:
    """Set up a stop, as the chair; returns its id."""
    made = await world.do(
        "bookDriftingAddStop", {"community": code(world), "name": name}, "... on BookDriftingStop { id }", as_="chair"
    )
    return str(made["id"])


async def book(world: World, at: str, title: str = "西游记", as_: str = "resident") -> str:
    """Give a book; returns its id."""
    made = await world.do("bookDriftingGive", {"community": code(world), "title": title, "stop": at}, BOOK, as_=as_)
    assert made["state"] == "ON_SHELF"
    return str(made["id"])


async def act(world: World, verb: str, key: str, as_: str, **more: Any) -> Any:
    """Do something with a book."""
    shown = "... on BookDriftingReview { text isMine }" if verb == "Review" else BOOK
    return await world.do(f"bookDrifting{verb}", {"id": key, **more}, shown, as_=as_)


async def loans(world: World, as_: str) -> list[dict[str, Any]]:
    """Return somebody's own loans."""
    return list((await world.gql(LOANS, as_=as_)).data["bookDriftingMyLoans"]["nodes"])


async def test_a_book_drifts_from_shelf_to_reader_and_back(world: World) -> None:
    """Given at one stop, borrowed by a neighbour, it returns to another stop, with a note for the next reader."""
    first, second = await stop(world), await stop(world, "二号漂流点")
    key = await book(world, first)
    lent = await act(world, "Borrow", key, "tenant")
    assert (lent["state"], lent["loanCount"]) == ("LENT", None)
    assert (await loans(world, "tenant"))[0]["dueAt"] == "2026-04-01T09:00:00.000+08:00"
    back = await act(world, "Return", key, "tenant", stop=second)
    assert (back["state"], back["stop"]["name"]) == ("ON_SHELF", "二号漂流点")
    assert (await act(world, "Review", key, "tenant", text="好看"))["isMine"]
    seen = (await act(world, "Borrow", key, "resident"))["reviews"]["nodes"]
    assert seen == [{"text": "好看", "isMine": False}]


async def test_nobody_learns_who_borrows_what(world: World) -> None:
    """Loans are their borrower's alone: staff see how many there were, the feed says only that the book is lent."""
    key = await book(world, await stop(world))
    await act(world, "Borrow", key, "tenant")
    for person in ("chair", "staff", "resident", "auditor", "sysadmin"):
        assert await loans(world, person) == []
    (own,) = await loans(world, "tenant")
    assert own["book"] == {"title": "西游记"}
    query = f'{{ bookDriftingBook(id: "{key}") {{ state loanCount }} }}'
    shown = (await world.gql(query, as_="chair")).data["bookDriftingBook"]
    assert shown == {"state": "LENT", "loanCount": 1}
    assert (await world.gql(query)).data["bookDriftingBook"] is None
    changes = (await world.gql('{ changes(after: "0", first: 100) { changes { type payload } } }', as_="resident")).data
    text = str([c for c in changes["changes"]["changes"] if c["type"].startswith("book_drifting.")])
    assert "book_drifting.book_lent" in text
    assert str(world.demo.people["tenant"]) not in text


async def test_a_loan_cannot_be_fetched_by_its_id(world: World) -> None:
    """Knowing the id of another's loan gives nothing, also through the node field."""
    await act(world, "Borrow", await book(world, await stop(world)), "tenant")
    mine = (await world.gql("{ bookDriftingMyLoans { nodes { id } } }", as_="tenant")).data["bookDriftingMyLoans"]
    key = mine["nodes"][0]["id"]
    query = f'{{ node(id: "{key}") {{ id }} }}'
    assert (await world.gql(query, as_="tenant")).data["node"] == {"id": key}
    assert (await world.gql(query, as_="chair")).data["node"] is None


@pytest.mark.parametrize("person", ["staff", "chair"])
async def test_officers_do_not_borrow_as_such(world: World, person: str) -> None:
    """Borrowing belongs to those who live here; an office alone does not give it."""
    key = await book(world, await stop(world))
    refused = await act(world, "Borrow", key, person)
    assert refused["__typename"] == "NotAllowed"


async def test_outsiders_see_no_books(world: World) -> None:
    """To somebody from elsewhere the book does not exist."""
    key = await book(world, await stop(world))
    assert (await act(world, "Borrow", key, "stranger"))["__typename"] == "NotFound"


async def test_a_reader_has_three_books_at_most(world: World) -> None:
    """The fourth waits until one has come back; the community may set another number."""
    at = await stop(world)
    books = [await book(world, at, title) for title in "甲乙丙丁"]
    for key in books[:3]:
        assert (await act(world, "Borrow", key, "tenant"))["state"] == "LENT"
    refused = await act(world, "Borrow", books[3], "tenant")
    assert (refused["code"], "3" in refused["message"]) == ("book_drifting.too_many_loans", True)
    setting = {"community": code(world), "plugin": "book_drifting", "key": "most_open_loans", "value": "4"}
    await world.do("setSetting", setting, as_="staff")
    assert (await act(world, "Borrow", books[3], "tenant"))["state"] == "LENT"


async def test_a_lent_book_is_not_lent_twice(world: World) -> None:
    """The state says so, and what would be possible."""
    key = await book(world, await stop(world))
    await act(world, "Borrow", key, "tenant")
    assert (await act(world, "Borrow", key, "resident"))["code"] == "core.wrong_state"


async def test_only_the_borrower_or_a_keeper_returns(world: World) -> None:
    """A neighbour cannot end another's loan; whoever keeps the shelf can, when a book turns up."""
    key = await book(world, await stop(world))
    await act(world, "Borrow", key, "tenant")
    assert (await act(world, "Return", key, "resident"))["code"] == "book_drifting.not_the_borrower"
    assert (await act(world, "Return", key, "chair"))["state"] == "ON_SHELF"


async def test_a_stop_of_another_place_will_not_do(world: World) -> None:
    """A book stands where its community has a stop; the message names the field."""
    elsewhere = await world.do(
        "bookDriftingAddStop", {"community": world.demo.compounds[1].code, "name": "别处"},
        "... on BookDriftingStop { id }", as_="staff",
    )  # fmt: skip
    refused = await world.do(
        "bookDriftingGive", {"community": code(world), "title": "书", "stop": elsewhere["id"]}, as_="resident"
    )
    assert (refused["code"], refused["path"]) == ("book_drifting.no_such_stop", ["input", "stop"])


async def test_notes_come_from_readers_once(world: World) -> None:
    """Who has not read the book, or not returned it, leaves no note; nobody leaves two."""
    key = await book(world, await stop(world))
    assert (await act(world, "Review", key, "tenant", text="?"))["code"] == "book_drifting.not_read"
    await act(world, "Borrow", key, "tenant")
    assert (await act(world, "Review", key, "tenant", text="?"))["code"] == "book_drifting.not_read"
    await act(world, "Return", key, "tenant")
    assert (await act(world, "Review", key, "tenant", text="好"))["__typename"] == "BookDriftingReview"
    assert (await act(world, "Review", key, "tenant", text="又"))["code"] == "book_drifting.already_reviewed"


async def test_a_giver_takes_the_book_back(world: World) -> None:
    """From the shelf, the giver or a keeper retires a book; another reader does not."""
    key = await book(world, await stop(world))
    assert (await act(world, "Retire", key, "tenant"))["__typename"] == "NotAllowed"
    assert (await act(world, "Retire", key, "resident"))["state"] == "RETIRED"
    assert (await act(world, "Borrow", key, "tenant"))["code"] == "core.wrong_state"


async def reminders(world: World, as_: str) -> int:
    """Count the reminders in somebody's feed."""
    page = (await world.gql('{ changes(after: "0", first: 100) { changes { type } } }', as_=as_)).data["changes"]
    return sum(change["type"] == "book_drifting.loan_due" for change in page["changes"])


async def test_the_borrower_alone_is_reminded_once(world: World) -> None:
    """Three days before the due day, and never again for this loan."""
    await act(world, "Borrow", await book(world, await stop(world)), "tenant")
    world.clock.advance(days=26)
    await world.settle()
    assert await reminders(world, "tenant") == 0
    world.clock.advance(days=1)
    await world.settle()
    await world.settle()
    assert await reminders(world, "tenant") == 1
    for person in ("chair", "staff", "resident", "auditor"):
        assert await reminders(world, person) == 0


async def test_nobody_is_reminded_of_what_is_returned_or_switched_off(world: World) -> None:
    """A returned book needs no reminder; where the brand is off, it is silent."""
    at = await stop(world)
    first, second = await book(world, at, "甲"), await book(world, at, "乙")
    await act(world, "Borrow", first, "tenant")
    await act(world, "Return", first, "tenant")
    await act(world, "Borrow", second, "resident")
    await world.do("disablePlugin", {"community": code(world), "plugin": "book_drifting"}, as_="staff")
    world.clock.advance(days=40)
    await world.settle()
    assert (await reminders(world, "tenant"), await reminders(world, "resident")) == (0, 0)


async def test_a_reminder_cannot_be_sent_by_hand(world: World) -> None:
    """It is no mutation; the superset does not know the field."""
    errors = (await world.gql("mutation { bookDriftingRemind { __typename } }", as_="chair")).errors
    assert "bookDriftingRemind" in errors[0]["message"]
