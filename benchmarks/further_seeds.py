"""The claims of a section with further seeds at the size of the paper runs: which verdicts hang on the draws?

``python benchmarks/further_seeds.py SECTION ... [--seeds 11..20] [--claims ID,ID] [-o FILE]``: the seed of the ``paper`` set plus
11 to 20; every build judges the ten before them, at a small size. One line of JSON for each seed, written when it is done. A
line of the same inputs is not made again, so that the script may be stopped at any time. Of each notebook only the
statements run on which the claims hang.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml

from compendium.runs.contents import section_names
from compendium.runs.judge import judge
from compendium.runs.plan import load_section
from compendium.runs.seeds import LABEL, NOTEBOOK, SeedRun, asked_claims

ROOT = Path(__file__).parents[1]


def paper_run(section: str, only: Sequence[str] = ()) -> SeedRun:
    """What judges the claims that other seeds are asked for, or those named, with all values of the paper set."""
    loaded = load_section(ROOT, section)
    asked = {entry["id"]: entry["notebook"] for entry in on_file(section) if entry["id"] in (only or asked_claims(loaded.folder))}
    notebooks = tuple(name for name in loaded.base_notebooks if name in asked.values())
    paper = loaded.schema.load_named("paper")
    taken = {key for notebook in notebooks for key in loaded.schema.names(notebook)}
    values = {key: value for key, value in paper.items() if key in taken}
    return SeedRun(ROOT, section, NOTEBOOK, LABEL, values, "paper", notebooks=notebooks, claims=tuple(asked))


def judged(run: SeedRun, offset: int) -> dict | None:
    """The verdicts with the seed of the paper set plus ``offset``, and the seconds they took; None if a statement failed."""
    seed, start = run.values["seed"] + offset, time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        partial, final = Path(folder) / "partial", Path(folder) / "found"
        job = {**run.job(), "seeds": [seed], "parameters": run.values, "partial": str(partial), "directory": str(final)}
        failure = judge({**job, "record": {}})
        if failure:
            print(f"{run.section}: {failure['cell']}\n{failure['traceback']}", file=sys.stderr, flush=True)
            return None
        (found,) = json.loads((final / "seeds.json").read_text())
    seconds = round(time.process_time() - start, 1)
    return {"section": run.section, "offset": offset, **found, "processor_seconds": seconds, "digest": run.digest()}


def on_file(section: str) -> list[dict]:
    path = ROOT / "notebooks" / section / "claims.yml"
    return (yaml.safe_load(path.read_text()) or []) if path.exists() else []


def known(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(rows: Sequence[dict], expected: dict[str, str]) -> list[str]:
    """One line for each claim: its verdict on file, how many seeds say the same, and what the others say."""
    lines = []
    for claim, on_file in expected.items():
        found = Counter(row["verdicts"][claim] for row in rows if claim in row["verdicts"])
        others = ", ".join(f"{verdict} {count}" for verdict, count in found.items() if verdict != on_file)
        lines.append(f"{claim}  {found[on_file]} of {found.total()}  {on_file}" + (f"; else {others}" if others else ""))
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge what is asked, then print the table; 1 if a claim that is reproduced turned or a seed failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sections", nargs="*", default=section_names(ROOT))
    parser.add_argument("--seeds", default="11..20", help="first..last, counted from the seed of the paper set")
    parser.add_argument("--claims", default="", help="only these of the sections' claims, separated by commas")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "build" / "further_seeds.jsonl")
    given = parser.parse_args(arguments)
    first, _, last = given.seeds.partition("..")
    asked = range(int(first), int(last or first) + 1)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    turned = False
    for section in given.sections:
        run = paper_run(section, given.claims.split(",") if given.claims else ())
        if not run.claims:
            continue
        mine = {row["offset"]: row for row in known(given.output) if row["section"] == section and row["digest"] == run.digest()}
        for offset in asked:
            if offset not in mine and (found := judged(run, offset)):
                mine[offset] = found
                with given.output.open("a") as file:
                    file.write(json.dumps(found) + "\n")
        rows = [mine[offset] for offset in asked if offset in mine]
        lines = table(rows, {entry["id"]: entry["expected"] for entry in on_file(section) if entry["id"] in run.claims})
        turned |= len(rows) < len(asked) or any("  reproduced; else" in line for line in lines)
        heading = f"{section}, {len(rows)} of {len(asked)} seeds, {sum(row['processor_seconds'] for row in rows):.0f} CPU s"
        print(heading, *lines, sep="\n", flush=True)
    return int(turned)


if __name__ == "__main__":
    sys.exit(main())
