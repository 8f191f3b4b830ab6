"""Power margin, robust SINR and worst case: closed forms, two methods, weak duality, invariances."""

import itertools
from types import SimpleNamespace

import clarabel
import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib.foundations.channels import complex_normal
from isaclib.near_field import Scenario, channels, cuts, proven_sinr
from isaclib.near_field.adversary import Dual, centred, worst_case, worst_channels
from isaclib.near_field.cuts import margin_by_cuts
from isaclib.near_field.dual_bound import dual_residual
from isaclib.near_field.given_beams import (
    adversarial_sinr,
    beam_residual,
    certified_sinr,
    certified_values,
    channel_sinr,
    worst_sinr,
)
from isaclib.near_field.margin import power_margin
from isaclib.near_field.proven_sinr import proven
from isaclib.near_field.reduction import reduce, scaled_bases
from isaclib.near_field.robust import robust_sinr
from isaclib.near_field.time_allocation import SinrCurve

# Both bounds of the cuts meet to their own tolerance, 1e-6.
CLOSED = 2e-6
# Two different algorithms, each closed to 1e-6.
SAME = 1e-5
# The definition of done for cuts against the semidefinite program.
ROADS = 1e-4
NOISE, POWER, RELATIVE_ERROR = 1e-10, 1.0, 1.18e-3


def small(rng, users=3, aps=2, antennas=4, relative=0.02):
    """Well-conditioned random channels with unit-order entries."""
    h = (rng.standard_normal((users, aps, antennas)) + 1j * rng.standard_normal((users, aps, antennas))) / np.sqrt(2)
    return h, relative * np.linalg.norm(h, axis=2)


@pytest.fixture(scope="module")
def paper():
    h = channels(Scenario.random(np.random.default_rng(1)))
    return h, RELATIVE_ERROR * np.linalg.norm(h, axis=2)


@pytest.fixture(scope="module")
def paper_margin(paper):
    return power_margin(*paper, 1e5, NOISE, POWER)


def test_one_user_has_a_closed_form():
    # The worst error points against each beam: |sum_m (|h_m| - eps_m) sqrt(t P)|^2 = gamma sigma^2.
    h, radii = small(np.random.default_rng(2), users=1, aps=3)
    amplitude = np.sum(np.linalg.norm(h, axis=2) - radii)
    found = power_margin(h, radii, 7.0, 0.3, 2.0)
    assert found.margin == pytest.approx(7.0 * 0.3 / (2.0 * amplitude**2), rel=SAME)
    best = robust_sinr(h, radii, 0.3, 2.0)
    assert best.sinr == pytest.approx(2.0 * amplitude**2 / 0.3, rel=SAME)
    assert worst_sinr(h, radii, best.beams, 0.3)[0] == pytest.approx(best.sinr, rel=SAME)


def test_orthogonal_users_need_their_sum():
    # Channels on different antennas and no errors: user k needs gamma / |h_k|^2.
    h = np.zeros((2, 1, 2), dtype=complex)
    h[0, 0, 0], h[1, 0, 1] = 2.0, 0.5j
    found = power_margin(h, np.zeros((2, 1)), 3.0, 1.0, 1.0)
    assert found.margin == pytest.approx(3.0 / 4 + 3.0 / 0.25, rel=SAME)


def test_paper_size_is_closed_and_both_roads_agree(paper, paper_margin):
    h, radii = paper
    by_sdp = power_margin(h, radii, 1e5, NOISE, POWER, method="sdp")
    for found in (paper_margin, by_sdp):
        assert found.certificate.residual < 1e-6
        assert found.certificate.bound <= found.margin * (1 + 1e-12)
        assert beam_residual(h, radii, found.beams, 1e5, NOISE, found.multipliers) < 1e-6
    assert paper_margin.certificate.gap < CLOSED and paper_margin.certificate.status == "optimal"
    assert by_sdp.margin == pytest.approx(paper_margin.margin, rel=ROADS)
    assert np.all(by_sdp.rank_one_ratio > 1 - 1e-4)


def test_margin_of_the_paper_geometry(paper_margin):
    # With each array's broadside towards the centre of the area; the orientation moves the value by about 10 per cent.
    assert paper_margin.margin == pytest.approx(0.202832, rel=SAME)


def test_perturbed_beams_fail_their_proof(paper, paper_margin):
    h, radii = paper
    weaker = paper_margin.beams * np.sqrt(0.999)
    assert beam_residual(h, radii, weaker, 1e5, NOISE, paper_margin.multipliers) > 1e-4
    assert beam_residual(h, radii, paper_margin.beams, 1.01e5, NOISE, paper_margin.multipliers) > 1e-4
    assert np.all(np.isinf(certified_values(h, radii, paper_margin.beams, 1e5, NOISE, -paper_margin.multipliers)))


