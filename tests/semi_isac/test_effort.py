"""What the constants that save work are for: how many lanes, steps and evaluations a stated question takes."""

import numpy as np
import pytest

from isaclib import semi_isac as si
from isaclib.semi_isac import bounds, exact, interior_point, phases, rescue
from isaclib.semi_isac.bands import Bands, Restriction
from isaclib.semi_isac.prices import held

DROPS = si.Scenario.random_batch(np.random.default_rng(0), 5)
BANDS = Bands.of(DROPS)
FREE = Restriction()
INSIDE = exact.phase_one(BANDS, FREE)


def point(lanes, gap):
    """What the interior-point method returns for so many lanes of three users."""
    third = np.full((lanes, 3), 1 / 3)
    return interior_point.Point(third, third.copy(), np.ones(lanes), np.zeros((lanes, 3, 2)), np.array(gap), np.zeros(lanes))


def counted(monkeypatch, owner, name):
    """A list that grows by the arguments of each call of a function."""
    calls, original = [], getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *given, **named: calls.append(given) or original(*given, **named))
    return calls


# --- the interior-point method -----------------------------------------------------------------------------------------------


def test_three_users_stay_in_the_dense_system_whatever_their_number(monkeypatch):
    systems = counted(monkeypatch, interior_point, "_dense")
    rest = np.ones((7, 2))
    interior_point._eliminate(rest, 0 * rest, rest, *np.ones((2, 4, 7, 2)), np.ones((3, 4, 2)))
    assert systems[-1][0].shape == (3 + 3, 3 + 4, 2)


def test_as_many_networks_at_once_as_the_cache_holds(monkeypatch):
    sizes = []
    monkeypatch.setattr(interior_point, "_optimise", lambda bands, *rest: sizes.append(len(bands)) or point(len(bands), [0.0]))
    third = np.full((2049, 3), 0.3)
    interior_point.optimise(BANDS.take(np.zeros(2049, dtype=int)), third, third, np.ones(2049), free=FREE)
    assert sizes == [2048, 1]  # 6144 users


def test_lanes_whose_gap_is_left_open_are_run_again_with_more_care(monkeypatch):
    runs = []

    def run(solver, y, t, pace, tolerance, max_iterations):
        runs.append((len(t), pace, max_iterations))
        return point(len(t), [0.7e-8, 1.5e-8] if len(t) == 2 else [0.0])

    monkeypatch.setattr(interior_point._Solver, "run", run)
    third = np.full((2, 3), 0.3)
    interior_point.optimise(BANDS.take([0, 1]), third, third, np.ones(2), free=FREE)
    assert runs == [(2, interior_point._BOLD, 100), (1, interior_point._CAUTIOUS, 300)]


def run(lanes, gaps_of, monkeypatch):
    """The steps of each lane, and how many lanes each step worked on, with gaps that are given step by step."""
    widths, step = [], interior_point._Solver._newton
    monkeypatch.setattr(
        interior_point._Solver, "_newton", lambda solver, *given: widths.append(len(solver.price)) or step(solver, *given)
    )
    monkeypatch.setattr(
        interior_point._Solver,
        "_certify",
        lambda solver, state, slopes: (gaps_of(len(widths), solver.price), 0 * solver.price, state.t),
    )
    some = BANDS.take(np.arange(lanes))
    solver = interior_point._Solver.of(some, FREE, False, 1e-3 * np.arange(lanes))  # the price tells a lane
    y = np.full((lanes, 3, 2), 0.3)
    found = solver.run(y, np.ones(lanes), interior_point._CAUTIOUS, 1e-10, 100)
    return found.iterations.tolist(), widths


def test_a_lane_without_progress_ends_after_forty_steps(monkeypatch):
    iterations, _ = run(1, lambda step, price: np.ones_like(price), monkeypatch)
    assert iterations == [1 + 40]


