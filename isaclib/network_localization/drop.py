"""Random drops of the paper's network: each has a generator of its own, the arithmetic is done for all of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..foundations import channels, checks
from ..foundations.units import db_to_linear, dbm_to_w, thermal_noise_psd_w_per_hz
from .layout import MOST_STATIONS, bs_layout_m, in_hexagon

_LENGTH = {"positive": True, "maximum": 1e9}
_HEIGHT = {"minimum": 0.0, "maximum": 1e9}
_FREQUENCY = {"positive": True, "maximum": 1e18}
_LEVEL = {"minimum": -1000.0, "maximum": 1000.0}  # beyond it no ratio is left that a double holds with room to calculate
_EXPONENT = {"minimum": 0.0, "maximum": 20.0}
_RANGES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("side_m", "coverage_radius_m"), _LENGTH),
    **dict.fromkeys(("bs_height_m", "device_height_m"), _HEIGHT),
    **dict.fromkeys(("carrier_hz", "subcarrier_spacing_hz"), _FREQUENCY),
    **dict.fromkeys(("cross_section_dbsm", "max_power_dbm", "self_interference_db", "min_comm_sinr_db"), _LEVEL),
    **dict.fromkeys(("rician_k_db", "noise_figure_db", "processing_gain_db"), _LEVEL),
    **dict.fromkeys(("comm_exponent", "bs_bs_exponent", "sensing_exponent"), _EXPONENT),
}


def draw(children: Sequence[np.random.Generator], g: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Columns (D, ...) of the drawn fields, and the fields that all drops share; ``g``: the arguments of ``Scenario.random``."""
    size, draws = checks.count("base_stations", g["base_stations"], maximum=MOST_STATIONS), len(children)
    checks.count("subcarriers", g["subcarriers"])
    for name, limits in _RANGES.items():
        checks.number(name, g[name], **limits)
    bs = np.column_stack([bs_layout_m(size, g["side_m"], g["layout"]), np.full(size, g["bs_height_m"])])

    rhombus, uniform = np.empty(draws, dtype=int), np.empty((draws, 2 + 2 * size))  # target; users: areas, angles
    normal = np.empty((draws, 2, size, size, 2))
    for d, child in enumerate(children):
        rhombus[d] = child.integers(3)
        child.random(out=uniform[d])
        child.standard_normal(out=normal[d])
    target = _at_height(in_hexagon(rhombus, uniform[:, :2], g["side_m"]), g["device_height_m"])
    radius, angle = np.sqrt(uniform[:, 2 : 2 + size] * g["coverage_radius_m"] ** 2), 2 * np.pi * uniform[:, 2 + size :]
    around = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    ue = _at_height(bs[:, :2] + around, g["device_height_m"])
    scattered = (normal[..., 0] + 1j * normal[..., 1]) / math.sqrt(2)
    fading_ue, fading_bs = np.abs(channels.rician_of(scattered, db_to_linear(g["rician_k_db"]))).swapaxes(0, 1) ** 2
    fading_bs = np.triu(fading_bs, 1)

    carrier, section = g["carrier_hz"], db_to_linear(g["cross_section_dbsm"])
    links = fading_ue * channels.carrier_path_gain(_apart(ue, bs[None]), carrier, exponent=g["comm_exponent"])
    between = _apart(bs, bs) + np.eye(size)
    direct = channels.carrier_path_gain(between, carrier, exponent=g["bs_bs_exponent"])
    bs_leg, ue_leg = _apart(bs[None], target[:, None])[..., 0], _apart(ue, target[:, None])[..., 0]
    exponent = g["sensing_exponent"]
    echoes = channels.radar_gain(bs_leg[:, None, :], bs_leg[:, :, None], carrier, section, exponent=exponent)
    off_diagonal = 1 - np.eye(size)
    columns = {
        "echo_gain": np.diagonal(echoes, axis1=1, axis2=2),
        "bistatic_gain": echoes * off_diagonal,
        "bs_bs_gain": (fading_bs + fading_bs.swapaxes(1, 2)) * direct,
        "link_gain": np.diagonal(links, axis1=1, axis2=2),
        "cross_link_gain": links * off_diagonal,
        "ue_echo_gain": channels.radar_gain(bs_leg[:, None, :], ue_leg[:, :, None], carrier, section, exponent=exponent),
        "ue_positions_m": ue,
        "target_position_m": target,
    }
    bandwidth_hz = g["subcarriers"] * g["subcarrier_spacing_hz"]
    noise_w = float(thermal_noise_psd_w_per_hz(noise_figure_db=g["noise_figure_db"]) * bandwidth_hz)
    shared = {
        "self_interference_gain": np.full(size, db_to_linear(g["self_interference_db"])),
        "noise_bs_w": noise_w,
        "noise_ue_w": noise_w,
        "max_power_w": dbm_to_w(g["max_power_dbm"]),
        "bandwidth_hz": bandwidth_hz,
        "min_comm_sinr": db_to_linear(g["min_comm_sinr_db"]),
        "processing_gain": db_to_linear(g["processing_gain_db"]),
        "bs_positions_m": bs,
    }
    return columns, shared


def _at_height(horizontal: np.ndarray, height_m: float) -> np.ndarray:
    """Points (..., 3) over points (..., 2)."""
    return np.concatenate([horizontal, np.full((*horizontal.shape[:-1], 1), height_m)], axis=-1)


def _apart(from_m: np.ndarray, to_m: np.ndarray) -> np.ndarray:
    """Distances (..., A, B) between points (..., A, 3) and (..., B, 3)."""
    return np.sqrt(np.sum((to_m[..., None, :, :] - from_m[..., :, None, :]) ** 2, axis=-1))
