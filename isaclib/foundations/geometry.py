"""Positions, distances and the direction vectors from which range-based Fisher information is built."""

from __future__ import annotations

import numpy as np

from .errors import InvalidScenario

# A sum of two unit vectors shorter than this is rounding: positions in double precision, with coordinates up to a
# thousand times the distances, give directions to about 1e-13.
_ROUNDING = 1e-12


def uniform_disk(
    rng: np.random.Generator, count: int, radius_m: float, *, minimum_radius_m: float = 0.0, center_m=(0.0, 0.0)
) -> np.ndarray:
    """``count`` points, uniform by area, in an annulus: (count, 2) in metres."""
    if not 0 <= minimum_radius_m < radius_m:
        raise InvalidScenario("minimum_radius_m", f"must lie in [0, {radius_m:g}), but is {minimum_radius_m:g}")
    u, angle = rng.random(count), 2 * np.pi * rng.random(count)
    radius = np.sqrt(minimum_radius_m**2 + u * (radius_m**2 - minimum_radius_m**2))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1) + np.asarray(center_m, dtype=float)


def distances_m(from_m, to_m) -> np.ndarray:
    """Distances between two sets of points: (A, d) and (B, d) give (A, B)."""
    difference = np.asarray(from_m, dtype=float)[:, None, :] - np.asarray(to_m, dtype=float)[None, :, :]
    return np.sqrt(np.sum(difference**2, axis=-1))


def unit_vectors(from_m, to_m) -> np.ndarray:
    """Unit vectors pointing from each point of the first set to each of the second: (A, B, d).

    Raises
    ------
    InvalidScenario
        Where two points coincide: the direction is undefined.
    """
    difference = np.asarray(to_m, dtype=float)[None, :, :] - np.asarray(from_m, dtype=float)[:, None, :]
    length = np.sqrt(np.sum(difference**2, axis=-1, keepdims=True))
    if np.any(length == 0):
        a, b = (int(i) for i in np.argwhere(length[..., 0] == 0)[0])
        raise InvalidScenario("positions", f"points {a} and {b} coincide", "move one of them: the direction is undefined")
    return difference / length


def bistatic_range_gradients(transmitters_m, receiver_m, targets_m) -> np.ndarray:
    r"""Gradient of the bistatic range with respect to the target position.

    .. math:: \nabla_{q} \left(\|x - q\| + \|r - q\|\right)
        = -\frac{x - q}{\|x - q\|} - \frac{r - q}{\|r - q\|}

    Parameters
    ----------
    transmitters_m : (A, 2)
    receiver_m : (2,)
    targets_m : (N, 2)

    Returns
    -------
    ndarray (A, N, 2)
        Length 2 for a monostatic pair, exactly 0 for a target on the segment between transmitter and receiver
        (where a rounding error would otherwise pose as a direction).
    """
    receiver = np.asarray(receiver_m, dtype=float)[None, :]
    gradients = unit_vectors(transmitters_m, targets_m) + unit_vectors(receiver, targets_m)
    return np.where(np.linalg.norm(gradients, axis=-1, keepdims=True) <= _ROUNDING, 0.0, gradients)


def hexagon(side_m: float, *, center_m=(0.0, 0.0)) -> np.ndarray:
    """Vertices of a regular hexagon, counter-clockwise from the positive x axis: (6, 2)."""
    angle = np.arange(6) * np.pi / 3
    return side_m * np.stack([np.cos(angle), np.sin(angle)], axis=-1) + np.asarray(center_m, dtype=float)
