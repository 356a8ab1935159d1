"""The database layer: deeds are all or nothing, nothing outside reaches into them, and no cancellation wedges it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tortoise.context import get_current_context
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from core import database as database_module
from core._db import lanes as lanes_module
from core._db import sqlite as sqlite_module
from core.database import Database, DeedSuspended, Overloaded, StorageUnavailable, Tx
from core.ids import new_id
from core.kinds import CommunityKind
from core.models import Community, Counter
from tests.databases import CORE, KINDS, made, opened

ADD = "INSERT INTO core_counter (name, value) VALUES (?, ?)"
COUNT = "SELECT COUNT(*) FROM core_counter"
EVENT = "INSERT INTO core_event (id, at, type, plugin, path, payload) VALUES (?, '2026', 'core.x', 'core', '44/', '{}')"


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database of each kind."""
    async with opened(request.param, tmp_path, pool_size=5) as made_one:
        yield made_one


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty SQLite database."""
    async with opened("sqlite", tmp_path) as made_one:
        yield made_one


@pytest.fixture(params=KINDS[1:])
async def postgres(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty PostgreSQL database."""
    async with opened(request.param, tmp_path, pool_size=5) as made_one:
        yield made_one


def adding(name: str, value: int = 1) -> Callable[[Tx], Awaitable[str]]:
    """Make a deed that adds one row."""

    async def deed(tx: Tx) -> str:
        await tx.execute(ADD, (name, value))
        return name

    return deed


class Held:
    """A deed that holds SQLite's writer until it is let go."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go_on = threading.Event()

    async def deed(self, tx: Tx) -> None:
        """Write a row, then wait in the writer's thread."""
        await tx.execute(ADD, ("held", 1))
        self.began.set()
        assert self.go_on.wait(20)


async def until(event: threading.Event) -> None:
    """Wait for a thread's event without holding the loop."""
    assert await asyncio.to_thread(event.wait, 20)


# -- all or nothing -------------------------------------------------------------------------------------------------


async def test_a_deed_is_committed_and_its_result_returned(database: Database) -> None:
    """What a deed returns comes back, and what it wrote can be read."""
    assert await database.run(adding("a")) == "a"
    rows = await database.fetch("SELECT name, value FROM core_counter WHERE name = ?", ("a",))
    assert [(row["name"], row[1]) for row in rows] == [("a", 1)]
    assert await database.value("SELECT value FROM core_counter WHERE name = 'none'") is None


async def test_a_failing_deed_leaves_nothing(database: Database) -> None:
    """The exception reaches the caller, and no row of the deed stays."""

    async def deed(tx: Tx) -> None:
        await tx.execute(ADD, ("a", 1))
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await database.run(deed)
    assert await database.value(COUNT) == 0


async def test_reads_and_writes_of_a_deed_see_each_other(database: Database) -> None:
    """Every method of the transaction works, with question marks as placeholders, literal ones left alone."""

    async def deed(tx: Tx) -> tuple[Any, ...]:
        await tx.execute_many(ADD, [(f"n{i}", i) for i in range(5)])
        touched = await tx.execute("UPDATE core_counter SET value = value + ? WHERE value >= ?", (10, 3))
        one = await tx.one("SELECT name, '?' AS mark FROM core_counter WHERE value = ?", (13,))
        assert one is not None
        nothing = await tx.one("SELECT name FROM core_counter WHERE value = ?", (99,))
        rows = await tx.fetch(f"SELECT name FROM core_counter WHERE name < ? ORDER BY name{tx.for_update}", ("n2",))
        return touched, one["name"], one["mark"], nothing, [row["name"] for row in rows], await tx.value(COUNT)

    assert await database.run(deed) == (2, "n3", "?", None, ["n0", "n1"], 5)


@pytest.mark.parametrize("count", [0, 1, 3_000])
async def test_many_rows_are_written_at_once(database: Database, count: int) -> None:
    """Few or many, with texts, numbers of 63 bits and nulls; what reads them back reads the same."""
    rows = [(n + (1 << 62), f"镇\t\\N'{n}", f"44{n:06}", None, f"44/{n:06}/", "TOWN") for n in range(count)]
    sql = "INSERT INTO core_community (id, name, code, closed_at, path, kind) VALUES (?, ?, ?, ?, ?, ?)"
    await database.run(lambda tx: tx.execute_many(sql, rows))
    found = await database.fetch("SELECT id, name, code, closed_at, path, kind FROM core_community ORDER BY id")
    assert [tuple(row) for row in found] == rows


