"""What operators ask, by pattern, and networks at the extremes of what a float holds; shared by the tests and the benchmark."""

import itertools

import numpy as np

from isaclib import semi_isac as si

WEIGHTS = {
    "equal": (1, 1, 1),
    "one: sensing": (1, 0, 0),
    "one: ISaC": (0, 1, 0),
    "one: communication": (0, 0, 1),
    "zero: sensing": (0, 1, 1),
    "zero: ISaC": (1, 0, 1),
    "tiny: sensing": (1e-9, 1, 1),
    "tiny: two of three": (1, 1e-9, 1e-9),
}
FLOORS = {
    "none": (0.0, 0.0),
    "tiny": (1e-3, 1e-3),
    "ordinary": (5e6, 20e6),
    "sensing only": (5e6, 0.0),
    "communication only": (0.0, 20e6),
    "near the edge": 1 - 1e-3,
    "at the edge": 1 - 1e-6,
}
SCHEMES = ("joint", "equal_power", "equal_spectrum")
CIRCUITS_DBM = (30.0, -30.0, -80.0)  # the last is 1e-11 of the budget


def patterns(draws, seed):
    """(name, scenarios, objective, scheme) for every pattern of weights and floors; the efficiency knows no weights."""
    drops = si.Scenario.random_batch(np.random.default_rng(seed), draws)
    for scheme in SCHEMES:
        margin = si.solve_exact_batch(drops, scheme=scheme).best_attainable
        for (how, weights), (what, floors) in itertools.product(WEIGHTS.items(), FLOORS.items()):
            rows = []
            for drop, factor in zip(drops, margin, strict=True):
                low = floors if isinstance(floors, tuple) else (drop.min_sensing_bps * factor * floors,)
                high = floors[1:] if isinstance(floors, tuple) else (drop.min_rate_bps * factor * floors,)
                rows.append(drop.replace(weights=weights, min_sensing_bps=low[0], min_rate_bps=high[0]))
            yield f"{scheme}, weights {how}, floors {what}", rows, "sum", scheme
            for circuit in CIRCUITS_DBM if how == "equal" else ():
                watt = 10 ** (circuit / 10 - 3)
                changed = [row.replace(circuit_power_w=watt) for row in rows]
                yield f"{scheme}, circuits {circuit:g} dBm, floors {what}", changed, "efficiency", scheme


def ordinary(rng):
    """A drop within what a planner may ask: carrier, antennas, budget, floors and priorities of every day."""
    return si.Scenario.random(
        rng,
        radius_m=rng.uniform(20, 200),
        carrier_hz=10 ** rng.uniform(9, 10.5),
        antenna_gain_db=rng.uniform(0, 30),
        clutters=int(rng.integers(0, 6)),
        bandwidth_hz=10 ** rng.uniform(6, 9),
        power_budget_dbm=rng.uniform(20, 50),
        circuit_power_dbm=rng.uniform(20, 50),
        weights=rng.dirichlet(np.ones(3)) * rng.choice([0, 1, 1, 1], 3) + np.eye(3)[rng.integers(3)] * 1e-3,
        min_sensing_bps=rng.choice([0, 1e5, 5e6]),
        min_rate_bps=rng.choice([0, 1e6, 20e6]),
    )


def extreme(rng):
    """Gains over 12 decades, nW to MW, kHz to THz, one to a hundred users, missing services, floors up to the edge."""
    users = int(rng.choice([1, 2, 3, 4, 8, 20, 100], p=[0.15, 0.15, 0.3, 0.15, 0.15, 0.07, 0.03]))
    radar, link = 10 ** rng.uniform(-18, -6, (2, users))
    kind = rng.integers(3, size=users)
    radar[kind == 1], link[kind == 0] = 0, 0
    if users > 1 and rng.random() < 0.1:
        radar[0] = link[0] = 0
    power, bandwidth = 10 ** rng.uniform(-9, 6), 10 ** rng.uniform(3, 12)
    network = si.Network(
        radar_gain=radar,
        clutter_gain=np.where(rng.random(users) < 0.3, 0, radar * 10 ** rng.uniform(-4, 1, users)),
        link_gain=link,
        bandwidth_hz=bandwidth,
        noise_psd_w_per_hz=4e-21 * 10 ** rng.uniform(0, 2),
        power_budget_w=power,
        circuit_power_w=power * 10 ** rng.uniform(-9, 3),
        weights=rng.choice([0, 1e-9, 0.3, 1], users) + (np.arange(users) == rng.integers(users)),
        min_sensing_bps=0.0,
        min_rate_bps=0.0,
    )
    reached = si.user_rates(network, *(scale * rng.dirichlet(np.ones(users)) for scale in (1, power)))
    part = rng.choice([0, 0.1, 0.5, 0.9, 1], (users, 2)) if rng.random() < 0.7 else 1.0
    floors = reached * part * rng.choice([1e-9, 0.3, 0.9, 1, 1.2], p=[0.1, 0.3, 0.2, 0.2, 0.2])
    return network.replace(min_sensing_bps=floors[:, 0], min_rate_bps=floors[:, 1])