@pytest.mark.parametrize("method", ["cuts", "sdp"])
def test_range_reduction_loses_nothing(method):
    h, radii = small(np.random.default_rng(3), users=2, aps=2, antennas=6)
    full = power_margin(h, radii, 20.0, 0.1, 1.0, method=method, reduced=False)
    short = power_margin(h, radii, 20.0, 0.1, 1.0, method=method)
    assert short.margin == pytest.approx(full.margin, rel=SAME)
    assert short.beams.shape == h.shape


def test_reduced_size_does_not_grow_with_antennas():
    for antennas, rank in ((3, 3), (21, 4), (201, 4)):
        scenario = Scenario.random(np.random.default_rng(1), antennas=antennas)
        h = channels(scenario)
        problem = reduce(h, np.ones(h.shape[:2]), NOISE)
        assert problem.channels.shape == (4, 3, rank)
        assert np.allclose(
            problem.lift(problem.channels), h / np.sqrt(NOISE), rtol=0, atol=1e-9 * np.abs(h).max() / np.sqrt(NOISE)
        )


def test_cost_of_a_margin_does_not_grow_with_antennas(monkeypatch):
    """Work counted, not timed: non-zeros of the cone programs times interior-point steps, summed over the rounds."""
    work = []

    class Counted:
        def __init__(self, quadratic, objective, matrix, *rest):
            self.nonzeros, self.solver = matrix.nnz, clarabel.DefaultSolver(quadratic, objective, matrix, *rest)

        def solve(self):
            answer = self.solver.solve()
            work.append(self.nonzeros * answer.iterations)
            return answer

    monkeypatch.setattr(cuts, "clarabel", SimpleNamespace(**(vars(clarabel) | {"DefaultSolver": Counted})))
    totals = []
    for antennas in (21, 201):
        work.clear()
        # The aperture stays: more antennas lie closer together.
        h = channels(Scenario.random(np.random.default_rng(1), antennas=antennas, antenna_spacing_m=0.53 / (antennas - 1)))
        found = power_margin(h, 1e-3 * np.linalg.norm(h, axis=2), 1e5, NOISE, POWER, tolerance=1e-5)
        assert found.certificate.gap <= 1e-5 and found.certificate.residual < 1e-6
        totals.append((sum(work), len(work)))
    assert totals[1][0] <= 1.5 * totals[0][0] and totals[1][1] <= 1.5 * totals[0][1]


def test_scaled_bases_are_dual_to_the_channels(paper):
    h, radii = paper
    problem = reduce(h, radii, NOISE)
    bases = scaled_bases(problem.stacked, 1e4)
    for k in range(4):
        received = problem.stacked.conj() @ bases[k]
        expected = np.eye(4, 12)
        expected[k, k] = 100.0
        assert np.allclose(received, expected, atol=1e-8)


def test_certificate_is_a_lower_bound_that_errors_attain(paper, paper_margin):
    h, radii = paper
    problem = reduce(h, radii, NOISE)
    beams = problem.project(paper_margin.beams)[None]
    found = worst_case(problem.channels, problem.radii, beams, 1e5)
    faced, values = worst_channels(problem.channels, problem.radii, beams, 1e5, found)
    error = np.linalg.norm(faced - problem.channels[None, :, None], axis=4)
    assert np.all(error <= problem.radii[None, :, None] * (1 + 1e-12))
    assert np.all(values[..., 0] >= found.value - 1e-9)
    # Three balls: no theorem says that the S-procedure is lossless; on this case it is.
    assert np.allclose(values[..., 0], found.value, atol=1e-6)


@pytest.mark.parametrize("aps", [1, 2])
def test_one_or_two_balls_are_lossless(aps):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        h, radii = small(rng, aps=aps, relative=0.2)
        beams = rng.standard_normal(h.shape) + 1j * rng.standard_normal(h.shape)
        found = worst_case(h, radii, beams[None], 2.0)
        _, values = worst_channels(h, radii, beams[None], 2.0, found)
        assert np.allclose(values[0, :, 0], found.value[0], atol=1e-5)


def test_random_errors_never_beat_the_certificate():
    rng = np.random.default_rng(4)
    h, radii = small(rng, aps=3, relative=0.3)
    beams = rng.standard_normal(h.shape) + 1j * rng.standard_normal(h.shape)
    proven = worst_sinr(h, radii, beams, 1.0)
    directions = rng.standard_normal((3, 4000, 3, 4)) + 1j * rng.standard_normal((3, 4000, 3, 4))
    directions /= np.linalg.norm(directions, axis=3, keepdims=True)
    seen = channel_sinr(h[:, None] + radii[:, None, :, None] * directions, beams, 1.0)
    attained = adversarial_sinr(h, radii, beams, 1.0)
    assert np.all(seen.min(axis=1) >= attained * (1 - 1e-9))
    assert np.all(attained >= proven)


