r"""Three services in three orthogonal bands: sensing only (user 0), ISaC (user 1), communication only (user 2).

User :math:`k` gets the share :math:`\beta_k` of the bandwidth :math:`B` and the power :math:`p_k`. With the noise
:math:`N_0 \beta_k B` of its own band, a radar gain :math:`a_k`, a clutter gain :math:`b_k` (summed over the clutters) and
a link gain :math:`g_k`,

.. math::
    R^{\mathrm s}_k = \beta_k B \log_2\!\Big(1 + \frac{a_k p_k}{b_k p_k + N_0 \beta_k B}\Big), \qquad
    R^{\mathrm c}_k = \beta_k B \log_2\!\Big(1 + \frac{g_k p_k}{N_0 \beta_k B}\Big).

Both are homogeneous of degree one and jointly concave in :math:`(\beta_k, p_k)`: they are perspectives.

:class:`Scenario` is the paper's network; :class:`Network` is the same model for any number of users, each with any of the
two services, which is what a comparison with "every user is an ISaC user" needs. The solvers take either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..foundations import channels, geometry, units
from ..foundations.errors import InvalidScenario
from ..foundations.scenario import Batch, ScenarioBase, array, number

SENSING, RATE = 0, 1  # columns of a (K, 2) table of rates


@dataclass(frozen=True, eq=False, kw_only=True)
class Network(ScenarioBase):
    """K users in K orthogonal bands, each with sensing, communication or both.

    A service that a user does not have is a gain of 0 together with a floor of 0.

    Attributes
    ----------
    radar_gain : (K,)
        Two-way power gain of the echo of user k's target.
    clutter_gain : (K,)
        Two-way power gain of the clutter, summed over the clutters.
    link_gain : (K,)
        Power gain of the link to user k.
    bandwidth_hz : float
        Bandwidth of the three services together.
    noise_psd_w_per_hz : float
        Noise power density.
    power_budget_w : float
        Power that the services share.
    circuit_power_w : float
        Power of the circuits, counted by the efficiency only.
    weights : (K,)
        Priorities; user k's sensing and communication rates share one weight.
    min_sensing_bps : (K,)
        Floor on the sensing rate, in bit/s.
    min_rate_bps : (K,)
        Floor on the communication rate, in bit/s.
    """

    radar_gain: np.ndarray = array("K", minimum=0)
    clutter_gain: np.ndarray = array("K", minimum=0)
    link_gain: np.ndarray = array("K", minimum=0)
    bandwidth_hz: float = number(positive=True)
    noise_psd_w_per_hz: float = number(positive=True)
    power_budget_w: float = number(positive=True)
    circuit_power_w: float = number(positive=True)
    weights: np.ndarray = array("K", minimum=0)
    min_sensing_bps: np.ndarray = array("K", minimum=0)
    min_rate_bps: np.ndarray = array("K", minimum=0)

    def validate(self) -> None:
        for gain, floor in (("radar_gain", "min_sensing_bps"), ("link_gain", "min_rate_bps")):
            idle = (getattr(self, gain) == 0) & (getattr(self, floor) > 0)
            if np.any(idle):
                user = int(np.flatnonzero(idle)[0])
                raise InvalidScenario(floor, f"is positive for user {user}, whose {gain} is 0", "set the floor to 0")
        if not np.any(self.weights > 0):
            raise InvalidScenario("weights", "are all zero", "give at least one user a positive weight")

    @property
    def users(self) -> int:
        return len(self.weights)

    def network(self) -> Network:
        return self

    @classmethod
    def random(cls, rng: np.random.Generator, **parameters) -> Network:
        """The same drop as :meth:`Scenario.random`, but with all three users as ISaC users: both services, both floors."""
        drop = _Drop.random(rng, **_geometry(parameters))
        values = _system(parameters)
        for floor in ("min_sensing_bps", "min_rate_bps"):
            values[floor] = np.broadcast_to(values[floor], (3,))
        return cls(radar_gain=drop.radar_gain, clutter_gain=drop.clutter_gain, link_gain=drop.link_gain, **values)


@dataclass(frozen=True, eq=False, kw_only=True)
class Scenario(ScenarioBase):
    """The semi-ISaC network: user 0 is sensed, user 1 is sensed and served by one signal, user 2 is served.

    Attributes
    ----------
    radar_gain : (2,)
        Two-way gain of the targets of users 0 and 1 (cascaded fading included).
    clutter_gain : (2,)
        Two-way gain of the clutter in the bands of users 0 and 1, summed over the clutters.
    link_gain : (2,)
        One-way gain of the links to users 1 and 2.
    bandwidth_hz : float
        Bandwidth of the three services together.
    noise_psd_w_per_hz : float
        Noise power density.
    power_budget_w : float
        Power that the services share.
    circuit_power_w : float
        Power of the circuits, counted by the efficiency only.
    weights : (3,)
        Priorities of the users; user 1's weight multiplies both its rates.
    min_sensing_bps : (2,) or float
        Floors of the sensing rates of users 0 and 1 (one number: the same for both).
    min_rate_bps : (2,) or float
        Floors of the communication rates of users 1 and 2.
    """

    radar_gain: np.ndarray = array(2, positive=True)
    clutter_gain: np.ndarray = array(2, minimum=0)
    link_gain: np.ndarray = array(2, positive=True)
    bandwidth_hz: float = number(positive=True)
    noise_psd_w_per_hz: float = number(positive=True)
    power_budget_w: float = number(positive=True)
    circuit_power_w: float = number(positive=True)
    weights: np.ndarray = array(3, minimum=0)
    min_sensing_bps: np.ndarray = array(2, minimum=0, broadcast=True)
    min_rate_bps: np.ndarray = array(2, minimum=0, broadcast=True)

    def validate(self) -> None:
        if not np.any(self.weights > 0):
            raise InvalidScenario("weights", "are all zero", "give at least one user a positive weight")

    @property
    def users(self) -> int:
        return 3

    def network(self) -> Network:
        """The same network in the general form, with gain 0 and floor 0 where a service is absent."""
        return Network(
            radar_gain=np.append(self.radar_gain, 0),
            clutter_gain=np.append(self.clutter_gain, 0),
            link_gain=np.insert(self.link_gain, 0, 0),
            bandwidth_hz=self.bandwidth_hz,
            noise_psd_w_per_hz=self.noise_psd_w_per_hz,
            power_budget_w=self.power_budget_w,
            circuit_power_w=self.circuit_power_w,
            weights=self.weights,
            min_sensing_bps=np.append(self.min_sensing_bps, 0),
            min_rate_bps=np.insert(self.min_rate_bps, 0, 0),
        )

    @classmethod
    def random(cls, rng: np.random.Generator, **parameters) -> Scenario:
        r"""A drop of users and clutters in the cell; without further arguments, the ``paper`` set.

        Users and clutters are uniform by area between ``min_distance_m`` and ``radius_m``; every fading gain is
        Gamma(m, 1/m), and an echo carries the product of two of them.

        Parameters
        ----------
        rng : numpy.random.Generator
            The same generator state gives the same positions and fading for every value of the parameters (and the first
            clutters stay the same when their number grows).
        **parameters
            ``radius_m`` (40), ``min_distance_m`` (1), ``carrier_hz`` (1e9), ``antenna_gain_db`` (0), ``target_rcs_m2``
            (1), ``clutter_rcs_m2`` (0.01), ``clutters`` (3), ``link_exponent`` (2.5), ``radar_exponent`` (4, of the
            whole two-way path), ``nakagami_m`` (3), ``reciprocal`` (False; True: down- and uplink fade alike),
            ``bandwidth_hz`` (100e6), ``temperature_k`` (290), ``power_budget_dbm`` (30), ``circuit_power_dbm`` (30),
            ``weights`` (1/3 each), ``min_sensing_bps`` (5e6), ``min_rate_bps`` (20e6).
        """
        drop = _Drop.random(rng, **_geometry(parameters))
        gains = {"radar_gain": drop.radar_gain[:2], "clutter_gain": drop.clutter_gain[:2], "link_gain": drop.link_gain[1:]}
        return cls(**gains, **_system(parameters))


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
DEFAULTS = {**_GEOMETRY, **_SYSTEM}


def _known(parameters: dict) -> dict:
    for name in parameters:
        if name not in DEFAULTS:
            raise InvalidScenario(name, "is not a parameter of the random scenario", f"known are {', '.join(sorted(DEFAULTS))}")
    return {**DEFAULTS, **parameters}


def _geometry(parameters: dict) -> dict:
    values = _known(parameters)
    return {name: values[name] for name in _GEOMETRY}


def _system(parameters: dict) -> dict:
    values = _known(parameters)
    return {
        "bandwidth_hz": values["bandwidth_hz"],
        "noise_psd_w_per_hz": float(units.thermal_noise_psd_w_per_hz(values["temperature_k"])),
        "power_budget_w": float(units.dbm_to_w(values["power_budget_dbm"])),
        "circuit_power_w": float(units.dbm_to_w(values["circuit_power_dbm"])),
        "weights": np.asarray(values["weights"], dtype=float),
        "min_sensing_bps": values["min_sensing_bps"],
        "min_rate_bps": values["min_rate_bps"],
    }


@dataclass(frozen=True)
class _Drop:
    """Gains of three users, each with a target and a link, in one drop: arrays (3,)."""

    radar_gain: np.ndarray
    clutter_gain: np.ndarray
    link_gain: np.ndarray

    @classmethod
    def random(cls, rng, **g) -> _Drop:
        if g["clutters"] != int(g["clutters"]) or g["clutters"] < 0:
            raise InvalidScenario("clutters", f"must be a whole number >= 0, not {g['clutters']}")
        gain = float(units.db_to_linear(g["antenna_gain_db"]))

        def distance():
            return np.linalg.norm(geometry.uniform_disk(rng, 1, g["radius_m"], minimum_radius_m=g["min_distance_m"])[0])

        def echo(distance_m, cross_section_m2, fading):
            two_way = channels.radar_gain(
                distance_m, distance_m, g["carrier_hz"], cross_section_m2, exponent=g["radar_exponent"] / 2, antenna_gain=gain
            )
            down, up = fading
            return two_way * down * (down if g["reciprocal"] else up)

        distances = np.array([distance() for _ in range(3)])
        fading = channels.nakagami_power(rng, (3, 3), m=g["nakagami_m"])  # link, echo down, echo up of each user
        links = channels.carrier_path_gain(distances, g["carrier_hz"], exponent=g["link_exponent"], antenna_gain=gain)
        radar = [echo(d, g["target_rcs_m2"], faded[1:]) for d, faded in zip(distances, fading)]
        clutter = np.zeros(3)
        for _ in range(int(g["clutters"])):
            far, faded = distance(), channels.nakagami_power(rng, (3, 2), m=g["nakagami_m"])
            clutter += [echo(far, g["clutter_rcs_m2"], both_ways) for both_ways in faded]
        return cls(np.array(radar), clutter, links * fading[:, 0])


@dataclass(frozen=True)
class Stack:
    """D networks side by side in the general form, in SI units: gains and weights (D, K), floors (D, K, 2), the rest (D,)."""

    radar_gain: np.ndarray
    clutter_gain: np.ndarray
    link_gain: np.ndarray
    weights: np.ndarray
    floors_bps: np.ndarray
    bandwidth_hz: np.ndarray
    noise_psd_w_per_hz: np.ndarray
    power_budget_w: np.ndarray
    circuit_power_w: np.ndarray

    @classmethod
    def of(cls, scenarios: Batch | Sequence[Scenario | Network]) -> Stack:
        batch = Batch.of(scenarios)
        radar, clutter, link = batch.radar_gain, batch.clutter_gain, batch.link_gain
        sensing, rate = batch.min_sensing_bps, batch.min_rate_bps
        if isinstance(batch[0], Scenario):  # user 2 has no target, user 0 no link
            none = np.zeros((len(radar), 1))
            radar, clutter, sensing = (np.concatenate([values, none], axis=1) for values in (radar, clutter, sensing))
            link, rate = (np.concatenate([none, values], axis=1) for values in (link, rate))
        return cls(
            radar_gain=radar,
            clutter_gain=clutter,
            link_gain=link,
            weights=batch.weights,
            floors_bps=np.stack([sensing, rate], axis=-1),
            bandwidth_hz=batch.bandwidth_hz,
            noise_psd_w_per_hz=batch.noise_psd_w_per_hz,
            power_budget_w=batch.power_budget_w,
            circuit_power_w=batch.circuit_power_w,
        )

    def rates(self, shares, powers_w) -> np.ndarray:
        """Sensing and communication rates (D, K, 2) in bit/s; an empty band or no power gives 0."""
        band = np.asarray(shares, dtype=float) * self.bandwidth_hz[:, None]
        power = np.asarray(powers_w, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            noise = self.noise_psd_w_per_hz[:, None] * band
            scnr = self.radar_gain * power / (self.clutter_gain * power + noise)
            snr = self.link_gain * power / noise
            rate = band[..., None] * np.log1p(np.stack([scnr, snr], axis=-1)) / math.log(2)
        return np.where((band > 0)[..., None] & (power > 0)[..., None], rate, 0.0)


def user_rates(network: Scenario | Network, shares, powers_w) -> np.ndarray:
    """Sensing and communication rate of each user: (K, 2) in bit/s; an empty band or no power gives 0.

    Parameters
    ----------
    network : Scenario or Network
    shares : (K,)
        Shares of the bandwidth.
    powers_w : (K,)
    """
    return Stack.of([network]).rates(np.asarray(shares, dtype=float)[None], np.asarray(powers_w, dtype=float)[None])[0]


def rates(scenario: Scenario, shares, powers_w) -> np.ndarray:
    """The four rates (paper's eq. 8 and below): (4,) in bit/s.

    Parameters
    ----------
    scenario : Scenario
    shares : (3,)
        Shares of the bandwidth of users 0, 1, 2.
    powers_w : (3,)

    Returns
    -------
    ndarray (4,)
        Sensing of user 0, communication of user 1, sensing of user 1, communication of user 2.
    """
    for name, value in (("shares", shares), ("powers_w", powers_w)):
        given = np.asarray(value, dtype=float)
        if given.shape != (3,) or not np.all(np.isfinite(given)) or np.any(given < 0):
            raise InvalidScenario(name, f"must be three finite numbers >= 0, not {value!r}")
    return flatten(user_rates(scenario, shares, powers_w))


def flatten(table) -> np.ndarray:
    """The four rates of the paper, (..., 4), out of a table (..., 3, 2) of sensing and communication rates."""
    table = np.asarray(table)
    return np.stack([table[..., 0, SENSING], table[..., 1, RATE], table[..., 1, SENSING], table[..., 2, RATE]], axis=-1)


def weighted_sum_bps(scenario: Scenario, rates_bps) -> float:
    r"""Objective of problem (9): :math:`\sum_k w_k R_k` with :math:`R_1 = R^{\mathrm c}_1 + R^{\mathrm s}_1`."""
    return float(np.asarray(scenario.weights)[[0, 1, 1, 2]] @ np.asarray(rates_bps))


def efficiency_bit_per_j(scenario: Scenario, rates_bps, powers_w) -> float:
    r"""Energy efficiency (12): :math:`\sum R / (\sum p + P_c)`, without priorities."""
    return float(np.sum(rates_bps) / (np.sum(powers_w) + scenario.circuit_power_w))
