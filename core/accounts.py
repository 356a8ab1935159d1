"""Logins: sessions of short access tokens and rotating refresh tokens.

A session is a family of refresh tokens. Each works once and is swapped for the next; a token that comes a second time
was stolen or copied, so the whole family ends. One exception: mini-programs are put to sleep in the middle of requests
and then repeat them, so the *same* token is answered again for ten seconds, each time with a new sibling.

An access token lives 15 minutes, and counts only while its session has not ended, the password has not changed and the
account is not suspended: every use asks the database, in the same statement that loads the viewer.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core import errors, events, people, trace
from core._db.seam import Row, Tx
from core.access import TRUE, Viewer, decide, within
from core.clock import from_wire, to_wire
from core.errors import DomainError, NotAllowed, Problem, Unauthenticated
from core.events import EventType
from core.guesses import LOCKED_OUT, WINDOW, Guess, count_guess, forgive
from core.hierarchy import place_by_code
from core.ids import new_id
from core.passwords import (
    BAD_USERNAME,
    HASHER,
    UNKNOWN_HASH,
    WEAK_PASSWORD,
    check_password,
    check_username,
    hash_password,
    normalise_username,
    verify,
)  # fmt: skip
from core.people import HashedPassword
from core.tokens import TOKEN_EXPIRED, TOKEN_INVALID, Claims, make_access_token, read_access_token
from core.viewers import load_session_viewer

if TYPE_CHECKING:
    from core.kernel import Kernel

REFRESH_LIFE = timedelta(days=30)
SESSION_LIFE = timedelta(days=180)
RETRY_GRACE = timedelta(seconds=10)

EVENTS = (
    EventType("core.login_locked", "登录已锁定", "Signing in was locked after wrong guesses"),
    EventType("core.password_changed", "密码已修改", "The password was changed"),
    EventType("core.session_ended", "会话已终止", "A session was ended because its refresh token was used twice"),
)

BAD_CREDENTIALS = Problem(
    Unauthenticated, "core.bad_credentials", "用户名或密码不正确。", "The username or the password is wrong."
)
SUSPENDED = Problem(
    NotAllowed, "core.suspended", "账号已停用，请联系所在社区。",
    "This account is suspended. Ask the community's staff.",
)  # fmt: skip
SESSION_ENDED = Problem(
    Unauthenticated, "core.session_ended", "会话已结束，请重新登录。", "This session has ended. Sign in again."
)
TOKEN_REUSED = Problem(
    Unauthenticated, "core.token_reused", "刷新令牌被重复使用，为保护您的账号，会话已结束。请重新登录。",
    "This refresh token was used before. To protect the account the session was ended. Sign in again.",
)  # fmt: skip
SECURITY_EVENTS = frozenset({
    "core.login_refused", "core.login_locked", "core.refresh_reused", "core.change_password", "core.open_session",
    "core.end_session", "core.link_identity", "core.unlink_identity",
    "core.add_account", "core.suspend_account", "core.restore_account", "core.reset_password", "core.appoint",
    "core.end_appointment", "core.remove_plugin",
})  # fmt: skip
"""What the trace keeps for whoever watches over access, beside the deeds of plugins that take data out."""
PROBLEMS = (
    BAD_CREDENTIALS, LOCKED_OUT, SUSPENDED, TOKEN_EXPIRED, TOKEN_INVALID, SESSION_ENDED, TOKEN_REUSED, WEAK_PASSWORD,
    BAD_USERNAME,
)  # fmt: skip


@dataclass(frozen=True)
class SignedIn:
    """Whose session it is."""

    id: int
    name: str
    account_id: int


@dataclass(frozen=True, repr=False)
class Session:
    """What a client gets for its credentials; ``expires_at`` is the end of the access token."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    refresh_expires_at: datetime
    person: SignedIn


# --- signing in and out -----------------------------------------------------------------------------------------------


async def login(kernel: Kernel, username: str, password: str, address: str, language: str = "zh") -> Session:
    """Sign in. Every call is a guess that counts, for the account (known or not) and for the address it came from.

    Raises BAD_CREDENTIALS alike for unknown names and wrong passwords, LOCKED_OUT with ``retry_after``, and SUSPENDED
    to whoever knows the password.
    """
    name = normalise_username(username)
    guess = await kernel.database.run(lambda tx: count_guess(kernel, tx, name, address))
    account = guess.account
    matches = await verify(account["password_hash"] if account else UNKNOWN_HASH, password)
    if account is None or not matches:
        await kernel.database.run(lambda tx: _refuse(kernel, tx, guess))
        kernel.committed()
        raise BAD_CREDENTIALS()
    fresh = await hash_password(password) if HASHER.check_needs_rehash(account["password_hash"]) else None
    return await _commit(kernel, lambda tx: _admit(kernel, tx, guess, fresh))


