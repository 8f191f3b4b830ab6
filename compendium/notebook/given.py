"""The parameters of a run as the functions of a chapter take them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from isaclib.foundations import checks, units


def taken_by(function: Callable | Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a run that a function takes by keyword (or that a mapping names), for ``values`` such as ``globals()``.

    A power that the function takes in watts may be given in dBm (``noise_w`` as ``noise_dbm``), and positions as two lists
    (``user_positions_m`` as ``user_x_m`` and ``user_y_m``).

    >>> taken_by(lambda rng, *, noise_w, user_positions_m, taps=8: 0, {"noise_dbm": 30.0, "user_x_m": [1.0], "user_y_m": [2.0]})
    {'noise_w': np.float64(1.0), 'user_positions_m': array([[1., 2.]])}
    """
    checks.instance("values", values, Mapping)
    takes = function if isinstance(function, Mapping) else inspect.signature(checks.function("function", function)).parameters
    found: dict[str, Any] = {}
    for name in takes:
        in_dbm = f"{name.removesuffix('_w')}_dbm"
        sides = [f"{name.removesuffix('_positions_m')}_{side}_m" for side in "xy"]
        if name == "rng":
            continue
        if name in values:
            found[name] = values[name]
        elif name.endswith("_w") and in_dbm in values:
            found[name] = units.dbm_to_w(values[in_dbm])
        elif name.endswith("_positions_m") and all(side in values for side in sides):
            found[name] = np.column_stack([values[side] for side in sides])
    return found
