"""A hundred random scenarios of each chapter through each file format: seconds for one, and how many came back to the bit."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np

from isaclib import instances

DRAWS = 100


def measure() -> list[dict]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for chapter in instances.CHAPTERS:
            kind = instances.interface(chapter).scenario
            drawn = [kind.random(np.random.default_rng([7, i])) for i in range(DRAWS)]
            for ending in (".json", ".npz", ".mat"):
                path, start, same = Path(folder) / f"scenario{ending}", time.perf_counter(), 0
                for scenario in drawn:
                    scenario.save(path)
                    same += _same(scenario, kind.load(path))
                seconds = (time.perf_counter() - start) / DRAWS
                name = f"{chapter}{ending}: {same} of {DRAWS} equal to the bit"
                rows.append({"name": name, "value": 1e3 * seconds, "unit": "ms there and back"})
    return rows


def _same(one, other) -> bool:
    pairs = ((getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one))
    return all(
        (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()) if isinstance(a, np.ndarray) else a == b
        for a, b in pairs
    )