@pytest.mark.parametrize("count", [10, 3_000])
async def test_many_rows_of_which_one_is_wrong_leave_nothing(database: Database, count: int) -> None:
    """One duplicate among them undoes all of them."""
    rows = [*((f"n{n}", n) for n in range(count)), ("n3", 0)]
    with pytest.raises((sqlite3.IntegrityError, asyncpg.UniqueViolationError)):
        await database.run(lambda tx: tx.execute_many(ADD, rows))
    assert await database.value(COUNT) == 0


async def test_many_deeds_at_once_keep_their_own_outcomes(database: Database) -> None:
    """Of two hundred deeds at once the failing ones fail alone."""

    async def failing(tx: Tx) -> str:
        await tx.execute(ADD, (f"bad{new_id()}", 1))
        raise KeyError("mine")

    outcomes = await asyncio.gather(
        *(database.run(failing if i % 7 == 0 else adding(f"n{i}")) for i in range(200)), return_exceptions=True
    )
    assert [isinstance(outcome, KeyError) for outcome in outcomes] == [i % 7 == 0 for i in range(200)]
    assert await database.value(COUNT) == sum(i % 7 != 0 for i in range(200))


async def test_waiting_deeds_are_committed_together(sqlite: Database) -> None:
    """A deed sees what the one before it in the group wrote, while nobody outside sees it yet: one commit for both."""
    held, path = Held(), database_module.sqlite_path(sqlite.url)

    async def looking(tx: Tx) -> tuple[int, int]:
        with sqlite3.connect(path) as outside:
            seen = outside.execute(COUNT).fetchone()[0]
        outside.close()
        return await tx.value(COUNT), seen

    first = asyncio.create_task(sqlite.run(held.deed))
    await until(held.began)
    others = [asyncio.create_task(sqlite.run(deed)) for deed in (adding("a"), adding("b"), looking)]
    await asyncio.sleep(0)
    held.go_on.set()
    results = await asyncio.gather(first, *others)
    assert results[-1] == (3, 1)


async def test_a_unique_violation_is_an_integrity_error_of_tortoise(database: Database) -> None:
    """Models raise the same error on both databases."""

    async def deed(_: Tx) -> None:
        await Counter.create(name="a", value=1)
        await Counter.create(name="a", value=2)

    with pytest.raises(IntegrityError):
        await database.run(deed)
    assert await database.value(COUNT) == 0


# -- a deed awaits only its database ----------------------------------------------------------------------------------


async def _yielding() -> None:
    await asyncio.sleep(0)


async def _sleeping() -> None:
    await asyncio.sleep(0.001)


async def _waiting_for_a_thread() -> None:
    await asyncio.to_thread(len, "x")


async def _waiting_for_a_task() -> None:
    await asyncio.get_event_loop().create_task(_yielding())


@pytest.mark.parametrize("other", [_yielding, _sleeping, _waiting_for_a_thread, _waiting_for_a_task])
@pytest.mark.filterwarnings("ignore:coroutine '_yielding' was never awaited:RuntimeWarning")
async def test_a_deed_that_awaits_anything_else_is_refused(database: Database, other: Callable[[], Any]) -> None:
    """It ends with DeedSuspended, nothing is kept, and the next deed runs."""

    async def deed(tx: Tx) -> None:
        await tx.execute(ADD, ("a", 1))
        await other()

    with pytest.raises(DeedSuspended):
        await database.run(deed)
    assert await database.value(COUNT) == 0
    assert await database.run(adding("b")) == "b"


async def test_a_task_started_by_a_deed_cannot_use_its_transaction(postgres: Database) -> None:
    """Neither by the transaction it was given nor through a model, while the deed runs or later."""
    tasks: list[asyncio.Task[Any]] = []

    async def deed(tx: Tx) -> None:
        tasks.append(asyncio.create_task(tx.execute(ADD, ("stray", 1))))  # type: ignore[arg-type]
        tasks.append(asyncio.create_task(Counter.create(name="stray model", value=1)))
        await tx.fetch("SELECT pg_sleep(0.05)")

    await postgres.run(deed)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [DeedSuspended, DeedSuspended]
    assert await postgres.value(COUNT) == 0


