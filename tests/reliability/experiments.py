"""The table of experiments: each one function, run with few rounds by the tests and with many by ``make reliability``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.reliability import deaths, followers, requests, simulation, surroundings
from tests.reliability.figures import Figures
from tests.reliability.towns import Ground

SQLITE, BOTH = ("sqlite",), ("sqlite", "postgres")


@dataclass(frozen=True)
class Experiment:
    """One harm that is done to a server, so many times, and what has to hold."""

    name: str
    run: Callable[[Ground, int], Awaitable[Figures]]
    few: int
    many: int
    bound: str
    kinds: tuple[str, ...] = BOTH


EXPERIMENTS = (
    Experiment("kill -9 while ballots are cast", deaths.killed, 3, 100, "0 violations; first ballot after a restart ≤ 3 s"),
    Experiment("SIGTERM while ballots are cast", deaths.terminated, 2, 20, "nothing told is lost; ended ≤ 10 s"),
    Experiment("kill -9 between casts and count", deaths.closing, 20, 40, "counted once, as a recomputation says"),
    Experiment("one key fifty times, another body, a restart", requests.repeated, 2, 20, "one effect, same answer"),
    Experiment("answer lost, asked again", requests.unheard, 30, 500, "one effect"),
    Experiment("leaving operations, WebSocket and HTTP", requests.cancelled, 80, 500, "next query ≤ 3 s"),
    Experiment("three servers on one database", requests.written_by_three, 20, 200, "0 errors; p99 ≤ 100 ms"),
    Experiment("ten and three times as many at once as are let in", requests.overloaded, 1, 3,
               "receipt, or 503 with Retry-After; accepted p99 of three times ≤ 1 s", SQLITE),
    Experiment("disk full (a small disk in memory)", surroundings.disk_full, 1, 5, "clean refusal; reads go on; no restart",
               SQLITE),
    Experiment("clocks ten seconds apart, then ±1 h (libfaketime)", surroundings.clocks, 1, 5, "closed stays closed", SQLITE),
    Experiment("PostgreSQL stopped at once, and back", surroundings.postgres_stopped, 1, 5, "recovered ≤ 10 s, no restart",
               ("postgres",)),
    Experiment("Redis killed", surroundings.redis_killed, 1, 5, "votes go on", SQLITE),
    Experiment("a plugin's reaction raises", surroundings.plugin_failing, 1, 3, "others served; named in health; counted later",
               SQLITE),
    Experiment("the log is shortened", surroundings.log_altered, 1, 3, "told by /readyz; reads go on", SQLITE),
    Experiment("readers that stop reading", followers.not_reading, 10, 200, "dropped; memory of each bounded", SQLITE),
    Experiment("subscription cut, server killed thrice", followers.cut, 60, 1000, "every event, in order"),
    Experiment("backups while ballots are cast", surroundings.backed_up, 2, 40, "all whole; the last restores"),
    Experiment("mixed load with aborts (seconds)", followers.soaked, 6, 300, "< 1 MiB per 10,000 requests; descriptors flat",
               SQLITE),
    Experiment("the vote as a state machine (seeds)", simulation.simulated, 40, 2000, "0 divergences", SQLITE),
)  # fmt: skip
