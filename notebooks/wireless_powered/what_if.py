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
# The numbers of the chapter's main run stand beside ours; both use the certified optimum of {doc}`model`.

# %% tags=["parameters"]
title = "Without a change"
question = "Does the chapter's main run come out again?"
seed = 7
draws = 24
users = 10
targets = 10
radius_m = 10.0
min_distance_m = 1.0
path_loss_at_1m = 1.0e-3
path_loss_exponent = 2.5
fading = "rayleigh"
bs_power_w = 10.0
max_power_w = 2.0
time_budget_s = 10.0
bandwidth_hz = 1.0e6
noise_dbm = -70.0
harvest_efficiency = 0.7
crb_limit_m2 = 0.05
sensing = "power"
crb_limits_m2 = [0.02, 0.05, 0.1]
wpt_sensing = True

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
from compendium.notebook import answers, figures, tables
from compendium.notebook.curves import average_line
from compendium.notebook.given import taken_by

from isaclib import wireless_powered as wp
from isaclib.foundations import montecarlo, plotting

law = taken_by(wp.Scenario.random, globals())
batch = wp.Scenario.random_batch(np.random.default_rng(seed), draws, **law)
whole = batch  # the same draws without the change, where the change leaves the draws as they are
if not wpt_sensing:
    gains = batch.gain_transmitter_target * (np.arange(users + 1) > 0)[:, None]
    batch = type(batch)(
        [one.replace(gain_transmitter_target=own) for one, own in zip(batch, gains)]
    )
limits = np.array(crb_limits_m2)
schemes = {"exact": (wp.solve_exact_batch, "exact", "optimum")}
if sensing == "power":  # the comparison schemes are made for the printed information
    schemes["equal_time"] = wp.solve_equal_time_batch, "benchmark_1", "equal times"
    schemes["full_power"] = wp.solve_max_power_batch, "benchmark_2", "full power"


def sweep(batch):
    """What every scheme finds on every draw at every limit, (D, limits), nan where infeasible; and the largest gap."""
    bits, gap = {}, 0.0
    for name, (solve, *_) in schemes.items():
        found = [solve(batch.replace(crb_limit_m2=float(v))) for v in limits]
        for r in found:  # only what is proven is averaged
            assert np.all(r.status[r.feasible] == "optimal")
            gap = max(gap, r.gap[r.feasible].max(initial=0) if name == "exact" else 0)
        bits[name] = np.stack([r.min_throughput_bit for r in found], axis=1)
    return bits, gap


bits, gap = sweep(batch)
keep = np.isfinite(bits["exact"]).all(axis=1)
missing = np.mean(~np.isfinite(bits["exact"]), axis=0)
paired = whole is not batch
here = wp.solve_exact_batch(batch)
print(
    f"largest certified gap {gap:.1e}; at {crb_limit_m2:g} m² {100 * here.feasible.mean():.1f} % of the draws are feasible"
)

# %% tags=["hide-input"]
base = figures.baseline("results", "throughput_vs_crb_limit_average")
if paired:
    unchanged, _ = sweep(whole)
    lost = ~np.isfinite(unchanged["exact"])
    keep &= ~lost.any(axis=1)
    base = pd.DataFrame({"axis": limits, "infeasible_share": lost.mean(axis=0)})
    for name, values in unchanged.items():
        base[f"{name}_bit"] = values[keep].mean(axis=0) if keep.any() else np.nan
layout = {"sharex": True, "height_ratios": [3, 1]}
fig, (ax, below) = plotting.subplots(2, 1, width=6.4, height=5.4, **layout)
data = {"crb_limit_m2": limits, "infeasible_share": missing}
data["draws_kept"] = np.full(len(limits), keep.sum())
for name, (_, role, label) in schemes.items():
    mean = montecarlo.average(bits[name], keep)
    average_line(ax, limits, mean, role, unit=1e3, label=label)
    data |= {f"{name}_bit": mean.mean, f"{name}_low": mean.low}
    data[f"{name}_high"] = mean.high
label = "optimum without the change" if paired else "optimum of the main run"
plotting.line(ax, base["axis"], base["exact_bit"] / 1e3, "reference", label=label)
plotting.line(below, limits, 100 * missing, "exact")
plotting.line(below, base["axis"], 100 * base["infeasible_share"], "reference")
ax.set(xscale="log", yscale="log", ylabel="Minimum throughput (kbit)")
ax.legend()
below.set(xlabel="CRB limit (m$^2$)", ylabel="Infeasible (%)")
means = ", with 95 % bands"
if not keep.any():
    means = ": none is, and no curve of ours is drawn"
against = "the same draws without the change"
if not paired:
    against = "the main run, over its own draws"
unlike = ""
if sensing == "energy":
    unlike = (
        " The limits of the main run are far larger because a power in watts counts once, and an energy with every one of its samples. "
        "Where a cap binds, a barrier method takes the place of the search."
    )
