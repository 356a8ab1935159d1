"""Every measured trap of tortoise-orm 1.1.9: the stock library falls into it in the same test in which we do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tortoise.context import TortoiseContext
from tortoise.exceptions import OperationalError
from tortoise.migrations.recorder import MigrationRecorder

from core._db.migrate import MigrationFailed, check, migrate, pending
from tests.migration.world import (
    COMMUNITY,
    POLL,
    World,
    bring_up,
    indexes,
    query,
    stock_makemigrations,
    stock_migrate,
    tables,
)

ROWS = """
INSERT INTO core_community (id, name, note) VALUES (1, '同济社区', '');
INSERT INTO vote_poll (id, community_id, title, round) VALUES (1, 1, 'elevator', 1), (2, 1, 'gate', 1);
"""
WIDER = COMMUNITY.replace("fields.CharField(100", "fields.CharField(200")


async def filled(world: World, url: str) -> None:
    """Make core and vote, migrate them, put rows into both."""
    world.app("core", COMMUNITY)
    world.app("vote", POLL)
    world.make("core")
    world.make("vote")
    await bring_up(world, url)
    await query(url, ROWS)


def copy(url: str, name: str) -> str:
    """Return the address of a copy of an SQLite file."""
    source = Path(url.removeprefix("sqlite://"))
    shutil.copy(source, source.with_name(name))
    return f"sqlite://{source.with_name(name)}"


async def test_rebuilding_a_table_keeps_the_rows_that_point_at_it(world: World, sqlite: str) -> None:
    """Trap 1: a longer column on core empties vote_poll with the stock executor, and not with ours."""
    await filled(world, sqlite)
    world.models("core", WIDER)
    world.make("core")
    other = copy(sqlite, "stock.db")

    await stock_migrate(world, other)
    await bring_up(world, sqlite)

    assert await query(other, "SELECT COUNT(*) FROM vote_poll") == [(0,)]
    assert await query(sqlite, "SELECT id, community_id, title FROM vote_poll") == [(1, 1, "elevator"), (2, 1, "gate")]
    assert await check(sqlite, world.apps) == []


async def test_rebuilding_a_table_keeps_its_indexes_and_uniques(world: World, sqlite: str) -> None:
    """Trap 2: the stock rebuild forgets indexes and composite UNIQUEs; ours makes them again."""
    await filled(world, sqlite)
    world.models("vote", POLL.replace("title = fields.CharField(60)", "title = fields.CharField(80)"))
    world.make("vote")
    other = copy(sqlite, "stock.db")

    await stock_migrate(world, other)
    await bring_up(world, sqlite)

    assert await indexes(other, "vote_poll") == []
    assert await indexes(sqlite, "vote_poll") == ["0 community_id", "0 title,round", "1 community_id,title"]
    assert await check(sqlite, world.apps) == []


async def test_rebuilding_a_table_keeps_what_was_made_by_hand(world: World, sqlite: str) -> None:
    """Trap 2, wider: triggers and additional indexes go with the stock rebuild and stay with ours."""
    await filled(world, sqlite)
    await query(
        sqlite,
        "CREATE INDEX by_hand ON core_community (name, note); "
        "CREATE TRIGGER frozen BEFORE DELETE ON core_community BEGIN SELECT RAISE(ABORT, 'kept'); END;",
    )
    world.models("core", WIDER)
    world.make("core")
    other = copy(sqlite, "stock.db")
    objects = "SELECT name FROM sqlite_master WHERE name IN ('by_hand', 'frozen') ORDER BY name"

    await stock_migrate(world, other)
    await bring_up(world, sqlite)

    assert await query(other, objects) == []
    assert await query(sqlite, objects) == [("by_hand",), ("frozen",)]


async def test_one_to_one_stays_unique_after_a_rebuild(world: World, sqlite: str) -> None:
    """Trap 2, wider: a one-to-one column loses its UNIQUE in the stock rebuild."""
    profile = """
    class Profile(Model):
        id = fields.BigIntField(primary_key=True, generated=False)
        community = fields.OneToOneField("core.Community", on_delete=RESTRICT, related_name=False)
        text = fields.CharField(60)

        class Meta:
            table = "vote_profile"
    """
    world.app("core", COMMUNITY)
    world.app("vote", profile)
    world.make("core")
    world.make("vote")
    await bring_up(world, sqlite)
    world.models("vote", profile.replace("fields.CharField(60)", "fields.CharField(90)"))
    world.make("vote")
    other = copy(sqlite, "stock.db")

    await stock_migrate(world, other)
    await bring_up(world, sqlite)

    assert await indexes(other, "vote_profile") == []
    assert await indexes(sqlite, "vote_profile") == ["1 community_id"]


async def test_rows_that_would_point_at_nothing_fail_the_step(world: World, sqlite: str) -> None:
    """Trap 1, the price: with foreign keys off a migration could orphan rows, so that is checked before the commit."""
    await filled(world, sqlite)
    world.step("vote", "0002_clean", "ops.RunSQL('DELETE FROM core_community'),", [("vote", "0001_initial")])

    report = await migrate(sqlite, world.apps, backup_dir=None)

    assert report.applied == ()
    assert "plugin vote, migration 0002_clean: rows would point at nothing" in report.failed["vote"]
    assert await query(sqlite, "SELECT COUNT(*) FROM core_community") == [(1,)]


SOFT = """
class Mark(Model):
    id = fields.BigIntField(primary_key=True, generated=False)
    community = fields.ForeignKeyField(
        "core.Community", on_delete=NO_ACTION, db_index=True, related_name=False, db_constraint=False
    )

    class Meta:
        table = "soft_mark"
