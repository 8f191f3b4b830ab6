# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# (sample-chapter-model)=
# # The model
#
# A link of gain $g$ over noise gets the power $p$, an echo of gain $h$ the
# power $q$. The rate is
#
# $$ R = \log_2(1 + g p) $$ (sample-chapter-rate)
#
# and the echo needs $h q \ge \gamma$ within the budget $p + q \le P$.
# {eq}`sample-chapter-rate` rises with $p$, so that at the optimum both
# constraints hold with equality. The next cell checks it.

# %% tags=["parameters"]
seed = 1
power_budget_w = 1.0
min_echo_snr = 2.0

# %% tags=["hide-input"]
import numpy as np

from isaclib import InfeasibleScenario
from isaclib import sample_chapter as chapter

rng = np.random.default_rng(seed)
law = {"power_budget_w": power_budget_w, "min_echo_snr": min_echo_snr}

# %%
for _ in range(20):
    scenario = chapter.Scenario.random(rng, **law)
    try:
        best = chapter.solve_exact(scenario)
    except InfeasibleScenario:
        continue
    spent = best.link_power_w + best.echo_power_w
    assert np.isclose(spent, power_budget_w)
    reached = chapter.echo_snr(scenario, best.echo_power_w)
    assert np.isclose(reached, min_echo_snr)
