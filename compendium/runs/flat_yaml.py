"""Flat YAML files of ``name: value`` lines, read so that nothing is lost or taken for something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .errors import ParameterError


class _UniqueKeys(yaml.SafeLoader):
    """A loader that refuses a key given twice instead of keeping the last."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name must be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_flat_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; syntax errors and repeated names are refused with file and line."""
    try:
        content = yaml.load(path.read_text(), Loader=_UniqueKeys)
    except FileNotFoundError:
        raise ParameterError(path, "file", "does not exist", "check the path") from None
    except OSError as error:
        raise ParameterError(path, "file", f"cannot be read ({error.strerror})", "name a file") from None
    except (yaml.YAMLError, ValueError) as error:  # a date that is none, a number of thousands of digits, no text
        raise ParameterError(path, "file", f"is not valid YAML ({' '.join(str(error).split())})", "mend the line") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ParameterError(path, "file", "does not hold name: value lines", "write one 'name: value' per line")
    return content
