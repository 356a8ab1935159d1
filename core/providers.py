"""Access tokens of an identity provider outside: this server as a resource server of OpenID Connect.

Whoever signs in at the provider brings its access token (RFC 9068) instead of ours. Such a token is taken only if the
configured provider signed it for this server: its signature by one of the provider's present keys and an asymmetric
algorithm, its type, issuer, audience and times. An ID token, which is made for a client and not for us, fails by its type
and audience; a token bound to a key of its sender (``cnf``) fails, because that binding is not checked here.

The provider's keys come from its published set. They are asked for anew every hour, and when a token names a key that is
not among them, but never more often than every thirty seconds, whatever tokens come. While the provider is away the known
keys go on for a day.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet

from core.clock import CHINA
from core.config import Config, safe_address
from core.database import StorageUnavailable
from core.outbound import call
from core.tokens import CLOCK_SKEW, TOKEN_EXPIRED, TOKEN_INVALID

LOG = logging.getLogger("shanzhi.provider")

ALGORITHMS = ("RS256", "PS256", "ES256", "Ed25519")
MAX_TOKEN = 16 * 1024
MAX_ANSWER = 256 * 1024
MAX_KEYS = 50
MAX_SUBJECT = 255
FETCH_SECONDS = 5
FRESH_SECONDS = 3600
PAUSE_SECONDS = 30
STALE_SECONDS = 24 * 3600


class ProviderUnavailable(StorageUnavailable):
    """The provider's keys cannot be read, and none are known: nobody can say yet whether a token is good."""


@dataclass(frozen=True)
class OutsideClaims:
    """What a valid token of the provider says: who, as the provider calls them, and until when."""

    issuer: str
    subject: str
    expires_at: datetime


class Provider:
    """The identity provider whose tokens this server takes."""

    def __init__(self, config: Config) -> None:
        self.issuer = config.oidc_issuer or ""
        self._audience = config.oidc_audience or ""
        self._types = {"at+jwt", "application/at+jwt", config.oidc_token_type.lower()}
        self._address = config.oidc_jwks_url
        self._keys: dict[str, dict[str, Any]] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    def signed(self, token: str) -> bool:
        """Say whether a token claims to be this provider's; that says nothing of whether it is."""
        return _claimed_issuer(token) == self.issuer

    async def read(self, token: str, now: datetime) -> OutsideClaims:
        """Check a token.

        Raises:
            DomainError: TOKEN_EXPIRED or TOKEN_INVALID.
            ProviderUnavailable: no keys are known and the provider does not answer.
        """
        key = await self._key_of(token)
        if key is None:
            raise TOKEN_INVALID()
        try:
            read = jwt.decode(token, KeySet.import_key_set({"keys": [key]}), algorithms=list(ALGORITHMS))
            if str(read.header.get("typ", "")).lower() not in self._types or "cnf" in read.claims:
                raise TOKEN_INVALID()
            self._registry(int(now.timestamp())).validate(read.claims)
            subject = read.claims["sub"]
            if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
                raise TOKEN_INVALID()
            ends = datetime.fromtimestamp(read.claims["exp"], UTC).astimezone(CHINA)
            return OutsideClaims(self.issuer, subject, ends)
        except ExpiredTokenError:
            raise TOKEN_EXPIRED() from None
        except (JoseError, ValueError, TypeError, OverflowError):
            raise TOKEN_INVALID() from None

    def _registry(self, second: int) -> jwt.JWTClaimsRegistry:
        required: dict[str, jwt.ClaimsOption] = {name: {"essential": True} for name in ("sub", "iat", "exp")}
        return jwt.JWTClaimsRegistry(
            second,
            CLOCK_SKEW,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._audience},
            **required,
        )

    async def _key_of(self, token: str) -> dict[str, Any] | None:
        """Return the key that a token names, asking the provider if that may help; None when it has no such key."""
        header = _part(token, 0)
        name = header.get("kid")
        if not isinstance(name, str) or header.get("alg") not in ALGORITHMS:
            return None
        if name not in self._keys or time.monotonic() - self._fetched_at > FRESH_SECONDS:
            await self._ask()
        if time.monotonic() - self._fetched_at > STALE_SECONDS:
            raise ProviderUnavailable(f"{self.issuer} has not told its keys")
        return self._keys.get(name)

    async def _ask(self) -> None:
        """Read the provider's keys, at most every thirty seconds; what went wrong is logged."""
        async with self._fetching:
            if time.monotonic() - self._tried_at < PAUSE_SECONDS:
                return
            self._tried_at = time.monotonic()
            try:
                self._keys = await asyncio.to_thread(self._fetch)
                self._fetched_at = time.monotonic()
            except (OSError, HTTPException, ValueError, TypeError, KeyError) as error:
                LOG.warning("the keys of %s cannot be read: %r", self.issuer, error)

    def _fetch(self) -> dict[str, dict[str, Any]]:
        address = self._address or self._discovered()
        return _usable(_get(address))

    def _discovered(self) -> str:
        told = _get(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if told.get("issuer") != self.issuer:
            raise ValueError(f"the document says that it is of {str(told.get('issuer'))[:200]}")
        return safe_address(str(told["jwks_uri"]))


def _usable(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the keys of a set by name: public ones for signatures; what we do not know is left out."""
    found: dict[str, dict[str, Any]] = {}
    for key in told["keys"][:MAX_KEYS]:
        known = isinstance(key, dict) and key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use", "sig") == "sig"
        if known and isinstance(key.get("kid"), str):
            public = {name: value for name, value in key.items() if name in _PUBLIC}
            try:
                KeySet.import_key_set({"keys": [public]})
            except (JoseError, ValueError, TypeError) as error:
                LOG.warning("a key of the provider is left out: %r", error)
                continue
            if key["kty"] != "RSA" or len(str(key.get("n", ""))) >= 2048 // 6:
                found[key["kid"]] = public
    return found


_PUBLIC = frozenset({"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"})


def _get(address: str) -> dict[str, Any]:
    found = json.loads(
        call(
            safe_address(address), seconds=FETCH_SECONDS, most_bytes=MAX_ANSWER, headers={"Accept": "application/json"}
        )
    )
    if not isinstance(found, dict):
        raise TypeError(f"{address} answers with no JSON object")
    return found


def _claimed_issuer(token: str) -> str | None:
    found = _part(token, 1).get("iss")
    return found if isinstance(found, str) else None


def _part(token: str, number: int) -> dict[str, Any]:
    """Return a part of a token, unchecked; nothing of what is no token, or longer than any token is."""
    parts = token.split(".", 3)
    if len(token) > MAX_TOKEN or len(parts) != 3:
        return {}
    try:
        text = parts[number]
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
