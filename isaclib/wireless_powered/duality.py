r"""A bound on the optimum of the energy-sensing problem from any multipliers, and good multipliers for a given allocation.

For every symmetric Y of trace 1, every :math:`\alpha` and every positive definite J,
:math:`\operatorname{tr} J^{-1} \ge 2\alpha - \alpha^2 \operatorname{tr} Y J Y`, with equality at :math:`\alpha Y = J^{-1}`. J is
linear in the charging time and the energies :math:`E_m = p_m t_m`, so that with :math:`\alpha = \eta` the CRB limit implies

.. math:: b_{n0}\,t_0 + \sum_m b_{nm} E_m \ge \frac{1}{\eta}, \qquad b_{nm} = K_{m,n}\,|Y_n g_m|^2,

with :math:`Y_n = J_n^{-1}/\operatorname{tr} J_n^{-1}` at any allocation at hand. (Below, each cut is divided by its left side
there.)

Weights :math:`w` of the rates (:math:`\sum w = 1`), prices :math:`\lambda` of the harvested energy and :math:`\nu` of these
cuts, all non-negative, bound every allocation's :math:`R/W` by

.. math::
    T \max\{S_0, \max_m S_m\} - \sum_n \frac{\nu_n}{\eta}, \qquad
    S_0 = \sum_m \lambda_m c_m + \sum_n \nu_n b_{n0}, \qquad
    S_m = \max_{0 \le p \le P_{\max}} w_m \log_2(1 + a_m p) - \Bigl(\lambda_m - \sum_n \nu_n b_{nm}\Bigr) p .

Given :math:`w` and :math:`\nu`, the best :math:`\lambda` follows from the common price :math:`\mu` of a second:
:math:`\lambda_m(\mu)` is the least with
:math:`S_m \le \mu`, and :math:`S_0(\mu)` decreases. :math:`w` and :math:`\nu` come from the optimality conditions at the
allocation, solved in the sense of non-negative least squares. The bound holds however well they are met.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import nnls

from ..foundations.scalar_search import bisect
from .scenario import Scenario
from .sensing import Lane, Sensing

_EPSILON = float(np.finfo(float).eps)
_SMALL = 1e-2
_NORMAL = 10.0  # weight of sum w = 1 among the optimality conditions, whose terms are of order one
_TIGHT = 1e-9
_OPERATIONS = 24  # whose rounding errors meet in a term of the bound, apart from the sums over the targets


def dual_bound(scenario: Scenario, powers: np.ndarray, charging: float, times: np.ndarray, hints=()) -> float:
    """Upper bound on the least throughput in bit of every allocation; tight where this one, all > 0, is optimal.

    ``hints`` are pairs of weights and prices that are tried first. Near the edge of what the CRB limit allows, the bound is a
    difference of terms that are millions of times as large: what is not tight is computed again in extended precision.
    """
    rates = np.log1p(scenario.gain_bs_user / scenario.noise_w * powers) / _ln2(float)
    if not (charging > 0 and (times * rates).min() > 0):
        return float("inf")
    cuts = Cuts(scenario, powers, charging, times)
    enough = scenario.bandwidth_hz * float((times * rates).min()) * (1 + _TIGHT)
    tried, bound = list(hints), min((evaluate(scenario, cuts, *found) for found in hints), default=float("inf"))
    for balanced in (False, True):
        if bound > enough:
            tried.append(multipliers(scenario, cuts, powers, charging, times, balanced=balanced))
            bound = min(bound, evaluate(scenario, cuts, *tried[-1]))
    if bound > enough:
        wide = Cuts(scenario, powers, charging, times, np.longdouble)
        bound = min(bound, *(evaluate(scenario, wide, *found) for found in tried))
    return bound


def rounded(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario with limits that are looser by what a CRB may have rounded, a little more each time.

    Next to the least attainable CRB an allocation can keep its limit to the last digit of a double and still lie beyond a bound
    that has more of them.
    """
    if np.isfinite(scenario.crb_limit_m2):
        for units in (1, 8, 64, 512):
            yield scenario.replace(crb_limit_m2=scenario.crb_limit_m2 * (1 + units * _EPSILON))


