"""The check finds every difference between a database and the models, and models that break the rules of storage."""

from __future__ import annotations

import pytest

from core._db.migrate import check
from core._db.migrate_target import is_missing
from tests.migration.world import COMMUNITY, POLL, World, bring_up, query


@pytest.fixture
async def clean(world: World, url: str) -> str:
    """A database that is as the models say."""
    world.app("core", COMMUNITY)
    world.app("vote", POLL)
    world.make("core")
    world.make("vote")
    await bring_up(world, url)
    assert await check(url, world.apps) == []
    return url


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("DROP TABLE vote_poll", "table vote_poll is missing"),
        ("CREATE TABLE vote_left (id INT)", "table vote_left is in the database only"),
        ("ALTER TABLE core_community ADD COLUMN extra INT", "core_community.extra is "),
        ("ALTER TABLE core_community DROP COLUMN note", "core_community.note is missing, not "),
        ("DROP INDEX {round}", "vote_poll: index on (title, round) is missing"),
        (
            "CREATE UNIQUE INDEX extra ON core_community (note)",
            "core_community: unique on (note) is in the database only",
        ),
    ],
)
async def test_damage_is_found(world: World, clean: str, damage: str, finding: str) -> None:
    """Tables, columns, indexes and uniques that are missing or too many are named."""
    name = await query(clean, NAMES["sqlite" if clean.startswith("sqlite") else "postgres"])

    await query(clean, damage.format(round=name[0][0]))

    assert finding in "\n".join(await check(clean, world.apps))


NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%\"title\", \"round\")%'",
    "postgres": "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%(title, round)%'",
}


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (
            "ALTER TABLE vote_poll DROP CONSTRAINT vote_poll_community_id_fkey",
            "foreign key community_id -> core_community.id ON DELETE CASCADE is missing",
        ),
        (
            "ALTER TABLE vote_poll ALTER COLUMN title DROP NOT NULL",
            "vote_poll.title is character varying(60), not character varying(60) NOT NULL",
        ),
        ('ALTER TABLE vote_poll ALTER COLUMN title TYPE VARCHAR(60) COLLATE "C"', "COLLATE C"),
        ("ALTER TABLE vote_poll ADD CHECK (round > 0)", "CHECK ((round > 0)) is in the database only"),
    ],
)
async def test_damage_that_only_postgres_allows_is_found(
    world: World, postgres: str, damage: str, finding: str
) -> None:
    """Constraints, NOT NULL and collations are compared too."""
    world.app("core", COMMUNITY)
    world.app("vote", POLL)
    world.make("core")
    world.make("vote")
    await bring_up(world, postgres)

    await query(postgres, damage)

    assert finding in "\n".join(await check(postgres, world.apps))


async def test_a_database_that_does_not_exist_is_not_made(world: World, sqlite: str) -> None:
    """Looking changes nothing."""
    world.app("core", COMMUNITY)

    assert await check(sqlite, world.apps) == ["the database does not exist; migrate makes it"]
    assert is_missing(sqlite)


async def test_an_additional_index_is_welcome(world: World, clean: str) -> None:
    """What only makes queries faster is the operator's business; tables of strangers are too."""
    await query(clean, "CREATE INDEX faster ON core_community (note, name); CREATE TABLE other_things (id INT)")

    assert await check(clean, world.apps) == []


async def test_models_without_their_migration_are_found(world: World, clean: str) -> None:
    """A change of models that nobody wrote a migration for."""
    world.models("vote", POLL.replace("round =", "seats = fields.IntField(null=True)\n    round ="))

    assert any("vote_poll.seats is missing" in finding for finding in await check(clean, world.apps))


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (", db_index=True, related_name", ", related_name", ""),
        ("unique_together = ((", "indexes = () #", "vote: vote_poll.community_id is a foreign key without an index"),
        ('table = "vote_poll"', 'table = "poll"', "vote: table poll must be called vote_…"),
        ("on_delete=CASCADE, ", "", "line 10: ForeignKeyField must say on_delete"),
    ],
)
async def test_models_that_break_the_rules_are_found(
    world: World, clean: str, old: str, new: str, finding: str
) -> None:
    """Foreign keys need an index that starts with them, tables their prefix, deletes a decision."""
    models = (
        POLL.replace(old, new)
        if "unique" not in old
        else POLL.replace(", db_index=True", "").replace('unique_together = (("community", "title"),)', "")
    )
    world.models("vote", models)

    findings = "\n".join(await check(clean, world.apps))

    assert finding in findings
    assert ("without an index" in findings) == ("without an index" in finding)
