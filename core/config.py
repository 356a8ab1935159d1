"""The server's configuration: declared once, read from the environment and ``plugins.toml``, refused when misspelt.

The command line wins over the environment, that over the table ``[server]`` of ``plugins.toml``, that over the
default; ``Config.origin`` tells which it was. Secrets are read from the environment only: ``plugins.toml`` is shared.
"""

from __future__ import annotations

import math
import os
import re
import secrets
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
PREFIX = "SHANZHI_"
TEST_PREFIX = "SHANZHI_TEST_"  # where the tests' own services are; no business of a server
SECRET_LENGTH = 32
SECRET_BITS = 96
DEV_SECRET_FILE = "dev-secret"  # noqa: S105 - the name of a file
MIB = 1024 * 1024

_TELLTALES = ("changeme", "change-me", "change_me", "password", "secret", "example", "default", "insecure")
_MAKE_ONE = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` says everything that is wrong with it, each with its remedy."""

    exit_code = 78  # EX_CONFIG of sysexits.h

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Origin(StrEnum):
    """Where a value came from."""

    COMMAND_LINE = "command line"
    ENVIRONMENT = "environment"
    FILE = "plugins.toml"
    GENERATED = "generated"
    DEFAULT = "default"


@dataclass(frozen=True)
class Option:
    """One setting of the server, for the documentation and ``--help``."""

    name: str
    env: str
    in_file: bool
    default: str
    values: str
    description: str


def option(
    default: Any, env: str, description: str, *, secret: bool = False, shown: str | None = None, **bounds: Any
) -> Any:
    """Declare one field: its environment variable, what it means, and how its default is described."""
    extra: dict[str, Any] = {"env": env, "secret": secret, "shown": shown}
    return Field(default=default, description=description, repr=not secret, json_schema_extra=extra, **bounds)


class Config(BaseModel):
    """Everything that the operator of a server decides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    port: int = option(8000, "PORT", "Port to listen on.", ge=0, le=65535)
    host: str = option("127.0.0.1", "SHANZHI_HOST", "Address to listen on; 0.0.0.0 is every network interface.")
    data_dir: Path = option(
        Path("data"), "SHANZHI_DATA_DIR", "Folder of the embedded database, uploaded files and backups.", shown="./data"
    )
    database_url: str = option(
        "", "SHANZHI_DATABASE_URL", "Database: sqlite:///absolute/path.db, or postgres://user:password@host/name.",
        secret=True, shown="sqlite:///<data_dir>/shanzhi.db",
    )  # fmt: skip
    replica_url: tuple[str, ...] = option(
        (), "SHANZHI_REPLICA_URL", "Streaming replicas of the PostgreSQL that answer queries, separated by commas.",
        secret=True, shown="none",
    )  # fmt: skip
    replica_lag: int = option(
        5,
        "SHANZHI_REPLICA_LAG",
        "Seconds that a replica may be behind; one that is more so is not asked.",
        ge=1,
        le=300,
    )
    redis_url: str | None = option(
        None, "SHANZHI_REDIS_URL",
        "Redis, for servers of several processes: they share rate limits there and hear of each other's deeds at once; "
        "redis://host:6379/0.",
        secret=True, shown="none",
    )  # fmt: skip
    workers: int = option(
        1, "SHANZHI_WORKERS", "Processes that `serve` starts; more than one needs PostgreSQL.", ge=1, le=64
    )
    rate_limit: int = option(
        20_000, "SHANZHI_RATE_LIMIT",
        "Points a second that one person may spend; an operation costs 100, and 1 for each value that its answer may "
        "hold. Half a minute's worth is saved up. Those who are not signed in share ten times as much per address. "
        "0 is no limit.",
        ge=0, le=1_000_000_000,
    )  # fmt: skip
    environment: Literal["development", "production"] = option(
        "production", "SHANZHI_ENV", "development opens the explorer and makes its own secret; never use it in public."
    )
    secret: str = option(
        ..., "SHANZHI_SECRET",
        f"Root of all keys: {SECRET_LENGTH} random characters or more. If it is lost, so are the encrypted data.",
        secret=True, shown="required in production",
    )  # fmt: skip
    secret_previous: tuple[str, ...] = option(
        (), "SHANZHI_SECRET_PREVIOUS", "Earlier secrets, newest first, separated by commas; they still read.",
        secret=True, shown="none",
    )  # fmt: skip
    introspection: bool = option(
        False, "SHANZHI_INTROSPECTION", "Whether clients may ask for the schema.", shown="true in development only"
    )
    ide: bool = option(
        False, "SHANZHI_IDE", "Whether GET /graphql shows the explorer.", shown="true in development only"
    )
    status_profile: Literal["hybrid", "draft", "legacy"] = option(
        "hybrid", "SHANZHI_STATUS_PROFILE",
        "HTTP status codes for clients that accept application/graphql-response+json: hybrid those of 2026, draft those "
        "of the 2025 draft of GraphQL over HTTP, legacy what all other clients get, for gateways that break on more.",
    )  # fmt: skip
    operations: Literal["open", "trusted"] = option(
        "open", "SHANZHI_OPERATIONS", "trusted runs stored documents only, named by their hash; open runs any document."
    )
    documents: Path | None = option(
        None, "SHANZHI_DOCUMENTS",
        "Stored documents: a folder of .graphql files, or a JSON file. Their ids are sha256: and the hash of the text.",
        shown="none",
    )  # fmt: skip
    engine: bool = option(
        True, "SHANZHI_ENGINE",
        "Whether queries are compiled to SQL; false runs every operation with graphql-core, to compare or to rule it out.",
    )  # fmt: skip
    pool_size: int = option(10, "SHANZHI_POOL_SIZE", "Connections to PostgreSQL per process.", ge=1, le=200)
    max_upload_bytes: int = option(
        10 * MIB, "SHANZHI_MAX_UPLOAD_BYTES", "Largest uploaded file, in bytes.", ge=1024, le=1024 * MIB, shown="10 MiB"
    )
    public_origin: str | None = option(
        None, "SHANZHI_PUBLIC_ORIGIN",
        "Where clients reach this server: scheme, host and port, e.g. https://shanzhi.example.cn.", shown="none",
    )  # fmt: skip
    trace_head_leaves: int = option(
        1000, "SHANZHI_TRACE_HEAD_LEAVES", "A signed head of the log is made when so many deeds came after the last one.",
        ge=1, le=1_000_000,
    )  # fmt: skip
    trace_head_seconds: int = option(
        3600, "SHANZHI_TRACE_HEAD_SECONDS", "And when one is so many seconds old and something came after it.",
        ge=1, le=86_400,
    )  # fmt: skip
    trace_mail_to: tuple[str, ...] = option(
        (),
        "SHANZHI_TRACE_MAIL_TO",
        "Who gets every signed head by e-mail: addresses, separated by commas.",
        shown="none",
    )
    smtp_url: str | None = option(
        None, "SHANZHI_SMTP_URL",
        "The mail server: smtp://host:25, smtp+starttls://user:password@host:587 or smtps://user:password@host:465.",
        secret=True, shown="none",
    )  # fmt: skip
    mail_from: str = option("shanzhi@localhost", "SHANZHI_MAIL_FROM", "The sender of e-mails.")
    webhook_origins: tuple[str, ...] = option(
        (), "SHANZHI_WEBHOOK_ORIGINS",
        "Where webhooks may go: scheme, host and port, separated by commas, e.g. https://hooks.example.cn. None, and there are "
        "no webhooks: an address that anybody names could lie inside your own network.",
        shown="none",
    )  # fmt: skip
    trace_git_remote: str | None = option(
        None, "SHANZHI_TRACE_GIT_REMOTE",
        "A git remote to which signed heads are pushed; best one where the operator may not force a push.",
        secret=True, shown="none",
    )  # fmt: skip
    oidc_issuer: str | None = option(
        None, "SHANZHI_OIDC_ISSUER",
        "An OpenID Connect provider whose access tokens count here, by its issuer, e.g. https://id.example.cn/realms/town.",
        shown="none",
    )  # fmt: skip
    oidc_audience: str | None = option(
        None, "SHANZHI_OIDC_AUDIENCE", "What the provider calls this server: tokens made for others do not count.",
        shown="none",
    )  # fmt: skip
    oidc_jwks_url: str | None = option(
        None, "SHANZHI_OIDC_JWKS_URL", "Where the provider publishes its keys.", shown="as its discovery document says"
    )
    oidc_token_type: Literal["at+jwt", "JWT"] = option(
        "at+jwt", "SHANZHI_OIDC_TOKEN_TYPE",
        "The type in the head of its access tokens: at+jwt by RFC 9068; JWT also takes those of providers that do not mark them.",
    )  # fmt: skip
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = option(
        "INFO", "SHANZHI_LOG_LEVEL", "Least important messages that are logged."
    )

    _origins: Mapping[str, Origin] = PrivateAttr(default_factory=dict)

    @property
    def is_development(self) -> bool:
        """Say whether this is a developer's own server."""
        return self.environment == "development"

    def origin(self, name: str) -> Origin:
        """Say where the value of a field came from."""
        return self._origins.get(name, Origin.DEFAULT)

    def shown(self) -> dict[str, str]:
        """Return every value as it may be logged, with its origin: secrets and credentials are left out."""
        fields = type(self).model_fields.items()
        return {name: f"{_veiled(self, name, info)} ({self.origin(name)})" for name, info in fields}

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, given: Any) -> Any:
        """Fill in what follows from other fields: the embedded database, and what development opens."""
        if not isinstance(given, dict):
            return given
        values = {name: value for name, value in given.items() if value is not None}
        development = values.get("environment") == "development"
        values.setdefault("introspection", development)
        values.setdefault("ide", development)
        folder = Path(values.get("data_dir", cls.model_fields["data_dir"].default)).absolute()
        values["data_dir"] = folder
        values.setdefault("database_url", f"sqlite://{folder / 'shanzhi.db'}")
        return values

    @field_validator("secret_previous", "replica_url", "trace_mail_to", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgres://", "postgresql://")):
            raise ValueError("write sqlite:///absolute/path.db or postgres://user:password@host/name")
        return value

    @field_validator("replica_url")
    @classmethod
    def _known_replicas(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(url.startswith(("postgres://", "postgresql://")) for url in value):
            raise ValueError("write postgres://user:password@host/name, several separated by commas")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("write redis://host:6379/0")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _known_mail(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("smtp://", "smtps://", "smtp+starttls://")):
            raise ValueError(
                "write smtp://host:25, smtp+starttls://user:password@host:587 or smtps://user:password@host:465"
            )
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Config:
        """Refuse what each option allows and the others do not."""
        if self.database_url.startswith("sqlite") and self.workers > 1:
            raise ValueError(
                "SHANZHI_WORKERS: SQLite serves one process, whose writer commits many deeds at once; a second would wait "
                "for its locks (slowest casts 10 -> 222 ms). Set SHANZHI_DATABASE_URL to a PostgreSQL, or workers to 1"
            )
        if self.database_url.startswith("sqlite") and self.replica_url:
            raise ValueError(
                "SHANZHI_REPLICA_URL: only a PostgreSQL has replicas; set SHANZHI_DATABASE_URL to its primary"
            )
        if self.trace_mail_to and not self.smtp_url:
            raise ValueError("SHANZHI_TRACE_MAIL_TO: e-mail needs a mail server; set SHANZHI_SMTP_URL")
        if bool(self.oidc_issuer) != bool(self.oidc_audience):
            raise ValueError("SHANZHI_OIDC_ISSUER and SHANZHI_OIDC_AUDIENCE: set both, or neither")
        if self.operations == "trusted" and self.documents is None:
            raise ValueError("SHANZHI_OPERATIONS: trusted runs stored documents only; say where with SHANZHI_DOCUMENTS")
        return self

    @field_validator("webhook_origins")
    @classmethod
    def _safe_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if urlsplit(safe_address(origin)).path.strip("/"):
                raise ValueError(f"{origin} has a path; write scheme, host and port only")
        return value

    @field_validator("oidc_issuer", "oidc_jwks_url")
    @classmethod
    def _safe_provider(cls, value: str | None) -> str | None:
        return None if value is None else safe_address(value)

    @field_validator("public_origin")
    @classmethod
    def _bare_origin(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        bare = parts.scheme in {"http", "https"} and parts.netloc and not (parts.path.strip("/") or parts.query)
        if value and not bare:
            raise ValueError("write scheme and host only, e.g. https://shanzhi.example.cn")
        return value.rstrip("/") if value else None

    @field_validator("secret")
    @classmethod
    def _strong(cls, value: str) -> str:
        weakness = weakness_of(value)
        if weakness:
            raise ValueError(f"{weakness}; make one with: {_MAKE_ONE}")
        return value


def safe_address(address: str) -> str:
    """Return an address that keys may be read from: https, or http on this machine; raises ValueError."""
    parts = urlsplit(address)
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK)):
        raise ValueError("write an https address (http on this machine only)")
    return address


def load_config(
    environ: Mapping[str, str], toml_path: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> Config:
    """Read the configuration; raises ConfigError naming every problem, misspelt names with the nearest right one.

    In development a missing secret is made once and kept in ``data_dir/dev-secret``, readable by its owner only.
    """
    layers = (
        (Origin.FILE, _from_file(toml_path)),
        (Origin.ENVIRONMENT, _from_environment(environ)),
        (Origin.COMMAND_LINE, {name: value for name, value in (overrides or {}).items() if value is not None}),
    )
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for origin, layer in layers:
        values |= layer
        origins |= dict.fromkeys(layer, origin)
    if not values.get("secret"):
        values["secret"] = _secret_for(values)
        origins["secret"] = Origin.GENERATED
    return _checked(values, origins)


def describe() -> tuple[Option, ...]:
    """Return every option in declaration order, for the documentation and ``--help``."""
    return tuple(
        Option(
            name, _about(info)["env"], name not in _SECRETS,
            _about(info)["shown"] or str(info.default), _values(info), info.description or "",
        )
        for name, info in Config.model_fields.items()
    )  # fmt: skip


def weakness_of(secret: str) -> str | None:
    """Say why a secret is too easy to guess, or None: its length, its variety, or that it is somebody's example."""
    if len(secret) < SECRET_LENGTH:
        return f"it has {len(secret)} characters and needs {SECRET_LENGTH}"
    if any(word in secret.lower() for word in _TELLTALES):
        return "it looks like an example from a manual"
    neighbours = sum(abs(ord(b) - ord(a)) <= 1 for a, b in pairwise(secret))
    repeats = secret in (secret + secret)[1:-1]
    if entropy_bits(secret) < SECRET_BITS or repeats or neighbours * 2 > len(secret):
        return "it is too regular to be random"
    return None


def entropy_bits(text: str) -> float:
    """Estimate the information in a text by how often each character occurs: an upper bound."""
    counts = Counter(text).values()
    return -sum(n * math.log2(n / len(text)) for n in counts)


def _about(info: FieldInfo) -> dict[str, Any]:
    extra = info.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


_ENV_NAMES = {_about(info)["env"]: name for name, info in Config.model_fields.items()}
_SECRETS = frozenset({"secret", "secret_previous"})


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Take what the environment says; an empty variable counts as unset, as Compose files leave them."""
    ours = [name for name in environ if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX)]
    _refuse_unknown(ours, _ENV_NAMES, "environment variable")
    return {field: environ[name] for name, field in _ENV_NAMES.items() if environ.get(name)}


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None or not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text("utf-8")).get("server", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    if not isinstance(table, dict):
        raise ConfigError(f"[server] in {path} must be a table")
    if _SECRETS & table.keys():
        raise ConfigError(
            f"{path} must not hold secrets, it is meant to be shared: set SHANZHI_SECRET in the environment"
        )
    _refuse_unknown(table, [name for name in Config.model_fields if name not in _SECRETS], f"key of [server] in {path}")
    return table


def _refuse_unknown(given: Iterable[str], known: Collection[str], what: str) -> None:
    """Raise for names that mean nothing here: a misspelt setting would otherwise be silently without effect."""
    problems = []
    for name in sorted(set(given) - set(known)):
        near = get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(known)}"
        problems.append(f"unknown {what} {name}: {hint}")
    if problems:
        raise ConfigError(*problems)


def _checked(values: Mapping[str, Any], origins: Mapping[str, Origin]) -> Config:
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(*(_problem(dict(item), origins) for item in error.errors())) from None
    config._origins = origins
    return config


def _problem(item: Mapping[str, Any], origins: Mapping[str, Origin]) -> str:
    """Say what is wrong with a value, by the name under which it was given; a secret itself is never repeated."""
    name = str(item["loc"][0]) if item["loc"] else "configuration"
    info = Config.model_fields.get(name)
    if info is None and item["type"] == "value_error":  # of several options together
        return str(item["msg"]).removeprefix("Value error, ")
    if info is None:
        return f"there is no setting {name}: known are {', '.join(Config.model_fields)}"
    about = _about(info)
    origin = origins.get(name, Origin.DEFAULT)
    label = about["env"] if origin in {Origin.ENVIRONMENT, Origin.GENERATED} else name
    said = "" if about["secret"] else f" cannot be {str(item['input'])[:80]!r}"
    return f"{label}{said}: {str(item['msg']).removeprefix('Value error, ')} (from: {origin})"


def _secret_for(values: Mapping[str, Any]) -> str:
    """Return the developer's own secret, or refuse to start in production without one."""
    if values.get("environment") != "development":
        raise ConfigError(
            f"SHANZHI_SECRET is required in production; make one with: {_MAKE_ONE} "
            "(a developer's server makes its own: `serve --dev`)"
        )
    return dev_secret(Path(values.get("data_dir", "data")))


def dev_secret(folder: Path) -> str:
    """Return the secret kept in a developer's data folder, making it once; safe for several processes at once."""
    kept = folder / DEV_SECRET_FILE
    folder.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        draft = folder / f".{DEV_SECRET_FILE}-{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, kept)  # unlike a rename, this fails when another process was faster: one secret for all
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return kept.read_text("ascii").strip()


def _veiled(config: Config, name: str, info: FieldInfo) -> str:
    value = getattr(config, name)
    if not _about(info)["secret"]:
        return str(value)
    if name in _SECRETS:
        return "set" if value else "not set"
    found = ", ".join(value) if isinstance(value, tuple) else value
    return re.sub(r"//[^@/]*@", "//***@", found) if found else "None"


def _values(info: FieldInfo) -> str:
    """Say what an option may be."""
    if get_origin(info.annotation) is Literal:
        return " | ".join(get_args(info.annotation))
    if info.annotation is bool:
        return "true | false"
    bounds = {type(m).__name__: m for m in info.metadata}
    if "Ge" in bounds and "Le" in bounds:
        return f"{bounds['Ge'].ge} to {bounds['Le'].le}"
    return "text"
