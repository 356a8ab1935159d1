"""Writing migrations: equal models give equal files, and what cannot be written is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from core._db.migrate import MigrationFailed, check
from tests.migration.world import COMMUNITY, POLL, World, bring_up, query, tables

ALL_FIELDS = """
from enum import Enum
from core.fields import CodeField, DayField, EnumField, InstantField, JsonField
from core.ids import new_id

class Mood(Enum):
    CALM = "CALM"
    LOUD = "LOUD"

class Bell(CodeField):
    def __init__(self, max_length=12, *, tone, **kwargs):
        self.tone = tone
        super().__init__(max_length, **kwargs)

    class _db_postgres:
        def __init__(self, field):
            self.field = field

        @property
        def SQL_TYPE(self):
            return f'VARCHAR({self.field.max_length + self.field.tone}) COLLATE "C"'

class Base(Model):
    id = fields.BigIntField(primary_key=True, generated=False, default=new_id)

    class Meta:
        abstract = True

class Thing(Base):
    \"\"\"A thing.\"\"\"

    code = CodeField(64, unique=True)
    bell = Bell(tone=3)
    loud = Bell(9, tone=1, null=True, db_index=True)
    day = DayField(null=True, description="it's; a day */")
    at = InstantField(db_index=True)
    mood = EnumField(Mood, default=Mood.CALM)
    extra = JsonField(default={"a": [1]})
    open = fields.BooleanField(default=True)
    share = fields.IntField(db_default=7)
    tag = fields.CharField(20, db_default="a;b")

    class Meta:
        table = "core_thing"
        indexes = (("at", "id"),)
"""
DETAIL = """
class Detail(Model):
    matter = fields.OneToOneField("core.Community", primary_key=True, on_delete=RESTRICT, related_name=False)
    text = fields.CharField(60)
    where = fields.ForeignKeyField(
        "core.Community", on_delete=RESTRICT, related_name=False, db_index=True, source_field="place_number"
    )

    class Meta:
        table = "vote_detail"
