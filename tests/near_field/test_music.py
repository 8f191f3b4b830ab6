"""2D-MUSIC in the near and the far field, and the maximum-likelihood estimator that attains the bound."""

import numpy as np
import pytest
from scipy import stats

from isaclib import InvalidScenario
from isaclib import near_field as nf
from isaclib.foundations.channels import complex_normal
from isaclib.near_field.likelihood import locate_likelihood_batch
from isaclib.near_field.music import locate_music_batch, music_spectrum_batch

DRAWS = 200
BAND = 1e-4  # two-sided level of the chi-square band: one seed in ten thousand would fall outside
STEP_M = 0.5


@pytest.fixture(scope="module")
def paper():
    return nf.Scenario.random(np.random.default_rng(nf.CALIBRATION_SEED))


@pytest.fixture(scope="module")
def isotropic(paper):
    return np.stack([np.eye(21) * paper.sensing_power_w / 21] * 3)


@pytest.fixture(scope="module")
def optimal(paper):
    return nf.optimise_sensing(paper).covariances


@pytest.fixture(scope="module")
def grid():
    axis = np.arange(0.25, 70, STEP_M) - 0.25  # 0, 0.5, ...: the users lie on it
    return axis, np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2) + [0.0, 1e-9]  # off the array centres


def found(spectrum, axis, count):
    where = nf.peaks(spectrum.reshape(len(axis), len(axis)), count)
    return {(float(axis[j]), float(axis[i])) for i, j in where}


@pytest.mark.parametrize("far_field", [False, True])
@pytest.mark.parametrize("which", ["isotropic", "optimal"])
def test_exact_covariance_returns_the_users_to_the_grid(paper, grid, far_field, which, request):
    axis, points = grid
    spectrum = nf.music_spectrum(paper, request.getfixturevalue(which), points, far_field=far_field)
    assert found(spectrum, axis, 4) == {tuple(user) for user in paper.user_positions_m}


def test_snapshots_return_the_users_when_all_are_lit(paper, isotropic, grid):
    axis, points = grid
    spectrum = nf.music_spectrum(paper, isotropic, points, snapshots=80, rng=np.random.default_rng(0))
    assert found(spectrum, axis, 4) == {tuple(user) for user in paper.user_positions_m}


def test_sample_covariance_tends_to_the_exact_one(paper, isotropic):
    exact = nf.echo_covariance(paper, isotropic)
    errors = []
    for snapshots in (1_000, 100_000):
        y = nf.simulate_echoes(paper, isotropic, snapshots, np.random.default_rng(1))
        errors.append(np.linalg.norm(y @ y.conj().T / snapshots - exact) / np.linalg.norm(exact))
    assert errors[1] < 0.2 * errors[0] < 0.05  # one over the root of 100 is 0.1


def test_signal_subspace_holds_every_response_on_its_own(paper, isotropic):
    projector = nf.noise_projector(paper, nf.echo_covariance(paper, isotropic))
    a = nf.steering_vectors(paper)
    for user in range(4):
        for ap in range(3):
            alone = np.zeros((3, 21), dtype=complex)
            alone[ap] = a[user, ap]
            assert np.linalg.norm(projector @ alone.ravel()) < 1e-5 * np.linalg.norm(alone)


def test_plane_waves_are_the_limit_of_spherical_ones(paper):
    differences = []
    for distance in (1e3, 1e4):
        point = np.array([[35.0, 35.0 - distance]])
        differences.append(np.max(np.abs(nf.plane_wave_vectors(paper, point) - nf.steering_vectors(paper, point))))
    assert differences[1] == pytest.approx(differences[0] / 10, rel=0.1)  # the curvature term falls as 1/r


def test_likelihood_attains_the_bound(paper, optimal):
    """Chi-square band: errors weighted by the information are 2K-dimensional standard normal."""
    blocks = 80
    information = blocks * nf.position_information(paper, optimal)
    total = 0.0
    for child in np.random.default_rng(5).spawn(DRAWS):
        error = nf.locate_likelihood(paper, optimal, paper.user_positions_m + 0.01, blocks=blocks, rng=child)
        error = (error - paper.user_positions_m).T.ravel()
        total += error @ information @ error
    low, high = stats.chi2.ppf([BAND / 2, 1 - BAND / 2], 8 * DRAWS)
    assert low < total < high


def test_music_stays_above_the_bound_and_falls_with_snapshots(paper, isotropic):
    bound = np.sqrt(nf.crlb_m2(paper, isotropic, 0.2))
    errors = []
    for snapshots in (80, 8000):
        squared = [
            np.sum(
                (nf.locate_music(paper, isotropic, paper.user_positions_m, snapshots=snapshots, rng=c) - paper.user_positions_m)
                ** 2
            )
            for c in np.random.default_rng(2).spawn(20)
        ]
        errors.append(np.sqrt(np.mean(squared)))
    assert errors[0] > 3 * bound
    assert errors[1] < 0.5 * errors[0]


