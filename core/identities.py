"""Who a token stands for: one of ours for its session, one of a provider outside for the account linked to its subject.

An account is linked by its holder, who is signed in by password and brings a token of the provider: that proves both
sides. Nothing is ever linked by a name, a number or an e-mail address that a token tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from core import errors
from core._db.seam import Tx
from core.access import Viewer
from core.accounts import leave, viewer_of
from core.clock import from_wire, to_wire
from core.errors import Conflict, Invalid, Problem, Unauthenticated
from core.ids import new_id
from core.providers import OutsideClaims
from core.tokens import read_access_token
from core.viewers import load_viewer

if TYPE_CHECKING:
    from core.kernel import Kernel

NOT_LINKED = Problem(
    Unauthenticated, "core.identity_not_linked",
    "此身份尚未绑定账号。请先用密码登录，再用 linkIdentity 绑定。",
    "This identity is linked to no account. Sign in with your password once and call linkIdentity.",
)  # fmt: skip
NO_PROVIDER = Problem(
    Invalid, "core.no_provider", "本服务未配置外部身份提供方。", "This server has no identity provider."
)
IDENTITY_TAKEN = Problem(
    Conflict, "core.identity_taken", "此身份已绑定其他账号。请先在那个账号下解除绑定。",
    "This identity is linked to another account. Unlink it there first.",
)  # fmt: skip
ALREADY_LINKED = Problem(
    Conflict, "core.account_linked", "您的账号已绑定该提供方的另一个身份。请先解除绑定。",
    "Your account is linked to another identity of this provider. Unlink that one first.",
)  # fmt: skip
PROBLEMS = (NOT_LINKED, NO_PROVIDER, IDENTITY_TAKEN, ALREADY_LINKED)


async def recogniser(kernel: Kernel, token: str, language: str) -> Callable[[], Awaitable[Viewer]]:
    """Check a token and return what tells, whenever asked, whom it stands for at that moment.

    Raises:
        DomainError: TOKEN_EXPIRED, TOKEN_INVALID.
        ProviderUnavailable: the provider's keys cannot be read.
    """
    provider = kernel.provider
    if provider is not None and provider.signed(token):
        return partial(_linked, kernel, await provider.read(token, kernel.clock.now()), language)
    return partial(viewer_of, kernel, read_access_token(kernel, token, kernel.clock.now()), language)


async def _linked(kernel: Kernel, claims: OutsideClaims, language: str) -> Viewer:
    row = await kernel.database.fetch(
        "SELECT a.id, a.person_id FROM core_identity i JOIN core_account a ON a.id = i.account_id "
        "WHERE i.issuer = ? AND i.subject = ?",
        (claims.issuer, claims.subject),
    )
    now = kernel.clock.now()
    viewer = row and await load_viewer(
        kernel.database, row[0]["person_id"], row[0]["id"], now=now, language=language, expires_at=claims.expires_at
    )  # fmt: skip
    if not viewer:
        raise NOT_LINKED()
    return viewer


async def identities_of(kernel: Kernel, viewer: Viewer) -> list[tuple[str, datetime]]:
    """Return the providers whose identity is linked to a viewer's account, and since when."""
    rows = await kernel.database.fetch(
        "SELECT issuer, linked_at FROM core_identity WHERE account_id = ? ORDER BY linked_at, id", (viewer.account_id,)
    )
    return [(row["issuer"], from_wire(row["linked_at"])) for row in rows]


async def link_identity(kernel: Kernel, viewer: Viewer, token: str) -> None:
    """Link the identity that a provider's token proves to one's own account; again is as good as once.

    Raises:
        DomainError: NOT_SIGNED_IN unless signed in by password, NO_PROVIDER, TOKEN_EXPIRED, TOKEN_INVALID,
            IDENTITY_TAKEN, ALREADY_LINKED.
    """
    account = _by_password(viewer)
    if kernel.provider is None:
        raise NO_PROVIDER()
    claims = await kernel.provider.read(token, kernel.clock.now())

    async def link(tx: Tx) -> None:
        rows = await tx.fetch(
            "SELECT account_id, subject FROM core_identity WHERE issuer = ? AND (subject = ? OR account_id = ?)",
            (claims.issuer, claims.subject, account),
        )
        if any(row["account_id"] != account for row in rows):
            raise IDENTITY_TAKEN(path=("input", "token"))
        if any(row["subject"] != claims.subject for row in rows):
            raise ALREADY_LINKED(path=("input", "token"))
        if rows:
            return
        now = kernel.clock.now()
        await tx.execute(
            "INSERT INTO core_identity (id, account_id, issuer, subject, linked_at) VALUES (?, ?, ?, ?, ?)",
            (new_id(), account, claims.issuer, claims.subject, to_wire(now)),
        )
        await leave(tx, now, "core.link_identity", viewer.person_id, issuer=claims.issuer)

    await kernel.database.run(link)
    kernel.committed()


async def unlink_identity(kernel: Kernel, viewer: Viewer, issuer: str) -> None:
    """Take the link to a provider away; its tokens stand for nobody from then on.

    Raises:
        DomainError: NOT_SIGNED_IN unless signed in by password; NOT_FOUND.
    """
    account = _by_password(viewer)

    async def unlink(tx: Tx) -> None:
        if not await tx.execute("DELETE FROM core_identity WHERE account_id = ? AND issuer = ?", (account, issuer)):
            raise errors.NOT_FOUND(path=("input", "issuer"), what=issuer[:100])
        await leave(tx, kernel.clock.now(), "core.unlink_identity", viewer.person_id, issuer=issuer)

    await kernel.database.run(unlink)
    kernel.committed()


def _by_password(viewer: Viewer) -> int:
    """Return the account of a viewer who signed in here; a provider's token must not change what it may stand for."""
    if viewer.account_id is None or viewer.session is None:
        raise errors.NOT_SIGNED_IN()
    return viewer.account_id
