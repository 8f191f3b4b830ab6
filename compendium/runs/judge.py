"""The claims of a section with one seed after the other: ``python -m compendium.runs.judge JOB.json``.

No kernel and no figures: of each notebook only the statements run on which its claims hang, in this very process.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from ..notebook.context import VARIABLE, Context
from . import slices
from .child import main, processor_seconds
from .folders import publish


def judge(job: dict) -> dict | None:
    """Judge all seeds of a job; None on success, otherwise a description of the failure (place, error, traceback)."""
    partial, final = Path(job["partial"]), Path(job["directory"])
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    os.environ["MPLBACKEND"] = "agg"
    try:
        started, start = time.time(), time.perf_counter()
        asked = job.get("claims")
        sliced = {source: slices.needed_for_claims(Path(source).read_text(), asked) for source in job["sources"]}
        found = []
        for seed in job["seeds"]:
            verdicts: dict[str, str] = {}
            for source, statements in sliced.items():
                folder = partial / f"{Path(source).stem}_{seed}"
                failure = _run(source, statements, {**job["parameters"], "seed": seed}, folder)
                if failure:
                    return {**failure, "cell": f"{failure['cell']}, with the seed {seed}"}
                verdicts |= {entry["id"]: entry["verdict"] for entry in json.loads((folder / "claims.json").read_text())}
                shutil.rmtree(folder)
            found.append({"seed": seed, "verdicts": verdicts})
        record = {
            **job["record"],
            "seconds": round(time.perf_counter() - start, 2),
            "processor_seconds": round(processor_seconds(), 2),
            "started": round(started, 2),
            "finished": round(time.time(), 2),
        }
        (partial / "seeds.json").write_text(json.dumps(found, indent=1))
        (partial / "run.json").write_text(json.dumps(record, indent=1))
        publish(partial, final)
        return None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _run(source: str, statements: ast.Module, values: dict[str, Any], folder: Path) -> dict[str, str] | None:
    """Execute what the claims of a notebook need; they land in ``folder``."""
    from matplotlib import pyplot

    folder.mkdir()
    path = Path(source)
    context = Context(path.parent.name, path.stem, "seeds", str(folder), seed=values["seed"], claims_only=True)
    os.environ[VARIABLE] = context.to_environment()[VARIABLE]
    try:
        exec(compile(statements, source, "exec"), {"__name__": "__main__", **values})
    except Exception as error:
        line = next((at.lineno for at in reversed(traceback.extract_tb(error.__traceback__)) if at.filename == source), 0)
        text = path.read_text().splitlines()
        return {
            "cell": f"line {line} of {path.name}",
            "source": text[line - 1] if line else "",
            "error": f"{type(error).__name__}: {error}",
            "traceback": traceback.format_exc(),
        }
    finally:
        pyplot.close("all")
    return None


if __name__ == "__main__":
    sys.exit(main(judge))