"""


async def test_our_fields_are_written_with_their_arguments(world: World, url: str) -> None:
    """Every column type of this project, and a subclass of a plugin, survives the file on both databases."""
    app = world.app("core", ALL_FIELDS)
    world.make("core")
    text = world.read("core", "0001_initial")

    await bring_up(world, url)

    assert "from core.fields import CodeField, DayField, EnumField, InstantField, JsonField" in text
    assert f"from {app.models} import Bell, Mood" in text
    assert "('bell', Bell(max_length=12, tone=3))" in text
    assert "('loud', Bell(null=True, db_index=True, max_length=9, tone=1))" in text
    assert "default=new_id" in text
    assert "A thing" not in text
    assert await check(url, world.apps) == []
    assert world.make("core") is None
    await query(
        url,
        "INSERT INTO core_thing (id, code, bell, at, mood, extra, open) VALUES "
        "(1, 'a', 'b', '2026-01-01T00:00:00.000+08:00', 'CALM', '{}', TRUE)",
    )
    assert await query(url, "SELECT share, tag FROM core_thing") == [(7, "a;b")]
    if url.startswith("postgres"):
        types = (
            "SELECT atttypmod - 4, attcollation::regcollation::text FROM pg_attribute "
            "WHERE attrelid = 'core_thing'::regclass AND attname = 'bell'"
        )
        assert await query(url, types) == [(15, '"C"')]


def test_equal_models_give_equal_files(world: World) -> None:
    """The file depends on nothing but the models and the migrations before it."""
    world.app("core", ALL_FIELDS + COMMUNITY)
    first = world.make("core")
    assert first is not None
    text = first.read_text(encoding="utf-8")
    world.drop("core", "0001_initial")
    world.models("core", ALL_FIELDS + COMMUNITY)

    again = world.make("core")

    assert again == first
    assert again.read_text(encoding="utf-8") == text


def test_shared_keys_and_chosen_columns_are_stable(world: World) -> None:
    """A one-to-one primary key and a foreign key with its own column name are not "changed" at every run."""
    world.app("core", COMMUNITY)
    world.app("vote", DETAIL)
    world.make("core")
    world.make("vote")

    assert world.make("core") is None
    assert world.make("vote") is None


async def test_shared_keys_and_chosen_columns_can_change(world: World, url: str) -> None:
    """Other fields of such a table can be altered, with rows in it."""
    world.app("core", COMMUNITY)
    world.app("vote", DETAIL)
    world.make("core")
    world.make("vote")
    await bring_up(world, url)
    await query(url, "INSERT INTO core_community (id, name, note) VALUES (1, 'a', '')")
    await query(url, "INSERT INTO vote_detail (matter_id, text, place_number) VALUES (1, 'x', 1)")
    world.models(
        "vote",
        DETAIL.replace("CharField(60)", "CharField(80)").replace(
            "class Meta", "more = fields.IntField(default=3)\n\n    class Meta"
        ),
    )
    world.make("vote")

    await bring_up(world, url)

    assert await query(url, "SELECT matter_id, text, place_number, more FROM vote_detail") == [(1, "x", 1, 3)]
    assert await check(url, world.apps) == []
    assert world.make("vote") is None


def test_prose_is_no_change(world: World) -> None:
    """Docstrings and descriptions may be improved without a migration."""
    world.app("core", COMMUNITY)
    world.make("core")
    world.models(
        "core", COMMUNITY.replace("    id =", '    """A place."""\n    id =').replace("(60", '(60, description="x"')
    )

    assert world.make("core") is None


@pytest.mark.parametrize(
    ("name", "title"),
    [(None, "0002_add_field_seats_to_poll"), ("Seats, at last!", "0002_seats_at_last")],
)
def test_the_name_says_what_changes(world: World, name: str | None, title: str) -> None:
    """A migration is called after its number and what it does, or what the author says."""
    world.app("core", COMMUNITY)
    world.app("vote", POLL)
    world.make("core")
    world.make("vote")
    world.models("vote", POLL.replace("round =", "seats = fields.IntField(null=True)\n    round ="))

    made = world.make("vote", name)

    assert made is not None
    assert made.stem == title
    assert "('core', '0001_initial'), ('vote', '0001_initial')" in made.read_text(encoding="utf-8")


async def test_a_renamed_model_keeps_its_rows(world: World, url: str) -> None:
    """Renaming a class is a rename, also where it inherits fields; stock would drop the table and make a new one."""
    named = """
    class Base(Model):
        id = fields.BigIntField(primary_key=True, generated=False)

        class Meta:
            abstract = True

    class Old(Base):
        text = fields.CharField(60)

        class Meta:
            table = "core_note"
    """
    world.app("core", named)
    world.make("core")
    await bring_up(world, url)
    await query(url, "INSERT INTO core_note (id, text) VALUES (1, 'kept')")
    world.models("core", named.replace("Old", "New"))
    world.make("core")

    await bring_up(world, url)

    assert "RenameModel" in world.read("core", "0002_rename_model_old_to_new")
    assert await query(url, "SELECT text FROM core_note") == [("kept",)]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('table = "vote_poll"', 'table = "vote_question"', r"vote_question: CREATE TABLE"),
        ('"core.Community"', '"core.Other"', 'REFERENCES "core_other"'),
        ("default=1", "default=lambda: 1, null=True", "Cannot serialize lambda"),
    ],
)
def test_what_cannot_be_written_is_refused(world: World, old: str, new: str, text: str) -> None:
    """A change that the detector overlooks or cannot serialise is an error, and no file is left."""
    world.app("core", COMMUNITY + COMMUNITY.replace("Community", "Other").replace("core_community", "core_other"))
    world.app("vote", POLL)
    world.make("core")
    world.make("vote")
    world.models("vote", POLL.replace(old, new))

    with pytest.raises(MigrationFailed) as failure:
        world.make("vote")

    assert text in str(failure.value)
    assert [path.stem for path in migrations(world, "vote")] == ["0001_initial"]


def migrations(world: World, label: str) -> Iterator[object]:
    """Yield the files of an app's migrations."""
    yield from (world.folder / world.package / label / "migrations").glob("0*.py")


def test_a_field_that_hides_its_arguments_is_refused(world: World) -> None:
    """A field class whose constructor takes anything must say itself what it takes."""
    hiding = """
    from core.fields import CodeField

    class Short(CodeField):
        def __init__(self, **kwargs):
            super().__init__(kwargs.pop("size") * 2, **kwargs)

    class Thing(Model):
        id = fields.BigIntField(primary_key=True, generated=False)
        code = Short(size=4)

        class Meta:
            table = "core_thing"
    """
    world.app("core", hiding)

    with pytest.raises(MigrationFailed, match=r"deconstruct\(\)"):
        world.make("core")

    world.models(
        "core",
        hiding.replace(
            "    class Thing",
            """
        def deconstruct(self):
            path, args, kwargs = super().deconstruct()
            return path, args, {**kwargs, "size": self.max_length // 2}

    class Thing""",
        ),
    )
    assert world.make("core") is not None


