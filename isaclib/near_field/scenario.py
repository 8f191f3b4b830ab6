r"""The time-division cell-free near-field system: spherical waves, echoes, Fisher information, position bound.

A block of length :math:`T` is shared: a fraction :math:`1-\eta` locates the users by their echoes, the rest serves them with
beams built from the located positions. Symbols of the paper: :math:`\mathbf a_{k,m}` array response of AP m towards user k,
:math:`\beta_{k,m}` complex path gain, :math:`\rho_{k,l,m}` reflectivity of user k seen from transmitter m at receiver l,
:math:`\alpha_{k,l,m} = \rho_{k,l,m}\,\beta_{k,l}\,\beta_{k,m}^{*}` (the paper's text leaves the conjugate out), and
:math:`\mathbf\Psi_m` covariance of the sensing signal of AP m.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isaclib.foundations import checks, geometry, units
from isaclib.foundations.channels import complex_normal
from isaclib.foundations.errors import InvalidScenario
from isaclib.foundations.scenario import ScenarioBase, array, choice, number

AP_POSITIONS_M = ((30.0, 70.0), (10.0, 20.0), (60.0, 30.0))
USER_POSITIONS_M = ((20.0, 30.0), (25.0, 40.0), (40.0, 30.0), (35.0, 60.0))
AREA_CENTRE_M = (35.0, 35.0)
# Added by us, because the paper's numbers miss their own limit by many orders of magnitude: with this gain the largest
# admissible time allocation is 0.2 at 35 dBm and a limit of 1e-11 m^2 for the reflectivity drawn from CALIBRATION_SEED.
CALIBRATION_SEED = 1
SENSING_PROCESSING_GAIN_DB = 77.1497
_MOST_DECADES = 120  # of the echo SNR, either way: informations and bounds are its squares


@dataclass(frozen=True, eq=False, kw_only=True)
class Scenario(ScenarioBase):
    r"""M access points with N_t antennas each and K single-antenna users in the plane.

    Attributes
    ----------
    ap_positions_m : (M, 2)
        Array centres.
    array_angles_rad : (M,)
        Angle of each array's *axis* against the x axis; broadside is perpendicular to it.
    antennas : int
        N_t per access point, odd or even; antenna n sits at :math:`(n - (N_t-1)/2)\,d` on the axis.
    antenna_spacing_m : float
    user_positions_m : (K, 2)
    carrier_hz : float
    noise_w : float
        Noise power per antenna, of sensing and communication alike.
    block_s : float
        Duration :math:`T` of a coherence block.
    sensing_block_s : float
        Duration :math:`\tau_s` of a snapshot; :math:`\tau = (1-\eta) T/\tau_s` snapshots are taken.
    comm_power_w : float
        Budget of *each* access point while it communicates.
    sensing_power_w : float
        Budget of *each* access point while it senses.
    crlb_limit_m2 : float
        Limit on the position bound summed over all users (inf switches it off).
    error_slope_per_m : float
        :math:`\alpha_e`: relative channel error per metre of position error, eq. (4).
    reflectivity : (K, M, M) complex
        :math:`\rho_{k,l,m}`, receiver l, transmitter m.
    sensing_processing_gain_db : float
        Gain of the sensing receiver over one snapshot per sensing block (0: the paper as printed).
    path_gain : {"printed", "physical"}
        Amplitude :math:`\sqrt{\lambda/(4\pi r^2)}` as printed or :math:`\lambda/(4\pi r)`.
    """

    ap_positions_m: np.ndarray = array("M", 2)
    array_angles_rad: np.ndarray = array("M")
    antennas: int = number(minimum=1, maximum=2**53, integer=True)
    antenna_spacing_m: float = number(positive=True)
    user_positions_m: np.ndarray = array("K", 2)
    carrier_hz: float = number(positive=True)
    noise_w: float = number(positive=True)
    block_s: float = number(positive=True)
    sensing_block_s: float = number(positive=True)
    comm_power_w: float = number(minimum=0)
    sensing_power_w: float = number(minimum=0)
    crlb_limit_m2: float = number(positive=True, infinite=True)
    error_slope_per_m: float = number(minimum=0)
    reflectivity: np.ndarray = array("K", "M", "M", dtype=complex)
    sensing_processing_gain_db: float = number(default=SENSING_PROCESSING_GAIN_DB)
    path_gain: str = choice("printed", "physical", default="printed")

    validated = (
        *("sensing_block_s", "block_s", "ap_positions_m", "array_angles_rad"),
        *("antennas", "antenna_spacing_m", "user_positions_m", "sensing_processing_gain_db"),
        *("carrier_hz", "noise_w", "sensing_power_w", "reflectivity", "path_gain"),
    )

    def validate(self) -> None:
        if self.sensing_block_s > self.block_s:
            raise InvalidScenario("sensing_block_s", f"is {self.sensing_block_s:g} s, longer than the block", "lengthen block_s")
        if not -3000 < self.sensing_processing_gain_db < 3000:
            raise InvalidScenario("sensing_processing_gain_db", f"is {self.sensing_processing_gain_db:g} dB", "check the unit")
        if np.any(antenna_distances_m(self) <= 0) or np.any(centre_distances_m(self) <= 0):
            raise InvalidScenario("user_positions_m", "a user stands on an antenna or an array centre", "move the user")
        echo = float(np.max(np.abs(echo_gains(self))))
        if echo > 0 and self.sensing_power_w > 0:
            decades = self.sensing_processing_gain_db / 10 + math.log10(self.sensing_power_w) - math.log10(self.noise_w)
            decades += 2 * math.log10(echo)
            if abs(decades) > _MOST_DECADES:
                raise InvalidScenario("sensing_processing_gain_db", f"makes an echo SNR of 1e{decades:.0f}", "check the units")

    @property
    def wavelength_m(self) -> float:
        return float(units.wavelength_m(self.carrier_hz))

    @property
    def rayleigh_distance_m(self) -> float:
        r"""Border of the near field, :math:`2D^2/\lambda` with the aperture :math:`D = (N_t-1)d`."""
        return 2 * ((self.antennas - 1) * self.antenna_spacing_m) ** 2 / self.wavelength_m

    @classmethod
    def random(
        cls,
        rng: np.random.Generator,
        *,
        ap_positions_m: ArrayLike = AP_POSITIONS_M,
        user_positions_m: ArrayLike = USER_POSITIONS_M,
        array_angles_rad: ArrayLike | None = None,
        antennas: int = 21,
        antenna_spacing_m: float = 0.0265,
        carrier_hz: float = 28e9,
        noise_w: float = 1e-10,
        block_s: float = 0.1,
        sensing_block_s: float = 1e-3,
        comm_power_w: float = 1.0,
        sensing_power_w: float = 10.0,
        crlb_limit_m2: float = 1e-11,
        error_slope_per_m: float = 373.0,
        sensing_processing_gain_db: float = SENSING_PROCESSING_GAIN_DB,
        path_gain: str = "printed",
    ) -> Scenario:
        r"""The paper's scenario; only the reflectivity :math:`\rho \sim \mathcal{CN}(0,1)` is random.

        ``array_angles_rad=None`` turns every array's broadside to the centre of the area (the paper states no orientation).
        """
        rng = checks.generator("rng", rng)
        aps = checks.array("ap_positions_m", ap_positions_m, ("M", 2))
        users = checks.array("user_positions_m", user_positions_m, ("K", 2))
        return cls(
            ap_positions_m=aps,
            array_angles_rad=broadside_angles_rad(aps) if array_angles_rad is None else array_angles_rad,
            antennas=antennas,
            antenna_spacing_m=antenna_spacing_m,
            user_positions_m=users,
            carrier_hz=carrier_hz,
            noise_w=noise_w,
            block_s=block_s,
            sensing_block_s=sensing_block_s,
            comm_power_w=comm_power_w,
            sensing_power_w=sensing_power_w,
            crlb_limit_m2=crlb_limit_m2,
            error_slope_per_m=error_slope_per_m,
            reflectivity=complex_normal(rng, (len(users), len(aps), len(aps))),
            sensing_processing_gain_db=sensing_processing_gain_db,
            path_gain=path_gain,
        )


def broadside_angles_rad(ap_positions_m, towards_m=AREA_CENTRE_M) -> np.ndarray:
    """Axis angles (M,) that turn each array's broadside towards a point."""
    direction = np.asarray(towards_m, dtype=float) - np.asarray(ap_positions_m, dtype=float)
    return np.arctan2(direction[:, 1], direction[:, 0]) + np.pi / 2


