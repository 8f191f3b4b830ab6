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

Where :math:`\lambda_m = 0` (users that have energy to spare), :math:`w_m` may be as large as :math:`S_m \le \mu` allows: with
:math:`\mu - P_{\max} \sum_n \nu_n b_{nm}` over :math:`\log_2(1 + a_m P_{\max})` instead of the weight that was found, what the
multipliers round changes the sum of the weights, and not the difference above, which is a small part of its terms near the edge.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from .scenario import Scenario
from .sensing import Lane, Sensing

_EPSILON = float(np.finfo(float).eps)
_SMALL = 1e-2
_NORMAL = 10.0  # weight of sum w = 1 among the optimality conditions, whose terms are of order one
_OF_A_SLOPE = 8  # error of Y g, in units of the last digit
_TIGHT = 1e-9
_REFINED = 4  # steps that turn the multipliers of double precision into those of the precision at hand
_IDLE = (1e-9, 1e-3)  # a price of energy below this part of its worth for sensing counts as none
_LEAST = 1e-200  # a price of a second, as a part of the best rate, from which Newton's method starts
_STEPS = 100  # of which it takes some ten, and halves the decades of such a start with each
_OPERATIONS = 24  # whose rounding errors meet in a term of the bound, apart from the sums over the targets


def dual_bound(
    scenario: Scenario, powers: np.ndarray, charging: float, times: np.ndarray, hints=(), slack: float | np.floating = 0.0
) -> float:
    """Upper bound on the least throughput in bit of every allocation; tight where this one, all > 0, is optimal.

    ``hints`` are pairs of weights and prices that are tried first; ``slack`` loosens the CRB limit by that part. Near the edge of
    what the CRB limit allows, the bound is a difference of terms that are millions of times as large: what is not tight is
    computed again in extended precision, multipliers and all.
    """
    rates = np.log1p(scenario.gain_bs_user / scenario.noise_w * powers) / _ln2(float)
    if not (charging > 0 and (times * rates).min() > 0 and (powers * times).min() > 0):
        return float("inf")
    cuts = Cuts(scenario, powers, charging, times, slack=slack)
    enough = scenario.bandwidth_hz * float((times * rates).min()) * (1 + _TIGHT)
    tried, bound = list(hints), min((evaluate(scenario, cuts, *found) for found in hints), default=float("inf"))
    for balanced in (False, True):
        if bound > enough:
            tried.append(multipliers(scenario, cuts, powers, charging, times, balanced=balanced))
            bound = min(bound, evaluate(scenario, cuts, *tried[-1]))
    if bound > enough:
        wide = Cuts(scenario, powers, charging, times, np.longdouble, slack)
        tried += [multipliers(scenario, wide, powers, charging, times, balanced=balanced) for balanced in (False, True)]
        bound = min(bound, *(evaluate(scenario, wide, *found) for found in tried))
    return bound


def beyond(scenario: Scenario, powers: np.ndarray, charging: float, times: np.ndarray) -> np.floating:
    """The part by which the CRB limit must be looser for a bound to hold for this allocation, in extended precision.

    Scaled down by what it overspends of the frame and of the harvest, the allocation keeps both, and its CRB grows by no more.
    """
    wide = np.longdouble
    _, c, _, horizon = _numbers(scenario, wide)
    charged, spent, seconds = wide(charging), powers.astype(wide) * times, times.astype(wide)
    frame = (charged + seconds.sum()) / horizon
    harvest = (spent / (c * charged)).max()
    lane = Lane(scenario)
    psi = Sensing(lane, lane.bs_power_w, wide).information(charged, spent, derivatives=False)[0].min()
    crb = 1 / (psi * wide(scenario.crb_limit_m2)) if np.isfinite(scenario.crb_limit_m2) else wide(0)
    return np.maximum(np.maximum(crb, 1) * np.maximum(frame, 1) * np.maximum(harvest, 1) - 1, 0)


