"""A schema whose mutation writes rows in Tortoise's own transactions, for the cancel storms."""

import strawberry
from tortoise import fields
from tortoise.models import Model
from tortoise.transactions import in_transaction


class Row(Model):
    """One write that was begun and ended."""

    id = fields.IntField(primary_key=True)
    text = fields.TextField()


@strawberry.type
class Query:
    """The queries."""

    hello: str = "world"


@strawberry.type
class Mutation:
    """The mutations."""

    @strawberry.mutation
    async def write(self, text: str) -> str:
        """Write a row in a transaction; the connection has one lock, as on every SQLite database."""
        async with in_transaction():
            await Row.create(text=text)
        return text


SCHEMA = strawberry.Schema(Query, Mutation)
