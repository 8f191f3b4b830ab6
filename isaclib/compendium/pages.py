"""Pages that are generated from runs: parameter tables, ledgers, the table of runs, the gallery, the archive of numbers."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..foundations import plotting
from . import claims as ledgers
from .figures import label
from .parameters import Schema, load_schema
from .runs import Run


def claim_rows(root: Path, runs: Sequence[Run]) -> list[ledgers.Row]:
    """The claims on file of all sections among ``runs``, each beside what its run recorded."""
    recorded = []
    for run in runs:
        found = run.directory / "claims.json"
        if found.exists() and run.notebook != "what_if":
            recorded += json.loads(found.read_text())
    on_file = [claim for section in _sections(runs) for claim in ledgers.load_claims(root / "notebooks" / section)]
    return ledgers.ledger(on_file, recorded)


def _sections(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(run.section for run in runs))


def generate(root: Path, runs: Sequence[Run], source: Path) -> None:
    """Write the fragments that the prose includes to ``source/generated``, and the summary figure of the claims."""
    folder = source / "generated"
    folder.mkdir(parents=True)
    sections = _sections(runs)
    errata = []
    for section in sections:
        path = root / "notebooks" / section
        (folder / f"parameters_{section}.md").write_text(parameter_table(load_schema(path)))
        errata += ledgers.load_errata(path, root)
    rows = claim_rows(root, runs)
    if rows:
        picture = source / "figures" / "compendium" / "claims.svg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        claims_figure(rows, sections, picture)
    (folder / "claims.md").write_text(claims_page(rows, sections))
    (folder / "errata.md").write_text(errata_page(errata, sections))
    (folder / "runs.md").write_text(runs_table(runs))
    (folder / "gallery.md").write_text(gallery(runs))
    archive(runs, rows, folder / "isac_numbers.zip")


def figure_entries(run: Run) -> list[dict]:
    """What a run's figures say about themselves, in the order in which they were made."""
    paths = sorted((run.directory / "figures").glob("*.json"), key=lambda path: json.loads(path.read_text()).get("order", 0))
    return [json.loads(path.read_text()) for path in paths]


def gallery(runs: Sequence[Run]) -> str:
    """All figures as cards that link to the place where they are discussed."""
    parts = []
    for section in _sections(runs):
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
                title = entry["name"].replace("_", " ").capitalize()
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
            parts += [f"## {section_title(section)}", "", "::::{grid} 1 2 2 3", ":gutter: 2", "", *cards, "::::", ""]
    return "\n".join(parts) or "No figures.\n"


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


def claims_figure(rows: Sequence[ledgers.Row], sections: Sequence[str], path: Path) -> None:
    """Verdicts per paper as stacked bars."""
    sections = [section for section in sections if any(row.claim.section == section for row in rows)]
    figure, axes = plotting.subplots(height=0.9 + 0.5 * len(sections))
    start = np.zeros(len(sections))
    for index, verdict in enumerate(ledgers.VERDICTS):
        found = [(row.claim.section, (row.found or {}).get("verdict")) for row in rows]
        counts = np.array([found.count((section, verdict)) for section in sections], dtype=float)
        look = {"color": plotting.COLOURS[(2, 0, 3, 1)[index]], "edgecolor": "white", "hatch": ("", "//", "..", "xx")[index]}
        axes.barh([section_title(section) for section in sections], counts, left=start, label=verdict, **look)
        start += counts
    axes.invert_yaxis()
    axes.set_xlabel("Claims (1)")
    axes.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
    plotting.save_svg(figure, path)


def section_title(section: str) -> str:
    """A section's name as the book prints it: ``wireless_powered`` becomes "Wireless powered"."""
    return section.replace("_", " ").capitalize()