def test_sinr_that_multipliers_prove():
    # gamma(lambda) in closed form against the eigenvalues of the matrix of eq. (13), on both sides of it. More users than
    # antennas: some multipliers prove something only with the help of the user's own beam (one negative eigenvalue of H).
    rng, helped, nothing = np.random.default_rng(4), 0, 0
    h, radii = small(rng, users=4, aps=3, antennas=1)
    h, radii = 30 * h, 30 * radii
    flat = h.reshape(4, 3)
    stacked = 20 * (flat.T @ np.linalg.inv((flat @ flat.conj().T + 20 * np.eye(4)).conj())).T
    w = stacked.reshape(h.shape)
    for size in 10 ** rng.uniform(-2, 2.5, 200):
        lam = size * rng.uniform(1, 2, (4, 3))
        sinr = proven(h, radii, w[None], lam[None])[0]
        for k in range(4):
            others = np.delete(stacked, k, axis=0)
            if not sinr[k] > 0:
                nothing += 1
                assert all(certified_values(h, radii, w, gamma, 1.0, lam)[k] < 1 for gamma in (1e-6, 1e-3, 1.0, 1e3))
                continue
            helped += np.linalg.eigvalsh(others.conj() @ (others / lam[k]).T)[-1] > 1
            below, above = (certified_values(h, radii, w, sinr[k] * part, 1.0, lam)[k] for part in (1 - 1e-7, 1 + 1e-7))
            assert below > 1 > above
    assert helped > 5 and nothing > 100


@pytest.mark.parametrize("aps", [1, 2])
@pytest.mark.parametrize("relative", [1e-3, 0.2, 0.6])
def test_what_is_proven_is_attained_for_one_and_two_balls(aps, relative):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        h, radii = small(rng, aps=aps, relative=relative)
        beams = h + 0.3 * (rng.standard_normal(h.shape) + 1j * rng.standard_normal(h.shape))
        sinr = worst_sinr(h, radii, beams, 0.01)
        assert np.all(sinr > 0)
        assert np.allclose(sinr, adversarial_sinr(h, radii, beams, 0.01), rtol=1e-7, atol=0)


@pytest.mark.parametrize("strong", [1.0, 1e3, 1e6])
def test_balls_count_at_every_access_point_however_strong_another_one_is(strong):
    # Orthogonal channels and errors of 2e-10: the signal does not fade, the interference reaches the sum over the balls.
    gains = np.array([1.0, strong])
    h = np.einsum("m,kn->kmn", gains, np.eye(2))
    radii, share = 2e-10 * gains * np.ones((2, 1)), np.array([1.0, 0.1])
    beams, noise = np.einsum("m,kn->kmn", share, np.eye(2)), 1e-24
    expected = (gains @ share) ** 2 / ((radii[0] @ share) ** 2 + noise)
    values, multipliers = certified_sinr(h, radii, beams, noise)
    assert values == pytest.approx(expected, rel=1e-6)
    assert beam_residual(h, radii, beams, values, noise, multipliers) == 0


def test_the_path_that_ends_by_itself_needs_no_search(monkeypatch):
    monkeypatch.setattr(proven_sinr, "_searched", None)
    rng = np.random.default_rng(4)
    for aps, noise in itertools.product((1, 2, 3, 4), (1e-2, 1e-9, 1e-16)):
        h, radii = small(rng, aps=aps)
        beams = np.linalg.pinv(h.reshape(len(h), -1).conj()).T.reshape(h.shape)
        values = certified_sinr(h, radii, beams, noise)[0]
        attained = adversarial_sinr(h, radii, beams, noise)
        assert np.all(values > 0) and values == pytest.approx(attained, rel=1e-6 if aps <= 2 else 2e-2)


def test_an_end_at_the_tolerance_has_no_other_reason():
    h, radii = small(np.random.default_rng(9), aps=3)
    found = robust_sinr(h, radii, 1e-3, 1.0, tolerance=0.5)
    assert found.certificate.status == "converged" and 1e-5 < found.certificate.gap <= 0.5
    assert found.reason == ""


def test_a_signal_that_can_be_cancelled_proves_nothing_and_the_least_bit_more_does():
    # Two access points: the signal fades to |w^H h| - sum_m eps_m |w_m|.
    h, beams = np.array([[[1.0, 0.0], [0.5, 0.0]]]), np.array([[[0.6, 0.8], [1.0, 0.0]]])
    alone = 1.1 - 0.3 * 1.0  # what the other ball must take away
    for left in (1e-6, 0.0, -1e-6):
        sinr, multipliers = certified_sinr(h, np.array([[0.3, alone - left]]), beams, 1.0)
        if left > 0:
            assert sinr[0] == pytest.approx(left**2, rel=1e-3)
        else:
            assert sinr[0] == 0 and np.all(np.isnan(multipliers))


