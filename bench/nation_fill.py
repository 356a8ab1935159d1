"""The rows of the nation: every statement makes thousands of copies of one row that the district's world already has.

A copy differs from its sample in the columns that are named here, and in nothing else: so tables may gain columns
without a word in this file. ``n`` numbers the copies from 0. Keys and times follow from ``n``; the text of the
statements is the same on SQLite and PostgreSQL but for the few functions of a ``Dialect``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tortoise.models import Model

from core import models as core
from core.ids import EPOCH_MS, RANDOM_BITS
from plugins.notices import models as notices
from plugins.register import models as register
from plugins.voting import models as voting
from plugins.wishes import models as wishes

PEOPLE = 1_000_000
RESIDENTS = 300_000  # people who live at one of the places and write there; the others own a unit in a compound
LOGINS = 200_000
ROLLS, ROLL_SIZE, POLLS_PER_ROLL = 100, 10_000, 10
POLLS = ROLLS * POLLS_PER_ROLL
BALLOTS = POLLS * ROLL_SIZE
UNITS_PER_BUILDING = 120
BUILDINGS = -(-ROLL_SIZE // UNITS_PER_BUILDING)
PLACES, ROUNDS = 50_000, 40  # places with so many matters each: notices and wishes by turns
MATTERS = PLACES * ROUNDS
BUSY, BUSY_ROUNDS = 60, 220  # places with over a hundred wishes, as W4 reads them
BUSY_MATTERS = BUSY * BUSY_ROUNDS
LEAVES_OF_BALLOTS = BALLOTS // 10

YEAR_2025 = 1_735_660_800_000  # 2025-01-01 in China, milliseconds
_DAY = 86_400_000
BEGINS = {  # when the keys of each group of matters begin: groups never meet
    "matter": YEAR_2025,
    "busy": YEAR_2025 + 400 * _DAY,
    "roll": YEAR_2025 - 200 * _DAY,
    "poll": YEAR_2025 - 100 * _DAY,
}
SPACING = {"matter": 12_960, "busy": 60_000, "roll": 60_000, "poll": 60_000}  # milliseconds between two matters


@dataclass(frozen=True)
class Dialect:
    """What the two databases say differently, and how the matters lie: place by place, as in the district, or mixed."""

    is_postgres: bool
    is_mixed: bool = False

    def place(self, size: int, count: int) -> str:
        """Return the SQL of the place of the n-th of so many matters of so many places."""
        return f"s.n % {size}" if self.is_mixed else f"s.n / {count // size}"

    def round(self, size: int, count: int) -> str:
        """Return the SQL of how many matters its place has before the n-th."""
        return f"s.n / {size}" if self.is_mixed else f"s.n % {count // size}"

    def series(self, count: int) -> str:
        """Return a table of one column ``n`` from 0 up."""
        if self.is_postgres:
            return f"(SELECT generate_series(0, {count - 1})::BIGINT AS n) AS s"
        return (
            f"(WITH RECURSIVE up(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM up WHERE n < {count - 1}) "  # noqa: S608 - a number
            f"SELECT n FROM up) AS s"
        )

    def wire(self, milliseconds: str) -> str:
        """Return an instant in the wire format."""
        if self.is_postgres:
            local = f"to_timestamp(({milliseconds}) / 1000.0) AT TIME ZONE 'Asia/Shanghai'"
            return f"""(to_char({local}, 'YYYY-MM-DD"T"HH24:MI:SS.MS') || '+08:00')"""
        return f"(strftime('%Y-%m-%dT%H:%M:%f', ({milliseconds}) / 1000.0, 'unixepoch', '+8 hours') || '+08:00')"

    def hash(self, number: str) -> str:
        """Return 64 hexadecimal digits that look random and differ for each number."""
        if self.is_postgres:
            return f"encode(sha256(({number})::TEXT::BYTEA), 'hex')"
        return "lower(hex(randomblob(32)))"

    def literal(self, value: Any) -> str:
        """Write a value of a sample row into SQL."""
        if value is None:
            return "NULL"
        if isinstance(value, bool | int):
            return str(value).upper()
        return "'" + str(value).replace("'", "''") + "'"


def key(group: str, n: str) -> str:
    """Return the SQL of the key of the n-th matter of a group; keys carry their time, as real ones do."""
    return f"({moment(group, n)} - {EPOCH_MS}) * {1 << RANDOM_BITS}"


def moment(group: str, n: str) -> str:
    """Return the SQL of the moment, in milliseconds, of the n-th matter of a group."""
    return f"({BEGINS[group]} + ({n}) * {SPACING[group]})"


def row_key(n: str, kind: int = 0) -> str:
    """Return the SQL of a key in a table that is no matter's; ``kind`` keeps several groups in one table apart."""
    return f"(({YEAR_2025 + kind * 40 * _DAY} + ({n}) - {EPOCH_MS}) * {1 << RANDOM_BITS})"