async def refresh(kernel: Kernel, token: str) -> Session:
    """Swap a refresh token for a new session of the same family.

    Raises TOKEN_REUSED, and ends the family, when the token was swapped more than ten seconds ago; SESSION_ENDED when
    the session was ended or is too old; TOKEN_INVALID for anything else.
    """
    return await _commit(kernel, lambda tx: _rotate(kernel, tx, token))


async def logout(kernel: Kernel, token: str) -> None:
    """End the session of a refresh token, its access tokens included; an unknown token is as good as ended."""

    async def end(tx: Tx) -> None:
        row = await _find_token(tx, token)
        if row is not None and row["revoked_at"] is None:
            now = kernel.clock.now()
            await revoke(tx, "family", row["family"], now)
            await leave(tx, now, "core.logout", row["person_id"], session=str(row["family"]))

    await kernel.database.run(end)


async def authenticate(kernel: Kernel, bearer_token: str, language: str = "zh") -> Viewer:
    """Return the viewer of an access token; raises TOKEN_EXPIRED, TOKEN_INVALID or SESSION_ENDED."""
    return await viewer_of(kernel, read_access_token(kernel, bearer_token, kernel.clock.now()), language)


async def viewer_of(kernel: Kernel, claims: Claims, language: str = "zh") -> Viewer:
    """Return the viewer of a token that was read before, as they stand now; raises SESSION_ENDED.

    When the token itself ends is for whoever keeps the connection open to watch.
    """
    viewer = await load_session_viewer(
        kernel.database, await kernel.permissions(), claims.account_id, claims.session_version, claims.family,
        now=kernel.clock.now(), language=language, expires_at=claims.expires_at,
    )  # fmt: skip
    if viewer is None:
        raise SESSION_ENDED()
    return viewer


async def change_password(kernel: Kernel, viewer: Viewer, old: str, new: str) -> Session:
    """Change one's own password; every session of the account ends, and a new one is returned.

    A wrong old password is a guess like any other. Raises WEAK_PASSWORD before that counts.
    """
    if viewer.account_id is None:
        raise errors.NOT_SIGNED_IN()
    name = await kernel.database.value("SELECT username FROM core_account WHERE id = ?", (viewer.account_id,))
    check_password(new, name or "")
    guess = await kernel.database.run(lambda tx: count_guess(kernel, tx, name or "", None))
    account = guess.account
    if account is None or not await verify(account["password_hash"], old):
        await kernel.database.run(lambda tx: _refuse(kernel, tx, guess))
        kernel.committed()
        raise BAD_CREDENTIALS(path=("input", "oldPassword"))
    fresh = await hash_password(new)
    return await _commit(kernel, lambda tx: _replace_password(kernel, tx, guess, fresh))


async def access_token_for(kernel: Kernel, person_id: int) -> str:
    """Begin a session for a person with an account, without a password, and return its access token.

    For the command line, the demo and tests: whoever can call this holds the server's secret already. It is on the
    trace as ``core.open_session``. Raises NotFound when the person has no account, SUSPENDED when it is suspended.
    """

    async def begin(tx: Tx) -> Session | DomainError:
        account_id = await tx.value("SELECT id FROM core_account WHERE person_id = ? ORDER BY id LIMIT 1", (person_id,))
        if account_id is None:
            return errors.NOT_FOUND(what=f"account of Person_{person_id}")
        account = await _account(tx, account_id)
        if account["suspended_at"] is not None:
            return SUSPENDED()
        return await _begin(kernel, tx, account, kernel.clock.now(), "core.open_session")

    return (await _commit(kernel, begin)).access_token


# --- opening and resetting accounts: the hashing around the deeds of core.people --------------------------------------


async def add_account(
    kernel: Kernel,
    viewer: Viewer,
    *,
    community: str,
    person_id: int,
    username: str,
    password: str,
    key: str | None = None,
) -> int:
    """Open a person's account as a viewer who may; returns its key. Raises BAD_USERNAME and WEAK_PASSWORD."""
    asked = {"community": community, "person_id": person_id, "username": username, "password": password}
    made: int = await kernel.perform(people.add_account, viewer, key, **await with_hash(kernel, viewer, asked))
    return made


async def reset_password(
    kernel: Kernel, viewer: Viewer, *, community: str, account_id: int, password: str, key: str | None = None
) -> int:
    """Give somebody else's account a new password as a viewer who may; returns its key. Raises WEAK_PASSWORD."""
    asked = {"community": community, "account_id": account_id, "password": password}
    done: int = await kernel.perform(people.reset_password, viewer, key, **await with_hash(kernel, viewer, asked))
    return done


