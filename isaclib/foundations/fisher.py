r"""Fisher information of range-based localization.

Ranges :math:`r_m(q)` to a target at :math:`q`, each measured with independent Gaussian error of variance
:math:`1/w_m`, carry the information

.. math:: J = \sum_m w_m\, g_m g_m^{\mathsf T}, \qquad g_m = \nabla_q r_m,

and every unbiased estimator of :math:`q` has mean squared error at least :math:`\operatorname{tr} J^{-1}`. In the plane
the Lagrange (Cauchy-Schwarz) identity

.. math:: \det J = AB - C^2 = \sum_{i<j} w_i w_j\, (g_i \times g_j)^2

gives the determinant as a sum of non-negative terms, which is used here because ``A * B - C**2`` cancels when all
directions nearly agree. In space the Cauchy-Binet formula does the same for :math:`\det J`, a sum over triples, and for the
trace of the adjugate, a sum over pairs.

Leading axes of gradients and weights are cases: they are broadcast against each other as NumPy does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .errors import InvalidScenario

# Directions whose sine is below this count as parallel: positions in double precision, with coordinates up to a
# thousand times the distances, give directions to about 1e-13.
_ROUNDING = 1e-12
_NOTHING = -(2**40)  # exponent of a term that is 0
_ORDINARY = 400  # weights within so many powers of two of the largest need no further care
_SYMMETRIC = 1e-8  # what rounding may leave between an information matrix and its adjoint, relative to the diagonal


def range_fim(gradients: ArrayLike, weights: ArrayLike) -> np.ndarray:
    r"""Information :math:`\sum_m w_m g_m g_m^{\mathsf T}`.

    Parameters
    ----------
    gradients : (..., M, d)
        Range gradients.
    weights : (..., M)
        Inverse variances of the ranges (1/m^2), >= 0.

    Returns
    -------
    ndarray (..., d, d), 1/m^2

    Examples
    --------
    >>> range_fim([[1.0, 0.0], [0.0, 1.0]], [4.0, 0.5])
    array([[4. , 0. ],
           [0. , 0.5]])
    """
    gradients, weights = _checked(gradients, weights)
    with np.errstate(over="ignore", invalid="ignore"):
        information = np.einsum("...m,...mi,...mj->...ij", weights, gradients, gradients)
    if not np.all(np.isfinite(information)):
        raise InvalidScenario("weights", "and gradients make an information beyond floating-point numbers", "change the units")
    return information


def pair_determinant(gradients: ArrayLike, weights: ArrayLike) -> np.ndarray:
    r"""Determinant of the planar :func:`range_fim` as the pair sum :math:`\sum_{i<j} w_i w_j (g_i \times g_j)^2`.

    Arguments as in :func:`range_fim` with d = 2. Exactly 0 where all directions are parallel: cross products below the
    rounding error count as 0. A determinant beyond floating-point numbers is inf.

    >>> float(pair_determinant([[1.0, 0.0], [0.0, 1.0]], [4.0, 0.5]))
    2.0
    """
    gradients, weights = _checked(gradients, weights, (2,))
    g, mantissa, exponent = _scaled(gradients, weights)
    value, power = _pairs(g, mantissa, exponent)
    return _ldexp(value, power)[()]


def crb_trace(gradients: ArrayLike, weights: ArrayLike) -> np.ndarray:
    r"""Cramér-Rao bound :math:`\operatorname{tr} J^{-1}` on the position error, in m^2; in the plane :math:`(A + B)/\det J`.

    Arguments as in :func:`range_fim` with d = 1, 2 or 3. Infinite where the geometry is degenerate (never nan), or where the
    bound itself is beyond floating-point numbers. Every sum is one of non-negative terms that are scaled by powers of two, so
    that digits survive nearly parallel directions and weights and gradients of any size.

    >>> float(crb_trace([[1.0, 0.0], [0.0, 1.0]], [4.0, 0.5]))
    2.25
    >>> float(crb_trace([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], [1, 1, 1, 1]))
    2.25
    """
    gradients, weights = _checked(gradients, weights, (1, 2, 3))
    g, mantissa, exponent = _scaled(gradients, weights)
    singles = _singles(g, mantissa, exponent)
    if g.shape[-1] == 1:
        (above, up), (below, down) = (np.ones(singles[0].shape), np.zeros(singles[0].shape, int)), singles
    else:
        pairs = _pairs(g, mantissa, exponent)
        (above, up), (below, down) = (singles, pairs) if g.shape[-1] == 2 else (pairs, _triples(g, mantissa, exponent))
    regular = below > 0
    bound = _ldexp(above / np.where(regular, below, 1.0), np.where(regular, up - down, 0))
    return np.where(regular, bound, np.inf)[()]


def equivalent_fim(information: ArrayLike, of_interest: int) -> np.ndarray:
    r"""Equivalent Fisher information of the first parameters: the Schur complement of the nuisance block.

    .. math:: J_e = J_{pp} - J_{pa} J_{aa}^{+} J_{pa}^{\mathsf H}

    Parameters
    ----------
    information : (..., n, n)
        Full information matrix, symmetric (Hermitian) and positive semidefinite, parameters of interest first.
    of_interest : int
        How many parameters are of interest.

    Returns
    -------
    ndarray (..., of_interest, of_interest)
        Symmetric (Hermitian). What rounding leaves of a parameter that the nuisance explains completely is returned as 0.

    Notes
    -----
    A singular nuisance block (nuisance parameters that the measurements do not tell apart, or on which none depends) is
    inverted in the sense of Moore and Penrose, which is exact for the positive semidefinite matrices that information
    matrices are. The block is scaled to a diagonal of about 1 by powers of two, so that the units of the parameters do not
    matter, and its eigenvalues below 4 n times the rounding unit count as 0. A nuisance direction that is dropped counts as
    known: :math:`J_e` is then, if anything, too large, and its inverse still a bound.

    Examples
    --------
    >>> equivalent_fim([[2.0, 1.0], [1.0, 1.0]], 1)
    array([[1.]])
    """
    full = checks.array("information", information, ("...", "n", "n"), dtype=complex)
    if not full.imag.any() and not np.iscomplexobj(information):
        full = full.real
    size = full.shape[-1]
    count = checks.number("of_interest", of_interest, integer=True)
    if not 0 < count <= size:
        raise InvalidScenario("of_interest", f"must lie in 1..{size}, but is {count}")
    scaled, exponent = _unit_diagonal(full)
    if count == size:
        return full
    pp, pa, aa = scaled[..., :count, :count], scaled[..., :count, count:], scaled[..., count:, count:]
    values, vectors = np.linalg.eigh(aa)
    kept = values > 4 * (size - count) * np.finfo(float).eps
    along = np.where(kept[..., None, :], pa @ vectors, 0.0) / np.sqrt(np.where(kept, values, 1.0))[..., None, :]
    rest = pp - along @ np.swapaxes(along, -1, -2).conj()
    rest = (rest + np.swapaxes(rest, -1, -2).conj()) / 2
    left = np.real(np.diagonal(rest, axis1=-2, axis2=-1)) > 4 * size * np.finfo(float).eps
    rest = np.where(left[..., :, None] & left[..., None, :], rest, 0.0)
    return _ldexp(rest, exponent[..., :count, None] + exponent[..., None, :count])


def _checked(gradients, weights, dimensions: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    sizes: dict[str, int] = {}
    gradients = checks.array("gradients", gradients, ("...", "M", "d"), sizes=sizes)
    weights = checks.array("weights", weights, ("...", "M"), minimum=0.0, sizes=sizes)
    if dimensions and sizes["d"] not in dimensions:
        wanted = ", ".join(map(str, dimensions))
        raise InvalidScenario("gradients", f"has shape {gradients.shape}", f"a position has d = {wanted} coordinates here")
    if gradients.shape[:-1] == weights.shape:
        return gradients, weights
    try:
        np.broadcast_shapes(gradients.shape[:-2], weights.shape[:-1])
    except ValueError:
        shapes = f"has leading axes {weights.shape[:-1]}, the gradients have {gradients.shape[:-2]}"
        raise InvalidScenario("weights", shapes, "they must be equal, or absent in one of the two") from None
    return gradients, weights


def _scaled(gradients: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of length about 1, and the weights that belong to them as mantissa times power of two; all exact."""
    power = np.frexp(np.max(np.abs(gradients), axis=-1))[1].astype(int)
    mantissa, exponent = np.frexp(weights)
    scaled = np.ldexp(gradients, -power[..., None])
    exponent = np.where((mantissa > 0) & np.any(scaled != 0, axis=-1), exponent + 2 * power, _NOTHING)
    return scaled, np.broadcast_to(mantissa, exponent.shape), exponent


