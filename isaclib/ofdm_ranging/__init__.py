"""Power allocation for ranging with OFDM echoes: capacity under sidelobe, accuracy and main-lobe limits.

>>> import numpy as np
>>> from isaclib import ofdm_ranging as ofdm
>>> scenario = ofdm.Scenario.random(np.random.default_rng(0))
>>> allocation = ofdm.solve_exact(scenario, peak_sidelobe_db=-25.0)
>>> round(allocation.capacity_bps / 1e6, 3), allocation.certificate.status
(56.65, 'optimal')
"""

from .allocation import Allocation, AllocationBatch, Limits
from .batch import solve_exact_batch
from .benchmarks import edges_only, mix, waterfill
from .estimator import data_floor_db, delay_errors_s, delay_rmse_s, random_data_sidelobes_db, weak_target_detection
from .exact import minimise_sidelobe, solve_exact, solve_sidelobe_limited
from .feasibility import best_main_lobe_width_m
from .paper import dynamic_allocation, straightforward_rule
from .scenario import (
    Scenario,
    capacity_bps,
    delay_to_range_m,
    echo_snr,
    main_lobe_width_m,
    peak_sidelobe_db,
    pulse_compression,
    second_moment_hz2,
    toa_crb_s2,
)
from .verify import capacity_bound, score, score_batch, verify
from .waterfilling import waterfill_powers

__all__ = [
    "Allocation",
    "AllocationBatch",
    "Limits",
    "Scenario",
    "best_main_lobe_width_m",
    "capacity_bound",
    "capacity_bps",
    "data_floor_db",
    "delay_errors_s",
    "delay_rmse_s",
    "delay_to_range_m",
    "dynamic_allocation",
    "echo_snr",
    "edges_only",
    "main_lobe_width_m",
    "minimise_sidelobe",
    "mix",
    "peak_sidelobe_db",
    "pulse_compression",
    "random_data_sidelobes_db",
    "score",
    "score_batch",
    "second_moment_hz2",
    "solve_exact",
    "solve_exact_batch",
    "solve_sidelobe_limited",
    "straightforward_rule",
    "toa_crb_s2",
    "verify",
    "waterfill",
    "waterfill_powers",
    "weak_target_detection",
]
