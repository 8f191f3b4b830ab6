r"""The paper's comparison scheme that ignores channel errors (Algorithm 3), judged in the worst case afterwards."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import ArrayLike

from ..foundations.certificate import Certificate
from .given_beams import certified_sinr
from .scenario import Scenario
from .sensing import Sensing
from .time_allocation import Allocation, Setting, SinrCurve, rate_bps_hz
from .verify import violations


def solve_error_ignorant(
    scenario: Scenario,
    *,
    sensing: Sensing | None = None,
    curve: SinrCurve | None = None,
    channels: ArrayLike | None = None,
    error_radii: ArrayLike | None = None,
) -> Allocation:
    r"""TD-ISAC-EI, Algorithm 3: the largest admissible share :math:`\bar\eta` and beams for exact channels.

    The beams solve the max-min problem (20), second-order cones (22)-(23), here as the robust problem with balls of radius
    zero; they do not depend on the errors, so one solved point serves every sensing setting. The rate returned is the
    certified worst case under the errors at :math:`\bar\eta` (the paper's post-processing): 0 where some user has none.

    Raises
    ------
    InfeasibleScenario
        When the position limit cannot be met.

    Examples
    --------
    >>> import numpy as np
    >>> found = solve_error_ignorant(Scenario.random(np.random.default_rng(1)))
    >>> print(f"{found.worst_rate_bps_hz:.4f} bit/s/Hz at {found.time_allocation:.4f}")
    13.2359 bit/s/Hz at 0.7470
    """
    begin = time.perf_counter()
    setting = Setting(scenario, sensing, curve, channels=channels, error_radii=error_radii)
    eta, h = setting.largest, setting.curve.channels
    point = setting.curve.solve(0.0, scenario.comm_power_w)
    radii = setting.curve.radii(float(setting.error(eta)))
    sinr, multipliers = certified_sinr(h, radii, point.beams, scenario.noise_w)
    rate = float(rate_bps_hz(eta, np.min(sinr)))
    certificate = Certificate(
        method="error-ignorant beams, certified worst case",
        value=rate,
        residual=max(violations(scenario, point.beams, setting.sensing.covariances, eta).values()),
        iterations=point.certificate.iterations,
        seconds=time.perf_counter() - begin,
    )
    return Allocation(
        beams=point.beams,
        covariances=setting.sensing.covariances,
        time_allocation=eta,
        worst_rate_bps_hz=rate,
        rank_one_ratio=np.ones(len(h)),
        certificate=certificate,
        history=(),
        multipliers=multipliers,
    )
