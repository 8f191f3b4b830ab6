"""The command line ``isac``: run notebooks, build the book, check it, read the ledger of claims."""

from __future__ import annotations

import logging
import os
import signal
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table

from isaclib import __version__

from ..notebook import confirm
from ..notebook.claims import LedgerError
from ..notebook.context import NoCheckout, project_root
from ..runs import plan as workshop
from ..runs.contents import section_names
from ..runs.digest import CODE
from ..runs.errors import ParameterError
from ..runs.parameters import BASE_SETS, parse_assignment
from ..runs.plan import Run
from .assignment import assignment
from .bench import bench
from .book import book, check, claims, launch_tree, with_workers
from .chapter import new_chapter
from .console import CONSOLE, NOTES, make, report, short
from .pdf import pdf
from .science import COMMANDS
from .trials import known_notebook, try_

BAD_INPUT = 2
LONGEST_NAME = 120  # bytes of the name of a set file; folders and logs add to it


def prefixed(error: Exception) -> str:
    """The error as the command says it, with the name of the command once."""
    text = str(error)
    return text if text.startswith(("isac:", "isac ")) else f"isac: {text}"


class _Group(click.Group):
    """Turns refused input into exit code 2 and an interrupt into a resumable stop."""

    def __call__(self, *args, **options):
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as batch systems and "timeout" end a command
        return super().__call__(*args, **options)

    def invoke(self, context: click.Context):
        try:
            return super().invoke(context)
        except (ParameterError, LedgerError, NoCheckout) as error:
            CONSOLE.print(prefixed(error), markup=False, style="bold red")
            context.exit(BAD_INPUT)
        except KeyboardInterrupt:
            CONSOLE.print("\ninterrupted: what had finished is kept, the same command goes on from there")
            context.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="isac")
