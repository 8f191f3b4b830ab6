"""Positions, distances and the direction vectors from which range-based Fisher information is built."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .errors import InvalidScenario

# A sum of two unit vectors shorter than this is rounding: positions in double precision, with coordinates up to a
# thousand times the distances, give directions to about 1e-13.
_ROUNDING = 1e-12
_SMALL, _LARGE = 1e-140, 1e140  # squares of what lies between neither under- nor overflow


def uniform_disk(
    rng: np.random.Generator, count: int, radius_m: float, *, minimum_radius_m: float = 0.0, center_m: ArrayLike = (0.0, 0.0)
) -> np.ndarray:
    """``count`` points, uniform by area, in an annulus: (count, 2) in metres.

    >>> uniform_disk(np.random.default_rng(0), 3, 10.0).shape
    (3, 2)
    """
    checks.generator("rng", rng)
    count = checks.count("count", count)
    radius_m = checks.number("radius_m", radius_m, minimum=0.0, maximum=_LARGE)
    minimum_radius_m = checks.number("minimum_radius_m", minimum_radius_m)
    center = checks.array("center_m", center_m, (2,))
    if not 0 <= minimum_radius_m < radius_m:
        raise InvalidScenario("minimum_radius_m", f"must lie in [0, {radius_m:g}), but is {minimum_radius_m:g}")
    u, angle = rng.random(count), 2 * np.pi * rng.random(count)
    radius = np.sqrt(minimum_radius_m**2 + u * (radius_m**2 - minimum_radius_m**2))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1) + center


def distances_m(from_m: ArrayLike, to_m: ArrayLike) -> np.ndarray:
    """Distances between two sets of points: (A, d) and (B, d) give (A, B).

    >>> distances_m([[0, 0], [3, 0]], [[3, 4]])
    array([[5.],
           [4.]])
    """
    from_m, to_m = _two_sets(from_m, to_m)
    return _length(_differences("from_m", from_m[:, None, :], to_m[None, :, :]))


def unit_vectors(from_m: ArrayLike, to_m: ArrayLike) -> np.ndarray:
    """Unit vectors pointing from each point of the first set to each of the second: (A, d) and (B, d) give (A, B, d).

    Raises
    ------
    InvalidScenario
        Where two points coincide: the direction is undefined.

    Examples
    --------
    >>> unit_vectors([[0, 0]], [[3, 4]])
    array([[[0.6, 0.8]]])
    """
    return _directions(*_two_sets(from_m, to_m), ("from_m", "to_m"))


def bistatic_range_gradients(transmitters_m: ArrayLike, receiver_m: ArrayLike, targets_m: ArrayLike) -> np.ndarray:
    r"""Gradient of the bistatic range with respect to the target position.

    .. math:: \nabla_{q} \left(\|x - q\| + \|r - q\|\right)
        = -\frac{x - q}{\|x - q\|} - \frac{r - q}{\|r - q\|}

    Parameters
    ----------
    transmitters_m : (A, d)
    receiver_m : (d,)
    targets_m : (N, d)

    Returns
    -------
    ndarray (A, N, d)
        Length 2 for a monostatic pair, exactly 0 for a target on the segment between transmitter and receiver
        (where a rounding error would otherwise pose as a direction).

    Examples
    --------
    >>> bistatic_range_gradients([[0.0, 0.0], [2.0, 0.0]], [0.0, 0.0], [[1.0, 0.0]])[:, 0]
    array([[2., 0.],
           [0., 0.]])
    """
    sizes: dict[str, int] = {}
    transmitters = checks.array("transmitters_m", transmitters_m, ("A", "d"), sizes=sizes)
    receiver = checks.array("receiver_m", receiver_m, ("d",), sizes=sizes)[None, :]
    targets = checks.array("targets_m", targets_m, ("N", "d"), sizes=sizes)
    gradients = _directions(transmitters, targets, ("transmitters_m", "targets_m"))
    gradients = gradients + _directions(receiver, targets, ("receiver_m", "targets_m"))
    return np.where(np.linalg.norm(gradients, axis=-1, keepdims=True) <= _ROUNDING, 0.0, gradients)


def hexagon(side_m: float, *, center_m: ArrayLike = (0.0, 0.0)) -> np.ndarray:
    """Vertices of a regular hexagon, counter-clockwise from the positive x axis: (6, 2).

    >>> hexagon(2.0)[0]
    array([2., 0.])
    """
    side = checks.number("side_m", side_m, positive=True, maximum=_LARGE)
    center = checks.array("center_m", center_m, (2,))
    angle = np.arange(6) * np.pi / 3
    return side * np.stack([np.cos(angle), np.sin(angle)], axis=-1) + center


def normalised(vectors: np.ndarray) -> np.ndarray:
    """Unit vectors along vectors (..., d) of which none is 0, however short or long; unguarded."""
    size = np.max(np.abs(vectors), axis=-1, keepdims=True)
    if size.min() < _SMALL or size.max() > _LARGE:  # a power of two, so that ordinary directions keep their last digit
        vectors = np.ldexp(vectors, -np.frexp(size)[1])
    return vectors / np.sqrt(np.sum(vectors**2, axis=-1, keepdims=True))


def _two_sets(from_m, to_m) -> tuple[np.ndarray, np.ndarray]:
    sizes: dict[str, int] = {}
    return checks.array("from_m", from_m, ("A", "d"), sizes=sizes), checks.array("to_m", to_m, ("B", "d"), sizes=sizes)


def _differences(name: str, from_m: np.ndarray, to_m: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        difference = to_m - from_m
    if not np.all(np.isfinite(difference)):
        raise InvalidScenario(name, "lies so far away that the distance is beyond floating-point numbers")
    return difference


def _directions(from_m: np.ndarray, to_m: np.ndarray, names: tuple[str, str]) -> np.ndarray:
    difference = _differences(names[0], from_m[:, None, :], to_m[None, :, :])
    size = np.max(np.abs(difference), axis=-1, keepdims=True)
    if not size.all():
        a, b = checks.first(size[..., 0] == 0)
        raise InvalidScenario(
            "positions",
            f"points {a} and {b} coincide ({names[0]}[{a}] and {names[1]}[{b}])",
            "move one of them: the direction is undefined",
        )
    return normalised(difference)


def _length(difference: np.ndarray) -> np.ndarray:
    size = np.max(np.abs(difference), axis=-1)
    if ((size == 0) | (size > _SMALL) & (size < _LARGE)).all():
        return np.sqrt(np.sum(difference**2, axis=-1))
    power = np.frexp(size)[1]
    scaled = np.sqrt(np.sum(np.ldexp(difference, -power[..., None]) ** 2, axis=-1))
    with np.errstate(over="ignore"):
        length = np.ldexp(scaled, power)
    if not np.all(np.isfinite(length)):
        raise InvalidScenario("from_m", "lies so far away that the distance is beyond floating-point numbers")
    return length
