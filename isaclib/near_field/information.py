r"""Fisher information of the users' positions in closed form, and the Cramér-Rao bound built from it.

The unknowns are the positions and, as nuisance, one complex gain for every user and every ordered pair of access points.
The pairs share no gains and the signals of different transmitters are uncorrelated, so everything is a sum over pairs.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from isaclib.foundations import checks, units
from isaclib.foundations.errors import InvalidScenario
from isaclib.foundations.linear_algebra import product, substituted, upper_triangle

from .hermitian import real_form
from .scenario import Scenario, channels, echo_gains, steering_derivatives, steering_vectors

_LARGEST = 1e100  # W, of a covariance
_SINGULAR = 1e-13  # relative singular value below which a direction carries no information


def wave_basis(scenario: Scenario) -> np.ndarray:
    r"""Responses and their derivatives, :math:`(\mathbf a, \partial_x \mathbf a, \partial_y \mathbf a)`: (M, Nt, 3K).

    The Fisher information sees the covariance of AP m through these columns only; the index is ``3K = (type, user)``.
    """
    stacked = np.concatenate([steering_vectors(scenario)[None], steering_derivatives(scenario)])
    types, users, aps, antennas = stacked.shape
    return stacked.transpose(2, 3, 0, 1).reshape(aps, antennas, types * users)


def pair_information(receive_gram: np.ndarray, transmit_gram: np.ndarray, gains: np.ndarray) -> np.ndarray:
    r"""Complex information of one transmitter-receiver pair, without the factor :math:`2/\sigma^2`.

    With :math:`D_p` the derivative of :math:`\sum_k \alpha_k \mathbf a_{k,l} \mathbf a_{k,m}^H` with respect to the p-th of the
    parameters :math:`(c^x, c^y, \alpha)` this is
    :math:`\operatorname{Tr}(\mathbf\Psi_m D_p^H D_q)`. Every :math:`D_p` is a sum
    of one or two rank-one terms :math:`\mathbf u \mathbf v^H`, and
    :math:`\operatorname{Tr}(\mathbf\Psi\, \mathbf v_1 \mathbf u_1^H \mathbf u_2 \mathbf v_2^H)
    = (\mathbf u_1^H \mathbf u_2)(\mathbf v_1^H \mathbf\Psi \mathbf v_2)^*`.

    Parameters
    ----------
    receive_gram, transmit_gram : (..., 3K, 3K)
        :math:`\mathbf U_l^H \mathbf U_l` and :math:`\mathbf U_m^H \mathbf\Psi_m \mathbf U_m` of :func:`wave_basis`.
    gains : (..., K)
        :math:`\alpha_{k,l,m}`.

    Returns
    -------
    ndarray (..., 3K, 3K)
        Hermitian; rows :math:`c^x, c^y, \alpha`.
    """
    users = np.shape(gains)[-1]
    part = [slice(t * users, (t + 1) * users) for t in range(3)]
    sent = np.conj(transmit_gram)
    # Parameter -> its rank-one terms (type of u, type of v); positions carry the factor alpha, gains do not.
    terms = {0: ((1, 0), (0, 1)), 1: ((2, 0), (0, 2)), 2: ((0, 0),)}
    ones = np.ones_like(gains)
    weight = {0: gains, 1: gains, 2: ones}
    rows = []
    for p in range(3):
        row = []
        for q in range(3):
            block = sum(
                receive_gram[..., part[u1], part[u2]] * sent[..., part[v1], part[v2]]
                for u1, v1 in terms[p]
                for u2, v2 in terms[q]
            )
            row.append(np.conj(weight[p])[..., :, None] * block * weight[q][..., None, :])
        rows.append(np.concatenate(row, axis=-1))
    return np.concatenate(rows, axis=-2)


def real_information(information: np.ndarray) -> np.ndarray:
    r"""Real form of :func:`pair_information` for :math:`(c^x, c^y, \Re\alpha, \Im\alpha)`: (..., 4K, 4K).

    Since :math:`\partial/\partial\Im\alpha = j\,\partial/\partial\Re\alpha`, the blocks are
    :math:`\Re Z_{p\alpha}`, :math:`-\Im Z_{p\alpha}` and, between real and imaginary parts, :math:`\mp\Im Z_{\alpha\alpha}`,
    which the paper's Appendix sets to zero.
    """
    positions = 2 * information.shape[-1] // 3
    zpp, zpa = information[..., :positions, :positions], information[..., :positions, positions:]
    zaa = information[..., positions:, positions:]
    across = np.concatenate([zpa.real, -zpa.imag], axis=-1)
    return np.block([[zpp.real, across], [np.swapaxes(across, -1, -2), real_form(zaa)]])


def information_by_pair(scenario: Scenario, covariances) -> np.ndarray:
    r"""Real information of every AP pair for one sensing block: (M, M, 4K, 4K), receiver, transmitter.

    The signals of different transmitters are uncorrelated and every pair has its own gains, so the pairs' informations add in the
    positions and never mix in the gains. Units: 1/m^2 (positions), 1/m, and 1 (gains).
    """
    checks.instance("scenario", scenario, Scenario)
    psi = checked_covariances(scenario, covariances)
    basis = wave_basis(scenario)
    adjoint = np.swapaxes(basis.conj(), -1, -2)
    receive, transmit = product(adjoint, basis), product(product(adjoint, psi), basis)
    gains = np.moveaxis(echo_gains(scenario), 0, -1)
    return snr_scale(scenario) * real_information(pair_information(receive[:, None], transmit[None, :], gains))


def snr_scale(scenario: Scenario) -> float:
    r"""The factor :math:`2 G_p/\sigma^2` in front of the information, in 1/W."""
    return 2 * units.db_to_linear(scenario.sensing_processing_gain_db) / scenario.noise_w


def fisher_information(scenario: Scenario, covariances: ArrayLike) -> np.ndarray:
    r"""Fisher information of one sensing block, Appendix A of the paper with its slips mended.

    .. math:: J_{pq} = \frac{2 G_p}{\sigma^2}\,\Re \operatorname{Tr}\Big(\mathbf\Psi\,
        \frac{\partial \mathbf H^H}{\partial\theta_p} \frac{\partial \mathbf H}{\partial\theta_q}\Big),
        \qquad \mathbf H = \sum_k \mathbf H_k

    Parameters
    ----------
    covariances : (M, Nt, Nt) complex, W
        Sensing covariances :math:`\mathbf\Psi_m`.

    Returns
    -------
    ndarray (2K + 2KM^2, 2K + 2KM^2)
        Order :math:`(c^x, c^y, \Re\alpha, \Im\alpha)`; the gains run over (user, receiver, transmitter).
        Multiply by the number of sensing blocks :math:`\tau = (1-\eta)T/\tau_s`.

    Examples
    --------
    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> white = np.broadcast_to(np.eye(21) / 21, (3, 21, 21))
    >>> once, twice = nf.fisher_information(scenario, white), nf.fisher_information(scenario, 2 * white)
    >>> once.shape, bool(np.allclose(twice, 2 * once))
    ((80, 80), True)
    """
    pairs = information_by_pair(scenario, covariances)
    users, aps = len(scenario.user_positions_m), len(scenario.ap_positions_m)
    positions, gains = 2 * users, users * aps * aps
    full = np.zeros((positions + 2 * gains, positions + 2 * gains))
    k = np.arange(users)
    for receiver in range(aps):
        for transmitter in range(aps):
            real = positions + (k * aps + receiver) * aps + transmitter
            index = np.concatenate([np.arange(positions), real, real + gains])
            full[np.ix_(index, index)] += pairs[receiver, transmitter]
    return full


def position_information(scenario: Scenario, covariances: ArrayLike) -> np.ndarray:
    r"""Information of the positions with the gains unknown: (2K, 2K).

    .. math:: J_e = J_{pp} - J_{p\alpha} J_{\alpha\alpha}^{-1} J_{p\alpha}^{\mathsf T}

    Eliminated pair by pair, without a difference of two Grams. Gains that a covariance does not excite carry no information
    and are left out.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> white = np.broadcast_to(np.eye(21) / 21, (3, 21, 21))
    >>> information = nf.position_information(scenario, white)
    >>> louder = nf.position_information(scenario, 2 * white)
    >>> bool(np.allclose(louder, 2 * information))
    True
    """
    scenario = checks.instance("scenario", scenario, Scenario)
    rows = _information_root(scenario, checked_covariances(scenario, covariances))
    return product(snr_scale(scenario) * rows.T, rows)


def patterns(positions: np.ndarray, nuisances: np.ndarray, gains: np.ndarray) -> np.ndarray:
    r"""Combinations of the derivatives of one transmitter's pairs, in the waves of receiver and transmitter: (M, I, 3K, 3K).

    Combination i takes the positions' derivatives with the weights ``positions[:, i]`` (2K, I) and those of the gains with
    ``nuisances[l, :, i]`` (M, 2K, I), real parts first; ``gains`` are (M, K). With :math:`C_i` of it, the quadratic form of the
    information is :math:`\operatorname{Tr}(\mathbf\Psi E_i^HE_i)`, :math:`E_i=\mathbf U_lC_i\mathbf U_m^H`.
    """
    aps, users = gains.shape
    count = positions.shape[1]
    result = np.zeros((aps, count, 3, users, 3, users), dtype=complex)
    k = np.arange(users)
    moved = gains[:, None, None, :] * positions.T.reshape(count, 2, users)
    for q in (1, 2):
        result[:, :, q, k, 0, k] = result[:, :, 0, k, q, k] = moved[:, :, q - 1]
    turned = np.swapaxes(nuisances, -1, -2)
    result[:, :, 0, k, 0, k] = turned[..., :users] + 1j * turned[..., users:]
    return result.reshape(aps, count, 3 * users, 3 * users)


def eliminated(scenario: Scenario, covariances: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    r"""A matrix W with :math:`WW^{\mathsf T}` proportional to the positions' bound, None where there is none, and the pairs'
    regressions on the gains (M, M, 2K, 2K): of the derivatives themselves, not of their Gram matrices.
    """
    aps = len(scenario.ap_positions_m)
    regressions, rows = [], []
    for positions, gains in pair_columns(scenario, covariances):
        lengths = np.linalg.norm(gains, axis=0)
        lengths = np.where(lengths > 0, lengths, 1.0)
        found = np.linalg.lstsq(gains / lengths, positions, rcond=_SINGULAR)[0] / lengths[:, None]
        regressions.append(np.concatenate([found.real, found.imag]).T)
        rows.append(_unexplained(positions, gains))
    return _inverse_root(np.concatenate(rows)), np.array(regressions).reshape(aps, aps, *regressions[0].shape)


def _inverse_root(rows: np.ndarray) -> np.ndarray | None:
    """A matrix W with W W^T the inverse of the rows' Gram matrix, which is not formed; None where it is singular to rounding."""
    lengths = np.linalg.norm(rows, axis=0)
    if not np.all(lengths > 0):
        return None
    triangle = upper_triangle(rows / lengths)
    values = np.linalg.svd(triangle, compute_uv=False)
    if not values[-1] > _SINGULAR * values[0]:
        return None
    return substituted(triangle, np.eye(len(triangle)), lower=False) / lengths[:, None]


