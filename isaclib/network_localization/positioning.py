r"""From ranges to a position: weighted least squares at a known height.

.. math:: \hat q = \arg\min_{q \in \mathbb{R}^2} \sum_i \frac{\left(r_i - \|(q, z) - b_i\|\right)^2}{\sigma_i^2}

is the maximum-likelihood estimate for independent Gaussian errors; for small :math:`\sigma_i` its mean squared error meets
the bound of :func:`~.scenario.position_crb_m2`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.errors import InvalidScenario
from . import guards
from .formulas import range_gradients, range_std_m
from .scenario import FARTHEST_M, Scenario

_MAX_STEPS = 100
_MOST_TRIALS = 10**8
_STEP_TOLERANCE = 1e-9  # relative to the size of the network: far below any range error
_FARTHEST_M = 1e9
_DAMPING = 1e-3  # first Levenberg-Marquardt damping, relative to the diagonal of the normal matrix
_LEAST_DAMPING = 1e-12  # seen from far away all BSs stand in one direction: undamped, the normal matrix is singular


def estimate_positions(
    scenario: Scenario, ranges_m: ArrayLike, stds_m: ArrayLike, *, start_m: np.ndarray | None = None
) -> np.ndarray:
    """Weighted least-squares positions (..., 2) in metres by damped Gauss-Newton (Levenberg-Marquardt).

    Parameters
    ----------
    scenario : Scenario
        Needs ``bs_positions_m``; of ``target_position_m`` only the height is used.
    ranges_m : (..., B)
        Measured distances between each BS and the target.
    stds_m : (B,)
        Their standard deviations, positive; a BS with an infinite one is left out.
    start_m : (2,), optional
        Default: both the mean of the BS positions and, from three BSs on, the solution of the differences of squared ranges,
        which are linear in the position; the lower cost wins. Two BSs leave a mirror image, which the start decides.

    Raises
    ------
    InvalidScenario
        Where fewer than two standard deviations are finite, a range is negative or no number, or positions are missing.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(7))
    >>> scenario.target_position_m[:2].round(2)
    array([ 32.71, -77.7 ])
    >>> ranges = np.linalg.norm(scenario.target_position_m - scenario.bs_positions_m, axis=1)
    >>> estimate_positions(scenario, ranges + [0.1, -0.1, 0.0], np.ones(3)).round(2)
    array([ 32.64, -77.68])
    """
    height = _height(scenario)
    bs = scenario.bs_positions_m
    sizes = {"B": len(bs)}
    ranges = checks.array("ranges_m", ranges_m, ("...", "B"), minimum=0, maximum=_FARTHEST_M, sizes=sizes)
    stds = checks.array("stds_m", stds_m, ("B",), positive=True, infinite=True, sizes=sizes)
    start = None if start_m is None else checks.array("start_m", start_m, (2,), minimum=-FARTHEST_M, maximum=FARTHEST_M)
    return _estimated(bs, height, ranges, stds, start)


def _estimated(bs: np.ndarray, height: float, ranges: np.ndarray, stds: np.ndarray, start: np.ndarray | None) -> np.ndarray:
    """Positions (..., 2) of ranges that may be negative, as a Gaussian error can make them."""
    if np.count_nonzero(np.isfinite(stds)) < 2:
        raise InvalidScenario("stds_m", "leaves fewer than two ranges", "a position in the plane needs two or more")
    weights = (np.min(stds) / stds) ** 2
    rows = ranges.reshape(-1, len(bs))
    starts = [bs[:, :2].mean(axis=0)] if start is None else [start]
    if start is None and (linear := _linear_start(bs, height, rows)) is not None:
        starts.append(linear)
    found = [_descend(np.broadcast_to(at, (len(rows), 2)), height, bs, rows, weights) for at in starts]
    best = np.argmin([cost for _, cost in found], axis=0)
    q = np.stack([position for position, _ in found])[best, np.arange(len(rows))]
    return q.reshape(*ranges.shape[:-1], 2)


def _linear_start(bs: np.ndarray, height: float, ranges: np.ndarray) -> np.ndarray | None:
    """Positions (n, 2) from differences of squared ranges; None where the BSs stand on one line."""
    ground = ranges**2 - (height - bs[:, 2]) ** 2
    matrix = 2 * (bs[1:, :2] - bs[0, :2])
    if np.linalg.matrix_rank(matrix) < 2:
        return None
    right = ground[:, :1] - ground[:, 1:] + np.sum(bs[1:, :2] ** 2, axis=1) - np.sum(bs[0, :2] ** 2)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.clip(np.nan_to_num(right @ np.linalg.pinv(matrix).T), -FARTHEST_M, FARTHEST_M)


def _descend(start, height, bs, rows, weights) -> tuple[np.ndarray, np.ndarray]:
    """Levenberg-Marquardt from a start (n, 2): positions (n, 2) and their costs (n,)."""
    # A millimetre off the start breaks the symmetry of a start on the line through two BSs.
    q = start + 1e-3
    scale = np.ptp(bs[:, :2], axis=0).max() + np.abs(height - bs[:, 2]).max()
    damping = np.full(len(rows), _DAMPING)
    cost, normal, gradient = _linearise(q, height, bs, rows, weights)
    for _ in range(_MAX_STEPS):
        trace = np.maximum(np.einsum("nii->n", normal), np.finfo(float).tiny / _LEAST_DAMPING)  # 0 right below every BS
        step = np.linalg.solve(normal + (damping * trace)[:, None, None] * np.eye(2), gradient[..., None])[..., 0]
        trial = q + step
        trial_cost, trial_normal, trial_gradient = _linearise(trial, height, bs, rows, weights)
        better = trial_cost <= cost
        damping = np.where(better, np.maximum(damping / 10, _LEAST_DAMPING), damping * 10)
        q, cost = np.where(better[:, None], trial, q), np.where(better, trial_cost, cost)
        normal = np.where(better[:, None, None], trial_normal, normal)
        gradient = np.where(better[:, None], trial_gradient, gradient)
        if np.all(np.abs(step) <= _STEP_TOLERANCE * scale):
            break
    return q, cost


def simulate_position_errors_m(scenario: Scenario, powers_w: ArrayLike, rng: np.random.Generator, trials: int) -> np.ndarray:
    """Horizontal position errors (trials,) in metres: the fusion of ranges with Gaussian errors of std ``range_std_m``.

    A BS whose standard deviation is infinite, or above 1e100 m, is left out; with fewer than two others the scenario is refused
    (:class:`~isaclib.InvalidScenario`).

    >>> scenario = Scenario.random(np.random.default_rng(7), processing_gain_db=46.6)
    >>> simulate_position_errors_m(scenario, np.ones(3), np.random.default_rng(1), 2).round(2)
    array([0.15, 0.12])
    """
    guards.one(scenario)
    powers_w = guards.vector(scenario, powers_w)
    checks.generator("rng", rng)
    trials = checks.count("trials", trials, maximum=_MOST_TRIALS)
    range_gradients(scenario)  # names a missing position before anything is drawn
    stds = range_std_m(scenario, powers_w)
    truth = np.linalg.norm(scenario.target_position_m - scenario.bs_positions_m, axis=1)
    noise = rng.standard_normal((trials, len(truth)))
    known = stds <= FARTHEST_M
    ranges = truth + noise * np.where(known, stds, 0.0)
    found = _estimated(scenario.bs_positions_m, _height(scenario), ranges, np.where(known, stds, np.inf), None)
    return np.linalg.norm(found - scenario.target_position_m[:2], axis=1)


def _height(scenario: Scenario) -> float:
    range_gradients(guards.one(scenario))
    return float(scenario.target_position_m[2])


def _linearise(q, height, bs, ranges, weights):
    """Cost (n,), normal matrix (n, 2, 2) and right side (n, 2) of the Gauss-Newton step at q (n, 2)."""
    difference = np.concatenate([q, np.full((len(q), 1), height)], axis=1)[:, None, :] - bs
    distance = np.maximum(np.linalg.norm(difference, axis=-1), np.finfo(float).tiny)
    direction, error = difference[..., :2] / distance[..., None], ranges - distance
    cost = np.einsum("b,nb->n", weights, error**2)
    normal = np.einsum("b,nbi,nbj->nij", weights, direction, direction)
    return cost, normal, np.einsum("b,nb,nbi->ni", weights, error, direction)
