r"""The paper's comparison scheme that ignores channel errors (Algorithm 3), judged in the worst case afterwards."""

from __future__ import annotations

import time

import numpy as np

from ..foundations.certificate import Certificate
from .given_beams import certified_sinr
from .scenario import Scenario, channels
from .sensing import Sensing
from .time_allocation import Allocation, SinrCurve, prepare, rate_bps_hz, relative_error


def solve_error_ignorant(scenario: Scenario, *, sensing: Sensing | None = None, curve: SinrCurve | None = None) -> Allocation:
    r"""TD-ISAC-EI, Algorithm 3: the largest admissible share :math:`\bar\eta` and beams for exact channels.

    The beams solve the max-min problem (20), second-order cones (22)-(23), here as the robust problem with balls of radius
    zero; they do not depend on the errors, so one solved point serves every sensing setting. The rate returned is the
    certified worst case under the errors at :math:`\bar\eta` (the paper's post-processing): 0 where some user has none.

    Raises
    ------
    InfeasibleScenario
        When the position limit cannot be met.
    """
    begin = time.perf_counter()
    sensing, eta, curve = prepare(scenario, sensing, curve)
    point = curve.solve(0.0, scenario.comm_power_w)
    h = channels(scenario)
    radii = relative_error(scenario, sensing.crlb_bar_m2, eta) * np.linalg.norm(h, axis=2)
    sinr, multipliers = certified_sinr(h, radii, point.beams, scenario.noise_w)
    rate = float(rate_bps_hz(eta, np.min(sinr)))
    spent = float(np.sum(np.abs(point.beams) ** 2, axis=(0, 2)).max() / scenario.comm_power_w)
    certificate = Certificate(
        method="error-ignorant beams, certified worst case",
        value=rate,
        residual=max(0.0, spent - 1),
        iterations=point.certificate.iterations,
        seconds=time.perf_counter() - begin,
    )
    return Allocation(
        beams=point.beams,
        covariances=sensing.covariances,
        time_allocation=eta,
        worst_rate_bps_hz=rate,
        rank_one_ratio=np.ones(len(h)),
        certificate=certificate,
        history=(),
        multipliers=multipliers,
    )
