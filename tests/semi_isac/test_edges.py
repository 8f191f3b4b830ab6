"""At the edges: floors beside the clutter's limit, next to nothing as share or power, circuits that need nothing."""

import mpmath
import numpy as np
import pytest

from isaclib import SolverFailure
from isaclib import semi_isac as si


def alone(**changes):
    """One user over 1 Hz with 1 W of noise and a budget of 1 W."""
    one = {"bandwidth_hz": 1.0, "noise_psd_w_per_hz": 1.0, "power_budget_w": 1.0, "circuit_power_w": 1.0}
    gains = {"radar_gain": [0.0], "clutter_gain": [0.0], "link_gain": [0.0]}
    return si.Network(**{**one, **gains, "weights": [1.0], "min_sensing_bps": [0.0], "min_rate_bps": [0.0], **changes})


def sensed(radar, clutter, circuit, floor=0.0):
    return alone(radar_gain=[radar], clutter_gain=[clutter], circuit_power_w=circuit, min_sensing_bps=[floor])


def most_efficient(one):
    """The optimum of one sensed user in 60 digits: at the power of its floor, or where the efficiency is flat above it."""
    with mpmath.workdps(60):
        given = one.radar_gain[0], one.clutter_gain[0], one.min_sensing_bps[0], one.circuit_power_w
        radar, clutter, floor, circuit = map(mpmath.mpf, map(float, given))
        need = 2**floor - 1
        least, rate = need / (radar - clutter * need), lambda p: mpmath.log(1 + radar * p / (clutter * p + 1), 2)
        rising = lambda p: radar * (p + circuit) / ((1 + clutter * p) * (1 + (radar + clutter) * p) * mpmath.log(2)) > rate(p)  # noqa: E731
        low, high = mpmath.mpf(-200), mpmath.mpf(0)
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if rising(mpmath.exp(middle)) else (low, middle)
        power = min(max(mpmath.exp(low), least), 1)
        return rate(power) / (power + circuit)


# --- floors beside the clutter's limit ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "circuit, floor", [(1e-4, 4.273562733774389), (0.00010255432976732008, 4.273562733774389), (1.0255e-4, 4.273562776082661)]
)
def test_no_bound_on_the_efficiency_is_below_the_optimum_beside_the_limit_of_the_clutter(circuit, floor):
    """Floors 1e-8 and less below what the clutter allows: what is left of the power that they need was rounding."""
    one = sensed(6440523704.497528, 351161557.4509002, circuit, floor)
    truth, solved = most_efficient(one), si.solve_exact_batch([one], objective="efficiency")
    assert truth <= solved.bound[0] <= truth * (1 + 2e-6)
    assert (solved.status[0] == "optimal") == (solved.gap[0] <= 1e-6)
    if solved.status[0] == "optimal":
        best = si.solve_exact(one, objective="efficiency")
        checked = si.verify(one, best)
        assert checked.status == "optimal" and checked.bound >= truth
    else:
        with pytest.raises(SolverFailure, match="unproven"):
            si.solve_exact(one, objective="efficiency")


def test_floors_beyond_reach_by_rounding_are_held_against_what_is_reached():
    """1e-13 above the capacity, which is accepted: the bound of the scenario itself lies far below, if it means anything."""
    rng, optimal = np.random.default_rng(5), 0
    for _ in range(12):
        radar = 10 ** rng.uniform(6, 11)
        one = sensed(radar, radar * 10 ** rng.uniform(-4, 0), 10 ** rng.uniform(-8, 0))
        one = one.replace(min_sensing_bps=si.user_rates(one, [1.0], [1.0])[:, 0] * (1 + 1e-13))
        solved = si.solve_exact_batch([one], objective="efficiency")
        try:
            best = si.solve_exact(one, objective="efficiency")
        except SolverFailure:
            assert solved.status[0] == "unproven"
            continue
        assert solved.status[0] == si.verify(one, best).status == "optimal"
        optimal += 1
    assert optimal >= 8


def test_no_row_is_optimal_whose_value_lies_beyond_its_bound():
    rng, optimal = np.random.default_rng(6), 0
    for off in (1e-8, 1e-9, 1e-12):
        rows = []
        for _ in range(20):
            radar, ratio = 10 ** rng.uniform(9, 12), 10 ** rng.uniform(-2, 0)
            rows.append(sensed(radar, radar * ratio, 10 ** rng.uniform(-8, 0), np.log2(1 + 1 / ratio) * (1 - off)))
        solved = si.solve_exact_batch(rows, objective="efficiency")
        proven = solved.status == "optimal"
        optimal += proven.sum()
        assert np.all(solved.objective[proven] <= solved.bound[proven] * (1 + 1e-9))
        for d in np.flatnonzero(solved.status != "infeasible"):
            assert most_efficient(rows[d]) <= solved.bound[d]
    assert optimal >= 20
