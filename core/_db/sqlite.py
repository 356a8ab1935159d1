"""SQLite: one writer thread that owns one connection and commits deeds in groups; reads on a connection of their own.

A deed is a coroutine that may await only the database. The writer drives it to its end with ``send(None)``: the
clients here never suspend, so anything else that is awaited does, and is refused there and then. Hence no network call,
loader or other task can sit inside a transaction, no lock exists that a cancellation could leave held (trust.md T1),
and one fsync serves all the deeds that were waiting (engine.md, "Writes").
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from typing import Any, ClassVar, cast
from urllib.parse import quote

from tortoise.backends.base.client import ConnectionWrapper, TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient
from tortoise.context import TortoiseContext, _current_context
from tortoise.exceptions import IntegrityError, OperationalError

from core._db.seam import (
    SUSPENDED,
    Deed,
    DeedSuspended,
    Overloaded,
    Params,
    Row,
    Statement,
    StorageUnavailable,
    Sums,
    T,
)

log = logging.getLogger("shanzhi.db")

GROUP_LIMIT = 64
MOST_WAITING = 20_000
CHECKPOINT_PAGES = 8_000  # 32 MiB: indexes are written all over, and a page that changes often is copied back once
BUSY_SECONDS = 5.0
CLOSE_SECONDS = 60.0
READ_SECONDS = 5.0
PROGRESS_STEPS = 20_000
LOOP_SECONDS = 1.0  # how long short deeds wait for their loop before they run without it
JOURNAL_BYTES = 64 << 20


def connect(path: str, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection with the pragmas this project relies on: WAL, foreign keys, full durability."""
    address = f"file:{quote(path)}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False, cached_statements=512
    )
    connection.row_factory = sqlite3.Row
    if not read_only:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # what was erased is not left in free pages of the file
        connection.execute(f"PRAGMA journal_size_limit={JOURNAL_BYTES}")  # after an import the log shrinks again
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-65536")
    return connection


# What SQLite says when the machine, not the statement, is at fault (primary codes, sqlite.org/rescode.html).
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOTADB,
}  # fmt: skip


def _is_unavailable(error: BaseException | None) -> bool:
    """Say whether the database is at fault, also when Tortoise has wrapped what it said."""
    if isinstance(error, OperationalError):
        error = error.__cause__
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNAVAILABLE


@contextmanager
def _tortoise_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OperationalError(error) from error
    except sqlite3.IntegrityError as error:
        raise IntegrityError(error) from error


class InlineClient(SqliteClient, TransactionalDBClient):
    """Tortoise on the writer's own connection: no method ever suspends."""

    _names: ClassVar[Iterator[int]] = count()

    def __init__(self, file_path: str = "", connection: sqlite3.Connection | None = None, **kwargs: Any) -> None:
        super().__init__(file_path, **(kwargs or {"connection_name": "default"}))
        self._raw = cast(sqlite3.Connection, connection)

    async def create_connection(self, with_db: bool) -> None:
        return None

    async def close(self) -> None:
        return None

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        raise OperationalError("the connection of a deed cannot be taken out of it; use its methods")

    def _in_transaction(self) -> TransactionContext:
        return _Savepoint(self, self._raw, f"t{next(self._names)}")

    async def execute_insert(self, query: str, values: list[Any]) -> int:
        with _tortoise_errors():
            return self._raw.execute(query, values).lastrowid or 0

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        with _tortoise_errors():
            self._raw.executemany(query, values)

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[Any]]:
        with _tortoise_errors():
            cursor = self._raw.execute(query, values or ())
            rows = cursor.fetchall()
            return (cursor.rowcount if cursor.rowcount > 0 else len(rows)), rows

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        return [dict(row) for row in (await self.execute_query(query, values))[1]]

    async def execute_script(self, query: str) -> None:
        raise OperationalError("a script would commit the deed half-way; run its statements one by one")

    async def _refuse(self) -> None:
        raise OperationalError("a deed is committed by its runner only")

    begin = savepoint = rollback = savepoint_rollback = commit = release_savepoint = _refuse


class _Savepoint(TransactionContext):
    """Tortoise's nested transaction inside a deed."""

    def __init__(self, client: InlineClient, raw: sqlite3.Connection, name: str) -> None:
        self.client = client
        self._raw = raw
        self._name = name

    async def __aenter__(self) -> TransactionalDBClient:
        self._raw.execute(f"SAVEPOINT {self._name}")
        return self.client

    async def __aexit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        if exc_type is not None:
            self._raw.execute(f"ROLLBACK TO {self._name}")
        self._raw.execute(f"RELEASE {self._name}")


