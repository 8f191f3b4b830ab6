"""What the pages of a PDF draw."""

import re

from pypdf import PdfReader


def drawn_per_page(document: PdfReader) -> list[int]:
    """How many pieces of text and pictures each page of a PDF draws."""
    return [len(re.findall(rb"\b(?:T[jJ]|Do)\b", page.get_contents().get_data())) for page in document.pages]
