"""Independent answers: the curve in fifty digits, and the energy problem as a textbook cone program."""

import warnings

import cvxpy as cp
import mpmath
import numpy as np

from isaclib import wireless_powered as wp

DIGITS = 50


def crb(scenario, powers):
    """tr J^{-1} of every target at powers (or energies times their bandwidth), by eq. (8) in fifty digits."""
    with mpmath.workdps(DIGITS):
        return _crb(scenario, [mpmath.mpf(power) for power in powers])


def _crb(scenario, powers):
    m = mpmath.mpf
    bs = [m(float(x)) for x in scenario.bs_position_m]
    nodes = [bs] + [[m(float(x)) for x in row] for row in scenario.user_positions_m]
    unit = 8 * (mpmath.pi * m(scenario.bandwidth_hz) / m(3e8)) ** 2 / m(scenario.noise_w)
    spent = [m(scenario.bs_power_w), *powers]
    found = []
    for n, target in enumerate(scenario.target_positions_m):
        q = [m(float(x)) for x in target]

        def direction(x, q=q):
            d = [q[0] - x[0], q[1] - x[1]]
            length = mpmath.hypot(*d)
            return d[0] / length, d[1] / length

        home = direction(bs)
        a = b = c = m(0)
        for node, power, gain in zip(nodes, spent, scenario.gain_transmitter_target[:, n]):
            away = direction(node)
            x, y = away[0] + home[0], away[1] + home[1]
            w = unit * m(float(gain)) * power
            a, b, c = a + w * x * x, b + w * y * y, c + w * x * y
        det = a * b - c * c
        found.append((a + b) / det if det > 0 else mpmath.inf)
    return found


def optimum(scenario):
    """Optimum of (P1) by bisection along the curve, in fifty digits; None where the limit cannot be met."""
    m = mpmath.mpf
    with mpmath.workdps(DIGITS):
        a = [m(float(h)) / m(scenario.noise_w) for h in scenario.gain_bs_user]
        c = [
            m(float(z)) * m(float(h)) * m(scenario.bs_power_w) for z, h in zip(scenario.harvest_efficiency, scenario.gain_bs_user)
        ]
        cap, limit = m(scenario.max_power_w), m(scenario.crb_limit_m2)
        limited = np.isfinite(scenario.crb_limit_m2)
        if limited and max(_crb(scenario, [cap] * len(a))) > limit:
            return None
        low = max(mpmath.log(2) / (x * y) for x, y in zip(a, c))

        def load(x):
            """x / ln(1 + x) = 1 + x/2 - ..."""
            return x / mpmath.log1p(x)

        def snr(y):
            """x with x / ln(1 + x) = y > 1, by Newton's method in L = ln(1 + x)."""
            w = mpmath.log(y)
            big = w + mpmath.log1p(w + mpmath.log1p(w * w / (6 + 2 * w)))
            for _ in range(6):
                big -= (mpmath.log(mpmath.expm1(big) / big) - w) / (mpmath.exp(big) / mpmath.expm1(big) - 1 / big)
            return mpmath.expm1(big)

        def at(z):
            s = low * (1 + mpmath.exp(z))
            free = [snr(x * y * s / mpmath.log(2)) for x, y in zip(a, c)]
            snrs = [min(x, y * cap) for x, y in zip(free, a)]
            total = s + sum(mpmath.log(2) / mpmath.log1p(x) for x in snrs)
            pulls = [x * y / ((1 + v) * mpmath.log1p(v) - v) for x, y, v, u in zip(a, c, snrs, free) if u <= v]
            return total, 1 - sum(pulls), [min(x / y, cap) for x, y in zip(snrs, a)]

        def reached(z):
            _, slope, powers = at(z)
            return slope >= 0 and (not limited or max(_crb(scenario, powers)) <= limit)

        left = mpmath.log(m("1e-45"))
        right = mpmath.log(max(load(x * cap) / (x * y) * mpmath.log(2) for x, y in zip(a, c)) / low - 1 + m("1e-50"))
        for _ in range(75):
            middle = (left + right) / 2
            left, right = (left, middle) if reached(middle) else (middle, right)
        return m(scenario.bandwidth_hz) * m(scenario.time_budget_s) / at(right)[0]


def energy_optimum(scenario):
    """Optimum for ``sensing="energy"`` as a cone program, in the units of full charging; None where Clarabel gives up."""
    users = len(scenario.gain_bs_user)
    harvest, horizon = wp.harvest_rate_w(scenario), scenario.time_budget_s
    gain = scenario.gain_bs_user / scenario.noise_w * harvest
    charging, energy, times, rate = cp.Variable(nonneg=True), cp.Variable(users, nonneg=True), cp.Variable(users), cp.Variable()
    free = wp.solve_exact(scenario.replace(sensing="power", crb_limit_m2=np.inf))  # for the scaling only
    unit, guess = free.min_throughput_bit, 1 + wp.snr(scenario, free.powers_w)
    bits = unit / scenario.bandwidth_hz / horizon * np.log(2)
    constraints = [
        cp.multiply(np.log(guess), times) - cp.rel_entr(times, cp.multiply(1 / guess, times) + cp.multiply(gain / guess, energy))
        >= rate * bits,
        energy <= charging,
        cp.multiply(harvest / scenario.max_power_w, energy) <= times,
        charging + cp.sum(times) <= 1,
    ]
    if np.isfinite(scenario.crb_limit_m2):
        k, g = wp.sensing_coefficients(scenario), wp.range_gradients(scenario)
        weights = k * np.concatenate([[scenario.bs_power_w], harvest])[:, None] * horizon * scenario.crb_limit_m2
        spent = cp.hstack([charging, energy])
        for n in range(weights.shape[1]):
            full = (weights[:, n, None] * g[:, n]).T @ g[:, n]
            (small, large), axes = np.linalg.eigh(full)  # in these axes and units every term is of order one
            x, y = (g[:, n] @ axes).T
            a, b, c = (weights[:, n] * part @ spent for part in (x * x, y * y, x * y))
            u, v, root = (a - 1) / small, (b - 1) / large, np.sqrt(small * large)
            constraints.append(cp.SOC(u + v, cp.hstack([u - v, 2 * c / root, 2 / root])))
    problem = cp.Problem(cp.Maximize(rate), constraints)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an inaccurate answer is as good as the comparison wants
            problem.solve(solver=cp.CLARABEL, tol_gap_rel=1e-7, tol_gap_abs=1e-7)
    except cp.error.SolverError:
        return None
    return float(rate.value) * unit if problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE) else None
