r"""The limits of one round as convex quadratics, kept in the form that makes Newton steps cheap.

In shares x a delay's limit is :math:`|y(x,u_k)|^2/r_k^2 \le 1`. With :math:`f_k` the steering vector and
:math:`\varphi_k = 2\pi u_k/N`, its curvature and the outer product of its gradient :math:`2\operatorname{Re}(y_k^* f_k)` are

.. math:: \operatorname{Re} f_k f_k^{\mathsf H} = [\cos (n-m)\varphi_k]_{nm}, \qquad
    2\operatorname{Re}(y^* f)\operatorname{Re}(y^* f)^{\mathsf T} = |y|^2[\cos (n-m)\varphi]_{nm}
    + \operatorname{Re}\bigl[y^{*2} e^{j(n+m-N+1)\varphi}\bigr]_{nm} :

a Toeplitz and a Hankel matrix, so a sum over K delays costs K N instead of K N^2 multiplications. The limit on the Cramér-Rao
bound, with reach :math:`R = (N-1)/2` and slack :math:`\varepsilon = R^2 - \kappa`, reads without cancellation

.. math:: \frac{1}{\varepsilon}\Bigl[\sum_n (R^2 - n^2) x_n + \bigl(\textstyle\sum_n n x_n\bigr)^2\Bigr] \le 1 .
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..foundations.linear_algebra import product, times
from . import pulse as pulses


@dataclass(frozen=True)
class Slopes:
    """Linear forms at one point (or along one direction): outputs' real parts, imaginary parts and curved forms; centroid."""

    forms: np.ndarray
    centroid: float