async def _may_hash(kernel: Kernel, viewer: Viewer, arguments: Mapping[str, Any]) -> None:
    """Raise unless a viewer may set passwords at the place they name: hashing is dear, and checking them tells names."""
    permission = "core.manage_people" if "username" in arguments else "core.manage_accounts"
    decide(viewer, permission, await place_by_code(kernel.database, arguments["community"])).enforce()


async def _username_within_reach(kernel: Kernel, viewer: Viewer, account_id: int) -> str:
    """Return the name of an account, which its password may not contain; nothing of one that is not the viewer's to reset."""
    reached = TRUE if viewer.system is not None else within("c.path", viewer.ranges("core.manage_accounts"))
    found = await kernel.database.value(
        "SELECT a.username FROM core_account a WHERE a.id = ? AND EXISTS (SELECT 1 FROM core_appointment p "
        f"JOIN core_community c ON c.id = p.community_id WHERE p.person_id = a.person_id AND {reached.sql})",
        (account_id, *reached.params),
    )
    return found or ""


async def with_hash(kernel: Kernel, viewer: Viewer, arguments: dict[str, Any]) -> dict[str, Any]:
    """Check and hash the password in the arguments of ``people.add_account`` or ``people.reset_password``.

    Raises BAD_USERNAME and WEAK_PASSWORD, and NotAllowed before both.
    """
    await _may_hash(kernel, viewer, arguments)
    if "username" in arguments:
        name = check_username(arguments["username"])
        arguments = {**arguments, "username": name}
    else:
        name = await _username_within_reach(kernel, viewer, arguments["account_id"])
    return {**arguments, "password": await _hash_for(kernel, arguments["password"], name)}


async def _hash_for(kernel: Kernel, password: str, username: str) -> HashedPassword:
    check_password(password, username)
    return HashedPassword(await hash_password(password), kernel.keys.sign("password fingerprint", password))


