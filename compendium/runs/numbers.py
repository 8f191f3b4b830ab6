"""Numbers as people write them: read as what they obviously mean, or refused with the reason.

YAML 1.1 reads ``010`` as 8, ``1:30`` as 90, ``1e-3`` as text and ``2020-01-05`` as a day. Set files and the command line hand the
text on instead, and one function decides.
"""

from __future__ import annotations

import math
import re

_DECIMAL = re.compile(r"[-+]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)([eE][-+]?\d+)?")
_PREFIXED = re.compile(r"[-+]?0([xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+)")
_INFINITY = re.compile(r"([-+]?)\.?inf(inity)?", re.I)
_NOT_A_NUMBER = re.compile(r"[-+]?\.?nan", re.I)
_REASONS = (  # in this order: what it looks like, what to write instead
    (r"\d{4}-\d{1,2}-\d{1,2}.*", "looks like a date", "write a number"),
    (
        r"[-+]?\d+(:\d+)+(\.\d*)?(\s*[aApP][mM])?",
        "looks like a time (YAML 1.1 would read it to base 60)",
        "write one decimal number",
    ),
    (r".+;.*", "has a semicolon", "write one number, and a comma and a blank between the entries of a list"),
    (r"[-+]?[1-9]\d{0,2},\d{3}", "has a comma that is read in more than one way", "write {0[0]}{0[1]} or {0[0]}.{0[1]}"),
    (r"[-+]?\d+,\d*", "has a decimal comma", "write a point: {0[0]}.{0[1]}"),
    (
        r"[-+]?\d+([,.']\d+)+",
        "has separators that are read in more than one way",
        "write the digits alone, with one point at most",
    ),
    (
        r"[-+]?[\d.]+([ \u00a0\u2009\u202f][\d.]+)+",
        "has blanks between digits",
        "write the digits together, or with _ between; entries of a list with a comma between",
    ),
    (r"[-+]?[\d.]+[dD][-+]?\d+", "has an exponent with d", "write e instead"),
    (r"[-+]?[\d.]+\s*/\s*[\d.]+", "is a fraction", "write its value with a point"),
    (r"[-+]?[\d.]+\s*([*^×·+-]|\*\*)\s*\d.*", "is an expression", "write its value, with an exponent if it is long, as 1e3"),
    (r"[-+]?[\d.,]+\s*[%‰]", "is a percentage", "write the share, 0.5 for 50 %"),
    (r"[\u2010-\u2015\ufe63\uff0d].*", "begins with a dash that is no minus", "write - instead"),
    (
        r"[-+_.0-9]*[0-9][-+_.0-9]*|[-+]?[0-9.]+[eE][-+_.0-9]*|0[xXoObB]",
        "is no number as it stands",
        "check its signs, points and exponent",
    ),
    (
        r"[-+]?[\d.]+([eE][-+]?\d+)?\s*[^\d\s].*",
        "has more than a number in it",
        "write the number alone, an exponent for a prefix",
    ),
)


def read_number(text: str) -> int | float:
    """The number that a text obviously means.

    Whole numbers come back as int, whatever their length; zeros in front mean nothing, ``_`` may stand between digits, and a
    Unicode minus is a minus.

    >>> read_number("010"), read_number("1_000"), read_number("1e-3"), read_number("0x1F")
    (10, 1000, 0.001, 31)

    Raises
    ------
    ValueError
        With what the text looks like and what to write instead.
    """
    word = text.strip().replace("\u2212", "-")
    if infinite := _INFINITY.fullmatch(word):
        return -math.inf if infinite[1] == "-" else math.inf
    if _NOT_A_NUMBER.fullmatch(word):
        return math.nan
    if word.isascii() and _PREFIXED.fullmatch(word):
        try:
            return int(word, 0)
        except ValueError:  # _ only between digits, and one at a time
            raise ValueError("is no number as it stands", "check its signs, points and exponent") from None
    if not (word.isascii() and _DECIMAL.fullmatch(word)):
        for pattern, problem, remedy in _REASONS:
            if re.fullmatch(pattern, word):
                raise ValueError(problem, remedy.format(word.split(",")))
        raise ValueError("is text where a number belongs", "write the digits 0 to 9")
    try:
        number = int(word) if re.fullmatch(r"[-+]?[\d_]+", word) else float(word)
    except ValueError:  # Python reads at most some thousand digits
        raise ValueError("has too many digits", "write it with an exponent") from None
    if isinstance(number, float) and (math.isinf(number) or (number == 0 and re.match(r"[-+0._]*[1-9]", word))):
        raise ValueError(f"is too {'small' if number == 0 else 'large'} for a floating-point number", "choose another unit")
    return number
