"""Time-division cell-free near-field ISAC: channels, position bound, sensing covariance, localization."""

from .scenario import (
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

__all__ = [
    "Scenario",
    "antenna_positions_m",
    "centre_distances_m",
    "channels",
    "echo_gains",
    "path_amplitudes",
    "path_gains",
    "steering_derivatives",
    "steering_vectors",
    "with_access_points",
]
