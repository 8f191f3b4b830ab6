"""Where a notebook runs: by whom it was started, with which set, and where its results go.

The runner hands a :class:`Context` to the kernel through one environment variable. A notebook that is opened by hand
has none and gets :data:`INTERACTIVE`: figures and claims are shown but nothing is kept.
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
    section, notebook, set_name : str
        Which notebook runs with which parameter set.
    directory : str
        Folder of the unfinished run, for figures and claims; empty when interactive.
    baseline : str
        Folder that holds this section's runs of the base set (``quick`` or ``paper``), by notebook.
    seed : int or None
    jobs : int
    scheduler : str or None
    """

    section: str
    notebook: str
    set_name: str
    directory: str = ""
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


INTERACTIVE = Context(section="interactive", notebook="notebook", set_name="defaults")


def page_name(notebook: str, set_name: str) -> str:
    return f"what_if_{set_name.partition('+')[0]}" if notebook == "what_if" else notebook


def current() -> Context:
    """The context that the runner set, or :data:`INTERACTIVE`."""
    text = os.environ.get(VARIABLE)
    return Context(**json.loads(text)) if text else INTERACTIVE


def project_root() -> Path:
    """Folder of the checkout that holds this package (the working directory when the package is not in a checkout)."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "_toc.yml").exists() or (root / "notebooks").is_dir() else Path.cwd()