def crlb_m2(scenario: Scenario, covariances: ArrayLike, time_allocation: float) -> float:
    r"""Position bound summed over the users, eq. (2):

    .. math:: \mathrm{CRLB}(\mathbf\Psi, \eta) = \frac{\tau_s}{(1-\eta)T}\,\operatorname{Tr}
        \big[(J_{pp} - J_{p\alpha} J_{\alpha\alpha}^{-1} J_{p\alpha}^{\mathsf T})^{-1}\big] \quad (\mathrm{m}^2)

    with the information of one block. Infinite for :math:`\eta = 1` and where the positions are not identifiable.

    Parameters
    ----------
    covariances : (M, Nt, Nt) complex, W
    time_allocation : float
        :math:`\eta` in [0, 1].

    Raises
    ------
    InvalidScenario
        For a time allocation outside [0, 1] or covariances that are not Hermitian positive semidefinite.

    Examples
    --------
    The whole block spent on sensing with isotropic signals, in millimetres:

    >>> import numpy as np
    >>> scenario = Scenario.random(np.random.default_rng(1))
    >>> isotropic = np.tile(np.eye(21) * scenario.sensing_power_w / 21, (3, 1, 1))
    >>> print(f"{1e3 * crlb_m2(scenario, isotropic, 0.0) ** 0.5:.6f} mm")
    0.004638 mm
    """
    scenario = checks.instance("scenario", scenario, Scenario)
    psi = checked_covariances(scenario, covariances)
    eta = checks.number("time_allocation", time_allocation, minimum=0, maximum=1)
    blocks = (1 - eta) * scenario.block_s / scenario.sensing_block_s
    return block_bound_m2(scenario, psi) / blocks if blocks > 0 else math.inf