def test_small_form_equals_the_stacked_form():
    rng = np.random.default_rng(5)
    h, radii = small(rng, aps=3)
    w = rng.standard_normal(h.shape) + 1j * rng.standard_normal(h.shape)
    gamma, noise = 3.0, 0.7
    for inside in (True, False):
        lam = rng.uniform(1, 2, (3, 3)) * (60 if inside else 0.2)
        values = certified_values(h, radii, w, gamma, noise, lam)
        for k in range(3):
            stacked = w.reshape(3, -1)
            M = np.outer(stacked[k], stacked[k].conj()) / gamma
            M -= sum(np.outer(stacked[j], stacked[j].conj()) for j in range(3) if j != k)
            pencil = M + np.diag(np.repeat(lam[k], 4))
            assert (np.linalg.eigvalsh(pencil)[0] > 0) == np.isfinite(values[k])
            if inside:
                hk = h[k].ravel()
                A = hk.conj() @ M @ hk - lam[k] @ radii[k] ** 2 - hk.conj() @ M @ np.linalg.solve(pencil, M @ hk)
                assert values[k] == pytest.approx(A.real / noise, rel=1e-9)


def test_adversary_derivatives_by_differences():
    rng = np.random.default_rng(6)
    h, radii = small(rng, aps=3)
    w = rng.standard_normal((1, *h.shape)) + 1j * rng.standard_normal((1, *h.shape))
    dual = Dual(h, radii, w, np.full(3, 2.0))
    lam, tau, step = rng.uniform(50, 90, (3, 3)), 0.3, 1e-5

    def merit(x):
        _, values, vectors = dual.factor(x)
        return dual.value(x, values, vectors) + tau * dual.barrier(x, values)

    def gradient(x):
        _, values, vectors = dual.factor(x)
        return dual.derivatives(x, values, vectors, tau)

    g, H = gradient(lam)
    for m in range(3):
        shift = np.zeros((3, 3))
        shift[:, m] = step * lam[:, m]
        assert np.allclose((merit(lam + shift) - merit(lam - shift)) / (2 * step), g[:, m], rtol=1e-6, atol=1e-6)
        # Rows of the Hessian are scaled by lambda: undo the scale of the gradient before differencing.
        plus, minus = gradient(lam + shift)[0] / (lam + shift), gradient(lam - shift)[0] / (lam - shift)
        assert np.allclose((plus - minus) * lam / (2 * step), H[:, :, m], rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("error")
def test_newton_from_the_boundary_begins_inside_again():
    # The other user's beam has norm 1 at every access point and is orthogonal to one's own: with lambda = 1 the eigenvalue is 0.
    h, w = np.array([[[1.0, 0.2]], [[0.1, 1.0]]]), np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    dual = Dual(h, np.full((2, 1), 0.01), w[None], np.ones(2))
    on_it = np.ones((2, 1))
    inside, values, vectors = dual.factor(on_it)
    assert not inside.any() and np.all(np.isfinite(dual.value(on_it, values, vectors)))
    multipliers, values, vectors, _ = centred(dual, on_it, 1e-3)
    assert dual.factor(multipliers)[0].all()
    started, *_ = centred(dual, dual.start(), 1e-3)
    assert np.allclose(multipliers, started, rtol=1e-6)


def test_dual_point_proves_the_bound_and_more_would_not():
    h, radii = small(np.random.default_rng(7))
    problem = reduce(h, radii, 0.1)
    found = margin_by_cuts(problem, 5.0, 1.0)
    dual = found.dual
    assert dual_residual(problem, 5.0, dual) <= 0
    assert dual.total == pytest.approx(found.upper, rel=CLOSED)
    assert dual_residual(problem, 5.0, dual, factor=1.001) > 0
    outside = dual.channels + problem.stacked[dual.owners]
    assert dual_residual(problem, 5.0, type(dual)(dual.total, dual.prices, dual.weights, dual.owners, outside)) > 0


def test_impossible_sinr_has_an_infinite_margin_with_a_proof():
    h, radii = small(np.random.default_rng(8), relative=0.3)
    found = power_margin(h, radii, 1e4, 0.1, 1.0)
    assert found.margin == np.inf and found.certificate.bound > 1e6
    assert np.all(np.isnan(found.beams))


def test_robust_sinr_is_closed_and_has_margin_one():
    for seed in range(2):
        h, radii = small(np.random.default_rng(seed), aps=2, relative=0.02)
        best = robust_sinr(h, radii, 0.1, 2.0)
        assert best.certificate.status == "optimal" and best.certificate.gap < SAME and best.certificate.residual < 1e-9
        assert np.sum(np.abs(best.beams) ** 2, axis=(0, 2)).max() <= 2.0 * (1 + 1e-12)
        assert power_margin(h, radii, best.sinr, 0.1, 2.0).margin == pytest.approx(1.0, rel=SAME)
        assert np.min(worst_sinr(h, radii, best.beams, 0.1)) >= best.sinr * (1 - 1e-8)
        assert np.all(adversarial_sinr(h, radii, best.beams, 0.1) >= best.sinr * (1 - 1e-9))
        again = robust_sinr(h, 1.1 * radii, 0.1, 2.0, start=best)
        assert again.sinr < best.sinr and again.certificate.status == "optimal"


def test_three_balls_with_large_errors_leave_a_gap_that_is_reported():
    # The complex S-lemma holds for two balls; this is a case of three where the certificate stays below every error found.
    h, radii = small(np.random.default_rng(2), aps=3, relative=0.2)
    found = power_margin(h, radii, 5.0, 0.1, 1.0, tolerance=1e-3)
    conservative = adversarial_sinr(h, radii, found.beams, 0.1) / worst_sinr(h, radii, found.beams, 0.1) - 1
    assert found.certificate.status == "converged" and found.certificate.residual < 1e-9
    assert np.max(conservative) > 1e-4
    assert np.min(conservative) >= 0


def test_both_roads_give_the_same_robust_sinr():
    h, radii = small(np.random.default_rng(9), users=2, aps=2)
    by_cuts = robust_sinr(h, radii, 0.1, 1.0)
    by_sdp = robust_sinr(h, radii, 0.1, 1.0, method="sdp", tolerance=1e-4)
    assert by_sdp.sinr == pytest.approx(by_cuts.sinr, rel=ROADS)


def test_margin_is_invariant_and_monotone():
    rng = np.random.default_rng(10)
    h, radii = small(rng)
    base = power_margin(h, radii, 5.0, 0.1, 1.0).margin
    phases = np.exp(2j * np.pi * rng.random((3, 1, 1)))
    unitary = np.linalg.qr(rng.standard_normal((4, 4)) + 1j * rng.standard_normal((4, 4)))[0]
    for changed in (
        power_margin(h * phases, radii, 5.0, 0.1, 1.0),
        power_margin(h @ unitary, radii, 5.0, 0.1, 1.0),
        power_margin(h[::-1], radii[::-1], 5.0, 0.1, 1.0),
        power_margin(h[:, ::-1], radii[:, ::-1], 5.0, 0.1, 1.0),
        power_margin(10 * h, 10 * radii, 5.0, 10.0, 1.0),
    ):
        assert changed.margin == pytest.approx(base, rel=SAME)
    assert power_margin(h, radii, 5.0, 0.1, 2.0).margin == pytest.approx(base / 2, rel=SAME)
    assert power_margin(h, 1.5 * radii, 5.0, 0.1, 1.0).margin > base * (1 + SAME)
    # t / gamma does not fall: the fact by which one margin brackets the best SINR.
    assert power_margin(h, radii, 6.0, 0.1, 1.0).margin / 6.0 > base / 5.0


def test_random_small_scenarios_are_certified():
    for users, aps in itertools.product((1, 2, 3), (1, 3)):
        h, radii = small(np.random.default_rng(10 * users + aps), users=users, aps=aps, relative=0.05)
        found = power_margin(h, radii, 3.0, 0.1, 1.0)
        assert found.certificate.gap <= 1e-5 and found.certificate.residual <= 1e-6


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("channels", (np.ones((2, 2)), np.ones((2, 2)), 1.0, 1.0, 1.0)),
        ("channels", (np.zeros((2, 2, 2)), np.ones((2, 2)), 1.0, 1.0, 1.0)),
        ("error_radii", (np.ones((2, 2, 2)), np.ones((2, 3)), 1.0, 1.0, 1.0)),
        ("error_radii", (np.ones((2, 2, 2)), -np.ones((2, 2)), 1.0, 1.0, 1.0)),
        ("sinr", (np.ones((2, 2, 2)), np.ones((2, 2)), 0.0, 1.0, 1.0)),
        ("noise_w", (np.ones((2, 2, 2)), np.ones((2, 2)), 1.0, 0.0, 1.0)),
        ("max_power_w", (np.ones((2, 2, 2)), np.ones((2, 2)), 1.0, 1.0, np.inf)),
    ],
)
def test_malformed_arguments_are_named(field, arguments):
    with pytest.raises(InvalidScenario) as error:
        power_margin(*arguments)
    assert error.value.field == field


