"""Fisher information: by hand, by the likelihood itself, in exact arithmetic, and where the geometry is degenerate."""

from fractions import Fraction

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib.foundations import fisher, geometry

ROUNDING = 1e-12
HESSIAN = 1e-5  # second central differences of a log-likelihood of size one with steps of 1e-4 m


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def random_case(rng, *shape, count=6):
    return rng.normal(size=(*shape, count, 2)), rng.exponential(size=(*shape, count))


def exact_crb(gradients, weights):
    """The bound in rational arithmetic: no rounding at all."""
    rows = [[Fraction(float(entry)) for entry in row] for row in gradients]
    powers = [Fraction(float(weight)) for weight in weights]
    a, b, c = (sum(w * g[i] * g[j] for w, g in zip(powers, rows)) for i, j in ((0, 0), (1, 1), (0, 1)))
    return (a + b) / (a * b - c * c)


def test_two_orthogonal_ranges_by_hand():
    gradients, weights = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([4.0, 0.5])
    np.testing.assert_array_equal(fisher.range_fim(gradients, weights), [[4.0, 0.0], [0.0, 0.5]])
    assert fisher.pair_determinant(gradients, weights) == 2.0
    assert fisher.crb_trace(gradients, weights) == 2.25


def test_information_is_the_hessian_of_the_log_likelihood():
    rng = np.random.default_rng(0)
    anchors, target, weights = rng.normal(size=(5, 2)), np.array([2.0, -1.0]), rng.exponential(size=5)
    ranges = geometry.distances_m(anchors, target[None])[:, 0]  # noise-free data: the Hessian is its own expectation

    def misfit(position):
        return 0.5 * np.sum(weights * (ranges - geometry.distances_m(anchors, position[None])[:, 0]) ** 2)

    step = 1e-4 * np.eye(2)
    numeric = [
        [sum(s * t * misfit(target + s * step[i] + t * step[j]) for s in (1, -1) for t in (1, -1)) / (4 * 1e-8) for j in range(2)]
        for i in range(2)
    ]
    gradients = geometry.unit_vectors(anchors, target[None])[:, 0]
    np.testing.assert_allclose(fisher.range_fim(gradients, weights), numeric, atol=HESSIAN)


def test_trace_and_determinant_agree_with_linear_algebra():
    gradients, weights = random_case(np.random.default_rng(1), 50)
    information = fisher.range_fim(gradients, weights)
    np.testing.assert_allclose(fisher.pair_determinant(gradients, weights), np.linalg.det(information), rtol=1e-10)
    expected = np.trace(np.linalg.inv(information), axis1=-2, axis2=-1)
    np.testing.assert_allclose(fisher.crb_trace(gradients, weights), expected, rtol=1e-10)


def test_vectorised_equals_one_at_a_time():
    gradients, weights = random_case(np.random.default_rng(2), 3, 4)
    for function in (fisher.range_fim, fisher.pair_determinant, fisher.crb_trace):
        together = function(gradients, weights)
        alone = [[function(gradients[i, j], weights[i, j]) for j in range(4)] for i in range(3)]
        np.testing.assert_allclose(together, alone, rtol=ROUNDING)
    assert np.ndim(fisher.crb_trace(gradients[0, 0], weights[0, 0])) == 0


def test_bound_is_invariant_under_rotation_permutation_and_sign_and_falls_with_every_weight():
    rng = np.random.default_rng(3)
    gradients, weights = random_case(rng)
    bound = fisher.crb_trace(gradients, weights)
    order = rng.permutation(6)
    assert fisher.crb_trace(gradients @ rotation(1.1).T, weights) == pytest.approx(bound, rel=ROUNDING)
    assert fisher.crb_trace(gradients[order], weights[order]) == pytest.approx(bound, rel=ROUNDING)
    assert fisher.crb_trace(gradients * np.array([1, -1, 1, -1, 1, 1])[:, None], weights) == pytest.approx(bound, rel=ROUNDING)
    assert fisher.crb_trace(gradients, 4 * weights) == pytest.approx(bound / 4, rel=ROUNDING)
    for m in range(6):
        assert fisher.crb_trace(gradients, weights + 0.1 * np.eye(6)[m]) < bound


