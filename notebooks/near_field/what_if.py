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

# %% tags=["parameters"]
seed = 1
ap_x_m = [30.0, 10.0, 60.0]
ap_y_m = [70.0, 20.0, 30.0]
user_x_m = [20.0, 25.0, 40.0, 35.0]
user_y_m = [30.0, 40.0, 30.0, 60.0]
array_orientation = "centre"
antennas = 21
antenna_spacing_m = 0.0265
carrier_hz = 28.0e9
path_gain = "printed"
noise_dbm = -70.0
sensing_processing_gain_db = 0.0
block_s = 0.1
sensing_block_s = 1.0e-3
comm_power_dbm = 30.0
sensing_power_dbm = 40.0
crlb_limit_m2 = 1.0e-11
error_slope_per_m = 373.0
time_allocation = 0.2
power_sweep_dbm = [20.0, 22.5, 25.0, 27.5, 30.0, 32.5, 35.0, 37.5, 40.0]
curve_errors = [6.0e-4, 1.18e-3]
sinr_tolerance = 1.0e-2
title = "As printed"
question = "What if the paper's numbers are used as they stand?"

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
from compendium.notebook import answers, figures, tables
from compendium.notebook.curves import Curves
from compendium.notebook.given import taken_by

from isaclib import InfeasibleScenario, SolverFailure
from isaclib import near_field as nf
from isaclib.foundations import plotting, units

aps = np.column_stack([ap_x_m, ap_y_m])
scenario = nf.Scenario.random(
    np.random.default_rng(seed),
    array_angles_rad=None if array_orientation == "centre" else np.zeros(len(aps)),
    **taken_by(nf.Scenario.random, globals()),
)
sensing = nf.optimise_sensing(scenario, fallback=True)
located = bool(np.isfinite(sensing.crlb_bar_m2))
if located:
    print("The covariances with the least position bound (m²), by a", end=" ")
    print(str(sensing.certificate).replace(": ", ":\n  ", 1))
else:
    print("No covariance identifies all positions: the position bound is infinite.")

# %% [markdown]
# ## Can the limit be met?
#
# The optimal covariance, its certificate, and what they mean for the time allocation.

# %%
attainable = sensing.crlb_bar_m2 * sensing_block_s / block_s
try:
    largest_share = f"{nf.largest_time_allocation(scenario, sensing):.3f}"
except (InfeasibleScenario, SolverFailure) as error:
    if located:
        print(str(error).replace("; ", ";\n  "))
    largest_share = "none"
proven = sensing.certificate.bound * sensing_block_s / block_s
unmet = "cannot be met by any share of the time"
if proven < crlb_limit_m2:
    unmet = "is met by no share of the time that is known"
at_share = nf.crlb_m2(scenario, sensing.covariances, time_allocation)


# %% tags=["hide-input"]
def micrometres(length_m):
    """Three digits, without a power of ten."""
    return f"{1e6 * length_m:,.0f}" if length_m >= 1e-4 else f"{1e6 * length_m:.3g}"


distances = nf.centre_distances_m(scenario)
root_um = micrometres(np.sqrt(at_share))
gain_db = nf.calibrated_gain_db(scenario, sensing, 0.2)
report = {
    "limit (m²)": crlb_limit_m2,
    "attained when the whole block senses (m²)": attainable,
    "proven lower bound for every covariance (m²)": proven,
    "attained / limit": attainable / crlb_limit_m2,
    "largest communication share under the limit": largest_share,
    f"root of the bound at the share {time_allocation:g} (µm)": root_um,
    "relative channel error there, eq. (4)": nf.relative_error(
        scenario, sensing.crlb_bar_m2, time_allocation
    ),
    "processing gain in use (dB)": sensing_processing_gain_db,
    f"processing gain for a share of 0.2 at {sensing_power_dbm:g} dBm (dB)": gain_db,
    "border of the near field (m)": scenario.rayleigh_distance_m,
    "nearest and farthest user (m)": f"{distances.min():.1f} and {distances.max():.1f}",
}
tables.facts(
    report,
    caption="The certificate in numbers. A relative channel error above 1 means that nothing is known about the channel.",
)

# %% [markdown]
# ## Beside the main run
#
# The same bound for this set and for the main run, whose numbers are read from its figure.

# %%
base = figures.baseline("results", "crlb_vs_power")
sweep_w = units.dbm_to_w(np.array(power_sweep_dbm))
here = np.sqrt(at_share * scenario.sensing_power_w / sweep_w)
isotropic = [np.eye(antennas) * scenario.sensing_power_w / antennas] * len(aps)
even_bound = nf.crlb_m2(scenario, isotropic, time_allocation)
even = np.sqrt(even_bound * scenario.sensing_power_w / sweep_w)

# %% tags=["hide-input"]
figure, axes = plotting.subplots(1, 1)
curves = Curves("sensing_power_dbm", power_sweep_dbm)
curves.draw(axes, "optimal_m", here, "exact", label="here, optimal")
curves.draw(axes, "isotropic_m", even, 1, label="here, isotropic")
main = base["sensing_power_dbm"], base["optimal_m3_m"]
plotting.line(axes, *main, 0, label="main run, optimal")
axes.axhline(np.sqrt(crlb_limit_m2), **plotting.role("reference"), label="limit")
axes.set(xlabel="Sensing power per AP (dBm)", yscale="log")
axes.set_ylabel("Root of the position bound (m)")
axes.legend()
curves.show(
    figure,
    "crlb_vs_power",
    caption=f"Root of the position bound against the sensing power for this set and for the main run, at the share {time_allocation:g}. Where a curve "
    "lies above the limit, the users must be looked at for longer than that share allows, or the limit cannot be met at all."
    + " This set has no curve: no covariance identifies all its positions."
    * (not located),
    alt=f"Parallel falling lines on a logarithmic scale. At {power_sweep_dbm[-1]:g} dBm this set has {here[-1]:.2g} m with the optimal and {even[-1]:.2g} m with the isotropic "
    f"covariance, the main run {base['optimal_m3_m'].iloc[-1]:.2g} m at its highest power; the limit is a horizontal line at {np.sqrt(crlb_limit_m2):.2g} m.",
    paper="Fig. 4",
)

