r"""Localization from the echoes: 2D-MUSIC (Appendix B of the paper) and maximum likelihood.

The echo of all access points, stacked to :math:`\mathbf y = \mathbf H \mathbf s + \mathbf n`, has the covariance
:math:`\mathbf H \mathbf\Psi \mathbf H^H + \sigma^2 \mathbf I`. With independent reflectivities on every pair of access points its
signal subspace is spanned by the responses :math:`\mathbf a_{k,l}` of *each* access point on its own: it has KM dimensions, not K
as the Appendix says, and only then the stacked response of a user,
:math:`\tilde{\mathbf v} = [\mathbf a_1^T, \dots, \mathbf a_M^T]^T`, is orthogonal to the noise subspace.

MUSIC looks at the received covariance only. It does not use which signal was sent, hence neither the angle at which a user was
illuminated nor the waveform, and does not attain the position bound, for which both are known. :func:`locate_likelihood` does.
"""

from __future__ import annotations

import numpy as np

from isaclib.foundations import checks, units
from isaclib.foundations.channels import complex_normal
from isaclib.foundations.errors import InvalidScenario

from .information import checked_covariances
from .scenario import Scenario, antenna_positions_m, echo_gains, steering_derivatives, steering_vectors

_CHUNK = 8192  # grid points per matrix product: bounds the memory of a fine grid
_REFINEMENTS = 30  # Gauss-Newton steps; a handful suffices near a peak
_STEP_TOLERANCE_M = 1e-10  # far below every error that can be measured at micrometre bounds


def plane_wave_vectors(scenario: Scenario, points_m=None) -> np.ndarray:
    r"""Far-field responses :math:`e^{j \frac{2\pi}{\lambda} \mathbf o_n^T \mathbf u}`, which know directions only: (G, M, Nt).

    :math:`\mathbf o_n` is the antenna's offset from the array centre, :math:`\mathbf u` the unit vector from there to the point
    (0 at the centre itself, where there is no direction).
    """
    checks.instance("scenario", scenario, Scenario)
    points = scenario.user_positions_m if points_m is None else checks.array("points_m", points_m, ("G", 2))
    offsets = antenna_positions_m(scenario) - scenario.ap_positions_m[:, None, :]
    direction = points[:, None, :] - scenario.ap_positions_m[None]
    length = np.linalg.norm(direction, axis=-1, keepdims=True)
    direction = direction / np.where(length > 0, length, 1)
    return np.exp(2j * np.pi / scenario.wavelength_m * np.einsum("mnd,gmd->gmn", offsets, direction))


def echo_matrix(scenario: Scenario, *, far_field: bool = False) -> np.ndarray:
    r"""The sensing channel :math:`\mathbf H = \sum_k \mathbf H_k`.

    Its block (l, m) is :math:`\sum_k \alpha_{k,l,m}\mathbf a_{k,l}\mathbf a_{k,m}^H`.

    Returns
    -------
    ndarray (M Nt, M Nt) complex
    """
    far_field = checks.flag("far_field", far_field)
    a = plane_wave_vectors(scenario) if far_field else steering_vectors(scenario)
    blocks = np.einsum("klm,kla,kmb->lamb", echo_gains(scenario), a, a.conj(), optimize=True)
    size = a.shape[1] * a.shape[2]
    return blocks.reshape(size, size)


def echo_covariance(scenario: Scenario, covariances, *, far_field: bool = False) -> np.ndarray:
    r"""Exact covariance :math:`\mathbf H\mathbf\Psi\mathbf H^H + (\sigma^2/G_p)\mathbf I` of one snapshot: (M Nt, M Nt)."""
    psi = _block_diagonal(checked_covariances(scenario, covariances))
    h = echo_matrix(scenario, far_field=far_field)
    return h @ psi @ h.conj().T + _noise_w(scenario) * np.eye(len(h))


def simulate_echoes(
    scenario: Scenario, covariances, snapshots: int, rng: np.random.Generator, *, far_field: bool = False
) -> np.ndarray:
    r"""Snapshots :math:`\mathbf y[t]` with Gaussian signals of the given covariances: (M Nt, snapshots)."""
    snapshots, rng = checks.count("snapshots", snapshots), checks.generator("rng", rng)
    factor = _block_diagonal(_square_root(checked_covariances(scenario, covariances)))
    h = echo_matrix(scenario, far_field=far_field)
    signal = h @ factor @ complex_normal(rng, (factor.shape[1], snapshots))
    return signal + np.sqrt(_noise_w(scenario)) * complex_normal(rng, (len(h), snapshots))


