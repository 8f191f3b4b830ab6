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
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.errors import InvalidScenario
from ..foundations.scenario import Batch, ScenarioBase, array, number
from . import drop

SENSING, RATE = 0, 1  # columns of a (K, 2) table of rates
_LARGEST = 1e300  # whatever is larger counts as this: no rate is infinite or nan


@dataclass(frozen=True, eq=False, kw_only=True)
class System(ScenarioBase):
    """What :class:`Network` and :class:`Scenario` have in common: S users who are sensed, L who are served, K in all.

    Attributes
    ----------
    radar_gain : (S,)
        Two-way power gain of the echo of each sensed user's target (cascaded fading included).
    clutter_gain : (S,)
        Two-way power gain of the clutter in the same bands, summed over the clutters.
    link_gain : (L,)
        Power gain of the link to each served user.
    bandwidth_hz : float
        Bandwidth of the services together.
    noise_psd_w_per_hz : float
        Noise power density.
    power_budget_w : float
        Power that the services share.
    circuit_power_w : float
        Power of the circuits, counted by the efficiency only.
    weights : (K,)
        Priorities; a user's sensing and communication rates share one weight. Some may be zero, not all.
    min_sensing_bps : (S,) or float
        Floors of the sensing rates in bit/s (one number: the same for all); 0 is no floor.
    min_rate_bps : (L,) or float
        Floors of the communication rates in bit/s.
    """

    radar_gain: np.ndarray = array("S", minimum=0)
    clutter_gain: np.ndarray = array("S", minimum=0)
    link_gain: np.ndarray = array("L", minimum=0)
    bandwidth_hz: float = number(positive=True)
    noise_psd_w_per_hz: float = number(positive=True)
    power_budget_w: float = number(positive=True)
    circuit_power_w: float = number(positive=True)
    weights: np.ndarray = array("K", minimum=0)
    min_sensing_bps: np.ndarray = array("S", minimum=0, broadcast=True)
    min_rate_bps: np.ndarray = array("L", minimum=0, broadcast=True)

    validated = ("radar_gain", "link_gain", "min_sensing_bps", "min_rate_bps", "weights")

    def validate(self) -> None:
        if not np.any(self.weights > 0):
            raise InvalidScenario("weights", "are all zero", "give at least one user a positive weight")

    @classmethod
    def validate_batch(cls, batch: Batch, changed: Set[str]) -> None:
        """All rows at once; only if they are refused together is every row looked at by itself."""
        if not cls._sound(batch):
            super().validate_batch(batch, changed)

    @classmethod
    def _sound(cls, batch: Batch) -> bool:
        """Whether :meth:`validate` passes every row."""
        return bool(np.any(batch.weights > 0, axis=1).all())

    @property
    def users(self) -> int:
        return len(self.weights)

    @classmethod
    def random(cls, rng: np.random.Generator, **parameters: Any) -> Self:
        return cls.drawn([checks.generator("rng", rng)], **parameters)[0]

    @classmethod
    def drawn(cls, children: Sequence[np.random.Generator], **parameters: Any) -> Batch:
        """One random drop of each generator, as :meth:`random`."""
        given = {**parameters.pop("parameters", {}), **parameters}
        return Batch.checked(cls, cls._columns_of(drop.gains(children, given)), drop.system(given))

    @classmethod
    def _columns_of(cls, gains: drop.Gains) -> dict[str, np.ndarray]:
        """The fields that are drawn, (D, ...) each."""
        return {"radar_gain": gains.radar_gain, "clutter_gain": gains.clutter_gain, "link_gain": gains.link_gain}


@dataclass(frozen=True, eq=False, kw_only=True)
class Network(System):
    """K users in K orthogonal bands, each with sensing, communication or both: all arrays are (K,).

    A service that a user does not have is a gain of 0 together with a floor of 0. The fields are those of :class:`System`.
    """

    def validate(self) -> None:
        for name in ("radar_gain", "link_gain"):
            if getattr(self, name).shape != self.weights.shape:
                raise InvalidScenario(name, f"has shape {getattr(self, name).shape}", f"weights has {self.weights.shape}")
        super().validate()
        for gain, floor in (("radar_gain", "min_sensing_bps"), ("link_gain", "min_rate_bps")):
            idle = (getattr(self, gain) == 0) & (getattr(self, floor) > 0)
            if np.any(idle):
                user = int(np.flatnonzero(idle)[0])
                raise InvalidScenario(floor, f"is positive for user {user}, whose {gain} is 0", "set the floor to 0")

    def network(self) -> Network:
        return self

    @classmethod
    def random(cls, rng: np.random.Generator, **parameters: Any) -> Network:
        """The same drop as :meth:`Scenario.random`, but with all three users as ISaC users: both services, both floors."""
        return super().random(rng, **parameters)

    @classmethod
    def _sound(cls, batch: Batch) -> bool:
        gains, floors = (batch.radar_gain, batch.link_gain), (batch.min_sensing_bps, batch.min_rate_bps)
        if any(gain.shape != batch.weights.shape for gain in gains):
            return False
        return super()._sound(batch) and not any(np.any((gain == 0) & (floor > 0)) for gain, floor in zip(gains, floors))


