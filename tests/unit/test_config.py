"""Configuration: what is read from where, what is refused, and what is never shown."""

from __future__ import annotations

import secrets
import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.config import Config, ConfigError, Origin, describe, dev_secret, load_config, weakness_of

SECRET = secrets.token_urlsafe(48)
PRODUCTION = {"SHANZHI_SECRET": SECRET}


def problems(environ: dict[str, str], toml: Path | None = None, **overrides: object) -> str:
    """Return what a refused configuration is told."""
    with pytest.raises(ConfigError) as caught:
        load_config(environ, toml, overrides)
    return "\n".join(caught.value.problems)


def table(folder: Path, text: str) -> Path:
    """Write a plugins.toml."""
    path = folder / "plugins.toml"
    path.write_text(text, "utf-8")
    return path


def test_defaults_are_a_closed_server_with_the_embedded_database(tmp_path: Path) -> None:
    """With a secret and a folder alone, the server is a production one on this machine only."""
    config = load_config(PRODUCTION | {"SHANZHI_DATA_DIR": str(tmp_path)})
    assert (config.port, config.host, config.environment) == (8000, "127.0.0.1", "production")
    assert config.database_url == f"sqlite://{tmp_path}/shanzhi.db"
    assert (config.introspection, config.ide, config.max_upload_bytes) == (False, False, 10 * 1024 * 1024)


def test_a_relative_data_folder_becomes_absolute() -> None:
    """The database URL names an absolute file, whatever the folder was called."""
    config = load_config(PRODUCTION | {"SHANZHI_DATA_DIR": "some/where"})
    assert config.data_dir == Path.cwd() / "some/where"
    assert config.database_url == f"sqlite://{Path.cwd()}/some/where/shanzhi.db"


def test_the_nearer_source_wins_and_is_known(tmp_path: Path) -> None:
    """Command line over environment over plugins.toml over default, each with its origin."""
    path = table(tmp_path, '[server]\nport = 1\nhost = "file"\npool_size = 3\n')
    config = load_config(PRODUCTION | {"PORT": "2", "SHANZHI_HOST": "environment"}, path, {"port": 3, "ide": None})
    assert (config.port, config.host, config.pool_size) == (3, "environment", 3)
    names = ("port", "host", "pool_size", "log_level")
    expected = [Origin.COMMAND_LINE, Origin.ENVIRONMENT, Origin.FILE, Origin.DEFAULT]
    assert [config.origin(name) for name in names] == expected


def test_an_empty_variable_counts_as_unset() -> None:
    """Compose files pass empty variables for what was not set."""
    assert load_config(PRODUCTION | {"PORT": "", "SHANZHI_REDIS_URL": ""}).redis_url is None


def test_a_misspelt_variable_is_refused_with_the_right_one() -> None:
    """The nearest known name is offered; variables of others and of the tests are left alone."""
    assert "SHANZHI_DATABSE_URL: did you mean SHANZHI_DATABASE_URL?" in problems(
        PRODUCTION | {"SHANZHI_DATABSE_URL": "x"}
    )
    assert load_config(PRODUCTION | {"SHANZHI_TEST_DATABASE_URL": "x", "PORTS": "x"}).port == 8000


def test_a_misspelt_key_of_the_file_is_refused_with_the_right_one(tmp_path: Path) -> None:
    """The file and the table are named."""
    said = problems(PRODUCTION, table(tmp_path, "[server]\npoolsize = 3\n"))
    assert "plugins.toml poolsize: did you mean pool_size?" in said


def test_a_missing_file_and_a_file_without_the_table_say_nothing(tmp_path: Path) -> None:
    """Server settings in plugins.toml are optional."""
    assert load_config(PRODUCTION, tmp_path / "plugins.toml").port == 8000
    assert load_config(PRODUCTION, table(tmp_path, "[plugins]\n")).port == 8000


@pytest.mark.parametrize("text", ["[server", 'server = "x"', "\x00"])
def test_a_broken_file_is_a_configuration_error(tmp_path: Path, text: str) -> None:
    """No traceback for a slip in the file."""
    assert "plugins.toml" in problems(PRODUCTION, table(tmp_path, text))


def test_secrets_are_not_read_from_the_shared_file(tmp_path: Path) -> None:
    """plugins.toml is committed; a secret in it is refused."""
    assert "must not hold secrets" in problems({}, table(tmp_path, f'[server]\nsecret = "{SECRET}"\n'))


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PORT", "80x", "PORT cannot be '80x'"),
        ("PORT", "70000", "less than or equal to 65535"),
        ("SHANZHI_ENV", "prod", "'development' or 'production'"),
        ("SHANZHI_PUBLIC_ORIGIN", "https://a.example/path", "scheme and host only"),
        ("SHANZHI_PUBLIC_ORIGIN", "a.example", "scheme and host only"),
        ("SHANZHI_DATABASE_URL", "mysql://root:hunter2@db/x", "sqlite:///absolute/path.db"),
    ],
)
def test_a_wrong_value_is_named_with_the_reason(variable: str, value: str, said: str) -> None:
    """The variable, the value and what it may be; credentials are not repeated."""
    told = problems(PRODUCTION | {variable: value})
    assert said in told
    assert "hunter2" not in told