class Rows:
    """Limits :math:`h_k(z) \\le 0` at delays (K,), and the moment limit last.

    Parameters
    ----------
    delays, scales : (K,)
        Delays in 1/bandwidth and their limits r.
    curved : (J, N)
        Third squares of the cuts ``where`` (J,), see :mod:`isaclib.ofdm_ranging.cuts`.
    slack : float or None
        :math:`\\varepsilon` of the moment limit; None: no such limit.
    """

    def __init__(self, count: int, delays, scales, curved, where, slack: float | None) -> None:
        self.size, self.delays, self.per_square = count, delays, 2.0 / scales**2
        phases = pulses.steering(delays, count)
        steering = phases / scales[:, None]
        self.cosines, self.sines = steering.real, steering.imag
        # The same phases, counted from the edge of the band.
        lags = (phases * np.exp(1j * np.pi * (count - 1) / count * delays)[:, None]).T
        self.lags = np.concatenate([lags.real, lags.imag], axis=1)
        # Both ways round, for products with vectors from either side: real outputs, imaginary ones, curved forms.
        self.forms = np.concatenate([self.cosines, self.sines, curved])
        self.transposed = np.ascontiguousarray(self.forms.T)
        self.curved, self.where = curved, where
        self.owner = np.concatenate([np.arange(delays.size), np.arange(delays.size), where])  # the limit of each form
        self.total = delays.size + (slack is not None)
        self.slack = slack
        if slack is not None:
            carriers = pulses.centred_carriers(count)
            self.carriers = carriers / np.sqrt(slack)
            self.spread = (0.25 * (count - 1) ** 2 - carriers**2) / slack

    def slopes(self, z: np.ndarray) -> Slopes:
        return Slopes(times(self.forms, z), float(self.carriers @ z) if self.slack is not None else 0.0)

    def _gathered(self, forms: np.ndarray) -> np.ndarray:
        """Sums of the forms that belong to each limit (total,)."""
        plain = self.delays.size
        result = np.zeros(self.total)
        np.add(forms[:plain], forms[plain : 2 * plain], out=result[:plain])
        if self.where.size:
            result[self.where] += forms[2 * plain :]
        return result

    def values(self, z: np.ndarray, at: Slopes) -> np.ndarray:
        h = self.squares(at) - 1.0
        if self.slack is not None:
            h[-1] += self.spread @ z
        return h

    def squares(self, at: Slopes) -> np.ndarray:
        """The quadratic parts (total,)."""
        result = self._gathered(at.forms**2)
        if self.slack is not None:
            result[-1] = at.centroid**2
        return result

    def forward(self, at: Slopes, step: np.ndarray, along: Slopes) -> np.ndarray:
        """Jacobian at ``at`` times ``step`` (whose linear forms are ``along``)."""
        result = self._gathered(2 * at.forms * along.forms)
        if self.slack is not None:
            result[-1] = 2 * at.centroid * along.centroid + self.spread @ step
        return result

    def backward(self, at: Slopes, weights: np.ndarray) -> np.ndarray:
        """Transposed Jacobian at ``at`` times ``weights`` (total,)."""
        x = times(self.transposed, 2 * weights[self.owner] * at.forms)
        if self.slack is not None:
            x += weights[-1] * (2 * at.centroid * self.carriers + self.spread)
        return x

    def gradients(self, at: Slopes) -> np.ndarray:
        """The Jacobian at ``at`` (total, size)."""
        plain, rows = self.delays.size, np.zeros((self.total, self.size))
        rows[:plain] = 2 * (at.forms[:plain, None] * self.cosines + at.forms[plain : 2 * plain, None] * self.sines)
        rows[self.where] += 2 * at.forms[2 * plain :, None] * self.curved
        if self.slack is not None:
            rows[-1] = 2 * at.centroid * self.carriers + self.spread
        return rows

    def turned(self, at: Slopes, first: np.ndarray, along: Slopes, second: np.ndarray) -> np.ndarray:
        """``backward(at, first)`` and, of the quadratic parts alone, ``backward(along, second)``, in one product."""
        x = times(self.transposed, 2 * (first[self.owner] * at.forms + second[self.owner] * along.forms))
        if self.slack is not None:
            x += 2 * (first[-1] * at.centroid + second[-1] * along.centroid) * self.carriers + first[-1] * self.spread
        return x

    def newton(self, at: Slopes, multipliers: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Sum of ``multipliers`` times curvatures and ``weights`` times outer products of gradients, (size, size)."""
        count, plain = self.size, self.delays.size
        real, imaginary = at.forms[:plain], at.forms[plain : 2 * plain]
        m, w = multipliers[:plain] * self.per_square, weights[:plain] * self.per_square
        both = np.stack([m + w * (real**2 + imaginary**2), w * (real**2 - imaginary**2)])
        toeplitz, even = times(self.lags[:, :plain], both)
        odd = times(self.lags[:, plain:], w * (-2 * real * imaginary))
        block = _strided(np.concatenate([toeplitz[:0:-1], toeplitz]), count, -1) + _strided(
            np.concatenate([(even + odd)[:0:-1], even - odd]), count, 1
        )
        if self.where.size:
            mine, q = weights[:plain][self.where], at.forms[2 * plain :]
            gradients = 2 * (
                real[self.where, None] * self.cosines[self.where] + imaginary[self.where, None] * self.sines[self.where]
            )
            half = (multipliers[:plain][self.where] + 2 * mine * q**2)[:, None] * self.curved + (2 * mine * q)[
                :, None
            ] * gradients
            cross = product(self.curved.T, half)
            block += cross + cross.T
        if self.slack is not None:
            gradient = 2 * at.centroid * self.carriers + self.spread
            block += np.multiply.outer(weights[-1] * gradient, gradient)
            block += np.multiply.outer(2 * multipliers[-1] * self.carriers, self.carriers)
        return block


def _strided(values: np.ndarray, count: int, sign: int) -> np.ndarray:
    """Matrix of entries ``values[n + sign * m]`` about the middle (Toeplitz for -1) or from the start (Hankel for 1)."""
    stride = values.strides[0]
    if sign > 0:
        return np.lib.stride_tricks.as_strided(values, (count, count), (stride, stride), writeable=False)
    return np.lib.stride_tricks.as_strided(values[count - 1 :], (count, count), (stride, -stride), writeable=False)
