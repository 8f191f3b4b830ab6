"""Ask every external address of the book's sources once, and list those that do not answer: for a schedule, not for a build."""

from __future__ import annotations

import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"https?://[^\s<>\"'`)\]}]+")
SOURCES = ("*.md", "book/**/*.md", "book/**/*.bib", "notebooks/**/*.py", "isaclib/**/*.py")
REFUSES_ROBOTS = {401, 403, 405, 418, 429}  # it answers, to people


def addresses(root: Path) -> dict[str, str]:
    """Every address with a file that names it; addresses of this machine and of examples left out."""
    found: dict[str, str] = {}
    for path in sorted({path for pattern in SOURCES for path in root.glob(pattern)}):
        for address in ADDRESS.findall(path.read_text()):
            address = address.rstrip(".,;:\\")
            if not re.match(r"https?://(localhost|127\.|example\.)", address):
                found.setdefault(address, str(path.relative_to(root)))
    return found


def dead(asked: Iterable[str]) -> dict[str, str]:
    """The addresses that do not answer, each with the reason."""
    failures = {}
    for address in asked:
        try:
            request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0 (link check)"})
            urllib.request.urlopen(request, timeout=20).close()
        except urllib.error.HTTPError as error:
            if error.code not in REFUSES_ROBOTS:
                failures[address] = str(error.code)
        except (OSError, ValueError) as error:
            failures[address] = str(error)
    return failures


def main() -> int:
    named = addresses(ROOT)
    failures = dead(named)
    for address, reason in failures.items():
        print(f"{named[address]}: {address}: {reason}")
    print(f"{len(named)} addresses, {len(failures)} do not answer")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
