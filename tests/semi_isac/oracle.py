"""An independent optimum: time sharing between power densities, as a linear program with columns made on demand (HiGHS).

A user may split its band into parts of different power density; concavity says that this gains nothing, so that the linear
program over parts (share s of the band at density x: rates s r(x), power s x) has the optimum of the problem itself. The
master program knows some densities; its prices say for each user which further density would pay, and when none does, the
prices are a bound. No code is shared with the library: rates are written down again here.
"""

import numpy as np
from scipy.optimize import linprog, minimize_scalar

GRID = np.geomspace(1e-9, 1e6, 76)
DEAR = 1e4  # price of a floor that is not met, relative to the best profit
ENOUGH = 1e-8  # profit per unit of band, relative to the value, below which no column is added


def _normalised(scenario):
    """Gains relative to noise, floors in nat per unit of band, powers in units of the budget."""
    network = scenario.network()
    snr = network.power_budget_w / (network.noise_psd_w_per_hz * network.bandwidth_hz)
    scale = network.bandwidth_hz / np.log(2)
    gains = network.radar_gain * snr, network.clutter_gain * snr, network.link_gain * snr
    return network, gains, (network.min_sensing_bps / scale, network.min_rate_bps / scale), scale


def optimum(scenario, criterion="sum", scheme="joint", rounds=60):
    """(value, bound) in the scenario's units; None where some floor cannot be met."""
    network, (a, b, g), floors, scale = _normalised(scenario)
    users, circuit = network.users, network.circuit_power_w / network.power_budget_w
    weights = np.ones(users) if criterion == "efficiency" else network.weights / network.weights.max()
    unit = scale / network.power_budget_w if criterion == "efficiency" else scale * network.weights.max()

    def rate(k, x):
        return np.log1p(a[k] * x / (1 + b[k] * x)), np.log1p(g[k] * x)

    columns = [(k, x) for k in range(users) for x in (0.0, *GRID)]
    fixed = scheme != "joint"
    for _ in range(rounds):
        users_of, x = np.array([k for k, _ in columns]), np.array([x for _, x in columns])
        rates = np.array([rate(k, density) for k, density in columns])
        n, efficiency = len(columns), criterion == "efficiency"
        size = 1 + x  # a column's unit: share and power together
        # Behind the columns: what the floors lack (dear), and for the efficiency Charnes and Cooper's scale (otherwise one).
        extra = 1 if efficiency else 0
        rows, floored = {"upper": [], "equal": []}, []

        def row(entries, constant, into="upper", lacking=0.0, size=size, extra=extra, rows=rows):
            """entries @ s + lacking * e <= (or =) constant * scale, divided by its largest entry"""
            entries = np.append(entries / size, [lacking, -constant] if extra else [lacking])
            unit = np.abs(entries).max()
            rows[into].append((entries / unit, 0.0 if extra else constant / unit, unit))

        for k in range(users):
            for j in range(2):
                if floors[j][k] > 0:
                    row(-np.where(users_of == k, rates[:, j], 0.0), -floors[j][k], lacking=-floors[j][k])
                    floored.append((k, j))
        if scheme == "equal_power":
            for k in range(users):
                row(np.where(users_of == k, x, 0.0), 1 / users, into="equal")
        else:
            row(x, 1.0)
        if scheme == "equal_spectrum":
            for k in range(users):
                row(np.where(users_of == k, 1.0, 0.0), 1 / users, into="equal")
        else:
            row(np.ones(n), 1.0)
        if efficiency:
            rows["equal"].append((np.append(x / size, [0.0, circuit]), 1.0, 1.0))
        profit = weights[users_of] * rates.sum(axis=1) / size
        dear = DEAR * np.max(weights[users_of] * rates.sum(axis=1) / (1 + x))
        upper, limit, upper_unit = (np.array(column) for column in zip(*rows["upper"])) if rows["upper"] else (None, None, 1.0)
        equal, right, equal_unit = (np.array(column) for column in zip(*rows["equal"])) if rows["equal"] else (None, None, 1.0)
        for precision in (1e-10, 1e-9, 1e-7):
            found = linprog(
                -np.append(profit, [-dear, 0.0][: 1 + extra]),
                A_ub=upper,
                b_ub=limit,
                A_eq=equal,
                b_eq=right,
                method="highs",
                options={"primal_feasibility_tolerance": precision, "dual_feasibility_tolerance": precision},
            )
            if found.status == 0:
                break
        assert found.status == 0, found.message
        value = -found.fun
        y = np.empty(0) if upper is None else -found.ineqlin.marginals / upper_unit
        z = np.empty(0) if equal is None else -found.eqlin.marginals / equal_unit
        worth = np.tile(weights[:, None], (1, 2))
        for place, (k, j) in enumerate(floored):
            worth[k, j] += y[place]
        rest, at = list(y[len(floored) :]), 0
        watt, band = np.zeros(users), np.zeros(users)
        if scheme == "equal_power":
            watt, at = z[:users], users
        else:
            watt = watt + rest.pop(0)
        if scheme == "equal_spectrum":
            band, at = z[at : at + users], at + users
        else:
            band = band + rest.pop(0)
        if efficiency:
            watt = watt + z[at]
        best, added = 0.0, []
        for k in range(users):
            own = x[users_of == k]

            def loss(log_x, k=k, band=band, watt=watt, worth=worth):
                density = np.exp(log_x)
                return band[k] + watt[k] * density - worth[k] @ np.array(rate(k, density))

            held = np.log(own[(own > 0)])
            centre = held[int(np.argmin([loss(value) for value in held]))]
            step = 0.5
            answer = minimize_scalar(loss, bounds=(centre - step, centre + step), method="bounded", options={"xatol": 1e-12})
            best = max(best, -answer.fun)
            added.append((k, float(np.exp(answer.x))))
        if best * (found.x[-1] if efficiency else 1.0) <= ENOUGH * max(value, 1e-300):
            break
        columns += added
    if found.x[n] > 1e-9 * (found.x[-1] if efficiency else 1.0):
        return None
    # No share exceeds the band: the prices, raised by the best profit per unit of band, are feasible for the dual.
    return value * unit, (value + best) * unit if not (fixed or criterion == "efficiency") else value * unit
