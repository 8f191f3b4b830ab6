"""What a notebook shows twice: for Jupyter, and as MyST for its page of the book."""

from __future__ import annotations

from .context import current

METADATA_KEY = "isac"


def display_with_myst(data: dict[str, str], myst_text: str) -> None:
    """Display ``data`` in a notebook; in the book its place is taken by ``myst_text``."""
    if current().claims_only:
        return
    from IPython.display import display

    display(data, raw=True, metadata={METADATA_KEY: {"myst": myst_text}})
