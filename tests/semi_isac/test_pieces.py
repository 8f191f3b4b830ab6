"""The pieces behind the exact solver, one by one: what the certificates forgive, because another way round proves the optimum."""

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib import semi_isac as si
from isaclib.semi_isac import bounds, exact, interior_point, phases
from isaclib.semi_isac.bands import Restriction, worth

DROPS = si.Scenario.random_batch(np.random.default_rng(0), 4)
BANDS = si.Bands.of(DROPS)
FREE = Restriction()


def test_the_touching_density_is_where_a_watt_is_worth_its_price():
    multipliers = np.random.default_rng(1).uniform(0, 2, BANDS.floors.shape)
    worths = BANDS.weights[..., None] + multipliers
    first = np.sum(worths * BANDS.slopes(np.zeros_like(BANDS.weights))[1], axis=-1)
    for share in (0.999, 0.5, 1e-3, 1e-6):
        price = share * first.min(axis=1)
        x = bounds.touching_density(BANDS, multipliers, price)
        found = np.sum(worths * BANDS.slopes(x)[1], axis=-1)
        np.testing.assert_allclose(found, np.broadcast_to(price[:, None], found.shape), rtol=1e-9)
    # Dearer than the first watt of a user is worth: it buys none; the others are where they were.
    middle = np.sort(first, axis=1)[:, 1]
    x = bounds.touching_density(BANDS, multipliers, middle * (1 + 1e-9))
    assert np.array_equal(x > 0, first > middle[:, None] * (1 + 1e-9))


def test_restoring_moves_just_as_far_as_the_floors_ask():
    inside = exact.phase_one(BANDS, FREE).start(FREE, 0.4)
    assert np.all(exact.reached(BANDS, *inside) > 1)
    # Every share and every power a hundredth less: rates fall by as much as they lack of it.
    for outside in (tuple(0.01 * values for values in inside), tuple(0.9 * values for values in inside)):
        lack = 1 - exact.reached(BANDS, *outside)
        shares, powers = phases.restore(BANDS, inside, *outside)
        reached = exact.reached(BANDS, shares, powers)
        assert np.all(reached >= 1 - 1e-12)
        kept = np.array([np.array_equal(a, b) for a, b in zip(shares, outside[0])])
        assert np.array_equal(kept, lack <= 0)
        # Homogeneous rates are linear along a ray: the floors are met with a thousandth of the way to spare.
        assert np.all(reached[lack > 0] <= 1 + 1e-3 * np.max(exact.reached(BANDS, *inside)))


def test_no_share_no_worth():
    shares, powers = np.array([[0.0, 0.5, 0.5]] * 4), np.full((4, 3), 1 / 3)
    rates = BANDS.rates(np.array([[1.0, 0.5, 0.5]] * 4), powers)[:, 1:].sum(axis=-1)
    assert worth(BANDS, shares, powers, "sum") == pytest.approx(np.sum(BANDS.weights[:, 1:] * rates, axis=1), rel=1e-14)
    paid = powers.sum(axis=1) + BANDS.circuit
    assert worth(BANDS, shares, powers, "efficiency") == pytest.approx(rates.sum(axis=1) / paid, rel=1e-14)


@pytest.mark.parametrize("objective", ["sum", "efficiency"])
def test_a_lane_that_stalls_is_rescued_and_its_neighbours_are_left_alone(objective, monkeypatch):
    whole, maximise = si.solve_exact_batch(DROPS, objective=objective), exact.maximise_at_price

    def stalls(bands, inside, free, power_price=0.0):
        """The first lane stays at its start, without multipliers."""
        shares, powers, multipliers, iterations = maximise(bands, inside, free, power_price)
        if len(bands) == len(DROPS):
            start = inside.start(free, 0.4)
            shares[0], powers[0], multipliers[0] = start[0][0], start[1][0], 0.0
        return shares, powers, multipliers, iterations

    monkeypatch.setattr(exact, "maximise_at_price", stalls)
    found = si.solve_exact_batch(DROPS, objective=objective)
    assert found.status.tolist() == ["optimal"] * 4
    assert found.objective[0] == pytest.approx(whole.objective[0], rel=1e-6)
    for name in ("shares", "powers_w", "objective", "bound", "multipliers"):
        np.testing.assert_array_equal(getattr(found, name)[1:], getattr(whole, name)[1:])