def signal_subspace(scenario: Scenario, covariance: np.ndarray, *, signal_dimension: int | None = None) -> np.ndarray:
    """Orthonormal basis of the signal subspace of a covariance: (M Nt, signal_dimension).

    Parameters
    ----------
    signal_dimension : int, optional
        Default KM; the paper's text takes K.

    Raises
    ------
    InvalidScenario
        When the signal fills the whole space, so that MUSIC has nothing to be orthogonal to.
    """
    checks.instance("scenario", scenario, Scenario)
    users, aps = scenario.reflectivity.shape[:2]
    size = aps * scenario.antennas
    observed = checks.array("covariance", covariance, (size, size), dtype=complex)
    count = users * aps if signal_dimension is None else checks.count("signal_dimension", signal_dimension)
    if signal_dimension is not None and count >= size:
        raise InvalidScenario("signal_dimension", f"is {count}, which leaves no noise subspace of {size} dimensions")
    if not 0 < count < size or users >= scenario.antennas:
        problem = f"{users} users leave no noise subspace ({count} of {size} dimensions are signal)"
        raise InvalidScenario("antennas", problem, "add antennas")
    return np.linalg.eigh(observed)[1][:, size - count :]


def noise_projector(scenario: Scenario, covariance: np.ndarray, *, signal_dimension: int | None = None) -> np.ndarray:
    r"""Projector :math:`\mathbf U_n \mathbf U_n^H` on the noise subspace, (M Nt, M Nt); arguments of :func:`signal_subspace`."""
    signal = signal_subspace(scenario, covariance, signal_dimension=signal_dimension)
    return np.eye(len(signal)) - signal @ signal.conj().T


def music_spectrum(
    scenario: Scenario,
    covariances,
    grid_m,
    *,
    snapshots: int | None = None,
    rng: np.random.Generator | None = None,
    far_field: bool = False,
    signal_dimension: int | None = None,
) -> np.ndarray:
    r"""Pseudo-spectrum :math:`1/(\tilde{\mathbf v}^H \mathbf U_n \mathbf U_n^H \tilde{\mathbf v})` on a grid.

    Parameters
    ----------
    covariances : (M, Nt, Nt) complex, W
    grid_m : (G, 2)
        Points to look at.
    snapshots : int, optional
        None: the exact covariance, whose spectrum is unbounded at the users.
    rng : numpy.random.Generator
        Needed with ``snapshots``.
    far_field : bool
        Plane waves in both the echoes and the search, the paper's far-field benchmark.
    signal_dimension : int, optional
        As in :func:`signal_subspace`.

    Returns
    -------
    ndarray (G,)

    Examples
    --------
    A user stands out from its neighbourhood by orders of magnitude:

    >>> scenario = Scenario.random(np.random.default_rng(1))
    >>> isotropic = np.tile(np.eye(21) * scenario.sensing_power_w / 21, (3, 1, 1))
    >>> here, beside = music_spectrum(scenario, isotropic, [[20.0, 30.0], [20.5, 30.0]])
    >>> print(here > 1e6 * beside)
    True
    """
    grid = checks.array("grid_m", grid_m, ("G", 2))
    far_field = checks.flag("far_field", far_field)
    observed = _observed(scenario, covariances, snapshots, rng, far_field)
    signal = signal_subspace(scenario, observed, signal_dimension=signal_dimension)
    responses = plane_wave_vectors if far_field else steering_vectors
    null = np.empty(len(grid))
    for start in range(0, len(grid), _CHUNK):
        v = responses(scenario, grid[start : start + _CHUNK]).reshape(-1, len(signal))
        v = v - (v @ signal.conj()) @ signal.T  # what is left in the noise subspace; |v|^2 - |U_s^H v|^2 would cancel
        null[start : start + _CHUNK] = np.sum(v.real**2 + v.imag**2, axis=1)
    return 1 / np.maximum(null, np.finfo(float).tiny)


