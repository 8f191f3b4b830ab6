r"""Localization from the echoes: 2D-MUSIC (Appendix B of the paper).

The echo of all access points, stacked to :math:`\mathbf y = \mathbf H \mathbf s + \mathbf n`, has the covariance
:math:`\mathbf H \mathbf\Psi \mathbf H^H + \sigma^2 \mathbf I`. With independent reflectivities on every pair of access points its
signal subspace is spanned by the responses :math:`\mathbf a_{k,l}` of *each* access point on its own: it has KM dimensions, not K
as the Appendix says, and only then the stacked response of a user,
:math:`\tilde{\mathbf v} = [\mathbf a_1^T, \dots, \mathbf a_M^T]^T`, is orthogonal to the noise subspace.

MUSIC looks at the received covariance only. It does not use which signal was sent, hence neither the angle at which a user was
illuminated nor the waveform, and does not attain the position bound, for which both are known. That of :mod:`.likelihood` does.

The functions ``_batch`` do many simulations at once, one for every generator of a list, and share what does not depend on the
noise, the responses above all: a map among many costs a fraction of a single one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from isaclib.foundations import checks, units
from isaclib.foundations.channels import complex_normal
from isaclib.foundations.errors import InvalidScenario

from .descent import descend, newton_step
from .information import checked_covariances
from .scenario import Scenario, antenna_positions_m, echo_gains, phasors, responses, steering_vectors

_FULL = 200  # size up to which all eigenvectors are had as soon as the few of the signal
_CHUNK = 2048  # grid points per matrix product: bounds the memory of a fine grid, and fits the cache
_DEEP = 1e-4  # part of the response's length below which a null is recomputed without cancellation
_MANY_ENTRIES = 6_000_000  # of all snapshots together; more are not drawn one by one


def plane_wave_vectors(scenario: Scenario, points_m: ArrayLike | None = None) -> np.ndarray:
    r"""Far-field responses :math:`e^{j \frac{2\pi}{\lambda} \mathbf o_n^T \mathbf u}`, which know directions only: (G, M, Nt).

    :math:`\mathbf o_n` is the antenna's offset from the array centre, :math:`\mathbf u` the unit vector from there to the point
    (0 at the centre itself, where there is no direction).

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> near, far = nf.steering_vectors(scenario), nf.plane_wave_vectors(scenario)
    >>> np.abs(np.mean(near[0] * far[0].conj(), axis=-1)).round(3).tolist()  # 1 where a wave is plane
    [0.99, 0.903, 0.987]
    """
    checks.instance("scenario", scenario, Scenario)
    points = scenario.user_positions_m if points_m is None else checks.array("points_m", points_m, ("G", 2))
    offsets = antenna_positions_m(scenario) - scenario.ap_positions_m[:, None, :]
    direction = points[:, None, :] - scenario.ap_positions_m[None]
    length = np.hypot(direction[..., 0], direction[..., 1])[..., None]
    direction = direction / np.where(length > 0, length, 1)
    return phasors(np.einsum("mnd,gmd->gmn", offsets, -direction / scenario.wavelength_m))


def echo_matrix(scenario: Scenario, *, far_field: bool = False) -> np.ndarray:
    r"""The sensing channel :math:`\mathbf H = \sum_k \mathbf H_k`.

    Its block (l, m) is :math:`\sum_k \alpha_{k,l,m}\mathbf a_{k,l}\mathbf a_{k,m}^H`.

    Returns
    -------
    ndarray (M Nt, M Nt) complex

    Examples
    --------
    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> nf.echo_matrix(scenario).shape
    (63, 63)
    """
    far_field = checks.flag("far_field", far_field)
    a = plane_wave_vectors(scenario) if far_field else steering_vectors(scenario)
    blocks = np.einsum("klm,kla,kmb->lamb", echo_gains(scenario), a, a.conj(), optimize=True)
    size = a.shape[1] * a.shape[2]
    return blocks.reshape(size, size)


def echo_covariance(scenario: Scenario, covariances: ArrayLike, *, far_field: bool = False) -> np.ndarray:
    r"""Exact covariance :math:`\mathbf H\mathbf\Psi\mathbf H^H + (\sigma^2/G_p)\mathbf I` of one snapshot: (M Nt, M Nt).

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> white = np.broadcast_to(np.eye(21) / 21, (3, 21, 21))
    >>> seen = nf.echo_covariance(scenario, white)
    >>> seen.shape, bool(np.linalg.eigvalsh(seen)[0] > 0)
    ((63, 63), True)
    """
    psi = _block_diagonal(checked_covariances(scenario, covariances))
    h = echo_matrix(scenario, far_field=far_field)
    return h @ psi @ h.conj().T + noise_w(scenario) * np.eye(len(h))


def simulate_echoes(
    scenario: Scenario, covariances: ArrayLike, snapshots: int, rng: np.random.Generator, *, far_field: bool = False
) -> np.ndarray:
    r"""Snapshots :math:`\mathbf y[t]` with Gaussian signals of the given covariances: (M Nt, snapshots).

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> white = np.broadcast_to(np.eye(21) / 21, (3, 21, 21))
    >>> nf.simulate_echoes(scenario, white, 100, np.random.default_rng(1)).shape
    (63, 100)
    """
    snapshots, rng = checks.count("snapshots", snapshots), checks.generator("rng", rng)
    factor = _block_diagonal(square_root(checked_covariances(scenario, covariances)))
    return _echoes(echo_matrix(scenario, far_field=far_field) @ factor, noise_w(scenario), snapshots, rng)


def _echoes(factor: np.ndarray, noise: float, snapshots: int, rng: np.random.Generator) -> np.ndarray:
    signal = factor @ complex_normal(rng, (factor.shape[1], snapshots))
    return signal + np.sqrt(noise) * complex_normal(rng, (len(factor), snapshots))


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

    Examples
    --------
    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> white = np.broadcast_to(np.eye(21) / 21, (3, 21, 21))
    >>> basis = nf.signal_subspace(scenario, nf.echo_covariance(scenario, white))
    >>> basis.shape, bool(np.allclose(basis.conj().T @ basis, np.eye(12)))
    ((63, 12), True)
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
    if size <= _FULL:
        return np.linalg.eigh(observed)[1][:, size - count :]
    return linalg.eigh(observed, subset_by_index=[size - count, size - 1], check_finite=False)[1]


def noise_projector(scenario: Scenario, covariance: np.ndarray, *, signal_dimension: int | None = None) -> np.ndarray:
    r"""Projector :math:`\mathbf U_n \mathbf U_n^H` on the noise subspace, (M Nt, M Nt); arguments of :func:`signal_subspace`.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> white = np.broadcast_to(np.eye(21) / 21, (3, 21, 21))
    >>> projector = nf.noise_projector(scenario, nf.echo_covariance(scenario, white))
    >>> round(float(np.trace(projector).real), 6)  # 63 antennas less the 12 dimensions of the echoes
    51.0
    """
    signal = signal_subspace(scenario, covariance, signal_dimension=signal_dimension)
    return np.eye(len(signal)) - signal @ signal.conj().T


def music_spectrum(
    scenario: Scenario,
    covariances: ArrayLike,
    grid_m: ArrayLike,
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
    return _spectra(scenario, [observed], grid, far_field, signal_dimension)[0]


def music_spectrum_batch(
    scenario: Scenario,
    covariances,
    grid_m,
    *,
    snapshots: int,
    rngs: Sequence[np.random.Generator],
    far_field: bool = False,
    signal_dimension: int | None = None,
) -> np.ndarray:
    """:func:`music_spectrum` of D simulations, (D, G), one for each generator of ``rngs``.

    >>> scenario = Scenario.random(np.random.default_rng(1))
    >>> isotropic = np.tile(np.eye(21) * scenario.sensing_power_w / 21, (3, 1, 1))
    >>> rngs = np.random.default_rng(2).spawn(2)
    >>> maps = music_spectrum_batch(scenario, isotropic, [[20.0, 30.0], [20.5, 30.0]], snapshots=80, rngs=rngs)
    >>> print(maps.shape, np.all(maps[:, 0] > 1000 * maps[:, 1]))
    (2, 2) True
    """
    grid = checks.array("grid_m", grid_m, ("G", 2))
    far_field = checks.flag("far_field", far_field)
    observed = _samples(scenario, covariances, snapshots, generators(rngs), far_field)
    return _spectra(scenario, observed, grid, far_field, signal_dimension)


def _spectra(scenario: Scenario, observed: list[np.ndarray], grid: np.ndarray, far_field: bool, dimension) -> np.ndarray:
    signals = [signal_subspace(scenario, one, signal_dimension=dimension) for one in observed]
    respond = plane_wave_vectors if far_field else steering_vectors
    null = np.empty((len(signals), len(grid)))
    for start in range(0, len(grid), _CHUNK):
        v = respond(scenario, grid[start : start + _CHUNK]).reshape(-1, len(signals[0]))
        for row, signal in zip(null[:, start : start + _CHUNK], signals):
            seen = v @ signal.conj()
            row[:] = v.shape[1] - _squares(seen)
            # Near a peak the difference cancels: there, what is left in the noise subspace is formed itself.
            deep = np.flatnonzero(row < _DEEP * v.shape[1])
            row[deep] = _squares(v[deep] - seen[deep] @ signal.T)
    return 1 / np.maximum(null, np.finfo(float).tiny)


def _squares(vectors: np.ndarray) -> np.ndarray:
    return np.sum(vectors.real**2 + vectors.imag**2, axis=-1)


def peaks(spectrum: np.ndarray, count: int) -> np.ndarray:
    """Indices (row, column) of the ``count`` largest local maxima of a spectrum on a rectangular grid: (count, 2).

    >>> from isaclib import near_field as nf
    >>> spectrum = np.zeros((5, 5))
    >>> spectrum[1, 1], spectrum[3, 3] = 2.0, 1.0
    >>> nf.peaks(spectrum, 2).tolist()
    [[1, 1], [3, 3]]
    """
    spectrum, count = checks.array("spectrum", spectrum, ("R", "C")), checks.count("count", count)
    padded = np.pad(spectrum, 1, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    candidates = np.argwhere(spectrum >= windows.max(axis=(-1, -2)))
    order = np.argsort(-spectrum[tuple(candidates.T)], kind="stable")
    return candidates[order[:count]]


def locate_music(
    scenario: Scenario,
    covariances: ArrayLike,
    start_m: ArrayLike,
    *,
    snapshots: int | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    r"""Peaks of the spectrum off the grid, (K, 2).

    Gauss-Newton on :math:`\|\mathbf U_n^H \tilde{\mathbf v}(c)\|^2` from each start, which has to lie on the peak's slope.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> white = np.broadcast_to(np.eye(21) / 21, (3, 21, 21))
    >>> found = nf.locate_music(scenario, white, scenario.user_positions_m + 1e-3)
    >>> bool(np.abs(found - scenario.user_positions_m).max() < 1e-6)
    True
    """
    return _located(scenario, [_observed(scenario, covariances, snapshots, rng, False)], start_m)[0]


def locate_music_batch(
    scenario: Scenario, covariances, start_m, *, snapshots: int, rngs: Sequence[np.random.Generator]
) -> np.ndarray:
    """:func:`locate_music` of D simulations, (D, K, 2), one for each generator of ``rngs``.

    >>> scenario = Scenario.random(np.random.default_rng(1))
    >>> isotropic = np.tile(np.eye(21) * scenario.sensing_power_w / 21, (3, 1, 1))
    >>> users, rngs = scenario.user_positions_m, np.random.default_rng(2).spawn(3)
    >>> found = locate_music_batch(scenario, isotropic, users, snapshots=80, rngs=rngs)
    >>> print(found.shape, np.all(np.abs(found - users) < 1e-3))
    (3, 4, 2) True
    """
    return _located(scenario, _samples(scenario, covariances, snapshots, generators(rngs), False), start_m)


def _located(scenario: Scenario, observed: list[np.ndarray], start_m) -> np.ndarray:
    signals = np.stack([signal_subspace(scenario, one) for one in observed])
    points = checks.array("start_m", start_m, ("K", 2))

    def step(draws: np.ndarray, points: np.ndarray) -> np.ndarray:
        v, slope = responses(scenario, points.reshape(-1, 2))
        shape = (*points.shape[:2], -1)
        error, *jacobian = (_without(part.reshape(shape), signals[draws]) for part in (v, *slope))
        normal = np.array([[np.sum((a.conj() * b).real, axis=2) for b in jacobian] for a in jacobian])
        score = np.array([np.sum((a.conj() * error).real, axis=2) for a in jacobian])
        return -newton_step(np.moveaxis(normal, (0, 1), (2, 3)), np.moveaxis(score, 0, 2))

    return descend(step, np.repeat(points[None], len(signals), axis=0))


def _without(vectors: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Rows (D, K, n) without their parts in the subspaces (D, n, q)."""
    return vectors - (vectors @ signal.conj()) @ np.swapaxes(signal, 1, 2)


