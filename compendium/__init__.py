"""The workshop: parameter sets, runs, ledgers, site, classroom and the command line ``isac``. Science never imports it."""

import sys

from isaclib import __version__

# Notebooks are validated by jsonschema, which on import has a grammar of international web addresses compiled (3 of the 4
# seconds of processor time before a run's first cell). No schema of a notebook asks for such an address: left out wherever
# the workshop is at work, as jsonschema itself does where that package is not installed.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

__all__ = ["__version__"]