@dataclass(frozen=True, eq=False, kw_only=True)
class Scenario(System):
    """The semi-ISaC network: user 0 is sensed, user 1 is sensed and served by one signal, user 2 is served.

    The fields are those of :class:`System` with S = 2 (users 0 and 1, gains positive), L = 2 (users 1 and 2, gains positive)
    and K = 3.
    """

    _sizes: ClassVar[Mapping[str, int]] = {"S": 2, "L": 2, "K": 3}

    def validate(self) -> None:
        super().validate()
        for name in ("radar_gain", "link_gain"):
            checks.in_range(name, getattr(self, name), positive=True)

    def network(self) -> Network:
        """The same network in the general form, with gain 0 and floor 0 where a service is absent."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("radar_gain", "clutter_gain", "min_sensing_bps"):
            values[name] = np.append(values[name], 0)
        for name in ("link_gain", "min_rate_bps"):
            values[name] = np.insert(values[name], 0, 0)
        return Network(**values)

    @classmethod
    def random(cls, rng: np.random.Generator, **parameters: Any) -> Scenario:
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

        Raises
        ------
        InvalidScenario
            For a parameter that is not known or out of range.
        """
        return super().random(rng, **parameters)

    @classmethod
    def _sound(cls, batch: Batch) -> bool:
        return super()._sound(batch) and bool((batch.radar_gain > 0).all() and (batch.link_gain > 0).all())

    @classmethod
    def _columns_of(cls, gains: drop.Gains) -> dict[str, np.ndarray]:
        """User 2 has no target, user 0 no link."""
        drawn = super()._columns_of(gains)
        return {name: column[:, 1:] if name == "link_gain" else column[:, :2] for name, column in drawn.items()}


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
            floors_bps=np.stack([sensing, rate], axis=2),
            bandwidth_hz=batch.bandwidth_hz,
            noise_psd_w_per_hz=batch.noise_psd_w_per_hz,
            power_budget_w=batch.power_budget_w,
            circuit_power_w=batch.circuit_power_w,
        )

    def take(self, lanes) -> Stack:
        return Stack(*(value[lanes] for value in self.__dict__.values()))

    def rates(self, shares, powers_w) -> np.ndarray:
        """Sensing and communication rates (D, K, 2) in bit/s; an empty band or no power gives 0."""
        power = np.asarray(powers_w, dtype=float)
        with np.errstate(all="ignore"):  # the noise of a band may be too little for a float where the band is not
            band = np.minimum(np.asarray(shares, dtype=float) * self.bandwidth_hz[:, None], _LARGEST)
            density = np.minimum(power / band / self.noise_psd_w_per_hz[:, None], _LARGEST)
            ratios = self.radar_gain / (self.clutter_gain + 1 / density), self.link_gain * density
            rate = band[..., None] * np.log1p(np.minimum(np.stack(ratios, axis=2), _LARGEST)) / math.log(2)
        return np.where((band > 0)[..., None] & (power > 0)[..., None], rate, 0.0)


def user_rates(network: Scenario | Network, shares: ArrayLike, powers_w: ArrayLike) -> np.ndarray:
    """Sensing and communication rate of each user: (K, 2) in bit/s; an empty band or no power gives 0.

    Parameters
    ----------
    network : Scenario or Network
    shares : (K,)
        Shares of the bandwidth, at least 0.
    powers_w : (K,)
        Transmit powers, at least 0.

    Raises
    ------
    InvalidScenario

    Examples
    --------
    One user with a link gain of 1e-9 over 1 MHz with 1e-10 W of noise: an SNR of 7 carries 3 bit/s/Hz.

    >>> from isaclib import semi_isac as si
    >>> one = si.Network(radar_gain=[0], clutter_gain=[0], link_gain=[1e-9], bandwidth_hz=1e6, noise_psd_w_per_hz=1e-16,
    ...                  power_budget_w=1, circuit_power_w=1, weights=[1], min_sensing_bps=[0], min_rate_bps=[1e6])
    >>> si.user_rates(one, [1.0], [0.7]).round().tolist()
    [[0.0, 3000000.0]]
    """
    network = system("network", network)
    shares, powers_w = allocated(network.users, shares, powers_w)
    return Stack.of([network]).rates(shares[None], powers_w[None])[0]


