"""Pages that are generated from runs: what they say is gathered here, how they say it stands in ``book/_templates``.

Parameter tables, ledgers of claims and errata, the table of runs, the gallery, and the archive of all numbers.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2

from ..notebook import figures, words
from ..notebook.claims import VERDICTS
from ..runs.parameters import Schema
from ..runs.plan import Run
from ..runs.schema_files import load_schema
from . import board, ledgers, quantities, times
from .claims_figure import claims_figure

_ACRONYMS = {"bs", "cdf", "crb", "crlb", "ei", "isac", "mrt", "music", "rcs", "sca", "si", "sinr", "toa", "ue", "wpt"}
_LEAST_TOLD = 60  # characters: a sentence below says little by itself


def generate(root: Path, runs: Sequence[Run], source: Path, instances: Path | None = None) -> None:
    """Write the fragments that the prose includes to ``source/generated``, and their figures; with a set, the board."""
    folder = source / "generated"
    folder.mkdir(parents=True)
    titles = section_titles(root, dict.fromkeys(run.section for run in runs))
    rows = ledgers.claim_rows(root, runs)
    errata = {section: ledgers.load_errata(root / "notebooks" / section, root) for section in titles}
    if rows:
        picture = source / "figures" / "compendium" / "claims.svg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        claims_figure(rows, {section: short_title(title) for section, title in titles.items()}, picture)
    fragments = {f"parameters_{section}": parameters(load_schema(root / "notebooks" / section)) for section in titles}
    fragments |= {"claims": claims(rows, titles), "second_look": second_look(rows, titles), "errata": errata_of(errata, titles)}
    fragments |= {"runs": runs_table(runs, titles), "gallery": gallery(runs, titles)}
    if instances is not None:
        short = {section: short_title(title) for section, title in titles.items()}
        fragments["board"] = board.board(root, instances, source, short)
    for name, fields in fragments.items():
        template = "parameters" if name.startswith("parameters_") else name
        (folder / f"{name}.md").write_text(render(root, template, fields))
    archive(runs, rows, folder / "isac_numbers.zip")


def render(root: Path, template: str, fields: Mapping[str, Any]) -> str:
    """A template of ``book/_templates`` with its fields; a field that is missing is an error."""
    return environment(root).get_template(f"{template}.md.j2").render(fields)


def environment(root: Path) -> jinja2.Environment:
    """The templates of ``book/_templates``."""
    loader = jinja2.FileSystemLoader(root / "book" / "_templates")
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)


def figure_entries(run: Run) -> list[dict]:
    """What a run's figures say about themselves, in the order in which they were made."""
    entries = [json.loads(path.read_text()) for path in sorted((run.directory / "figures").glob("*.json"))]
    return sorted(entries, key=lambda entry: entry.get("order", 0))


def gallery(runs: Sequence[Run], titles: Mapping[str, str]) -> dict[str, Any]:
    """All figures as cards that link to the place where they are discussed."""
    sections = []
    for section, heading in titles.items():
        if cards := [card(run, entry) for run in runs if run.section == section for entry in figure_entries(run)]:
            sections.append({"heading": heading, "cards": cards})
    return {"sections": sections}


def card(run: Run, entry: Mapping[str, Any]) -> dict[str, str]:
    """A figure of a run in the gallery: its name, and of its caption what says what is seen."""
    name = " ".join(word.upper() if word in _ACRONYMS else word for word in entry["name"].split("_"))
    what_if = str(run.values.get("title", "")) if run.notebook == "what_if" else ""
    text, *more = re.split(r"(?<=[.!?])\s", " ".join(entry["caption"].split()))
    while more and (len(text) < _LEAST_TOLD or more[0].startswith(("Middle", "Right"))):  # of all panels
        text += f" {more.pop(0)}"
    title = f"{what_if}: {name}" if what_if else name[:1].upper() + name[1:]
    beside = run.page.removeprefix(run.notebook)  # a second base set: the same figures by other values
    has_label = run.notebook != "what_if"
    return {
        "title": f"{title} ({run.label})" if beside and has_label else title,
        "picture": f"/figures/{run.section}/{run.page}/{entry['name']}.webp",
        "alt": entry["alt"],
        "map": " isac-map" if entry.get("map") else "",
        "link": figures.label(run.section, entry["name"] + beside) if has_label else f"/notebooks/{run.section}/{run.page}",
        "kind": "ref" if has_label else "doc",
        "text": text + (f" *({entry['paper']} of the paper)*" if entry["paper"] else ""),
    }


