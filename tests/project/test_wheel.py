"""The wheel is the science: it holds isaclib alone, and all chapters solve without Jupyter, Sphinx or a plotting package."""

import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import chapters
import pytest
from small_project import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a clean copy: a stale ``build/lib`` would bring back what has moved out."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "isaclib", folder / "source" / "isaclib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    command = [sys.executable, "-c", f"from setuptools.build_meta import build_wheel; build_wheel({str(folder)!r})"]
    made = subprocess.run(command, cwd=folder / "source", capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return next(folder.glob("*.whl"))


def test_it_holds_isaclib_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
        metadata = message_from_bytes(archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))))
        assert not any(name.endswith("entry_points.txt") for name in archive.namelist())
    assert {top for top in tops if not top.endswith(".dist-info")} == {"isaclib"}
    needed = {line.split(">")[0].strip() for line in metadata.get_all("Requires-Dist") if "extra ==" not in line}
    assert needed == {"numpy", "scipy", "cvxpy", "clarabel", "scs", "highspy", "sdpa-python", "joblib"}


BLOCKED = ("matplotlib", "seaborn", "pandas", "sympy", "papermill", "jupytext", "nbformat", "IPython", "click", "PIL")
SOLVE = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
sys.path.insert(0, {wheel!r})
import isaclib, numpy as np, importlib
assert isaclib.__file__.startswith({wheel!r})
chapter = importlib.import_module("isaclib.{chapter}")
limits = {{"max_capacity_loss": 0.5}} if "{chapter}" == "ofdm_ranging" else {{}}
solve = chapter.optimise_sensing if "{chapter}" == "near_field" else chapter.solve_exact
for rng in np.random.default_rng(3).spawn(20):
    scenario = chapter.Scenario.random(rng)
    if "{chapter}" == "near_field":
        scenario = scenario.replace(antennas=5)
    try:
        found = solve(scenario, **limits)
        break
    except isaclib.InfeasibleScenario:
        continue
print(found.certificate.status)
"""


@pytest.mark.parametrize("chapter", chapters.NAMES)
def test_a_chapter_solves_from_the_wheel_without_the_workshop(wheel, chapter, tmp_path):
    script = SOLVE.format(blocked=BLOCKED, wheel=str(wheel), chapter=chapter)
    done = subprocess.run([sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() in ("optimal", "converged")