def rates(scenario: Scenario, shares: ArrayLike, powers_w: ArrayLike) -> np.ndarray:
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

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0))
    >>> (si.rates(drop, [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]) / 1e6).round(2).tolist()
    [84.98, 596.39, 334.48, 882.58]
    """
    checks.instance("scenario", scenario, Scenario, "user_rates takes a Network")
    shares, powers_w = allocated(3, shares, powers_w)
    return flatten(Stack.of([scenario]).rates(shares[None], powers_w[None])[0])


def flatten(table: np.ndarray) -> np.ndarray:
    """The four rates of the paper, (..., 4), out of a table (..., 3, 2) of sensing and communication rates."""
    return np.stack([table[..., 0, SENSING], table[..., 1, RATE], table[..., 1, SENSING], table[..., 2, RATE]], axis=-1)


@np.errstate(all="ignore")
def weighted_sum_bps(scenario: Scenario | Network, rates_bps: ArrayLike) -> float:
    r"""Objective of problem (9): :math:`\sum_k w_k R_k` with :math:`R_1 = R^{\mathrm c}_1 + R^{\mathrm s}_1`.

    Parameters
    ----------
    scenario : Scenario or Network
    rates_bps : (4,) as :func:`rates` returns them, or (K, 2) as :func:`user_rates` does for a ``Network``

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0), weights=[0.2, 0.3, 0.5])
    >>> round(si.weighted_sum_bps(drop, [1e6, 2e6, 3e6, 4e6]))
    3700000
    """
    scenario = system("scenario", scenario)
    found = checks.array("rates_bps", rates_bps, _rates_shape(scenario), minimum=0)
    if isinstance(scenario, Scenario):
        return float(scenario.weights[[0, 1, 1, 2]] @ found)
    return float(scenario.weights @ found.sum(axis=1))


@np.errstate(all="ignore")
def efficiency_bit_per_j(scenario: Scenario | Network, rates_bps: ArrayLike, powers_w: ArrayLike) -> float:
    r"""Energy efficiency (12): :math:`\sum R / (\sum p + P_c)`, without priorities.

    Parameters
    ----------
    scenario : Scenario or Network
    rates_bps : (4,) as :func:`rates` returns them, or (K, 2) as :func:`user_rates` does for a ``Network``
    powers_w : (K,)

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0), circuit_power_dbm=30.0)
    >>> round(si.efficiency_bit_per_j(drop, [1e6, 2e6, 3e6, 4e6], [0.5, 0.25, 0.25]))
    5000000
    """
    scenario = system("scenario", scenario)
    found = checks.array("rates_bps", rates_bps, _rates_shape(scenario), minimum=0)
    powers = checks.array("powers_w", powers_w, (scenario.users,), minimum=0)
    return float(np.sum(found) / (np.sum(powers) + scenario.circuit_power_w))


def system(name: str, value: Any) -> Scenario | Network:
    """Guard: one scenario or network."""
    return checks.instance(name, value, (Scenario, Network), "[...] of them go to the batch functions" if _many(value) else "")


def systems(name: str, value: Any) -> Batch:
    """Guard: at least one scenario (or network), all of one kind and size."""
    if isinstance(value, System):
        raise InvalidScenario(name, "is a single scenario", "put it into a list: [scenario]")
    if not isinstance(value, (Batch, list, tuple)):
        raise InvalidScenario(name, f"must be a batch or a list of scenarios, not {checks.short(value)}")
    if not len(value):
        raise InvalidScenario(name, "is empty", "give at least one scenario")
    for row in value[:1] if isinstance(value, Batch) else value:  # the rows of a batch are of one class
        checks.instance(name, row, (Scenario, Network))
    try:
        return Batch.of(value)
    except InvalidScenario as error:
        raise InvalidScenario(name, f"do not fit together: {error}") from None


def allocated(users: int, shares: ArrayLike, powers_w: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Guard: shares and powers of K users, at least 0."""
    return (
        checks.array("shares", shares, (users,), minimum=0),
        checks.array("powers_w", powers_w, (users,), minimum=0),
    )


def _rates_shape(scenario: Scenario | Network) -> tuple[int, ...]:
    return (4,) if isinstance(scenario, Scenario) else (scenario.users, 2)


def _many(value: Any) -> bool:
    return isinstance(value, (Batch, list, tuple))
