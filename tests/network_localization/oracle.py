"""Independent of the library's solvers, from the scenario's own fields: bisection on t, over linear programs or in 60 digits."""

import mpmath as mp
import numpy as np
from scipy.optimize import linprog

LP_TOLERANCE = 1e-10  # HiGHS's smallest; rows are scaled to unit coefficients
BISECTION_TOLERANCE = 1e-8  # two decades below the agreement that is asserted


def least_cap(scenario, t):
    """Least cap on all powers (in units of max_power_w) at which target t and the users' thresholds can be met; inf if none."""
    size = len(scenario.echo_gain)
    cap, threshold, noise_bs, noise_ue = (
        np.full(size, getattr(scenario, name)) for name in ("max_power_w", "min_comm_sinr", "noise_bs_w", "noise_ue_w")
    )
    rows, limits = [], []
    for i in range(size):
        share = cap / cap[i]
        gains = scenario.bistatic_gain[i] + scenario.bs_bs_gain[i]
        gains = gains + np.eye(size)[i] * scenario.self_interference_gain[i]
        rows.append(np.append(t * gains * share / scenario.echo_gain[i] - np.eye(size)[i], 0.0))
        limits.append(-t * noise_bs[i] / (scenario.echo_gain[i] * cap[i]))
        users = (scenario.cross_link_gain[i] + scenario.ue_echo_gain[i]) * share * threshold[i] / scenario.link_gain[i]
        rows.append(np.append(users - np.eye(size)[i], 0.0))
        limits.append(-threshold[i] * noise_ue[i] / (scenario.link_gain[i] * cap[i]))
        rows.append(np.append(np.eye(size)[i], -1.0))
        limits.append(0.0)
    answer = linprog(
        np.append(np.zeros(size), 1.0),
        A_ub=np.array(rows),
        b_ub=np.array(limits),
        bounds=(0, None),
        method="highs",
        options={"primal_feasibility_tolerance": LP_TOLERANCE, "dual_feasibility_tolerance": LP_TOLERANCE},
    )
    return answer.fun if answer.status == 0 else np.inf


def lp_optimum(scenario):
    """The optimum by bisection, or nan where the users' thresholds cannot be met."""
    if least_cap(scenario, 0.0) > 1:
        return np.nan
    alone = scenario.echo_gain * scenario.max_power_w
    high = np.min(alone / (scenario.noise_bs_w + scenario.self_interference_gain * scenario.max_power_w))
    low = high
    while least_cap(scenario, low) > 1:
        low, high = low / 8, low
    while high / low - 1 > BISECTION_TOLERANCE:
        middle = np.sqrt(low * high)
        low, high = (middle, high) if least_cap(scenario, middle) <= 1 else (low, middle)
    return low


DIGITS = 60


def precise_optimum(scenario, relative="1e-14"):
    """The optimum as a multiple-precision number, or None where the users' thresholds cannot be met.

    For a target t the least powers are found by raising row choices (the larger of the two rows at each BS) from the users'
    rows on; no powers exist once a linear system has a negative solution.
    """
    with mp.workdps(DIGITS):
        size = len(scenario.echo_gain)

        def each(name):
            return [mp.mpf(float(value)) for value in np.full(size, getattr(scenario, name))]

        def matrix(name):
            return [[mp.mpf(float(value)) for value in row] for row in getattr(scenario, name)]

        cap, threshold, noise_bs, noise_ue = map(each, ("max_power_w", "min_comm_sinr", "noise_bs_w", "noise_ue_w"))
        echo, own, link = map(each, ("echo_gain", "self_interference_gain", "link_gain"))
        bistatic, direct, cross, ue_echo = map(matrix, ("bistatic_gain", "bs_bs_gain", "cross_link_gain", "ue_echo_gain"))
        rows_s = [
            [(bistatic[i][j] + direct[i][j] + (own[i] if i == j else 0)) / echo[i] for j in range(size)] for i in range(size)
        ]
        rows_c = [[threshold[i] * (cross[i][j] + ue_echo[i][j]) / link[i] for j in range(size)] for i in range(size)]
        noise_s = [noise_bs[i] / echo[i] for i in range(size)]
        noise_c = [threshold[i] * noise_ue[i] / link[i] for i in range(size)]

        def attainable(t):
            sensing = [False] * size
            while True:
                chosen = [[t * g for g in rows_s[i]] if sensing[i] else rows_c[i] for i in range(size)]
                system = mp.matrix([[(1 if i == j else 0) - chosen[i][j] for j in range(size)] for i in range(size)])
                right = mp.matrix([t * noise_s[i] if sensing[i] else noise_c[i] for i in range(size)])
                try:
                    p = mp.lu_solve(system, right)
                except ZeroDivisionError:
                    return False
                if any(p[i] < 0 or p[i] > cap[i] * (1 + mp.mpf(10) ** -40) for i in range(size)):
                    return False
                asks = [(t * (mp.fdot(rows_s[i], p) + noise_s[i]), mp.fdot(rows_c[i], p) + noise_c[i]) for i in range(size)]
                other = [asks[i][1 if sensing[i] else 0] > p[i] * (1 + mp.mpf(10) ** -40) for i in range(size)]
                if not any(other):
                    return True
                sensing = [now != switch for now, switch in zip(sensing, other)]

        if not attainable(mp.mpf(0)):
            return None
        low = high = min(echo[i] * cap[i] / noise_bs[i] for i in range(size))
        while not attainable(low):
            low, high = low / 100, low
            if low < mp.mpf(10) ** -200:
                return mp.mpf(0)
        while high / low - 1 > mp.mpf(relative):
            middle = mp.sqrt(low * high)
            low, high = (middle, high) if attainable(middle) else (low, middle)
        return low