def test_unknown_method_and_misshapen_beams_are_named():
    h, radii = small(np.random.default_rng(0))
    with pytest.raises(InvalidScenario, match="method"):
        power_margin(h, radii, 1.0, 1.0, 1.0, method="magic")
    with pytest.raises(InvalidScenario, match="beams"):
        adversarial_sinr(h, radii, np.ones((2, 2)), 1.0)


@pytest.mark.parametrize("matched", [False, True])
@pytest.mark.parametrize("method", ["cuts", "sdp"])
def test_a_user_whose_balls_hold_the_channel_zero_is_guaranteed_nothing(method, matched):
    h, radii = small(np.random.default_rng(1), users=2)
    radii[1] = np.linalg.norm(h[1], axis=1)
    found = robust_sinr(h, radii, 0.1, 1.0, method=method, matched=matched)
    assert found.sinr == 0 and found.certificate.bound == 0 and found.certificate.status == "optimal"
    assert np.all(found.beams == 0) and found.beams.shape == h.shape
    assert power_margin(h, radii, 1e-6, 0.1, 1.0, method=method).margin == np.inf
    # It serves as a start for what can be guaranteed: the channel of one access point alone stays out of its ball.
    radii[1, 0] *= 0.5
    again = robust_sinr(h, radii, 0.1, 1.0, start=found, tolerance=1e-2)
    assert again.sinr > 0 and np.min(worst_sinr(h, radii, again.beams, 0.1)) >= again.sinr * (1 - 1e-6)


