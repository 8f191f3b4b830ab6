"""Runs: which notebook with which set of values, and whether what it left is still current.

A run is current when its ``run.json`` holds the digest of its inputs (see :mod:`.digest`). The state lives beside the
results, so an interrupted or killed build resumes where it stopped.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ..notebook.context import page_name
from . import digest
from .contents import section_names
from .errors import ParameterError
from .parameters import Schema
from .schema_files import check_section

# One thread for each process, whatever library counts in it: runs go side by side.
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")}


@dataclass(frozen=True)
class Section:
    """A folder of ``notebooks/``: its notebooks and its checked parameters."""

    name: str
    folder: Path
    notebooks: tuple[str, ...]
    schema: Schema

    @property
    def base_notebooks(self) -> tuple[str, ...]:
        return tuple(notebook for notebook in self.notebooks if notebook != "what_if")


def load_section(root: Path, name: str) -> Section:
    """A section with its parameters checked.

    Raises
    ------
    ParameterError
        For anything wrong with the section's name, schema, sets or notebook defaults.
    """
    folder = root / "notebooks" / name
    if name not in section_names(root):
        raise ParameterError("isac", name, "is not a section", f"sections: {', '.join(section_names(root))}")
    order = {"model": 0, "results": 1, "what_if": 9}
    found = [path.stem for path in folder.glob("*.py") if path.stem != "assignment"]
    notebooks = tuple(sorted(found, key=lambda notebook: (order.get(notebook, 2), notebook)))
    return Section(name, folder, notebooks, check_section(folder, notebooks))


@dataclass(frozen=True)
class Run:
    """One notebook with one set of values."""

    root: Path
    section: str
    notebook: str
    label: str
    values: dict[str, Any] = field(hash=False)
    baseline: str
    needs: tuple[Run, ...] = ()
    compares: tuple[str, ...] = ()
    child: ClassVar[str] = digest.CHILD  # the module that makes it, in a process of its own

    @property
    def name(self) -> str:
        return f"{self.section}/{self.notebook} [{self.label}]"

    @property
    def directory(self) -> Path:
        return self.root / "build" / "runs" / self.section / self.notebook / self.label

    @property
    def partial(self) -> Path:
        """Where this process makes the run: its own folder, so that two builds at once do not mix."""
        return self.directory.with_name(f".{self.label}.{os.getpid()}.partial")

    @property
    def source(self) -> Path:
        return self.root / "notebooks" / self.section / f"{self.notebook}.py"

    @property
    def sources(self) -> tuple[Path, ...]:
        """The notebooks that it reads."""
        return (self.source,)

    @property
    def log(self) -> Path:
        return self.root / "build" / "logs" / f"{self.section}.{self.notebook}.{self.label}.log"

    @property
    def page(self) -> str:
        return page_name(self.notebook, self.label)

    def inputs(self) -> dict[str, Any]:
        """Everything that the results depend on, part by part."""
        lock = self.root / "requirements.lock"
        return {
            "values": self.values,
            "baseline": self.baseline if self.notebook == "what_if" else "",
            "runs compared with": {needed.name: needed.digest() for needed in self.needs},
            "lock": digest.sha(lock.read_bytes()) if lock.exists() else "",
            "environment": {**ONE_THREAD, "python": ".".join(map(str, sys.version_info[:2]))},
            **self.own_inputs(),
        }

    def own_inputs(self) -> dict[str, Any]:
        """What it is made from: the notebook, and all modules that this and the executing process import."""
        source = self.source.read_text()
        return {"notebook": digest.sha(source.encode()), "modules": digest.modules_of(source)}

    def job(self) -> dict[str, Any]:
        """What the child is told beside the values."""
        return {"source": str(self.source)}

    def digest(self) -> str:
        """Digest of the inputs."""
        return digest.digest_of(self.inputs())

    def record(self) -> dict[str, Any] | None:
        """What ``run.json`` says of the last finished run, if there is one."""
        path = self.directory / "run.json"
        return json.loads(path.read_text()) if path.exists() else None

    def is_current(self) -> bool:
        record = self.record()
        return record is not None and record["digest"] == self.digest()

    def why_due(self) -> list[str]:
        """What changed since the last finished run, in words; empty for a current run."""
        record = self.record()
        if record is None:
            return ["it was not made yet"]
        if record["digest"] == self.digest():
            return []
        return digest.changes(record["inputs"], self.inputs()) if "inputs" in record else ["an older version made it"]


def plan(root: Path, base: str, sections: Sequence[str] | None = None) -> list[Run]:
    """All runs that a book on the set ``base`` (quick or paper) needs.

    In a quick book the what-ifs take the parameters that only set the amount of work (``size: true``) from ``quick``.
    """
    runs = []
    for section in (load_section(root, name) for name in sections or section_names(root)):
        runs += base_runs(root, section, base)
        for set_name, notebooks in section.schema.base_sets.items():
            runs += [other_base_run(root, section, notebook, set_name, base) for notebook in notebooks]
        if "what_if" in section.notebooks:
            runs += [what_if_run(root, section, set_name, base) for set_name in section.schema.what_ifs()]
    return runs


def base_runs(root: Path, section: Section, base: str, notebooks: Iterable[str] | None = None) -> list[Run]:
    """Runs of the base notebooks (model, results ...) with the set quick or paper."""
    values = section.schema.load_named(base, complete_for=section.base_notebooks)
    chosen = list(notebooks) if notebooks is not None else section.base_notebooks
    return [Run(root, section.name, notebook, base, _own(section, notebook, values), base) for notebook in chosen]


def compared_runs(root: Path, section: Section, base: str) -> tuple[Run, ...]:
    """The runs with whose numbers the section's what-ifs compare themselves, as its schema declares."""
    return tuple(base_runs(root, section, base, section.schema.compares))


