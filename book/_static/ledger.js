/* Filters for the ledgers: claims by paper (the headings) and by verdict (the fourth column), errata by paper and by the words
   in them. Without scripts the whole ledger is shown. */
const isacFilters = () => {
  const bar = document.createElement("p");
  bar.className = "isac-filters";
  const field = (text, control) => {
    const label = document.createElement("label");
    label.append(`${text} `, control);
    bar.append(label);
    return control;
  };
  const choose = (text, options) => {
    const select = document.createElement("select");
    for (const option of ["all", ...options]) select.add(new Option(option));
    return field(text, select);
  };
  const search = (text) => field(text, Object.assign(document.createElement("input"), { type: "search" }));
  const count = document.createElement("span");
  count.setAttribute("role", "status");
  return { bar, choose, search, count };
};
const isacTitle = (part) => part.querySelector("h2")?.firstChild?.textContent ?? "";

document.addEventListener("DOMContentLoaded", () => {
  const entries = [...document.querySelectorAll("main section[id^='erratum-'], main section:has(> span[id^='erratum-'])")];
  const papers = [...new Set(entries.map((entry) => entry.parentElement))];
  if (entries.length < 2) return; // nothing to choose from
  const { bar, choose, search, count } = isacFilters();
  const paper = choose("Paper", papers.map(isacTitle));
  const words = search("Words in it");
  bar.append(count);
  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const part of papers) {
      const own = entries.filter((entry) => entry.parentElement === part);
      for (const entry of own) {
        const text = entry.textContent.toLowerCase();
        entry.hidden = (paper.value !== "all" && paper.value !== isacTitle(part)) || !wanted.every((word) => text.includes(word));
      }
      part.hidden = own.every((entry) => entry.hidden);
      shown += own.filter((entry) => !entry.hidden).length;
    }
    count.textContent = shown === 1 ? "1 erratum" : `${shown} errata`;
  };
  paper.addEventListener("change", apply);
  words.addEventListener("input", apply);
  papers[0].before(bar);
  apply();
});

document.addEventListener("DOMContentLoaded", () => {
  const VERDICT = 3;
  const tables = [...document.querySelectorAll("main table")].filter((table) => table.rows[0]?.cells[VERDICT]?.textContent.trim() === "verdict");
  if (!tables.length) return;
  const parts = tables.map((table) => {
    const part = table.closest("section");
    const title = isacTitle(part);
    const rows = [...table.querySelectorAll("tbody tr")].map((row) => ({ row, verdict: row.cells[VERDICT]?.textContent.trim() ?? "" }));
    return { part, title, rows };
  });
  const { bar, choose, count } = isacFilters();
  const paper = choose("Paper", parts.map(({ title }) => title));
  const verdict = choose("Verdict", [...new Set(parts.flatMap(({ rows }) => rows.map((row) => row.verdict)))].sort());
  bar.append(count);
  const apply = () => {
    let shown = 0;
    for (const { part, title, rows } of parts) {
      const wanted = paper.value === "all" || paper.value === title;
      let own = 0;
      for (const { row, verdict: found } of rows) {
        row.hidden = verdict.value !== "all" && verdict.value !== found;
        if (wanted && !row.hidden) own += 1;
      }
      part.hidden = own === 0;
      shown += own;
    }
    count.textContent = `${shown} claims`;
  };
  paper.addEventListener("change", apply);
  verdict.addEventListener("change", apply);
  parts[0].part.before(bar);
  apply();
});
