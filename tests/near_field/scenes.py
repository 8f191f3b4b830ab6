"""What several files of these tests use."""

import numpy as np

from isaclib.near_field import Scenario


def small(seed=3, **changes):
    """Two access points, two users, seven antennas: solved in a fraction of a second."""
    parameters = dict(
        ap_positions_m=[[30.0, 70.0], [10.0, 20.0]],
        user_positions_m=[[20.0, 30.0], [40.0, 45.0]],
        antennas=7,
        antenna_spacing_m=0.08,
        crlb_limit_m2=4e-11,
        sensing_processing_gain_db=85.0,
    )
    return Scenario.random(np.random.default_rng(seed), **(parameters | changes))


def tiny(**changes):
    """The same with three antennas."""
    return small(**({"antennas": 3} | changes))


def normal(rng, *shape):
    """Complex normal numbers of variance 2."""
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
