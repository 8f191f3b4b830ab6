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
# # The model
#
# $$ y = s x^2 $$ (demo-parabola)
#
# By {eq}`demo-parabola` the slope matters; {ref}`chapter-demo` shows it.

# %% tags=["parameters"]
slope = 1.0

# %%
assert slope > 0
slope * 2
