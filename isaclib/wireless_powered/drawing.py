r"""Random realizations of Section IV: each has a generator of its own, the arithmetic is done for all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..foundations import checks
from ..foundations.units import dbm_to_w

FARTHEST_M = 1e100
_MOST_PAIRS = 10**8  # of a user and a target


def draw(
    children: Sequence[np.random.Generator],
    *,
    users: int,
    targets: int,
    radius_m: float,
    min_distance_m: float,
    path_loss_at_1m: float,
    path_loss_exponent: float,
    fading: str,
    noise_dbm: float,
    **shared: Any,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Columns (D, ...) of the drawn fields, and the fields that all realizations share; arguments of ``Scenario.random``."""
    users = checks.count("users", users, maximum=_MOST_PAIRS)
    targets = checks.count("targets", targets, maximum=_MOST_PAIRS // users)
    radius_m = checks.number("radius_m", radius_m, positive=True, maximum=FARTHEST_M)
    min_distance_m = checks.number("min_distance_m", min_distance_m, minimum=0, maximum=FARTHEST_M)
    path_loss_at_1m = checks.number("path_loss_at_1m", path_loss_at_1m, positive=True)
    path_loss_exponent = checks.number("path_loss_exponent", path_loss_exponent, minimum=0, maximum=100)
    noise_dbm = checks.number("noise_dbm", noise_dbm, minimum=-2000, maximum=2000)
    checks.word("fading", fading, ("rayleigh", "exponential", "none"))
    count = users + targets
    uniform, z = np.empty((len(children), 2 * count)), np.empty((len(children), users + targets * (users + 1)))
    for d, child in enumerate(children):
        child.random(out=uniform[d])  # users: areas, angles; targets: areas, angles
        z[d] = child.rayleigh(1 / np.sqrt(2), size=z.shape[1])
    user_positions = _in_disk(uniform[:, :users], uniform[:, users : 2 * users], radius_m)
    target_positions = _in_disk(uniform[:, 2 * users : 2 * users + targets], uniform[:, 2 * users + targets :], radius_m)
    bs = np.zeros((len(children), 1, 2))
    z = z**2 if fading == "exponential" else np.ones_like(z) if fading == "none" else z

    def gain(nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
        """From every node to every point (D, A, B); inf at next to no distance, which the scenario refuses."""
        distance = np.sqrt(np.sum((nodes[:, :, None] - points[:, None]) ** 2, axis=-1))
        with np.errstate(divide="ignore", over="ignore"):
            return path_loss_at_1m * np.maximum(distance, min_distance_m) ** (-path_loss_exponent)

    columns = {
        "user_positions_m": user_positions,
        "target_positions_m": target_positions,
        "gain_bs_user": z[:, :users] * gain(bs, user_positions)[:, 0],
        "gain_transmitter_target": z[:, users:].reshape(-1, users + 1, targets)
        * gain(np.concatenate([bs, user_positions], axis=1), target_positions),
    }
    return columns, {"bs_position_m": np.zeros(2), "noise_w": dbm_to_w(noise_dbm), **shared}


def _in_disk(area: np.ndarray, turn: np.ndarray, radius_m: float) -> np.ndarray:
    """Points uniform by area (D, A, 2), as :func:`~isaclib.foundations.geometry.uniform_disk` makes them."""
    radius, angle = np.sqrt(area * radius_m**2), 2 * np.pi * turn
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