def other_base_run(root: Path, section: Section, notebook: str, set_name: str, base: str) -> Run:
    """A notebook with a base set of the section's own; in a quick book with the amounts of work of ``quick``."""
    values, label = _at_scale(section, set_name, base, [notebook])
    return Run(root, section.name, notebook, label, _own(section, notebook, values), base)


def _at_scale(section: Section, set_name: str, base: str, notebooks: Sequence[str]) -> tuple[dict[str, Any], str]:
    """A set's values and its label; in a quick book the parameters that only set the amount of work come from ``quick``."""
    values = section.schema.load_named(set_name, complete_for=notebooks)
    if base != "quick":
        return values, set_name
    quick = section.schema.load_named("quick")
    sizes = {name: quick[name] for name, parameter in section.schema.parameters.items() if parameter.size and name in quick}
    at_scale = section.schema.relate({**values, **sizes}, f"{set_name} with the sizes of quick")
    return dict(at_scale), f"{set_name}+quick"


def what_if_run(root: Path, section: Section, set_name: str, base: str) -> Run:
    """The what-if notebook with one of its sets, compared with the runs of ``base``."""
    values, label = _at_scale(section, set_name, base, ["what_if"])
    needs, compares = compared_runs(root, section, base), section.schema.compares
    return Run(root, section.name, "what_if", label, _own(section, "what_if", values), base, needs, compares)


def custom_run(root: Path, section: Section, notebook: str, values: dict[str, Any], set_name: str, baseline: str) -> Run:
    """A run with the user's own values: it lands under ``<set>+<hash>`` and never feeds the book."""
    own = _own(section, notebook, values)
    section.schema.relate(own, set_name)
    needs = compared_runs(root, section, baseline) if notebook == "what_if" else ()
    compares = section.schema.compares if notebook == "what_if" else ()
    mark = digest.digest_of(own)[:8]
    return Run(root, section.name, notebook, f"{set_name}+{mark}", own, baseline, needs, compares)


def _own(section: Section, notebook: str, values: dict[str, Any]) -> dict[str, Any]:
    """Each run gets only its own names."""
    return {name: values[name] for name in section.schema.names(notebook) if name in values}
