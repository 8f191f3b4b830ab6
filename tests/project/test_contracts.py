"""The contracts between the packages (``lint-imports``) hold, and fail when an arrow is turned round."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from small_project import ROOT

LINTER = str(Path(sys.executable).with_name("lint-imports"))


def lint(folder: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([LINTER, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_contracts_hold_and_can_fail(tmp_path):
    for name in ("isaclib", "compendium"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    sound = lint(tmp_path)
    assert sound.returncode == 0, sound.stdout
    wrong = {
        "isaclib/foundations/units.py": "from . import channels",  # channels imports units
        "isaclib/near_field/scenario.py": "import pandas\n    from ..semi_isac import scenario",
        "compendium/runs/plan.py": "from ..cli import main",
        "compendium/site/times.py": "from isaclib import ofdm_ranging",
    }
    for file, statement in wrong.items():
        with (tmp_path / file).open("a") as source:
            source.write(f"\n\ndef late():\n    {statement}\n")
    broken = lint(tmp_path)
    assert broken.returncode == 1
    assert broken.stdout.count(" BROKEN") == 6, broken.stdout