@pytest.mark.parametrize(("lanes", "widths"), [(4, [4, 3, 2, 1]), (5, [5, 5, 3, 2, 1])])
def test_finished_lanes_leave_once_three_quarters_are_left(monkeypatch, lanes, widths):
    """After step n the lanes 0 to n - 1 are done."""
    done = lambda step, price: np.where(np.round(price / 1e-3) < step, 0.0, 1.0 / step)  # noqa: E731
    iterations, found = run(lanes, done, monkeypatch)
    assert iterations == list(range(1, lanes + 1)) and found == widths


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of what the method does within errstate
def test_prices_that_pay_nothing_certify_nothing_of_the_margin():
    solver = interior_point._Solver.of(BANDS, FREE, True, np.zeros(5))
    y = np.full((2, 3, 5), 0.3)
    slopes = interior_point._Slopes(solver, y)
    state = solver._start(y, np.ones(5), slopes)
    state.lam[:, :, 0] = 0.0
    assert np.isinf(solver._certify(state, slopes)[0]).tolist() == [True, False, False, False, False]


@pytest.mark.parametrize(("margin", "steps"), [(True, 996), (False, 1109)])
def test_a_hundred_drops_take_so_many_steps(margin, steps):
    drops = Bands.of(si.Scenario.random_batch(np.random.default_rng(8), 100))
    if margin:
        third = np.full((100, 3), 0.3)
        half = 0.5 * phases.reached(drops, third, third)
        found = interior_point.optimise(drops, third, third, half, free=FREE, margin=True)
    else:
        inside = exact.phase_one(drops, FREE)
        good = np.flatnonzero(inside.factor > 1.1)
        start = inside.take(good).start(FREE, 0.4)
        found = interior_point.optimise(drops.take(good), *start, np.ones(len(good)), free=FREE)
    assert np.all(found.gap <= 1e-10) and found.iterations.sum() <= steps * 1.005


# --- starts, rescues ---------------------------------------------------------------------------------------------------------


def test_lanes_that_stall_are_started_nearer_to_the_margin_and_then_at_it(monkeypatch):
    starts = []

    def optimise(bands, shares, powers, factor, **named):
        starts.append(shares)
        return point(len(bands), [0.7e-7, 1.5e-7] if len(bands) == 2 else [1.2e-7])

    monkeypatch.setattr(interior_point, "optimise", optimise)
    some = INSIDE.take([0, 1])
    phases.maximise_at_price(BANDS.take([0, 1]), some, FREE)
    assert [len(shares) for shares in starts] == [2, 1, 1]
    for shares, mix, lanes in zip(starts, (0.4, 0.05, 0.0), ([0, 1], [1], [1])):
        np.testing.assert_allclose(shares, some.take(lanes).start(FREE, mix)[0], rtol=1e-13)


def test_the_way_outward_is_halved_twenty_times(monkeypatch):
    one, inside = BANDS.take([0]), INSIDE.take([0])
    start = inside.start(FREE, 0.4)
    asked = counted(monkeypatch, rescue, "reached")
    shares, powers = rescue._outward(one, inside, *start)
    assert len(asked) == 1 + 20
    part = (shares - start[0]) / (start[0] - inside.shares)
    np.testing.assert_allclose(part, part[0, 0], rtol=1e-9)
    further = [own + 2e-6 * (own - margin) for own, margin in ((shares, inside.shares), (powers, inside.powers))]
    assert phases.reached(one, shares, powers)[0] >= 1 > phases.reached(one, *further)[0]


@pytest.mark.parametrize(("factor", "tried"), [(1 + 0.9e-11, 4), (1 + 1.2e-11, 0)])
def test_floors_are_lowered_by_a_hair_where_the_margin_leaves_no_more(monkeypatch, factor, tried):
    asked = []
    monkeypatch.setattr(rescue, "tightest_bound", lambda *given, **named: asked.append(given) or (np.inf, None))
    third = np.full((1, 3), 1 / 3)
    monkeypatch.setattr(rescue, "maximise_at_price", lambda lower, room, *rest: asked.append(room.factor) or (third, third, 0, 0))
    one, inside = BANDS.take([0]), INSIDE.take([0])
    edge = phases.Interior(inside.shares, inside.powers, np.array([factor]), inside.bound, inside.multipliers)
    assert rescue._at_the_edge(one, edge, "sum", "joint") is None
    assert len(asked) == 2 * tried
    np.testing.assert_allclose(np.ravel(asked[::2]), factor / (1 - np.array([3e-12, 1e-11, 1e-12, 3e-13])[:tried]), rtol=1e-15)


