"""Products, factors and solutions in small pieces: the same numbers as in one."""

import numpy as np
import pytest

from isaclib.foundations import linear_algebra


@pytest.mark.parametrize("shape", [(3, 4, 5), (200, 7, 300), (7, 3000, 20), (40, 41, 42), (300, 7, 4), (4, 7, 30_000)])
@pytest.mark.parametrize("stack", [(), (2,), (2, 3)])
@pytest.mark.parametrize("kinds", [(1.0, 1.0), (1j, 1.0), (1.0, 1j), (1j, 1j)])
def test_a_product_in_pieces_is_the_product(shape, stack, kinds):
    rng = np.random.default_rng(0)
    rows, depth, columns = shape
    left = rng.standard_normal((*stack, rows, depth)) + kinds[0] * rng.standard_normal((rows, depth))
    right = rng.standard_normal((*stack, depth, columns)) + kinds[1] * rng.standard_normal((depth, columns))
    found = linear_algebra.product(left, right)
    assert found.shape == (*stack, rows, columns) and found.dtype == (left @ right).dtype
    assert np.allclose(found, np.einsum("...ij,...jk->...ik", left, right), rtol=0, atol=1e-12 * depth)


def test_no_piece_of_a_product_wakes_threads(monkeypatch):
    """What OpenBLAS goes by: the multiplications of one call."""
    called = []

    class Seen(np.ndarray):
        def __matmul__(self, other):
            called.append(self.shape[-2] * self.shape[-1] * other.shape[-1])
            return np.asarray(self) @ np.asarray(other)

    for kind, most in ((1.0, 2**18), (1j, 2**16)):
        called.clear()
        left = (kind * np.ones((600, 50))).view(Seen)
        assert np.allclose(linear_algebra.product(left, np.ones((50, 400))), kind * 50)
        assert max(called) <= most and sum(called) == 600 * 50 * 400


@pytest.mark.parametrize("size", [1, 2, 63, 64, 65, 96, 97, 128, 129, 160, 300, 450])
def test_the_factor_solves_at_any_size(size):
    rng = np.random.default_rng(size)
    half = rng.normal(size=(size, size))
    matrix = half @ half.T + np.diag(10.0 ** rng.uniform(-3, 3, size))
    right = rng.normal(size=size)
    found = linear_algebra.factored(matrix)(right)
    assert matrix @ found == pytest.approx(right, abs=1e-8 * np.abs(matrix).max() * np.abs(found).max())


def test_a_singular_matrix_gets_a_ridge_and_an_indefinite_one_is_refused():
    ones = np.ones((70, 70))
    assert ones @ linear_algebra.factored(ones)(np.ones(70)) == pytest.approx(np.ones(70), abs=1e-2)
    ones[0, 1] = ones[1, 0] = 2.0
    assert linear_algebra.factored(ones) is None
    assert linear_algebra.factored(-np.eye(3)) is None
    assert linear_algebra.factored(np.full((3, 3), np.nan)) is None


@pytest.mark.parametrize("size", [1, 3, 63, 64, 65, 100, 129, 300])
@pytest.mark.parametrize("width", [1, 5, 130])
def test_solving_by_halves_is_solving(size, width):
    rng = np.random.default_rng(size)
    coupling = rng.random((2, size, size)) * 10.0 ** rng.uniform(-2, 2, (2, size, 1))
    radius = np.abs(np.linalg.eigvals(coupling)).max(axis=1)
    matrix = np.eye(size) - coupling * (np.array([0.3, 0.999]) / radius)[:, None, None]
    right = rng.random((2, size, width))
    np.testing.assert_allclose(linear_algebra.solved_by_halves(matrix, right), np.linalg.solve(matrix, right), rtol=1e-9)


def test_no_piece_of_a_solution_is_larger_than_a_tile(monkeypatch):
    sizes, own = [], np.linalg.solve
    monkeypatch.setattr(np.linalg, "solve", lambda a, b: sizes.append((a.shape[-1], b.shape[-1])) or own(a, b))
    linear_algebra.solved_by_halves(np.eye(200) + 1, np.ones((200, 150)))
    assert np.max(sizes) <= 64


@pytest.mark.parametrize("size", [3, 100, 200])
@pytest.mark.parametrize("width", [1, 2])
def test_a_singular_matrix_has_no_solution(size, width):
    with pytest.raises(np.linalg.LinAlgError):
        linear_algebra.solved_by_halves(np.zeros((2, size, size)), np.ones((2, size, width)))


@pytest.mark.parametrize("kinds", [(1.0, 1.0), (1j, 1.0), (1.0, 1j)])
def test_substitution_goes_column_by_column(kinds):
    rng = np.random.default_rng(1)
    lower = np.tril(rng.random((5, 5)) + kinds[0] * rng.random((5, 5))) + np.eye(5)
    right = rng.random((5, 3)) + kinds[1] * rng.random((5, 3))
    np.testing.assert_allclose(lower @ linear_algebra.substituted(lower, right, lower=True), right, rtol=1e-12)
    np.testing.assert_allclose(lower.T @ linear_algebra.substituted(lower.T, right, lower=False), right, rtol=1e-12)


@pytest.mark.parametrize("shape", [(3, 8), (8, 8), (1024, 8), (1025, 8), (20_000, 8), (5000, 100), (7, 1)])
def test_the_triangle_of_many_rows_has_their_gram_matrix(shape, monkeypatch):
    rows = np.random.default_rng(2).standard_normal(shape)
    sizes, own = [], np.linalg.qr
    monkeypatch.setattr(np.linalg, "qr", lambda a, mode: sizes.append(a.shape) or own(a, mode))
    found = linear_algebra.upper_triangle(rows)
    assert found.shape == (min(shape), shape[1]) and np.all(np.tril(found, -1) == 0)
    np.testing.assert_allclose(found.T @ found, rows.T @ rows, rtol=1e-9, atol=1e-10 * shape[0])
    assert max(count for count, _ in sizes) <= max(2**13 // shape[1], 2 * shape[1])
