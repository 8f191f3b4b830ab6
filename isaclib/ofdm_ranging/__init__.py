"""Power allocation for ranging with OFDM echoes: capacity under sidelobe, accuracy and main-lobe limits.

>>> from isaclib import ofdm_ranging as ofdm              # doctest: +SKIP
>>> ofdm.solve_exact(scenario, peak_sidelobe_db=-25.0)    # doctest: +SKIP
"""

from .allocation import Allocation, AllocationBatch, Limits
from .benchmarks import edges_only, mix, waterfill
from .estimator import data_floor_db, delay_errors_s, delay_rmse_s, random_data_sidelobes_db, weak_target_detection
from .exact import (
    best_main_lobe_width_m,
    capacity_bound,
    minimise_sidelobe,
    solve_exact,
    solve_exact_batch,
    solve_sidelobe_limited,
    verify,
)
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
