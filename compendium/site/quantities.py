"""Parameter values as a reader writes them, 100 MHz, 3.5 GHz, 1/3, 10⁻⁶ m², and what is said of them."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

_PREFIXED = {"Hz", "W", "s", "bit", "bit/s", "m", "J"}
_PREFIXES = {9: "G", 6: "M", 3: "k", 0: "", -3: "m", -6: "µ", -9: "n"}
_UP = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NARROW = "\N{NARROW NO-BREAK SPACE}"
_SYMBOL = re.compile(r"(?<![\w`])([A-Za-z]|alpha|beta|gamma|delta|epsilon|eta|theta|kappa|lambda|mu|rho|sigma|tau|phi)_\w\b")
_NAME = re.compile(r"(?<![\w`$\\])[A-Za-z]+_\w+")
_MOST = 8  # entries of a list that are written out


def quantity(value: Any, unit: str) -> str:
    """A value of a parameter set with its unit, its parts held together."""
    if isinstance(value, list):
        value, unit = _prefixed(value, unit)
        if len(value) > _MOST:
            ends = [quantity(entry, "1") for entry in (value[0], value[1], value[-1])]
            return f"{ends[0]}, {ends[1]} … {ends[2]}{_after(unit)} ({len(value)} values)"
        return ", ".join(quantity(entry, "1") for entry in value) + _after(unit)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, float) and math.isfinite(value) and value and unit in _PREFIXED:
        power = _thousands(value)
        if not (unit in ("m", "W", "s") and 1 <= abs(value) < 1000) and 1 <= abs(value) / 10.0**power < 1000:
            return f"{_number(value / 10.0**power)}{_NARROW}{_PREFIXES[power]}{unit}"
    return f"{_number(value)}{_after(unit)}"


def _prefixed(values: list, unit: str) -> tuple[list, str]:
    """A list in the unit of its largest entry: bit/s as Mbit/s."""
    largest = max((abs(each) for each in values if isinstance(each, float)), default=0.0)
    if unit not in _PREFIXED or not (largest >= 1000 or 0 < largest < 0.1) or not math.isfinite(largest):
        return values, unit
    power = _thousands(largest)
    return [each / 10.0**power for each in values], _PREFIXES[power] + unit


def _thousands(value: float) -> int:
    return min(max(3 * math.floor(math.log10(abs(value)) / 3 + 1e-12), -9), 9)


def marked(text: str) -> str:
    r"""What a schema says of a parameter as Markdown: symbols as formulas, names as code.

    >>> marked("as many as anchor_x_m, tau_s apart, with N_t antennas")
    'as many as `anchor_x_m`, $\\tau_s$ apart, with $N_t$ antennas'
    """
    text = _SYMBOL.sub(lambda found: "$" + "\\" * (len(found[1]) > 1) + f"{found[0]}$", text)
    return _NAME.sub(r"`\g<0>`", text)


def _after(unit: str) -> str:
    return "" if unit == "1" else f"{_NARROW}{unit.replace('^2', '²').replace('^3', '³').replace('^-1', '⁻¹')}"


def _number(value: float) -> str:
    """Six digits, thousands apart, powers of ten raised, a true minus; a plain fraction where it is one."""
    if isinstance(value, float) and math.isfinite(value) and value and value != round(value, 4):
        simple = Fraction(value).limit_denominator(12)
        if simple and abs(float(simple) - value) <= 1e-5 * abs(value) and simple.denominator in (3, 6, 7, 9, 11, 12):
            return f"{simple.numerator}/{simple.denominator}".replace("-", "−")
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    mantissa, e, exponent = text.partition("e")
    if e:
        power = "10" + str(int(exponent)).translate(_UP)
        return power if mantissa == "1" else f"{mantissa}·{power}".replace("-", "−", 1) if value < 0 else f"{mantissa}·{power}"
    whole, point, rest = mantissa.partition(".")
    digits = whole.lstrip("-")
    if len(digits) > 4:
        groups = f"{int(digits):,}".replace(",", _NARROW)
        whole = ("-" if whole.startswith("-") else "") + groups
    return f"{whole}{point}{rest}".replace("-", "−")