async def _refuse(kernel: Kernel, tx: Tx, guess: Guess) -> None:
    """Put a wrong guess on the trace, and tell the account's holder when it was the last before the lock."""
    now = kernel.clock.now()
    person_id = guess.account["person_id"] if guess.account else None
    await leave(tx, now, "core.login_refused", person_id)
    if guess.locks:
        await leave(tx, now, "core.login_locked", person_id, minutes=int(WINDOW.total_seconds() // 60))
        if person_id is not None:
            await _tell(tx, now, "core.login_locked", person_id)


# --- sessions ---------------------------------------------------------------------------------------------------------


async def _admit(kernel: Kernel, tx: Tx, guess: Guess, fresh_hash: str | None) -> Session | DomainError:
    """Begin a session, unless the account was suspended or its password changed while the guess was being checked."""
    now, account = kernel.clock.now(), await _lock_account(tx, guess)
    if account is None:
        return BAD_CREDENTIALS()
    await forgive(tx, guess)
    if account["suspended_at"] is not None:
        await leave(tx, now, "core.login_refused", account["person_id"], reason="suspended")
        return SUSPENDED()
    if fresh_hash is not None:
        await tx.execute("UPDATE core_account SET password_hash = ? WHERE id = ?", (fresh_hash, account["id"]))
    return await _begin(kernel, tx, account, now, "core.login")


async def _replace_password(kernel: Kernel, tx: Tx, guess: Guess, fresh_hash: str) -> Session | DomainError:
    now, account = kernel.clock.now(), await _lock_account(tx, guess)
    if account is None or account["suspended_at"] is not None:
        return SESSION_ENDED()
    await forgive(tx, guess)
    await tx.execute(
        "UPDATE core_account SET password_hash = ?, session_version = session_version + 1 WHERE id = ?",
        (fresh_hash, account["id"]),
    )
    await revoke(tx, "account_id", account["id"], now)
    await _tell(tx, now, "core.password_changed", account["person_id"])
    renewed = await _account(tx, account["id"])
    return await _begin(kernel, tx, renewed, now, "core.change_password")


async def _lock_account(tx: Tx, guess: Guess) -> Row | None:
    """Return the account of a guess as it is now; None when its password is no longer the one that was checked."""
    if guess.account is None:
        return None
    account = await _account(tx, guess.account["id"])
    return account if account["password_hash"] == guess.account["password_hash"] else None


async def _account(tx: Tx, account_id: int) -> Row:
    lock = f"{tx.for_update} OF a" if tx.for_update else ""
    [row] = await tx.fetch(
        "SELECT a.id, a.person_id, a.password_hash, a.session_version, a.suspended_at, p.name "
        f"FROM core_account a JOIN core_person p ON p.id = a.person_id WHERE a.id = ?{lock}",
        (account_id,),
    )
    return row


async def _begin(kernel: Kernel, tx: Tx, account: Row, now: datetime, deed: str) -> Session:
    """Begin a family of refresh tokens; its name is the key of its first token, whose revocation ends the session."""
    family = new_id()
    await leave(tx, now, deed, account["person_id"], session=str(family))
    return await _issue(kernel, tx, account, family, family, now, now + SESSION_LIFE)


async def _issue(
    kernel: Kernel, tx: Tx, account: Row, family: int, key: int, now: datetime, session_end: datetime
) -> Session:
    token, expires = secrets.token_urlsafe(32), min(now + REFRESH_LIFE, session_end)
    await tx.execute(
        "INSERT INTO core_refresh_token (id, account_id, family, token_hash, issued_at, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (key, account["id"], family, token_hash(token), to_wire(now), to_wire(expires)),
    )
    access_token, access_ends = make_access_token(kernel, account["id"], account["session_version"], family, now)
    person = SignedIn(account["person_id"], account["name"], account["id"])
    return Session(access_token, token, access_ends, expires, person)


async def _find_token(tx: Tx, token: str) -> Row | None:
    """Load a refresh token with its account and its family's beginning, all locked: a family changes in one order."""
    return await tx.one(
        "SELECT t.id, t.family, t.expires_at, t.used_at, t.revoked_at, a.id AS account_id, a.person_id, "
        "a.suspended_at, root.issued_at AS began_at "
        "FROM core_refresh_token t JOIN core_account a ON a.id = t.account_id "
        f"JOIN core_refresh_token root ON root.id = t.family WHERE t.token_hash = ?{tx.for_update}",
        (token_hash(token),),
    )


async def _rotate(kernel: Kernel, tx: Tx, token: str) -> Session | DomainError:
    now, row = kernel.clock.now(), await _find_token(tx, token)
    if row is None:
        return TOKEN_INVALID()
    if row["revoked_at"] is not None or row["suspended_at"] is not None or from_wire(row["expires_at"]) <= now:
        return SESSION_ENDED()
    if row["used_at"] is not None and now - from_wire(row["used_at"]) > RETRY_GRACE:
        await revoke(tx, "family", row["family"], now)
        await leave(tx, now, "core.refresh_reused", row["person_id"], session=str(row["family"]))
        await _tell(tx, now, "core.session_ended", row["person_id"])
        return TOKEN_REUSED()
    await tx.execute(
        "UPDATE core_refresh_token SET used_at = ? WHERE id = ? AND used_at IS NULL", (to_wire(now), row["id"])
    )
    account, session_end = await _account(tx, row["account_id"]), from_wire(row["began_at"]) + SESSION_LIFE
    return await _issue(kernel, tx, account, row["family"], new_id(), now, session_end)


async def revoke(tx: Tx, column: str, value: int, now: datetime) -> None:
    """End refresh tokens: those of a ``family`` or of an ``account_id``, and with its first one a whole session."""
    await tx.execute(
        f"UPDATE core_refresh_token SET revoked_at = ? WHERE {column} = ? AND revoked_at IS NULL", (to_wire(now), value)
    )


async def _commit(kernel: Kernel, work: Callable[[Tx], Any]) -> Session:
    """Run a transaction that must be kept even when its outcome is a refusal, and raise that refusal afterwards."""
    outcome: Session | DomainError = await kernel.database.run(work)
    kernel.committed()
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


async def leave(tx: Tx, now: datetime, deed: str, person_id: int | None, **details: Any) -> None:
    """Put a security event on the trace: who, as a salted digest, and what; neither names nor addresses."""
    await trace.append(
        tx, at=now, deed=deed, community_id=None, community_code=None, matter_id=None, person_id=person_id,
        acting_as="person", details=details,
    )  # fmt: skip


async def _tell(tx: Tx, now: datetime, type: str, person_id: int) -> None:
    await events.append(
        tx, at=now, type=type, community_id=None, path="", matter_id=None, person_id=person_id, payload={}
    )


async def forget_ended(kernel: Kernel) -> int:
    """Delete guesses that no longer count and tokens that no session needs; returns how many rows went. A sweep."""
    now = kernel.clock.now()

    async def forget(tx: Tx) -> int:
        guesses = await tx.execute("DELETE FROM core_login_failure WHERE at <= ?", (to_wire(now - WINDOW),))
        tokens = await tx.execute(
            "DELETE FROM core_refresh_token WHERE expires_at <= ? AND (id <> family OR NOT EXISTS (SELECT 1 "
            "FROM core_refresh_token live WHERE live.family = core_refresh_token.family AND live.expires_at > ?))",
            (to_wire(now), to_wire(now)),
        )
        return guesses + tokens

    return await kernel.database.run(forget)


def token_hash(token: str) -> str:
    """Return what of a refresh token is stored; it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