class Cuts:
    r"""The linear consequences of the CRB limit at one allocation: ``charging`` (N,) and ``energy`` (M, N) are
    :math:`b_{n0}` and :math:`b_{nm}`, ``level`` (N,) the right sides, ``rounded`` (M, N) what an ``energy`` rounds, in units
    of the last digit; none without a limit, or without a second direction."""

    def __init__(
        self,
        scenario: Scenario,
        powers: np.ndarray,
        charging: float,
        times: np.ndarray,
        dtype: type = float,
        slack: float | np.floating = 0.0,
    ) -> None:
        lane = Lane(scenario)
        sensing = Sensing(lane, lane.bs_power_w, dtype)
        psi, slope, _, _ = sensing.information(dtype(charging), powers.astype(dtype) * times)
        usable = np.isfinite(scenario.crb_limit_m2) & (psi > 0)
        b = slope[usable] / psi[usable, None]
        # With an error e of Y g, which its terms and g itself round, a slope k |Y g|^2 changes by at most 2 k e |Y g| + k e^2.
        k = sensing.coefficients()[usable]
        last = _OF_A_SLOPE * np.finfo(dtype).eps
        self.rounded = ((2 * np.sqrt(k * slope[usable, 1:]) + last * k) / psi[usable, None]).T
        self.charging, self.energy, self.level = (
            b[:, 0],
            b[:, 1:].T,
            1 / (scenario.crb_limit_m2 * (1 + dtype(slack)) * psi[usable]),
        )


