r"""Twice the digits, for the one place where they are lost: users whose thresholds are near the edge of what they can have.

There :math:`I - C` is nearly singular, its inverse loses as many digits as the edge is near, and so would everything after it:
sums and products of non-negative numbers keep their digits, differences do not. A number is held as an unevaluated sum of two
doubles (Dekker 1971), which gives about 32 digits.
"""

from __future__ import annotations

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]
_SPLITTER = 134217729.0  # 2^27 + 1


def two_sum(a, b) -> Pair:
    """Sum and its rounding error."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def two_product(a, b) -> Pair:
    """Product and its rounding error."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _split(a) -> Pair:
    scaled = _SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


def plain(a: np.ndarray) -> Pair:
    """A number that is what it is."""
    return a, np.zeros_like(a)


def add(a: Pair, b: Pair) -> Pair:
    total, error = two_sum(a[0], b[0])
    return two_sum(total, error + a[1] + b[1])


def subtract(a: Pair, b: Pair) -> Pair:
    return add(a, (-b[0], -b[1]))


def multiply(a: Pair, b: Pair) -> Pair:
    product, error = two_product(a[0], b[0])
    return two_sum(product, error + a[0] * b[1] + a[1] * b[0])


def divide(a: Pair, b: Pair) -> Pair:
    first = a[0] / b[0]
    rest = subtract(a, multiply(b, plain(first)))
    return two_sum(first, rest[0] / b[0])


def total(a: Pair) -> Pair:
    """Sum over the last axis."""
    high, low = a
    while high.shape[-1] > 1:
        if high.shape[-1] % 2:
            high, low = (np.concatenate([part, np.zeros_like(part[..., :1])], axis=-1) for part in (high, low))
        high, low = add((high[..., ::2], low[..., ::2]), (high[..., 1::2], low[..., 1::2]))
    return high[..., 0], low[..., 0]


def inverse(C: Pair) -> tuple[Pair, np.ndarray]:
    r""":math:`(I - C)^{-1}` of non-negative matrices (D, B, B), and whether it exists and is non-negative (D,) bool.

    Gauss-Jordan elimination without pivoting: the pivots are positive iff the spectral radius of C is below 1, and then nothing
    off the diagonal is ever subtracted from a number of its own sign.
    """
    size = C[0].shape[-1]
    identity = np.broadcast_to(np.eye(size), C[0].shape)
    left = subtract(plain(identity), C)
    joined = tuple(np.concatenate([part, start], axis=2) for part, start in zip(left, plain(identity)))
    possible = np.ones(len(identity), dtype=bool)
    for k in range(size):
        pivot = tuple(part[:, k, k, None] for part in joined)
        possible &= pivot[0][:, 0] > 0
        row = divide(tuple(part[:, k] for part in joined), pivot)
        factor = tuple(part[:, :, k, None].copy() for part in joined)
        for part in factor:
            part[:, k] = 0.0
        joined = subtract(joined, multiply(factor, tuple(part[:, None] for part in row)))
        for part, new in zip(joined, row):
            part[:, k] = new
    return (joined[0][..., size:], joined[1][..., size:]), possible