class SqliteTx:
    """Plain SQL inside a deed; implements ``seam.Tx``."""

    dialect = "sqlite"
    for_update = for_share = ""
    next_seq = "(SELECT COALESCE(MAX(seq), 0) + 1 FROM {table})"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._untouched = 0
        self.has_executed = False
        self.sums = Sums()

    def begin_deed(self) -> None:
        """Start to watch whether the next deed changes anything."""
        self._untouched = self.connection.total_changes
        self.has_executed = False

    @property
    def is_touched(self) -> bool:
        """Say whether the deed may have changed anything."""
        return self.has_executed or self.connection.total_changes != self._untouched

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        return self.connection.execute(sql, params).fetchall()

    async def one(self, sql: str, params: Params = ()) -> Row | None:
        return self.connection.execute(sql, params).fetchone()

    async def value(self, sql: str, params: Params = ()) -> Any:
        row = self.connection.execute(sql, params).fetchone()
        return None if row is None else row[0]

    async def execute(self, sql: str, params: Params = ()) -> int:
        self.has_executed = True
        return self.connection.execute(sql, params).rowcount

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> None:
        self.connection.executemany(sql, rows)

    async def together(self, statements: Sequence[Statement]) -> list[int]:
        self.has_executed = True
        execute = self.connection.execute
        return [execute(sql, params).rowcount for sql, params in statements]

    def add_up(self, update: str, amounts: Sequence[int], key: Params) -> None:
        self.sums.add(update, amounts, key)


class _Job:
    """One waiting deed, the context it was called in, and what became of it."""

    __slots__ = ("context", "deed", "error", "future", "is_short", "loop", "result")

    def __init__(self, deed: Deed[Any], *, is_short: bool) -> None:
        self.deed = deed
        self.is_short = is_short
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.context = contextvars.copy_context()
        self.result: Any = None
        self.error: BaseException | None = None

    def answer(self) -> None:
        """Hand the outcome to the waiting caller, on the caller's loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _Turn:
    """One run through the deeds of a group: on the event loop's own thread if they are short, else on the writer's.

    Each statement lets go of the interpreter, and beside a busy loop whoever let go waits for its return: two threads that
    take turns at every statement get through a third of the deeds that one does. What is done beside the loop is what
    takes time and no interpreter: the commit.
    """

    def __init__(self, work: Callable[[], bool]) -> None:
        self._work = work
        self._claim = threading.Lock()
        self._done = threading.Event()
        self._result = False
        self._error: BaseException | None = None

    def taken_by(self, group: Sequence[_Job]) -> bool:
        """Run the work where it belongs and return what it returns; called by the writer's thread."""
        loop = group[0].loop
        if not all(job.is_short and job.loop is loop for job in group) or not _offered(loop, self._run):
            return self._work()
        if not self._done.wait(LOOP_SECONDS) and self._claim.acquire(blocking=False):
            return self._work()  # the loop has stopped, or is held up by something else
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        """Do the work on the loop, unless the writer has given up waiting for it."""
        if not self._claim.acquire(blocking=False):
            return
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - handed on to the writer's thread
            self._error = error
        self._done.set()


