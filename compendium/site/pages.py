"""Pages that are generated from runs: parameter tables, ledgers, the table of runs, the gallery, the archive of numbers."""

from __future__ import annotations

import json
import re
import textwrap
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from isaclib.foundations import plotting

from ..notebook.claims import VERDICTS
from ..notebook.figures import label
from ..notebook.tables import markdown_table
from ..runs.parameters import Schema
from ..runs.plan import Run
from ..runs.schema_files import load_schema
from . import ledgers, times


def _sections(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(run.section for run in runs))


def generate(root: Path, runs: Sequence[Run], source: Path) -> None:
    """Write the fragments that the prose includes to ``source/generated``, and the summary figure of the claims."""
    folder = source / "generated"
    folder.mkdir(parents=True)
    titles = section_titles(root, _sections(runs))
    errata = []
    for section in titles:
        path = root / "notebooks" / section
        (folder / f"parameters_{section}.md").write_text(parameter_table(load_schema(path)))
        errata += ledgers.load_errata(path, root)
    rows = ledgers.claim_rows(root, runs)
    if rows:
        picture = source / "figures" / "compendium" / "claims.svg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        claims_figure(rows, titles, picture)
    (folder / "claims.md").write_text(claims_page(rows, titles))
    (folder / "errata.md").write_text(errata_page(errata, titles))
    (folder / "runs.md").write_text(runs_page(runs, titles))
    (folder / "gallery.md").write_text(gallery(runs, titles))
    archive(runs, rows, folder / "isac_numbers.zip")


def figure_entries(run: Run) -> list[dict]:
    """What a run's figures say about themselves, in the order in which they were made."""
    paths = sorted((run.directory / "figures").glob("*.json"), key=lambda path: json.loads(path.read_text()).get("order", 0))
    return [json.loads(path.read_text()) for path in paths]


def gallery(runs: Sequence[Run], titles: Mapping[str, str]) -> str:
    """All figures as cards that link to the place where they are discussed."""
    parts = []
    for section, heading in titles.items():
        cards = []
        for run in runs:
            if run.section != section:
                continue
            for entry in figure_entries(run):
                link, kind = (
                    (label(section, entry["name"]), "ref")
                    if run.notebook != "what_if"
                    else (f"/notebooks/{section}/{run.page}", "doc")
                )
                name = _as_words(entry["name"])
                what_if = run.values.get("title", "") if run.notebook == "what_if" else ""
                title = f"{what_if}: {name}" if what_if else name[:1].upper() + name[1:]
                cards += [
                    f":::{{grid-item-card}} {title}",
                    f":img-top: /figures/{section}/{run.page}/{entry['name']}.webp",
                    f":img-alt: {entry['alt']}",
                    ":class-img-top: dark-light isac-figure",
                    f":link: {link}",
                    f":link-type: {kind}",
                    f"{entry['paper'] + ' of the paper' if entry['paper'] else ''}",
                    ":::",
                    "",
                ]
        if cards:
            parts += [f"## {heading}", "", "::::{grid} 1 2 2 3", ":gutter: 2", "", *cards, "::::", ""]
    return "\n".join(parts) or "No figures.\n"


_ACRONYMS = {"bs", "crb", "crlb", "ei", "isac", "mrt", "music", "rcs", "sca", "si", "sinr", "toa", "ue", "wpt"}


def _as_words(name: str) -> str:
    return " ".join(word.upper() if word in _ACRONYMS else word for word in name.split("_"))