async def test_a_caller_and_its_tasks_inherit_no_transaction(database: Database) -> None:
    """After a deed the caller has no model context, nor has a task it starts; models work in deeds only."""

    async def deed(_: Tx) -> None:
        await Counter.create(name="a", value=1)

    async def outside() -> bool:
        return get_current_context() is None

    await database.run(deed)
    assert get_current_context() is None
    assert await asyncio.create_task(outside())
    with pytest.raises(RuntimeError, match="TortoiseContext"):
        await Counter.filter(name="a").count()


async def test_reads_go_on_while_a_deed_runs(sqlite: Database) -> None:
    """A reader sees the state before the deed until it is committed, without waiting for it."""
    held = Held()
    running = asyncio.create_task(sqlite.run(held.deed))
    await until(held.began)
    assert await sqlite.value(COUNT) == 0
    held.go_on.set()
    await running
    assert await sqlite.value(COUNT) == 1


async def test_reads_go_on_while_a_deed_runs_on_postgresql(postgres: Database) -> None:
    """The same with a pool: the deed sleeps in the database, the reader does not wait."""
    ready = asyncio.Event()

    async def deed(tx: Tx) -> None:
        await tx.execute(ADD, ("a", 1))
        ready.set()
        await tx.fetch("SELECT pg_sleep(0.3)")

    running = asyncio.create_task(postgres.run(deed))
    await ready.wait()
    assert await postgres.value(COUNT) == 0
    assert not running.done()
    await running
    assert await postgres.value(COUNT) == 1


# -- models ---------------------------------------------------------------------------------------------------------


def community(number: int) -> dict[str, Any]:
    """Make the fields of a community."""
    return {"code": f"44{number:04}", "kind": CommunityKind.TOWN, "name": f"镇{number}", "path": f"44/{number:04}/"}


async def test_models_work_inside_a_deed(database: Database) -> None:
    """Create, get, filter, save, bulk_create, update, relations, count, delete and get_or_none do what they say."""

    async def deed(_: Tx) -> list[Any]:
        first = await Community.create(**community(1))
        found = await Community.get(id=first.id)
        found.name = "新名"
        await found.save()
        await Community.bulk_create([Community(**community(n), parent=first) for n in range(2, 60)])
        await Community.filter(code="440002").update(name="二")
        await Community.filter(code__in=["440003", "440004"]).delete()
        await (await Community.get(code="440005")).delete()
        joined = await Community.filter(parent__name="新名").order_by("code").select_related("parent").first()
        assert joined is not None
        assert joined.parent is not None
        return [
            found.kind, (await Community.get(id=first.id)).name, await Community.all().count(), joined.name,
            joined.parent.id == first.id, await Community.get_or_none(code="none"),
            (await Community.get_or_create(code="440001", defaults=community(1)))[1],
            await Community.filter(path__startswith="44/").order_by("-path").limit(1).values_list("code", flat=True),
        ]  # fmt: skip

    expected = [CommunityKind.TOWN, "新名", 56, "二", True, None, False, ["440059"]]
    assert await database.run(deed) == expected
    assert await database.value("SELECT COUNT(*) FROM core_community") == 56


async def test_a_nested_transaction_is_a_savepoint(database: Database) -> None:
    """What fails inside is undone alone; what succeeds inside is kept with the deed."""

    async def deed(tx: Tx) -> None:
        await Counter.create(name="outer", value=1)
        async with in_transaction():
            await Counter.create(name="inner", value=1)
            async with in_transaction():
                await tx.execute(ADD, ("innermost", 1))
        with pytest.raises(LookupError):
            await inner_failure()

    async def inner_failure() -> None:
        async with in_transaction():
            await Counter.create(name="undone", value=1)
            raise LookupError

    await database.run(deed)
    rows = await database.fetch("SELECT name FROM core_counter ORDER BY name")
    assert [row["name"] for row in rows] == ["inner", "innermost", "outer"]


async def test_a_failing_deed_undoes_its_nested_transactions(database: Database) -> None:
    """A finished inner transaction does not outlive its deed."""

    async def deed(_: Tx) -> None:
        async with in_transaction():
            await Counter.create(name="inner", value=1)
        raise LookupError

    with pytest.raises(LookupError):
        await database.run(deed)
    assert await database.value(COUNT) == 0