def block_bound_m2(scenario: Scenario, covariances: np.ndarray) -> float:
    r"""The bound of one sensing block, :math:`\|R^{-1}\|_F^2` with :math:`R^{\mathsf T}R` the information of the positions.

    Neither a Gram matrix nor a Schur complement is formed, in which the digits would be halved: with F a root of
    :math:`\mathbf\Psi_m`, the derivatives :math:`D_pF` of a pair are columns, those of the gains are projected away by an
    orthonormal basis of theirs, and what is left of all pairs is one matrix, of which R is the triangular factor.
    """
    with np.errstate(over="ignore"):
        inverse = _inverse_root(_information_root(scenario, covariances))
        return math.inf if inverse is None else float(np.sum(inverse**2) / snr_scale(scenario))


def _information_root(scenario: Scenario, covariances: np.ndarray) -> np.ndarray:
    """Rows whose Gram matrix, times the SNR scale, is the information of the positions, (rows, 2K)."""
    return np.concatenate([_unexplained(*columns) for columns in pair_columns(scenario, covariances)])


def pair_columns(scenario: Scenario, covariances: np.ndarray):
    r"""Derivatives :math:`D_pF` of every pair, (rows, 2K) for the positions and (rows, K) for the gains, in few coordinates."""
    basis, gains = wave_basis(scenario), echo_gains(scenario)
    users = gains.shape[0]
    receive = [np.linalg.qr(u, mode="r") for u in basis]
    if scenario.antennas > basis.shape[-1]:  # of a long array, what the waves see of them: (3K, 3K)
        spans, waves = np.linalg.qr(basis)
        covariances = product(product(np.swapaxes(spans.conj(), -1, -2), covariances), spans)
    else:
        waves = basis
    values, vectors = np.linalg.eigh(covariances)
    roots = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    transmit = [np.linalg.qr(f.conj().T @ u, mode="r") for f, u in zip(roots, waves)]
    for l, m in np.ndindex(len(basis), len(basis)):
        u, v = receive[l].reshape(-1, 3, users), transmit[m].conj().reshape(-1, 3, users)

        def term(of_u: int, of_v: int, u=u, v=v) -> np.ndarray:
            return np.einsum("ak,bk->abk", u[:, of_u], v[:, of_v]).reshape(-1, users)

        alpha = gains[:, l, m]
        positions = [(term(q, 0) + term(0, q)) * alpha for q in (1, 2)]
        yield np.concatenate(positions, axis=1), term(0, 0)


