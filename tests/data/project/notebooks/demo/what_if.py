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
# {question}
#
# {answer}

# %% tags=["parameters"]
slope = 2.0
points = 5
title = ""
question = ""

# %% tags=["hide-input"]
import numpy as np

from compendium.notebook import answers, figures
from isaclib.foundations import plotting

base = figures.baseline("results", "parabola")
x = np.linspace(0, 1, points)
figure, (axes, beside) = plotting.subplots(1, 2)
plotting.line(axes, base.x_m, base.height_m2, "reference", label="base")
plotting.line(axes, x, slope * x**2, "exact", label="steeper")
plotting.line(beside, x, slope * x, "exact")
for each in (axes, beside):
    each.set(xlabel="Distance (m)", ylabel="Height (m$^2$)")
figures.show(figure, "steeper", data={"x_m": x}, caption="The base curve and the steeper one.", alt="Two parabolas, one steeper.")
answers.answer(f"It ends {slope:g} times as high. The rest is as before.")
