"""The ends of every range: infinite limits, slope and power 0, shares 0 and 1, tiny SINRs, rows of a batch that fail."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from isaclib import InvalidScenario
from isaclib import near_field as nf
from tests.near_field.scenes import small


@pytest.fixture(scope="module")
def sensing():
    return nf.optimise_sensing(small())


def matched_beams(scenario):
    h = nf.channels(scenario)
    return h / np.linalg.norm(h, axis=2, keepdims=True) * np.sqrt(scenario.comm_power_w / len(h))


def test_without_a_limit_ignorance_talks_all_the_time_and_is_guaranteed_nothing(sensing):
    found = nf.solve_error_ignorant(small(crlb_limit_m2=np.inf), sensing=sensing)
    assert found.time_allocation == 1 and found.worst_rate_bps_hz == 0
    assert nf.verify(small(crlb_limit_m2=np.inf), found).residual <= 1e-9


def test_without_limit_and_without_slope_all_the_time_is_best(sensing):
    scenario = small(crlb_limit_m2=np.inf, error_slope_per_m=0.0)
    exact, ignorant = nf.solve_exact(scenario, sensing=sensing), nf.solve_error_ignorant(scenario, sensing=sensing)
    assert exact.time_allocation == ignorant.time_allocation == 1 and exact.certificate.status == "optimal"
    assert ignorant.worst_rate_bps_hz == pytest.approx(exact.worst_rate_bps_hz, rel=1e-6)


def test_a_row_without_power_and_one_that_is_infeasible_keep_the_others():
    batch = nf.solve_exact_batch([small(comm_power_w=0.0), small(crlb_limit_m2=1e-16), small(error_slope_per_m=0.0)])
    assert list(batch.status) == ["optimal", "infeasible", "optimal"] and list(batch.feasible) == [True, False, True]
    assert batch.worst_rate_bps_hz[0] == batch.bound[0] == 0 and batch.worst_rate_bps_hz[2] > 0


def test_unequal_shapes_are_refused_before_the_first_solve(monkeypatch):
    monkeypatch.setattr("isaclib.near_field.exact.optimise_sensing", lambda *_: pytest.fail("solved"))
    with pytest.raises(InvalidScenario, match="antennas"):
        nf.solve_exact_batch([small(antennas=8), small(antennas=9)])


def test_rate_of_a_tiny_sinr_is_not_zero():
    assert nf.rate_bps_hz(0.5, 1e-30) == pytest.approx(0.5e-30 / np.log(2), rel=1e-12)
    h = nf.channels(small())
    found = nf.robust_sinr(h, 1e-3 * np.linalg.norm(h, axis=2), small().noise_w, 1e-20)
    assert 0 < found.sinr < 1e-12 and found.certificate.status == "optimal" and nf.rate_bps_hz(1.0, found.sinr) > 0


def blunted(scenario, sensing, part):
    """A witness that proves only this part of the position bound."""

    def witness(share):
        matrix = sensing.witness.matrix
        return replace(sensing.witness, matrix=(1 - share) * matrix + share * np.diag(np.diag(matrix)))

    def proven(share):
        return nf.sensing_bound(scenario, witness(share)) / sensing.crlb_bar_m2 - part

    return witness(optimize.brentq(proven, 0.0, 1.0))


def test_the_bound_on_the_rate_rests_on_the_proven_position_bound(sensing):
    # A limit that leaves little time to talk: what a better covariance might leave counts most.
    scenario = small(crlb_limit_m2=1.05 * sensing.crlb_bar_m2 * small().sensing_block_s / small().block_s)
    loose = replace(sensing, witness=blunted(scenario, sensing, 0.99))
    tight, wide = (nf.solve_exact(scenario, sensing=s) for s in (sensing, loose))
    assert wide.worst_rate_bps_hz == pytest.approx(tight.worst_rate_bps_hz, rel=1e-6)
    # 1 - 1/1.05 and 1 - 0.99/1.05: a fifth more time.
    assert wide.certificate.bound > 1.15 * tight.certificate.bound and wide.certificate.status == "converged"


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_the_bound_is_that_of_the_sensing_power_in_use(sensing, factor):
    """The optimal covariances scale with their power; what was proven at the other power must not be taken for proven here."""
    scenario = small(sensing_power_w=factor * small().sensing_power_w)
    scaled = replace(sensing, covariances=factor * sensing.covariances, crlb_bar_m2=sensing.crlb_bar_m2 / factor)
    curve = nf.curve_of(scenario)
    found, fresh = nf.solve_exact(scenario, sensing=scaled, curve=curve), nf.solve_exact(scenario, curve=curve)
    assert found.certificate.status == fresh.certificate.status == "optimal"
    assert found.certificate.bound == pytest.approx(fresh.certificate.bound, rel=1e-5)
    assert nf.verify(scenario, found).status == "optimal"
    wrong = [replace(scaled, covariances=sensing.covariances), replace(scaled, crlb_bar_m2=sensing.crlb_bar_m2)]
    wrong += [sensing] * (factor < 1)  # too loud; less than the budget is admissible
    for given in wrong:
        for solve in (nf.solve_exact, nf.solve_main, nf.solve_mrt, nf.solve_error_ignorant):
            with pytest.raises(InvalidScenario, match="sensing"):
                solve(scenario, sensing=given)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_shares_of_nothing_and_all_are_judged(sensing, share):
    scenario = small()
    beams = matched_beams(scenario)
    if share == 0:
        with pytest.raises(InvalidScenario, match="time_allocation"):
            nf.score(scenario, beams, sensing.covariances, share)
        return
    found = nf.score(scenario, beams, sensing.covariances, share)
    assert found.value == 0 and not found.feasible and np.isnan(found.gap)
    assert found.violations["crlb_limit_m2"] == np.inf


def test_beams_without_power_or_with_errors_near_one_are_judged():
    h = nf.channels(small())
    lengths, noise = np.linalg.norm(h, axis=2), small().noise_w
    silent = nf.score_beams(h, 0.5 * lengths, 0 * h, noise, 1.0)
    assert silent.value == 0 and silent.feasible and silent.gap == 1
    blind = nf.score_beams(h, 1.0 * lengths, matched_beams(small()), noise, 1.0)
    assert blind.value == 0 and blind.optimum == 0
    alone = nf.score_beams(h[:1, :1, :1], 0.999 * np.abs(h[:1, :1, 0]), h[:1, :1, :1] / np.abs(h[:1, :1, :1]), noise, 1.0)
    assert alone.gap == pytest.approx(0, abs=1e-6) and alone.value == pytest.approx(
        (1e-3 * abs(h[0, 0, 0])) ** 2 / noise, rel=1e-6
    )
    strict = nf.score_beams(h, 0.1 * lengths, matched_beams(small()), noise, 1.0, tolerance=0.0)
    assert strict.violations["max_power_w"] <= 1e-12


def test_a_curve_of_other_channels_noise_or_radii_is_refused(sensing):
    scenario = small()
    h = nf.channels(scenario)
    radii = 1e-3 * np.linalg.norm(h, axis=2)
    others = {
        "radii": nf.curve_of(scenario, error_radii=2 * radii),
        "channels": nf.curve_of(scenario, channels=h * np.exp(1j), error_radii=radii),
        "noise": nf.curve_of(small(noise_w=2 * scenario.noise_w), error_radii=radii),
    }
    for curve in others.values():
        with pytest.raises(InvalidScenario, match="curve"):
            nf.solve_exact(scenario, sensing=sensing, curve=curve, error_radii=radii)


def test_shares_end_at_one():
    assert nf.relative_error(small(), 1e-10, 1.0) == np.inf
    for share in (1.5, -0.5):
        with pytest.raises(InvalidScenario, match="time_allocation"):
            nf.relative_error(small(), 1e-10, share)
        with pytest.raises(InvalidScenario, match="time_allocation"):
            nf.rate_bps_hz(share, 1.0)


@pytest.mark.parametrize("changes", [{"comm_power_w": 0.0}, {"error_slope_per_m": 1e12}])
def test_a_rate_of_nothing_is_proven_where_nothing_else_is_possible(sensing, changes):
    scenario = small(**changes)
    found = nf.solve_exact(scenario, sensing=sensing)
    again = nf.verify(scenario, found)
    assert found.certificate.status == again.status == "optimal" and found.certificate.bound == again.bound == again.value == 0
    possible = small()
    assert nf.verify(possible, replace(found, beams=np.zeros_like(found.beams))).status == "converged"


@pytest.mark.parametrize("rest", [1e-3, 1e-8, 1e-10, 3e-13])
def test_a_share_next_to_one_keeps_the_position_limit(rest):
    """The optimum may leave a part in 1e10 of the time to sensing, of which the last digit of the share is a part in 1e6."""
    scenario = small(block_s=100.0, error_slope_per_m=1e-3)
    sensing = nf.optimise_sensing(scenario)
    limit = sensing.crlb_bar_m2 * scenario.sensing_block_s / (rest * scenario.block_s)
    scenario = scenario.replace(crlb_limit_m2=float(limit))
    for solver in (nf.solve_exact, nf.solve_mrt, nf.solve_error_ignorant):
        found = solver(scenario, sensing=sensing)
        assert found.time_allocation > 0.9 and nf.crlb_m2(scenario, found.covariances, found.time_allocation) <= limit * (
            1 + 1e-12
        )
        assert found.certificate.residual <= 1e-6 and nf.residual(scenario, found) <= 1e-6
    exact = nf.solve_exact(scenario, sensing=sensing)
    assert nf.verify(scenario, exact).status == exact.certificate.status == "optimal"
    judged = nf.score(scenario, exact.beams, exact.covariances, exact.time_allocation)
    assert judged.feasible and judged.gap <= 1e-5


@pytest.mark.parametrize("off", [1 + 5e-5, 1 - 5e-5, 1.01])
def test_a_position_bound_that_the_covariances_do_not_have_is_refused(sensing, off):
    with pytest.raises(InvalidScenario, match="another scenario"):
        nf.solve_mrt(small(), sensing=replace(sensing, crlb_bar_m2=sensing.crlb_bar_m2 * off))


@pytest.fixture(scope="module")
def solved():
    scenario = small(antennas=5)
    return scenario, nf.solve_exact(scenario)


def with_witnesses(found, **changes):
    """The allocation with a field of every dual point made by a function of it."""
    witnesses = [
        replace(each, dual=replace(each.dual, **{name: made(getattr(each.dual, name)) for name, made in changes.items()}))
        for each in found.witnesses
    ]
    return replace(found, witnesses=tuple(witnesses))


@pytest.mark.parametrize("user", [0, 1])
def test_every_user_must_have_what_is_claimed(solved, user):
    scenario, found = solved
    weaker = found.beams.copy()
    weaker[user] *= 0.9999  # which the other gains from
    assert nf.residual(scenario, replace(found, beams=weaker)) > 1e-4


@pytest.mark.parametrize("factor", [0.7765609741210937, 0.999, -1.0, 1e3])
def test_a_witness_whose_channels_lie_outside_their_balls_bounds_nothing(solved, factor):
    # Shrunk channels "proved" 9.38 bit/s/Hz where 9.72 is attained: weaker beams passed for optimal.
    scenario, found = solved
    assert nf.verify(scenario, found).status == "optimal"
    with pytest.raises(InvalidScenario, match="outside its ball"):
        nf.verify(scenario, with_witnesses(found, channels=lambda x: factor * x))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", [lambda x: None, lambda x: x * np.nan, lambda x: x[:-1], lambda x: 0 * x, lambda x: -x - 1])
@pytest.mark.parametrize("field", ["channels", "weights", "prices", "owners"])
def test_a_witness_with_a_malformed_field_is_refused_by_name(solved, field, bad):
    scenario, found = solved
    with pytest.raises(InvalidScenario, match="witness"):
        nf.verify(scenario, with_witnesses(found, **{field: bad}))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [0.0, 1e-200, 1e200])
def test_the_scale_of_a_sensing_witness_does_not_matter(solved, scale):
    scenario, found = solved
    witness = found.sensing_witness
    bound = nf.sensing_bound(scenario, witness)
    assert nf.sensing_bound(scenario, replace(witness, matrix=scale * witness.matrix)) == pytest.approx(bound if scale else 0.0)
    assert nf.sensing_bound(scenario, replace(witness, regressions=scale * witness.regressions)) <= bound * (1 + 1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "changes",
    [
        *({"noise_w": 1e-300}, {"noise_w": 1e200}, {"sensing_power_w": 1e300}),
        *({"sensing_processing_gain_db": 2999.0}, {"sensing_processing_gain_db": -2999.0}),
    ],
)
def test_an_echo_whose_strength_is_no_number_is_refused_by_the_scenario(changes):
    with pytest.raises(InvalidScenario, match="echo SNR"):
        small(antennas=5).replace(**changes)
    for factor in (1e150, 1e160, 1e-150):  # much stronger echoes once made the scenario "infeasible"
        with pytest.raises(InvalidScenario, match="echo SNR"):
            small(antennas=5).replace(reflectivity=small(antennas=5).reflectivity * factor)


@pytest.mark.filterwarnings("error")
def test_what_is_too_large_to_be_squared_is_refused_before_it_is(solved):
    scenario, found = solved
    huge, h = np.full(found.beams.shape, 1e200 + 0j), nf.channels(scenario)
    radii = 0.01 * np.linalg.norm(h, axis=2)
    for call in (
        *(
            lambda solve=solve: solve(scenario, channels=huge)
            for solve in (nf.curve_of, nf.solve_exact, nf.solve_main, nf.solve_mrt)
        ),
        lambda: nf.verify(scenario, found, channels=huge),
        lambda: nf.constraint_margins(scenario, 1e-11, huge, 1.0, [0.5]),
        lambda: nf.worst_sinr(h, radii, 1e90 * found.beams, scenario.noise_w),
        lambda: nf.adversarial_sinr(h, radii, found.beams, 1e-200),
        lambda: nf.crlb_m2(scenario, 1e200 * found.covariances, 0.5),
        lambda: nf.solve_main(scenario, step=1e-300),
    ):
        with pytest.raises(InvalidScenario, match=r"channels|beams|covariances|step"):
            call()
    assert nf.crlb_m2(scenario, 1e-306 * found.covariances, 0.5) == np.inf
    assert nf.relative_error(scenario.replace(error_slope_per_m=1e300), 1e300, 0.5) == np.inf
    assert np.all(np.isfinite(nf.plane_wave_vectors(scenario, [[1e200, 1e200]])))