class Cuts:
    r"""The linear consequences of the CRB limit at one allocation: ``charging`` (N,) and ``energy`` (M, N) are
    :math:`b_{n0}` and :math:`b_{nm}`, ``level`` (N,) the right sides; none without a limit, or without a second direction."""

    def __init__(self, scenario: Scenario, powers: np.ndarray, charging: float, times: np.ndarray, dtype: type = float) -> None:
        lane = Lane(scenario)
        psi, slope, _, _ = Sensing(lane, lane.bs_power_w, dtype).information(charging, powers * times)
        usable = np.isfinite(scenario.crb_limit_m2) & (psi > 0)
        b = slope[usable] / psi[usable, None]
        self.charging, self.energy, self.level = b[:, 0], b[:, 1:].T, 1 / (scenario.crb_limit_m2 * psi[usable])


def multipliers(
    scenario: Scenario, cuts: Cuts, powers: np.ndarray, charging: float, times: np.ndarray, *, balanced: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (M,) of the rates and prices (N,) of the cuts that meet the optimality conditions best.

    The conditions count by what they cost; ``balanced``, all the same, which is better where a few of the times are tiny.
    """
    (a, c, cap, horizon), ln2 = _numbers(scenario), _ln2(float)
    users, targets = len(powers), len(cuts.level)
    x, energy = a * powers, powers * times
    bits = times * np.log1p(x) / ln2
    value = bits.min()
    harvested = c * charging
    # Unknowns in units of the value: w, lambda c t_0, kappa P t, nu, mu T. One row per condition.
    w, lam, kap, nu, mu = np.split(np.arange(3 * users + targets + 1), np.cumsum([users, users, users, targets]))
    rows = np.zeros((5 * users + targets + 3, 3 * users + targets + 1))
    m = np.arange(users)
    rows[m, w] = times * x / ((1 + x) * ln2) / value
    rows[m, lam], rows[m, kap] = -energy / harvested, -energy / (cap * times)
    rows[:users, nu] = cuts.energy * energy[:, None]
    rows[users + m, w] = times * _second(np.log1p(x)) / ln2 / value
    rows[users + m, kap], rows[users + m, mu] = 1.0, -times / horizon
    rows[2 * users, lam], rows[2 * users, nu], rows[2 * users, mu] = 1.0, cuts.charging * charging, -charging / horizon
    rows[2 * users + 1, w] = _NORMAL
    slack = 2 * users + 2
    rows[slack + m, w] = bits / value - 1
    rows[slack + users + m, lam] = 1 - energy / harvested
    rows[slack + 2 * users + m, kap] = 1 - energy / (cap * times)
    rows[slack + 3 * users + np.arange(targets), nu] = 1 - cuts.level
    rows[-1, mu] = 1 - (charging + times.sum()) / horizon
    wanted = np.zeros(len(rows))
    wanted[2 * users + 1] = _NORMAL
    if balanced:
        rows[: 2 * users + 1] /= np.maximum(np.abs(rows[: 2 * users + 1]).max(axis=1, keepdims=True), 1e-300)
    size = np.maximum(np.sqrt((rows**2).sum(axis=0)), 1e-300)
    try:
        found = nnls(rows / size, wanted, maxiter=100 * len(size))[0] / size
    except RuntimeError:  # not within so many steps: equal weights are multipliers, too
        found = np.zeros(len(size))
        found[w] = 1 / users
    return found[w], found[nu] * value


def evaluate(scenario: Scenario, cuts: Cuts, weights: np.ndarray, prices: np.ndarray) -> float:
    """The bound in bit for given multipliers (inf where all weights vanish), in the precision of the cuts."""
    dtype = cuts.charging.dtype.type
    (a, c, cap, horizon), ln2 = _numbers(scenario, dtype), _ln2(dtype)
    w, prices = np.maximum(weights, 0.0).astype(dtype), prices.astype(dtype)
    shift = (cuts.energy * prices).sum(axis=1)
    if not (w.sum() > 0 and np.all(np.isfinite(shift))):
        return float("inf")
    from_charging = (cuts.charging * prices).sum()
    full = np.log1p(a * cap)
    # d = lambda - shift; user m is capped while d <= knee.
    knee = w * a / ((1 + a * cap) * ln2)
    safe = np.where(w > 0, w, 1.0)

    def net_price(mu):
        at_cap = (w * full / ln2 - mu) / cap
        log_snr = _log_snr_of_second(np.where(w > 0, mu * ln2 / safe, 0.0))
        free = np.where(w > 0, w * a / ln2 * np.exp(-log_snr), -mu / cap)
        return np.maximum(np.where(at_cap <= knee, at_cap, free), -shift)

    def charging_price(mu):
        return ((net_price(mu) + shift) * c).sum() + from_charging

    high = max(from_charging, (w * full).max() / ln2, 1e-300)
    while charging_price(high) > high:
        high *= 4
    bracket = bisect(
        lambda mu: charging_price(mu) <= mu, float(from_charging) or float(high) * 1e-300, float(high), tolerance=1e-13
    )
    mu = _closer(lambda mu: charging_price(mu) <= mu, dtype(bracket.low), dtype(bracket.high))
    d = net_price(mu)
    with np.errstate(divide="ignore", over="ignore"):
        best = np.where(d > knee, np.minimum(np.maximum(w / (ln2 * np.where(d > 0, d, 1.0)) - 1 / a, 0.0), cap), cap)
    seconds = w * np.log1p(a * best) / ln2 - d * best
    second, level = max(charging_price(mu), seconds.max()), (prices * cuts.level).sum()
    # lambda is d + shift in exact numbers, so that shift rounds in S_0 only, and not where it cancels d altogether.
    terms = second + np.where(d > -shift, (np.abs(d) + 2 * shift) * c, 0.0).sum() + (np.abs(d) * best).max()
    rounding = (_OPERATIONS + len(prices) + len(w)) * np.finfo(dtype).eps * (horizon * terms + level)
    return float(scenario.bandwidth_hz * (horizon * second - level + rounding) / w.sum()) * (1 + _OPERATIONS * _EPSILON)


def _closer(above, low, high):
    """Bisection to the last digit that the numbers have; nothing where they are doubles, whose digits are there already."""
    for _ in range(64 if np.finfo(type(high)).eps < _EPSILON else 0):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (low, middle) if above(middle) else (middle, high)
    return high


def _numbers(scenario: Scenario, dtype: type = float) -> tuple:
    gain, efficiency = scenario.gain_bs_user.astype(dtype), scenario.harvest_efficiency.astype(dtype)
    a = gain / dtype(scenario.noise_w)
    c = efficiency * gain * dtype(scenario.bs_power_w)
    return a, c, dtype(scenario.max_power_w), dtype(scenario.time_budget_s)


def _ln2(dtype: type):
    return np.log(dtype(2))


def _second(log_snr: np.ndarray) -> np.ndarray:
    r""":math:`L - 1 + e^{-L} = \ln(1 + x) - x/(1 + x)`, what one more second is worth, times ln 2."""
    L = log_snr
    series = L**2 * (1 / 2 - L * (1 / 6 - L * (1 / 24 - L * (1 / 120 - L * (1 / 720 - L / 5040)))))
    return np.where(L < _SMALL, series, L + np.expm1(-L))


def _log_snr_of_second(worth: np.ndarray) -> np.ndarray:
    """Inverse of :func:`_second` by Newton's method from the right, where that convex function lies above its tangents."""
    root = np.sqrt(2 * worth)
    L = np.minimum(1 + worth, root * (1 + root))
    for _ in range(8):
        with np.errstate(divide="ignore", invalid="ignore"):
            L = np.where(L > 0, L - (_second(L) - worth) / -np.expm1(-L), L)
    return L