@pytest.mark.parametrize("spread", [1e-2, 1e-4, 1e-6, 1e-8, 1e-10])
def test_nearly_parallel_directions_keep_their_digits(spread):
    angles = 0.7 + spread * np.linspace(-1, 1, 5)
    gradients, weights = np.stack([np.cos(angles), np.sin(angles)], axis=-1), np.arange(1.0, 6.0)
    exact = exact_crb(gradients, weights)
    # Each cross product of two given unit vectors is rounded by about eps, relative to the spread between them.
    assert abs(fisher.crb_trace(gradients, weights) / float(exact) - 1) < 10 * np.finfo(float).eps / spread


@pytest.mark.parametrize("case", ["parallel", "opposite", "one range", "no power", "one range has power", "zero gradient"])
def test_degenerate_geometry_is_infinite_at_every_angle(case, recwarn):
    for angle in np.linspace(0, 2 * np.pi, 101):
        direction = np.array([np.cos(angle), np.sin(angle)])
        gradients = np.outer([2.0, 1.3, 0.7], direction)
        weights = np.array([1.0, 2.0, 3.0])
        if case == "opposite":
            gradients[1] *= -1
        elif case == "one range":
            gradients, weights = gradients[:1], weights[:1]
        elif case == "no power":
            gradients, weights = np.random.default_rng(0).normal(size=(3, 2)), np.zeros(3)
        elif case == "one range has power":
            gradients, weights = np.random.default_rng(0).normal(size=(3, 2)), np.array([0.0, 5.0, 0.0])
        elif case == "zero gradient":
            gradients = np.zeros((3, 2))
        assert fisher.crb_trace(gradients, weights) == np.inf
    assert not recwarn.list


def test_user_on_the_line_through_station_and_target_gives_no_position():
    rng = np.random.default_rng(4)
    for _ in range(200):
        station, target = 10 * rng.normal(size=(2, 2))
        user = station + rng.uniform(-3, 3) * (target - station)
        gradients = geometry.bistatic_range_gradients([station, user], station, [target])[:, 0]
        assert fisher.crb_trace(gradients, np.array([1.0, 2.0])) == np.inf


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_extreme_weights_do_not_overflow(scale):
    gradients, weights = random_case(np.random.default_rng(5))
    expected = fisher.crb_trace(gradients, weights)
    assert fisher.crb_trace(gradients, scale * weights) * scale == pytest.approx(expected, rel=ROUNDING)


def information_matrix(rng, size, *, kind=float):
    root = rng.normal(size=(size, 2 * size)) + (1j * rng.normal(size=(size, 2 * size)) if kind is complex else 0)
    return root @ root.conj().T


@pytest.mark.parametrize("kind", [float, complex])
def test_equivalent_information_is_the_inverse_of_the_block_of_the_inverse(kind):
    full = information_matrix(np.random.default_rng(6), 5, kind=kind)
    expected = np.linalg.inv(np.linalg.inv(full)[:2, :2])
    np.testing.assert_allclose(fisher.equivalent_fim(full, 2), expected, rtol=1e-10)


def test_equivalent_information_never_gains_from_nuisance_parameters():
    full = np.stack([information_matrix(np.random.default_rng(seed), 5) for seed in range(20)])
    equivalent = fisher.equivalent_fim(full, 2)
    assert np.all(np.linalg.eigvalsh(full[:, :2, :2] - equivalent) >= -1e-10)
    np.testing.assert_allclose(equivalent[7], fisher.equivalent_fim(full[7], 2), rtol=ROUNDING)
    np.testing.assert_array_equal(fisher.equivalent_fim(full, 5), full)


def test_nuisance_parameters_can_be_removed_in_two_steps():
    full = information_matrix(np.random.default_rng(7), 6)
    np.testing.assert_allclose(
        fisher.equivalent_fim(fisher.equivalent_fim(full, 4), 2), fisher.equivalent_fim(full, 2), rtol=1e-10
    )


def test_a_nuisance_parameter_that_nothing_depends_on_does_no_harm():
    full = np.zeros((4, 4))
    full[:3, :3] = information_matrix(np.random.default_rng(8), 3)
    np.testing.assert_allclose(fisher.equivalent_fim(full, 2), fisher.equivalent_fim(full[:3, :3], 2), rtol=1e-10)


