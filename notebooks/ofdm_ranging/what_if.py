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
seed = 22
carriers = 128
subcarrier_spacing_hz = 1000000.0
mean_snr_db = 0.0
taps = 8
tap_decay = 2.0
power_budget_w = 1.0
echo_gain_db = -20.0
symbols = 64
sidelobe_start = 1.5
sweep_limits_db = [-8.0, -12.0, -16.0, -20.0, -24.0, -28.0, -30.0, -32.0, -34.0]
sweep_draws = 24
weak_target_db = -16.0
weak_target_delay = 4.4
detection_symbols = 16384
detection_trials = 50
title = ""
question = ""

# %% tags=["hide-input"]
import numpy as np
from compendium.notebook import answers, figures
from compendium.notebook.draws import on_draws
from compendium.notebook.given import taken_by

from isaclib import SolverFailure
from isaclib import ofdm_ranging as ofdm
from isaclib.foundations import montecarlo, plotting

setting = taken_by(ofdm.Scenario.random, globals())


def one(rng):
    """Per limit: loss (Mbit/s), relative widening, width (m), share of detections of the weak target, gap of the optimum (1);
    nan where the limit cannot be met, infinite where neither that nor an allocation was proven."""
    draw = ofdm.Scenario.random(rng, **setting)
    free = ofdm.waterfill(draw)
    width = ofdm.main_lobe_width_m(draw, free.powers_w)
    scene = draw.replace(symbols=detection_symbols)
    rows = np.full((len(sweep_limits_db), 5), np.nan)
    noise = rng.spawn(1)[0].integers(2**32)
    weak = {"weak_db": weak_target_db, "separation": weak_target_delay}
    for row, limit in enumerate(sweep_limits_db):
        try:
            found = ofdm.solve_exact(draw, peak_sidelobe_db=limit, fallback=True)
        except SolverFailure:
            rows[row] = np.inf
            continue
        if found.mode != "isac":
            continue
        powers = found.powers_w
        lobe = ofdm.main_lobe_width_m(draw, powers)
        again = np.random.default_rng(noise), detection_trials
        seen = ofdm.weak_target_detection(scene, powers, *again, **weak)
        loss = (free.capacity_bps - found.capacity_bps) / 1e6
        widening = 100 * (lobe / width - 1)
        rows[row] = loss, widening, lobe, seen, found.certificate.gap
    return rows


samples = np.array(on_draws(one, [seed, 2], sweep_draws))
keep = np.isfinite(samples).all(axis=(0, 2))
undecided = np.isinf(samples).any(axis=(0, 2))
asked_db = np.array(sweep_limits_db)
impossible = asked_db[~keep & ~undecided].tolist()
if not keep.all():  # a limit that not all channels meet is left out for all
    samples[:, ~keep] = np.nan
coarse = samples[:, :, 4] > 1e-6
if not keep.any():  # nothing to average: curves without a value
    keep[:] = True
limits = asked_db[keep]
mean = montecarlo.average(samples[:, keep])
cell = ofdm.Scenario.random(np.random.default_rng(seed), **setting).range_cell_m
print(
    f"one cell c/(2B) is {cell:.4g} m; limits that some channel cannot meet:", end=" "
)
print(impossible or "none")
if undecided.any():
    print(
        "Limits neither met nor proven impossible on some channel, left out:", end=" "
    )
    print(asked_db[undecided].tolist())
if coarse.any():
    print(
        f"{int(coarse.sum())} of {int(np.isfinite(samples[:, :, 4]).sum())} allocations are not proven optimal: the "
        f"loss may be too large by up to {np.nanmax(samples[:, :, 4]):.1g} of the capacity."
    )

# %% [markdown]
# ## The price of a sidelobe limit

# %% tags=["hide-input"]
base = figures.baseline("results", "cost_of_sidelobes")
spacing = f"{subcarrier_spacing_hz / 1e3:g} kHz"
if subcarrier_spacing_hz >= 1e6:
    spacing = f"{subcarrier_spacing_hz / 1e6:g} MHz"
base_x = base.filter(like="limit_db_").iloc[:, 0]
figure, panels = plotting.subplots(1, 2, height=3.4)
data = {"limit_db": limits}
for axes, column, name, label in (
    (panels[0], 0, "loss_mbps", "Capacity loss (Mbit/s)"),
    (panels[1], 1, "widening_percent", "Main-lobe widening (%)"),
):
    data[name], low, high = (
        part[:, column] for part in (mean.mean, mean.low, mean.high)
    )
    look = {"low": low, "high": high, "label": "here"}
    plotting.line(axes, limits, data[name], "exact", **look)
    main = base.filter(regex=f"^{name}_[^_]*$").iloc[:, 0]
    plotting.line(axes, base_x, main, "reference", label="main run")
    axes.set(xlabel="Sidelobe limit (dB)", ylabel=label)
    axes.invert_xaxis()