# -- numbers in the feed ----------------------------------------------------------------------------------------------


async def test_events_are_numbered_without_holes_in_commit_order(database: Database) -> None:
    """Concurrent deeds give 1, 2, 3 …; whoever has read up to n never finds a smaller number later."""
    seen: list[int] = []

    async def one(tx: Tx) -> None:
        await tx.execute(EVENT, (new_id(),))

    async def reader() -> None:
        while len(seen) < 120:
            rows = await database.fetch(
                "SELECT seq FROM core_event WHERE seq > ? ORDER BY seq", (seen[-1] if seen else 0,)
            )
            seen.extend(row["seq"] for row in rows)
            await asyncio.sleep(0)

    await asyncio.gather(reader(), *(database.run(one) for _ in range(120)))
    assert seen == list(range(1, 121))


async def test_a_deed_is_numbered_although_its_caller_was_cancelled(database: Database) -> None:
    """What follows the commit belongs to the deed, not to the one who waits for it."""

    async def one(tx: Tx) -> None:
        await tx.execute(EVENT, (new_id(),))

    waiting = asyncio.create_task(database.run(one))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await database.run(adding("after"))
    for _ in range(1_000):
        if await database.value("SELECT COUNT(*) FROM core_event WHERE seq IS NOT NULL") == 1:
            return
        await asyncio.sleep(0.001)
    pytest.fail("the event was not numbered")


async def test_a_numbering_that_fails_does_not_fail_the_deed(postgres: Database) -> None:
    """The deed is committed when its event is to be numbered, so its caller is told the truth."""
    await postgres.run(lambda tx: tx.execute("ALTER TABLE core_trace_leaf RENAME TO elsewhere"))
    assert await postgres.run(adding("a")) == "a"
    assert await postgres.value(COUNT) == 1


# -- failures told apart ----------------------------------------------------------------------------------------------


async def test_a_mistake_in_sql_is_not_called_an_outage(database: Database) -> None:
    """A wrong statement raises what the driver says; only the machine's failures become StorageUnavailable."""
    with pytest.raises((sqlite3.OperationalError, asyncpg.PostgresError)):
        await database.fetch("SELECT nonsense FROM core_counter")
    with pytest.raises((sqlite3.OperationalError, asyncpg.PostgresError)):
        await database.run(lambda tx: tx.fetch("SELECT nonsense FROM core_counter"))
    with pytest.raises((sqlite3.Error, asyncpg.InterfaceError)):
        await database.run(lambda tx: tx.fetch("SELECT name FROM core_counter WHERE name = ?", ("a", "b")))


async def test_a_full_disk_is_an_outage_that_passes(sqlite: Database) -> None:
    """The deed that meets it keeps nothing and says so; reads go on; with room again deeds run, without a restart."""

    async def set_room(tx: Tx, spare: int) -> None:
        pages = await tx.value("PRAGMA page_count")
        await tx.fetch(f"PRAGMA max_page_count = {pages + spare}")

    async def large(tx: Tx) -> None:
        await tx.execute_many(ADD, [(f"{i}" * 10, i) for i in range(100_000, 120_000)])

    await sqlite.run(lambda tx: set_room(tx, 1))
    with pytest.raises(StorageUnavailable, match="full"):
        await sqlite.run(large)
    assert await sqlite.value(COUNT) == 0
    await sqlite.run(lambda tx: set_room(tx, 100_000))
    await sqlite.run(large)
    assert await sqlite.value(COUNT) == 20_000


