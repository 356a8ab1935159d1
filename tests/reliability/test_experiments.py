"""Every experiment of the table with few rounds; ``make reliability`` runs them with many."""

from __future__ import annotations

import pytest

from tests.reliability.experiments import EXPERIMENTS, Experiment
from tests.reliability.figures import NotHere
from tests.reliability.towns import Ground

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.run.__name__)
async def test_experiment(experiment: Experiment, sqlite_ground: Ground) -> None:
    """The harm is done a few times, and what has to hold holds."""
    try:
        await experiment.run(sqlite_ground, experiment.few)
    except NotHere as missing:
        pytest.skip(str(missing))