def peaks(spectrum: np.ndarray, count: int) -> np.ndarray:
    """Indices (row, column) of the ``count`` largest local maxima of a spectrum on a rectangular grid: (count, 2)."""
    spectrum, count = checks.array("spectrum", spectrum, ("R", "C")), checks.count("count", count)
    padded = np.pad(spectrum, 1, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    candidates = np.argwhere(spectrum >= windows.max(axis=(-1, -2)))
    order = np.argsort(-spectrum[tuple(candidates.T)], kind="stable")
    return candidates[order[:count]]


def locate_music(
    scenario: Scenario, covariances, start_m, *, snapshots: int | None = None, rng: np.random.Generator | None = None
) -> np.ndarray:
    r"""Peaks of the spectrum off the grid, (K, 2).

    Gauss-Newton on :math:`\|\mathbf U_n^H \tilde{\mathbf v}(c)\|^2` from each start, which has to lie on the peak's slope.
    """
    projector = noise_projector(scenario, _observed(scenario, covariances, snapshots, rng, False))
    points = checks.array("start_m", start_m, ("K", 2))
    for _ in range(_REFINEMENTS):
        v = steering_vectors(scenario, points).reshape(len(points), -1)
        slope = steering_derivatives(scenario, points).reshape(2, len(points), -1)
        error, jacobian = v @ projector.T, slope @ projector.T
        normal = np.einsum("pka,qka->kpq", jacobian.conj(), jacobian).real
        step = -np.linalg.solve(normal, np.einsum("pka,ka->kp", jacobian.conj(), error).real[..., None])[..., 0]
        points += step
        if np.max(np.abs(step)) < _STEP_TOLERANCE_M:
            break
    return points


def locate_likelihood(scenario: Scenario, covariances, start_m, *, blocks: int, rng: np.random.Generator) -> np.ndarray:
    r"""Maximum-likelihood positions of simulated echoes with known waveforms, gains unknown: (K, 2).

    The waveforms have the sample covariance :math:`\mathbf S\mathbf S^H = \tau\mathbf\Psi` exactly, as the Fisher information
    assumes, so that :math:`\mathbf Y \mathbf S^H` reduces to :math:`\mathbf Z = \sqrt\tau\,\mathbf H \mathbf F + \mathbf N`,
    :math:`\mathbf F \mathbf F^H = \mathbf\Psi`. Gauss-Newton with the gains projected out (variable projection).

    Parameters
    ----------
    start_m : (K, 2)
        First guess, within a fraction of the resolution cell.
    blocks : int
        :math:`\tau`.
    """
    checks.instance("scenario", scenario, Scenario)
    points = checks.array("start_m", start_m, (len(scenario.user_positions_m), 2))
    blocks, rng = checks.count("blocks", blocks), checks.generator("rng", rng)
    factors = np.sqrt(blocks) * _square_root(checked_covariances(scenario, covariances))
    h = echo_matrix(scenario)
    aps, antennas = len(factors), scenario.antennas
    noise = np.sqrt(_noise_w(scenario)) * complex_normal(rng, (aps, aps, antennas, factors.shape[-1]))
    clean = h.reshape(aps, antennas, aps, antennas).transpose(0, 2, 1, 3) @ factors[None]
    observed = (clean + noise).reshape(aps, aps, -1)
    for _ in range(_REFINEMENTS):
        step = _likelihood_step(scenario, factors, observed, points)
        points += step
        if np.max(np.abs(step)) < _STEP_TOLERANCE_M:
            break
    return points


def _likelihood_step(scenario: Scenario, factors: np.ndarray, observed: np.ndarray, points: np.ndarray) -> np.ndarray:
    users = len(points)
    a, slope = steering_vectors(scenario, points), steering_derivatives(scenario, points)
    normal, score = np.zeros((2 * users, 2 * users)), np.zeros(2 * users)
    for receiver, transmitter in np.ndindex(*observed.shape[:2]):
        sent = a[:, transmitter].conj() @ factors[transmitter]
        sent_slope = slope[:, :, transmitter].conj() @ factors[transmitter]
        patterns = np.einsum("ka,kb->kab", a[:, receiver], sent).reshape(users, -1).T
        basis = np.linalg.qr(patterns)[0]
        measured = observed[receiver, transmitter]
        gains = np.linalg.lstsq(patterns, measured, rcond=None)[0]
        change = np.einsum("qka,kb->qkab", slope[:, :, receiver], sent) + np.einsum("ka,qkb->qkab", a[:, receiver], sent_slope)
        jacobian = (change.reshape(2, users, -1) * gains[None, :, None]).reshape(2 * users, -1).T
        jacobian = jacobian - basis @ (basis.conj().T @ jacobian)
        residual = measured - patterns @ gains
        normal += (jacobian.conj().T @ jacobian).real
        score += (jacobian.conj().T @ residual).real
    return np.linalg.solve(normal, score).reshape(2, users).T


def _observed(scenario, covariances, snapshots, rng, far_field) -> np.ndarray:
    if snapshots is None:
        return echo_covariance(scenario, covariances, far_field=far_field)
    snapshots = checks.count("snapshots", snapshots)
    if rng is None:
        raise InvalidScenario("rng", "is missing", "simulated snapshots need a numpy Generator")
    y = simulate_echoes(scenario, covariances, snapshots, rng, far_field=far_field)
    return y @ y.conj().T / snapshots


def _noise_w(scenario: Scenario) -> float:
    return float(scenario.noise_w / units.db_to_linear(scenario.sensing_processing_gain_db))


def _square_root(matrices: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrices)
    return vectors * np.sqrt(np.maximum(values, 0))[..., None, :]


def _block_diagonal(blocks: np.ndarray) -> np.ndarray:
    count, rows, columns = blocks.shape
    full = np.zeros((count, rows, count, columns), dtype=blocks.dtype)
    full[np.arange(count), :, np.arange(count)] = blocks
    return full.reshape(count * rows, count * columns)
