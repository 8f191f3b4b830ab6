"""What the pages of a PDF draw, read without a PDF library."""

import re
import zlib

from isaclib.compendium.printing import Pdf


def drawn_per_page(content: bytes, skeleton: Pdf) -> list[int]:
    """How many pieces of text and pictures each page of a PDF draws."""
    counts = []
    for page in skeleton.pages:
        stream = int(re.search(rb"/Contents (\d+) 0 R", skeleton.objects[page])[1])
        found = re.search(rb"\n%d 0 obj.*?stream\r?\n(.*?)\r?\nendstream" % stream, content, re.DOTALL)
        counts.append(len(re.findall(rb"\b(?:T[jJ]|Do)\b", zlib.decompress(found[1]))))
    return counts
