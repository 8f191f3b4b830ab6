"""The joint optimum against a cone solver and a smooth NLP, its certificates, its refusals."""

import dataclasses
import math
import pickle

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import minimize

from isaclib import InfeasibleScenario
from isaclib import ofdm_ranging as ofdm
from isaclib.foundations import conic
from isaclib.ofdm_ranging import cuts, pulse
from isaclib.ofdm_ranging.feasibility import problem_of
from isaclib.ofdm_ranging.waterfilling import waterfill_powers

SECOND_SOLVER = 1e-5  # relative, what issue and contract ask of two solvers
GAP, RESIDUAL = 1e-6, 1e-7  # the contract's certificate


def cone_program(scenario, **limits):
    """The same problem with cvxpy and Clarabel in bit/s: delays 1/10 apart, then those that a 64-fold grid finds violated."""
    asked = ofdm.Limits(**limits)
    n = pulse.centred_carriers(scenario.carriers)
    x = cp.Variable(scenario.carriers, nonneg=True)
    fixed, regions = [cp.sum(x) == 1], []
    if asked.peak_sidelobe_db is not None:
        regions.append((scenario.sidelobe_start, scenario.sidelobe_end, asked.sidelobe_level()))
    if (lobe := asked.main_lobe_region(scenario)) is not None:
        regions.append((*lobe, math.sqrt(0.5)))
    if asked.max_toa_crb_s2 is not None:
        reach = 0.5 * (scenario.carriers - 1)
        moment = (n / reach) ** 2 @ x - cp.square((n / reach) @ x)
        fixed.append(moment >= least_moment(asked, scenario) / reach**2)
    delays = [np.append(np.arange(start, stop, 0.1), stop) for start, stop, _ in regions]
    objective = cp.Maximize(cp.sum(cp.log1p(cp.multiply(scenario.carrier_snr, x))))
    for _ in range(12):
        levels = []
        for (_, _, limit), u in zip(regions, delays, strict=True):
            phases = pulse.steering(u, scenario.carriers)
            levels.append(cp.norm(cp.vstack([phases.real @ x, phases.imag @ x]), axis=0) <= limit)
        nats = conic.solve(cp.Problem(objective, [*fixed, *levels])).value
        worst = 0.0
        for index, (start, stop, limit) in enumerate(regions):
            fine = np.linspace(start, stop, round(64 * (stop - start)) + 2)
            level = np.abs(pulse.pulse(x.value, fine))
            worst = max(worst, level.max() / limit - 1)
            delays[index] = np.append(delays[index], fine[1:-1][(level[1:-1] > limit) & (np.diff(np.sign(np.diff(level))) < 0)])
        if worst < 1e-5:
            break
    return nats * scenario.subcarrier_spacing_hz / math.log(2)


def least_moment(asked, scenario):
    """The moment that the CRB limit asks for, in carriers^2, straight from the formula of the CRB."""
    spacing = scenario.subcarrier_spacing_hz
    snr = scenario.symbols * scenario.echo_gain * scenario.power_budget_w / (scenario.noise_psd_w_per_hz * spacing)
    return 1 / (8 * math.pi**2 * spacing**2 * snr * asked.max_toa_crb_s2)


def limits_for(scenario, *, sidelobe_db=None, crb=None, width=None):
    limits = {}
    if sidelobe_db is not None:
        limits["peak_sidelobe_db"] = sidelobe_db
    if crb is not None:
        limits["max_toa_crb_s2"] = float(crb * ofdm.toa_crb_s2(scenario, ofdm.waterfill(scenario).powers_w))
    if width is not None:
        limits["max_main_lobe_width_m"] = width * scenario.range_cell_m
    return limits