def _observed(scenario, covariances, snapshots, rng, far_field) -> np.ndarray:
    if snapshots is None:
        return echo_covariance(scenario, covariances, far_field=far_field)
    if rng is None:
        raise InvalidScenario("rng", "is missing", "simulated snapshots need a numpy Generator")
    return _samples(scenario, covariances, snapshots, [checks.generator("rng", rng)], far_field)[0]


def _samples(scenario, covariances, snapshots, rngs: list[np.random.Generator], far_field) -> list[np.ndarray]:
    """One sample covariance for every generator; of very many snapshots by its distribution, without drawing them."""
    snapshots = checks.count("snapshots", snapshots, maximum=2**53)
    factor = echo_matrix(scenario, far_field=far_field) @ _block_diagonal(square_root(checked_covariances(scenario, covariances)))
    if snapshots > 10 * len(factor) and snapshots * len(factor) > _MANY_ENTRIES:
        return [_wishart(factor, noise_w(scenario), snapshots, rng) for rng in rngs]
    echoes = (_echoes(factor, noise_w(scenario), snapshots, rng) for rng in rngs)
    return [y @ y.conj().T / snapshots for y in echoes]


def _wishart(factor: np.ndarray, noise: float, snapshots: int, rng: np.random.Generator) -> np.ndarray:
    r"""A sample covariance of complex Gaussian snapshots by Bartlett's decomposition.

    With covariance :math:`LL^H` it is :math:`LAA^HL^H/S`, A lower triangular with independent entries: complex normal ones
    below the diagonal, and :math:`|A_{ii}|^2` gamma distributed with shape :math:`S-i`, i counted from 0.
    """
    size = len(factor)
    wide = np.concatenate([factor, np.sqrt(noise) * np.eye(size)], axis=1)
    lower = np.linalg.qr(wide.conj().T, mode="r").conj().T
    triangular = np.tril(complex_normal(rng, (size, size)), -1)
    triangular[np.diag_indices(size)] = np.sqrt(rng.standard_gamma(snapshots - np.arange(size)))
    root = lower @ triangular
    return root @ root.conj().T / snapshots


