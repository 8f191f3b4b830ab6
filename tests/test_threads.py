"""With two threads of the BLAS no solver keeps the second one busy: on a loaded machine that costs a hundred times the work."""

import os
import subprocess
import sys

import pytest

_SCRIPT = """
import time
import numpy as np
from isaclib import {chapter} as chapter
rng = np.random.default_rng(3)
np.ones((4, 4)) @ np.ones((4, 4))
others = time.process_time() - time.thread_time()
{work}
print(time.process_time() - time.thread_time() - others, time.thread_time())
"""
# What is large enough to tempt a BLAS: products of 100 x 100 matrices, tall factorisations, several right-hand sides.
WORK = {  # the chapter first
    "network_localization": """
scenario = chapter.Scenario.random(rng, base_stations=100, min_comm_sinr_db=-30.0)
found = chapter.solve_exact(scenario)
chapter.verify(scenario, found)
""",
    "wireless_powered": """
for users, targets in ((200, 100), (1000, 10)):
    scenario = chapter.Scenario.random(rng, users=users, targets=targets)
    chapter.verify(scenario, chapter.solve_exact(scenario))
""",
    "near_field": """
scenario = chapter.Scenario.random(rng)
found = chapter.solve_exact(scenario)
chapter.verify(scenario, found)
channels = chapter.channels(scenario)
radii = 1e-3 * np.linalg.norm(channels, axis=2)
chapter.power_margin(channels, radii, 1e3, scenario.noise_w, 1.0, method="sdp")
""",
    "near_field, its search": """
from isaclib.near_field.cuts import margin_by_cuts
from isaclib.near_field.reduction import reduce
from isaclib.near_field.relaxed import tightened, two_sided
rng = np.random.default_rng(0)
h = rng.standard_normal((4, 4, 4)) + 1j * rng.standard_normal((4, 4, 4))
problem = reduce(h, 0.05 * np.linalg.norm(h, axis=2), 0.1)
tightened(problem, two_sided(problem, 100.0, 1.0), 1.0)
margin_by_cuts(problem, 30.0, 1.0, tolerance=1e-3)
""",
    "semi_isac": """
scenarios = [chapter.Scenario.random(rng) for _ in range(200)]
chapter.solve_exact_batch(scenarios)
chapter.solve_efficiency(scenarios[0])
""",
}


@pytest.mark.parametrize("work", WORK)
def test_one_thread_does_all_the_work(work):
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    script = _SCRIPT.format(chapter=work.split(",")[0], work=WORK[work])
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    others, own = map(float, run.stdout.split())
    assert others < 0.02 * own
