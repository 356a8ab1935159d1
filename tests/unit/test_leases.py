"""Leases: one holder at a time, for as long as it lives."""

from __future__ import annotations

from pathlib import Path

from core.clock import SetClock
from core.host import PluginList
from core.kernel import Kernel
from core.leases import LEASE_SECONDS, Leases
from tests.conftest import START, config_for, load_host


async def test_a_lease_is_kept_by_renewal_lost_by_death_and_given_back(tmp_path: Path) -> None:
    """However long the work takes nobody else begins it; a holder that renews no more loses it, one that stops at once."""
    clock = SetClock(START)
    kernel = await Kernel.open(config_for(tmp_path), clock=clock, host=load_host(PluginList()))
    try:
        one, other = Leases(kernel), Leases(kernel)
        assert await one.take("work")
        assert not await other.take("work")
        for _ in range(6):  # a minute's work
            clock.advance(seconds=10)
            await one.renew()
            assert not await other.take("work")
        assert await one.take("work")
        clock.advance(seconds=LEASE_SECONDS + 1)  # killed: nobody renews
        assert await other.take("work")
        assert not await one.take("work")
        await one.renew()
        assert not await one.take("work")
        await other.give_back()
        clock.advance(seconds=6)
        assert await one.take("work")
    finally:
        await kernel.close()
