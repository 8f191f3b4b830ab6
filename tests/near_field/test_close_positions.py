"""Users less than a wavelength apart: position bounds and their proofs against 50 digits."""

import mpmath as mp
import numpy as np
import pytest

from isaclib import near_field as nf
from isaclib.near_field.information import snr_scale, wave_basis
from tests.near_field.fisher_oracle import block_bounds_m2

PLACES = np.array([[20.0, 30.0], [40.0, 10.0], [50.0, 50.0]])


def scene(users, aps, antennas, apart_m, seed=1):
    """The first two users ``apart_m`` apart."""
    rng = np.random.default_rng(seed)
    places = PLACES[:users].copy()
    places[1] = places[0] + apart_m * np.array([0.6, 0.8])
    return nf.Scenario.random(
        rng,
        ap_positions_m=np.array([[0.0, 0.0], [70.0, 5.0], [30.0, 70.0]])[:aps],
        array_angles_rad=np.array([0.3, 1.2, 2.5])[:aps],
        user_positions_m=places,
        antennas=antennas,
    )


@pytest.mark.parametrize("users, aps, antennas, apart_m", [(2, 2, 3, 1e-3), (2, 2, 7, 3e-4), (3, 3, 4, 2e-3), (2, 3, 3, 1e-4)])
def test_close_users_are_certified(users, aps, antennas, apart_m):
    s = scene(users, aps, antennas, apart_m)
    found = nf.optimise_sensing(s)
    c = found.certificate
    assert c.status == "optimal"
    isotropic = np.tile(np.eye(antennas) * s.sensing_power_w / antennas, (aps, 1, 1))
    truth = float(block_bounds_m2(s, [isotropic])[0])
    # The phases of the responses, rounded at 1e4 rad, are what is left of the digits.
    assert nf.crlb_m2(s, isotropic, 0.0) * s.block_s / s.sensing_block_s == pytest.approx(truth, rel=1e-3)
    assert c.value < truth
    assert nf.verify_sensing(s, found).status == "optimal"


def bound_in_many_digits(s, witness):
    """(Tr V)^2 over the power and the sum of the largest eigenvalues, by the definition of the derivatives."""
    basis, gains = wave_basis(s), nf.echo_gains(s)
    users, aps, _ = gains.shape
    V, price = mp.matrix(witness.matrix.tolist()), mp.mpf(0)
    for m in range(aps):
        sent, G = mp.matrix(basis[m].tolist()), mp.zeros(s.antennas)
        for l in range(aps):
            heard, turned = mp.matrix(basis[l].tolist()), -mp.matrix(witness.regressions[l, m].tolist()).T * V
            for i in range(2 * users):
                C = mp.zeros(3 * users)
                for k in range(users):
                    for q in (1, 2):
                        C[q * users + k, k] = C[k, q * users + k] = mp.mpc(complex(gains[k, l, m])) * V[(q - 1) * users + k, i]
                    C[k, k] = mp.mpc(turned[k, i], turned[users + k, i])
                E = heard * C * sent.H
                G += E.H * E
        price += max(mp.eigh(G, eigvals_only=True))
    trace = mp.fsum(V[i, i] for i in range(2 * users))
    return float(trace**2 / (mp.mpf(snr_scale(s) * s.sensing_power_w) * price))


@pytest.mark.parametrize("apart_m", [1e-2, 1e-3, 1e-4])
def test_the_bound_of_a_witness_is_that_of_many_digits(apart_m):
    # From Gram matrices it was 42 % too large for users half a millimetre apart.
    s = scene(2, 2, 3, apart_m)
    isotropic = np.tile(np.eye(3) * s.sensing_power_w / 3, (2, 1, 1))
    for witness in (nf.natural_witness(s, isotropic), nf.optimise_sensing(s).witness):
        assert nf.sensing_bound(s, witness) == pytest.approx(bound_in_many_digits(s, witness), rel=1e-6)
