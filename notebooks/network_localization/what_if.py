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
# Dashed grey curves repeat the numbers of the chapter's main run, where they can be compared; the table at the end holds the two side by side.

# %% tags=["parameters"]
seed = 2402
base_stations = 3
layout = "vertices"
side_m = 100.0
coverage_radius_m = 100.0
bs_height_m = 10.0
device_height_m = 1.5
carrier_hz = 3500000000.0
subcarrier_spacing_hz = 30000.0
subcarriers = 3276
cross_section_dbsm = 10.0
max_power_dbm = 30.0
self_interference_db = -110.0
min_comm_sinr_db = -5.0
rician_k_db = 5.0
comm_exponent = 2.5
bs_bs_exponent = 2.5
sensing_exponent = 2.0
noise_figure_db = 7.0
processing_gain_db = 0.0
draws = 1000
si_levels_db = [-140, -130, -120, -115, -110, -105, -100, -95, -90, -85, -80]
thresholds_db = [-15.0, -10.0, -7.5, -5.0, -2.5, 0.0, 2.5, 5.0, 7.5, 10.0]
title = "a what-if"
question = "What changes?"

# %% tags=["hide-input"]

import numpy as np
from compendium.notebook import answers, figures, tables
from compendium.notebook.curves import average_line, plain_numbers
from compendium.notebook.given import taken_by

from isaclib import network_localization as nl
from isaclib.foundations import montecarlo, plotting
from isaclib.foundations.units import db_to_linear

settings = taken_by(nl.Scenario.random, globals())
batch = nl.Scenario.random_batch(np.random.default_rng(seed), draws, **settings)
full = np.full((draws, base_stations), batch.max_power_w[0])

# %% tags=["hide-input"]
solved, at_full = {}, {}
for level in si_levels_db:
    case = batch.replace(self_interference_gain=db_to_linear(level))
    solved[level] = nl.solve_exact_batch(case)
    at_full[level] = nl.range_std_m(case, full)
served = solved[si_levels_db[0]].feasible
if not served.any():
    print("No drop of this set meets the users' threshold: nothing can be averaged.")


def averaged(over, stds):
    """Average over the drops served, or nothing where there is none."""
    values = np.stack([over(stds[s][served], axis=1) for s in si_levels_db], axis=1)
    nothing = np.full((1, len(si_levels_db)), np.nan)
    return montecarlo.average(values if len(values) else nothing)


figure, panels = plotting.subplots(1, 2, height=3.5, sharey=True)
base = figures.baseline("results", "per_station")
stations = [name for name in base if name.startswith("exact_std_bs")]
columns_of = {"self_interference_db": si_levels_db}
exact = {level: found.range_std_m for level, found in solved.items()}
known = base.dropna(subset=["self_interference_db"])
before = {"mean": known[stations].mean(axis=1), "worst": known["exact_worst_std_m"]}
for panel, name, over in zip(panels, before, (np.mean, np.max)):
    ours, theirs = averaged(over, exact), averaged(over, at_full)
    average_line(panel, si_levels_db, ours, "exact", label="exact")
    average_line(panel, si_levels_db, theirs, "benchmark_1", label="full power")
    columns_of |= {f"exact_{name}_m": ours.mean, f"full_power_{name}_m": theirs.mean}
    main = known["self_interference_db"], before[name]
    plotting.line(panel, *main, "reference", label="exact, main run")
    panel.set(xlabel="Self-interference (dB)", ylabel="Range STD (m)", yscale="log")
    panel.set_title(f"{name} of the stations")
    plain_numbers(panel.yaxis)
panels[0].legend(fontsize="x-small")
panels[1].set_ylabel("")
figures.show(
    figure,
    "self_interference",
    data=columns_of,
    caption=f"Range accuracy against self-interference, averaged over {served.sum()} feasible drops of {draws}, with 95 % "
    "bands. The dashed curve is the exact optimum of the main run; where it is not seen, it lies under the solid one.",
    alt=f"The optimum's worst station goes from {columns_of['exact_worst_m'][0]:.3g} m at {si_levels_db[0]:g} dB to {columns_of['exact_worst_m'][-1]:.3g} m at {si_levels_db[-1]:g} dB, "
    f"full power's from {columns_of['full_power_worst_m'][0]:.3g} to {columns_of['full_power_worst_m'][-1]:.3g} m. Two panels, mean and worst station: range standard deviation of the optimum and of full power against "
    "self-interference, with the main run's optimum as a dashed curve.",
)

# %% tags=["hide-input"]
by_threshold = {
    t: nl.solve_exact_batch(batch.replace(min_comm_sinr=db_to_linear(t)))
    for t in thresholds_db
}
share = np.array([np.mean(by_threshold[t].feasible) for t in thresholds_db])
gain = []
for t in thresholds_db:
    ok, stds = by_threshold[t].feasible, by_threshold[t].range_std_m
    ratio = nl.range_std_m(batch, full)[ok].max(axis=1) / stds[ok].max(axis=1)
    gain.append(np.median(ratio) if ok.sum() >= 10 else np.nan)