async def test_a_group_that_fails_at_its_commit_keeps_nothing_and_passes(sqlite: Database) -> None:
    """Deeds whose common COMMIT is refused are all undone and told so, none of them twice; the next group is kept."""
    held, done = Held(), []

    async def orphan(tx: Tx) -> None:
        await tx.fetch("PRAGMA defer_foreign_keys = ON")  # so that it is the COMMIT that finds out
        await tx.execute(
            "INSERT INTO core_link (id, source_id, target_id, relation, made_at) VALUES (1, 2, 3, 'RESULT_OF', '2026')"
        )

    async def counted(tx: Tx) -> None:
        done.append(await tx.execute(ADD, ("counted", 1)))

    first = asyncio.create_task(sqlite.run(held.deed))
    await until(held.began)
    group = [asyncio.create_task(sqlite.run(deed)) for deed in (adding("a"), orphan, counted, adding("b"))]
    await asyncio.sleep(0)
    held.go_on.set()
    await first
    outcomes = await asyncio.gather(*group, return_exceptions=True)
    assert [(type(one), str(one)) for one in outcomes] == [(StorageUnavailable, "FOREIGN KEY constraint failed")] * 4
    assert done == [1]
    assert await asyncio.gather(*(sqlite.run(adding(name)) for name in "abc")) == ["a", "b", "c"]
    rows = await sqlite.fetch("SELECT name FROM core_counter ORDER BY name")
    assert [row["name"] for row in rows] == ["a", "b", "c", "held"]


