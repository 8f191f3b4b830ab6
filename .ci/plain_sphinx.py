"""Build staged pages with plain Sphinx, without Jupyter Book, which holds Sphinx at version 7.

``python .ci/plain_sphinx.py STAGE OUTPUT`` in an environment with the newest sphinx, myst-nb, sphinx-book-theme and the other
extensions that ``_config.yml`` names. STAGE is what
``isac book`` leaves in ``build/site/<set>/source``; it is copied, not changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CONF = """
from pathlib import Path
import yaml

config = yaml.safe_load((Path(__file__).parent / "_config.yml").read_text())
globals().update(config["sphinx"]["config"])
extensions = [name for name in extensions if name not in ("jupyter_book", "sphinx_comments")]  # they belong to Jupyter Book
project, author, copyright = (config[name] for name in ("title", "author", "copyright"))
exclude_patterns, bibtex_bibfiles = config["exclude_patterns"], config["bibtex_bibfiles"]
myst_enable_extensions = config["parse"]["myst_enable_extensions"]
html_theme, external_toc_path, nb_execution_mode = "sphinx_book_theme", "_toc.yml", "off"
"""


def main(stage: Path, output: Path) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        source = shutil.copytree(stage, Path(scratch) / "source")
        (source / "conf.py").write_text(CONF)
        command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", "-b", "html", str(source), str(output)]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
