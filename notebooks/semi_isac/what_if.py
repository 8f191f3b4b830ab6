# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # {title}
#
# {question} The curves of the base set, that of the chapter's *results*, are drawn beside the new ones. With the parameter `services = "all"`
# each of the same three users gets both services on one signal, with both floors; with `services = "semi"` each user gets only what it asked for,
# as in the paper.

# %% tags=["parameters"]
seed = 1
draws = 400
radius_m = 40.0
min_distance_m = 1.0
carrier_hz = 1.0e9
antenna_gain_db = 0.0
target_rcs_m2 = 1.0
clutter_rcs_m2 = 0.01
clutters = 3
link_exponent = 2.5
radar_exponent = 4.0
nakagami_m = 3.0
bandwidth_hz = 1.0e8
temperature_k = 290.0
power_budget_dbm = 30.0
circuit_power_dbm = 30.0
weights = [0.3333333333333333, 0.3333333333333333, 0.3333333333333333]
min_sensing_bps = 5.0e6
min_rate_bps = 2.0e7
floor_factors = [0.2, 0.6, 1.0, 1.5, 2.0, 3.0]
max_tries = 3000
services = "semi"
title = "What if"
question = "What changes?"

# %% tags=["hide-input"]
import numpy as np
from compendium.notebook import figures

from isaclib import semi_isac as si
from isaclib.foundations import montecarlo, plotting

setting = {
    "radius_m": radius_m,
    "min_distance_m": min_distance_m,
    "carrier_hz": carrier_hz,
    "antenna_gain_db": antenna_gain_db,
    "target_rcs_m2": target_rcs_m2,
    "clutter_rcs_m2": clutter_rcs_m2,
    "clutters": clutters,
    "link_exponent": link_exponent,
    "radar_exponent": radar_exponent,
    "nakagami_m": nakagami_m,
    "bandwidth_hz": bandwidth_hz,
    "temperature_k": temperature_k,
    "power_budget_dbm": power_budget_dbm,
    "circuit_power_dbm": circuit_power_dbm,
    "weights": weights,
}
kind = si.Network if services == "all" else si.Scenario
ROLES = {
    "joint": "exact",
    "equal_power": "benchmark_1",
    "equal_spectrum": "benchmark_2",
    "random": "benchmark_3",
}
NAMES = {
    "joint": "joint optimum",
    "equal_power": "SP-EPA",
    "equal_spectrum": "PA-ESP",
    "random": "RA",
}
factors = np.array(floor_factors)
floors_mbps = factors * min_sensing_bps / 1e6


def batch(factor, cls=kind):
    floors = {
        "min_sensing_bps": factor * min_sensing_bps,
        "min_rate_bps": factor * min_rate_bps,
    }
    return cls.random_batch(np.random.default_rng(seed), draws, **setting, **floors)


points = [
    si.compare(batch(factor), np.random.default_rng(seed + 1), max_tries=max_tries)
    for factor in factors
]
result = si.sweep(points)

# %% [markdown]
# ## Sum of rates

# %% tags=["hide-input"]
before = figures.baseline("results", "sum_vs_floors")
fig, axes = plotting.subplots(1, 2, width=7.4, height=3.2)
columns = {"sensing_floor_mbps": floors_mbps}
for scheme, curve in result.own.items():
    mean, low, high = curve.mean / 1e9, curve.low / 1e9, curve.high / 1e9
    plotting.line(
        axes[0],
        floors_mbps,
        mean,
        ROLES[scheme],
        label=NAMES[scheme],
        low=low,
        high=high,
    )
    columns |= {
        f"{scheme}_own": mean,
        f"{scheme}_own_low": low,
        f"{scheme}_own_high": high,
    }
    lost = 100 * result.infeasible[scheme] / draws
    plotting.line(axes[1], floors_mbps, lost, ROLES[scheme], label=NAMES[scheme])
    columns[f"{scheme}_infeasible_percent"] = lost