def test_large_errors_leave_a_small_sinr_that_is_proven():
    h, radii = small(np.random.default_rng(5), users=2, aps=2, relative=0.95)
    found = robust_sinr(h, radii, 0.1, 1.0, tolerance=0.1)
    assert 0 < found.sinr <= found.certificate.bound and found.certificate.residual < 1e-6
    assert np.all(worst_sinr(h, radii, found.beams, 0.1) >= found.sinr * (1 - 1e-6))


def test_unknown_method_of_the_robust_sinr_is_named():
    h, radii = small(np.random.default_rng(0))
    with pytest.raises(InvalidScenario, match="method"):
        robust_sinr(h, radii, 1.0, 1.0, method="magic")


@pytest.mark.parametrize(("seed", "relative"), [(0, 1e-6), (6, 0.0), (6, 0.1), (9, 0.0), (9, 1e-6)])
def test_below_the_noise_the_sinr_is_inversely_proportional_to_it(seed, relative):
    """Interference far below the noise is none; users that can hardly be told apart included."""
    rng = np.random.default_rng(seed)
    users, aps, antennas = (int(rng.integers(low, high)) for low, high in ((2, 5), (1, 4), (2, 8)))
    h = complex_normal(rng, (users, aps, antennas))
    h[1:] = h[1] + 1e-3 * h[1:]
    h /= np.linalg.norm(h, axis=(1, 2), keepdims=True)
    radii = relative * np.linalg.norm(h, axis=2)
    found = [(noise, robust_sinr(h, radii, noise, 1.0)) for noise in (1e8, 1e12, 1e40)]
    for _, answer in found:
        assert answer.certificate.status == "optimal" and answer.sinr <= answer.certificate.bound
    scaled = [noise * answer.sinr for noise, answer in found]
    assert scaled == pytest.approx([scaled[0]] * 3, rel=2e-5)  # two gaps of 1e-5


def test_a_guess_far_below_the_sinr_proves_no_bound_by_overflow():
    scenario = Scenario.random(
        np.random.default_rng(1_000_000),
        ap_positions_m=[(1000.0, -1000.0), (-1000.0, 1000.0), (-1000.0, 1000.0)],
        user_positions_m=[(1000.0, 30.0), (-1000.0, 40.0), (-1000.0, 30.0), (-1000.0, 60.0)],
        antennas=401,
        antenna_spacing_m=1e-4,
        path_gain="physical",
    )
    h = channels(scenario)
    answer = robust_sinr(h, 1e-6 * np.linalg.norm(h, axis=2), 1e7, 1e7)
    assert answer.certificate.status == "optimal"
    assert 4e-10 < answer.sinr <= np.min(np.linalg.norm(h, axis=2).sum(axis=1) ** 2)


