r"""Monte-Carlo experiments on the echo: delay estimates, random-data sidelobes, a weak target beside a strong one.

After L symbols the matched filter's output on carrier n, given the data :math:`s_{n,l}`, has the exact distribution

.. math:: z_n = a\, p_n G_n e^{-j2\pi n \Delta f \tau} + \sqrt{p_n G_n N_0 \Delta f}\; w_n, \qquad
    G_n = \sum_{l=1}^{L} |s_{n,l}|^2 \sim \Gamma(L, 1),

with :math:`w_n \sim \mathcal{CN}(0,1)`, so the symbols need not be drawn one by one. The delay estimate is the highest point of
:math:`|\sum_n z_n e^{j2\pi n u/N}|`, which is the maximum-likelihood estimate for unknown :math:`a`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import channels, checks, units
from ..foundations.errors import InvalidScenario
from . import pulse as pulses
from .scenario import Scenario

_NEWTON_STEPS = 5
_GUARD = 0.15  # in 1/bandwidth: the strong peak is known to a grid step, and the main lobe is steep where it ends
_CELL = 1.0  # in 1/bandwidth: how near a peak must be to count as the weak target
_CHUNK, _MOST = 512, 10**9  # trials at a time, to bound memory; at most


def _audible(scenario: Scenario, powers_w) -> np.ndarray:
    """Powers (N,) of one scenario of which at least one is positive: silence has no echo."""
    checks.instance("scenario", scenario, Scenario)
    powers = checks.array("powers_w", powers_w, ("N",), minimum=0.0, sizes={"N": scenario.carriers})
    if not powers.max() > 0:
        raise InvalidScenario("powers_w", "is 0 on every carrier", "an echo needs power on at least one")
    return powers


def _trials(trials) -> int:
    """A number of trials that memory can hold and a life may see the end of."""
    return checks.count("trials", trials, maximum=_MOST)


def delay_errors_s(
    scenario: Scenario, powers_w: ArrayLike, rng: np.random.Generator, trials: int, *, search: float | None = None
) -> np.ndarray:
    r"""Errors :math:`\hat\tau - \tau` of the delay estimate in s, shape (trials,).

    Parameters
    ----------
    powers_w : (N,)
    search : float, optional
        The estimate is looked for within this many 1/bandwidth on either side of the true delay's cell (from 1 to N/2).
        Default: 16, or N/2 where that is less.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> errors = delay_errors_s(scenario, np.full(16, 1 / 16), np.random.default_rng(1), 500, search=4.0)
    >>> errors.shape, round(1e9 * float(np.abs(errors).mean()), 1)  # ns
    ((500,), 10.0)
    """
    powers = _audible(scenario, powers_w)
    checks.generator("rng", rng)
    trials = _trials(trials)
    most = 0.5 * scenario.carriers
    search = min(16.0, most) if search is None else checks.number("search", search, minimum=1.0, maximum=most)
    errors = [_chunk_errors(scenario, powers, rng, min(_CHUNK, trials - first), search) for first in range(0, trials, _CHUNK)]
    return np.concatenate(errors) / scenario.bandwidth_hz


def _chunk_errors(scenario: Scenario, powers, rng, trials: int, search: float) -> np.ndarray:
    delays = rng.uniform(-0.5, 0.5, size=trials)
    z = _filtered(scenario, powers, rng, trials, delays[:, None], np.ones((trials, 1)))
    grid, squares = _profile(z, scenario.oversampling, search)
    return _refined(z, grid[np.argmax(squares, axis=1)], 1.0 / scenario.oversampling) - delays


def _filtered(scenario: Scenario, powers, rng, trials: int, delays: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """Matched-filter outputs (trials, N) for echoes at ``delays`` (trials, K) with relative ``amplitudes`` (trials, K), in
    units of their own."""
    count = scenario.carriers
    energy = rng.gamma(scenario.symbols, 1.0, size=(trials, count))
    noise = scenario.noise_psd_w_per_hz * scenario.subcarrier_spacing_hz
    echoes = (amplitudes[:, :, None] * pulses.steering(-delays.ravel(), count).reshape(*delays.shape, count)).sum(axis=1)
    # Powers of two take the size out, half of it before the roots and the rest after: nothing overflows, no digit changes.
    half = int(np.frexp(powers.max())[1]) // 2
    signal = math.sqrt(scenario.echo_gain) * np.ldexp(powers, -half) * energy * echoes
    z = signal + np.sqrt(np.ldexp(powers, -2 * half) * energy * noise) * channels.complex_normal(rng, (trials, count))
    return z * np.ldexp(1.0, -np.frexp(np.abs(z).max(axis=1, keepdims=True))[1])


def _profile(z: np.ndarray, oversampling: int, search: float) -> tuple[np.ndarray, np.ndarray]:
    """Delays (G,) in [-search, search], of one period at most (N/2 stands for -N/2), and squared levels (trials, G), in units of
    their own.
    """
    size = oversampling * z.shape[1]
    reach = math.floor(search * oversampling)
    steps = np.arange(max(-reach, -(size // 2)), min(reach, size - size // 2 - 1) + 1)
    output = np.fft.ifft(z, size, axis=1)
    output = np.concatenate([output[:, steps[0] :], output[:, : steps[-1] + 1]], axis=1)
    return steps / oversampling, output.real**2 + output.imag**2


def _refined(z: np.ndarray, start: np.ndarray, reach: float) -> np.ndarray:
    """Newton steps (one delay per row) on the derivative of the squared output, kept near the grid maximum."""
    count = z.shape[1]
    rate = 2j * math.pi / count * pulses.centred_carriers(count)
    u = start
    for _ in range(_NEWTON_STEPS):
        terms = z * pulses.steering(u, count)
        y, dy, ddy = terms.sum(axis=1), terms @ rate, terms @ rate**2
        slope, bend = (y.conj() * dy).real, np.abs(dy) ** 2 + (y.conj() * ddy).real
        step = np.where(bend < 0, -slope / np.where(bend < 0, bend, -1.0), 0.0)
        u = np.clip(u + step, start - reach, start + reach)
    return u


def delay_rmse_s(
    scenario: Scenario, powers_w: ArrayLike, rng: np.random.Generator, trials: int, *, search: float | None = None
) -> float:
    """Root mean square of :func:`delay_errors_s`.

    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(1e9 * delay_rmse_s(scenario, np.full(16, 1 / 16), np.random.default_rng(1), 500, search=4.0), 1)  # ns
    27.9
    """
    return float(np.sqrt(np.mean(delay_errors_s(scenario, powers_w, rng, trials, search=search) ** 2)))


def random_data_sidelobes_db(scenario: Scenario, powers_w: ArrayLike, rng: np.random.Generator, trials: int) -> np.ndarray:
    r"""Peak sidelobe levels in dB (trials,) of noiseless outputs averaged over ``scenario.symbols`` symbols of random
    data, eq. (5).

    Their spread about the expectation's level: :math:`E|y(u)|^2 = |E y(u)|^2 + \sum_n p_n^2/L`, a floor that no
    allocation removes (:func:`data_floor_db`).

    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> from isaclib.ofdm_ranging import peak_sidelobe_db
    >>> levels = random_data_sidelobes_db(scenario, np.full(16, 1 / 16), np.random.default_rng(1), 200)
    >>> round(float(np.median(levels)), 1), round(float(peak_sidelobe_db(scenario, np.full(16, 1 / 16))), 1)
    (-13.1, -13.3)
    """
    powers = _audible(scenario, powers_w)
    checks.generator("rng", rng)
    trials, powers = _trials(trials), pulses.scaled(powers)
    levels = []
    for first in range(0, trials, _CHUNK):
        size = (min(_CHUNK, trials - first), scenario.carriers)
        weights = powers * rng.gamma(scenario.symbols, size=size)  # a level is relative: of any scale
        levels.append(pulses.peak_level(weights, scenario.sidelobe_start, scenario.sidelobe_end, scenario.oversampling))
    return pulses.decibels(np.concatenate(levels))


def data_floor_db(scenario: Scenario, powers_w: ArrayLike) -> float:
    r"""Root-mean-square level :math:`\sqrt{\sum_n p_n^2/L}/\sum_n p_n` in dB that random data add to every delay.

    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16, symbols=1)
    >>> round(data_floor_db(scenario, np.full(16, 1 / 16)), 3)
    -12.041
    """
    powers = pulses.scaled(_audible(scenario, powers_w))
    return float(pulses.decibels(math.sqrt((powers**2).sum() / scenario.symbols) / powers.sum()))


def weak_target_detection(
    scenario: Scenario, powers_w: ArrayLike, rng: np.random.Generator, trials: int, *, weak_db: float, separation: float
) -> float:
    r"""How often a weak target shows as the highest peak beside a strong one.

    The strong echo has the scenario's gain; the weak one lies ``separation`` (1/bandwidth) behind, ``weak_db`` (dB of power,
    negative) below, with random phase. Success: outside ``sidelobe_start`` (and a small guard) around the strong peak the
    highest output is within 1/bandwidth of the weak target.

    Parameters
    ----------
    separation : float
        More than ``sidelobe_start`` + 1/2, or the main lobe hides the weak target; less than N - ``sidelobe_start`` - 1/2,
        because delays repeat after N: there the main lobe comes round again.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16, symbols=1000)
    >>> weak_target_detection(scenario, np.full(16, 1 / 16), np.random.default_rng(1), 100, weak_db=-6.0, separation=4.0)
    1.0
    """
    powers = _audible(scenario, powers_w)
    checks.generator("rng", rng)
    trials = _trials(trials)
    weak_db = checks.number("weak_db", weak_db, minimum=-3000.0, maximum=0.0)
    least = scenario.sidelobe_start + 0.5
    separation = checks.number("separation", separation)
    if not least < separation < scenario.carriers - least:
        raise InvalidScenario(
            "separation",
            f"is {separation:g}",
            f"more than sidelobe_start + 1/2 = {least:g} and less than {scenario.carriers - least:g}, where the delays' period N "
            "brings the main lobe back",
        )
    hits = 0
    for first in range(0, trials, _CHUNK):
        size = min(_CHUNK, trials - first)
        strong = rng.uniform(-0.5, 0.5, size=size)
        delays = np.stack([strong, strong + separation], axis=1)
        phase = np.exp(2j * math.pi * rng.uniform(size=size))
        amplitudes = np.stack([np.ones(size), units.db_to_amplitude(weak_db) * phase], axis=1)
        z = _filtered(scenario, powers, rng, size, delays, amplitudes)
        grid, squares = _profile(z, scenario.oversampling, scenario.carriers)
        peak = grid[np.argmax(squares, axis=1)]
        offset = (grid - peak[:, None] + 0.5 * scenario.carriers) % scenario.carriers - 0.5 * scenario.carriers
        found = grid[np.argmax(np.where(np.abs(offset) >= scenario.sidelobe_start + _GUARD, squares, -1.0), axis=1)]
        apart = (found - delays[:, 1] + 0.5 * scenario.carriers) % scenario.carriers - 0.5 * scenario.carriers
        hits += int(np.sum(np.abs(apart) <= _CELL))
    return hits / trials
