"""The log for outsiders: signed heads, proofs, and what happened to a matter; over GraphQL and at plain addresses.

- ``/trace/head`` the latest signed head as text, ``/trace/head.json`` with the keys of the log
- ``/trace/heads/<size>`` one head, ``/trace/heads/<size>.svg`` its QR code for a notice
- ``/trace/consistency/<old>/<new>`` the proof that one head is the beginning of another
- ``/receipt`` a page that checks a receipt in the browser
"""

import io
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import segno
import strawberry
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from core import access, anchors, bundles, ledger, models
from core.clock import from_wire
from core.kernel import Kernel
from schema.declared import REGISTRY, computed, declared
from schema.node import Node
from schema.paging import OLDEST, Connection
from schema.policies import Guard, guarded
from schema.reading import visible_matters
from schema.types import TraceRecord

PAGE = Path(__file__).parent / "_assets" / "receipt.html"
PAGE_CSP = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'"
MOST_HEADS = 100
PUBLIC_HEADS = guarded(Guard.EVERYONE, "hashes over the whole log; strangers must be able to keep and compare them")


def followed(sight: access.Sight) -> access.Where:
    """Show the deeds of a matter to whoever sees the matter, but of deeds that many do at once only one's own.

    Who casts a ballot when would say who took part, in a small building also who: each sees one's own.
    """
    seen = visible_matters(sight)
    many = [deed for kind in sight.kinds.values() for deed in kind.common_deeds]
    shown = access.Where(
        f"EXISTS (SELECT 1 FROM core_matter m WHERE m.id = {{t}}.matter_id AND {seen.sql})", seen.params
    )
    if not many:
        return shown
    common = access.Where(f"{{t}}.deed NOT IN ({', '.join('?' * len(many))})", tuple(many))
    return shown & (common | own(sight))


def own(sight: access.Sight) -> access.Where:
    """Say whether the viewer did it; nobody can say so once the salt is erased."""
    return access.Where(
        "EXISTS (SELECT 1 FROM core_trace_salt s WHERE s.leaf_id = {t}.id AND s.person_id = ?)",
        (sight.viewer.person_id or 0,),
    )


@declared(models.TraceLeaf, visible=followed, name="TraceStep")
class TraceStep(Node):
    """One deed on a matter as everybody follows it who sees the matter: what, when, under which role; never who."""

    seq: str | None = computed("CAST({t}.seq AS VARCHAR(20))", "Its place in the log; null for a moment.")
    deed: str = computed("{t}.deed", "What was done, `plugin.verb`.")
    at: str = computed("{t}.at", "When.")
    leaf_hash: str = computed("{t}.leaf_hash", "The hash of its leaf, hex.")
    is_mine: bool = computed(
        lambda sight: access.Where(f"CASE WHEN {own(sight).sql} THEN 1 ELSE 0 END", own(sight).params),
        "Whether you did it.",
    )


@strawberry.type(description="A signed head of the log: keep it, and nobody can change what was before it unnoticed.")
class TraceHead:
    """A signed head of the log: keep it, and nobody can change what was before it unnoticed."""

    size: str = strawberry.field(description="How many leaves it covers.")
    root: str = strawberry.field(description="The root of the Merkle tree (RFC 9162), hex.")
    hash_name: str = strawberry.field(description="The hash of the tree.")
    note: str = strawberry.field(description="The head as signed text (C2SP checkpoint): this is what to keep.")
    reason: str = strawberry.field(description="Why it was made: time, leaves, or an event.")
    made_at: datetime = strawberry.field(description="When.")

    @strawberry.field(description="The note as a QR code, SVG, for a printed notice.")
    def qr_svg(self) -> str:
        return qr(self.note)


@strawberry.type(description="The proof that a leaf is under a signed head (RFC 9162).")
class InclusionProof:
    """The proof that a leaf is under a signed head (RFC 9162)."""

    seq: str = strawberry.field(description="The place of the leaf, from 1.")
    leaf_hash: str = strawberry.field(description="The hash of the leaf, hex.")
    hashes: list[str] = strawberry.field(description="The hashes on the way to the root, hex, lowest first.")
    head: TraceHead = strawberry.field(description="The head.")