# %% [markdown]
# ## What the beams make of it
#
# The best beams, beams that ignore the errors, and matched beams (MRT), for this set and for the main run. The relative channel errors
# are given and equal for both, whatever the sensing attains: what it attains here stands in the table above. The last column says how
# near matched beams come to the best ones; the paper expects them to be nearly optimal on large arrays.

# %%
h = nf.channels(scenario)
norms = np.linalg.norm(h, axis=2)
noise, power = scenario.noise_w, scenario.comm_power_w
curve = nf.SinrCurve(h, noise, tolerance=sinr_tolerance)
matched = nf.SinrCurve(h, noise, tolerance=sinr_tolerance, matched=True)
unaware = nf.robust_sinr(h, 0 * norms, noise, power, tolerance=sinr_tolerance)
rows = []
for e in sorted(curve_errors):
    best, mrt = curve.solve(e, power).sinr, matched.solve(e, power).sinr
    ei = nf.worst_sinr(h, e * norms, unaware.beams, noise).min()
    rows.append((e, best, ei, mrt))
SCHEMES = ["exact", "ignorant", "matched"]
here = pd.DataFrame(rows, columns=["relative_error", *SCHEMES])
base = figures.baseline("beamforming", "robust_sinr")
efficiency = np.log2(1 + here[SCHEMES])
part = efficiency.matched / efficiency.exact

# %% tags=["hide-input"]
tables.table(
    {
        "relative channel error": here.relative_error,
        "best beams (bit/s/Hz)": efficiency.exact,
        "error-ignorant (bit/s/Hz)": efficiency.ignorant,
        "matched (bit/s/Hz)": efficiency.matched,
        "matched / best": part,
    },
    formats={"matched / best": ".2f"},
    caption="Guaranteed spectral efficiency of the worst user in the communication phase.",
)

# %% tags=["hide-input"]
figure, axes = plotting.subplots(1, 2, sharey=True)
labels = "best beams", "error-ignorant (EI)", "matched (MRT)"
lines = [*zip(SCHEMES, ("exact", "benchmark_1", "benchmark_2"), labels)]
for ax, table, name in ((axes[0], here, "here"), (axes[1], base, "main run")):
    for column, role, label in lines:
        rate = np.log2(1 + table[column])
        plotting.line(ax, 1e3 * table.relative_error, rate, role, label=label)
    ax.set(xlabel=r"Relative channel error ($10^{-3}$)", title=name)
axes[0].set(ylabel="Spectral efficiency (bit/s/Hz)", ylim=(0, None))
axes[0].legend(loc="lower right")
figures.show(
    figure,
    "robust_efficiency",
    data=pd.concat([here.assign(run="here"), base[here.columns].assign(run="base")]),
    caption="Guaranteed spectral efficiency of the worst user against the relative channel error: this set (left) and the main run (right), which goes "
    "to larger errors.",
    alt="Two panels with the same vertical axis, this set and the main run: best, error-ignorant and matched beams; "
    f"at this set's largest error {efficiency.exact.iloc[-1]:.1f}, {efficiency.ignorant.iloc[-1]:.1f} and {efficiency.matched.iloc[-1]:.1f} bit/s/Hz.",
)

# %% [markdown]
# ## In short

# %% tags=["hide-input"]
old = figures.baseline("results", "crlb_vs_power")
old_root = np.exp(
    figures.within(sensing_power_dbm, old.sensing_power_dbm, np.log(old.optimal_m3_m))
)
error = here.relative_error.iloc[-1]
old_best, old_matched = (
    np.log2(1 + figures.within(error, base.relative_error, base[name]))
    for name in ("exact", "matched")
)
now = efficiency.iloc[-1]
old_ratio, ratio = f"{old_matched / old_best:.2f}", f"{part.iloc[-1]:.2f}"
met = f"leaves at most the share {largest_share} of the block to communication."
if largest_share == "none":
    met = f"{unmet}."
tables.table(
    tables.written(f"""
    quantity | main run | this set
    root of the position bound at {sensing_power_dbm:g} dBm (µm) | {micrometres(old_root)} | {root_um}
    best beams at the error {error:g} (bit/s/Hz) | {old_best:.2f} | {now.exact:.2f}
    matched beams there (bit/s/Hz) | {old_matched:.2f} | {now.matched:.2f}
    matched / best | {old_ratio} | {ratio}
    """),
    caption=f"In this set the limit of {crlb_limit_m2:g} m² {met}",
)

# %% tags=["hide-input"]
possible = "" if largest_share == "none" else "can be met, and "
root = f"is {root_um} µm"
if not located:
    root = "is infinite, since no covariance identifies all positions"
answers.answer(
    f"The position limit of {crlb_limit_m2:g} m² {possible}{met} "
    f"At {sensing_power_dbm:g} dBm the root of the position bound {root} ({micrometres(old_root)} µm in the main run), and at the same "
    f"channel error matched beams reach {ratio} of the best ones ({old_ratio})."
)
