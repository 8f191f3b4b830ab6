"""``isac solve``, ``isac score`` and ``isac instances``: handed on, word for word, to ``python -m isaclib``."""

from __future__ import annotations

import sys

import click

_ANY = {"ignore_unknown_options": True, "help_option_names": []}


def _handed_on(name: str, summary: str) -> click.Command:
    @click.command(name, context_settings=_ANY, help=f"{summary}; the same as 'python -m isaclib {name}'.", add_help_option=False)
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def command(words: tuple[str, ...]) -> None:
        from isaclib import command_line  # numpy, for these commands alone

        sys.exit(command_line.main([name, *words], program="isac"))

    return command


COMMANDS = (
    _handed_on("solve", "The certified optimum of a scenario in a file, or another method's allocation"),
    _handed_on("score", "An allocation in a file against the certified optimum of its scenario"),
    _handed_on("instances", "A chapter's benchmark instances, with certified optima and baselines"),
)