@strawberry.type(description="The proof that one head is the beginning of another (RFC 9162).")
class ConsistencyProof:
    """The proof that one head is the beginning of another (RFC 9162)."""

    old: TraceHead = strawberry.field(description="The older head.")
    new: TraceHead = strawberry.field(description="The newer head.")
    hashes: list[str] = strawberry.field(description="The hashes, hex, in the order of RFC 9162.")


def qr(text: str) -> str:
    """Draw a text as a QR code, SVG."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", scale=4, xmldecl=False)
    return out.getvalue().decode()


def _head(found: ledger.Head) -> TraceHead:
    return TraceHead(
        size=str(found.size), root=found.root, hash_name=found.hash_name, note=found.note, reason=found.reason,
        made_at=from_wire(found.made_at),
    )  # fmt: skip


def _size(text: str) -> int:
    """Read a size; -1, which no head has, for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


Size = Annotated[str, strawberry.argument(description="The size of a head.")]
Leaf = Annotated[
    strawberry.ID,
    strawberry.argument(
        description="The id of a TraceStep or TraceRecord.", metadata={"names": "TraceStep, TraceRecord"}
    ),
]


@strawberry.type
class TraceQuery:
    """Root queries about the log."""

    @strawberry.field(
        description="The latest signed head of the log, or the one of a size; null when there is none.",
        metadata=PUBLIC_HEADS,
    )
    async def trace_head(
        self,
        info: strawberry.Info,
        size: Annotated[str | None, strawberry.argument(description="The size; the latest when left out.")] = None,
    ) -> TraceHead | None:
        found = await ledger.head(info.context.kernel.database, None if size is None else _size(size))
        return _head(found) if found else None

    @strawberry.field(description="Signed heads of the log, newest first, at most 100.", metadata=PUBLIC_HEADS)
    async def trace_heads(
        self,
        info: strawberry.Info,
        below: Annotated[str | None, strawberry.argument(description="Only those of a smaller size.")] = None,
        first: Annotated[int, strawberry.argument(description="How many, at most 100.")] = 20,
    ) -> list[TraceHead]:
        size = None if below is None else _size(below)
        return [
            _head(one)
            for one in await ledger.heads_before(info.context.kernel.database, size, max(0, min(first, MOST_HEADS)))
        ]

    @strawberry.field(
        description="What happened to a matter that you see, oldest first: what, when, never who. `isMine` tells your own."
    )
    async def trace(
        self,
        info: strawberry.Info,
        matter: Annotated[strawberry.ID, strawberry.argument(description="The matter.", metadata={"names": "Matter"})],
        first: Annotated[int, strawberry.argument(description="How many items, at most 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = None,
    ) -> Connection[TraceStep]:
        where = access.Where("{t}.matter_id = ?", (_key(matter),))
        return await info.context.reading.page("TraceStep", info, where=where, order=OLDEST, first=first, after=after)

    @strawberry.field(description="One leaf of the log with its text, for holders of core.read_trace.")
    async def trace_leaf(
        self, info: strawberry.Info, seq: Annotated[str, strawberry.argument(description="Its place, from 1.")]
    ) -> TraceRecord | None:
        return await info.context.reading.first_where("TraceRecord", access.Where("{t}.seq = ?", (_size(seq),)), info)

    @strawberry.field(
        description="The proof that a leaf you see is under a head; null until a head covers it.",
        metadata=guarded(Guard.CHECKED, "the leaf is chosen among those that the viewer sees"),
    )
    async def trace_inclusion(
        self,
        info: strawberry.Info,
        leaf: Leaf,
        size: Annotated[str | None, strawberry.argument(description="Of the head; the first that covers it.")] = None,
    ) -> InclusionProof | None:
        return await _inclusion(info, _key(leaf), size)

    @strawberry.field(
        description="The proof that the head of one size is the beginning of that of another; null without both.",
        metadata=PUBLIC_HEADS,
    )
    async def trace_consistency(self, info: strawberry.Info, old: Size, new: Size) -> ConsistencyProof | None:
        database = info.context.kernel.database
        before, now = await ledger.head(database, _size(old)), await ledger.head(database, _size(new))
        if before is None or now is None or before.size > now.size:
            return None
        hashes = await ledger.consistency(database, before.size, now)
        return ConsistencyProof(old=_head(before), new=_head(now), hashes=hashes)


def _key(value: strawberry.ID) -> int:
    digits = str(value).rpartition("_")[2]
    return _size(digits)


async def _inclusion(info: strawberry.Info, key: int, size: str | None) -> InclusionProof | None:
    """Prove a leaf to whoever may see it, as an auditor or as one who follows its matter."""
    context, database = info.context, info.context.kernel.database
    seen = REGISTRY["TraceStep"].seen(context.sight), REGISTRY["TraceRecord"].seen(context.sight)
    either = access.Where(
        " OR ".join(f"({one.sql.replace('{t}', 't')})" for one in seen), tuple(p for one in seen for p in one.params)
    )
    rows = await database.fetch(
        f"SELECT t.seq, t.leaf_hash FROM core_trace_leaf t WHERE t.id = ? AND ({either.sql})", (key, *either.params)
    )
    if not rows or rows[0]["seq"] is None:
        return None
    seq = rows[0]["seq"]
    head = await (ledger.head_over(database, seq) if size is None else ledger.head(database, _size(size)))
    if head is None or head.size < seq:
        return None
    hashes = await ledger.inclusion(database, seq, head)
    return InclusionProof(seq=str(seq), leaf_hash=rows[0]["leaf_hash"], hashes=hashes, head=_head(head))


# --- Plain addresses -------------------------------------------------------------------------------------------------

Endpoint = Callable[[Request], Awaitable[Response]]
_OPEN = {"X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}


def routes(kernel_of: Callable[[], Kernel]) -> list[Route]:
    """Return the plain addresses of the log; ``kernel_of`` gives the kernel once it is open."""

    async def latest(request: Request) -> Response:
        found = await ledger.head(kernel_of().database)
        return _text(found.note) if found else _missing("there is no head yet")

    async def latest_json(request: Request) -> Response:
        database = kernel_of().database
        found = await ledger.head(database)
        if found is None:
            return _missing("there is no head yet")
        return JSONResponse({"note": found.note, "keys": await bundles.keys(database)}, headers=_OPEN)

    async def one(request: Request) -> Response:
        name, _, kind = request.path_params["size"].partition(".")
        found = await ledger.head(kernel_of().database, _size(name))
        if found is None or kind not in ("", "svg"):
            return _missing("there is no such head")
        return Response(qr(found.note), media_type="image/svg+xml", headers=_OPEN) if kind else _text(found.note)

    async def consistent(request: Request) -> Response:
        database, old = kernel_of().database, _size(request.path_params["old"])
        new = await ledger.head(database, _size(request.path_params["new"]))
        if new is None or not 0 < old <= new.size:
            return _missing("there is no head of the newer size, or the older one is longer")
        return JSONResponse({"hashes": await ledger.consistency(database, old, new)}, headers=_OPEN)

    return [
        Route("/trace/head", latest), Route("/trace/head.json", latest_json), Route("/trace/heads/{size}", one),
        Route("/trace/consistency/{old}/{new}", consistent), Route("/receipt", receipt_page),
    ]  # fmt: skip


async def receipt_page(request: Request) -> Response:
    """Send the page that checks a receipt in the browser."""
    headers = {
        "Content-Security-Policy": PAGE_CSP,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(PAGE.read_text("utf-8"), headers=headers)


def _text(note: str) -> Response:
    return PlainTextResponse(note, headers=_OPEN)


def _missing(words: str) -> Response:
    return JSONResponse({"error": words}, status_code=404, headers=_OPEN)


async def state(kernel: Kernel) -> dict[str, Any]:
    """Return how the log and its anchors stand, for ``/readyz``."""
    found = await ledger.head(kernel.database)
    return {
        "head": found.size if found else 0,
        "altered": await ledger.altered(kernel.database),
        "anchors": [
            {
                "kind": one.kind,
                "size": one.size,
                "failures": one.failures,
                "error": one.last_error,
                "doneAt": one.done_at,
            }
            for one in await anchors.standing(kernel)
        ],
    }
