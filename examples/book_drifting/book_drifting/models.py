"""Tables of ``book_drifting``."""

from __future__ import annotations

from tortoise import fields
from tortoise.fields import RESTRICT
from tortoise.fields.relational import ForeignKeyRelation, OneToOneRelation
from tortoise.models import Model

from core.fields import InstantField
from core.ids import new_id
from core.models import Community, Matter, Person, anchor


class DriftStop(Model):
    """A place where books stand: a hall, a pavilion, the landing of a stairwell."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community")
    name = fields.CharField(60)
    location = fields.CharField(200, default="")
    added_at = InstantField()

    class Meta:
        table = "book_drifting_stop"


class Book(Model):
    """A book; its title, state, giver and community are those of its matter."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    written_by = fields.CharField(120, default="")
    stop: ForeignKeyRelation[DriftStop] = anchor("book_drifting.DriftStop")

    class Meta:
        table = "book_drifting_book"


class Loan(Model):
    """Somebody has, or had, a book; many rows, read by their borrower only."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    book: ForeignKeyRelation[Matter] = anchor("core.Matter")
    borrower: ForeignKeyRelation[Person] = anchor("core.Person", db_index=False)
    lent_at = InstantField()
    due_at = InstantField()
    reminded_at = InstantField(null=True)
    returned_at = InstantField(null=True)

    class Meta:
        table = "book_drifting_loan"
        indexes = (("borrower_id", "id"), ("reminded_at", "due_at"))


class Review(Model):
    """What a reader says to the next one."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    book: ForeignKeyRelation[Matter] = anchor("core.Matter")
    reader: ForeignKeyRelation[Person] = anchor("core.Person")
    text = fields.CharField(300)
    at = InstantField()

    class Meta:
        table = "book_drifting_review"
        unique_together = (("book", "reader"),)


__models__ = [DriftStop, Book, Loan, Review]