@pytest.mark.parametrize("amplitude", [1e2, 1e6, 1e9, 1e12])
def test_interference_beside_a_strong_signal_is_not_lost(amplitude):
    """Two users, each with an access point of its own; what the second one's beam sends to the first is 3, the noise 1."""
    h = amplitude * np.array([[[1.0], [0.0]], [[0.0], [1.0]]], dtype=complex)
    beams = np.array([[[1.0], [0.0]], [[3 / amplitude], [1.0]]], dtype=complex)
    exact = amplitude**2 * np.array([0.1, 1.0])
    assert adversarial_sinr(h, np.zeros((2, 2)), beams, 1.0) == pytest.approx(exact, rel=1e-12)
    certified, _ = certified_sinr(h, np.zeros((2, 2)), beams, 1.0)
    assert np.all((certified > 0) & (certified <= exact * (1 + 1e-12)))


def test_the_worst_channels_lie_in_the_balls():
    rng = np.random.default_rng(4)
    h, radii = small(rng, users=3)
    radii[0] = 0.0
    radii[1, 0] = 1e-13 * np.linalg.norm(h[1, 0])
    beams = complex_normal(rng, h.shape)
    sinr = np.full(3, 0.5)
    faced, _ = worst_channels(h, radii, beams[None], sinr, worst_case(h, radii, beams[None], sinr))
    assert np.all(np.linalg.norm(faced[0] - h[:, None], axis=3) <= radii[:, None] * (1 + 1e-9) + 1e-15 * np.abs(h).max())


@pytest.mark.parametrize("part", [0.5, 0.9, 0.99, 1.01, 3.0])
@pytest.mark.parametrize("apart", [1e-3, 1e-5])
def test_margins_of_users_that_can_hardly_be_told_apart_respect_their_bound(apart, part):
    rng = np.random.default_rng(11)
    h = complex_normal(rng, (1, 1, 5)) * (1 + apart * complex_normal(rng, (3, 1, 5)))
    radii = 1e-6 * np.linalg.norm(h, axis=2)
    sinr = part * robust_sinr(h, radii, 1e6, 1.0).sinr
    margin = power_margin(h, radii, sinr, 1e6, 1.0)
    assert margin.certificate.bound == pytest.approx(part, rel=1e-4)
    reduced = reduce(h, radii, 1e6)
    found = margin_by_cuts(reduced, sinr, 1.0)
    assert dual_residual(reduced, sinr, found.dual) <= 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e3, 1e9, 1e14])
def test_users_that_are_one_keep_a_finite_bound_where_the_programs_have_no_digits(scale):
    # Three users share a channel: none of them has more than 1/2, at any SNR; at 180 dB a search went on at an infinite SINR.
    rng = np.random.default_rng(0)
    h = scale * (rng.standard_normal((3, 2, 3)) + 1j * rng.standard_normal((3, 2, 3)))[[0, 1, 2, 2, 2]]
    found = robust_sinr(h, np.zeros((5, 2)), 1.0, 1.0)
    alone = np.linalg.norm(h, axis=2).sum(axis=1).min() ** 2
    assert 0.4999 < found.sinr <= 0.5 and found.sinr <= found.certificate.bound <= alone * (1 + 1e-8)


def test_a_curve_is_bounded_by_what_the_weakest_user_has_alone_before_anything_is_solved():
    h, radii = small(np.random.default_rng(4))
    curve = SinrCurve(h, 1e-3, error_radii=radii)
    errors = np.array([0.0, 0.5, 1.0, 20.0])
    left = np.maximum(np.linalg.norm(h, axis=2) - errors[:, None, None] * radii, 0).sum(axis=2).min(axis=1)
    assert np.allclose(curve.upper(errors, 2.0), 2.0 / 1e-3 * left**2, rtol=1e-5)
    assert curve.solve(0.5, 2.0).sinr <= curve.upper(0.5, 2.0) < 2.0 / 1e-3 * left[1] ** 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", ["cuts", "sdp"])
@pytest.mark.parametrize("sinr", [1e-40, 1e-12, 1e-8, 1e-3, 1.0, 1e3])
def test_a_margin_does_not_hang_on_the_size_of_the_sinr_nor_on_the_limit(method, sinr):
    # At 1e-8 and a limit of 1 W the programs failed, at 1e-12 they were 7 % off, at 1e-50 "no power" sufficed.
    h, radii = small(np.random.default_rng(3), users=2)
    found = power_margin(h, radii, sinr, 1e-3, 1.0, method=method)
    assert found.certificate.status == "optimal"
    louder = power_margin(h, radii, sinr, 1e9, 1e-12, method=method)
    assert louder.certificate.status == "optimal" and louder.margin == pytest.approx(1e24 * found.margin, rel=1e-5)


@pytest.mark.parametrize("method", ["cuts", "sdp"])
def test_a_margin_far_beyond_the_limit_is_a_number(method):
    found = power_margin([[[1.0, 0]], [[0, 1.0]]], [[0.0], [0.0]], 1.0, 1.0, 1e-18, method=method)
    assert found.margin == pytest.approx(2e18) and found.certificate.status == "optimal"