def multipliers(
    scenario: Scenario, cuts: Cuts, powers: np.ndarray, charging: float, times: np.ndarray, *, balanced: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (M,) of the rates and prices (N,) of the cuts that meet the optimality conditions best.

    The conditions count by what they cost; ``balanced``, all the same, which is better where a few of the times are tiny.
    """
    dtype = cuts.level.dtype.type
    (a, c, cap, horizon), ln2 = _numbers(scenario, dtype), _ln2(dtype)
    users, targets = len(powers), len(cuts.level)
    charging, times = dtype(charging), times.astype(dtype)
    x, energy = a * powers, powers * times
    bits = times * np.log1p(x) / ln2
    value = bits.min()
    harvested = c * charging
    # Unknowns in units of the value: w, lambda c t_0, kappa P t, nu, mu T. One row per condition.
    w, lam, kap, nu, mu = np.split(np.arange(3 * users + targets + 1), np.cumsum([users, users, users, targets]))
    rows = np.zeros((5 * users + targets + 3, 3 * users + targets + 1), dtype)
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
    rows[slack + 3 * users + np.arange(targets), nu] = np.maximum(1 - cuts.level, 0)  # a limit that rounding breaks counts as met
    rows[-1, mu] = 1 - (charging + times.sum()) / horizon
    wanted = np.zeros(len(rows))
    wanted[2 * users + 1] = _NORMAL
    if balanced:
        rows[: 2 * users + 1] /= np.maximum(np.abs(rows[: 2 * users + 1]).max(axis=1, keepdims=True), 1e-300)
    size = np.maximum(np.sqrt((rows**2).sum(axis=0)), 1e-300)
    scaled = (rows / size).astype(float)
    try:
        found = nnls(scaled, wanted, maxiter=100 * len(size))[0] / size
    except RuntimeError:  # not within so many steps: equal weights are multipliers, too
        found = np.zeros(len(size), dtype)
        found[w] = 1 / dtype(users)
    used = found > 0
    for _ in range(_REFINED if np.finfo(dtype).eps < _EPSILON else 0):
        rest = wanted - rows[:, used] @ found[used]
        found[used] += np.linalg.lstsq(scaled[:, used], rest.astype(float))[0] / size[used]
    found = np.maximum(found, 0)
    return found[w], found[nu] * value


def evaluate(scenario: Scenario, cuts: Cuts, weights: np.ndarray, prices: np.ndarray) -> float:
    """The bound in bit for given multipliers (inf where all weights vanish), in the precision of the cuts."""
    dtype = cuts.charging.dtype.type
    (a, c, cap, horizon), ln2 = _numbers(scenario, dtype), _ln2(dtype)
    w, prices = np.maximum(weights, 0.0).astype(dtype), prices.astype(dtype)
    shift, last = (cuts.energy * prices).sum(axis=1), np.finfo(dtype).eps
    operations = _OPERATIONS + len(prices) + len(w)
    error = last * (_OF_A_SLOPE * (cuts.rounded * prices).sum(axis=1) + operations * shift)
    if not (w.sum() > 0 and np.all(np.isfinite(shift))):
        return float("inf")
    from_charging = (cuts.charging * prices).sum()
    full = np.log1p(a * cap)
    alone = w * full / ln2
    safe = np.where(w > 0, w, 1.0)

    def net_price(mu):
        """The least d = lambda - shift with S_m <= mu, its slope (convex, decreasing in mu), ln(1 + a p), and who is capped.

        Where a p is small, d differs from its largest value w a / ln 2 by that part only, and would not tell the last two.
        """
        log_snr = _log_snr_of_second(np.where(w > 0, mu * ln2 / safe, 1.0))
        capped = (w == 0) | (log_snr >= full)
        falling = np.exp(-log_snr)
        d = np.where(capped, (alone - mu) / cap, w * a / ln2 * falling)
        slope = np.where(capped, -1 / cap, a * falling / np.expm1(-log_snr))
        return np.maximum(d, -shift), np.where(d > -shift, slope, 0), log_snr, capped

    def charging_price(mu, idle):
        """S_0 and its slope."""
        d, slope = net_price(mu)[:2]
        return np.where(idle, 0, d + shift) @ c + from_charging, np.where(idle, 0, slope) @ c

    def price_of_a_second(idle):
        """The least mu with S_0 <= mu, where the harvested energy of some users has no price: Newton's method from the left."""
        mu = max(from_charging, _LEAST * (w * full).max(), dtype(_LEAST))
        for _ in range(_STEPS):
            price, slope = charging_price(mu, idle)
            step = (price - mu) / (1 - slope)
            if not mu + step > mu:
                break
            mu = mu + step
        return mu

    def bound(mu, idle):
        d, _, log_snr, capped = net_price(mu)
        # A price: S_m is mu where p is the cap, and else follows from ln(1 + a p), without a difference. None: p is the cap.
        priced = (d > -shift) & ~idle
        d = np.where(priced, d, -shift)
        # Where the energy has no price, as much weight as a second is worth for certain: what rounds costs weight only.
        weight = np.where(idle, np.maximum(mu * (1 - operations * last) - (shift + error) * cap, 0) * ln2 / full, w)
        if not weight.sum() > 0:
            return float("inf")
        seconds = np.where(capped, mu, w / ln2 * _second(log_snr))
        seconds = np.where(priced, seconds, weight * full / ln2 + shift * cap)
        second, level = max(charging_price(mu, idle)[0], seconds.max()), (prices * cuts.level).sum()
        # lambda is d + shift in exact numbers: shift rounds in S_0 where the energy has a price, and in S_m where it has none.
        size = last * operations * np.where(priced & capped, (alone + mu) / cap, np.abs(d))
        terms = np.where(priced, (size + error) * c, 0).sum() + np.where(priced | idle, 0, (size + error) * cap).max()
        rounding = horizon * (terms + last * operations * second) + last * operations * level
        return float(scenario.bandwidth_hz * (horizon * second - level + rounding) / weight.sum()) * (1 + _OPERATIONS * _EPSILON)

    nobody = np.zeros(len(w), dtype=bool)
    mu = price_of_a_second(nobody)
    found = bound(mu, nobody)
    for part in _IDLE:
        idle = (net_price(mu)[0] + shift <= part * shift) & (shift * cap < mu)
        if idle.any():
            found = min(found, bound(price_of_a_second(idle), idle))
    return found


def _numbers(scenario: Scenario, dtype: type = float) -> tuple:
    gain, efficiency = scenario.gain_bs_user.astype(dtype), scenario.harvest_efficiency.astype(dtype)
    a = gain / dtype(scenario.noise_w)
    c = efficiency * gain * dtype(scenario.bs_power_w)
    return a, c, dtype(scenario.max_power_w), dtype(scenario.time_budget_s)


def _ln2(dtype: type):
    return np.log(dtype(2))


def _second(log_snr: np.ndarray) -> np.ndarray:
    r""":math:`L - 1 + e^{-L} = \ln(1 + x) - x/(1 + x)`, what one more second is worth, times ln 2."""
    L, log_snr = np.minimum(log_snr, _SMALL), log_snr
    series = L**2 * (1 / 2 - L * (1 / 6 - L * (1 / 24 - L * (1 / 120 - L * (1 / 720 - L / 5040)))))
    return np.where(log_snr < _SMALL, series, log_snr + np.expm1(-log_snr))


def _log_snr_of_second(worth: np.ndarray) -> np.ndarray:
    """Inverse of :func:`_second` by Newton's method from the right, where that convex function lies above its tangents."""
    root = np.sqrt(2 * worth)
    L = np.minimum(1 + worth, root * (1 + root))
    for _ in range(8):
        with np.errstate(divide="ignore", invalid="ignore"):
            closer = np.where(L > 0, L - (_second(L) - worth) / -np.expm1(-L), L)
        if not (closer < L).any():
            break
        L = closer
    return L