def parameter_table(schema: Schema) -> str:
    """Every parameter with its values at both scales, where a what-if differs, and the provenance."""
    if not schema.parameters:
        return "This section has no parameters.\n"
    sets = {name: schema.load_named(name) for name in schema.sets()}
    paper, what_ifs = sets["paper"], schema.what_ifs()
    rows = []
    for name, parameter in schema.parameters.items():
        if parameter.type == "string" and not parameter.options:
            continue
        source = f": {parameter.source}" if parameter.source else ""
        changed = [
            f"`{other}`: {_value(sets[other][name])}"
            for other in what_ifs
            if name in sets[other] and sets[other][name] != paper.get(name)
        ]
        values = [_value(sets["quick"].get(name)), _value(paper.get(name)), "; ".join(changed)]
        rows.append([f"`{name}`", parameter.meaning, _unit(parameter.unit), *values, f"{parameter.provenance}{source}"])
    header = ["name", "meaning", "unit", "`quick`", "`paper`", "what-ifs, where different", "provenance of the `paper` value"]
    return ledgers.markdown_table(rows, header) + "\n"


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit.replace("^2", "²").replace("^3", "³")


def _value(value) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        entries = [_value(entry) for entry in value]
        return ", ".join(entries) if len(entries) <= 8 else f"{entries[0]}, {entries[1]} … {entries[-1]} ({len(entries)} values)"
    return f"{value:g}" if isinstance(value, float) else str(value)


def claims_page(rows: Sequence[ledgers.Row], sections: Sequence[str]) -> str:
    """The claims ledger: counts, then a table per section."""
    if not rows:
        return "No claims have been recorded.\n"
    counts = [
        [verdict, sum(row.found is not None and row.found["verdict"] == verdict for row in rows)] for verdict in ledgers.VERDICTS
    ]
    summary = ", ".join(f"{count} {name}" for name, count in counts if count)
    parts = [
        "```{figure} /figures/compendium/claims.svg\n:alt: Stacked bars: number of claims per paper and verdict. In all: "
        f"{summary}.\n:class: dark-light isac-figure\nVerdicts per paper. In all {len(rows)} claims: {summary}.\n```",
    ]
    for section in sections:
        own = [row for row in rows if row.claim.section == section]
        if own:
            parts += [f"## {section_title(section)}", ledgers.markdown_table([_claim_cells(row) for row in own], _CLAIM_HEADER)]
    return "\n\n".join(parts) + "\n"


_CLAIM_HEADER = ["claim", "the paper says", "paper's value", "ours", "criterion", "verdict", "set"]


def _claim_cells(row: ledgers.Row) -> list[str]:
    claim = row.claim
    says = f"“{claim.quote}” ({claim.figure})"
    if row.found is None:
        return [claim.id, says, claim.paper, "not measured by any run of this book", "", "", ""]
    found = row.found
    link = f"{{ref}}`{claim.id} <claim-{claim.id.lower()}>`"
    verdict = found["verdict"] if row.agrees else f"{found['verdict']} (on file: {claim.expected})"
    return [link, says, claim.paper, found["ours"], found["tolerance"], f"**{verdict}**", f"`{found['set']}`"]


def errata_page(errata: Sequence[ledgers.Erratum], sections: Sequence[str]) -> str:
    """The errata ledger: one block per erratum, grouped by section."""
    if not errata:
        return "No errata have been recorded.\n"
    parts = []
    for section in sections:
        own = [erratum for erratum in errata if erratum.section == section]
        if not own:
            continue
        parts.append(f"## {section_title(section)}")
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


def runs_table(runs: Sequence[Run]) -> str:
    """Which runs made this book: set, seed, solvers, seconds; and the versions they share."""
    rows, versions = [], {}
    for run in runs:
        record = run.record() or {}
        versions |= record.get("versions", {})
        solvers = ", ".join(record.get("solvers", [])) or "none"
        seed = "" if record.get("seed") is None else str(record["seed"])
        page = f"{{doc}}`{run.notebook} </notebooks/{run.section}/{run.page}>`"
        rows.append([section_title(run.section), page, f"`{run.label}`", seed, solvers, f"{record.get('seconds', 0):.1f}"])
    table = ledgers.markdown_table(rows, ["chapter", "notebook", "set", "seed", "cone solvers", "seconds"])
    return f"{table}\n\nVersions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".\n"