def with_access_points(scenario: Scenario, access_points: Sequence[int], **changes: Any) -> Scenario:
    """The scenario with only some access points, in the order given (a permutation reorders them); same reflectivities.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> pair = nf.with_access_points(scenario, [2, 0])
    >>> pair.ap_positions_m.tolist()
    [[60.0, 30.0], [30.0, 70.0]]
    """
    checks.instance("scenario", scenario, Scenario)
    chosen = checks.array("access_points", access_points, ("C",), dtype=int, minimum=0, maximum=len(scenario.ap_positions_m) - 1)
    if len(set(chosen.tolist())) != len(chosen):
        raise InvalidScenario("access_points", "names one twice", "two arrays cannot stand in one place")
    return scenario.replace(
        ap_positions_m=scenario.ap_positions_m[chosen],
        array_angles_rad=scenario.array_angles_rad[chosen],
        reflectivity=scenario.reflectivity[:, chosen][:, :, chosen],
        **changes,
    )


def _points(scenario: Scenario, points_m) -> np.ndarray:
    checks.instance("scenario", scenario, Scenario)
    return scenario.user_positions_m if points_m is None else checks.array("points_m", points_m, ("G", 2))


def antenna_positions_m(scenario: Scenario) -> np.ndarray:
    """Positions of all antennas: (M, Nt, 2).

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> positions = nf.antenna_positions_m(scenario)
    >>> positions.shape, round(float(np.linalg.norm(positions[0, 1] - positions[0, 0])), 4)
    ((3, 21, 2), 0.0265)
    """
    checks.instance("scenario", scenario, Scenario)
    offset = (np.arange(scenario.antennas) - (scenario.antennas - 1) / 2) * scenario.antenna_spacing_m
    axis = np.stack([np.cos(scenario.array_angles_rad), np.sin(scenario.array_angles_rad)], axis=-1)
    return scenario.ap_positions_m[:, None, :] + offset[None, :, None] * axis[:, None, :]


