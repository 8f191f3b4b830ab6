"""What of a notebook its claims hang on: the statements that must run before the verdicts are known, and no others.

A notebook's claims are judged again with other seeds, and most of what it computes draws figures. Its source is read from the end
to the start: a statement stays when it records a claim, or when it binds or changes a name that a later one reads.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Container, Iterator, Mapping, Sequence

RECORDS = "claims.record"
_SHOWS = {"figures.show", "explorers.show", "explorers.guess", "tables.table", "answers.answer", "print", "display"}
_SHOWS |= {"average_line", "legend_above", "plain_numbers"}
# Methods that change what they draw on and not what they draw.
_DRAWS = {"add_patch", "annotate", "axhline", "axvline", "axvspan", "bar", "bar_label", "barh", "draw", "fill_between", "grid"}
_DRAWS |= {"invert_xaxis", "level", "invert_yaxis", "pcolormesh", "plot", "legend", "scatter", "set", "set_axis_off", "text"}
_DRAWS |= {"set_xlim", "set_xticks", "set_ylabel", "set_ylim", "set_yscale", "set_yticks"}
_GENERATORS = {"default_rng", "spawn"}
_PARAMETERS = re.compile(r'^# %% tags=\["parameters"\]\n.*?(?=^# %%|\Z)', re.M | re.S)


def needed_for_claims(source: str, asked: Container[str] | None = None) -> ast.Module:
    """The statements of a py:percent notebook, in order, on which its recorded claims depend (those ``asked``, if given).

    The cell of its parameters is left out: the values of a run take its place.

    What a statement changes beside what it binds is judged with caution: a call on a line of its own may change its receiver and
    its arguments (but for what is drawn), and whoever takes a random generator uses it up. A call within an expression is taken
    to change nothing else, which holds for functions that return what they compute; a function of the notebook that shows a
    figure, called on a line of its own, is taken to do nothing else.
    """
    source = _PARAMETERS.sub(lambda cell: "\n" * cell[0].count("\n"), source, count=1)
    body = ast.parse("\n".join("" if line.startswith(("%", "!")) else line for line in source.splitlines())).body
    generators = {name for statement in body for name in _generators(statement)}
    functions = {one.name: _reads([one]) for one in body if isinstance(one, ast.FunctionDef)}
    shows = {*_SHOWS, RECORDS} | {f"{name}.show" for statement in body for name in _curves(statement)}
    shows |= {one.name for one in body if isinstance(one, ast.FunctionDef) and _shows_figure(one)}
    needed: set[str] = set()
    chosen = []
    for statement in reversed(body):
        changed = _binds(statement) | {*_touched(statement, shows)} | (generators & _reads([statement]))
        if _records(statement, asked) or (needed & changed and not _only_shows(statement, shows)):
            chosen.append(statement)
            needed = (needed - _surely_binds(statement)) | _with_called(_reads([statement]), functions)
    return ast.Module(chosen[::-1], type_ignores=[])


def _with_called(names: set[str], functions: Mapping[str, set[str]]) -> set[str]:
    """Names, and what the functions among them read when they are called, however late it was bound."""
    found, waiting = set(names), set(names)
    while waiting:
        new = functions.get(waiting.pop(), set()) - found
        found |= new
        waiting |= new
    return found


def _only_shows(statement: ast.stmt, shows: Container[str]) -> bool:
    """A statement that presents something, records a claim not asked for, or checks what the run of the notebook has checked."""
    presents = isinstance(statement, ast.Expr) and _called(statement.value) in shows
    records = isinstance(statement, ast.Assign) and _called(statement.value) == RECORDS
    return presents or records or isinstance(statement, ast.Assert)


def _calls(statement: ast.stmt, name: str) -> bool:
    return any(_called(node) == name for node in ast.walk(statement))


def _shows_figure(function: ast.FunctionDef) -> bool:
    return any(_calls(function, name) for name in ("figures.show", *(f"{curves}.show" for curves in _curves(function))))


def _records(statement: ast.stmt, asked: Container[str] | None) -> bool:
    """Whether a statement records a claim of those asked; one that names its claim by an expression may."""
    calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call) and _called(node) == RECORDS)
    names = (call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None for call in calls)
    return any(asked is None or name is None or name in asked for name in names)


def _reads(block: Sequence[ast.stmt]) -> set[str]:
    """Names of the notebook that a block may read before it has bound them itself."""
    reads: set[str] = set()
    bound: set[str] = set()
    for statement in block:
        inner: set[str] = set()
        heads: list[ast.expr] = []
        if isinstance(statement, (ast.For, ast.While, ast.If, ast.With, ast.Try)):
            for name in ("body", "orelse", "finalbody"):
                inner |= _reads(getattr(statement, name, []))
            for handler in getattr(statement, "handlers", []):
                inner |= _reads(handler.body)
            heads = [value for value in ast.iter_child_nodes(statement) if isinstance(value, ast.expr)]
            heads += [item.context_expr for item in getattr(statement, "items", [])]
            if isinstance(statement, ast.For):
                inner -= _names(statement.target)
            for head in heads:
                inner |= _referenced(ast.unparse(head)) - (_names(head) if head is getattr(statement, "target", None) else set())
        else:
            inner = _referenced(ast.unparse(statement))
        reads |= inner - bound
        bound |= _surely_binds(statement)
    return reads


def _surely_binds(statement: ast.stmt) -> set[str]:
    """Names that a simple statement gives a new value whatever happens."""
    return (
        _binds(statement)
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.FunctionDef))
        else set()
    )


def _referenced(source: str) -> set[str]:
    def of(table: symtable.SymbolTable) -> Iterator[str]:
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (top or symbol.is_global()):
                yield symbol.get_name()
        for child in table.get_children():
            yield from of(child)

    augmented = {_root(node.target) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.AugAssign)}
    return augmented | {*of(symtable.symtable(source, "notebook", "exec"))}


def _binds(statement: ast.stmt) -> set[str]:
    """Names that a statement may bind in the notebook (those of functions and comprehensions are their own)."""
    symbols = symtable.symtable(ast.unparse(statement), "notebook", "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}


def _touched(statement: ast.stmt, shows: Container[str]) -> Iterator[str]:
    """Names whose object a statement may change without binding them."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return
    for node in ast.walk(statement):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield _root(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _called(node.value) not in shows:
            call = node.value
            library = _called(call).rpartition(".")[0]
            if library == "plotting":
                yield from map(_root, call.args[:1])
            elif isinstance(call.func, ast.Attribute) and call.func.attr in _DRAWS:
                yield _root(call.func)
            else:
                yield from map(_root, [call.func, *call.args, *(keyword.value for keyword in call.keywords)])


def _curves(statement: ast.stmt) -> Iterator[str]:
    """Names bound to curves that show themselves as a figure."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Assign) and _called(node.value).rpartition(".")[2] == "Curves":
            yield from (name for target in node.targets for name in _names(target))


def _generators(statement: ast.stmt) -> Iterator[str]:
    """Names bound to random generators."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Assign) and _called(node.value).rpartition(".")[2] in _GENERATORS:
            yield from (name for target in node.targets for name in _names(target))


def _names(node: ast.AST) -> set[str]:
    return {leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name)}


def _called(node: ast.AST) -> str:
    """The dotted name of the function that a call calls, as far as it is one; empty for anything else."""
    return _dotted(node.func) if isinstance(node, ast.Call) else ""


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def _root(node: ast.expr) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