@pytest.mark.parametrize(
    ("seed", "wanted"),
    [
        (6, dict(sidelobe_db=-20.0)),
        (1, dict(sidelobe_db=-28.0)),
        (2, dict(crb=0.6)),
        (3, dict(width=0.85)),
        (4, dict(sidelobe_db=-15.0, crb=0.9)),
        (5, dict(sidelobe_db=-12.0, crb=0.95, width=0.9)),
    ],
)
def test_equals_a_cone_solver_on_a_dense_grid(seed, wanted):
    scenario = ofdm.Scenario.random(np.random.default_rng(seed), carriers=24, mean_snr_db=3.0 * seed)
    limits = limits_for(scenario, **wanted)
    allocation = ofdm.solve_exact(scenario, **limits)
    assert allocation.capacity_bps == pytest.approx(cone_program(scenario, **limits), rel=SECOND_SOLVER)


def test_equals_a_smooth_program_on_few_carriers():
    scenario = ofdm.Scenario.random(np.random.default_rng(11), carriers=10, mean_snr_db=5.0)
    limits = limits_for(scenario, sidelobe_db=-14.0, crb=1.0)
    gains, asked, n = scenario.carrier_snr, ofdm.Limits(**limits), pulse.centred_carriers(10)
    phases = pulse.steering(np.linspace(1.5, 5, 400), 10)

    def room(x):
        levels = 1 - np.abs(phases @ x) ** 2 / asked.sidelobe_level() ** 2
        return np.append(levels, (x @ n**2 - (x @ n) ** 2) / least_moment(asked, scenario) - 1)

    def room_slope(x):
        levels = -2 * ((phases @ x).conj()[:, None] * phases).real / asked.sidelobe_level() ** 2
        return np.vstack([levels, (n**2 - 2 * (x @ n) * n) / least_moment(asked, scenario)])

    found = minimize(
        lambda x: -np.log1p(gains * x).sum(),
        np.full(10, 0.1),
        jac=lambda x: -gains / (1 + gains * x),
        bounds=[(0, 1)] * 10,
        constraints=[
            {"type": "eq", "fun": lambda x: x.sum() - 1, "jac": lambda x: np.ones(10)},
            {"type": "ineq", "fun": room, "jac": room_slope},
        ],
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert room(found.x).min() > -1e-8
    expected = -found.fun * scenario.subcarrier_spacing_hz / math.log(2)
    assert ofdm.solve_exact(scenario, **limits).capacity_bps == pytest.approx(expected, rel=SECOND_SOLVER)


def test_certificates_on_random_scenarios():
    """200 scenarios with all kinds of limits: gap, residual and an independent bound, or a named refusal."""
    refused = solved = 0
    for rng in np.random.default_rng(5).spawn(200):
        carriers = int(rng.choice([12, 24, 48]))
        scenario = ofdm.Scenario.random(rng, carriers=carriers, mean_snr_db=rng.uniform(-5, 20), taps=int(rng.integers(1, 10)))
        limits = limits_for(
            scenario,
            sidelobe_db=float(rng.uniform(-32, -8)) if rng.random() < 0.8 else None,
            crb=rng.uniform(0.5, 1.4) if rng.random() < 0.5 else None,
            width=rng.uniform(0.7, 1.5) if rng.random() < 0.5 else None,
        )
        try:
            allocation = ofdm.solve_exact(scenario, **limits)
        except InfeasibleScenario as failure:
            assert failure.best_attainable > failure.limit
            refused += 1
            continue
        solved += 1
        for certificate in (allocation.certificate, ofdm.verify(scenario, allocation, **limits)):
            assert certificate.gap <= GAP and certificate.residual <= RESIDUAL and certificate.status == "optimal"
        assert allocation.powers_w.min() >= 0 and allocation.powers_w.sum() == pytest.approx(1.0, rel=1e-12)
    assert min(refused, solved) > 40


def test_sidelobes_on_a_64_fold_grid_overshoot_by_less_than_a_hundredth_of_a_db():
    scenario = ofdm.Scenario.random(np.random.default_rng(0))
    for limit in (-15.0, -25.0, -33.0):
        powers = ofdm.solve_sidelobe_limited(scenario, limit).powers_w
        u, levels = pulse.grid_levels(powers, 64)
        assert 20 * np.log10(levels[u >= scenario.sidelobe_start].max()) <= limit + 0.01
        assert ofdm.peak_sidelobe_db(scenario, powers) == pytest.approx(limit, abs=1e-6)  # binding


def test_sidelobe_stop_frees_the_delays_behind_it():
    scenario = ofdm.Scenario.random(np.random.default_rng(3), carriers=48)
    near = scenario.replace(sidelobe_stop=8.0)
    everywhere, partly = ofdm.solve_sidelobe_limited(scenario, -25.0), ofdm.solve_sidelobe_limited(near, -25.0)
    assert partly.capacity_bps > everywhere.capacity_bps
    assert ofdm.peak_sidelobe_db(near, partly.powers_w) <= -25 + 1e-6 < ofdm.peak_sidelobe_db(scenario, partly.powers_w)


def test_mirrored_and_scaled_channels_give_mirrored_and_equal_powers():
    scenario = ofdm.Scenario.random(np.random.default_rng(6), carriers=32)
    limits = dict(peak_sidelobe_db=-20.0)
    powers = ofdm.solve_exact(scenario, **limits).powers_w
    mirrored = ofdm.solve_exact(scenario.replace(channel_gain=scenario.channel_gain[::-1]), **limits).powers_w
    assert mirrored[::-1] == pytest.approx(powers, abs=1e-5)  # a gap of 1e-8 leaves powers this free
    louder = scenario.replace(channel_gain=3 * scenario.channel_gain, noise_psd_w_per_hz=3 * scenario.noise_psd_w_per_hz)
    assert ofdm.solve_exact(louder, **limits).powers_w == pytest.approx(powers, abs=1e-5)


def test_capacity_falls_as_any_limit_tightens():
    scenario = ofdm.Scenario.random(np.random.default_rng(8), carriers=32, mean_snr_db=10.0)
    for name, values in (
        ("peak_sidelobe_db", [-8.0, -14.0, -20.0, -26.0]),
        ("max_main_lobe_width_m", np.array([1.2, 1.0, 0.9, 0.8]) * scenario.range_cell_m),
        ("max_toa_crb_s2", np.array([1.0, 0.8, 0.6, 0.5]) * ofdm.toa_crb_s2(scenario, ofdm.waterfill(scenario).powers_w)),
    ):
        capacities = [ofdm.solve_exact(scenario, **{name: value}).capacity_bps for value in values]
        assert np.all(np.diff(capacities) <= 1e-6 * capacities[0])
        assert capacities[-1] < 0.999 * capacities[0]


def test_without_limits_it_is_water_filling():
    scenario = ofdm.Scenario.random(np.random.default_rng(9))
    allocation = ofdm.solve_exact(scenario)
    assert allocation.powers_w == pytest.approx(ofdm.waterfill(scenario).powers_w, rel=1e-12)
    assert allocation.certificate.gap < 1e-12 and allocation.history == ()


@pytest.mark.parametrize("limit", ["peak_sidelobe_db", "max_toa_crb_s2", "max_main_lobe_width_m", "max_capacity_loss"])
def test_infeasible_requests_are_refused_with_a_certificate(limit):
    scenario = ofdm.Scenario.random(np.random.default_rng(10), carriers=32)
    least = ofdm.toa_crb_s2(scenario, ofdm.edges_only(scenario).powers_w)
    limits = {
        "peak_sidelobe_db": dict(peak_sidelobe_db=-45.0),
        "max_toa_crb_s2": dict(max_toa_crb_s2=0.99 * least),
        "max_main_lobe_width_m": dict(max_main_lobe_width_m=0.53 * scenario.range_cell_m),
        "max_capacity_loss": dict(max_capacity_loss=1e-4, peak_sidelobe_db=-25.0),
    }[limit]
    with pytest.raises(InfeasibleScenario) as caught:
        ofdm.solve_exact(scenario, **limits)
    failure = caught.value
    assert failure.constraint == limit and failure.limit == limits[limit] < failure.best_attainable
    assert pickle.loads(pickle.dumps(failure)).constraint == limit
    fallback = ofdm.solve_exact(scenario, **limits, fallback=True)
    assert fallback.mode == "communication"
    assert fallback.powers_w == pytest.approx(ofdm.waterfill(scenario).powers_w, rel=1e-12)
    assert failure.limit < fallback.certificate.bound <= fallback.certificate.value * (1 if failure.limit > 0 else 1 - 1e-12)
    eased = {**limits, limit: failure.best_attainable + 1e-3 * abs(failure.best_attainable)}
    assert ofdm.solve_exact(scenario, **eased).mode == "isac"


def test_least_sidelobe_level_is_the_dolph_chebyshev_windows_where_that_window_is_positive():
    """Without the sign limit the least level is Chebyshev's; its window is positive here, so both must agree."""
    from scipy.signal.windows import chebwin

    scenario = ofdm.Scenario.random(np.random.default_rng(0), carriers=32, sidelobe_start=2.0)
    allocation = ofdm.minimise_sidelobe(scenario)
    # The Chebyshev window's main lobe ends where its pattern first falls to the sidelobe level: match that delay.
    order, edge = 31, math.cos(math.pi * 2.0 / 32)
    level_db = -20 * math.log10(math.cosh(order * math.acosh(1 / edge)))
    window = chebwin(32, -level_db)
    assert window.min() > 0
    assert 20 * math.log10(allocation.certificate.value) == pytest.approx(level_db, abs=1e-4)
    assert allocation.powers_w / allocation.powers_w.max() == pytest.approx(window / window.max(), abs=1e-3)


def test_least_level_bound_is_never_beaten():
    scenario = ofdm.Scenario.random(np.random.default_rng(0), carriers=20)
    bound = ofdm.minimise_sidelobe(scenario).certificate.bound
    samples = np.random.default_rng(1).dirichlet(np.ones(20), size=300)
    assert np.all(pulse.peak_level(samples, scenario.sidelobe_start, scenario.sidelobe_end, 16) > bound)
    assert ofdm.minimise_sidelobe(scenario).certificate.gap < GAP


def test_verify_rejects_perturbed_allocations():
    scenario = ofdm.Scenario.random(np.random.default_rng(12), carriers=48)
    limits = limits_for(scenario, sidelobe_db=-20.0, crb=1.05)
    allocation = ofdm.solve_exact(scenario, **limits)
    assert ofdm.verify(scenario, allocation, **limits).status == "optimal"
    rng = np.random.default_rng(0)
    for size in (1e-2, 1e-3):
        bent = allocation.powers_w * (1 + size * rng.standard_normal(48))
        bent *= allocation.powers_w.sum() / bent.sum()
        assert ofdm.verify(scenario, dataclasses.replace(allocation, powers_w=bent), **limits).status != "optimal"
    louder = dataclasses.replace(allocation, powers_w=1.001 * allocation.powers_w)
    assert ofdm.verify(scenario, louder, **limits).residual == pytest.approx(1e-3, rel=1e-3)
    flat = dataclasses.replace(allocation, powers_w=np.full(48, 1 / 48))
    assert ofdm.verify(scenario, flat, **limits).residual > 0.1
    spectral = dataclasses.replace(allocation, powers_w=ofdm.minimise_sidelobe(scenario).powers_w)
    assert ofdm.verify(scenario, spectral, peak_sidelobe_db=-20.0).gap > 1e-3  # feasible, far from optimal
    claimed = dataclasses.replace(allocation, powers_w=flat.powers_w, capacity_bps=1e12)
    assert ofdm.verify(scenario, claimed, **limits).value < 1e9


def test_the_fitted_bound_is_valid_at_any_powers():
    scenario = ofdm.Scenario.random(np.random.default_rng(13), carriers=24)
    asked = ofdm.Limits(peak_sidelobe_db=-18.0)
    best = ofdm.solve_exact(scenario, peak_sidelobe_db=-18.0).capacity_bps
    for powers in np.random.default_rng(0).dirichlet(np.ones(24), size=30):
        assert ofdm.capacity_bound(scenario, asked, powers) >= best * (1 - 1e-9)


def test_batch_equals_single_solves_and_marks_what_is_infeasible():
    batch = ofdm.Scenario.random_batch(np.random.default_rng(14), 4, carriers=24)
    limits = dict(peak_sidelobe_db=-20.0, max_capacity_loss=0.06)
    result = ofdm.solve_exact_batch(batch, **limits)
    assert result.powers_w.shape == (4, 24)
    for row, scenario in enumerate(batch):
        single = ofdm.solve_exact(scenario, fallback=True, **limits)
        assert result.feasible[row] == (single.mode == "isac")
        if result.feasible[row]:
            assert np.array_equal(result.powers_w[row], single.powers_w) and result.gap[row] <= GAP
        else:
            assert np.all(np.isnan(result.powers_w[row])) and result.best_attainable[row] > 0.06
    hopeless = ofdm.solve_exact_batch(list(batch), peak_sidelobe_db=-60.0)
    assert not hopeless.feasible.any() and set(hopeless.constraint) == {"peak_sidelobe_db"}


def test_best_main_lobe_width_brackets_the_limit():
    scenario = ofdm.Scenario.random(np.random.default_rng(15), carriers=20)
    possible, impossible = ofdm.best_main_lobe_width_m(scenario, tolerance=1e-4)
    assert impossible < possible <= impossible * (1 + 2e-4)
    assert ofdm.solve_exact(scenario, max_main_lobe_width_m=possible * 1.001).mode == "isac"


def test_chebyshev_grid_bound_holds_for_an_adversary_and_a_uniform_grid_breaks_it():
    """THEOREM: on the Chebyshev grid of [u0, N/2] the overshoot is at most 1/cos(pi (N-1)/(4Q)); here against an adversary."""
    carriers, fold, start = 16, 4, 1.5
    count = fold * carriers // 2
    bound = 1 / math.cos(math.pi * (carriers - 1) / (4 * count))
    edge = math.cos(2 * math.pi * start / carriers)
    cosines = (edge - 1) / 2 + (edge + 1) / 2 * np.cos(math.pi * np.arange(count + 1) / count)
    chebyshev = np.arccos(np.clip(cosines, -1, 1)) * carriers / (2 * math.pi)
    uniform = np.linspace(start, carriers / 2, count + 1)
    targets = np.linspace(start, carriers / 2, 160)

    def overshoot(grid):
        x, target = cp.Variable(carriers), cp.Parameter(2 * carriers)
        phases, worst = pulse.steering(grid, carriers), 0.0
        direction = cp.norm(cp.vstack([phases.real @ x, phases.imag @ x]), axis=0) <= 1
        problem = cp.Problem(cp.Maximize(target[:carriers] @ x), [direction])
        for u in targets[:24]:
            target.value = np.concatenate([pulse.steering([u], carriers)[0].real, np.zeros(carriers)])
            worst = max(worst, problem.solve(solver="CLARABEL"))
        return worst

    assert 1.0 < overshoot(chebyshev) <= bound + 1e-6
    assert overshoot(uniform) > overshoot(chebyshev)


def test_curved_cuts_need_few_rounds():
    scenario = ofdm.Scenario.random(np.random.default_rng(0), carriers=128)
    asked = ofdm.Limits(peak_sidelobe_db=-25.0)
    shares = waterfill_powers(scenario.carrier_snr, 1.0)
    outcome = cuts.maximise_utility(problem_of(scenario, asked), scenario.carrier_snr, start=shares)
    overshoots = [over for _, over, _ in outcome.history]
    assert outcome.converged and outcome.rounds <= 8
    assert overshoots[0] > 1e-2 and overshoots[-1] <= 0


@pytest.mark.parametrize("carriers", [64, 128])
def test_a_sparse_grid_of_delays_lets_no_peak_through(carriers):
    """Cuts are sought on the grid that judges: on a sparser one the peak between two points stood 1e-4 too high."""
    scenario = ofdm.Scenario.random(np.random.default_rng(5), carriers=carriers, oversampling=4)
    found = ofdm.solve_exact(scenario, peak_sidelobe_db=-18.0)
    assert found.certificate.status == "optimal" and found.certificate.residual <= 1e-9
    assert ofdm.score(scenario, found.powers_w, peak_sidelobe_db=-18.0).feasible