@pytest.mark.parametrize(("short", "feasible"), [(0.5e-12, True), (2e-12, False)])
def test_floors_that_are_missed_by_rounding_are_met(monkeypatch, short, feasible):
    one = INSIDE.take([0])
    factor = np.array([1 - short])
    edge = phases.Interior(one.shares, one.powers, factor, factor, one.multipliers)
    monkeypatch.setattr(exact, "phase_one", lambda bands, free: edge)
    monkeypatch.setattr(
        exact, "maximise_at_price", lambda *given: (one.shares, one.powers, one.multipliers, np.zeros(1, dtype=int))
    )
    monkeypatch.setattr(exact, "rescue", lambda some, start, point, *rest: (point[:2], point[2], np.inf))
    solved = si.solve_exact_batch(DROPS[:1])
    assert solved.feasible.tolist() == [feasible] and (solved.status[0] == "infeasible") != feasible


def test_dinkelbachs_method_ends_after_forty_steps(monkeypatch):
    third, steps = np.full((1, 3), 1 / 3), []

    def rising(bands, inside, free, price):  # an allocation that is better by a millionth each time, and never the best
        steps.append(price)
        return third, third * (1 - 1e-6 * len(steps)), np.zeros((1, 3, 2)), np.zeros(1)

    monkeypatch.setattr(exact, "maximise_at_price", rising)
    monkeypatch.setattr(Bands, "rates", lambda bands, x, y: np.ones((1, 3, 2)))
    found = exact._efficiency(BANDS.take([0]), INSIDE.take([0]), FREE)
    assert len(steps) == 40 and found[3].tolist() == [40]


@pytest.mark.parametrize(("left", "steps"), [(0.7e-10, 2), (1.5e-10, 3)])
def test_dinkelbachs_method_ends_where_ten_digits_are_reached(monkeypatch, left, steps):
    """The second step finds more than the first by the part ``left``, which is F(q) of the second, relative to the rates."""
    third, totals = np.full((1, 3), 1 / 3), iter([1.0, 1 + left, 1 + left])
    monkeypatch.setattr(exact, "maximise_at_price", lambda *given: (third, third, np.zeros((1, 3, 2)), np.zeros(1)))
    monkeypatch.setattr(Bands, "rates", lambda bands, x, y: np.full((1, 3, 2), next(totals)))
    found = exact._efficiency(BANDS.take([0]), INSIDE.take([0]), FREE)
    assert found[3].tolist() == [steps]


# --- searches ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("search", "part"), [(bounds.touching_density, 1), (bounds.closing_density, 0)])
def test_a_density_is_found_in_sixty_four_halvings(monkeypatch, search, part):
    """Where a watt (a share) is worth its price to every user: the derivatives of the rates, the first of the tangents."""
    multipliers = np.random.default_rng(1).uniform(0, 2, BANDS.floors.shape)
    worths = lambda x: np.sum((BANDS.weights[..., None] + multipliers) * BANDS.tangents(x)[part], axis=2)  # noqa: E731
    price = worths(np.full((5, 3), 0.7)).min(axis=1)
    asked = counted(monkeypatch, Bands, "slopes")
    x = search(BANDS, multipliers, price)
    assert len(asked) <= 64 + 1
    np.testing.assert_allclose(worths(x), np.broadcast_to(price[:, None], x.shape), rtol=1e-9)


def test_next_to_nothing_is_a_hundred_millionth():
    near = np.array([[1.0, 1.5e-8, 0.7e-8]])
    assert held(near, 0 * near, Restriction(True, False))[0].tolist() == [True, True, False]