def test_music_needs_a_noise_subspace_and_a_generator(paper, isotropic):
    small = paper.replace(antennas=4)
    with pytest.raises(InvalidScenario) as caught:
        nf.music_spectrum(small, isotropic[:, :4, :4], [[1.0, 2.0]])
    assert caught.value.field == "antennas"
    with pytest.raises(InvalidScenario) as caught:
        nf.music_spectrum(paper, isotropic, [[1.0, 2.0]], snapshots=10)
    assert caught.value.field == "rng"


def test_peaks_by_hand():
    surface = np.array([[0, 1, 0, 0], [1, 5, 1, 0], [0, 1, 0, 2], [9, 0, 0, 0]], dtype=float)
    assert nf.peaks(surface, 3).tolist() == [[3, 0], [1, 1], [2, 3]]


def test_many_simulations_at_once_are_those_of_their_generators(paper, isotropic, optimal):
    users, points = paper.user_positions_m, [[20.0, 30.0], [20.3, 30.1], [55.0, 12.0]]

    def streams():
        return np.random.default_rng(11).spawn(3)

    for far_field in (False, True):
        options = {"snapshots": 80, "far_field": far_field, "signal_dimension": 9}
        together = music_spectrum_batch(paper, isotropic, points, rngs=streams(), **options)
        alone = [nf.music_spectrum(paper, isotropic, points, rng=rng, **options) for rng in streams()]
        assert np.allclose(together, alone, rtol=1e-12, atol=0)
    together = locate_music_batch(paper, isotropic, users, snapshots=80, rngs=streams())
    alone = [nf.locate_music(paper, isotropic, users, snapshots=80, rng=rng) for rng in streams()]
    assert np.allclose(together, alone, rtol=0, atol=1e-12)
    together = locate_likelihood_batch(paper, optimal, users, blocks=80, rngs=streams())
    alone = [nf.locate_likelihood(paper, optimal, users, blocks=80, rng=rng) for rng in streams()]
    assert np.allclose(together, alone, rtol=0, atol=1e-12)


def test_likelihood_is_least_squares_over_positions_and_gains(paper, optimal):
    """The estimate against the definition: no step to any side fits the echoes better, with all patterns written out."""
    h, users = nf.echo_matrix(paper).reshape(3, 21, 3, 21).transpose(0, 2, 1, 3), paper.user_positions_m
    factors = [vectors * np.sqrt(80 * np.maximum(values, 0)) for values, vectors in map(np.linalg.eigh, optimal)]
    found = nf.locate_likelihood(paper, optimal, users, blocks=80, rng=np.random.default_rng(3))
    noise = complex_normal(np.random.default_rng(3), (3, 3, 21, 21))
    noise *= np.sqrt(paper.noise_w / 10 ** (paper.sensing_processing_gain_db / 10))

    def misfit(points):
        a, total = nf.steering_vectors(paper, points), 0.0
        for l, m in np.ndindex(3, 3):
            patterns = np.array([np.outer(a[k, l], a[k, m].conj() @ factors[m]).ravel() for k in range(4)]).T
            echo = (h[l, m] @ factors[m] + noise[l, m]).ravel()
            total += np.linalg.norm(echo - patterns @ np.linalg.lstsq(patterns, echo, rcond=None)[0]) ** 2
        return total

    least = misfit(found)
    assert least < misfit(users)
    for k, axis in np.ndindex(4, 2):
        for step in (-1e-7, 1e-7):
            moved = found.copy()
            moved[k, axis] += step
            assert misfit(moved) > least


_TWICE = np.random.default_rng(1)


@pytest.mark.parametrize(
    "rngs", [None, 3, _TWICE, [], [3], [_TWICE, _TWICE]], ids=["none", "a number", "one", "empty", "a seed", "the same twice"]
)
def test_malformed_lists_of_generators_are_refused_by_name(paper, isotropic, rngs):
    users = paper.user_positions_m
    for call in (
        lambda: music_spectrum_batch(paper, isotropic, users, snapshots=5, rngs=rngs),
        lambda: locate_music_batch(paper, isotropic, users, snapshots=80, rngs=rngs),
        lambda: locate_likelihood_batch(paper, isotropic, users, blocks=5, rngs=rngs),
    ):
        with pytest.raises(InvalidScenario, match="rngs"):
            call()


def test_of_long_arrays_only_the_eigenvectors_of_the_signal_are_computed_and_they_are_the_same(monkeypatch):
    scenario = nf.Scenario.random(np.random.default_rng(4), antennas=81)
    rng = np.random.default_rng(5)
    exact = nf.echo_covariance(scenario, np.tile(np.eye(81) / 81, (3, 1, 1)))
    noise = rng.standard_normal((243, 400)) + 1j * rng.standard_normal((243, 400))
    for observed in (exact, exact + 1e-3 * np.trace(exact).real / 243 * noise @ noise.conj().T / 400):
        few = nf.noise_projector(scenario, observed)
        with monkeypatch.context() as patch:
            patch.setattr("isaclib.near_field.music._FULL", 1000)
            assert np.max(np.abs(few - nf.noise_projector(scenario, observed))) <= 1e-10
        assert abs(np.trace(few).real - (243 - 12)) <= 1e-9
