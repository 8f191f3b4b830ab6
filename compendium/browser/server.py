"""A built book as files and behind a local address."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_POLL_S = 0.05  # between two looks at whether to end


def built_pages(html: Path) -> Iterator[Path]:
    """The pages of a built book, without what the theme and the search keep beside them."""
    for path in sorted(html.rglob("*.html")):
        if path.relative_to(html).parts[0] not in ("_static", "_sources"):
            yield path


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments) -> None:
        """Requests are not news."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address) -> None:
        """That a browser leaves before it has everything is none."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve(html: Path) -> Iterator[str]:
    """Serve a folder on a free port of this machine; yields its address."""
    server = _Server(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(html)))
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