def test_all_problems_are_told_at_once() -> None:
    """Nobody fixes one mistake only to meet the next."""
    told = problems(PRODUCTION | {"PORT": "x", "SHANZHI_POOL_SIZE": "0"})
    assert "PORT" in told
    assert "SHANZHI_POOL_SIZE" in told


def test_a_configuration_error_has_an_exit_code() -> None:
    """Service managers tell a bad configuration from a crash."""
    assert ConfigError("x").exit_code == 78


def test_production_needs_a_secret() -> None:
    """There is no default secret, and the message says how to make one."""
    assert "token_urlsafe" in problems({})


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "characters"),
        ("short", "5 characters"),
        ("a" * 64, "too regular"),
        ("Xk29" * 16, "too regular"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "too regular"),
        ("please-change-me-9fJ2kLq81MzPw0aXvTn4", "example"),
        ("my-super-secret-9fJ2kLq81MzPw0aXvTn4", "example"),
    ],
)
def test_weak_secrets_have_a_reason(secret: str, why: str) -> None:
    """Too short, too regular, or copied from a manual."""
    assert why in (weakness_of(secret) or "")


def test_a_weak_secret_is_refused_without_being_repeated() -> None:
    """A refusal lands in logs."""
    told = problems({"SHANZHI_SECRET": "hunter2" * 6})
    assert "SHANZHI_SECRET" in told
    assert "hunter2" not in told


def test_random_secrets_are_strong() -> None:
    """What the message recommends passes, and so does plain hex of 16 bytes."""
    assert all(weakness_of(make) is None for make in (secrets.token_urlsafe(48), secrets.token_hex(16), SECRET))


def test_the_model_itself_has_no_default_secret() -> None:
    """Nobody gets keys from an empty secret by leaving it out."""
    with pytest.raises(ValidationError):
        Config()  # type: ignore[call-arg]


def test_development_makes_one_secret_and_keeps_it(tmp_path: Path) -> None:
    """The secret is private to its owner, and the same after a restart."""
    environ = {"SHANZHI_ENV": "development", "SHANZHI_DATA_DIR": str(tmp_path / "new")}
    config = load_config(environ)
    kept = tmp_path / "new" / "dev-secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert load_config(environ).secret == config.secret == dev_secret(tmp_path / "new")
    assert config.origin("secret") is Origin.GENERATED
    assert [path.name for path in kept.parent.iterdir()] == ["dev-secret"]
    assert (config.introspection, config.ide, config.is_development) == (True, True, True)


def test_development_may_be_closed(tmp_path: Path) -> None:
    """What development opens is only a default."""
    environ = {"SHANZHI_DATA_DIR": str(tmp_path), "SHANZHI_IDE": "false"}
    config = load_config(environ, overrides={"environment": "development"})
    assert (config.introspection, config.ide) == (True, False)


def test_previous_secrets_are_a_list() -> None:
    """Several are separated by commas."""
    assert load_config(PRODUCTION | {"SHANZHI_SECRET_PREVIOUS": "one, two,"}).secret_previous == ("one", "two")


def test_nothing_secret_is_shown() -> None:
    """Neither the log line nor repr gives away secrets and credentials; origins are shown."""
    url = "postgres://app:hunter2@db.internal/shanzhi"
    config = load_config(PRODUCTION | {"SHANZHI_DATABASE_URL": url, "SHANZHI_SECRET_PREVIOUS": "older-one"})
    said = f"{config.shown()} {config!r}"
    assert not any(word in said for word in (SECRET, "hunter2", "older-one"))
    assert config.shown()["database_url"] == "postgres://***@db.internal/shanzhi (environment)"
    assert config.shown()["port"] == "8000 (default)"


def test_every_option_is_described() -> None:
    """The documentation and --help have a sentence, a default and the values of each option."""
    options = {option.name: option for option in describe()}
    assert options.keys() == Config.model_fields.keys()
    assert all(option.description.endswith(".") and option.default and option.values for option in options.values())
    assert options["status_profile"].values == "hybrid | draft | legacy"
    assert options["port"].values == "0 to 65535"
    assert not options["secret"].in_file


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"SHANZHI_WORKERS": "2"}, "SQLite serves one process"),
        ({"SHANZHI_REPLICA_URL": "postgres://app:hunter2@replica/x"}, "only a PostgreSQL has replicas"),
        ({"SHANZHI_REPLICA_URL": "http://app:hunter2@replica/x"}, "several separated by commas"),
        ({"SHANZHI_REDIS_URL": "app:hunter2@cache"}, "redis://host:6379/0"),
        ({"SHANZHI_OPERATIONS": "trusted"}, "say where with SHANZHI_DOCUMENTS"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_remedy(environ: dict[str, str], said: str) -> None:
    """Each option may be right and the whole wrong; credentials are not repeated."""
    told = problems(PRODUCTION | environ)
    assert said in told
    assert "hunter2" not in told


def test_several_processes_with_replicas_on_postgres() -> None:
    """Replicas are a list."""
    config = load_config(PRODUCTION | {
        "SHANZHI_DATABASE_URL": "postgres://db/x", "SHANZHI_WORKERS": "4",
        "SHANZHI_REPLICA_URL": "postgres://app:hunter2@one/x, postgres://app:hunter2@two/x",
    })  # fmt: skip
    assert (config.workers, len(config.replica_url), config.replica_lag) == (4, 2, 5)
    assert "hunter2" not in config.shown()["replica_url"]