def archive(runs: Sequence[Run], rows: Sequence[ledgers.Row], path: Path) -> None:
    """All numbers in one file: every figure's CSV, the claims, the parameters of every run. Equal content, equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:

        def add(name: str, content: str) -> None:
            packed.writestr(zipfile.ZipInfo(name, date_time=(2000, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)

        for run in runs:
            for table in sorted((run.directory / "figures").glob("*.csv")):
                add(f"{run.section}/{run.page}/{table.name}", table.read_text())
            add(f"{run.section}/{run.page}/parameters.json", json.dumps(run.values, indent=1))
        found = [
            {
                "id": row.claim.id,
                "quote": row.claim.quote,
                "paper": row.claim.paper,
                "found": row.found,
                "others": row.others,
                "seeds": row.seeds and asdict(row.seeds),
            }
            for row in rows
        ]
        add("claims.json", json.dumps(found, indent=1, ensure_ascii=False))


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


# ---------------------------------------------------------------- parameters


def parameters(schema: Schema) -> dict[str, Any]:
    """Every parameter with its value at paper scale, the sets in which it differs, and the provenance."""
    sets = {name: schema.load_named(name) for name in schema.sets()} if schema.parameters else {}
    rows = []
    shown = [parameter for parameter in schema.parameters.values() if parameter.type != "string" or parameter.options]
    for parameter in shown:
        paper = sets["paper"].get(parameter.name)
        others = [
            f"`{other}`: {quantities.quantity(own[parameter.name], parameter.unit)}"
            for other, own in sets.items()
            if other != "paper" and parameter.name in own and own[parameter.name] != paper
        ]
        cells = {
            "meaning": f"{parameter.meaning[:1].upper()}{parameter.meaning[1:]}",
            "value": "" if paper is None else quantities.quantity(paper, parameter.unit),
            "others": "<br>".join(others),
            "provenance": f"{parameter.provenance}: {parameter.source}" if parameter.source else parameter.provenance,
        }
        told = {head: _cell(quantities.marked(text)) for head, text in cells.items()}
        rows.append({"name": parameter.name, **told})
    counts = Counter(parameter.provenance for parameter in shown)
    return {"rows": rows, "count": len(rows), "summary": ", ".join(f"{n} {word}" for word, n in counts.most_common())}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


# ---------------------------------------------------------------- ledgers


def claims(rows: Sequence[ledgers.Row], titles: Mapping[str, str]) -> dict[str, Any]:
    """The claims ledger: counts, then a table per section."""
    verdicts = Counter(row.found["verdict"] for row in rows if row.found is not None)
    sections = []
    for section, heading in titles.items():
        own = [_claim_cells(row) for row in rows if row.claim.section == section]
        if own:
            sections.append({"heading": heading, "rows": own})
    summary = ", ".join(f"{verdicts[name]} {name}" for name in VERDICTS if verdicts[name])
    return {"sections": sections, "count": len(rows), "summary": summary, "seeds": _seeds(rows, titles)}


def second_look(rows: Sequence[ledgers.Row], titles: Mapping[str, str]) -> dict[str, Any]:
    """The claims whose verdict or sentence changed after a first reading: before, now, with other seeds, and why."""
    sections = []
    for section, heading in titles.items():
        own = [_before_and_now(row) for row in rows if row.claim.section == section and row.claim.first]
        if own:
            sections.append({"heading": short_title(heading), "rows": own})
    return {"sections": sections}


def _before_and_now(row: ledgers.Row) -> dict[str, str]:
    claim = row.claim
    now = row.found["verdict"] if row.found else claim.expected
    seeds = row.seeds.says if row.seeds else "–"
    link = f"{{ref}}`{claim.id} <claim-{claim.id.lower()}>`" if row.found else claim.id
    return {"link": link, "first": claim.first, "now": _verdict(now), "seeds": seeds, "why": _cell(claim.why)}


def _seeds(rows: Sequence[ledgers.Row], titles: Mapping[str, str]) -> str:
    """How other seeds judged, and where they were not asked; empty where no section was."""
    judged = [row for row in rows if row.seeds]
    if not judged:
        return ""
    same = sum(row.seeds.same == row.seeds.others for row in judged if row.seeds)
    left = {row.claim.section for row in rows} - {row.claim.section for row in judged}
    text = f"Of {len(judged)} claims that ten other seeds judged, {same} get the same verdict on all of them."
    if alone := sum(bool(row.claim.alone) for row in rows):
        text += f" {alone} claims are judged with their own seed alone, for a reason that stands with them."
    names = ", ".join(f"*{short_title(title)}*" for section, title in titles.items() if section in left)
    return f"{text} Not judged with other seeds: {names}." if left else text


def _claim_cells(row: ledgers.Row) -> dict[str, str]:
    claim, found = row.claim, row.found
    says = _cell(f"“{claim.quote}” ({claim.figure})<br>*Paper's value:* {claim.paper}")
    if found is None:
        return {"link": claim.id, "says": says, "ours": "not measured by any run of this book", "verdict": "", "set": ""}
    differs = "" if row.agrees else f" (on file: {claim.expected})"
    ours = f"{found['ours']}<br>*Criterion:* {found['tolerance']}"
    verdict, sets = _verdict(found["verdict"]) + differs, f"`{found['set']}`"
    if claim.alone:
        ours += f"<br>*Other seeds:* {claim.alone}"
    if row.seeds:
        verdict += f"<br>{row.seeds.says} seeds"
        if row.seeds.small != found["verdict"]:
            verdict += f"; small, own seed: {row.seeds.small}"
    for name, other in row.others.items():
        ours += f"<br>*With the set* `{name}`*:* {other['ours']}"
        verdict += f"<br>`{name}`: {_verdict(other['verdict'])}"
        sets += f"<br>`{name}`"
    link = f"{{ref}}`{claim.id} <claim-{claim.id.lower()}>`"
    return {"link": link, "says": says, "ours": _cell(ours), "verdict": verdict, "set": sets}


def _verdict(name: str) -> str:
    """A verdict with its colour."""
    return f"[{name}]{{.isac-verdict .isac-{name.replace(' ', '-')}}}"


def errata_of(errata: Mapping[str, Sequence[ledgers.Erratum]], titles: Mapping[str, str]) -> dict[str, Any]:
    """The errata ledger: one block per erratum, grouped by section."""
    sections = [{"heading": titles[section], "errata": own} for section, own in errata.items() if own]
    return {"sections": sections, "count": sum(len(section["errata"]) for section in sections)}


# ---------------------------------------------------------------- runs


def runs_table(runs: Sequence[Run], titles: Mapping[str, str]) -> dict[str, Any]:
    """Which runs made this book (set, seed, solvers, seconds), the versions they share, and where their time went."""
    rows: list[dict[str, str]] = []
    versions: dict[str, str] = {}
    for run in runs:
        record = run.record() or {}
        versions |= record.get("versions", {})
        title = str(run.values.get("title", "")) if run.notebook == "what_if" else ""
        rows.append(
            {
                "chapter": short_title(titles[run.section]),
                "page": f"{{doc}}`{title or run.page.replace('_', ' ')} </notebooks/{run.section}/{run.page}>`",
                "label": run.label,
                "seed": "" if record.get("seed") is None else str(record["seed"]),
                "solvers": ", ".join(sorted({words.solver_name(name) for name in record.get("solvers", [])})) or "none",
                "seconds": f"{record.get('seconds', 0):.1f}",
            }
        )
    short = {section: short_title(title) for section, title in titles.items()}
    return {
        "rows": rows,
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
        "stages": [times.cells(stage) for stage in times.stages(runs, short)],
    }
