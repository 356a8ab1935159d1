"""``Node``: every object with a global id, and finding one by it."""

import strawberry


@strawberry.interface(description="An object with a global id.")
class Node:
    """An object with a global id."""

    id: strawberry.ID = strawberry.field(description="Opaque global id; pass it back as it is.")