panels[0].legend()
figures.show(
    figure,
    "cost_of_sidelobes",
    data=data | {"width_m": mean.mean[:, 2]},
    caption=f"Capacity loss and main-lobe widening with sidelobes counted from {sidelobe_start:g}/B on and {spacing} between carriers, "
    f"mean of {sweep_draws} channels with 95 % bands, beside the main run (on top of it where only the target differs, and for "
    f"the widening, which is relative, where only the spacing differs). At the tightest limit here the main lobe is {mean.mean[-1, 2]:.3g} m wide.",
    alt=f"Capacity loss and widening over the sidelobe limit, {mean.mean[-1, 0]:.3g} Mbit/s and {mean.mean[-1, 1]:.3g} % at {limits[-1]:g} dB, each with the main "
    "run's curve for comparison.",
    paper="Fig. 2",
    solver="interior point with cuts (isaclib)",
)

# %% [markdown]
# ## Who is hidden by sidelobes
#
# A second echo, weaker and a few cells behind. It is seen when its peak is the highest outside the strong echo's main lobe.
# Enough symbols are averaged that neither noise nor random data decide: what is left is masking by sidelobes, and the weak echo's
# own loss where it meets them in opposite phase.

# %% tags=["hide-input"]
seen, seen_low, seen_high = (
    100 * np.clip(values[:, 3], 0, 1) for values in (mean.mean, mean.low, mean.high)
)
figure, panels = plotting.subplots(1, 2, height=3.4)
band = {"low": seen_low, "high": seen_high}
plotting.line(panels[0], limits, seen, "exact", marker="o", **band)
panels[0].axvline(weak_target_db, color="0.35", linewidth=0.8)
place = {"xytext": (-4, 0), "textcoords": "offset points", "ha": "right"}
level = "weak target's level", (weak_target_db, 4)
panels[0].annotate(*level, fontsize="small", **place)
plotting.line(panels[1], mean.mean[:, 0], seen, "exact", marker="o")
panels[1].locator_params(axis="x", nbins=5)
for axes, over in zip(panels, ("Sidelobe limit (dB)", "Capacity loss (Mbit/s)")):
    axes.set(xlabel=over, ylabel="Weak target seen (%)", ylim=(0, 103))
panels[0].invert_xaxis()
figures.show(
    figure,
    "weak_target",
    data={
        "limit_db": limits,
        "seen_percent": seen,
        **band,
        "loss_mbps": mean.mean[:, 0],
    },
    caption=f"Detection of a target {abs(weak_target_db):g} dB below its neighbour and {weak_target_delay:g}/B "
    f"({weak_target_delay * cell:.3g} m) behind it, over the sidelobe limit and over its price. "
    f"{detection_trials} trials on each of {sweep_draws} channels. The paper argues with masking and shows no such figure.",
    alt=f"The share of detections goes from {seen[0]:.0f} % at a sidelobe limit of {limits[0]:g} dB to {seen[-1]:.0f} % at {limits[-1]:g} dB; the weak target's "
    f"level is {weak_target_db:g} dB.",
    solver="interior point with cuts (isaclib)",
)

# %% tags=["hide-input"]
base_loss = base.filter(regex="^loss_mbps_[^_]*$").iloc[:, 0]
there = figures.within(-limits[-1], -base_x.dropna(), base_loss.dropna())
beside = f"{there:.3g} in the main run"
if not np.isfinite(there):
    beside = "the main run's limits do not reach there"
answers.answer(
    f"A sidelobe limit of {limits[-1]:g} dB, the tightest that all channels here can meet, costs {mean.mean[-1, 0]:.3g} Mbit/s of capacity ({beside}) "
    f"and makes the main lobe {mean.mean[-1, 2]:.3g} m wide. A target {abs(weak_target_db):g} dB below its neighbour is then seen in {seen[-1]:.0f} % of the "
    f"trials, and at {limits[0]:g} dB in {seen[0]:.0f} %."
    if np.isfinite(mean.mean[-1, 0])
    else "No limit of the axis can be met by all channels, so that nothing can be averaged."
)