@dataclass(frozen=True)
class Copies:
    """Rows made of one sample: ``source`` is a FROM clause that yields ``n``; ``changed`` maps columns to SQL."""

    model: type[Model]
    source: str
    changed: Mapping[str, str]
    sample: str | None = "TRUE"  # which row is copied; None when all columns are said

    @property
    def table(self) -> str:
        """Return the table's name."""
        return str(self.model._meta.db_table)

    @property
    def columns(self) -> list[str]:
        """Return the table's columns."""
        return list(self.model._meta.db_fields)

    def find_sample(self) -> str | None:
        """Return the query for the sample row."""
        return None if self.sample is None else f"SELECT * FROM {self.table} WHERE {self.sample} LIMIT 1"  # noqa: S608 - from here

    def insert(self, dialect: Dialect, sample: Mapping[str, Any]) -> str:
        """Write the statement."""
        wanted = [name for name in self.columns if name in self.changed or name in sample]
        values = [self.changed[name] if name in self.changed else dialect.literal(sample[name]) for name in wanted]
        return f"INSERT INTO {self.table} ({', '.join(wanted)}) SELECT {', '.join(values)} FROM {self.source}"  # noqa: S608 - from here


def everything(dialect: Dialect, password_hash: str) -> Iterator[Copies]:
    """Yield all groups of rows, those that are pointed at first."""
    yield from _people(dialect, password_hash)
    yield from _matters(dialect, "matter", MATTERS, "bench_place", PLACES)
    yield from _matters(dialect, "busy", BUSY_MATTERS, "bench_busy", BUSY)
    yield from _rolls(dialect)
    yield from _polls(dialect)
    yield from _record(dialect)


def _person(n: str) -> str:
    return row_key(n)


def _people(d: Dialect, password_hash: str) -> Iterator[Copies]:
    people = d.series(PEOPLE)
    yield Copies(core.Person, people, {"id": _person("n"), "name": "'示例居民' || n"})
    home = f"{people} JOIN bench_compound c ON c.n = s.n / {ROLL_SIZE} WHERE s.n >= {RESIDENTS}"
    yield Copies(core.Appointment, home, {"id": row_key("s.n"), "person_id": _person("s.n"), "community_id": "c.id"},
                 "role_id = 'owner'")  # fmt: skip
    lives = f"{d.series(RESIDENTS)} JOIN bench_place p ON p.n = s.n / {RESIDENTS // PLACES}"
    yield Copies(core.Appointment, lives, {"id": row_key("s.n", 1), "person_id": _person("s.n"), "community_id": "p.id"},
                 "role_id = 'resident'")  # fmt: skip
    logins = d.series(LOGINS)
    yield Copies(core.Account, logins, {
        "id": row_key("n"), "person_id": _person("n"), "username": "'nation-' || n", "password_hash": d.literal(password_hash),
    })  # fmt: skip
    yield Copies(core.RefreshToken, logins, {
        "id": row_key("n"), "account_id": row_key("n"), "family": row_key("n"), "token_hash": d.hash("n"),
    })  # fmt: skip


