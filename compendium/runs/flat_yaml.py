"""Flat YAML files of ``name: value`` lines, read so that nothing is lost or taken for something else."""

from __future__ import annotations

import re
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .errors import ParameterError

_BLANKLESS = re.compile(r"\d,\d")
_THOUSANDS = re.compile(r"\d,0\d")
_BLANK = re.compile(r"\d\s*,\s|\d\s+,")


class _AsWritten(yaml.SafeLoader):
    """A loader that keeps words and numbers as they are written, and refuses a key given twice instead of keeping the last."""

    # What YAML 1.1 makes of a word without quotes, left out but for null and the merge key.
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":null", ":merge"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name must be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_sequence(self, node, deep=False):
        start, end = node.start_mark, node.end_mark
        text = start.buffer[start.pointer : end.pointer] if node.flow_style and start.buffer else ""
        if _BLANKLESS.search(text) and _BLANK.search(text):  # [0,5, 1,5] holds four numbers, or two with decimal commas
            problem = f"{text} has commas with and without a blank: write a point in decimals and a blank after every comma"
            raise yaml.constructor.ConstructorError(None, None, problem, start)
        if _THOUSANDS.search(text):  # [5,000] holds 5 and 0, or 5000
            problem = f"{text} has a comma before zeros, as within a number: write a blank after it, or the digits together"
            raise yaml.constructor.ConstructorError(None, None, problem, start)
        return super().construct_sequence(node, deep)


for _type in ("int", "float", "bool", "timestamp"):  # an explicit tag changes nothing: !!int 010 is 10, not 8
    _AsWritten.add_constructor(f"tag:yaml.org,2002:{_type}", yaml.SafeLoader.construct_yaml_str)


def read_value(text: str) -> Any:
    """One value: words and numbers as text, lists and mappings of such; ``yaml.YAMLError`` for what is none."""
    try:
        return deepcopy(_loaded(text))
    except RecursionError:
        raise yaml.YAMLError("it has lists in lists without end") from None


@cache
def _loaded(text: str) -> Any:
    """A plan asks for the same few dozen files again and again, and YAML is read at a thousand lines a second."""
    return yaml.load(text, Loader=_AsWritten)


def read_flat_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping, its numbers still as text; syntax errors and repeated names are refused with file and line."""
    try:
        content = read_value(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(path, "file", "does not exist", "check the path") from None
    except OSError as error:
        raise ParameterError(path, "file", f"cannot be read ({error.strerror})", "name a file") from None
    except UnicodeDecodeError:  # a ValueError, as is a zero in a name
        raise ParameterError(path, "file", "is no text in UTF-8", "save it with that encoding") from None
    except ValueError as error:
        raise ParameterError(path, "file", f"cannot be read ({error})", "name a file") from None
    except yaml.YAMLError as error:
        raise ParameterError(path, "file", f"is not valid YAML ({' '.join(str(error).split())})", "mend the line") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ParameterError(path, "file", "does not hold name: value lines", "write one 'name: value' per line")
    return content
