"""Resource allocation for integrated sensing and communication, with certified optima.

Each chapter of the book is a subpackage with flat public names:

>>> from isaclib import wireless_powered as wp          # doctest: +SKIP
>>> allocation = wp.solve_exact(wp.Scenario.random(rng))  # doctest: +SKIP
"""

from .foundations.errors import InfeasibleScenario, InvalidScenario, SolverFailure

__version__ = "0.1.0"

__all__ = ["InfeasibleScenario", "InvalidScenario", "SolverFailure", "__version__"]