figures.show(
    fig,
    "throughput_vs_crb_limit",
    data=data,
    caption=f"{title}: mean over the {keep.sum()} of {draws} draws that are feasible at every limit{means}, and the share of infeasible draws (at {crb_limit_m2:g} m²: {100 - 100 * here.feasible.mean():.1f} %). "
    f"Grey: {against}.{unlike}",
    alt=f"Mean minimum throughput over the CRB limit: the optimum has {data['exact_bit'][0] / 1e3:.3g} kbit at {limits[0]:g} m² and {data['exact_bit'][-1] / 1e3:.3g} kbit at "
    f"{limits[-1]:g} m²; beside it the optimum of what it is compared with, below the share of infeasible draws.",
    solver="scalar search" + (", barrier method" if sensing == "energy" else ""),
)

# %% [markdown]
# What the frame is used for, draw by draw, and what the limit leaves of the throughput.

# %% tags=["hide-input"]
free = wp.solve_exact_batch(batch.replace(crb_limit_m2=float("inf")))
ok = here.feasible
kept = here.min_throughput_bit[ok] / free.min_throughput_bit[ok]
shares = {
    "with the limit": here.charging_time_s[ok] / time_budget_s,
    "without it": free.charging_time_s[ok] / time_budget_s,
}
if not ok.any():
    print(f"No draw meets {crb_limit_m2:g} m²: there is no frame to show.")
else:
    fig, panels = plotting.subplots(1, 2, width=7.2, height=3.4, sharey=True)
    level = (1 + np.arange(ok.sum())) / ok.sum()
    for i, (name, values) in enumerate(shares.items()):
        look = plotting.style(i) | {"marker": "", "label": name}
        panels[0].step(np.sort(values), level, where="post", **look)
    look = {"color": plotting.role("exact")["color"]}
    panels[1].step(np.sort(kept), level, where="post", **look)
    panels[0].set_xlabel("Share of the frame spent charging (1)")
    panels[0].set_ylabel("Share of the draws (1)")
    panels[1].set_xlabel("Throughput kept under the limit (1)")
    panels[0].legend(loc="upper left")
    names = "charging_share", "charging_share_free", "throughput_kept"
    figures.show(
        fig,
        "frame_use",
        data=dict(zip(names, (*shares.values(), kept))),
        caption=f"Distribution over the {ok.sum()} of {draws} draws that are feasible at a limit of {crb_limit_m2:g} m²: charging share "
        "with and without the limit (left), and what the limit leaves of the throughput (right; median "
        f"{100 * np.median(kept):.1f} %).",
        alt="Two distribution functions: share of the frame spent charging with and without the sensing limit, "
        "and the share of throughput kept under the limit.",
    )

# %% [markdown]
# ## In short
#
# The tightest limit of each run's axis at which at least nine draws in ten are feasible, and what is left of the throughput there.


# %% tags=["hide-input"]
none = "none of the axis"


def in_short(axis, infeasible, optimum_bit, equal_bit=None):
    """What a run says at its tightest limit with at most a tenth of the draws infeasible."""
    meets = np.flatnonzero(np.asarray(infeasible) <= 0.1)
    if not len(meets):
        return [none, "", ""]
    i = int(meets[np.argmin(np.asarray(axis)[meets])])
    limit, optimum = f"{float(axis[i]):g}", float(optimum_bit[i])
    if np.isnan(optimum):
        return [limit, "no draw meets every limit", ""]
    ratio = "" if equal_bit is None else f"{optimum / float(equal_bit[i]):.2f}"
    return [limit, tables.number(optimum / 1e3), ratio]


# No equal times in a main run that is compared with draws of our own.
columns = (base.get(f"{name}_bit") for name in ("exact", "equal_time"))
main = in_short(base["axis"], base["infeasible_share"], *columns)
ours = in_short(limits, missing, data["exact_bit"], data.get("equal_time_bit"))
quantities = [
    "tightest limit with 90 % of the draws feasible (m²)",
    "mean throughput of the optimum there (kbit)",
    "optimum over equal times there (1)",
]
against = "same draws without the change" if paired else "main run"
tables.table(
    {"quantity": quantities, against: main, "this run": ours},
    caption="Means over the draws that are feasible at every limit of the axis, as in the first figure; equal times are "
    "only compared where the information counts power.",
)

# %% tags=["hide-input"]
beside = "without the change" if paired else "in the main run"
if ours[0] != none:
    first = f"Nine draws in ten can be served down to a limit of {ours[0]} m² (to {main[0]} m² {beside})."
    second = f"There the optimum delivers {ours[1]} kbit to the poorest user in the mean over the {keep.sum()} draws that meet every limit of the axis ({main[1]} kbit {beside}, at its own limit)."
else:
    first = f"No limit of the axis can be met by nine draws in ten; {beside} they can down to {main[0]} m²."
    second = f"At the loosest limit {100 * (1 - missing[np.argmax(limits)]):.0f} % of the draws are feasible."
answers.answer(f"{first} {second}")
