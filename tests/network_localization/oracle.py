"""Independent of the library's solvers: bisection on t over linear programs built from the scenario's own fields."""

import numpy as np
from scipy.optimize import linprog

LP_TOLERANCE = 1e-10  # HiGHS's smallest; rows are scaled to unit coefficients
BISECTION_TOLERANCE = 1e-8  # two decades below the agreement that is asserted


def least_cap(scenario, t):
    """Least cap on all powers (in units of max_power_w) at which target t and the users' thresholds can be met; inf if none."""
    size, cap = len(scenario.echo_gain), scenario.max_power_w
    rows, limits = [], []
    for i in range(size):
        gains = scenario.bistatic_gain[i] + scenario.bs_bs_gain[i]
        gains = gains + np.eye(size)[i] * scenario.self_interference_gain[i]
        rows.append(np.append(t * gains / scenario.echo_gain[i] - np.eye(size)[i], 0.0))
        limits.append(-t * scenario.noise_bs_w / (scenario.echo_gain[i] * cap))
        users = (scenario.cross_link_gain[i] + scenario.ue_echo_gain[i]) * scenario.min_comm_sinr / scenario.link_gain[i]
        rows.append(np.append(users - np.eye(size)[i], 0.0))
        limits.append(-scenario.min_comm_sinr * scenario.noise_ue_w / (scenario.link_gain[i] * cap))
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
