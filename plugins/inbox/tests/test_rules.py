"""When messages may be brought, and where to."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import CHINA
from plugins.inbox import rules
from plugins.inbox.kinds import Rhythm

TIMES = st.times().map(lambda time: time.strftime("%H:%M"))
START = datetime(2024, 1, 1, tzinfo=CHINA)
MOMENTS = st.timedeltas(timedelta(), timedelta(days=2000)).map(lambda since: START + since)


@given(MOMENTS, TIMES, TIMES)
def test_quiet_hours_end(at: datetime, quiet_from: str, quiet_until: str) -> None:
    """What comes in quiet hours is brought when they end, within a day; what comes outside of them at once."""
    found = rules.next_time(Rhythm.AT_ONCE, at, quiet_from=quiet_from, quiet_until=quiet_until, digest_hour=8)
    assert at <= found < at + timedelta(days=1)
    assert not rules.is_quiet(found, quiet_from, quiet_until)
    assert (found == at) == (not rules.is_quiet(at, quiet_from, quiet_until))


@given(MOMENTS, st.integers(0, 23), st.sampled_from([Rhythm.DAILY, Rhythm.WEEKLY]))
def test_digests_go_at_their_hour(at: datetime, hour: int, rhythm: Rhythm) -> None:
    """Every day, or every Monday, at the hour; never earlier than asked, never later than one round."""
    found = rules.next_time(rhythm, at, quiet_from="00:00", quiet_until="23:59", digest_hour=hour)
    assert at <= found <= at + timedelta(days=1 if rhythm is Rhythm.DAILY else 7)
    assert (found.hour, found.minute, found.second) == (hour, 0, 0)
    assert rhythm is Rhythm.DAILY or found.weekday() == rules.MONDAY


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://hooks.example.cn/a?b=c", "https://hooks.example.cn"),
        ("https://hooks.example.cn:443/", "https://hooks.example.cn"),
        ("https://HOOKS.example.cn:8443/x", "https://hooks.example.cn:8443"),
        ("http://[::1]:80/", "http://[::1]"),
        ("https://user:secret@hooks.example.cn/", None),
        ("https://hooks.example.cn/#a", None),
        ("https://hooks.example.cn:99999/", None),
        ("https://hooks.example.cn/ü", None),
        ("https:///a", None),
        ("javascript:alert(1)", None),
    ],
)
def test_an_origin_is_scheme_host_and_port(address: str, origin: str | None) -> None:
    """Standard ports are left out; whatever could be read in two ways has no origin."""
    assert rules.origin_of(address) == origin


def test_pauses_grow_to_a_day() -> None:
    """One minute first, twice as long each time, a day at most, however often it failed."""
    assert [rules.pause(n) for n in (1, 2, 3)] == [timedelta(minutes=m) for m in (1, 2, 4)]
    assert rules.pause(10_000) == timedelta(days=1)


def test_masks_keep_little() -> None:
    """The domain stays, the name and the path go."""
    assert rules.mask_email("wang@example.cn") == "w***@example.cn"
    assert rules.mask_url("https://hooks.example.cn/s3cret?x=1") == "https://hooks.example.cn/…"
