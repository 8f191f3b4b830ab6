"""The workshop: parameter sets, runs, ledgers, site, classroom and the command line ``isac``. Science never imports it."""

from isaclib import __version__

__all__ = ["__version__"]