def generators(rngs) -> list[np.random.Generator]:
    """A list of generators, at least one and all different: one twice would make two simulations depend on their order."""
    if not isinstance(rngs, list | tuple) or not rngs:
        raise InvalidScenario("rngs", f"must be a list of generators, not {checks.short(rngs)}", "rng.spawn(D) makes them")
    if len({id(rng) for rng in rngs}) < len(rngs):
        raise InvalidScenario("rngs", "holds a generator twice", "rng.spawn(D) makes different ones")
    return [checks.generator("rngs", rng) for rng in rngs]


def noise_w(scenario: Scenario) -> float:
    """Noise of a snapshot after the processing gain."""
    return float(scenario.noise_w / units.db_to_linear(scenario.sensing_processing_gain_db))


def square_root(matrices: np.ndarray) -> np.ndarray:
    """Factors F with F F^H the positive semidefinite matrices (M, n, n)."""
    values, vectors = np.linalg.eigh(matrices)
    return vectors * np.sqrt(np.maximum(values, 0))[..., None, :]


def _block_diagonal(blocks: np.ndarray) -> np.ndarray:
    count, rows, columns = blocks.shape
    full = np.zeros((count, rows, count, columns), dtype=blocks.dtype)
    full[np.arange(count), :, np.arange(count)] = blocks
    return full.reshape(count * rows, count * columns)
