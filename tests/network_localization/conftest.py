import numpy as np
import pytest

from isaclib import network_localization as nl


@pytest.fixture
def rng():
    return np.random.default_rng(20240210)


@pytest.fixture
def scenario():
    return nl.Scenario.random(np.random.default_rng(7))


def varied(rng, draws, sizes=(2, 3, 4, 5, 6, 7)):
    """Scenarios of all sizes and both layouts, from interference-free to noise-limited, many of them infeasible."""
    scenarios = []
    for child in rng.spawn(draws):
        scenarios.append(
            nl.Scenario.random(
                child,
                base_stations=int(child.choice(sizes)),
                layout=str(child.choice(["vertices", "cells"])),
                self_interference_db=float(child.uniform(-140, -80)),
                min_comm_sinr_db=float(child.uniform(-12, 8)),
                max_power_dbm=float(child.uniform(0, 40)),
                bs_bs_exponent=float(child.uniform(2, 4)),
            )
        )
    return scenarios