"""


async def test_a_relation_without_constraint_gets_none(world: World, sqlite: str, url: str) -> None:
    """Trap 4: db_constraint=False is ignored by stock migrations."""
    world.app("core", COMMUNITY)
    world.app("soft", SOFT)
    world.make("core")
    world.make("soft")
    other = f"{sqlite}.stock"
    into_nothing = "INSERT INTO soft_mark (id, community_id) VALUES (1, 404)"

    await stock_migrate(world, other)
    await bring_up(world, url)

    with pytest.raises(Exception, match="FOREIGN KEY"):
        await query(other, into_nothing)
    await query(url, into_nothing)
    assert await check(url, world.apps) == []


async def test_a_constraint_can_be_taken_away_and_given_back(world: World, url: str) -> None:
    """Trap 4, wider: changing db_constraint or on_delete changes the foreign key of a table with rows."""
    world.app("core", COMMUNITY)
    world.app("soft", SOFT)
    world.make("core")
    world.make("soft")
    await bring_up(world, url)
    await query(url, "INSERT INTO core_community (id, name, note) VALUES (1, 'a', '')")
    await query(url, "INSERT INTO soft_mark (id, community_id) VALUES (1, 1)")
    world.models("soft", SOFT.replace("db_constraint=False", "db_constraint=True").replace("NO_ACTION", "RESTRICT"))
    world.make("soft")

    await bring_up(world, url)

    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await query(url, "DELETE FROM core_community")
    assert await check(url, world.apps) == []


async def test_the_first_migrations_of_several_apps_name_what_they_need(world: World, sqlite: str) -> None:
    """Trap 5: stock makemigrations for two new apps forgets that one needs the other."""
    world.app("core", COMMUNITY)
    world.app("vote", POLL)

    stock = await stock_makemigrations(world, sqlite)
    world.make("core")
    world.make("vote")

    assert stock["vote"].dependencies == []
    assert "dependencies = [('core', '0001_initial')]" in world.read("vote", "0001_initial")


async def test_a_file_that_forgot_what_it_needs_still_runs_in_order(world: World, sqlite: str, url: str) -> None:
    """Trap 5 at run time: only the alphabet saves the stock order, so an app before core cannot be migrated."""
    world.app("core", COMMUNITY)
    world.app("awards", POLL.replace("vote_", "awards_"))
    world.make("core")
    world.make("awards")
    text = world.read("awards", "0001_initial").replace(
        "dependencies = [('core', '0001_initial')]", "dependencies = []"
    )
    (world.folder / world.package / "awards" / "migrations" / "0001_initial.py").write_text(text, encoding="utf-8")

    with pytest.raises((RuntimeError, OperationalError)):
        await stock_migrate(world, f"{sqlite}.stock")
    report = await migrate(url, world.apps, backup_dir=None)

    assert report.applied == (("core", "0001_initial"), ("awards", "0001_initial"))


async def test_one_app_can_be_migrated_with_what_it_needs(world: World, sqlite: str, url: str) -> None:
    """Trap 6: the stock graph of one app alone lacks its parents; ours takes all apps and a choice."""
    world.app("core", COMMUNITY)
    world.app("vote", POLL)
    world.app("other", POLL.replace("vote_", "other_"))
    for label in ("core", "vote", "other"):
        world.make(label)

    with pytest.raises(ValueError, match="nonexistent parent"):
        await stock_migrate_only(world, sqlite, "vote")
    report = await migrate(url, world.apps, backup_dir=None, only="vote")

    assert report.applied == (("core", "0001_initial"), ("vote", "0001_initial"))
    assert await pending(url, world.apps) == [("other", "0001_initial")]


async def stock_migrate_only(world: World, url: str, label: str) -> None:
    """Run the migrations of one app as ``tortoise migrate <app>`` does."""
    from tortoise.connection import get_connection
    from tortoise.migrations.executor import MigrationExecutor

    config = world.config(f"{url}.stock")
    async with TortoiseContext() as context:
        await context.init(config)
        await MigrationExecutor(get_connection("default"), {label: config["apps"][label]}).migrate()


async def test_a_step_and_its_record_are_one(world: World, sqlite: str) -> None:
    """Trap 7: when the record cannot be written, stock leaves the change in force; ours leaves nothing."""
    await filled(world, sqlite)
    world.models("vote", POLL.replace("round =", "seats = fields.IntField(null=True)\n    round ="))
    world.make("vote")
    await query(
        sqlite,
        "CREATE TRIGGER refuse BEFORE INSERT ON tortoise_migrations BEGIN SELECT RAISE(ABORT, 'disk trouble'); END;",
    )
    other = copy(sqlite, "stock.db")
    columns = "SELECT name FROM pragma_table_info('vote_poll') WHERE name = 'seats'"

    with pytest.raises(Exception, match="disk trouble"):
        await stock_migrate(world, other)
    report = await migrate(sqlite, world.apps, backup_dir=None)

    assert await query(other, columns) == [("seats",)]
    assert await query(sqlite, columns) == []
    assert "disk trouble" in report.failed["vote"]


async def test_a_record_that_cannot_be_read_is_not_an_empty_one(world: World, sqlite: str) -> None:
    """Trap 7: stock takes any error while reading the record for "nothing applied yet"."""
    await filled(world, sqlite)
    await query(
        sqlite, "ALTER TABLE tortoise_migrations RENAME TO kept; CREATE VIEW tortoise_migrations AS SELECT * FROM gone"
    )

    async with TortoiseContext() as context:
        await context.init(world.config(sqlite))
        stock = await MigrationRecorder(context.db()).applied_migrations()
    with pytest.raises(OperationalError, match=r"no such table: main\.gone"):
        await bring_up(world, sqlite)

    assert stock == []


async def test_semicolons_in_literals_do_not_end_a_statement(world: World, sqlite: str, url: str) -> None:
    """Trap 8: stock cuts SQL at every semicolon on SQLite."""
    world.app("core", COMMUNITY)
    world.make("core")
    script = (
        "INSERT INTO core_community (id, name, note) VALUES (1, 'a; b', ''); -- it's; fine\n"
        "UPDATE core_community SET note = 'c;';"
    )
    world.step("core", "0002_seed", f"ops.RunSQL({script!r}),", [("core", "0001_initial")])

    with pytest.raises(OperationalError):
        await stock_migrate(world, f"{sqlite}.stock")
    await bring_up(world, url)

    assert await query(url, "SELECT name, note FROM core_community") == [("a; b", "c;")]


async def test_records_of_apps_that_are_not_loaded_are_left_alone(world: World, url: str) -> None:
    """Trap 9: a disabled plugin keeps its tables and its place in the record."""
    await filled(world, url)
    world.apps = [app for app in world.apps if app.label == "core"]
    world.models("core", WIDER)
    world.make("core")

    report = await migrate(url, world.apps, backup_dir=None)

    assert [key[0] for key in report.applied] == ["core"]
    assert await query(url, "SELECT COUNT(*) FROM vote_poll") == [(2,)]
    assert ("vote", "0001_initial") in await query(url, "SELECT app, name FROM tortoise_migrations")


async def test_a_field_added_later_gets_its_index(world: World, sqlite: str, url: str) -> None:
    """Trap 10, wider: stock AddField never makes the index that db_index=True asks for."""
    await filled(world, url)
    stock = f"{sqlite}.stock"
    later = POLL.replace(
        "round =",
        'place = fields.ForeignKeyField("core.Community", null=True, on_delete=RESTRICT, db_index=True, '
        "related_name=False)\n"
        "    round =",
    )
    await stock_migrate(world, stock)
    world.models("vote", later)
    world.make("vote")

    await stock_migrate(world, stock)
    await bring_up(world, url)

    assert "0 place_id" not in await indexes(stock, "vote_poll")
    assert "0 place_id" in await indexes(url, "vote_poll")
    assert await check(url, world.apps) == []


async def test_named_constraints_of_a_new_table_are_made(world: World, sqlite: str, url: str) -> None:
    """Another trap: stock CreateModel ignores Meta.constraints."""
    rated = """
    class Mark(Model):
        id = fields.BigIntField(primary_key=True, generated=False)
        stars = fields.IntField()
        open = fields.BooleanField(default=True)
        who = fields.IntField()

        class Meta:
            table = "core_mark"
            constraints = (
                CheckConstraint(check="stars BETWEEN 1 AND 5", name="core_mark_stars"),
                UniqueConstraint(fields=("who",), name="core_mark_once", condition="stars > 1"),
            )
    """
    world.app("core", rated)
    world.make("core")
    wrong = "INSERT INTO core_mark (id, stars, open, who) VALUES ({}, {}, {}, 1)"
    stock = f"{sqlite}.stock"

    await stock_migrate(world, stock)
    await bring_up(world, url)

    await query(stock, wrong.format(1, 9, "TRUE"))
    with pytest.raises(Exception, match="core_mark_stars"):
        await query(url, wrong.format(1, 9, "TRUE"))
    await query(url, wrong.format(1, 5, "TRUE"))
    await query(url, wrong.format(2, 1, "TRUE"))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await query(url, wrong.format(3, 4, "TRUE"))
    assert await check(url, world.apps) == []


async def test_an_index_over_a_relation_names_its_column(world: World, sqlite: str, url: str) -> None:
    """Another trap: a stock migration writes the field's name into the index, and SQLite takes that for a text."""
    world.app("core", COMMUNITY)
    world.app("vote", POLL.replace('(("title", "round"),)', '(("community", "round"),)'))
    world.make("core")
    world.make("vote")
    stock = f"{sqlite}.stock"

    await stock_migrate(world, stock)
    await bring_up(world, url)

    assert "0 community_id,round" not in await indexes(stock, "vote_poll")
    assert "0 community_id,round" in await indexes(url, "vote_poll")