def test_the_first_migration_makes_the_package(world: World) -> None:
    """A new plugin needs no empty folders."""
    world.app("core", COMMUNITY)
    shutil.rmtree(world.folder / world.package / "core" / "migrations")

    made = world.make("core")

    assert made is not None
    assert (made.parent / "__init__.py").exists()


def test_foreign_keys_into_models_without_migration_are_refused(world: World) -> None:
    """Core's migration comes first: a dependency on a table that no file makes would be a lie."""
    world.app("core", COMMUNITY)
    world.app("vote", POLL)

    with pytest.raises(MigrationFailed, match=r"points at core\.Community, which no migration of core makes"):
        world.make("vote")


@pytest.mark.slow
async def test_every_operation_can_be_detected_and_applied(world: World, url: str) -> None:
    """A long walk through changes with a row in the table; each time the result is what the models say."""
    world.app("core", COMMUNITY)
    world.app("vote", POLL)
    world.make("core")
    world.make("vote")
    await bring_up(world, url)
    await query(url, "INSERT INTO core_community (id, name, note) VALUES (1, 'a', '')")
    await query(url, "INSERT INTO vote_poll (id, community_id, title, round) VALUES (1, 1, 'gate', 7)")
    check_and_unique = (
        'constraints = (CheckConstraint(check="round > 0", name="vote_poll_round"), '
        'UniqueConstraint(fields=("title",), name="vote_poll_title"))\n        '
    )
    place = 'place = fields.OneToOneField("core.Community", null=True, on_delete=SET_NULL, related_name=False)'
    walk = [
        ("on_delete=CASCADE", "on_delete=RESTRICT"),
        ("fields.CharField(60)", "fields.CharField(200, unique=True)"),
        ("fields.CharField(200, unique=True)", "fields.CharField(200, db_index=True)"),
        ("fields.CharField(200, db_index=True)", "fields.CharField(90, null=True)"),
        ("unique_together =", check_and_unique + "unique_together ="),
        ("round > 0", "round > 1"),
        ("vote_poll_title", "vote_poll_one_title"),
        (check_and_unique.replace("> 0", "> 1").replace("_title", "_one_title"), ""),
        ('indexes = (("title", "round"),)', 'indexes = (Index(fields=("round", "title"), name="vote_poll_both"),)'),
        ("vote_poll_both", "vote_poll_pair"),
        (
            'Index(fields=("round", "title"), name="vote_poll_pair")',
            'PartialIndex(fields=("round",), condition={"title": "x"})',
        ),
        ("fields.IntField(default=1)", "fields.BigIntField(db_default=4)"),
        ('unique_together = (("community", "title"),)', 'unique_together = (("community", "title", "round"),)'),
        (
            "class Meta",
            f"{place}\n    class Meta",
        ),
        ("related_name=False, on_delete=CASCADE", "related_name=False"),
    ]
    models = POLL
    for old, new in walk:
        models = models.replace(old, new)
        world.models("vote", models)
        world.make("vote")
        await bring_up(world, url)
        assert await check(url, world.apps) == [], (old, new)
        assert world.make("vote") is None, (old, new)

    assert await query(url, "SELECT id, community_id, title, round, place_id FROM vote_poll") == [
        (1, 1, "gate", 7, None)
    ]
    assert await tables(url) == {"core_community", "vote_poll"}


def test_an_unknown_label_is_explained(world: World) -> None:
    """Only apps that are passed can get a migration."""
    with pytest.raises(MigrationFailed, match="plugin ghost: it is not loaded"):
        world.make("ghost")


async def test_many_to_many_tables_come_and_go(world: World, url: str) -> None:
    """They work, but the database misses an index on one of the two columns, and ``check`` says so."""
    tagged = (
        POLL
        + """
class Tag(Model):
    id = fields.BigIntField(primary_key=True, generated=False)
    polls = fields.ManyToManyField("vote.Poll", related_name="tags", through="vote_tag_poll", on_delete=RESTRICT)

    class Meta:
        table = "vote_tag"
"""
    )
    world.app("core", COMMUNITY)
    world.app("vote", tagged)
    world.make("core")
    world.make("vote")
    await bring_up(world, url)
    assert await tables(url) == {"core_community", "vote_poll", "vote_tag", "vote_tag_poll"}
    assert await check(url, world.apps) == [
        "vote: vote_tag_poll.poll_id is a foreign key without an index; make a model of its own for this table"
    ]
    world.models("vote", POLL)
    world.make("vote")

    await bring_up(world, url)

    assert await tables(url) == {"core_community", "vote_poll"}