async def test_a_full_queue_of_the_writer_refuses_at_once(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many deeds waiting as the server will hold, the next one is Overloaded; those that wait are all done."""
    monkeypatch.setattr(sqlite_module, "MOST_WAITING", 3)
    held = Held()
    first = asyncio.create_task(sqlite.run(held.deed))
    await until(held.began)
    await refused_beyond(sqlite, 3, shared=False, let_go=held.go_on.set)
    await first


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
async def test_a_full_queue_of_the_lanes_refuses_at_once(
    postgres: Database, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    """While every lane waits for a lock, as many deeds wait as the server will hold; the next one is Overloaded."""
    monkeypatch.setattr(lanes_module, "MOST_WAITING", 3)
    began: asyncio.Queue[None] = asyncio.Queue()

    async def waiting(tx: Tx) -> None:
        began.put_nowait(None)
        await tx.fetch("SELECT pg_advisory_xact_lock_shared(7)")

    other = await asyncpg.connect(postgres.url)
    await other.execute("SELECT pg_advisory_lock(7)")
    busy = []
    for _ in range(2 if shared else 5):  # one after the other, or one lane would take several
        busy.append(asyncio.create_task(postgres.run(waiting, shared=shared)))
        await began.get()
    unlocking: list[asyncio.Task[str]] = []
    await refused_beyond(
        postgres,
        3,
        shared=shared,
        let_go=lambda: unlocking.append(asyncio.create_task(other.execute("SELECT pg_advisory_unlock(7)"))),
    )
    await asyncio.gather(*busy, *unlocking)
    await other.close()


async def refused_beyond(database: Database, most: int, *, shared: bool, let_go: Callable[[], object]) -> None:
    """Queue as many deeds as may wait, see that the next one is refused, let go and see that the others are done."""
    waiting = [asyncio.create_task(database.run(adding(f"n{n}"), shared=shared)) for n in range(most)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match=f"{most} deeds are waiting already"):
        await database.run(adding("refused"), shared=shared)
    let_go()
    assert await asyncio.gather(*waiting) == [f"n{n}" for n in range(most)]
    assert await database.run(adding("later"), shared=shared) == "later"
    assert await database.value("SELECT COUNT(*) FROM core_counter WHERE name = 'refused'") == 0


async def test_a_lost_connection_is_an_outage_that_passes(postgres: Database) -> None:
    """A deed and a read whose connection is cut say StorageUnavailable; the next ones run."""

    async def cut(tx: Tx) -> None:
        await tx.execute(ADD, ("a", 1))
        await tx.fetch("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StorageUnavailable):
        await postgres.run(cut)
    with pytest.raises(StorageUnavailable):
        await postgres.fetch("SELECT pg_terminate_backend(pg_backend_pid())")
    assert await postgres.run(adding("b")) == "b"
    assert await postgres.value(COUNT) == 1


async def test_a_read_without_end_is_interrupted(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement over its time is cut off, and the next read has its own time."""
    monkeypatch.setattr(sqlite_module, "READ_SECONDS", 0.05)
    with pytest.raises(StorageUnavailable, match="interrupted"):
        await sqlite.fetch("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n")
    assert await sqlite.value(COUNT) == 0


async def test_a_lock_held_by_another_program_is_an_outage_that_passes(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody else holds the file's write lock too long, deeds say so; afterwards they run."""
    await sqlite.run(lambda tx: tx.fetch("PRAGMA busy_timeout = 20"))
    other = sqlite3.connect(database_module.sqlite_path(sqlite.url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable, match="locked"):
        await sqlite.run(adding("a"))
    other.execute("ROLLBACK")
    other.close()
    assert await sqlite.run(adding("a")) == "a"


@pytest.mark.slow
async def test_deeds_that_lock_each_other_out_are_tried_again(postgres: Database) -> None:
    """Two deeds that take two rows in opposite order both end well."""
    await postgres.run(adding("a", 0))
    await postgres.run(adding("b", 0))

    def crossing(first: str, second: str) -> Callable[[Tx], Awaitable[None]]:
        async def deed(tx: Tx) -> None:
            for name in (first, second):
                await tx.execute("UPDATE core_counter SET value = value + 1 WHERE name = ?", (name,))
                await tx.fetch("SELECT pg_sleep(0.1)")

        return deed

    await asyncio.gather(postgres.run(crossing("a", "b")), postgres.run(crossing("b", "a")))
    rows = await postgres.fetch("SELECT value FROM core_counter")
    assert [row["value"] for row in rows] == [2, 2]


async def test_a_missing_folder_or_server_is_an_outage(tmp_path: Path) -> None:
    """Opening says what it could not open."""
    with pytest.raises(StorageUnavailable, match=r"none/x\.db"):
        await Database.open(f"sqlite://{tmp_path}/none/x.db", CORE)
    with pytest.raises(StorageUnavailable, match="does not answer"):
        await Database.open("postgres://nobody@127.0.0.1:1/none", CORE)


async def test_a_database_in_memory_is_refused() -> None:
    """It would be another one for every connection."""
    with pytest.raises(ValueError, match="name a file"):
        await Database.open("sqlite://:memory:", CORE)


async def test_odd_file_names_are_file_names(tmp_path: Path) -> None:
    """Question marks, hashes, percent signs and Chinese in a path mean themselves."""
    folder = tmp_path / "库 100%20?#"
    folder.mkdir()
    async with opened("sqlite", folder) as database:
        await database.run(adding("a"))
        assert (folder / "test.db").exists()
        assert await database.value(COUNT) == 1


def telling_thread(ran: threading.Event) -> Callable[[Tx], Awaitable[str]]:
    """Make a deed that tells which thread it runs on."""

    async def deed(tx: Tx) -> str:
        await tx.execute(ADD, (f"by {new_id()}", 1))
        ran.set()
        return threading.current_thread().name

    return deed


async def test_short_deeds_run_on_the_loop_and_others_beside_it(sqlite: Database) -> None:
    """Groups of short deeds share the loop's thread; one that may take long keeps its whole group off it."""
    here = threading.current_thread().name
    assert await sqlite.run(telling_thread(threading.Event()), shared=True) == here
    assert await sqlite.run(telling_thread(threading.Event())) == "shanzhi-writer"


async def test_a_loop_that_is_held_up_holds_no_deed_up(sqlite: Database) -> None:
    """A short deed waits a second for its loop; then it runs without it, once, and is answered when the loop is back."""
    ran = threading.Event()
    waiting = asyncio.create_task(sqlite.run(telling_thread(ran), shared=True))
    await asyncio.sleep(0)  # the task has queued its deed; from here on the loop does nothing else
    assert ran.wait(30)
    assert await waiting == "shanzhi-writer"
    assert await sqlite.value(COUNT) == 1


async def test_closing_finishes_what_waits_and_refuses_what_comes_later(tmp_path: Path) -> None:
    """Deeds queued before the end are done and answered; one after it is refused at once."""
    async with made("sqlite", tmp_path) as url:
        database = await Database.open(url, CORE)
        waiting = [asyncio.create_task(database.run(adding(f"n{i}"))) for i in range(100)]
        await asyncio.sleep(0)
        await database.close()
        assert len(await asyncio.gather(*waiting)) == 100
        with pytest.raises(StorageUnavailable, match="closed"):
            await database.run(adding("late"))
        await database.close()


async def test_a_closed_pool_refuses_deeds_and_reads(postgres: Database) -> None:
    """After the end everything is refused at once."""
    await postgres.close()
    with pytest.raises(StorageUnavailable):
        await postgres.run(adding("late"))
    with pytest.raises(StorageUnavailable):
        await postgres.fetch(COUNT)
