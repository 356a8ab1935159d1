"""What every baseline needs: where its database is, how it checks an access token, what time it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from joserfc import jwt
from joserfc.jwk import OctKey

from core.clock import CHINA, to_wire
from core.keys import Keyring
from core.tokens import ALGORITHM, AUDIENCE


@dataclass(frozen=True)
class Claims:
    """What an access token says: account, session and the version of the account's sessions."""

    account: int
    session: int
    version: int


@dataclass(frozen=True)
class Place:
    """The database and the secret of the world, as the environment names them."""

    url: str
    secret: str

    @classmethod
    def here(cls) -> Place:
        """Read the environment that our own server would be started with."""
        return cls(os.environ["SHANZHI_DATABASE_URL"], os.environ["SHANZHI_SECRET"])

    @property
    def is_sqlite(self) -> bool:
        """Say which of the two databases it is."""
        return self.url.startswith("sqlite:")

    @property
    def file(self) -> str:
        """Return the file of an SQLite database."""
        return self.url.removeprefix("sqlite://")

    @cached_property
    def _key(self) -> OctKey:
        return OctKey.import_key(Keyring(self.secret).key("access token").data)

    @cached_property
    def _registry(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(aud={"essential": True, "value": AUDIENCE}, exp={"essential": True})

    def claims(self, authorization: str) -> Claims:
        """Check a bearer token; raises JoseError when it is forged or too old."""
        read = jwt.decode(authorization.removeprefix("Bearer "), self._key, algorithms=[ALGORITHM])
        self._registry.validate(read.claims)
        return Claims(int(read.claims["sub"]), int(read.claims["sid"]), int(read.claims["sv"]))


def now() -> str:
    """Return this moment as instants are stored."""
    return to_wire(datetime.now(UTC).astimezone(CHINA))