def _unexplained(positions: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Real and imaginary parts of the position columns without what gains (any complex combination of theirs) explain."""
    lengths = np.linalg.norm(gains, axis=0)
    seen = gains[:, lengths > 0] / lengths[lengths > 0]
    if seen.shape[1]:
        left, values, _ = np.linalg.svd(seen, full_matrices=False)
        left = left[:, values > _SINGULAR * values[0]]
        for _ in range(2):  # the second time for the digits that the first has lost
            positions = positions - left @ (left.conj().T @ positions)
    return np.concatenate([positions.real, positions.imag])


def time_allocation_limit(scenario: Scenario, crlb_bar_m2: float) -> float:
    r"""Largest admissible communication share, eq. (17).

    .. math:: \bar\eta = 1 - \frac{\tau_s\,\overline{\mathrm{CRLB}}}{T\,\mathrm{CRLB}_{th}}

    ``crlb_bar_m2`` is the bound of one sensing block. Negative where the limit cannot be met even by sensing all the time, and
    minus infinity for an infinite bound.

    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> round(nf.time_allocation_limit(scenario, 8e-10), 9)
    0.2
    """
    checks.instance("scenario", scenario, Scenario)
    crlb_bar = checks.number("crlb_bar_m2", crlb_bar_m2, minimum=0, infinite=True)
    if crlb_bar == math.inf:  # whatever the limit
        return -math.inf
    return 1 - scenario.sensing_block_s * crlb_bar / (scenario.block_s * scenario.crlb_limit_m2)


def error_radii(scenario: Scenario, crlb_m2: float) -> np.ndarray:
    r"""Channel-error radii :math:`\epsilon_{k,m} = \alpha_e \sqrt{\mathrm{CRLB}}\,\|\mathbf h_{k,m}\|`, eq. (4): (K, M).

    Infinite for an infinite bound (no sensing), but for a slope of 0.

    >>> radii = error_radii(Scenario.random(np.random.default_rng(1)), 1e-11)
    >>> print(f"{radii[0, 0]:.4e}")
    3.8267e-06
    """
    checks.instance("scenario", scenario, Scenario)
    crlb = checks.number("crlb_m2", crlb_m2, minimum=0, infinite=True)
    error = scenario.error_slope_per_m * math.sqrt(crlb) if scenario.error_slope_per_m > 0 else 0.0
    return error * np.linalg.norm(channels(scenario), axis=-1)


def checked_covariances(scenario: Scenario, covariances) -> np.ndarray:
    """The covariances as a complex array (M, Nt, Nt), if they are Hermitian positive semidefinite."""
    checks.instance("scenario", scenario, Scenario)
    wanted = (len(scenario.ap_positions_m), scenario.antennas, scenario.antennas)
    psi = checks.array("covariances", covariances, wanted, dtype=complex)
    size = np.max(np.abs(psi), initial=0.0)
    if not size < _LARGEST:
        raise InvalidScenario("covariances", "are too large to be multiplied", "check the units")
    if np.max(np.abs(psi - np.swapaxes(psi.conj(), -1, -2)), initial=0.0) > 1e-9 * size:
        raise InvalidScenario("covariances", "must be Hermitian", "symmetrise it")
    if size > 0:
        try:  # a factor exists where no eigenvalue lies below minus this shift, and costs a tenth of the eigenvalues
            np.linalg.cholesky(psi / size + 1e-9 * scenario.antennas * np.eye(scenario.antennas))
        except np.linalg.LinAlgError:
            raise InvalidScenario("covariances", "must be positive semidefinite", "drop the negative eigenvalues") from None
    return psi