figure, panels = plotting.subplots(1, 2, height=3.3)
plotting.line(panels[0], thresholds_db, share, "exact", label="this set")
feasible = figures.baseline("results", "feasible_drops")
inside = feasible[feasible["threshold_db"] <= max(thresholds_db)]
if len(inside):  # the main run may have higher thresholds only
    main = inside["threshold_db"], inside["share_feasible"]
    plotting.line(panels[0], *main, "reference", label="main run")
panels[0].set(ylabel="Share of feasible drops (1)", ylim=(0, 1.02))
panels[0].legend(fontsize="x-small")
plotting.line(panels[1], thresholds_db, gain, "exact")
panels[1].set_ylabel("Worst STD, full power over exact (1)")
for panel in panels:
    panel.set_xlabel("Users' threshold (dB)")
figures.show(
    figure,
    "thresholds",
    data={
        "threshold_db": thresholds_db,
        "share_feasible": share,
        "median_gain_of_the_worst_station": gain,
    },
    caption="Left: share of drops that can be served. Right: median factor by which the optimum improves the worst "
    "station, over the drops feasible at each threshold (left out where they are fewer than 10).",
    alt="Left: the share of feasible drops falls with the threshold, beside the main run's curve. Right: the factor "
    "gained for the worst station against the threshold.",
)

# %% tags=["hide-input"]
levels, served_rows = np.array(si_levels_db), np.flatnonzero(served)
bounds = {"exact": [], "full power": []}
for level in si_levels_db:
    case = batch.replace(self_interference_gain=db_to_linear(level))
    powers = {"exact": np.nan_to_num(solved[level].powers_w), "full power": full}
    for name, values in powers.items():
        bound = np.sqrt(nl.position_crb_m2(case, values)[served_rows])
        bound = bound if len(bound) else np.nan
        bounds[name].append(np.quantile(bound, [0.1, 0.5, 0.9]))

figure, axes = plotting.subplots(height=3.3)
columns = {"self_interference_db": si_levels_db}
for name, role in (("exact", "exact"), ("full power", "benchmark_1")):
    low, middle, high = np.array(bounds[name]).T
    plotting.line(axes, levels, middle, role, label=name, low=low, high=high)
    key = name.replace(" ", "_")
    columns |= {f"{key}_p10_m": low, f"{key}_median_m": middle, f"{key}_p90_m": high}
axes.set(xlabel="Self-interference (dB)", yscale="log")
axes.set_ylabel("Bound on the position error (m)")
plain_numbers(axes.yaxis)
axes.legend()
figures.show(
    figure,
    "position_bound",
    data=columns,
    caption="Square root of the Cramér-Rao bound on the position, target height known: median over the feasible drops, bands from 10 to "
    "90 %. An estimator can meet it where it is small beside the distances in the network, not where it is tens of metres.",
    alt="Bound on the position error against self-interference for the optimum and for full power, with bands; the optimum's median goes from "
    f"{columns['exact_median_m'][0]:.3g} to {columns['exact_median_m'][-1]:.3g} m.",
)

# %% [markdown]
# ## In short
#
# The same quantities at this set's self-interference and threshold in both runs, averaged over their feasible drops.

# %% tags=["hide-input"]
at_own, at_paper = {}, {}
for scheme, over, theirs in (
    ("exact", "worst", known["exact_worst_std_m"]),
    ("full power", "worst", known["full_power_worst_std_m"]),
    ("exact", "mean", before["mean"]),
    ("full power", "mean", known["full_power_std_m"]),
):
    name, at = f"{scheme}, {over} of the stations (m)", self_interference_db
    ours = columns_of[f"{scheme.replace(' ', '_')}_{over}_m"]
    at_own[name] = figures.within(at, si_levels_db, ours)
    at_paper[name] = figures.within(at, known["self_interference_db"], theirs)
served_share = "drops that can be served (%)"
at_own[served_share] = 100 * figures.within(min_comm_sinr_db, thresholds_db, share)
theirs = feasible["threshold_db"], feasible["share_feasible"]
at_paper[served_share] = 100 * figures.within(min_comm_sinr_db, *theirs)
tables.table(
    {
        "quantity": list(at_own),
        "main run": [f"{at_paper[name]:.3g}" for name in at_own],
        "this set": [f"{value:.3g}" for value in at_own.values()],
    },
    caption=f"At a self-interference of {self_interference_db:.0f} dB and a users' threshold of {min_comm_sinr_db:.0f} dB.",
)

# %% tags=["hide-input"]
worst, at_cap, *_ = at_own
text = f"{at_own[served_share]:.0f} % of the drops can be served ({at_paper[served_share]:.0f} % in the main run)"
if np.isfinite(at_own[worst]):
    answers.answer(
        f"At a self-interference of {self_interference_db:.0f} dB the optimum's worst range has a standard deviation of {at_own[worst]:.3g} m on average, "
        f"against {at_paper[worst]:.3g} m in the main run. Full power has {at_own[at_cap]:.3g} m there; {text}."
    )
else:
    answers.answer(
        f"With these values there is no average at a self-interference of {self_interference_db:.0f} dB; {text}."
    )
