"""GraphQL of ``book_drifting``."""

from datetime import datetime
from typing import Annotated

import strawberry

from book_drifting import models, service
from book_drifting.lifecycle import BOOK, KEEP, BookDriftingBookState
from core.access import ROW_PATH, ROW_PLACE, Sight, Where, either, holders, members, person
from schema.compose import Fragments
from schema.declared import column, computed, declared, extension, lookup, state_now, to_many, to_one
from schema.enums import graphql_enum
from schema.mutation import DeedInput, mutation, ref, text
from schema.node import Node
from schema.paging import NEWEST, OLDEST, Connection, Filter
from schema.types import Matter

graphql_enum(BookDriftingBookState)

BOOK_PATH = "(SELECT bm.path FROM core_matter bm WHERE bm.id = {t}.book_id)"
BOOK_PLACE = "(SELECT bm.community_id FROM core_matter bm WHERE bm.id = {t}.book_id)"


@declared(
    models.DriftStop,
    visible=either(members(place=ROW_PLACE), holders(KEEP, path=ROW_PATH, place=ROW_PLACE)),
    path=ROW_PATH,
)
class BookDriftingStop(Node):
    """A place where books stand."""

    name: str = column("What it is called.")
    location: str = column("How to find it.")
    books: Connection[Annotated["BookDriftingBook", strawberry.lazy("book_drifting.schema")]] = to_many(
        "BookDriftingBook", "{t}.stop_id", "The books that belong here, newest first.", order=NEWEST
    )


@declared(models.Loan, visible=person("{t}.borrower_id"), path=BOOK_PATH)
class BookDriftingLoan(Node):
    """A loan; seen by its borrower and by nobody else, whatever their office."""

    book: Annotated["BookDriftingBook", strawberry.lazy("book_drifting.schema")] | None = to_one(
        "BookDriftingBook", "{t}.book_id", "The book; null when you may no longer see it."
    )
    lent_at: datetime = column("Since when you have, or had, the book.")
    due_at: datetime = column("When it is, or was, due.")
    returned_at: datetime | None = column("When it came back; null while you have it.")


def mine(sight: Sight) -> Where:
    """Say whether a review is the viewer's own."""
    viewer = sight.viewer.person_id
    return Where("FALSE") if viewer is None else Where("{t}.reader_id = ?", (viewer,))


@declared(
    models.Review,
    visible=either(members(place=BOOK_PLACE), holders(KEEP, path=BOOK_PATH, place=BOOK_PLACE)),
    path=BOOK_PATH,
)
class BookDriftingReview(Node):
    """What a reader says to the next one; without a name, for who read what is nobody's business."""

    text: str = column("The note.")
    at: datetime = column("When it was left.")
    is_mine: bool = column("Whether you left it.", mine, convert=bool)


@declared(models.Book, matter=BOOK)
class BookDriftingBook(Matter):
    """A book that drifts from neighbour to neighbour; `author` is who gave it, `writtenBy` who wrote it."""

    state: BookDriftingBookState = state_now(BookDriftingBookState)
    written_by: str = column("Who wrote it.")
    stop: BookDriftingStop | None = to_one("BookDriftingStop", "{t}.stop_id", "Where it belongs.")
    reviews: Connection[BookDriftingReview] = to_many(
        "BookDriftingReview", "{t}.book_id", "What readers said, oldest first.", order=OLDEST
    )
    loan_count: int | None = column(
        "How often it was borrowed; for those who keep the shelf.",
        "(SELECT COUNT(*) FROM book_drifting_loan bl WHERE bl.book_id = {t}.matter_id)", allowed=holders(KEEP),
    )  # fmt: skip
    review_count: int = computed(
        "(SELECT COUNT(*) FROM book_drifting_review br WHERE br.book_id = {t}.matter_id)",
        "How many notes readers left.",
    )


@extension("Community")
class CommunityBookDrifting:
    """What ``book_drifting`` adds to a community."""

    book_drifting_stops: Connection[BookDriftingStop] = to_many(
        "BookDriftingStop", "{t}.community_id", "The stops of this place, oldest first.", order=OLDEST
    )
    book_drifting_books: Connection[BookDriftingBook] = to_many(
        "BookDriftingBook", "{m}.community_id", "The books of this place, newest first.", order=NEWEST,
        filters={"title": Filter(str, "{m}.title = ?", "Only with exactly this title.")},
    )  # fmt: skip


@strawberry.type
class BookDriftingQuery:
    """Root queries of ``book_drifting``."""

    book_drifting_book: BookDriftingBook | None = lookup(
        "BookDriftingBook", "The book with this id; null when there is none or you may not see it."
    )

    @strawberry.field(description="Your own loans, newest first; nobody else can ask for them.")
    async def book_drifting_my_loans(
        self,
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="How many items, at most 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = None,
    ) -> Connection[BookDriftingLoan]:
        found: Connection[BookDriftingLoan] = await info.context.reading.page(
            "BookDriftingLoan", info, order=NEWEST, first=first, after=after
        )
        return found


@strawberry.input(description="A place for books.")
class BookDriftingAddStopInput(DeedInput):
    """A place for books."""

    community: strawberry.ID = text("The code of the place.")
    name: str = text("What it is called, up to 60 characters.")
    location: str = text("How to find it.", default="")


@strawberry.input(description="A book to give.")
class BookDriftingGiveInput(DeedInput):
    """A book to give."""

    community: strawberry.ID = text("The code of the place whose book it becomes.")
    title: str = text("Its title, up to 120 characters.")
    written_by: str = text("Who wrote it.", default="")
    stop: strawberry.ID = ref("BookDriftingStop", "Where it stands.")


@strawberry.input(description="A book.")
class BookDriftingBookInput(DeedInput):
    """A book."""

    id: strawberry.ID = ref("BookDriftingBook", "The book.")


@strawberry.input(description="A book that comes back.")
class BookDriftingReturnInput(DeedInput):
    """A book that comes back."""

    id: strawberry.ID = ref("BookDriftingBook", "The book.")
    stop: strawberry.ID | None = ref("BookDriftingStop", "Where it is put, if not where it came from.", optional=True)


@strawberry.input(description="A note on a book.")
class BookDriftingReviewInput(DeedInput):
    """A note on a book."""

    id: strawberry.ID = ref("BookDriftingBook", "The book.")
    text: str = text("What you would like to tell the next reader, up to 300 characters.")


@strawberry.type
class BookDriftingMutation:
    """Mutations of ``book_drifting``."""

    book_drifting_add_stop = mutation(service.book_drifting_add_stop, BookDriftingAddStopInput, "BookDriftingStop")
    book_drifting_give = mutation(service.book_drifting_give, BookDriftingGiveInput, "BookDriftingBook")
    book_drifting_borrow = mutation(service.book_drifting_borrow, BookDriftingBookInput, "BookDriftingBook")
    book_drifting_return = mutation(service.book_drifting_return, BookDriftingReturnInput, "BookDriftingBook")
    book_drifting_retire = mutation(service.book_drifting_retire, BookDriftingBookInput, "BookDriftingBook")
    book_drifting_review = mutation(service.book_drifting_review, BookDriftingReviewInput, "BookDriftingReview")


FRAGMENTS = Fragments(
    types=(BookDriftingBook, BookDriftingStop, BookDriftingLoan, BookDriftingReview),
    extends={"Community": CommunityBookDrifting, "Query": BookDriftingQuery, "Mutation": BookDriftingMutation},
)
