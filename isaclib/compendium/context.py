"""Where a notebook runs: by whom it was started, with which set, and where its results go.

The runner hands a :class:`Context` to the kernel through one environment variable. A notebook that is opened by hand
has none: figures and claims are then shown but nothing is kept.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "ISAC_CONTEXT"


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

    @property
    def page(self) -> str:
        """Name of the book page: the notebook, or ``what_if_<set>``."""
        return page_name(self.notebook, self.set_name)

    def to_environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(asdict(self))}


def page_name(notebook: str, set_name: str) -> str:
    return f"what_if_{set_name.partition('+')[0]}" if notebook == "what_if" else notebook


def current() -> Context:
    """The context that the runner set; for a notebook opened by hand one without a directory."""
    text = os.environ.get(VARIABLE)
    if text:
        return Context(**json.loads(text))
    return Context(section=Path.cwd().name, notebook="notebook", set_name="defaults")  # Jupyter starts in the notebook's folder


def project_root() -> Path:
    """Folder of the checkout that holds this package (the working directory when the package is not in a checkout)."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "_toc.yml").exists() or (root / "notebooks").is_dir() else Path.cwd()
