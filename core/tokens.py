"""Access tokens: short-lived claims (HS256, ``at+jwt``) signed with a key derived from the server's secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeyParameters, KeySet, OctKey

from core.clock import CHINA
from core.errors import Problem, Unauthenticated
from core.keys import Key

if TYPE_CHECKING:
    from core.kernel import Kernel

ACCESS_LIFE = timedelta(minutes=15)
CLOCK_SKEW = 5  # seconds that the clocks of two servers may differ
AUDIENCE = "shanzhi-api"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068
ALGORITHM = "HS256"

TOKEN_EXPIRED = Problem(
    Unauthenticated, "core.token_expired", "访问令牌已过期，请用刷新令牌换取新的。",
    "The access token has expired. Call refresh with the refresh token.",
)  # fmt: skip
TOKEN_INVALID = Problem(
    Unauthenticated, "core.token_invalid", "令牌无效，请重新登录。", "The token is not valid. Sign in again."
)


@dataclass(frozen=True)
class Claims:
    """What a valid access token says."""

    account_id: int
    session_version: int
    family: int
    expires_at: datetime


def make_access_token(
    kernel: Kernel, account_id: int, session_version: int, family: int, now: datetime, life: timedelta = ACCESS_LIFE
) -> tuple[str, datetime]:
    """Sign an access token for a session; returns it with the moment of its end."""
    key, expires = kernel.keys.key("access token"), int((now + life).timestamp())
    claims: dict[str, Any] = {
        "iss": issuer(kernel), "aud": AUDIENCE, "sub": str(account_id), "sid": str(family), "sv": session_version,
        "iat": int(now.timestamp()), "exp": expires,
    }  # fmt: skip
    header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": key.id}
    token = jwt.encode(header, claims, OctKey.import_key(key.data), algorithms=[ALGORITHM])
    return token, datetime.fromtimestamp(expires, UTC).astimezone(CHINA)


def read_access_token(kernel: Kernel, token: str, now: datetime) -> Claims:
    """Check an access token's signature, type, issuer, audience and time; raises TOKEN_EXPIRED or TOKEN_INVALID."""
    try:
        read = jwt.decode(token, _key_set(kernel), algorithms=[ALGORITHM])
        if read.header.get("typ") != TOKEN_TYPE:
            raise TOKEN_INVALID()
        _registry(issuer(kernel), int(now.timestamp())).validate(read.claims)
        account_id, family, version = int(read.claims["sub"]), int(read.claims["sid"]), int(read.claims["sv"])
        return Claims(account_id, version, family, datetime.fromtimestamp(read.claims["exp"], UTC).astimezone(CHINA))
    except ExpiredTokenError:
        raise TOKEN_EXPIRED() from None
    except (JoseError, ValueError, TypeError, OverflowError):
        raise TOKEN_INVALID() from None


def issuer(kernel: Kernel) -> str:
    """Return who signs the access tokens."""
    return kernel.config.public_origin or "shanzhi"


def _key_set(kernel: Kernel) -> KeySet:
    return _imported(kernel.keys.keys("access token"))


@lru_cache(maxsize=4)
def _imported(keys: tuple[Key, ...]) -> KeySet:
    """Make joserfc's form of the keys, once: that takes as long as checking a token."""
    return KeySet([OctKey.import_key(key.data, _parameters(key.id)) for key in keys])


def _parameters(key_id: str) -> KeyParameters:
    return {"alg": ALGORITHM, "use": "sig", "kid": key_id}


@lru_cache(maxsize=4)
def _registry(who: str, second: int) -> jwt.JWTClaimsRegistry:
    """Make what checks claims, once a second."""
    required: dict[str, jwt.ClaimsOption] = {name: {"essential": True} for name in ("sub", "sid", "sv", "iat", "exp")}
    return jwt.JWTClaimsRegistry(
        second,
        CLOCK_SKEW,
        iss={"essential": True, "value": who},
        aud={"essential": True, "value": AUDIENCE},
        **required,
    )
