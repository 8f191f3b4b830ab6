"""Checks in a notebook: an error in a run of the book, words in a run of one's own.

A notebook checks every step of a derivation with ``assert``. On the sets of the book a check that fails is a fault, and the run
fails with it. With values of one's own it is a finding: a sample too small, a series that has not converged, a number beyond
double precision. There the notebook says which check was not confirmed, and goes on.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

from . import context as _context

FILE = "unconfirmed.json"
_NAME = "__isac_unconfirmed__"


class _InWords(ast.NodeTransformer):
    """``assert condition`` as ``if not condition: say so``."""

    def visit_Assert(self, node: ast.Assert) -> ast.If:
        said = ast.Expr(ast.Call(ast.Name(_NAME, ast.Load()), [ast.Constant(ast.unparse(node.test))], []))
        return ast.fix_missing_locations(ast.copy_location(ast.If(ast.UnaryOp(ast.Not(), node.test), [said], []), node))


def unconfirmed(condition: str) -> None:
    """Say that a check was not confirmed, and keep it with the run."""
    from IPython.display import display

    text = f"**Not confirmed with these values:** `{condition}`"
    display({"text/markdown": text, "text/plain": text}, raw=True)
    run = _context.current()
    if run.directory:
        path = Path(run.directory) / FILE
        path.write_text(json.dumps([*found_in(Path(run.directory)), condition], indent=1))


def found_in(directory: Path) -> list[str]:
    """The checks that a run did not confirm."""
    path = directory / FILE
    return json.loads(path.read_text()) if path.exists() else []


def load_ipython_extension(shell) -> None:
    """Called by a run's kernel as it starts: in runs of one's own, checks speak instead of raising."""
    if _context.current().own:
        shell.ast_transformers.append(_InWords())
        shell.user_ns[_NAME] = unconfirmed