def _offered(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> bool:
    """Ask a loop to run something; False when it is closed."""
    try:
        loop.call_soon_threadsafe(work)
    except RuntimeError:
        return False
    return True


class Writer:
    """The one thread that writes: takes the waiting deeds, commits them together, answers them all."""

    def __init__(self, path: str, tortoise: TortoiseContext, before_commit: Sequence[str] = ()) -> None:
        self._path = path
        self._tortoise = tortoise
        self._before_commit = tuple(before_commit)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._live, name="shanzhi-writer", daemon=True)
        self._opened: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._sums = Sums()
        self._closed = False

    async def open(self) -> None:
        """Start the thread; raises StorageUnavailable when the file cannot be opened."""
        self._thread.start()
        error = await asyncio.to_thread(self._opened.get)
        if error is not None:
            raise StorageUnavailable(f"{self._path}: {error}") from error

    async def run(self, deed: Deed[T], *, shared: bool = False) -> T:
        """Queue a deed and wait for its outcome; cancelling the wait does not stop the deed.

        All deeds share commits. The ``shared`` ones are short and come by the thousand: see ``_Turn``.
        """
        if self._closed:
            raise StorageUnavailable("the database has been closed")
        if self._jobs.qsize() >= MOST_WAITING:
            raise Overloaded(f"{MOST_WAITING} deeds are waiting already")
        job = _Job(deed, is_short=shared)
        self._jobs.put(job)
        outcome: T = await job.future  # only the wait for it can be cancelled: the deed is the writer's now
        return outcome

    async def close(self) -> None:
        """Finish what waits, then close the connection; the event loop goes on meanwhile."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join, CLOSE_SECONDS)

    def _live(self) -> None:
        try:
            connection = connect(self._path)
        except sqlite3.Error as error:
            self._opened.put(error)
            return
        self._opened.put(None)
        # A savepoint keeps the pages it may have to bring back: in memory a deed costs half of what it does with a file.
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        # Tortoise's save() gathers its (empty) list of signal listeners, which asks the thread for a loop.
        asyncio.set_event_loop(asyncio.new_event_loop())
        client, tx = InlineClient(connection=connection), SqliteTx(connection)
        running = True
        while running:
            group, running = self._take()
            if group:
                self._commit(connection, client, tx, group)
        connection.close()
        asyncio.get_event_loop().close()

    def _take(self) -> tuple[list[_Job], bool]:
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == GROUP_LIMIT or self._jobs.empty():
                return group, True
            job = self._jobs.get()
        return group, False

    def _commit(self, connection: sqlite3.Connection, client: InlineClient, tx: SqliteTx, group: list[_Job]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            if not _Turn(lambda: self._all_well(client, tx, group)).taken_by(group):
                if connection.in_transaction:  # else SQLite itself has rolled it back: disk full, I/O error
                    connection.execute("ROLLBACK")
                connection.execute("BEGIN IMMEDIATE")
                self._sums.clear()
                for job in group:
                    self._drive(connection, client, tx, job)
                self._conclude(connection)
            connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - every caller gets an answer, and the thread lives on
            self._abandon(connection, tx, group, error)
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in group:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, jobs in by_loop.items():
            if not _offered(loop, partial(_answer_all, jobs)):
                log.warning("%d deeds were committed after their event loop had closed", len(jobs))

    def _all_well(self, client: InlineClient, tx: SqliteTx, group: list[_Job]) -> bool:
        """Run deeds one after the other; False when one failed that had changed something: all have to begin anew.

        Nearly every deed that fails is refused before it writes. A savepoint around each would double what writing costs.
        """
        self._sums.clear()
        for job in group:
            tx.begin_deed()
            try:
                job.result = job.context.run(_to_the_end, job.deed, tx, client, self._tortoise)
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                tx.sums.clear()
                if tx.is_touched or _is_unavailable(error):
                    return False
                job.error = error
            self._sums.merge(tx.sums)
        self._conclude(tx.connection)
        return True

    def _conclude(self, connection: sqlite3.Connection) -> None:
        """Add up the sums of all deeds, and do what comes before every commit."""
        for statement, params in self._sums.statements():
            connection.execute(statement, params)
        for statement in self._before_commit:
            connection.execute(statement)

    def _drive(self, connection: sqlite3.Connection, client: InlineClient, tx: SqliteTx, job: _Job) -> None:
        """Run a deed that is undone alone when it fails."""
        job.error = None
        connection.execute("SAVEPOINT deed")
        try:
            job.result = job.context.run(_to_the_end, job.deed, tx, client, self._tortoise)
        except BaseException as error:
            if not connection.in_transaction:
                raise  # SQLite itself rolled the whole group back: disk full, I/O error
            job.error = _storage_error(error) if _is_unavailable(error) else error
            tx.sums.clear()
            connection.execute("ROLLBACK TO deed")
        connection.execute("RELEASE deed")
        self._sums.merge(tx.sums)

    def _abandon(self, connection: sqlite3.Connection, tx: SqliteTx, group: list[_Job], error: BaseException) -> None:
        log.error("a group of %d deeds was rolled back: %s", len(group), error)
        tx.sums.clear()
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        for job in group:
            if job.error is None:
                job.error = _storage_error(error)


def _storage_error(cause: BaseException) -> StorageUnavailable:
    error = StorageUnavailable(str(cause))
    error.__cause__ = cause
    return error


def _answer_all(jobs: list[_Job]) -> None:
    for job in jobs:
        job.answer()


def _to_the_end(deed: Deed[T], tx: SqliteTx, client: InlineClient, tortoise: TortoiseContext) -> T:
    _current_context.set(tortoise)
    tortoise.connections.set("default", client)
    coroutine = cast("Coroutine[Any, Any, T]", deed(tx))
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    except RuntimeError as error:
        if str(error) == "no running event loop":  # what a timer, a task or a socket says in this thread
            raise DeedSuspended(SUSPENDED) from error
        raise
    coroutine.close()
    raise DeedSuspended(SUSPENDED)


class Reader:
    """Reads on the loop's own thread: a thread hop costs ten times a point query (engine.md, "Reads")."""

    def __init__(self, path: str) -> None:
        self._connection = connect(path, read_only=True)
        self._until = 0.0
        self._connection.set_progress_handler(self._late, PROGRESS_STEPS)

    def _late(self) -> int:
        return 1 if time.monotonic() > self._until else 0

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        """Return all rows; a statement that runs longer than five seconds is interrupted."""
        return self.read(sql, params)

    def read(self, sql: str, params: Params) -> list[Row]:
        """Do the same where nothing waits."""
        self._until = time.monotonic() + READ_SECONDS
        try:
            return self._connection.execute(sql, params).fetchall()
        except sqlite3.OperationalError as error:
            if not _is_unavailable(error):
                raise
            raise StorageUnavailable(str(error)) from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class DearReader:
    """Reads that take long, on threads of their own: SQLite lets go of the interpreter while it works."""

    def __init__(self, path: str, threads: int = 2) -> None:
        self._path = path
        self._own = threading.local()
        self._opened: list[Reader] = []
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="shanzhi-reader")

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        """Return all rows; limits as in ``Reader``."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, sql, params)

    def _read(self, sql: str, params: Params) -> list[Row]:
        reader: Reader | None = getattr(self._own, "reader", None)
        if reader is None:
            reader = self._own.reader = Reader(self._path)
            self._opened.append(reader)
        return reader.read(sql, params)

    async def close(self) -> None:
        """Let the reads under way end, then close the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        for reader in self._opened:
            reader.close()
