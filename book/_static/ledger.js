/* Filters for the claims ledger: by paper (the headings) and by verdict (the fourth column). Without scripts the whole
   ledger is shown. */
document.addEventListener("DOMContentLoaded", () => {
  const VERDICT = 3;
  const tables = [...document.querySelectorAll("main table")].filter((table) => table.rows[0]?.cells[VERDICT]?.textContent.trim() === "verdict");
  if (!tables.length) return;
  const parts = tables.map((table) => {
    const part = table.closest("section");
    const title = part.querySelector("h2")?.firstChild?.textContent ?? "";
    const rows = [...table.querySelectorAll("tbody tr")].map((row) => ({ row, verdict: row.cells[VERDICT]?.textContent.trim() ?? "" }));
    return { part, title, rows };
  });
  const bar = document.createElement("p");
  bar.className = "isac-filters";
  const choose = (text, options) => {
    const label = document.createElement("label");
    label.textContent = `${text} `;
    const select = document.createElement("select");
    for (const option of ["all", ...options]) select.add(new Option(option));
    label.append(select);
    bar.append(label);
    return select;
  };
  const paper = choose("Paper", parts.map(({ title }) => title));
  const verdict = choose("Verdict", [...new Set(parts.flatMap(({ rows }) => rows.map((row) => row.verdict)))].sort());
  const count = document.createElement("span");
  count.setAttribute("role", "status");
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
