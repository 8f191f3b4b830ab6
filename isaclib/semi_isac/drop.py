"""Random drops: users and clutters in the cell, path losses, fading; and the defaults of their parameters, the ``paper`` set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..foundations import channels, checks, units
from ..foundations.errors import InvalidScenario

_GEOMETRY = {
    "radius_m": 40.0,
    "min_distance_m": 1.0,
    "carrier_hz": 1e9,
    "antenna_gain_db": 0.0,
    "target_rcs_m2": 1.0,
    "clutter_rcs_m2": 0.01,
    "clutters": 3,
    "link_exponent": 2.5,
    "radar_exponent": 4.0,
    "nakagami_m": 3.0,
    "reciprocal": False,
}
_SYSTEM = {
    "bandwidth_hz": 100e6,
    "temperature_k": 290.0,
    "power_budget_dbm": 30.0,
    "circuit_power_dbm": 30.0,
    "weights": (1 / 3, 1 / 3, 1 / 3),
    "min_sensing_bps": 5e6,
    "min_rate_bps": 20e6,
}
DEFAULTS: dict[str, Any] = {**_GEOMETRY, **_SYSTEM}
_LARGEST_DB = 1000.0  # far beyond any device, and still a finite ratio
_LARGEST, _MOST = 1e100, 10**6  # of a length, whose square is finite; of clutters, which are drawn one by one


@dataclass(frozen=True)
class Gains:
    """Gains of three users, each with a target and a link, in D drops: arrays (D, 3)."""

    radar_gain: np.ndarray
    clutter_gain: np.ndarray
    link_gain: np.ndarray


def gains(children: Sequence[np.random.Generator], parameters: Mapping[str, Any]) -> Gains:
    """Positions, fading and the gains that follow, of one drop for each generator.

    The generators are asked one by one, the arithmetic is done for all drops together. The parameters of the system itself are
    not looked at.
    """
    g = _geometry(_known(parameters))
    antenna, clutters, m = float(units.db_to_linear(g["antenna_gain_db"])), g["clutters"], g["nakagami_m"]
    draws = len(children)
    place, fading = np.empty((draws, 3, 2)), np.empty((draws, 3, 3))  # link, echo down, echo up of each user
    far, faded = np.empty((draws, clutters, 2)), np.empty((draws, clutters, 3, 2))
    for d, child in enumerate(children):
        child.random(out=place[d])
        fading[d] = child.gamma(m, 1 / m, size=(3, 3))  # as channels.nakagami_power draws it
        for c in range(clutters):
            child.random(out=far[d, c])
            faded[d, c] = child.gamma(m, 1 / m, size=(3, 2))

    def distance(uniform):
        """Of points uniform by area (:func:`~isaclib.foundations.geometry.uniform_disk`): where they stand does not matter."""
        least = g["min_distance_m"] ** 2
        return np.sqrt(least + uniform[..., 0] * (g["radius_m"] ** 2 - least))

    def echo(distance_m, cross_section_m2, down, up):
        two_way = channels.radar_gain(
            distance_m, distance_m, g["carrier_hz"], cross_section_m2, exponent=g["radar_exponent"] / 2, antenna_gain=antenna
        )
        return two_way * down * (down if g["reciprocal"] else up)

    distances = distance(place)
    links = channels.carrier_path_gain(distances, g["carrier_hz"], exponent=g["link_exponent"], antenna_gain=antenna)
    radar = echo(distances, g["target_rcs_m2"], fading[..., 1], fading[..., 2])
    clutter = np.zeros((draws, 3))
    if clutters and g["clutter_rcs_m2"] > 0:
        echoes = echo(distance(far)[..., None], g["clutter_rcs_m2"], faded[..., 0], faded[..., 1])
        for c in range(clutters):  # one after the other, so that more clutters leave the sum of the first ones as it is
            clutter += echoes[:, c]
    return Gains(radar, clutter, links * fading[..., 0])


def system(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a scenario that are not drawn."""
    values = _known(parameters)
    power, circuit = (
        checks.number(name, values[name], minimum=-_LARGEST_DB, maximum=_LARGEST_DB)
        for name in ("power_budget_dbm", "circuit_power_dbm")
    )
    temperature = checks.number("temperature_k", values["temperature_k"], positive=True)
    return {
        "bandwidth_hz": values["bandwidth_hz"],
        "noise_psd_w_per_hz": float(units.thermal_noise_psd_w_per_hz(temperature)),
        "power_budget_w": float(units.dbm_to_w(power)),
        "circuit_power_w": float(units.dbm_to_w(circuit)),
        "weights": values["weights"],
        "min_sensing_bps": values["min_sensing_bps"],
        "min_rate_bps": values["min_rate_bps"],
    }


def _known(parameters: Mapping[str, Any]) -> dict[str, Any]:
    for name in parameters:
        if name not in DEFAULTS:
            raise InvalidScenario(name, "is not a parameter of the random scenario", f"known are {', '.join(sorted(DEFAULTS))}")
    return {**DEFAULTS, **parameters}


def _geometry(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: checks.number(name, values[name], positive=True, maximum=_LARGEST)
        for name in ("radius_m", "carrier_hz", "target_rcs_m2", "link_exponent", "radar_exponent")
    }
    found["antenna_gain_db"] = checks.number(
        "antenna_gain_db", values["antenna_gain_db"], minimum=-_LARGEST_DB, maximum=_LARGEST_DB
    )
    # The path loss has no limit at distance zero: a user there would have an infinite gain.
    found["min_distance_m"] = checks.number(
        "min_distance_m", values["min_distance_m"], minimum=0, maximum=found["radius_m"] * (1 - 1e-12)
    )
    found["clutter_rcs_m2"] = checks.number("clutter_rcs_m2", values["clutter_rcs_m2"], minimum=0)
    found["clutters"] = checks.count("clutters", values["clutters"], minimum=0, maximum=_MOST)
    found["nakagami_m"] = checks.number("nakagami_m", values["nakagami_m"], minimum=0.5)
    found["reciprocal"] = checks.flag("reciprocal", values["reciprocal"])
    return found
