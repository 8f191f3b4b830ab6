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
# # Results

# %% tags=["parameters"]
slope = 1.0
points = 5
levels = [0.0]
kind = "plain"
seed = 1

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from compendium.notebook import claims, explorers, figures, tables
from isaclib.foundations import plotting

# %% tags=["hide-input"]
x = np.linspace(0, 1, points)
figure, axes = plotting.subplots()
plotting.line(axes, x, slope * x**2, "exact", label="exact")
plotting.line(axes, x, slope * x, "paper", label="paper")
axes.set(xlabel="Distance $x$ (m)", ylabel="Height (m$^2$)")
axes.legend()
figures.show(
    figure,
    "parabola",
    data={"x_m": x, "height_m2": slope * x**2},
    caption="A parabola with slope $s$, as in {eq}`demo-parabola`.",
    alt="A parabola rises from the origin.",
    paper="Fig. 1",
)

# %% [markdown]
# {numref}`fig-demo-parabola` rises.

# %% tags=["hide-input"]
claims.record(
    "009-C1", ours=f"height {slope * x[-1] ** 2:.3g} m$^2$ | at the end", tolerance="within 1 %", reproduced=abs(slope - 1) < 0.01
)
tables.table(pd.DataFrame({"level (dB)": levels, "kind": [kind] * len(levels)}), caption="Levels")

# %% tags=["hide-input"]
slopes = np.array([0.5, 1.0, 2.0, 4.0])
ends = np.array([1.0, 2.0, 3.0])
heights = slopes[:, None] * ends**2
heights[3, 2] = np.nan
explorers.show(
    "heights",
    controls=[explorers.Control("Slope", slopes, "1/m"), explorers.Control("End", ends, "m")],
    readouts=[explorers.Readout("Height", heights, "m²")],
    bars=[explorers.Bars("Shares", ["a", "b"], np.stack([heights, 2 * heights], axis=-1), "m²")],
    caption="Move the slope and the end.",
    fallback="parabola",
)