plotting.line(
    axes[0],
    before["sensing_floor_mbps"],
    before["joint_own"],
    "reference",
    label="joint, base set",
)
plotting.line(
    axes[1],
    before["sensing_floor_mbps"],
    before["joint_infeasible_percent"],
    "reference",
    label="joint, base set",
)
axes[0].set(
    xlabel="sensing floor (Mbit/s)", ylabel="sum of rates (Gbit/s)", ylim=(0, None)
)
axes[1].set(
    xlabel="sensing floor (Mbit/s)",
    ylabel="drops without a solution (%)",
    ylim=(0, 100),
)
axes[1].legend(fontsize="x-small")
figures.show(
    fig,
    "sum_vs_floors",
    data=columns,
    caption="Left: mean sum of rates over the drops that each scheme can serve. Right: the drops that it cannot; joint optimum, SP-EPA and RA may lie on "
    "top of each other. Grey: the joint optimum with the base set. Averages over different drops may not be compared without the right panel.",
    alt="Two panels against the sensing floor: sum of rates per scheme, and percentage of infeasible drops per scheme, each with the base set in grey.",
)

# %% [markdown]
# ## Same drops, both networks
#
# The fair comparison uses the drops that both networks can serve: the semi-ISaC network at this set's radio parameters, and the network of this set.

# %% tags=["hide-input"]
semi = [si.solve_exact_batch(batch(factor, si.Scenario)) for factor in factors]


def wanted(table):
    """Sum of the four rates that were asked for: sensing of users 0 and 1, communication of users 1 and 2."""
    return (
        (table[:, :2, 0].sum(axis=1) + table[:, 1:, 1].sum(axis=1))
        if table.ndim == 3
        else table.sum(axis=1)
    )


mine = np.stack([point.value["joint"] for point in points], axis=1)
asked = np.stack([wanted(point.rates_bps["joint"]) for point in points], axis=1)
theirs = np.stack([wanted(solved.rates_bps) for solved in semi], axis=1)
everywhere = np.isfinite(mine).all(axis=1) & np.isfinite(theirs).all(axis=1)
fig, axes = plotting.subplots(1, 2, width=7.4, height=3.2)
columns = {"sensing_floor_mbps": floors_mbps}
curves = [(mine, "exact", "semi-ISaC network")]
if services == "all":
    curves = [
        (mine, "exact", "all ISaC, all rates"),
        (theirs, "paper", "semi-ISaC network"),
        (asked, "benchmark_1", "all ISaC, rates asked for"),
    ]
    said = "A network of ISaC users earns more bits in total, since each band is used twice, but fewer of those that were asked for. "
else:
    said = "The services are the paper's, so both networks are one and the same. "
for table, role, name in curves:
    curve = montecarlo.average(table / 1e9, everywhere)
    plotting.line(
        axes[0],
        floors_mbps,
        curve.mean,
        role,
        label=name,
        low=curve.low,
        high=curve.high,
    )
    columns |= {
        f"{role}_common": curve.mean,
        f"{role}_common_low": curve.low,
        f"{role}_common_high": curve.high,
    }
axes[0].set(
    xlabel="sensing floor (Mbit/s)", ylabel="sum of rates (Gbit/s)", ylim=(0, None)
)
axes[0].set_title(f"{int(everywhere.sum())} common drops")
axes[0].legend(fontsize="x-small")
shares = np.stack([point.shares["joint"] for point in points], axis=1)
curve = montecarlo.average(shares)
old = figures.baseline("results", "spectrum_shares")
for user, name in enumerate(("user 0", "user 1", "user 2")):
    plotting.line(
        axes[1],
        floors_mbps,
        curve.mean[:, user],
        user,
        label=name,
        low=curve.low[:, user],
        high=curve.high[:, user],
    )
    columns[f"share_user_{user}"] = curve.mean[:, user]
    axes[1].plot(
        old["sensing_floor_mbps"],
        old[f"joint_user_{user}"],
        color=plotting.style(user)["color"],
        linewidth=0.8,
        alpha=0.7,
    )
axes[1].set(
    xlabel="sensing floor (Mbit/s)", ylabel="share of the band (1)", ylim=(0, 1)
)
axes[1].legend(fontsize="x-small")
figures.show(
    fig,
    "common_drops",
    data=columns,
    caption="Left: sum of rates on the drops that both networks can serve at every point. "
    + said
    + "Right: shares of the band at the joint optimum, over its own drops; thin lines without markers: the base set.",
    alt="Left: curves of the sum of rates on common drops. Right: shares of the three users with thin lines for the base set.",
)