def _matters(d: Dialect, group: str, count: int, places: str, size: int) -> Iterator[Copies]:
    """Make notices (even rounds) and wishes (odd ones) at every place; every third wish is claimed."""
    series, at = d.series(count), d.wire(moment(group, "s.n"))
    where = f"{series} JOIN {places} p ON p.n = {d.place(size, count)} JOIN bench_place h ON h.id = p.id"
    living = RESIDENTS // PLACES  # at every place, whose notices are all by one of them, as in the district
    writing = _person(f"h.n * {living} + s.n % {living}")
    mine = {"id": key(group, "s.n"), "community_id": "p.id", "path": "p.path", "created_at": at, "updated_at": at,
            "author_id": _person(f"h.n * {living}")}  # fmt: skip
    notice, wish = (f"({d.round(size, count)}) % 2 = {rest}" for rest in (0, 1))
    claimed = f"{wish} AND s.n % 3 = 0"
    posted = "kind = 'NOTICE' AND state = 'POSTED' AND title LIKE '关于第%'"
    yield Copies(core.Matter, f"{where} WHERE {notice}", {**mine, "title": "'关于第' || s.n || '项工作的公示'"}, posted)
    open_, taken = (f"kind = 'WISH' AND state = '{state}'" for state in ("PUBLISHED", "CLAIMED"))
    title = {"title": "'想请人帮忙修灯' || s.n", "author_id": writing}
    yield Copies(core.Matter, f"{where} WHERE {wish} AND s.n % 3 <> 0", {**mine, **title}, open_)
    yield Copies(core.Matter, f"{where} WHERE {claimed}", {**mine, **title}, taken)
    own = {"matter_id": key(group, "s.n")}
    yield Copies(notices.Notice, f"{series} WHERE {notice}", {**own, "posted_at": at}, "posted_at IS NOT NULL")
    yield Copies(wishes.Wish, f"{series} WHERE {wish}", {**own, "published_at": at, "alias": "'邻居' || s.n % 100000"},
                 "published_at IS NOT NULL")  # fmt: skip
    apart = 1 if group == "busy" else 0
    later = d.wire(moment(group, "s.n") + f" + {1500 * _DAY}")
    yield Copies(wishes.Claim, f"{series} WHERE {claimed}", {
        "id": row_key("s.n", apart), "wish_id": key(group, "s.n"), "claimer_id": _person(f"(s.n * 104729) % {RESIDENTS}"),
        "claimed_at": at, "lease_until": later,
    })  # fmt: skip
    yield Copies(core.Deadline, f"{series} WHERE {claimed}", {
        "id": row_key("s.n", apart), "matter_id": key(group, "s.n"), "step": "'lapse_claim'", "at": later,
        "to_state": "'PUBLISHED'", "started_at": at, "source": "'bench'", "estimated": "FALSE",
    }, None)  # fmt: skip
    yield Copies(notices.Acknowledgement, f"{series} WHERE {notice} AND s.n % 2 = 0", {
        "id": row_key("s.n", apart), "notice_id": key(group, "s.n"), "person_id": _person(f"(s.n * 31) % {RESIDENTS}"), "at": at,
    }, None)  # fmt: skip
    yield Copies(notices.Audience, f"{where} WHERE {notice} AND s.n % 5 = 0", {
        "id": row_key("s.n", apart), "notice_id": key(group, "s.n"), "community_id": "p.id",
    }, None)  # fmt: skip


def _building(n: str) -> str:
    return f"(({n}) % {ROLL_SIZE} / {UNITS_PER_BUILDING} + 1) || '栋'"


def _rolls(d: Dialect) -> Iterator[Copies]:
    """Make rolls of as many entries as there are people, each with its unit and its owner."""
    rolls = f"{d.series(ROLLS)} JOIN bench_compound c ON c.n = s.n"
    at = d.wire(moment("roll", "s.n"))
    yield Copies(core.Matter, rolls, {
        "id": key("roll", "s.n"), "community_id": "c.id", "path": "c.path", "author_id": _person("s.n"),
        "created_at": at, "updated_at": at,
    }, "kind = 'VOTER_ROLL'")  # fmt: skip
    yield Copies(register.VoterRoll, d.series(ROLLS), {"matter_id": key("roll", "n"), "heads": str(ROLL_SIZE)})
    entries, roll = d.series(PEOPLE), key("roll", f"(s.n / {ROLL_SIZE})")
    here = f"{entries} JOIN bench_compound c ON c.n = s.n / {ROLL_SIZE}"
    label = f"{_building('s.n')} || (s.n % {UNITS_PER_BUILDING} + 101)"
    yield Copies(register.Owner, here, {"id": row_key("s.n"), "community_id": "c.id", "person_id": _person("s.n"),
                                        "name": "'示例居民' || s.n"})  # fmt: skip
    yield Copies(register.Unit, here, {
        "id": row_key("s.n"), "community_id": "c.id", "compound_id": "c.id", "label": label, "label_key": label,
        "sort_key": f"SUBSTR('' || (100000 + s.n % {ROLL_SIZE}), 2)",
    })  # fmt: skip
    yield Copies(register.RollEntry, entries, {
        "id": row_key("s.n"), "roll_id": roll, "number": f"s.n % {ROLL_SIZE} + 1", "owner_id": row_key("s.n"),
        "head_key": d.hash("s.n"), "units_text": label, "buildings": _building("s.n"),
    })  # fmt: skip
    both = {"id": row_key("s.n"), "entry_id": row_key("s.n")}
    yield Copies(register.RollUnit, entries, {**both, "unit_id": row_key("s.n")})
    yield Copies(
        register.RollVoter, entries, {**both, "roll_id": roll, "owner_id": row_key("s.n"), "person_id": _person("s.n")}
    )


