"""The guide "From MATLAB" as printed: Octave writes a scenario, the library solves and scores it, Octave reads it back."""

import os
import re
import shutil
import subprocess
import sys
import warnings

from small_project import ROOT


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "book" / "guide_matlab.md").read_text(), re.M | re.S)


def test_the_guide_runs_as_printed(tmp_path):
    octave = shutil.which("octave-cli")
    if octave is None:
        assert os.environ.get("CI") != "true", "CI needs Octave"
        warnings.warn("the guide 'From MATLAB' was left out: no Octave here", stacklevel=1)
        return
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    write, read = blocks("matlab")
    run(octave, "--norc", "--quiet", "--eval", write)
    (commands,) = blocks("bash")
    solved, scored = (run(sys.executable, *line.split()[1:]) for line in commands.splitlines())
    assert "optimal" in solved and "below the optimum" in scored
    shown = run(octave, "--norc", "--quiet", "--eval", read)
    assert "gap" in shown and len(re.findall(r"\d\.\d+", shown.splitlines()[-1])) == 3
