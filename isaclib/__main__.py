"""``python -m isaclib solve | score | instances``: see :mod:`isaclib.command_line`."""

import sys

from .command_line import main

if __name__ == "__main__":
    sys.exit(main())
