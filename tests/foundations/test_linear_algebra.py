"""Products and a Cholesky solver in small pieces: the same numbers as in one."""

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
