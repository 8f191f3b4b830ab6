"""What an edit makes due: ``python benchmarks/tools/due.py [FILE ...]``.

For each file, how many runs of the paper-scale book hang on it (their import closures hold it), and which of them. Without
files: one of each room, a chapter's solver, the foundations' units, a notebook, a parameter set and the lock.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from compendium.runs.plan import Run, plan  # noqa: E402

SAMPLE = [
    "compendium/site/printing.py",
    "compendium/audit/browsed.py",
    "compendium/classroom/grading.py",
    "compendium/cli/book.py",
    "compendium/runs/order.py",
    "compendium/runs/child.py",
    "compendium/notebook/figures.py",
    "isaclib/near_field/exact.py",
    "isaclib/foundations/units.py",
    "notebooks/near_field/results.py",
    "notebooks/near_field/parameters/paper.yml",
    "requirements.lock",
]


def hangs_on(run: Run, file: str) -> bool:
    """Whether the digest of a run takes in a file."""
    if file == "requirements.lock":
        return bool(run.inputs()["lock"])
    path = ROOT / file
    if path.suffix == ".yml":
        return path.parent.parent == ROOT / "notebooks" / run.section and path.stem == run.label.split("+")[0]
    module = ".".join(Path(file).with_suffix("").parts).removesuffix(".__init__")
    return path in run.sources or module in run.inputs().get("modules", {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", default=SAMPLE, metavar="FILE", help="paths below the checkout")
    runs = plan(ROOT, "paper")
    for file in parser.parse_args().files:
        if not (ROOT / file).is_file():
            parser.error(f"{file} is not a file of this checkout")
        due = [run for run in runs if hangs_on(run, file)]
        where = ", ".join(f"{section} {count}" for section, count in Counter(run.section for run in due).items())
        print(f"{file:45} {len(due):3} of {len(runs)}  {'' if len(due) == len(runs) else where}")


if __name__ == "__main__":
    main()
