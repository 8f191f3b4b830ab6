"""Versions of what results depend on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from isaclib import __version__

_PACKAGES = ("numpy", "scipy", "cvxpy", "clarabel", "scs", "highspy", "sdpa-python", "matplotlib", "papermill", "jupytext")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version(), "isaclib": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