def antenna_distances_m(scenario: Scenario, points_m=None) -> np.ndarray:
    r"""Distances :math:`r_{k,m(n)}` from every antenna to the users, or to ``points_m`` (G, 2): (G, M, Nt)."""
    return _distances(_points(scenario, points_m), antenna_positions_m(scenario))


def _distances(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    across, along = (np.subtract.outer(points[:, axis], places[..., axis]) for axis in (0, 1))
    return np.hypot(across, along, out=across)


def centre_distances_m(scenario: Scenario, points_m: ArrayLike | None = None) -> np.ndarray:
    r"""Distances :math:`r_{k,m(0)}` from the array centres: (G, M).

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> nf.centre_distances_m(scenario)[0].round(1).tolist()
    [41.2, 14.1, 40.0]
    """
    points = _points(scenario, points_m)
    return geometry.distances_m(points, scenario.ap_positions_m)


def phasors(cycles: np.ndarray) -> np.ndarray:
    r""":math:`e^{-j2\pi x}` of distances in wavelengths: whole cycles are taken off first, exactly and before the time that large
    angles cost."""
    angles = cycles - np.rint(cycles)
    angles *= -2 * np.pi
    result = np.empty(angles.shape, dtype=complex)
    np.cos(angles, out=result.real)
    np.sin(angles, out=result.imag)
    return result


def steering_vectors(scenario: Scenario, points_m: ArrayLike | None = None) -> np.ndarray:
    r"""Spherical-wave array responses, (G, M, Nt).

    .. math:: [\mathbf a_{k,m}]_n = e^{-j \frac{2\pi}{\lambda} (r_{k,m(n)} - r_{k,m(0)})}

    referred to the array centre, which need not be an antenna (an even number of them has none there).

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> a = nf.steering_vectors(scenario)
    >>> a.shape, bool(np.allclose(np.abs(a), 1))
    ((4, 3, 21), True)
    """
    points = _points(scenario, points_m)
    excess = _distances(points, antenna_positions_m(scenario))
    excess -= centre_distances_m(scenario, points)[..., None]
    excess /= scenario.wavelength_m
    return phasors(excess)


def steering_derivatives(scenario: Scenario, points_m: ArrayLike | None = None) -> np.ndarray:
    r"""Derivatives :math:`\partial \mathbf a_{k,m}/\partial c_k^{q}` for q = x, y: (2, K, M, Nt), in 1/m.

    The reference distance :math:`r_{k,m(0)}` moves with the user, too; the paper's Appendix drops that term.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> moved = scenario.user_positions_m + [1e-7, 0.0]
    >>> quotient = (nf.steering_vectors(scenario, moved) - nf.steering_vectors(scenario)) / 1e-7
    >>> bool(np.allclose(quotient, nf.steering_derivatives(scenario)[0], atol=1e-3))
    True
    """
    return responses(scenario, _points(scenario, points_m))[1]


def responses(scenario: Scenario, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """:func:`steering_vectors` and :func:`steering_derivatives` of checked points (G, 2), whose distances are computed once."""
    antennas, centres = antenna_positions_m(scenario), scenario.ap_positions_m
    far, near = _distances(points, antennas), _distances(points, centres)
    if not (np.all(far > 0) and np.all(near > 0)):
        raise InvalidScenario("points_m", "holds an antenna or an array centre, where there is no direction", "leave it out")
    vectors = phasors((far - near[..., None]) / scenario.wavelength_m)
    slope = np.empty((2, *far.shape))
    for axis in (0, 1):
        slope[axis] = np.subtract.outer(points[:, axis], antennas[..., axis]) / far
        slope[axis] -= (np.subtract.outer(points[:, axis], centres[:, axis]) / near)[..., None]
    return vectors, -2j * np.pi / scenario.wavelength_m * slope * vectors


def path_amplitudes(scenario: Scenario, points_m: ArrayLike | None = None) -> np.ndarray:
    r"""Amplitude gains :math:`\tilde\beta_{k,m}`, (G, M).

    As printed :math:`\sqrt{\lambda/(4\pi r^2)}`, whose unit is not that of a ratio; physical :math:`\lambda/(4\pi r)`.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> nf.path_amplitudes(scenario)[0].round(7).tolist()
    [0.0007079, 0.002064, 0.0007297]
    """
    distances = centre_distances_m(scenario, points_m)
    if not np.all(distances > 0):
        raise InvalidScenario("points_m", "holds an array centre, where the gain is infinite", "leave that point out")
    over_4pi = scenario.wavelength_m / (4 * np.pi)
    return (np.sqrt(over_4pi) if scenario.path_gain == "printed" else over_4pi) / distances


def path_gains(scenario: Scenario, points_m: ArrayLike | None = None) -> np.ndarray:
    r"""Complex gains :math:`\beta_{k,m} = \tilde\beta_{k,m} e^{-j 2\pi r_{k,m(0)}/\lambda}`: (G, M).

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> bool(np.allclose(np.abs(nf.path_gains(scenario)), nf.path_amplitudes(scenario)))
    True
    """
    amplitudes = path_amplitudes(scenario, points_m)
    return amplitudes * phasors(centre_distances_m(scenario, points_m) / scenario.wavelength_m)


def channels(scenario: Scenario, points_m: ArrayLike | None = None) -> np.ndarray:
    r"""Channels :math:`\mathbf h_{k,m} = \beta_{k,m}\,\mathbf a_{k,m}`, eq. (1), of the users or of ``points_m`` (G, 2).

    Returns
    -------
    ndarray (K, M, Nt) complex
        Amplitude ratios. The gain of all antennas of an array is that of its centre, as in the paper.

    Examples
    --------
    >>> h = channels(Scenario.random(np.random.default_rng(1)))
    >>> print(h.shape, f"{np.linalg.norm(h[0, 0]):.6f}")
    (4, 3, 21) 0.003244
    """
    points = _points(scenario, points_m)
    found = steering_vectors(scenario, points)
    found *= path_gains(scenario, points)[..., None]
    return found


def echo_gains(scenario: Scenario) -> np.ndarray:
    r"""Two-hop gains :math:`\alpha_{k,l,m} = \rho_{k,l,m}\,\beta_{k,l}\,\beta_{k,m}^{*}`.

    Returns
    -------
    ndarray (K, M, M) complex
        User, receiver, transmitter.

    Examples
    --------
    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> nf.echo_gains(scenario).shape
    (4, 3, 3)
    """
    checks.instance("scenario", scenario, Scenario)
    beta = path_gains(scenario)
    return scenario.reflectivity * beta[:, :, None] * beta.conj()[:, None, :]