@click.option("--verbose", is_flag=True, help="Log what the library does.")
def main(verbose: bool) -> None:
    """The compendium's workshop.

    \b
    isac list                                  what there is: sections, notebooks, parameter sets
    isac run wireless_powered                  run a section's notebooks on the set 'quick'
    isac run wireless_powered results -p seed=7 -p crb_limit_m2=0.1
    isac run wireless_powered --set my_set.yml your own values; the rest comes from 'quick'
    isac try wireless_powered --sets 5         random valid sets: does every notebook survive them?
    isac book                                  everything at paper scale, then the book
    isac claims                                what the runs say about the papers' claims
    isac score CHAPTER SCENARIO ALLOCATION     files of your own against the certified optimum

    Exit codes: 0 all is well; 1 a run, a check or a verdict failed; 2 refused input.
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(name)s: %(message)s")
    if click.get_current_context().invoked_subcommand in {command.name for command in COMMANDS}:
        return  # these are the library's own, on files: no checkout is worked on
    for text in where_it_works(Path.cwd().resolve()):
        NOTES.print(f"isac {text}", markup=False)


def where_it_works(here: Path) -> list[str]:
    """What is not obvious about the checkout that the commands take from here, and about the library they run with."""
    try:
        root = project_root()
    except NoCheckout:
        return []  # a command that needs one says so
    notes = []
    if root not in (here, *here.parents):
        notes.append(f"works on {root}")
    if (root / "isaclib").is_dir() and root != CODE:
        notes.append(f"runs the notebooks of {root} with the library of {CODE}; 'make environment' there gives it its own")
    return notes


for _command in (assignment, bench, book, check, claims, launch_tree, new_chapter, pdf, try_, *COMMANDS):
    main.add_command(_command)


@main.command("list")
def list_() -> None:
    """Sections, their notebooks and parameter sets."""
    root = project_root()
    table = Table("section", "notebooks", "sets", box=None, pad_edge=False)
    for name in section_names(root):
        section = workshop.load_section(root, name)
        table.add_row(name, ", ".join(section.notebooks), ", ".join(section.schema.sets()))
    CONSOLE.print(table)


@main.command()
@click.argument("section")
@click.argument("notebook", required=False)
@click.option(
    "--set",
    "set_name",
    default="quick",
    show_default=True,
    metavar="NAME|PATH",
    help="A set of the section, or your own YAML file.",
)
@click.option("-p", "assignments", multiple=True, metavar="NAME=VALUE", help="Change one parameter; may be given several times.")
@click.option("--force", is_flag=True, help="Run even if nothing has changed.")
@click.option("--html", is_flag=True, help="Write each run as one page that opens from disk: figures, captions, claims.")
@click.option("--open", "open_", is_flag=True, help="Open these pages in the browser.")
@with_workers
def run(
    section: str,
    notebook: str | None,
    set_name: str,
    assignments: tuple[str, ...],
    force: bool,
    html: bool,
    open_: bool,
    jobs: int,
    scheduler: str | None,
) -> None:
    """Run the notebooks of SECTION (or one NOTEBOOK) with a parameter set, and say where the results are.

    A file of your own holds lines 'name: value' with names of the section's schema; what it leaves out is taken from
    the set 'quick'. Runs with -p or a file land under '<set>+<hash>' and never feed the book.
    """
    root = project_root()
    loaded = workshop.load_section(root, section)
    known_notebook(loaded, notebook)
    chosen = _plan(root, loaded, notebook, set_name, assignments)
    asked = {*chosen} - {needed for run in chosen for needed in run.needs}
    outcomes = make(chosen, jobs, scheduler, force)
    well = report(outcomes)
    for outcome in outcomes:
        if not outcome.ok:
            continue
        CONSOLE.print(f"{outcome.run.name}: {short(outcome.run.directory / 'notebook.ipynb')}", markup=False)
        figures = outcome.run.directory / "figures"
        if figures.exists():
            drawn = len(list(figures.glob("*.svg")))
            CONSOLE.print(f"    {drawn} figure{'s'[: drawn != 1]} (SVG and CSV) in {short(figures)}", markup=False)
        for condition in confirm.found_in(outcome.run.directory):
            CONSOLE.print(f"    not confirmed with these values: {condition}", markup=False, style="yellow")
        if (html or open_) and outcome.run in asked:
            from ..site import own_run

            page = own_run.write(outcome.run, loaded)
            CONSOLE.print(f"    page: {short(page)}", markup=False)
            if open_:
                webbrowser.open(page.as_uri())
    sys.exit(0 if well else 1)


def _plan(root: Path, section: workshop.Section, notebook: str | None, set_name: str, assignments: Sequence[str]) -> list[Run]:
    schema = section.schema
    is_file = set_name.endswith((".yml", ".yaml")) or os.sep in set_name
    changes = {}
    for text in assignments:
        name, value = parse_assignment(text, schema)
        if name in changes:
            raise ParameterError("-p", name, "is given twice", "keep one of them")
        changes[name] = value
    what_if = not is_file and set_name in schema.what_ifs()
    own_base = not is_file and set_name in schema.base_sets
    if notebook is None:
        notebooks = ["what_if"] if what_if else list(schema.base_sets[set_name] if own_base else section.base_notebooks)
    else:
        notebooks = [notebook]
        if what_if != (notebook == "what_if") and not (is_file or changes):
            kind = "a what-if set: it goes with the notebook what_if" if what_if else "no what-if set"
            known = schema.what_ifs() if notebook == "what_if" else BASE_SETS
            raise ParameterError("isac run", set_name, f"is {kind}", f"sets: {', '.join(known)}")
    for name in changes:
        takers = schema.parameters[name].notebooks
        if not {*takers} & {*notebooks}:
            raise ParameterError("-p", name, f"is no parameter of {', '.join(notebooks)}", f"it belongs to {', '.join(takers)}")
    if not is_file and not changes:
        if what_if:
            what_if_run = workshop.what_if_run(root, section, set_name, "paper")
            return [*what_if_run.needs, what_if_run]
        if own_base:
            return [workshop.other_base_run(root, section, name, set_name, "paper") for name in notebooks]
        return workshop.base_runs(root, section, _known_base(set_name, schema), notebooks)
    values = schema.load_named("quick")
    if is_file:
        own = schema.load(Path(set_name))
        missing = [name for name in values if name not in own]
        if missing:
            CONSOLE.print(f"taken from the set 'quick': {', '.join(missing)}")
        if idle := [name for name in own if not {*schema.parameters[name].notebooks} & {*notebooks}]:
            CONSOLE.print(f"not used by {', '.join(notebooks)}: {', '.join(idle)}")
        values |= own
    elif set_name != "quick":
        values |= schema.load_named(set_name)
    values |= changes
    label = _label(set_name) if is_file else set_name
    customs = [workshop.custom_run(root, section, name, values, label, "paper") for name in notebooks]
    return [*dict.fromkeys(needed for run in customs for needed in run.needs), *customs]


def _label(path: str) -> str:
    """The name of a set file, which folders and lines of a log are named after."""
    name = Path(path).stem
    if len(os.fsencode(name)) > LONGEST_NAME or not name.isprintable():
        problem = f"is no name for a folder: more than {LONGEST_NAME} bytes, or a character that no line can show"
        raise ParameterError("--set", f"{name[:40]!r}", problem, "rename the file")
    return name


def _known_base(set_name: str, schema) -> str:
    if set_name not in BASE_SETS:
        schema.load_named(set_name)
    return set_name


if __name__ == "__main__":
    main()