async def test_a_unique_of_the_first_table_can_be_removed(world: World, sqlite: str, url: str) -> None:
    """Another trap: stock cannot take back on SQLite what stands in CREATE TABLE."""
    await filled(world, url)
    stock = f"{sqlite}.stock"
    await stock_migrate(world, stock)
    world.models("vote", POLL.replace('unique_together = (("community", "title"),)', ""))
    world.make("vote")

    with pytest.raises(OperationalError):
        await stock_migrate(world, stock)
    await bring_up(world, url)

    await query(url, "INSERT INTO vote_poll (id, community_id, title, round) VALUES (3, 1, 'gate', 1)")
    assert await check(url, world.apps) == []


async def test_keys_that_the_code_makes_stay_so(world: World, sqlite: str, url: str) -> None:
    """Another trap: stock writes BigIntField(primary_key=True) for a key that is not generated, which generates it."""
    world.app("core", COMMUNITY)

    stock = (await stock_makemigrations(world, sqlite))["core"].as_string()
    world.make("core")
    await bring_up(world, url)

    assert "generated=False" not in stock
    with pytest.raises(Exception, match=r"(?i)null"):
        await query(url, "INSERT INTO core_community (name, note) VALUES ('a', '')")


async def test_a_migration_cannot_commit_by_itself(world: World, url: str) -> None:
    """A step ends where the runner ends it, or it is not kept."""
    await filled(world, url)
    world.step("vote", "0002_rude", "ops.RunSQL('DELETE FROM vote_poll; COMMIT'),", [("vote", "0001_initial")])

    report = await migrate(url, world.apps, backup_dir=None)

    assert "COMMIT has no place in a migration" in report.failed["vote"]
    assert await query(url, "SELECT COUNT(*) FROM vote_poll") == [(2,)]
    assert ("vote", "0002_rude") not in await query(url, "SELECT app, name FROM tortoise_migrations")


async def test_a_hidden_commit_is_noticed(world: World, postgres: str) -> None:
    """PostgreSQL takes a script as a whole; a COMMIT that hides in it fails the step even so."""
    world.app("core", COMMUNITY)
    world.make("core")
    world.app("vote", POLL)
    world.make("vote")
    world.step("vote", "0002_rude", "ops.RunSQL('SELECT $$a$$; COMMIT'),", [("vote", "0001_initial")])

    report = await migrate(postgres, world.apps, backup_dir=None)

    assert "parts of the step may be in force" in report.failed["vote"]
    assert ("vote", "0002_rude") not in await query(postgres, "SELECT app, name FROM tortoise_migrations")


async def test_half_transactions_are_refused(world: World, url: str) -> None:
    """A file with atomic = False could be left half applied."""
    world.app("core", COMMUNITY)
    world.step("core", "0001_initial", "]\n    atomic = False\n    operations += [")

    with pytest.raises(MigrationFailed, match="atomic = False"):
        await bring_up(world, url)
    assert await tables(url) == set()
