r"""The scenario of the wireless-powered chapter and every formula of its model, eqs. (1)-(26).

A base station (BS) charges M users by radio during :math:`t_0`; then user m transmits for :math:`t_m` with power
:math:`p_m`, sending data to the BS while its echoes locate N passive targets. The problem is

.. math::
    (\mathcal P1)\quad \max_{t, p}\ \min_m\ t_m W \log_2(1 + p_m h_{0,m}/\sigma^2)
    \quad\text{s.t.}\quad \sum_{m=0}^{M} t_m \le T,\quad t_m p_m \le \zeta_m h_{0,m} p_0 t_0,\quad
    0 < p_m \le P_{\max},\quad \operatorname{tr} J_n^{-1} \le \eta .

Index 0 along an axis of length M + 1 is the base station.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks, fisher, geometry
from ..foundations.errors import InvalidScenario
from ..foundations.scenario import Batch, ScenarioBase, array, choice, number
from .drawing import FARTHEST_M, draw
from .sensing import SPEED_M_PER_S, Lane, Sensing, octaves_beyond

_LARGEST = 1e140  # of any product of fields that a formula needs, and of its inverse: squares and quotients stay finite
# Those products, as exponents of the fields.
_PRODUCTS = {
    "the SNR of a user that sends what it harvests": {
        "harvest_efficiency": 1,
        "gain_bs_user": 2,
        "bs_power_w": 1,
        "noise_w": -1,
    },
    "the SNR of a user at full power": {"gain_bs_user": 1, "max_power_w": 1, "noise_w": -1},
    "the energy that a user harvests": {"harvest_efficiency": 1, "gain_bs_user": 1, "bs_power_w": 1, "time_budget_s": 1},
    "the bandwidth times the time budget": {"bandwidth_hz": 1, "time_budget_s": 1},
    "the information of the base station's echo": {
        "bandwidth_hz": 2,
        "gain_transmitter_target": 1,
        "bs_power_w": 1,
        "noise_w": -1,
    },
    "the information of a user's echo": {"bandwidth_hz": 2, "gain_transmitter_target": 1, "max_power_w": 1, "noise_w": -1},
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Scenario(ScenarioBase):
    r"""One realization of the wireless-powered system.

    Parameters
    ----------
    bs_position_m : (2,)
        :math:`x_0`.
    user_positions_m : (M, 2)
        :math:`x_m`.
    target_positions_m : (N, 2)
        :math:`q_n`; must not coincide with the BS or a user (the direction of the range gradient is undefined there).
    gain_bs_user : (M,)
        Power gains :math:`h_{0,m}` (linear), > 0; used for charging and for the uplink.
    gain_transmitter_target : (M+1, N)
        Power gains :math:`h_{m,n}` (linear), >= 0, row 0 the BS. A zero row takes a transmitter out of the sensing.
    bs_power_w, max_power_w : float
        :math:`p_0` and :math:`P_{\max}` in W.
    time_budget_s, bandwidth_hz, noise_w : float
        :math:`T_{\max}`, :math:`W`, :math:`\sigma^2`.
    harvest_efficiency : (M,) or float
        :math:`\zeta_m` in (0, 1].
    crb_limit_m2 : float
        :math:`\eta`, the largest allowed :math:`\operatorname{tr} J_n^{-1}` (inf: no sensing requirement).
    sensing : {"power", "energy"}
        What the Fisher information weights: the transmit *power*, as eq. (8) is printed, or the transmitted *energy*,
        :math:`p_m t_m W` in place of :math:`p_m` (what the printed model leaves out: see erratum 000-E3).

    Raises
    ------
    InvalidScenario
        Naming the malformed field.
    """

    bs_position_m: np.ndarray = array(2)
    user_positions_m: np.ndarray = array("M", 2)
    target_positions_m: np.ndarray = array("N", 2)
    gain_bs_user: np.ndarray = array("M", positive=True)
    gain_transmitter_target: np.ndarray = array("M+1", "N", minimum=0.0)
    bs_power_w: float = number(positive=True)
    max_power_w: float = number(positive=True)
    time_budget_s: float = number(positive=True)
    bandwidth_hz: float = number(positive=True)
    noise_w: float = number(positive=True)
    harvest_efficiency: np.ndarray = array("M", positive=True, maximum=1.0, broadcast=True)
    crb_limit_m2: float = number(positive=True, infinite=True)
    sensing: str = choice("power", "energy", default="power")

    def validate(self) -> None:
        for name, positions in (("the base station", self.bs_position_m[None]), ("a user", self.user_positions_m)):
            distance = geometry.distances_m(positions, self.target_positions_m)
            if np.any(distance == 0):
                target = int(np.argwhere(distance == 0)[0, 1])
                raise InvalidScenario("target_positions_m", f"target {target} coincides with {name}", "move one of them")
        self._validate_range()

    @classmethod
    def validate_batch(cls, batch: Batch, changed: Set[str]) -> None:
        """All rows at once; only if they are refused together is every row looked at by itself."""
        nodes = np.concatenate([batch.bs_position_m[:, None], batch.user_positions_m], axis=1)
        try:
            if not np.any(np.all(nodes[:, :, None] == batch.target_positions_m[:, None], axis=-1)):
                return cls._validate_range(batch)
        except InvalidScenario:
            pass
        return super().validate_batch(batch, changed)

    def _validate_range(self) -> None:
        """Refuse units in which a formula would leave the range of floating-point numbers, naming the field that does most."""
        for name in ("bs_position_m", "user_positions_m", "target_positions_m"):
            checks.in_range(name, getattr(self, name), minimum=-FARTHEST_M, maximum=FARTHEST_M)
        logs = {}
        for name in set().union(*_PRODUCTS.values()):
            values = np.atleast_1d(getattr(self, name))
            values = values[values > 0]  # zero gains take a transmitter out
            logs[name] = (math.log10(values.min()), math.log10(values.max())) if values.size else (0.0, 0.0)
        for meaning, exponents in _PRODUCTS.items():
            for end in (0, 1):
                parts = {name: power * logs[name][end if power > 0 else 1 - end] for name, power in exponents.items()}
                if abs(total := sum(parts.values())) > math.log10(_LARGEST):
                    culprit = max(parts, key=lambda name: abs(parts[name]))
                    raise InvalidScenario(
                        culprit,
                        f"{meaning} is about 1e{total:+.0f} here, which leaves the range of floating-point numbers",
                        "use other units, or check this value",
                    )

    @classmethod
    def random(
        cls,
        rng: np.random.Generator,
        *,
        users: int = 10,
        targets: int = 10,
        radius_m: float = 10.0,
        min_distance_m: float = 1.0,
        path_loss_at_1m: float = 1.0e-3,
        path_loss_exponent: float = 2.5,
        fading: str = "rayleigh",
        bs_power_w: float = 10.0,
        max_power_w: float = 2.0,
        time_budget_s: float = 10.0,
        bandwidth_hz: float = 1.0e6,
        noise_dbm: float = -70.0,
        harvest_efficiency: float = 0.7,
        crb_limit_m2: float = 0.05,
        sensing: str = "power",
    ) -> Self:
        r"""A random realization as in Section IV; without further arguments the paper's.

        Users and targets are uniform by area in a disk around the BS. Every gain is
        :math:`h = z\,\kappa\,\max(d, d_{\min})^{-\nu}` with independent z: ``fading="rayleigh"`` draws z itself from the
        Rayleigh law with :math:`E z^2 = 1`, the paper's words; ``"exponential"`` draws the squared envelope, which is the
        physical power gain; ``"none"`` sets z = 1.

        >>> Scenario.random(np.random.default_rng(1), users=3).gain_bs_user.round(8)
        array([4.190e-06, 4.040e-06, 1.414e-05])
        """
        parameters = {name: value for name, value in locals().items() if name not in ("cls", "rng")}
        return cls.drawn([checks.generator("rng", rng)], **parameters)[0]

    @classmethod
    def drawn(cls, children: Sequence[np.random.Generator], **parameters: Any) -> Batch:
        """One random realization of each generator, as :meth:`random`."""
        columns, shared = draw(children, **parameters)
        return Batch.checked(cls, columns, shared)


def harvested_energy_j(scenario: Scenario, charging_time_s: float) -> np.ndarray:
    r"""Eq. (1): :math:`E_m = \zeta_m h_{0,m} t_0 p_0` in joule, (M,).

    >>> harvested_energy_j(Scenario.random(np.random.default_rng(1), users=2), 9.0).round(7)
    array([0.0006558, 0.0002292])
    """
    charging = checks.number("charging_time_s", charging_time_s, minimum=0)
    with np.errstate(over="ignore"):
        return _known("charging_time_s", harvest_rate_w(scenario) * charging, "an energy")


def harvest_rate_w(scenario: Scenario) -> np.ndarray:
    r"""Harvested power :math:`c_m = \zeta_m h_{0,m} p_0` in watt, (M,).

    >>> harvest_rate_w(Scenario.random(np.random.default_rng(1), users=2)).round(7)
    array([7.29e-05, 2.55e-05])
    """
    checks.instance("scenario", scenario, Scenario)
    return scenario.harvest_efficiency * scenario.gain_bs_user * scenario.bs_power_w


def round_trip_m(scenario: Scenario) -> np.ndarray:
    r"""Eqs. (5), (6): :math:`r_{m,n} = \|x_m - q_n\| + \|x_0 - q_n\|`, (M+1, N) in m; row 0 is monostatic.

    >>> round_trip_m(Scenario.random(np.random.default_rng(1), users=1, targets=2)).round(2)
    array([[ 7.59, 19.48],
           [13.83, 26.57]])
    """
    checks.instance("scenario", scenario, Scenario)
    nodes = np.vstack([scenario.bs_position_m, scenario.user_positions_m])
    legs = geometry.distances_m(nodes, scenario.target_positions_m)
    return legs + legs[0]


def range_gradients(scenario: Scenario) -> np.ndarray:
    r"""Eq. (7): :math:`\nabla_{q_n} r_{m,n} = (X_{m,n}, Y_{m,n})`, (M+1, N, 2), dimensionless, length 2 in row 0.

    >>> range_gradients(Scenario.random(np.random.default_rng(1), users=1, targets=1))[:, 0].round(3)
    array([[ 1.897, -0.634],
           [-0.007, -0.023]])
    """
    checks.instance("scenario", scenario, Scenario)
    nodes = np.vstack([scenario.bs_position_m, scenario.user_positions_m])
    return geometry.bistatic_range_gradients(nodes, scenario.bs_position_m, scenario.target_positions_m)


def sensing_coefficients(scenario: Scenario) -> np.ndarray:
    r"""Eq. (9): :math:`K_{m,n} = 8 \pi^2 W^2 h_{m,n} / (\sigma^2 c^2)` with :math:`c = 3 \cdot 10^8` m/s, (M+1, N), in 1/(W m^2).

    With ``sensing="energy"`` the coefficient is :math:`K_{m,n} W` in 1/(J m^2): the noise energy is :math:`\sigma^2/W`.

    >>> sensing_coefficients(Scenario.random(np.random.default_rng(1), users=1, targets=2)).round(1)
    array([[220.5,  22. ],
           [  4.7,   6.6]])
    """
    checks.instance("scenario", scenario, Scenario)
    k = 8 * (np.pi * scenario.bandwidth_hz / SPEED_M_PER_S) ** 2 * scenario.gain_transmitter_target / scenario.noise_w
    return k * scenario.bandwidth_hz if scenario.sensing == "energy" else k


def sensing_weights(
    scenario: Scenario, powers_w: ArrayLike, *, charging_time_s: float | None = None, times_s: ArrayLike | None = None
) -> np.ndarray:
    """Inverse range variances (M+1, N) in 1/m^2: powers (or energies, for ``sensing="energy"``) times :math:`K_{m,n}`.

    Raises
    ------
    InvalidScenario
        When powers or times are malformed, or times are missing though the sensing mode needs them.

    Examples
    --------
    >>> sensing_weights(Scenario.random(np.random.default_rng(1), users=1, targets=2), [0.5]).round(1)
    array([[2205.4,  220. ],
           [   2.4,    3.3]])
    """
    bs_spent, spent, octaves = _spent(scenario, powers_w, charging_time_s, times_s)
    with np.errstate(over="ignore"):
        weights = np.ldexp(np.concatenate([[bs_spent], spent])[:, None] * sensing_coefficients(scenario), octaves)
    return _known("powers_w", weights, "a weight")


def fisher_information(
    scenario: Scenario, powers_w: ArrayLike, *, charging_time_s: float | None = None, times_s: ArrayLike | None = None
) -> np.ndarray:
    r"""Eqs. (8), (10)-(13): :math:`J_n`, (N, 2, 2), in 1/m^2.

    >>> fisher_information(Scenario.random(np.random.default_rng(1), users=1, targets=1), [0.5])[0].round(2)
    array([[ 3816.53, -1275.92],
           [-1275.92,   426.74]])
    """
    weights = sensing_weights(scenario, powers_w, charging_time_s=charging_time_s, times_s=times_s)
    return fisher.range_fim(range_gradients(scenario).swapaxes(0, 1), weights.T)


def crb_trace(
    scenario: Scenario, powers_w: ArrayLike, *, charging_time_s: float | None = None, times_s: ArrayLike | None = None
) -> np.ndarray:
    r"""Eq. (15): :math:`\operatorname{tr} J_n^{-1}` for each target, (N,) in m^2; inf where the geometry is degenerate.

    Bit for bit the numbers by which the solvers decide whether ``crb_limit_m2`` can be met (:mod:`.sensing`).

    Parameters
    ----------
    powers_w : (M,)
        User powers, >= 0.
    charging_time_s, times_s : float, (M,)
        Needed for ``sensing="energy"`` only, without effect otherwise.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(1), users=3, targets=2)
    >>> crb_trace(scenario, [2.0, 2.0, 2.0]).round(4)
    array([0.0343, 0.0039])
    """
    bs_spent, spent, octaves = _spent(scenario, powers_w, charging_time_s, times_s)
    return np.ldexp(Sensing(Lane(scenario), np.array([bs_spent])).crb(spent[None])[0], -octaves)


@dataclass(frozen=True)
class CrbPolynomial:
    r"""Coefficients (20)-(23) of the quadratic :math:`F_n(p)`: alpha (M, N), mu (N,), beta (M, M, N), phi (M, N)."""

    alpha: np.ndarray
    mu: np.ndarray
    beta: np.ndarray
    phi: np.ndarray


def crb_polynomial(scenario: Scenario) -> CrbPolynomial:
    """The coefficients of eqs. (20)-(23), for ``sensing="power"``.

    >>> crb_polynomial(Scenario.random(np.random.default_rng(1), users=2, targets=1)).alpha.round(2)
    array([[16.9 ],
           [33.48]])
    """
    checks.instance("scenario", scenario, Scenario)
    if scenario.sensing != "power":
        raise InvalidScenario("scenario", 'eq. (19) is a polynomial in the powers, which needs sensing="power"', "use crb_trace")
    k, g = sensing_coefficients(scenario), range_gradients(scenario)
    x, y = g[..., 0], g[..., 1]
    cross = x[:, None] * y[None] - x[None] * y[:, None]
    pair = k[:, None] * k[None] * cross**2
    length = k * (x**2 + y**2)
    return CrbPolynomial(length[1:], scenario.bs_power_w * length[0], pair[1:, 1:], pair[0, 1:])


def crb_constraint(scenario: Scenario, powers_w: ArrayLike) -> np.ndarray:
    r"""Eq. (19): :math:`F_n(p) = A_n + B_n - \eta (A_n B_n - C_n^2)`, (N,) in 1/m^2, <= 0 where the limit is met.

    -inf throughout without a limit (:math:`\eta = \infty`).

    >>> crb_constraint(Scenario.random(np.random.default_rng(1), users=2, targets=2), [0.5, 0.01]).round(1)
    array([3684.1, 1940.4])
    """
    f = crb_polynomial(scenario)
    p = _per_user("powers_w", powers_w, scenario)
    if math.isinf(scenario.crb_limit_m2):
        return np.full(len(f.mu), -np.inf)
    octaves = octaves_beyond(p.max(), scenario.max_power_w)  # the sign stays right, however far beyond the caps
    p, one = np.ldexp(p, -octaves), np.ldexp(1.0, -octaves)
    pairs = 0.5 * np.einsum("i,ijn,j->n", p, f.beta, p) + scenario.bs_power_w * one * p @ f.phi
    with np.errstate(over="ignore"):
        return np.ldexp(p @ f.alpha + f.mu * one - scenario.crb_limit_m2 * np.ldexp(pairs, octaves), octaves)


def snr(scenario: Scenario, powers_w: ArrayLike) -> np.ndarray:
    r"""Eq. (24): :math:`\gamma_m = p_m h_{0,m} / \sigma^2`, (M,), linear.

    >>> snr(Scenario.random(np.random.default_rng(1), users=2), [0.5, 0.01]).round(2)
    array([52048.83,   363.83])
    """
    checks.instance("scenario", scenario, Scenario)
    with np.errstate(over="ignore"):
        return _per_user("powers_w", powers_w, scenario) * scenario.gain_bs_user / scenario.noise_w


def throughputs(scenario: Scenario, times_s: ArrayLike, powers_w: ArrayLike) -> np.ndarray:
    r"""Eq. (25): :math:`R_m = t_m W \log_2(1 + \gamma_m)`, (M,) in bit; 0 for a user without time or power, inf beyond doubles.

    >>> scenario = Scenario.random(np.random.default_rng(1), users=2)
    >>> throughputs(scenario, [0.01, 0.0], [0.05, 0.0]).round()
    array([123459.,      0.])
    """
    log_snr = np.log1p(snr(scenario, powers_w))
    if np.isinf(log_snr).any():
        apart = np.log(np.maximum(powers_w, np.finfo(float).tiny)) + np.log(scenario.gain_bs_user) - np.log(scenario.noise_w)
        log_snr = np.where(np.isinf(log_snr), apart, log_snr)
    with np.errstate(over="ignore"):
        return _per_user("times_s", times_s, scenario) * (scenario.bandwidth_hz * (log_snr / np.log(2)))


def _per_user(name: str, values: ArrayLike, scenario: Scenario) -> np.ndarray:
    return checks.array(name, values, ("M",), minimum=0.0, sizes={"M": len(scenario.gain_bs_user)})


def _known(name: str, values: np.ndarray, what: str) -> np.ndarray:
    if not np.all(np.isfinite(values)):
        raise InvalidScenario(name, f"makes {what} beyond floating-point numbers")
    return values


def _spent(scenario: Scenario, powers_w, charging_time_s, times_s) -> tuple[float, np.ndarray, int]:
    """What the BS and the users spend on sensing (powers, or energies) in units of two to the last number."""
    checks.instance("scenario", scenario, Scenario)
    powers = _per_user("powers_w", powers_w, scenario)
    charging = None if charging_time_s is None else checks.number("charging_time_s", charging_time_s, minimum=0)
    times = None if times_s is None else _per_user("times_s", times_s, scenario)
    if scenario.sensing == "power":
        octaves = octaves_beyond(powers.max(), scenario.max_power_w)
        return math.ldexp(scenario.bs_power_w, -octaves), np.ldexp(powers, -octaves), octaves
    if charging is None or times is None:
        missing = "charging_time_s" if charging is None else "times_s"
        raise InvalidScenario(missing, "is missing", 'sensing="energy" weights power times time')
    up = octaves_beyond(powers.max(), scenario.max_power_w)
    later = octaves_beyond(max(times.max(), charging), scenario.time_budget_s)
    bs_spent = scenario.bs_power_w * math.ldexp(charging, -later)
    return math.ldexp(bs_spent, -up), np.ldexp(powers, -up) * np.ldexp(times, -later), up + later
