"""The kernel of a run: the interpreter that executes the run's process, whatever other kernels stand on the Jupyter path.

Before it serves the notebook it writes down with which versions it computes.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ..notebook import confirm
from ..notebook.context import current
from ..notebook.versions import versions

NAME = "python3"
VERSIONS = "versions.json"


def install(folder: Path) -> None:
    """Put a kernel of this interpreter into ``folder``, and the folder in front of this process's Jupyter path."""
    home = folder / "kernels" / NAME
    home.mkdir(parents=True)
    command = [sys.executable, "-m", "compendium.runs.kernel", "-f", "{connection_file}"]
    (home / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}))
    os.environ["JUPYTER_PATH"] = os.pathsep.join([str(folder), *filter(None, [os.environ.get("JUPYTER_PATH")])])


def main() -> None:
    if sys.path[0] in ("", os.getcwd()):  # as ipykernel does: a notebook's imports are not those of the working directory
        del sys.path[0]
    (Path(current().directory) / VERSIONS).write_text(json.dumps(versions()))
    sys.modules.setdefault("debugpy", None)  # type: ignore[arg-type]  # nobody steps through a run: half a second less to start
    from ipykernel.kernelapp import launch_new_instance

    # Said here: a kernel that is forked has read its environment before, and one that nobody waits for is to end.
    launch_new_instance(extensions=[confirm.__name__], parent_handle=int(os.environ.get("JPY_PARENT_PID") or 0))


if __name__ == "__main__":
    main()
