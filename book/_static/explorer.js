/* Explorers: sliders over a grid of exact optima. Reads the JSON inside each .isac-explorer, draws with plain SVG. */
(() => {
  if (window.isacExplorers) return; // several explorers on a page load this file once each
  window.isacExplorers = true;
  const SVG = "http://www.w3.org/2000/svg";
  const make = (tag, attributes = {}, text) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const number = (value) => {
    if (value === null || value === undefined) return "infeasible";
    if (typeof value === "string") return value;
    if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return value.toExponential(3);
    return String(Number(value.toPrecision(4)));
  };
  const withUnit = (value, unit) => (value === null || !unit ? number(value) : `${number(value)} ${unit}`);

  function start(frame) {
    const spec = JSON.parse(frame.querySelector('script[type="application/json"]').textContent);
    const sizes = spec.controls.map((control) => control.values.length);
    const at = sizes.map((size) => Math.floor((size - 1) / 2));
    const index = (position) => position.reduce((flat, step, axis) => flat * sizes[axis] + step, 0);

    const form = document.createElement("div");
    form.className = "isac-controls";
    const outputs = spec.controls.map((control, axis) => {
      const label = document.createElement("label");
      const text = document.createElement("span");
      text.textContent = control.label;
      const shown = document.createElement("output");
      const input = document.createElement("input");
      Object.assign(input, { type: "range", min: 0, max: sizes[axis] - 1, step: 1, value: at[axis] });
      input.addEventListener("input", () => {
        at[axis] = Number(input.value);
        draw();
      });
      label.append(text, input, shown);
      form.append(label);
      return { shown, input };
    });
    const table = document.createElement("dl");
    table.className = "isac-readouts";
    table.setAttribute("aria-live", "polite");
    const cells = spec.readouts.map((readout) => {
      const name = document.createElement("dt");
      name.textContent = readout.label;
      const cell = document.createElement("dd");
      table.append(name, cell);
      return cell;
    });
    const pictures = document.createElement("div");
    pictures.className = "isac-pictures";
    frame.append(form, table, pictures);

    function draw() {
      const here = index(at);
      outputs.forEach(({ shown, input }, axis) => {
        const { values, unit } = spec.controls[axis];
        shown.textContent = withUnit(values[at[axis]], unit);
        input.setAttribute("aria-valuetext", shown.textContent);
      });
      spec.readouts.forEach((readout, row) => {
        cells[row].textContent = withUnit(readout.values[here], readout.unit);
      });
      pictures.replaceChildren(curve(), ...spec.bars.map((bars) => barChart(bars, here)));
    }

    const WIDTH = 320, HEIGHT = 190, LEFT = 52, BOTTOM = 34, TOP = 24;
    const inner = { width: WIDTH - LEFT - 8, height: HEIGHT - BOTTOM - TOP };
    function canvas(title, described) {
      const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": described });
      svg.append(make("text", { x: LEFT, y: 14, class: "isac-title" }, title));
      svg.append(make("path", { d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - 8}`, class: "isac-axis" }));
      return svg;
    }
    function heightScale(values, log) {
      const usable = values.filter((value) => value !== null && (!log || value > 0)).map((value) => (log ? Math.log10(value) : value));
      if (!usable.length) return { place: () => HEIGHT - BOTTOM, empty: true };
      let low = log ? Math.min(...usable) : Math.min(0, ...usable);
      let high = Math.max(...usable);
      if (high === low) [low, high] = [log ? low - 1 : 0, high + 1];
      const place = (value) => TOP + inner.height * (1 - ((log ? Math.log10(value) : value) - low) / (high - low));
      return { place, low: log ? 10 ** low : low, high: log ? 10 ** high : high };
    }
    const ends = (svg, scale) => {
      if (scale.empty) {
        const middle = { x: LEFT + inner.width / 2, y: TOP + inner.height / 2, "text-anchor": "middle" };
        svg.append(make("text", middle, "infeasible everywhere"));
        return;
      }
      for (const value of [scale.low, scale.high])
        svg.append(make("text", { x: LEFT - 5, y: scale.place(value) + 4, "text-anchor": "end" }, number(value)));
    };
    function curve() {
      const { label, unit, values } = spec.readouts[0];
      const control = spec.controls[0];
      const line = control.values.map((_, step) => values[index([step, ...at.slice(1)])]);
      const measured = [unit, spec.log ? "log scale" : ""].filter(Boolean).join(", ");
      const svg = canvas(`${label}${measured ? ` (${measured})` : ""}`, `${label} over ${control.label}`);
      const scale = heightScale(line, spec.log);
      const x = (step) => LEFT + 6 + ((inner.width - 12) * step) / Math.max(1, sizes[0] - 1);
      let path = "";
      let pen = false;
      line.forEach((value, step) => {
        const drawn = value !== null && (!spec.log || value > 0);
        if (drawn) path += `${pen ? "L" : "M"}${x(step).toFixed(1)} ${scale.place(value).toFixed(1)}`;
        pen = drawn;
      });
      svg.append(make("path", { d: path || "M0 0", class: "isac-line" }));
      if (line[at[0]] !== null) svg.append(make("circle", { cx: x(at[0]), cy: scale.place(line[at[0]]), r: 5, class: "isac-dot" }));
      ends(svg, scale);
      const steps = sizes[0] > 1 ? [0, sizes[0] - 1] : [0];
      for (const step of steps) {
        const anchor = step ? "end" : "start";
        svg.append(make("text", { x: x(step), y: HEIGHT - 18, "text-anchor": anchor }, number(control.values[step])));
      }
      const axis = `${control.label}${control.unit ? ` (${control.unit})` : ""}`;
      svg.append(make("text", { x: LEFT + inner.width / 2, y: HEIGHT - 4, "text-anchor": "middle" }, axis));
      return svg;
    }
    function barChart({ label, unit, categories, values }, here) {
      const count = categories.length;
      const own = values.slice(here * count, (here + 1) * count);
      const svg = canvas(`${label}${unit ? ` (${unit})` : ""}`, `${label}: ${own.map((value, i) => `${categories[i]} ${number(value)}`).join(", ")}`);
      const scale = heightScale([...values.filter((value) => value !== null)], false);
      const width = inner.width / count;
      own.forEach((value, i) => {
        const x = LEFT + width * i + width * 0.12;
        if (value !== null) {
          const top = scale.place(value);
          svg.append(make("rect", { x, y: top, width: width * 0.76, height: Math.max(0, scale.place(Math.max(0, scale.low)) - top), class: "isac-bar" }));
        }
        if (count <= 12)
          svg.append(make("text", { x: x + width * 0.38, y: HEIGHT - 18, "text-anchor": "middle" }, categories[i]));
      });
      ends(svg, scale);
      return svg;
    }
    draw();
  }
  const all = () => document.querySelectorAll(".isac-explorer").forEach(start);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