@pytest.mark.parametrize("count", [0, 4, -1])
def test_the_number_of_parameters_of_interest_is_checked(count):
    with pytest.raises(InvalidScenario, match=r"of_interest: must lie in 1\.\.3"):
        fisher.equivalent_fim(np.eye(3), count)


def exact_trace_of_inverse(gradients, weights):
    """tr J^-1 in rational arithmetic by Gauss-Jordan elimination, for any number of coordinates."""
    rows = [[Fraction(float(entry)) for entry in row] for row in gradients]
    powers = [Fraction(float(weight)) for weight in weights]
    d = len(rows[0])
    J = [[sum(w * g[i] * g[j] for w, g in zip(powers, rows)) for j in range(d)] for i in range(d)]
    J = [row + [Fraction(int(i == j)) for j in range(d)] for i, row in enumerate(J)]
    for k in range(d):
        pivot = next(i for i in range(k, d) if J[i][k])
        J[k], J[pivot] = J[pivot], J[k]
        J[k] = [entry / J[k][k] for entry in J[k]]
        for i in range(d):
            if i != k:
                J[i] = [a - J[i][k] * b for a, b in zip(J[i], J[k])]
    return sum(J[i][d + i] for i in range(d))


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("decades", [0, 6, 300])
def test_bound_agrees_with_exact_arithmetic_for_weights_and_gradients_of_any_size(d, decades):
    rng = np.random.default_rng(20 + d)
    for _ in range(100):
        gradients = rng.normal(size=(rng.integers(d, 7), d)) * 10 ** rng.uniform(-decades / 6, decades / 6)
        weights = 10 ** rng.uniform(-decades, min(decades, 250), size=len(gradients))
        exact = exact_trace_of_inverse(gradients, weights)
        found = fisher.crb_trace(gradients, weights)
        if exact > Fraction(10) ** 308:
            assert found == np.inf or found > 1e307
        elif exact > Fraction(1, 10**300):
            spread = np.linalg.norm(gradients, axis=1)  # digits go where directions nearly agree, not with the scale
            smallest = np.linalg.svd(gradients / spread[:, None], compute_uv=False)[-1]
            assert abs(Fraction(float(found)) / exact - 1) < 1e-13 / smallest


def test_bound_in_space_by_hand_and_where_it_is_degenerate():
    assert fisher.crb_trace([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], [1, 1, 1, 1]) == 2.25
    rng = np.random.default_rng(21)
    flat = rng.normal(size=(5, 2)) @ rng.normal(size=(2, 3))  # all directions in one plane
    assert fisher.crb_trace(flat, np.ones(5)) == np.inf
    assert fisher.crb_trace(rng.normal(size=(2, 3)), np.ones(2)) == np.inf
    together = fisher.crb_trace(gradients := rng.normal(size=(4, 6, 3)), weights := rng.exponential(size=(4, 6)))
    np.testing.assert_allclose(together, [fisher.crb_trace(g, w) for g, w in zip(gradients, weights)], rtol=ROUNDING)


def test_extreme_scales_stay_finite_or_say_infinity(recwarn):
    assert fisher.crb_trace(1e-82 * np.eye(2), [1, 1]) == pytest.approx(2e164, rel=ROUNDING)
    assert fisher.crb_trace(np.eye(2), [1e300, 1e-300]) == 1e300
    assert fisher.crb_trace(1e-200 * np.eye(2), [1e300, 1e300]) == pytest.approx(2e100, rel=ROUNDING)
    assert fisher.pair_determinant(np.eye(2), [1e200, 1e200]) == np.inf
    assert fisher.pair_determinant(1e-60 * np.eye(2), [1e200, 1e-100]) == pytest.approx(1e-140, rel=ROUNDING)
    with pytest.raises(InvalidScenario, match="weights: and gradients make an information beyond"):
        fisher.range_fim([[1e200, 1e200], [1e200, -1e200]], [1e300, 1e300])
    assert not recwarn.list


def test_both_ways_to_scale_the_pair_sum_agree(monkeypatch):
    gradients, weights = random_case(np.random.default_rng(22), 20)
    weights *= 10.0 ** np.random.default_rng(23).uniform(-20, 0, size=weights.shape)
    at_once = fisher.crb_trace(gradients, weights)
    monkeypatch.setattr(fisher, "_ORDINARY", 0)
    np.testing.assert_allclose(fisher.crb_trace(gradients, weights), at_once, rtol=ROUNDING)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("decades", [0, 8])
