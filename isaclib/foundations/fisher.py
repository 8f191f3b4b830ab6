r"""Fisher information of range-based localization.

Ranges :math:`r_m(q)` to a target at :math:`q`, each measured with independent Gaussian error of variance
:math:`1/w_m`, carry the information

.. math:: J = \sum_m w_m\, g_m g_m^{\mathsf T}, \qquad g_m = \nabla_q r_m,

and every unbiased estimator of :math:`q` has mean squared error at least :math:`\operatorname{tr} J^{-1}`. In the plane
the Lagrange (Cauchy-Schwarz) identity

.. math:: \det J = AB - C^2 = \sum_{i<j} w_i w_j\, (g_i \times g_j)^2

gives the determinant as a sum of non-negative terms, which is used here because ``A * B - C**2`` cancels when all
directions nearly agree.
"""

from __future__ import annotations

import numpy as np

from .errors import InvalidScenario

# Directions whose sine is below this count as parallel: positions in double precision, with coordinates up to a
# thousand times the distances, give directions to about 1e-13.
_ROUNDING = 1e-12


def range_fim(gradients, weights) -> np.ndarray:
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
    """
    gradients, weights = np.asarray(gradients, dtype=float), np.asarray(weights, dtype=float)
    return np.einsum("...m,...mi,...mj->...ij", weights, gradients, gradients)


def pair_determinant(gradients, weights) -> np.ndarray:
    r"""Determinant of the planar :func:`range_fim` as the pair sum :math:`\sum_{i<j} w_i w_j (g_i \times g_j)^2`.

    Exactly 0 where all directions are parallel: cross products below the rounding error count as 0.
    """
    gradients, weights = np.asarray(gradients, dtype=float), np.asarray(weights, dtype=float)
    x, y = gradients[..., 0], gradients[..., 1]
    length = np.hypot(x, y)
    cross = x[..., :, None] * y[..., None, :] - x[..., None, :] * y[..., :, None]
    cross = np.where(np.abs(cross) <= _ROUNDING * length[..., :, None] * length[..., None, :], 0.0, cross)
    return 0.5 * np.einsum("...i,...j,...ij->...", weights, weights, cross**2)


def crb_trace(gradients, weights) -> np.ndarray:
    r"""Cramér-Rao bound :math:`\operatorname{tr} J^{-1} = (A + B)/\det J` on the planar position error, in m^2.

    Arguments as in :func:`range_fim` with d = 2. Infinite where the geometry is degenerate (never nan).
    """
    gradients, weights = np.asarray(gradients, dtype=float), np.asarray(weights, dtype=float)
    # Relative weights keep the product of two weights from under- or overflowing.
    scale = np.max(weights, axis=-1)
    relative = weights / np.where(scale > 0, scale, 1.0)[..., None]
    trace = np.einsum("...m,...mi->...", relative, gradients**2)
    determinant = scale * pair_determinant(gradients, relative)
    regular = determinant > 0
    return np.where(regular, trace / np.where(regular, determinant, 1.0), np.inf)[()]


def equivalent_fim(information, of_interest: int) -> np.ndarray:
    r"""Equivalent Fisher information of the first parameters: the Schur complement of the nuisance block.

    .. math:: J_e = J_{pp} - J_{pa} J_{aa}^{-1} J_{pa}^{\mathsf T}

    Parameters
    ----------
    information : (..., n, n)
        Full information matrix, parameters of interest first.
    of_interest : int
        How many parameters are of interest.

    Notes
    -----
    A singular nuisance block (a nuisance parameter on which no measurement depends) is inverted in the sense of Moore and
    Penrose, which is exact for the positive semidefinite matrices that information matrices are.
    """
    information = np.asarray(information)
    size = information.shape[-1]
    if not 0 < of_interest <= size:
        raise InvalidScenario("of_interest", f"must lie in 1..{size}, but is {of_interest}")
    pp = information[..., :of_interest, :of_interest]
    if of_interest == size:
        return pp.copy()
    pa, aa = information[..., :of_interest, of_interest:], information[..., of_interest:, of_interest:]
    cross = np.swapaxes(pa, -1, -2).conj()
    try:
        explained = np.linalg.solve(aa, cross)
    except np.linalg.LinAlgError:
        explained = np.linalg.pinv(aa, hermitian=True) @ cross
    return pp - pa @ explained