def test_blocks_give_what_one_block_gives(monkeypatch):
    drops = si.Scenario.random_batch(np.random.default_rng(3), 11)
    whole = si.solve_exact_batch(drops)
    monkeypatch.setattr(interior_point, "_USERS", 4 * 3)
    parts = si.solve_exact_batch(drops)
    assert parts.status.tolist() == whole.status.tolist()
    np.testing.assert_allclose(parts.objective, whole.objective, rtol=1e-12)
    monkeypatch.setattr(interior_point, "_USERS", 1)
    np.testing.assert_allclose(si.solve_exact_batch(drops).objective, whole.objective, rtol=1e-12)


def test_prices_of_a_batch_are_those_of_its_rows():
    for objective in ("sum", "efficiency"):
        for kind in (si.Scenario, si.Network):
            drops = kind.random_batch(np.random.default_rng(6), 3, min_rate_bps=60e6)
            solved = si.solve_exact_batch(drops, objective=objective)
            for d, found in enumerate(solved.prices):
                assert (found is None) == (solved.status[d] != "optimal")
                if found is not None:
                    alone = si.prices(drops[d], si.solve_exact(drops[d], objective=objective))
                    for name in ("bandwidth_per_hz", "power_per_w", "min_sensing", "min_rate"):
                        # Prices of floors that do not bind are 0 to about 1e-8.
                        near = 1e-7 + 1e-4 * np.max(np.abs(getattr(alone, name)))
                        assert getattr(found, name) == pytest.approx(getattr(alone, name), abs=near)


def test_a_floor_for_one_who_has_not_the_service_is_refused_in_a_batch_and_alone():
    drops = si.Network.random_batch(np.random.default_rng(0), 2)
    gains = drops[0].link_gain * np.array([1.0, 0.0, 1.0])
    alone = {"link_gain": gains, "min_rate_bps": [0.0, 2e7, 0.0], "min_sensing_bps": 0.0}
    for refused in (
        lambda: drops[0].replace(link_gain=gains),
        lambda: drops.replace(link_gain=gains),
        lambda: drops.replace(**alone),
    ):
        with pytest.raises(InvalidScenario, match="min_rate_bps: is positive for user 1"):
            refused()
    fine = drops.replace(link_gain=gains, min_rate_bps=[2e7, 0.0, 2e7])
    assert fine[1].link_gain[1] == 0


@pytest.mark.parametrize("name", ["radar_gain", "link_gain"])
def test_one_gain_of_zero_is_refused_among_many(name):
    drops = DROPS.replace(min_sensing_bps=0.0, min_rate_bps=0.0)
    gains = np.array(getattr(drops, name))
    gains[2, 1] = 0.0
    with pytest.raises(InvalidScenario, match=name):
        drops.replace(**{name: gains})


def test_a_price_that_no_watt_pays_leaves_the_power_that_the_floors_ask_for():
    steepest = (BANDS.radar + BANDS.link)[0].max() * BANDS.scale[0] / BANDS.power_w[0]
    curve = si.frontier(DROPS[0], [2 * steepest])
    assert curve.status.tolist() == ["optimal"] and curve.power_w[0] > 1e-6
    asked = DROPS[0].min_sensing_bps.sum() + DROPS[0].min_rate_bps.sum()
    assert curve.rate_bps[0] >= asked * (1 - 1e-9)
    free = DROPS[0].replace(min_sensing_bps=0.0, min_rate_bps=0.0)
    assert si.frontier(free, [2 * steepest]).power_w.tolist() == [0.0]


def test_a_batch_of_one_is_scored():
    even = np.full((1, 3), 1 / 3)
    assert si.score_batch(DROPS[:1], even, even).value[0] == si.score(DROPS[0], even[0], even[0]).value


def test_every_row_without_a_proof_is_counted():
    odd = [DROPS[0].replace(power_budget_w=1e300), DROPS[1].replace(power_budget_w=1e300), DROPS[2]]
    point = si.compare(odd, np.random.default_rng(1), max_tries=50)
    assert point.unproven()["joint"] == 2
