# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# # What if: {title}
#
# {question}
#
# {answer}
#
# The curves of the chapter's main run are drawn beside the new ones.

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
from compendium.notebook import answers, figures
from compendium.notebook.curves import Curves
from compendium.notebook.given import taken_by

from isaclib import semi_isac as si
from isaclib.foundations import montecarlo, plotting

setting = taken_by(si.DEFAULTS, globals())
kind = si.Network if services == "all" else si.Scenario
ROLES = dict(zip(si.SCHEMES, ("exact", "benchmark_1", "benchmark_2", "benchmark_3")))
NAMES = dict(zip(si.SCHEMES, ("joint optimum", "SP-EPA", "PA-ESP", "RA")))
factors = np.array(floor_factors)
floors_mbps = factors * min_sensing_bps / 1e6


def batch(factor, cls=kind):
    floors = {"min_sensing_bps": factor * min_sensing_bps}
    floors["min_rate_bps"] = factor * min_rate_bps
    return cls.random_batch(np.random.default_rng(seed), draws, **setting | floors)


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
kept = Curves("sensing_floor_mbps", floors_mbps)
for scheme, curve in result.own.items():
    role, look = ROLES[scheme], {"label": NAMES[scheme]}
    kept.draw(axes[0], f"{scheme}_own", curve, role, unit=1e9, **look)
    lost = 100 * result.infeasible[scheme] / draws
    kept.draw(axes[1], f"{scheme}_infeasible_percent", lost, role, **look)
for ax, name, label in (
    (axes[0], "own", "Sum of rates (Gbit/s)"),
    (axes[1], "infeasible_percent", "Drops without a solution (%)"),
):
    main = before["sensing_floor_mbps"], before[f"joint_{name}"]
    plotting.line(ax, *main, "reference", label="joint, main run")
    ax.set(xlabel="Sensing floor (Mbit/s)", ylabel=label, ylim=(0, None))
axes[1].legend(fontsize="x-small")
figures.show(
    fig,
    "sum_vs_floors",
    data=kept.columns,
    caption="Left: mean sum of rates over the drops that each scheme can serve. Right: the drops that it cannot; joint optimum, SP-EPA and RA may lie on "
    "top of each other. Grey: the joint optimum of the main run. Averages over different drops may not be compared without the right panel.",
    alt="Two panels against the sensing floor: sum of rates per scheme, and percentage of infeasible drops per scheme, each with the main run in grey. "
    f"The joint optimum goes from {result.own['joint'].mean[0] / 1e9:.2f} to {result.own['joint'].mean[-1] / 1e9:.2f} Gbit/s.",
)

# %% [markdown]
# ## Who gets the band
#
# The band is divided among the services of this set. Where they are not those of the paper, the two networks are compared on the drops that both can serve.

# %% tags=["hide-input"]
semi = [si.solve_exact_batch(batch(factor, si.Scenario)) for factor in factors]


def wanted(table):
    """Sum of the four rates that were asked for: sensing of users 0 and 1, communication of users 1 and 2."""
    if table.ndim == 2:
        return table.sum(axis=1)
    return table[:, :2, 0].sum(axis=1) + table[:, 1:, 1].sum(axis=1)


mine = np.stack([point.value["joint"] for point in points], axis=1)
asked = np.stack([wanted(point.rates_bps["joint"]) for point in points], axis=1)
theirs = np.stack([wanted(solved.rates_bps) for solved in semi], axis=1)
everywhere = np.isfinite(mine).all(axis=1) & np.isfinite(theirs).all(axis=1)
both = services == "all"  # with the paper's services the two networks are one
fig, axes = plotting.subplots(1, 1 + both, width=7.4 if both else 5.0, height=3.2)
axes = np.atleast_1d(axes)
kept = Curves("sensing_floor_mbps", floors_mbps)
tables_of = {"exact": (mine, "all ISaC, all rates" if both else "semi-ISaC network")}
if both:
    tables_of["paper"] = (theirs, "semi-ISaC network")
    tables_of["benchmark_1"] = (asked, "all ISaC, rates asked for")
for role, (table, name) in tables_of.items():
    curve = montecarlo.average(table / 1e9, everywhere)
    names = [f"{role}_common{end}" for end in ("", "_low", "_high")]
    kept.columns |= dict(zip(names, (curve.mean, curve.low, curve.high)))
    if both:
        kept.draw(axes[0], names[0], curve, role, label=name)
axes[0].set(xlabel="Sensing floor (Mbit/s)", ylabel="Sum of rates (Gbit/s)")
axes[0].set(ylim=(0, None))
if both:
    axes[0].set_title(f"{int(everywhere.sum())} common drops")
    axes[0].legend(fontsize="x-small")
said = "Shares"
if both:
    said = (
        "Left: sum of rates on the drops that both networks can serve at every point. A network of ISaC users earns more bits in total, since each band "
        "is used twice, but fewer of those that were asked for. Right: shares"
    )
shares = np.stack([point.shares["joint"] for point in points], axis=1)
curve = montecarlo.average(shares)
old = figures.baseline("results", "spectrum_shares")
for user, name in enumerate(("user 0", "user 1", "user 2")):
    look = {"low": curve.low[:, user], "high": curve.high[:, user], "label": name}
    plotting.line(axes[-1], floors_mbps, curve.mean[:, user], user, **look)
    kept.columns[f"share_user_{user}"] = curve.mean[:, user]
    thin = {"color": plotting.style(user)["color"], "linewidth": 0.8, "alpha": 0.7}
    axes[-1].plot(old["sensing_floor_mbps"], old[f"joint_user_{user}"], **thin)
axes[-1].set(xlabel="Sensing floor (Mbit/s)", ylabel="Share of the band (1)")
axes[-1].set(ylim=(0, 1))
axes[-1].legend(fontsize="x-small")
ends = " and ".join(f"user {u} {curve.mean[-1, u]:.2f}" for u in range(3))
figures.show(
    fig,
    "common_drops",
    data=kept.columns,
    caption=f"{said} of the band at the joint optimum, over its own drops; thin lines without markers: the main run.",
    alt=("Left: sums of rates on common drops. " if both else "")
    + f"Shares of the three users over the sensing floor, with thin lines for the main run; at the highest floors {ends}.",
)

# %% tags=["hide-input"]
here = int(np.argmin(np.abs(factors - 1)))
most = int(np.argmax(np.nan_to_num(curve.mean[here])))
known = before["sensing_floor_mbps"]
main_gbps, main_lost = (
    float(figures.within(floors_mbps[here], known, before[f"joint_{name}"]))
    for name in ("own", "infeasible_percent")
)
lost = 100 * result.infeasible["joint"][here] / draws
first = (
    f"At a sensing floor of {floors_mbps[here]:g} Mbit/s the joint optimum carries {result.own['joint'].mean[here] / 1e9:.3g} Gbit/s "
    f"({main_gbps:.3g} in the main run), with {100 * curve.mean[here, most]:.0f} % of the band for user {most}; "
    f"{lost:.0f} % of the drops cannot be served ({main_lost:.0f} %)."
)
second = "The three users keep the paper's services."
if services == "all":
    rates = [float(np.mean(t[everywhere, here])) / 1e9 for t in (mine, asked, theirs)]
    second = (
        f"On the drops that both networks can serve it carries {rates[0]:.3g} Gbit/s, {rates[1]:.3g} of them asked for, and the network that serves only "
        f"what was asked for {rates[2]:.3g}."
    )
answers.answer(f"{first} {second}")