def test_what_a_solver_calls_infeasible_is_bounded_by_what_the_cuts_prove():
    h, radii = small(np.random.default_rng(3), users=2, relative=0.3)
    by_program, by_cuts = (power_margin(h, radii, 1e4, 1e-3, 1.0, method=method) for method in ("sdp", "cuts"))
    assert by_program.margin == by_cuts.margin == np.inf
    assert by_program.certificate.bound == by_cuts.certificate.bound < np.inf


@pytest.mark.parametrize("sinr", [1e-60, 1e60, 1e300])
def test_an_sinr_without_digits_is_refused(sinr):
    h, radii = small(np.random.default_rng(3), users=2)
    with pytest.raises(InvalidScenario, match="sinr"):
        power_margin(h, radii, sinr, 1.0, 1.0)


HARD = np.array(
    [
        [[-2.66415048, 1.07186013, 0.98826092], [-0.25243451, -0.20617738, 0.3450016]],
        [[0.85947207, 0.81617383, -0.77322292], [-1.67080822, -0.71769827, -0.69427417]],
    ]
).astype(complex)


@pytest.mark.parametrize("sinr", [8.5, 8.7, 8.708])
def test_beams_of_a_margin_are_known_to_keep_its_sinr(sinr):
    """In the hard case the path ends at the boundary: the search at fixed SINRs used to end a part in a thousand too low."""
    radii = np.linalg.norm(HARD, axis=2) * np.array([[0.48284, 0.48284]])
    found = power_margin(HARD, radii, sinr, 0.00746, 1.0, method="sdp")
    assert found.certificate.residual <= 1e-9
    assert np.min(worst_sinr(HARD, radii, found.beams, 0.00746)) >= sinr * (1 - 1e-7)


def test_two_access_points_close_their_gap_in_the_hard_case():
    found = robust_sinr(HARD, 0.48284 * np.linalg.norm(HARD, axis=2), 0.00746, 1.0)
    assert found.certificate.status == "optimal"


@pytest.mark.parametrize("sinr", [50.0, 200.0])
def test_small_parts_of_a_large_interference_are_no_end_of_the_search(sinr):
    """Beside much interference the last barrier weight is many times the noise: the steps grow by a sixth, and ran out."""
    rng = np.random.default_rng(15)
    h = complex_normal(rng, (2, 2))[..., None] * complex_normal(rng, (3,))
    radii = np.linalg.norm(h, axis=2) * 10.0 ** rng.uniform(-5, 0, (2, 2))
    found = power_margin(h, radii, sinr, 1e-8, 1.0, method="sdp")
    assert np.min(worst_sinr(h, radii, found.beams, 1e-8)) >= sinr * (1 - 1e-7)


@pytest.mark.parametrize("seed, antennas, noise", [(7, 1, 1e-3), (9, 3, 1e-6)])
def test_access_points_without_errors_divide_nothing(seed, antennas, noise):
    h = complex_normal(np.random.default_rng(seed), (3, 3, antennas))
    radii = 0.3 * np.linalg.norm(h, axis=2) * [1, 0, 0]
    with np.errstate(all="raise", under="ignore"):
        found = robust_sinr(h, radii, noise, 1.0)
        nearly = robust_sinr(h, np.maximum(radii, 1e-160), noise, 1.0)
    assert found.certificate.residual <= 1e-9
    assert found.certificate.bound >= nearly.sinr * (1 - 1e-9) and nearly.certificate.bound >= found.sinr * (1 - 1e-9)


@pytest.mark.parametrize("antennas", [2, 6])
def test_matched_beams_send_nothing_where_their_user_has_no_channel(antennas):
    """A direction of the span there would cancel what others send, and the answer depend on the basis."""
    rng = np.random.default_rng(9)
    h = complex_normal(rng, (3, 3, antennas))
    h[0, 1] = h[2, 0] = 0.0
    radii, turn = 0.01 * np.linalg.norm(h, axis=2), np.linalg.qr(complex_normal(rng, (3, antennas, antennas)))[0]
    found = robust_sinr(h, radii, 1e-3, 1.0, matched=True)
    turned = robust_sinr(np.einsum("mab,kmb->kma", turn, h), radii, 1e-3, 1.0, matched=True)
    assert found.sinr == pytest.approx(turned.sinr, rel=2e-5)
    assert np.all(found.beams[0, 1] == 0) and np.all(found.beams[2, 0] == 0)
    curve = SinrCurve(h, 1e-3, matched=True)
    assert curve.solve(0.01, 1.0).sinr == pytest.approx(found.sinr, rel=2e-5) and curve.upper(0.01, 1.0) >= found.sinr * (
        1 - 1e-9
    )
