"""Newton's method from given positions, for many simulations side by side: what both locators do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_REFINEMENTS = 30  # Gauss-Newton steps; a handful suffices near a peak
_STEP_TOLERANCE_M = 1e-10  # far below every error that can be measured at micrometre bounds


def newton_step(normal: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Solutions (..., n) of normal equations; where an array sees no difference in a direction, none in this direction."""
    try:
        return np.linalg.solve(normal, score[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return (np.linalg.pinv(normal, hermitian=True) @ score[..., None])[..., 0]


def descend(step: Callable[[np.ndarray, np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    """Points (D, K, 2) after the steps of each draw, until its own are short; ``step`` is of draws (d,) and their points."""
    points, draws = points.copy(), np.arange(len(points))
    for _ in range(_REFINEMENTS):
        moved = step(draws, points[draws])
        points[draws] += moved
        draws = draws[np.max(np.abs(moved), axis=(1, 2)) >= _STEP_TOLERANCE_M]
        if not len(draws):
            break
    return points
