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
# # A tiny assignment
#
# Small enough that a test of the machinery takes a second.

# %% tags=["parameters"] nbgrader={"grade_id": "parameters", "locked": true}
count = 3  # how many; variant: 2..9
slope = 0.5  # per metre; variant: 0.25..1.5 step 0.25
levels = [1.0, 20.0]  # variant: 0..2 | 10..30
order = 2  # variant: one of 2, 4, 8

# %% [markdown]
# ## Double $x$


# %% nbgrader={"grade_id": "double", "solution": true}
def double(x):
    ### BEGIN SOLUTION
    # SENTINEL-TINY-1
    return 2 * x
    ### END SOLUTION


# %% nbgrader={"grade_id": "double-test", "grade": true, "points": 2}
assert double(count) == 2 * count, "twice the count"
### BEGIN HIDDEN TESTS
# SENTINEL-TINY-HIDDEN-1
assert double(-1.5) == -3
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "line", "solution": true}
def line(x):
    ### BEGIN SOLUTION
    # SENTINEL-TINY-2
    return slope * x
    ### END SOLUTION


# %% nbgrader={"grade_id": "line-test", "grade": true, "points": 3}
assert line(4) == 4 * slope, "a line"

# %% [markdown]
# ## Say why
#
# **Rubric.** 2 points: a reason.

# %% [markdown] nbgrader={"grade_id": "why", "grade": true, "solution": true, "points": 2}
# ### BEGIN SOLUTION
# SENTINEL-TINY-3: because $2x = x + x$.
# ### END SOLUTION
