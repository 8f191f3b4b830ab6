# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# # {title}
#
# {question}

# %% tags=["parameters"]
seed = 1
draws = 100
power_budget_w = 4.0
min_echo_snr = 2.0
snr_levels = [0.5, 1.0, 2.0, 4.0]
title = ""
question = ""

# %% tags=["hide-input"]
import numpy as np
from compendium.notebook import figures

from isaclib import InfeasibleScenario
from isaclib import sample_chapter as chapter
from isaclib.foundations import montecarlo, plotting

law = {"power_budget_w": power_budget_w, "min_echo_snr": min_echo_snr}
rng = np.random.default_rng(seed)
table = np.full((draws, len(snr_levels)), np.nan)
for row, child in zip(table, rng.spawn(draws)):
    drop = chapter.Scenario.random(child, **law)
    for place, level in enumerate(snr_levels):
        try:
            asked = drop.replace(min_echo_snr=level)
            row[place] = chapter.solve_exact(asked).certificate.value
        except InfeasibleScenario:
            continue
curve = montecarlo.average(table)
base = figures.baseline("results", "rate_vs_snr")
figure, axes = plotting.subplots()
plotting.line(axes, snr_levels, curve.mean, "exact", label="this set")
plotting.line(axes, base.snr, base.optimum_bps_hz, "reference", label="base set")
axes.set(xlabel="Least SNR of the echo (1)", ylabel="Mean rate (bit/s/Hz)")
axes.legend()
figures.show(
    figure,
    "rate_vs_snr",
    data={"snr": snr_levels, "optimum_bps_hz": curve.mean},
    caption=f"Mean rate of the optimum over {curve.count} of {draws} draws; grey: the base set.",
    alt="The rate over the SNR that the echo needs, beside the base set's.",
)