def _polls(d: Dialect) -> Iterator[Copies]:
    """Make counted polls, ten on each roll, in which everybody voted."""
    polls, at = d.series(POLLS), d.wire(moment("poll", "s.n"))
    counted = "kind = 'POLL' AND state <> 'VOTING'"
    poll = key("poll", "s.n")
    yield Copies(core.Matter, f"{polls} JOIN bench_compound c ON c.n = s.n / {POLLS_PER_ROLL}", {
        "id": poll, "community_id": "c.id", "path": "c.path", "author_id": _person("s.n"),
        "title": "'第' || s.n || '次使用维修资金的表决'", "created_at": at, "updated_at": at,
    }, counted)  # fmt: skip
    sample = "counted_at IS NOT NULL"
    yield Copies(voting.Poll, polls, {
        "matter_id": poll, "roll_id": key("roll", f"(s.n / {POLLS_PER_ROLL})"), "heads": str(ROLL_SIZE),
        "result_notice_id": "NULL", "certificate_hash": d.hash("s.n"),
    }, sample)  # fmt: skip
    motion = (
        "poll_id = (SELECT matter_id FROM voting_poll WHERE counted_at IS NOT NULL ORDER BY matter_id DESC LIMIT 1)"
    )
    yield Copies(voting.Motion, polls, {"id": row_key("s.n"), "poll_id": poll}, motion)
    yield Copies(voting.Result, polls, {"id": row_key("s.n"), "poll_id": poll, "motion_id": row_key("s.n")})
    yield Copies(voting.AreaTurnout, polls, {
        "id": row_key("s.n"), "poll_id": poll, "all_entries": str(ROLL_SIZE), "entries": str(ROLL_SIZE),
    }, motion)  # fmt: skip
    every = d.series(POLLS * BUILDINGS)
    yield Copies(voting.Turnout, every, {
        "id": row_key("s.n"), "poll_id": key("poll", f"(s.n / {BUILDINGS})"), "building": f"(s.n % {BUILDINGS} + 1) || '栋'",
    }, motion)  # fmt: skip
    ballots, mine = d.series(BALLOTS), key("poll", f"(s.n / {ROLL_SIZE})")
    entry = row_key(f"s.n / {ROLL_SIZE * POLLS_PER_ROLL} * {ROLL_SIZE} + s.n % {ROLL_SIZE}")
    mark = "CASE WHEN s.n % 3 = 0 THEN 'A' ELSE 'F' END"
    yield Copies(voting.Returned, ballots, {
        "id": row_key("s.n"), "poll_id": mine, "entry_id": entry, "owner_id": entry, "person_id": entry, "marks": mark,
        "receipt": d.hash("s.n"),
    })  # fmt: skip
    yield Copies(voting.Ballot, ballots, {
        "id": row_key("s.n"), "poll_id": mine, "entry_id": entry, "choices": mark, "building": _building("s.n"),
    })  # fmt: skip


def _record(d: Dialect) -> Iterator[Copies]:
    """Make a leaf and an event of every matter, and a leaf of every tenth ballot."""
    where = f"{d.series(MATTERS)} JOIN bench_place p ON p.n = {d.place(PLACES, MATTERS)}"
    at = d.wire(moment("matter", "s.n"))
    common = {"matter_id": key("matter", "s.n"), "community_id": "p.id", "at": at}
    posted = "type = 'notices.notice_posted'"
    yield Copies(core.Event, where, {"id": row_key("s.n"), "seq": "s.n + 1000000", "path": "p.path", **common}, posted)
    leaf = {**common, "leaf_hash": d.hash("s.n")}
    known = "matter_id IS NOT NULL"
    yield Copies(core.TraceLeaf, where, {"id": row_key("s.n"), "seq": "s.n + 1000000", **leaf}, known)
    cast = f"{d.series(LEAVES_OF_BALLOTS)} JOIN bench_compound c ON c.n = s.n / {LEAVES_OF_BALLOTS // ROLLS}"
    yield Copies(core.TraceLeaf, cast, {
        "id": row_key("s.n", 1), "seq": f"s.n + {1000000 + MATTERS}", "community_id": "c.id", "at": d.wire(str(YEAR_2025)),
        "matter_id": key("poll", f"(s.n / {LEAVES_OF_BALLOTS // POLLS})"), "leaf_hash": d.hash("s.n + 100000000"),
        "deed": "'voting.cast_ballot'",
    }, known)  # fmt: skip
    yield Copies(core.TraceSalt, d.series(LEAVES_OF_BALLOTS), {
        "leaf_id": row_key("n", 1), "person_id": _person(f"n % {PEOPLE}"), "salt": f"SUBSTR({d.hash('n')}, 1, 32)",
    }, None)  # fmt: skip