def archive(runs: Sequence[Run], rows: Sequence[ledgers.Row], path: Path) -> None:
    """All numbers in one file: every figure's CSV, the claims, the parameters of every run. Equal content, equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:

        def add(name: str, content: str) -> None:
            packed.writestr(zipfile.ZipInfo(name, date_time=(2000, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)

        for run in runs:
            for table in sorted((run.directory / "figures").glob("*.csv")):
                add(f"{run.section}/{run.page}/{table.name}", table.read_text())
            add(f"{run.section}/{run.page}/parameters.json", json.dumps(run.values, indent=1))
        claims = [{"id": row.claim.id, "quote": row.claim.quote, "paper": row.claim.paper, "found": row.found} for row in rows]
        add("claims.json", json.dumps(claims, indent=1, ensure_ascii=False))


def claims_figure(rows: Sequence[ledgers.Row], titles: Mapping[str, str], path: Path) -> None:
    """Verdicts per paper as stacked bars."""
    sections = [section for section in titles if any(row.claim.section == section for row in rows)]
    names = [textwrap.fill(short_title(titles[section]), 18) for section in sections]
    figure, axes = plotting.subplots(height=0.9 + 0.5 * len(sections))
    start = np.zeros(len(sections))
    for index, verdict in enumerate(VERDICTS):
        found = [(row.claim.section, (row.found or {}).get("verdict")) for row in rows]
        counts = np.array([found.count((section, verdict)) for section in sections], dtype=float)
        look = {"color": plotting.COLOURS[(2, 0, 3, 1)[index]], "edgecolor": "white", "hatch": ("", "//", "..", "xx")[index]}
        axes.barh(names, counts, left=start, label=verdict, **look)
        start += counts
    axes.invert_yaxis()
    axes.set_xlabel("Claims (1)")
    axes.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
    plotting.save_svg(figure, path)


def section_titles(root: Path, sections: Iterable[str]) -> dict[str, str]:
    """Title of each section: that of its page ``book/<section>.md``; of one without a page its name as words."""
    return {
        section: _page_title(root / "book" / f"{section}.md") or section.replace("_", " ").capitalize() for section in sections
    }


def _page_title(page: Path) -> str:
    found = re.search(r"^# +(.+?) *$", page.read_text(), re.M) if page.exists() else None
    return found[1] if found else ""


def short_title(title: str) -> str:
    """A title without its subtitle, for tables and axes."""
    return title.partition(":")[0]


def parameter_table(schema: Schema) -> str:
    """Every parameter with its value at paper scale, the sets in which it differs, and the provenance; four columns, as wide as
    a page. Each cell can be read without its heading, because on a phone the cells of a row stand below one another."""
    if not schema.parameters:
        return "This section has no parameters.\n"
    sets = {name: schema.load_named(name) for name in schema.sets()}
    paper = sets["paper"]
    rows = []
    for name, parameter in schema.parameters.items():
        if parameter.type == "string" and not parameter.options:
            continue
        changed = [
            f"`{other}`: {_value(sets[other][name])}"
            for other in ("quick", *schema.what_ifs())
            if name in sets[other] and sets[other][name] != paper.get(name)
        ]
        value = f"{_value(paper.get(name))} {_unit(parameter.unit)}".strip() if name in paper else ""
        meaning = f"{parameter.meaning[:1].upper()}{parameter.meaning[1:]}"
        source = f": {parameter.source}" if parameter.source else ""
        rows.append([f"`{name}`<br>{meaning}", value, "<br>".join(changed), f"{parameter.provenance}{source}"])
    header = ["parameter", "`paper`", "other sets, where different", "provenance of the `paper` value"]
    return f":::{{div}} isac-cards isac-parameters\n{markdown_table(rows, header)}\n:::\n"


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit.replace("^2", "²").replace("^3", "³")


def _value(value) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        entries = [_value(entry) for entry in value]
        return ", ".join(entries) if len(entries) <= 8 else f"{entries[0]}, {entries[1]} … {entries[-1]} ({len(entries)} values)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def claims_page(rows: Sequence[ledgers.Row], titles: Mapping[str, str]) -> str:
    """The claims ledger: counts, then a table per section."""
    if not rows:
        return "No claims have been recorded.\n"
    counts = [[verdict, sum(row.found is not None and row.found["verdict"] == verdict for row in rows)] for verdict in VERDICTS]
    summary = ", ".join(f"{count} {name}" for name, count in counts if count)
    parts = [
        "```{figure} /figures/compendium/claims.svg\n:alt: Stacked bars: number of claims per paper and verdict. In all: "
        f"{summary}.\n:class: dark-light isac-figure\nVerdicts per paper. In all {len(rows)} claims: {summary}.\n```",
    ]
    for section, heading in titles.items():
        own = [row for row in rows if row.claim.section == section]
        if own:
            table = markdown_table([_claim_cells(row) for row in own], _CLAIM_HEADER)
            parts += [f"## {heading}", f":::{{div}} isac-cards isac-ledger\n{table}\n:::"]
    return "\n\n".join(parts) + "\n"


_CLAIM_HEADER = ["claim", "the paper says", "ours", "verdict", "set"]


def _claim_cells(row: ledgers.Row) -> list[str]:
    claim = row.claim
    says = f"“{claim.quote}” ({claim.figure})<br>*Paper's value:* {claim.paper}"
    if row.found is None:
        return [claim.id, says, "not measured by any run of this book", "", ""]
    found = row.found
    link = f"{{ref}}`{claim.id} <claim-{claim.id.lower()}>`"
    ours = f"{found['ours']}<br>*Criterion:* {found['tolerance']}"
    verdict = found["verdict"] if row.agrees else f"{found['verdict']} (on file: {claim.expected})"
    return [link, says, ours, f"**{verdict}**", f"`{found['set']}`"]


def errata_page(errata: Sequence[ledgers.Erratum], titles: Mapping[str, str]) -> str:
    """The errata ledger: one block per erratum, grouped by section."""
    if not errata:
        return "No errata have been recorded.\n"
    parts = []
    for section, heading in titles.items():
        own = [erratum for erratum in errata if erratum.section == section]
        if not own:
            continue
        parts.append(f"## {heading}")
        for erratum in own:
            lines = [
                f"(erratum-{erratum.id.lower()})=",
                f"### {erratum.id}: {erratum.where}",
                "",
                f"**Printed.** {erratum.printed}",
                "",
                f"**Mended.** {erratum.mended}",
                "",
                f"**Consequence.** {erratum.consequence}",
                "",
            ]
            if erratum.note:
                lines += [f"**Note.** {erratum.note}", ""]
            parts.append("\n".join([*lines, f"**Shown by** `{erratum.test}`"]))
    return "\n\n".join(parts) + "\n"


def runs_page(runs: Sequence[Run], titles: Mapping[str, str]) -> str:
    """Which runs made this book (set, seed, solvers, seconds), the versions they share, and where the time of a build goes."""
    rows, versions = [], {}
    for run in runs:
        record = run.record() or {}
        versions |= record.get("versions", {})
        solvers = ", ".join(record.get("solvers", [])) or "none"
        seed = "" if record.get("seed") is None else str(record["seed"])
        page = f"{{doc}}`{run.notebook} </notebooks/{run.section}/{run.page}>`"
        chapter = short_title(titles[run.section])
        rows.append([chapter, page, f"`{run.label}`", seed, solvers, f"{record.get('seconds', 0):.1f}"])
    short = {section: short_title(title) for section, title in titles.items()}
    stages = times.table_rows(times.stages(runs, short))
    return (
        "\n\n".join(
            [
                markdown_table(rows, ["chapter", "notebook", "set", "seed", "solvers", "seconds"]),
                "Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".",
                "## Where the time goes",
                "A build from nothing, stage by stage, on the machine that made this copy. Notebooks run side by side, so "
                "the wall clock of a chapter is the time during which at least one of its notebooks was at work, and chapters "
                "overlap; processor time includes starting a kernel and writing the figures. What was not made anew for "
                "this copy counts with the seconds it took when it was made.",
                markdown_table(stages, ["stage", "wall clock (s)", "processor (s)"]),
            ]
        )
        + "\n"
    )
