r"""Scenario and metrics of OFDM ranging: capacity, sidelobes, main-lobe width, Cramér-Rao bound of the delay.

A transmitter sends N carriers with powers :math:`p_n` and Gaussian data of unit mean power. A user receives them through
the gains :math:`|h_n|^2`; the transmitter compresses the echo of the same symbols and measures its delay (eqs. 1 to 8).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import channels, checks, units
from ..foundations.errors import InvalidScenario
from ..foundations.scenario import ScenarioBase, array, number
from . import pulse as pulses

_LEAST_HZ = 1e-140  # of a spacing: squares of bandwidths stay away from both ends of floating-point numbers


@dataclass(frozen=True, eq=False, kw_only=True)
class Scenario(ScenarioBase):
    r"""One OFDM symbol layout, its channel and its echo.

    Attributes
    ----------
    channel_gain : (N,)
        :math:`|h_n|^2` of the communication link, linear, >= 0 with at least one positive entry.
    subcarrier_spacing_hz : float
        :math:`\Delta f`; the bandwidth is :math:`B = N\Delta f`.
    noise_psd_w_per_hz : float
        :math:`N_0`, the same at the user and at the ranging receiver.
    power_budget_w : float
        :math:`P`, total power of all carriers.
    echo_gain : float
        :math:`|a|^2` of eq. (1), linear.
    symbols : int
        OFDM symbols that one delay estimate averages.
    sidelobe_start : float
        Sidelobes are delays with :math:`u_0 \le |B\tau| \le u_1`: this is :math:`u_0`, in 1/bandwidth.
    sidelobe_stop : float
        The :math:`u_1`, in 1/bandwidth; None means N/2, all delays.
    oversampling : int
        Grid points per 1/bandwidth of the first search for peaks (they are refined afterwards).
    """

    channel_gain: np.ndarray = array("N", minimum=0.0)
    subcarrier_spacing_hz: float = number(positive=True)
    noise_psd_w_per_hz: float = number(positive=True)
    power_budget_w: float = number(positive=True)
    echo_gain: float = number(positive=True, default=1.0)
    symbols: int = number(minimum=1, integer=True, default=1)
    sidelobe_start: float = number(positive=True, default=1.5)
    sidelobe_stop: float | None = number(positive=True, optional=True)
    oversampling: int = number(minimum=4, integer=True, default=16)

    validated = (
        *("channel_gain", "sidelobe_start", "sidelobe_stop"),
        *("noise_psd_w_per_hz", "power_budget_w", "subcarrier_spacing_hz"),
    )

    def validate(self) -> None:
        if not _LEAST_HZ <= self.subcarrier_spacing_hz <= 1 / _LEAST_HZ:
            raise InvalidScenario(
                "subcarrier_spacing_hz",
                f"is {self.subcarrier_spacing_hz:g}",
                f"its square must be a floating-point number: from {_LEAST_HZ:g} to {1 / _LEAST_HZ:g}",
            )
        if self.carriers < 2:
            raise InvalidScenario("channel_gain", "has one carrier only", "a delay needs at least two")
        if not np.any(self.channel_gain > 0):
            raise InvalidScenario("channel_gain", "is 0 on every carrier", "at least one must be positive")
        if self.sidelobe_start >= 0.5 * self.carriers:
            raise InvalidScenario(
                "sidelobe_start", f"is {self.sidelobe_start:g}", f"delays end at N/2 = {0.5 * self.carriers:g} (in 1/bandwidth)"
            )
        if self.sidelobe_stop is not None and not self.sidelobe_start <= self.sidelobe_stop <= 0.5 * self.carriers:
            raise InvalidScenario(
                "sidelobe_stop",
                f"is {self.sidelobe_stop:g}",
                f"must lie between sidelobe_start and N/2 = {0.5 * self.carriers:g}",
            )
        with np.errstate(all="ignore"):
            snr = self.carrier_snr
        if not (np.all(np.isfinite(snr)) and snr.max() > 0):
            raise InvalidScenario(
                "noise_psd_w_per_hz",
                f"gives carriers an SNR between {snr.min():g} and {snr.max():g} at the whole budget",
                "beyond floating-point numbers: check the units of gains, noise, spacing and budget",
            )

    @property
    def carriers(self) -> int:
        return self.channel_gain.size

    @property
    def bandwidth_hz(self) -> float:
        return self.carriers * self.subcarrier_spacing_hz

    @property
    def sidelobe_end(self) -> float:
        """End of the sidelobe region in 1/bandwidth: ``sidelobe_stop``, or N/2."""
        return 0.5 * self.carriers if self.sidelobe_stop is None else self.sidelobe_stop

    @property
    def range_cell_m(self) -> float:
        """Distance :math:`c/(2B)` that belongs to a delay of one 1/bandwidth (two-way travel)."""
        return units.SPEED_OF_LIGHT_M_PER_S / (2 * self.bandwidth_hz)

    @property
    def carrier_snr(self) -> np.ndarray:
        r""":math:`P|h_n|^2/(N_0\Delta f)` (N,): SNR of a carrier that has the whole budget."""
        return self.power_budget_w * self.channel_gain / (self.noise_psd_w_per_hz * self.subcarrier_spacing_hz)

    @classmethod
    def random(
        cls,
        rng: np.random.Generator,
        *,
        carriers: int = 128,
        subcarrier_spacing_hz: float = 1e6,
        mean_snr_db: float = 0.0,
        taps: int = 8,
        tap_decay: float = 2.0,
        power_budget_w: float = 1.0,
        echo_gain_db: float = -20.0,
        symbols: int = 64,
        sidelobe_start: float = 1.5,
        sidelobe_stop: float | None = None,
        oversampling: int = 16,
    ) -> Scenario:
        r"""The paper's layout over a Rayleigh channel with an exponential power-delay profile.

        Taps are spaced by 1/bandwidth, tap l has mean power proportional to :math:`e^{-l/\text{tap\_decay}}`, and
        :math:`E|h_n|^2 = 1`. ``mean_snr_db`` is the mean SNR of a carrier under uniform power. The paper states the number of
        carriers and 1 MHz, which only fits its own results as 1 MHz per carrier; the rest is assumed.
        """
        checks.generator("rng", rng)
        carriers = checks.count("carriers", carriers, minimum=2)
        subcarrier_spacing_hz = checks.number("subcarrier_spacing_hz", subcarrier_spacing_hz, positive=True)
        power_budget_w = checks.number("power_budget_w", power_budget_w, positive=True)
        mean_snr_db = checks.number("mean_snr_db", mean_snr_db, minimum=-3000, maximum=3000)
        echo_gain_db = checks.number("echo_gain_db", echo_gain_db, minimum=-3000, maximum=3000)
        tap_decay = checks.number("tap_decay", tap_decay, positive=True)
        profile = np.exp(-np.arange(checks.count("taps", taps)) / tap_decay)
        response = channels.complex_normal(rng, (taps,)) * np.sqrt(profile / profile.sum())
        gain = np.abs(np.fft.fft(response, carriers)) ** 2
        noise = power_budget_w / (carriers * subcarrier_spacing_hz * units.db_to_linear(mean_snr_db))
        return cls(
            channel_gain=gain,
            subcarrier_spacing_hz=subcarrier_spacing_hz,
            noise_psd_w_per_hz=noise,
            power_budget_w=power_budget_w,
            echo_gain=units.db_to_linear(echo_gain_db),
            symbols=symbols,
            sidelobe_start=sidelobe_start,
            sidelobe_stop=sidelobe_stop,
            oversampling=oversampling,
        )


def checked_powers(scenario: Scenario, powers_w) -> np.ndarray:
    """Powers (..., N) of a scenario, finite and not negative, or InvalidScenario."""
    checks.instance("scenario", scenario, Scenario)
    return checks.array("powers_w", powers_w, ("...", "N"), minimum=0.0, sizes={"N": scenario.carriers})


def capacity_bps(scenario: Scenario, powers_w: ArrayLike) -> np.ndarray:
    r"""Capacity of the link, eq. (3),

    .. math:: C(p) = \sum_{n} \Delta f \log_2\Bigl(1 + \frac{p_n |h_n|^2}{N_0 \Delta f}\Bigr)

    in bit/s for powers (..., N) in W.

    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(float(capacity_bps(scenario, np.full(16, 1 / 16))) / 1e6, 3)
    6.365
    """
    powers = checked_powers(scenario, powers_w)
    with np.errstate(over="ignore"):  # powers beyond floating-point numbers carry infinitely much
        snr = powers * (scenario.carrier_snr / scenario.power_budget_w)
        return scenario.subcarrier_spacing_hz / math.log(2) * np.log1p(snr).sum(axis=-1)


def pulse_compression(scenario: Scenario, powers_w: ArrayLike, delays: ArrayLike) -> np.ndarray:
    r"""Expected pulse-compression output, eq. (7), relative to its value at the target: (..., K) complex.

    Delays (K,) are relative to the target's, in 1/bandwidth; powers are (..., N). The phase is taken about the middle of
    the band. nan where there is no power.

    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> np.round(np.abs(pulse_compression(scenario, np.full(16, 1 / 16), [0.0, 0.5, 1.0])), 3)
    array([1.   , 0.638, 0.   ])
    """
    powers = pulses.scaled(checked_powers(scenario, powers_w))
    delays = checks.array("delays", delays, ("K",))
    total = powers.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return pulses.pulse(powers, delays) / np.where(total > 0, total, np.nan)


def peak_sidelobe_db(scenario: Scenario, powers_w: ArrayLike) -> np.ndarray:
    r"""Peak sidelobe level, eqs. (5) to (7), of the expected output in dB of amplitude,

    .. math:: 20\log_{10} \max_{u_0 \le u \le u_1} |y(u)|/y(0)

    for powers (..., N). The maximum is over the continuum of delays: grid peaks are refined by Newton steps.

    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(float(peak_sidelobe_db(scenario, np.full(16, 1 / 16))), 3)
    -13.339
    """
    powers = checked_powers(scenario, powers_w)
    level = pulses.peak_level(powers, scenario.sidelobe_start, scenario.sidelobe_end, scenario.oversampling)
    return pulses.decibels(level)


def main_lobe_width_m(scenario: Scenario, powers_w: ArrayLike, *, crossing: str = "first") -> np.ndarray:
    r"""3-dB width of the main lobe in metres of range, both sides together, for powers (..., N).

    Parameters
    ----------
    crossing : {"first", "last"}
        ``"first"``: up to the delay where the output first falls to :math:`y(0)/\sqrt2`, the usual width.
        ``"last"``: up to the last such delay before the sidelobes begin. Both agree where the lobe falls monotonically.
        An upper limit on the second is convex in the powers, one on the first is not.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(float(main_lobe_width_m(scenario, np.full(16, 1 / 16))) / scenario.range_cell_m, 3)
    0.887
    """
    checks.word("crossing", crossing, ("first", "last"))
    powers = checked_powers(scenario, powers_w)
    last_before = scenario.sidelobe_start if crossing == "last" else 0.0
    return scenario.range_cell_m * pulses.half_power_width(powers, scenario.oversampling, last_before=last_before)


def second_moment_hz2(scenario: Scenario, powers_w: ArrayLike, *, centred: bool = True) -> np.ndarray:
    r"""Mean square bandwidth of the waveform in Hz^2 for powers (..., N),

    .. math:: \Delta f^2 \Bigl[\sum_n n^2 \tfrac{p_n}{S} - \bigl(\sum_n n \tfrac{p_n}{S}\bigr)^2\Bigr], \quad S = \sum_n p_n .

    ``centred=False`` drops the second term and takes :math:`n` from the middle of the band: the paper's proxy (8), which is the
    same only for a symmetric allocation.

    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(float(second_moment_hz2(scenario, np.full(16, 1 / 16))) / 1e12, 3)  # (16^2 - 1) / 12
    21.25
    """
    powers = pulses.scaled(checked_powers(scenario, powers_w))
    checks.flag("centred", centred)
    total = powers.sum(axis=-1, keepdims=True)
    share = powers / np.where(total > 0, total, np.nan)
    carriers = pulses.centred_carriers(scenario.carriers)
    mean = (share @ carriers)[..., None] if centred else 0.0
    return scenario.subcarrier_spacing_hz**2 * (share * (carriers - mean) ** 2).sum(axis=-1)


def echo_snr(scenario: Scenario, powers_w: ArrayLike) -> np.ndarray:
    r"""SNR :math:`L|a|^2\sum_n p_n/(N_0\Delta f)` of the compressed echo after L symbols, for powers (..., N).

    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(float(echo_snr(scenario, np.full(16, 1 / 16))), 3)
    10.24
    """
    with np.errstate(over="ignore"):
        total = checked_powers(scenario, powers_w).sum(axis=-1)
        return scenario.symbols * scenario.echo_gain / (scenario.noise_psd_w_per_hz * scenario.subcarrier_spacing_hz) * total


def toa_crb_s2(scenario: Scenario, powers_w: ArrayLike, *, centred: bool = True) -> np.ndarray:
    r"""Cramér-Rao bound of the echo's delay in s^2, its complex amplitude unknown, for powers (..., N):

    .. math:: \operatorname{var}\hat\tau \ge \frac{1}{8\pi^2\, \mathrm{SNR}\; \beta^2}, \qquad
        \mathrm{SNR} = \frac{L|a|^2 \sum_n p_n}{N_0\Delta f},

    with :math:`\beta^2` of :func:`second_moment_hz2`. The centroid term in it is the price of the unknown phase;
    ``centred=False`` leaves it out, as the paper's (8) does, and is too optimistic. Infinite where fewer than two
    carriers have power.

    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(1e9 * math.sqrt(toa_crb_s2(scenario, np.full(16, 1 / 16))), 3)  # ns
    7.629
    """
    moment = second_moment_hz2(scenario, powers_w, centred=centred)
    with np.errstate(all="ignore"):
        bound = 1.0 / (8 * math.pi**2 * echo_snr(scenario, powers_w) * moment)
    return np.where(np.isnan(bound), math.inf, bound)[()]


def delay_to_range_m(delay_s: ArrayLike) -> np.ndarray:
    """Range :math:`c\\tau/2` in m of a two-way delay in s, a number or an array of any shape; infinite is infinite.

    >>> round(float(delay_to_range_m(1e-6)), 3)
    149.896
    """
    return 0.5 * units.SPEED_OF_LIGHT_M_PER_S * checks.array("delay_s", delay_s, ("...",), infinite=True)[()]
