"""The position bound of one sensing block in 50-digit arithmetic, from the definition of the Fisher information."""

import mpmath as mp
import numpy as np

mp.mp.dps = 50


def _real(value) -> mp.mpf:
    return mp.mpf(float(value))


def _responses(s):
    """Responses with their derivatives [(a, a_x, a_y)] and gains beta of every user and access point."""
    wavenumber = 2 * mp.pi * _real(s.carrier_hz) / 299792458
    waves, gains = {}, {}
    for m, (ax, ay) in enumerate(s.ap_positions_m):
        ax, ay, angle = _real(ax), _real(ay), _real(s.array_angles_rad[m])
        for k, (ux, uy) in enumerate(s.user_positions_m):
            ux, uy = _real(ux), _real(uy)
            centre = mp.hypot(ux - ax, uy - ay)
            columns = []
            for n in range(s.antennas):
                offset = (n - mp.mpf(s.antennas - 1) / 2) * _real(s.antenna_spacing_m)
                px, py = ax + offset * mp.cos(angle), ay + offset * mp.sin(angle)
                r = mp.hypot(ux - px, uy - py)
                a = mp.expj(-wavenumber * (r - centre))
                slopes = ((ux - px) / r - (ux - ax) / centre, (uy - py) / r - (uy - ay) / centre)
                columns.append((a, *(-1j * wavenumber * slope * a for slope in slopes)))
            waves[k, m] = [mp.matrix(column) for column in zip(*columns)]
            gains[k, m] = mp.sqrt(2 * mp.pi / wavenumber / (4 * mp.pi)) / centre * mp.expj(-wavenumber * centre)
    return waves, gains


def block_bounds_m2(scenario, covariances) -> list:
    """Bounds of several covariances (D, M, Nt, Nt), path gains as printed."""
    assert scenario.path_gain == "printed"
    waves, gains = _responses(scenario)
    return [_bound(scenario, waves, gains, psi) for psi in np.asarray(covariances)]


def _bound(s, waves, gains, psi):
    users, aps = len(s.user_positions_m), len(s.ap_positions_m)
    total = mp.matrix(2 * users, 2 * users)
    for l, m in np.ndindex(aps, aps):
        covariance = mp.matrix([[mp.mpc(complex(entry)) for entry in row] for row in psi[m]])
        # Derivatives of sum_k alpha_k a_kl a_km^H as sums of rank-one terms (left, right).
        terms = []
        for q in (1, 2):
            for k in range(users):
                alpha = mp.mpc(complex(s.reflectivity[k, l, m])) * gains[k, l] * mp.conj(gains[k, m])
                terms.append([(alpha * waves[k, l][q], waves[k, m][0]), (alpha * waves[k, l][0], waves[k, m][q])])
        terms += [[(waves[k, l][0], waves[k, m][0])] for k in range(users)]
        size = 3 * users
        Z = mp.matrix(size, size)
        for i in range(size):
            for j in range(i, size):
                pairs = [(u.H * x)[0] * (y.H * covariance * v)[0] for u, v in terms[i] for x, y in terms[j]]
                Z[i, j] = mp.fsum(pairs)
                Z[j, i] = mp.conj(Z[i, j])
        p = 2 * users
        across = Z[0:p, p:size]
        schur = Z[0:p, 0:p] - across * (Z[p:size, p:size] ** -1) * across.H
        for i, j in np.ndindex(p, p):
            total[i, j] += mp.re(schur[i, j])
    inverse = total**-1
    scale = 2 * mp.mpf(10) ** (_real(s.sensing_processing_gain_db) / 10) / _real(s.noise_w)
    return mp.fsum(inverse[i, i] for i in range(2 * users)) / scale
