"""Where a notebook runs: by whom it was started, with which set, and where its results go.

The runner hands a :class:`Context` to the kernel through one environment variable. A notebook that is opened by hand
has none: figures and claims are then shown but nothing is kept.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

VARIABLE = "ISAC_CONTEXT"
TRIAL = "try-"  # how the names of random sets begin


@dataclass(frozen=True)
class Context:
    """What a running notebook knows about its run.

    Attributes
    ----------
    section : str
        Section of the notebook that runs.
    notebook : str
        Name of the notebook.
    set_name : str
        Parameter set it runs with.
    directory : str
        Folder of the unfinished run, for figures and claims; empty when interactive.
    root : str
        Folder of the project whose ``build/runs`` holds all runs; empty when interactive.
    baseline : str
        Name of the base set (``quick`` or ``paper``) with whose runs a what-if compares itself.
    seed : int or None
    jobs : int
    scheduler : str or None
    compares : tuple of str
        Notebooks with whose runs a what-if compares itself.
    claims_only : bool
        Only the verdicts of claims are wanted: nothing is shown, no figure is kept.
    """

    section: str
    notebook: str
    set_name: str
    directory: str = ""
    root: str = ""
    baseline: str = "paper"
    seed: int | None = None
    jobs: int = 1
    scheduler: str | None = None
    compares: tuple[str, ...] = ()
    claims_only: bool = False

    @property
    def page(self) -> str:
        """Name of the book page: the notebook, ``what_if_<set>``, or ``<notebook>_<set>`` for another base set."""
        return page_name(self.notebook, self.set_name)

    @property
    def own(self) -> bool:
        """Whether the values are somebody's own, not those of a set of the book (``dense+quick`` is one at small scale)."""
        return self.set_name.partition("+")[2] not in ("", "quick")

    @property
    def trial(self) -> bool:
        """Whether the run only finds out if the notebook survives its values: nobody will look at its pictures."""
        return self.set_name.startswith(TRIAL)

    def to_environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(asdict(self))}


def page_name(notebook: str, set_name: str) -> str:
    """Name of the book page of a run: base sets other than quick and paper, and what-ifs, have a page of their own."""
    name, _, suffix = set_name.partition("+")
    if notebook == "what_if":
        return f"what_if_{name}"
    return notebook if name in ("quick", "paper") or suffix not in ("", "quick") else f"{notebook}_{name}"


def current() -> Context:
    """The context that the runner set; for a notebook opened by hand one without a directory."""
    text = os.environ.get(VARIABLE)
    if text:
        given = json.loads(text)
        return Context(**{**given, "compares": tuple(given.get("compares", ()))})
    return Context(section=Path.cwd().name, notebook="notebook", set_name="defaults")  # Jupyter starts in the notebook's folder


def workers() -> dict[str, Any]:
    """Keyword arguments for :func:`isaclib.foundations.montecarlo.map_draws` as the command line asked for them."""
    run = current()
    return {"jobs": run.jobs, "scheduler": run.scheduler}


class NoCheckout(RuntimeError):
    """There is no project to work on."""


def is_checkout(folder: Path) -> bool:
    """Whether a folder holds a book and its notebooks."""
    return (folder / "_toc.yml").exists() and (folder / "notebooks").is_dir()


def project_root() -> Path:
    """The checkout (or copy, or small project) that a command works on.

    The variable ``ISAC_ROOT`` names it; else it is the nearest folder above the working directory that holds ``_toc.yml`` and
    ``notebooks/``; else the checkout that holds this package, if it stands in one.

    Raises
    ------
    NoCheckout
        When the variable names something else, or none is found.
    """
    named = os.environ.get("ISAC_ROOT")
    here = Path.cwd().resolve()
    candidates = [Path(named).resolve()] if named else [here, *here.parents, Path(__file__).resolve().parents[2]]
    for folder in candidates:
        if is_checkout(folder):
            return folder
    where = f"ISAC_ROOT names {named}, which is no checkout" if named else f"no checkout at {here} or above it"
    raise NoCheckout(f"{where}: it holds _toc.yml and a folder notebooks; go into one, or name one in ISAC_ROOT")
