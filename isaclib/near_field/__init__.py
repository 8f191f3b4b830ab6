"""Time-division cell-free near-field ISAC: sensing, localization, robust beamforming, time allocation."""

from .benchmarks import solve_error_ignorant
from .exact import AllocationBatch, solve_exact, solve_exact_batch
from .given_beams import adversarial_sinr, beam_residual, certified_sinr, certified_values, worst_sinr
from .information import crlb_m2, error_radii, fisher_information, position_information, time_allocation_limit
from .likelihood import locate_likelihood
from .margin import Margin, power_margin
from .music import (
    echo_covariance,
    echo_matrix,
    locate_music,
    music_spectrum,
    noise_projector,
    peaks,
    plane_wave_vectors,
    signal_subspace,
    simulate_echoes,
)
from .paper import constraint_margin_share, constraint_margins, rank_one_ratios, solve_main, solve_mrt
from .robust import RobustSinr, robust_sinr
from .scenario import (
    CALIBRATION_SEED,
    SENSING_PROCESSING_GAIN_DB,
    Scenario,
    antenna_positions_m,
    centre_distances_m,
    channels,
    echo_gains,
    path_amplitudes,
    path_gains,
    steering_derivatives,
    steering_vectors,
    with_access_points,
)
from .scoring import score, score_batch, score_beams
from .sdp import rank_one
from .sensing import (
    Sensing,
    Witness,
    calibrated_gain_db,
    largest_time_allocation,
    natural_witness,
    optimise_sensing,
    sensing_bound,
    verify_sensing,
)
from .share import BestTime, best_time_allocation
from .time_allocation import (
    Allocation,
    ErrorWitness,
    SinrCurve,
    curve_of,
    rate_bps_hz,
    relative_error,
)
from .verify import residual, verify

__all__ = [
    "CALIBRATION_SEED",
    "SENSING_PROCESSING_GAIN_DB",
    "Allocation",
    "AllocationBatch",
    "BestTime",
    "ErrorWitness",
    "Margin",
    "RobustSinr",
    "Scenario",
    "Sensing",
    "SinrCurve",
    "Witness",
    "adversarial_sinr",
    "antenna_positions_m",
    "beam_residual",
    "best_time_allocation",
    "calibrated_gain_db",
    "centre_distances_m",
    "certified_sinr",
    "certified_values",
    "channels",
    "constraint_margin_share",
    "constraint_margins",
    "crlb_m2",
    "curve_of",
    "echo_covariance",
    "echo_gains",
    "echo_matrix",
    "error_radii",
    "fisher_information",
    "largest_time_allocation",
    "locate_likelihood",
    "locate_music",
    "music_spectrum",
    "natural_witness",
    "noise_projector",
    "optimise_sensing",
    "path_amplitudes",
    "path_gains",
    "peaks",
    "plane_wave_vectors",
    "position_information",
    "power_margin",
    "rank_one",
    "rank_one_ratios",
    "rate_bps_hz",
    "relative_error",
    "residual",
    "robust_sinr",
    "score",
    "score_batch",
    "score_beams",
    "sensing_bound",
    "signal_subspace",
    "simulate_echoes",
    "solve_error_ignorant",
    "solve_exact",
    "solve_exact_batch",
    "solve_main",
    "solve_mrt",
    "steering_derivatives",
    "steering_vectors",
    "time_allocation_limit",
    "verify",
    "verify_sensing",
    "with_access_points",
    "worst_sinr",
]
