"""For every chapter: where the ranges of arguments end."""

import numpy as np
import pytest

from isaclib import InvalidScenario

POSITIVE = 5e-324  # the least end of a range that 0 does not belong to


def assert_ends(make, limits):
    """``make(name=value)`` takes both ends of each range (None: none on that side), and refuses by name what is next to them."""
    for name, ends in limits.items():
        for end, beyond in zip(ends, (-np.inf, np.inf)):
            if end is None:
                continue
            with pytest.raises(InvalidScenario, match=f"^{name}: "):
                make(**{name: float(np.nextafter(end, beyond))})
            try:
                make(**{name: end})
            except InvalidScenario as error:  # of another field that follows, or of what the argument makes: not of its range
                assert not str(error).startswith(f"{name}: must be")
