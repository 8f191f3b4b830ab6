"""Other seeds: the claims of a section judged again at a small size, to see which verdicts hang on the draws.

The seeds are fixed beforehand: that of the ``paper`` set, so that size and seed can be told apart, and the ten that follow it. A
section takes part when its schema names the small sizes (``_section: seeds``), with those of its claims that can be judged at all
and do not say why their own seed judges them alone (``alone`` in ``claims.yml``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from . import digest
from .contents import section_names
from .plan import Run, load_section

OTHERS = 10
NOTEBOOK, LABEL, FOUND = "claims", "seeds", "seeds.json"
_JUDGE = "compendium.runs.judge"  # what judges the claims, in one process for each section


@dataclass(frozen=True)
class SeedRun(Run):
    """The claims of all notebooks of a section with the seed of their set and ten others."""

    notebooks: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    child: ClassVar[str] = _JUDGE

    @property
    def sources(self) -> tuple[Path, ...]:
        return tuple(self.root / "notebooks" / self.section / f"{name}.py" for name in self.notebooks)

    def own_inputs(self) -> dict[str, Any]:
        texts = [path.read_text() for path in self.sources]
        modules = {name: mark for text in texts for name, mark in digest.modules_of(text, _JUDGE).items()}
        return {"notebook": digest.sha("\n".join(texts).encode()), "claims": list(self.claims), "modules": modules}

    def job(self) -> dict[str, Any]:
        first = self.values["seed"]
        seeds = [*range(first, first + OTHERS + 1)]
        return {"sources": [*map(str, self.sources)], "claims": list(self.claims), "seeds": seeds}


def seed_runs(root: Path, base: str, sections: Sequence[str] | None = None) -> list[SeedRun]:
    """One for each section that names small sizes; none for a quick book, which has too few draws for verdicts."""
    if base != "paper":
        return []
    found = (seed_run(root, name) for name in sections or section_names(root))
    return [run for run in found if run is not None]


def seed_run(root: Path, name: str) -> SeedRun | None:
    """The paper's values at the sizes of ``quick`` or at those that the schema names for this; None where it names none."""
    section = load_section(root, name)
    schema, folder = section.schema, section.folder
    asked = asked_claims(folder)
    claimed = tuple(one for one in section.base_notebooks if one in asked.values())
    if schema.seeds is None or not claimed:
        return None
    quick = schema.load_named("quick")
    sizes = {key: quick[key] for key, parameter in schema.parameters.items() if parameter.size and key in quick}
    values = schema.relate({**schema.load_named("paper"), **sizes, **schema.seeds}, "_section: seeds")
    taken = {key for notebook in claimed for key in schema.names(notebook)}
    own = {key: value for key, value in values.items() if key in taken}
    return SeedRun(root, name, NOTEBOOK, LABEL, own, "paper", notebooks=claimed, claims=tuple(asked))


def asked_claims(folder: Path) -> dict[str, str]:
    """The claims of a section that other seeds judge, each with its notebook."""
    path = folder / "claims.yml"
    on_file = (yaml.safe_load(path.read_text()) or []) if path.exists() else []
    judged = (entry for entry in on_file if not entry.get("alone") and entry.get("expected") != "not checkable")
    return {entry["id"]: entry["notebook"] for entry in judged}


@dataclass(frozen=True)
class Share:
    """On how many of the other seeds a claim gets the same verdict, and what its own seed says at the small size."""

    same: int
    others: int
    small: str

    @property
    def says(self) -> str:
        return f"{self.same} of {self.others}"


def share(root: Path, section: str, claim: str, verdict: str) -> Share | None:
    """What the seeds of a section say about a claim and its verdict; None where they were not judged."""
    path = root / "build" / "runs" / section / NOTEBOOK / LABEL / FOUND
    judged = json.loads(path.read_text()) if path.exists() else []
    verdicts = [entry["verdicts"][claim] for entry in judged if claim in entry["verdicts"]]
    if not verdicts:
        return None
    return Share(sum(one == verdict for one in verdicts[1:]), len(verdicts) - 1, verdicts[0])
