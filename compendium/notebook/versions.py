"""Versions of what results depend on."""

from __future__ import annotations

import platform

from isaclib import __version__
from isaclib.foundations.cluster import installed

_PACKAGES = ("numpy", "scipy", "cvxpy", "clarabel", "scs", "highspy", "sdpa-python", "matplotlib", "papermill", "jupytext")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    return {"python": platform.python_version(), "isaclib": __version__} | installed(_PACKAGES)