def test_dependent_nuisances_are_worth_what_one_of_them_is(kind, decades):
    """Two proportional nuisances explain what one of them does (exact integers, so that the block is truly singular)."""
    rng = np.random.default_rng(24)
    worst = 0.0
    for _ in range(500):
        root = rng.integers(-9, 10, size=(6, 5)).astype(kind)
        if kind is complex:
            root = root + 1j * rng.integers(-9, 10, size=(6, 5))
        root[:, 3] = 2 * root[:, 2]
        scale = 10.0 ** rng.integers(-decades, decades + 1, size=5)
        full = root.conj().T @ root
        found = fisher.equivalent_fim(full * scale[:, None] * scale, 2) / (scale[:2, None] * scale[:2])
        expected = fisher.equivalent_fim(np.delete(np.delete(full, 3, 0), 3, 1), 2)
        inverse = np.linalg.inv(np.linalg.inv(np.delete(np.delete(full, 3, 0), 3, 1))[:2, :2])
        np.testing.assert_allclose(expected, inverse, rtol=1e-7, atol=1e-7)
        size = np.sqrt(np.outer(np.diag(full)[:2].real, np.diag(full)[:2].real))
        worst = max(worst, np.max(np.abs(found - expected) / size))
        assert np.array_equal(found, found.conj().T)
        assert np.all(np.linalg.eigvalsh(full[:2, :2] - found) >= -1e-10 * np.trace(full).real), "never better than known"
    assert worst < 1e-12


def test_equivalent_information_of_the_reported_cases():
    rng = np.random.default_rng(7658)
    root = rng.normal(size=(6, 5))
    root[:, 3] = rng.normal() * root[:, 2]
    full = root.T @ root
    found = fisher.equivalent_fim(full, 2)
    least = np.linalg.lstsq(root[:, 2:], root[:, :2])[0]  # what the nuisances explain, by projection
    rest = root[:, :2] - root[:, 2:] @ least
    np.testing.assert_allclose(found, rest.T @ rest, rtol=1e-12)
    dead = [[1, 0, 1, 0], [0, 1e20, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    assert fisher.equivalent_fim(dead, 1) == 0
    # one singular member of a batch leaves the others alone
    both = fisher.equivalent_fim(np.stack([np.array(dead)[:3, :3], np.diag([1.0, 0, 0])]), 1)
    np.testing.assert_array_equal(both.ravel(), [0.0, 1.0])


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        ([[1.0, 2.0], [0.0, 1.0]], "is not symmetric"),
        ([[1.0, 0.0], [0.0, -1.0]], "has a negative diagonal entry, -1 at"),
        ([[1.0, 2.0], [2.0, 1.0]], "is not positive semidefinite"),
        ([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]], "is not positive semidefinite"),
        ([[1.0, 1.0], [1.0, 0.0]], "is not positive semidefinite"),
        ([[1.0, 1j], [1j, 1.0]], "is not symmetric"),
    ],
)
def test_what_is_no_information_matrix_is_refused(matrix, words):
    with pytest.raises(InvalidScenario, match=words):
        fisher.equivalent_fim(matrix, 1)


def test_in_space_either_of_gradients_and_weights_may_lack_the_leading_axes():
    rng = np.random.default_rng(5)
    gradients, weights = rng.normal(size=(4, 6, 3)), rng.uniform(0.1, 2.0, (4, 6))
    for g, w in ((gradients, weights), (gradients[0], weights), (gradients, weights[0]), (gradients[None], weights[:, None, :])):
        found = fisher.crb_trace(g, w)
        shape = np.broadcast_shapes(g.shape[:-2], w.shape[:-1])
        many, each = np.broadcast_to(g, (*shape, 6, 3)), np.broadcast_to(w, (*shape, 6))
        assert found.shape == shape
        for at in np.ndindex(shape):
            information = np.einsum("m,mi,mj->ij", each[at], many[at], many[at])
            assert found[at] == pytest.approx(np.trace(np.linalg.inv(information)), rel=1e-12)
