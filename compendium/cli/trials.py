"""``isac try``: do a section's notebooks survive whatever its schema allows?"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import click

from ..notebook import confirm
from ..notebook.context import TRIAL, project_root
from ..runs import plan as workshop
from ..runs import trial
from ..runs.children import Outcome
from ..runs.corners import corner_runs
from ..runs.errors import ParameterError
from .book import with_workers
from .console import CONSOLE, make, report, short


def known_notebook(section: workshop.Section, notebook: str | None) -> bool:
    """Whether a notebook was named; an unknown one is refused."""
    if notebook is not None and notebook not in section.notebooks:
        known = ", ".join(section.notebooks)
        raise ParameterError("isac", notebook, f"is not a notebook of {section.name}", f"notebooks: {known}")
    return notebook is not None


def _finite(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number of seconds.", context, parameter)
    return value


@click.command("try")
@click.argument("section")
@click.argument("notebook", required=False)
@click.option("--sets", type=click.IntRange(1), default=10, show_default=True, help="Random sets for each notebook.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed gives the same sets.")
@click.option("--corners", is_flag=True, help="No random sets: 'quick', with one parameter at a time at an end of its range.")
@click.option(
    "--limit",
    type=click.FloatRange(1),
    callback=_finite,
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="Stop a run that takes longer.",
)
@with_workers
def try_(
    section: str,
    notebook: str | None,
    sets: int,
    seed: int,
    corners: bool,
    limit: float,
    jobs: int,
    scheduler: str | None,
) -> None:
    """Run the notebooks of SECTION (or one NOTEBOOK) with random valid sets, and report what fails.

    Sets are drawn from the whole ranges of the schema, at sizes up to those of 'quick'. With --corners they are those of
    'quick' but for one parameter: each end of its range; a list also with one entry, equal entries, out of order. Of these,
    --seed chooses --sets for each notebook. The set of each failure is written as a file for 'isac run SECTION NOTEBOOK
    --set FILE'. A run that takes longer than the limit on this machine counts as a failure. Checks of a notebook that do
    not hold with a set are told in the notebook and listed here, and so is where it prints nan or a
    warning. Figures are drawn small.
    """
    root = project_root()
    loaded = workshop.load_section(root, section)
    notebooks = [notebook] if notebook and known_notebook(loaded, notebook) else loaded.notebooks
    if corners:
        found, refused = corner_runs(root, loaded, notebooks)
        runs = trial.some(found, sets, seed)
        for words in refused:
            CONSOLE.print(f"refused: {words}", markup=False)
    else:
        runs = trial.trial_runs(root, loaded, notebooks, sets, seed)
    needed = [*dict.fromkeys(needed for run in runs for needed in run.needs)]
    outcomes = make([*needed, *runs], jobs, scheduler, limit_s=limit)
    report(outcomes)
    failed, unsure = _told(outcomes)
    trial.tidy(outcomes)
    of = f"{len(found)} corners, {len(refused)} refused before a run" if corners else f"{sets} sets"
    CONSOLE.print(f"{len(runs)} runs of {of}, {failed} failed, {unsure} with checks not confirmed")
    sys.exit(1 if failed else 0)


def _told(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Say of each run how to repeat its failure, which checks it left open, and where it shows nan or a warning; count two."""
    failed = [outcome for outcome in outcomes if not outcome.ok]
    for outcome in failed:
        CONSOLE.print(f"{outcome.run.name}: again with --set {short(trial.set_file(outcome))}", markup=False)
    unsure = [(outcome, found) for outcome in outcomes if (found := confirm.found_in(outcome.run.directory))]
    for outcome, found in unsure:
        where = short(trial.set_file(outcome, f"did not confirm {'; '.join(found)}"))
        CONSOLE.print(f"{outcome.run.name}: {len(found)} checks not confirmed, see {where}", markup=False, style="yellow")
    for outcome in outcomes:
        shown = trial.without_number(outcome.run.directory) if outcome.run.label.startswith(TRIAL) else []
        for words in shown:
            where = short(trial.set_file(outcome, f"shows {'; '.join(shown)}"))
            line = f"{outcome.run.name}: shows nan, inf or a warning: ... {words} ..., see {where}"
            CONSOLE.print(line, markup=False, style="yellow")
    return len(failed), len(unsure)
