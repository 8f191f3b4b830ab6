r"""Anybody's beams, covariances and share against the certified optimum of the same scenario or channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import Certificate
from ..foundations.errors import InvalidScenario
from ..foundations.scenario import Batch
from ..foundations.score import TOLERANCE, Score, ScoreBatch, judge
from .exact import checked_batch, solve_exact
from .given_beams import worst_sinr
from .information import checked_covariances
from .reduction import checked
from .robust import robust_sinr
from .scenario import Scenario
from .time_allocation import curve_of, rate_bps_hz
from .verify import radii_at, violations


def score(
    scenario: Scenario,
    beams: ArrayLike,
    covariances: ArrayLike,
    time_allocation: float,
    *,
    channels: ArrayLike | None = None,
    error_radii: ArrayLike | None = None,
    tolerance: float = TOLERANCE,
    optimum: Certificate | None = None,
) -> Score:
    r"""What beams, sensing covariances and a share are worth: worst-case rate, violations, distance from the optimum.

    The rate is :math:`\eta\log_2(1+\gamma)` with :math:`\gamma` the SINR that the S-procedure certifies for every user at the
    errors that *these* covariances leave at *this* share (exact for one or two access points, a lower bound for more); the
    optimum is that of :func:`.exact.solve_exact`.

    Parameters
    ----------
    scenario : Scenario
    beams : array (K, M, Nt), complex, sqrt(W)
    covariances : array (M, Nt, Nt), complex, W
    time_allocation : float
        In (0, 1].
    channels, error_radii : optional
        Channels (K, M, Nt) and radii (K, M) of one's own; the geometry's channels and radii by the slope where not given.
    tolerance : float
        Largest relative violation of a feasible allocation.
    optimum : Certificate, optional
        That of ``solve_exact`` for this scenario (and these channels), where it is known: then nothing is solved here.

    Examples
    --------
    >>> import numpy as np
    >>> from isaclib.near_field import channels, optimise_sensing
    >>> scenario = Scenario.random(
    ...     np.random.default_rng(3), ap_positions_m=[[30, 70], [10, 20]], user_positions_m=[[20, 30], [40, 45]],
    ...     antennas=7, antenna_spacing_m=0.08, crlb_limit_m2=4e-11, sensing_processing_gain_db=85.0)
    >>> matched = channels(scenario)
    >>> matched = matched / np.linalg.norm(matched, axis=2, keepdims=True) * np.sqrt(scenario.comm_power_w / 2)
    >>> found = score(scenario, matched, optimise_sensing(scenario).covariances, 0.4)
    >>> print(f"{found.value:.3f} of {found.optimum:.3f}: {100 * found.gap:.0f} % below")
    2.527 of 15.053: 83 % below
    """
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    curve = curve_of(scenario, channels=channels, error_radii=error_radii)
    w = checks.array("beams", beams, curve.channels.shape, dtype=complex)
    psi = checked_covariances(scenario, covariances)
    eta = checks.number("time_allocation", time_allocation, positive=True, maximum=1)
    radii = radii_at(scenario, psi, eta, curve) if error_radii is None else curve.unit_radii
    value = float(rate_bps_hz(eta, float(np.min(worst_sinr(curve.channels, radii, w, scenario.noise_w)))))
    return judge(
        value,
        violations(scenario, w, psi, eta),
        lambda: solve_exact(scenario, channels=channels, error_radii=error_radii).certificate,
        unit="bit/s/Hz",
        tolerance=tolerance,
        optimum=optimum,
    )


def score_batch(
    scenarios: Batch | Sequence[Scenario],
    beams: ArrayLike,
    covariances: ArrayLike,
    time_allocation: ArrayLike,
    *,
    tolerance: float = TOLERANCE,
) -> ScoreBatch:
    """:func:`score` of D allocations of D scenarios: beams (D, K, M, Nt), covariances (D, M, Nt, Nt), shares (D,).

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> alone = scenario.replace(user_positions_m=scenario.user_positions_m[:1], reflectivity=scenario.reflectivity[:1])
    >>> found = nf.solve_mrt(alone)
    >>> scores = nf.score_batch([alone], found.beams[None], found.covariances[None], [found.time_allocation])
    >>> scores.feasible.tolist(), bool(abs(scores.gap[0]) < 1e-6)
    ([True], True)
    """
    batch = checked_batch(scenarios)
    one, count = batch[0], len(batch)
    users, aps, antennas = len(one.user_positions_m), len(one.ap_positions_m), one.antennas
    w = checks.array("beams", beams, (count, users, aps, antennas), dtype=complex)
    psi = checks.array("covariances", covariances, (count, aps, antennas, antennas), dtype=complex)
    eta = checks.array("time_allocation", time_allocation, (count,), positive=True, maximum=1)
    rows = [score(s, a, b, float(c), tolerance=tolerance) for s, a, b, c in zip(batch, w, psi, eta)]
    return ScoreBatch.of(rows)


def score_beams(
    channels: ArrayLike,
    error_radii: ArrayLike,
    beams: ArrayLike,
    noise_w: float,
    max_power_w: float,
    *,
    tolerance: float = TOLERANCE,
) -> Score:
    r"""What beams are worth on channels of one's own: the least worst-case SINR of a user, against the best of all beams.

    Parameters
    ----------
    channels : array (K, M, Nt), complex
    error_radii : array (K, M)
    beams : array (K, M, Nt), complex, sqrt(W)
    noise_w, max_power_w : float
        Noise power, and power limit of each access point.
    tolerance : float
        Largest relative violation of feasible beams.

    Examples
    --------
    >>> import numpy as np
    >>> h = np.array([[[1, 0.2j], [0.5, 0.1]], [[0.1, 1j], [0.3j, 0.6]]])
    >>> radii = 0.05 * np.linalg.norm(h, axis=2)
    >>> matched = h / np.linalg.norm(h, axis=2, keepdims=True) * np.sqrt(0.5)
    >>> found = score_beams(h, radii, matched, noise_w=0.01, max_power_w=1.0)
    >>> print(f"{found.value:.3f} of {found.optimum:.3f}: {100 * found.gap:.1f} % below")
    7.724 of 87.967: 91.2 % below
    """
    h, radii = checked(channels, error_radii, noise_w)
    w = checks.array("beams", beams, h.shape, dtype=complex)
    power = checks.number("max_power_w", max_power_w, positive=True)
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    with np.errstate(over="ignore"):
        spent = float(np.sum(np.abs(w) ** 2, axis=(0, 2)).max())
    if not np.isfinite(spent):
        raise InvalidScenario("beams", "are too large to be squared", "check the units")
    value = float(np.min(worst_sinr(h, radii, w, noise_w)))
    excess = {"max_power_w": max(spent / power - 1, 0.0)}
    return judge(value, excess, lambda: robust_sinr(h, radii, noise_w, power).certificate, tolerance=tolerance)