def _crosses(g: np.ndarray) -> np.ndarray:
    """Squared lengths (..., M, M) of the cross products of all pairs; exactly 0 where rounding hides the angle."""
    squares = np.einsum("...mi,...mi->...m", g, g)
    if g.shape[-1] == 2:
        x, y = g[..., 0], g[..., 1]
        half = x[..., :, None] * y[..., None, :]
        squared = (half - np.swapaxes(half, -1, -2)) ** 2
    else:
        squared = np.sum(np.cross(g[..., :, None, :], g[..., None, :, :]) ** 2, axis=-1)
    squared[squared <= _ROUNDING**2 * squares[..., :, None] * squares[..., None, :]] = 0.0
    return squared


def _singles(g: np.ndarray, mantissa: np.ndarray, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""The sum :math:`\sum_i w_i |g_i|^2` as a number and its power of two."""
    power = exponent.max(axis=-1)
    relative = _ldexp(mantissa, exponent - power[..., None])
    return np.einsum("...m,...mi,...mi->...", relative, g, g), power


def _pairs(g: np.ndarray, mantissa: np.ndarray, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""The pair sum :math:`\sum_{i<j} w_i w_j |g_i \times g_j|^2` as a number and its power of two."""
    power = exponent.max(axis=-1)
    down = exponent - power[..., None]
    if ((down > -_ORDINARY) | (exponent == _NOTHING)).all():  # no product of two can underflow: one scale for all
        relative = _ldexp(mantissa, down)
        return np.einsum("...i,...j,...ij->...", relative, relative, _crosses(g)) / 2, 2 * power
    terms = mantissa[..., :, None] * mantissa[..., None, :] * _crosses(g) / 2
    return _sum(terms, exponent[..., :, None] + exponent[..., None, :], 2)


def _triples(g: np.ndarray, mantissa: np.ndarray, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""The determinant in space, :math:`\sum_{i<j<k} w_i w_j w_k \det(g_i, g_j, g_k)^2`, one i after the other."""
    length = np.sqrt(np.sum(g**2, axis=-1))
    cases = exponent.shape[:-1]  # those of the gradients among them
    sums, powers = [np.zeros(cases)], [np.full(cases, 3 * _NOTHING)]
    for i in range(g.shape[-2] - 2):
        a, b, wb, eb, lb = g[..., i, :], g[..., i + 1 :, :], mantissa[..., i + 1 :], exponent[..., i + 1 :], length[..., i + 1 :]
        volume = np.einsum("...jx,...kx->...jk", np.cross(a[..., None, :], b), b)
        floor = _ROUNDING * length[..., i, None, None] * lb[..., :, None] * lb[..., None, :]
        squared = np.where(np.abs(volume) <= floor, 0.0, volume**2) / 2
        value, power = _sum(
            mantissa[..., i, None, None] * wb[..., :, None] * wb[..., None, :] * squared,
            exponent[..., i, None, None] + eb[..., :, None] + eb[..., None, :],
            2,
        )
        sums.append(np.broadcast_to(value, cases))
        powers.append(np.broadcast_to(power, cases))
    return _sum(np.stack(sums, axis=-1), np.stack(powers, axis=-1), 1)


def _sum(terms: np.ndarray, exponents: np.ndarray, axes: int) -> tuple[np.ndarray, np.ndarray]:
    """Sum over the last axes of non-negative terms times powers of two, as a number and the largest power among them."""
    over = tuple(range(-axes, 0))
    terms, exponents = np.broadcast_arrays(terms, exponents)
    exponents = np.where(terms > 0, exponents, 4 * _NOTHING)
    power = np.max(exponents, axis=over)
    return np.sum(_ldexp(terms, exponents - np.expand_dims(power, over)), axis=over), power


def _ldexp(values: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    exponents = np.clip(exponents, -5000, 5000).astype(np.intc)
    with np.errstate(over="ignore", under="ignore"):
        if np.iscomplexobj(values):
            return np.ldexp(values.real, exponents) + 1j * np.ldexp(values.imag, exponents)
        return np.ldexp(values, exponents)


def _unit_diagonal(full: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The matrix with a diagonal of about 1 (or 0), scaled by powers of two, and their exponents; refused if no information."""
    diagonal = np.real(np.diagonal(full, axis1=-2, axis2=-1))
    if np.any(bad := diagonal < 0):
        where = checks.first(bad)
        raise InvalidScenario("information", f"has a negative diagonal entry, {diagonal[where]:g} at {where}")
    exponent = np.frexp(np.sqrt(diagonal))[1].astype(int)
    scaled = _ldexp(full, -(exponent[..., :, None] + exponent[..., None, :]))
    adjoint = np.swapaxes(scaled, -1, -2).conj()
    root = np.sqrt(np.real(np.diagonal(scaled, axis1=-2, axis2=-1)))
    most = root[..., :, None] * root[..., None, :]
    if not np.all(np.abs(scaled - adjoint) <= _SYMMETRIC * most):
        raise InvalidScenario("information", "is not symmetric (Hermitian)", "an information matrix equals its adjoint")
    scaled = (scaled + adjoint) / 2
    if not np.all(np.abs(scaled) <= (1 + _SYMMETRIC) * most) or np.any(np.linalg.eigvalsh(scaled) < -_SYMMETRIC):
        raise InvalidScenario("information", "is not positive semidefinite", "an information matrix is a covariance of scores")
    return scaled, exponent
