/* Explorers: sliders over a grid of exact optima. Reads the JSON inside each .isac-explorer, draws with plain SVG.
   Axes hold still over the whole grid, so that a change is seen; the curve before the last move stays in grey; what is
   infeasible is shaded; the sliders' places stand in the address, so that a state can be sent to somebody. */
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
    const middle = sizes.map((size) => Math.floor((size - 1) / 2));
    const key = frame.id;
    const remembered = new URLSearchParams(location.hash.replace(/^#/, "")).get(key);
    const sent = (remembered ?? "").split("-").map(Number);
    const fits = remembered !== null && sent.length === sizes.length && sent.every((step, axis) => Number.isInteger(step) && step >= 0 && step < sizes[axis]);
    const at = fits ? sent : [...middle];
    let before = null; // the curve before the last move of another slider than the first
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
        if (axis > 0 && at[axis] !== Number(input.value)) before = line();
        at[axis] = Number(input.value);
        history.replaceState(null, "", `#${key}=${at.join("-")}`);
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
    const again = document.createElement("button");
    Object.assign(again, { type: "button", textContent: "Back to the start", className: "isac-again" });
    again.addEventListener("click", () => {
      before = null;
      middle.forEach((step, axis) => {
        at[axis] = step;
        outputs[axis].input.value = step;
      });
      history.replaceState(null, "", location.pathname + location.search);
      draw();
    });
    const stage = document.createElement("div");
    stage.className = "isac-stage";
    stage.append(form, pictures);
    frame.append(stage, table, again);

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
      pictures.replaceChildren(curve(), ...spec.pictures.map((picture) => (picture.kind === "map" ? mapOf(picture, here) : trace(picture, here))), ...spec.bars.map((bars, i) => barChart(bars, here, scales.bars[i])));
    }

    const WIDTH = 320, HEIGHT = 190, LEFT = 52, BOTTOM = 34, TOP = 24;
    const inner = { width: WIDTH - LEFT - 8, height: HEIGHT - BOTTOM - TOP };
    function canvas(title, described) {
      const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": described });
      svg.append(make("text", { x: LEFT, y: 14, class: "isac-title" }, title));
      svg.append(make("path", { d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - 8}`, class: "isac-axis" }));
      return svg;
    }
    // Round numbers that enclose the values: steps of 1, 2 or 5, or powers of ten.
    function heightScale(values, log) {
      const usable = values.filter((value) => value !== null && (!log || value > 0)).map((value) => (log ? Math.log10(value) : value));
      if (!usable.length) return { place: () => HEIGHT - BOTTOM, empty: true };
      let low = log ? Math.floor(Math.min(...usable) + 1e-9) : Math.min(0, ...usable);
      let high = log ? Math.ceil(Math.max(...usable) - 1e-9) : Math.max(...usable);
      if (high === low) [low, high] = [log ? low - 1 : 0, high + 1];
      const rough = (high - low) / (log ? 3 : 4);
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = log ? Math.max(1, Math.ceil(rough)) : [1, 2, 5, 10].map((n) => n * power).find((size) => size >= rough - 1e-12);
      [low, high] = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
      const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
      const place = (value) => TOP + inner.height * (1 - ((log ? Math.log10(value) : value) - low) / (high - low));
      return { place, low: log ? 10 ** low : low, ticks: ticks.map((tick) => (log ? 10 ** tick : Number(tick.toPrecision(12)))) };
    }
    const scales = { curve: heightScale(spec.readouts[0].values, spec.log), bars: spec.bars.map(({ values }) => heightScale(values, false)) };
    const line = () => spec.controls[0].values.map((_, step) => spec.readouts[0].values[index([step, ...at.slice(1)])]);
    const ends = (svg, scale) => {
      if (scale.empty) {
        const middle = { x: LEFT + inner.width / 2, y: TOP + inner.height / 2, "text-anchor": "middle" };
        svg.append(make("text", middle, "infeasible everywhere"));
        return;
      }
      for (const value of scale.ticks) {
        const y = scale.place(value);
        svg.append(make("path", { d: `M${LEFT} ${y}H${WIDTH - 8}`, class: "isac-grid" }));
        svg.append(make("text", { x: LEFT - 5, y: y + 4, "text-anchor": "end" }, number(value)));
      }
    };
    function curve() {
      const { label, unit } = spec.readouts[0];
      const control = spec.controls[0];
      const now = line();
      const measured = [unit, spec.log ? "log scale" : ""].filter(Boolean).join(", ");
      const open = now.filter((value) => value !== null).length;
      const told = `${label} over ${control.label}: ${withUnit(now[at[0]], unit)} here, feasible at ${open} of ${now.length} values`;
      const svg = canvas(`${label}${measured ? ` (${measured})` : ""}`, told);
      const scale = now.every((value) => value === null) ? { place: () => HEIGHT - BOTTOM, empty: true } : scales.curve;
      const x = (step) => LEFT + 6 + ((inner.width - 12) * step) / Math.max(1, sizes[0] - 1);
      const half = (inner.width - 12) / Math.max(1, sizes[0] - 1) / 2;
      now.forEach((value, step) => {
        if (value === null && !scale.empty)
          svg.append(make("rect", { x: x(step) - half, y: TOP, width: 2 * half, height: inner.height, class: "isac-infeasible" }));
      });
      ends(svg, scale);
      const draft = (values) => {
        let path = "";
        let pen = false;
        values.forEach((value, step) => {
          const drawn = value !== null && (!spec.log || value > 0);
          if (drawn) path += `${pen ? "L" : "M"}${x(step).toFixed(1)} ${scale.place(value).toFixed(1)}`;
          pen = drawn;
        });
        return path || "M0 0";
      };
      if (before && !scale.empty) svg.append(make("path", { d: draft(before), class: "isac-line isac-before" }));
      svg.append(make("path", { d: draft(now), class: "isac-line" }));
      if (now[at[0]] !== null) svg.append(make("circle", { cx: x(at[0]), cy: scale.place(now[at[0]]), r: 5, class: "isac-dot" }));
      const steps = sizes[0] > 4 ? [0, Math.round((sizes[0] - 1) / 2), sizes[0] - 1] : sizes[0] > 1 ? [0, sizes[0] - 1] : [0];
      for (const step of steps) {
        const anchor = step === 0 ? "start" : step === sizes[0] - 1 ? "end" : "middle";
        svg.append(make("text", { x: x(step), y: HEIGHT - 18, "text-anchor": anchor }, number(control.values[step])));
      }
      const axis = `${control.label}${control.unit ? ` (${control.unit})` : ""}`;
      svg.append(make("text", { x: LEFT + inner.width / 2, y: HEIGHT - 4, "text-anchor": "middle" }, axis));
      return svg;
    }
    function barChart({ label, unit, categories, values }, here, scale) {
      const count = categories.length;
      const own = values.slice(here * count, (here + 1) * count);
      const svg = canvas(`${label}${unit ? ` (${unit})` : ""}`, `${label}: ${own.map((value, i) => `${categories[i]} ${withUnit(value, unit)}`).join(", ")}`);
      ends(svg, scale);
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
      if (own.every((value) => value === null)) {
        const centre = { x: LEFT + inner.width / 2, y: TOP + inner.height / 2, "text-anchor": "middle" };
        svg.append(make("rect", { x: LEFT, y: TOP, width: inner.width, height: inner.height, class: "isac-infeasible" }));
        svg.append(make("text", centre, "infeasible here"));
      }
      return svg;
    }
    // A curve over an axis of its own, with the level that one of the sliders asks for.
    function trace({ label, unit, along, alongLabel, values, limit, shaded }, here) {
      const own = values.slice(here * along.length, (here + 1) * along.length);
      const level = limit === null ? null : spec.controls[limit].values[at[limit]];
      const told = own.every((value) => value === null) ? "infeasible here" : `from ${withUnit(own[0], unit)} to ${withUnit(own[own.length - 1], unit)}${level === null ? "" : `, limit ${withUnit(level, unit)}`}`;
      const svg = canvas(`${label}${unit ? ` (${unit})` : ""}`, `${label} over ${alongLabel}: ${told}`);
      const scale = heightScale(values, false);
      const x = (value) => LEFT + (inner.width * (value - along[0])) / (along[along.length - 1] - along[0]);
      if (shaded) svg.append(make("rect", { x: x(shaded[0]), y: TOP, width: x(shaded[1]) - x(shaded[0]), height: inner.height, class: "isac-region" }));
      ends(svg, scale);
      if (level !== null) svg.append(make("path", { d: `M${LEFT} ${scale.place(level)}H${WIDTH - 8}`, class: "isac-level" }));
      const bottom = scale.ticks ? scale.ticks[0] : 0;
      const points = own.map((value, i) => (value === null ? "" : `${x(along[i]).toFixed(1)} ${scale.place(Math.max(value, bottom)).toFixed(1)}`)).filter(Boolean);
      if (points.length) svg.append(make("path", { d: `M${points.join("L")}`, class: "isac-line" }));
      else svg.append(make("text", { x: LEFT + inner.width / 2, y: TOP + inner.height / 2, "text-anchor": "middle" }, "infeasible here"));
      for (const [value, anchor] of [[along[0], "start"], [along[along.length - 1], "end"]])
        svg.append(make("text", { x: x(value), y: HEIGHT - 18, "text-anchor": anchor }, number(value)));
      svg.append(make("text", { x: LEFT + inner.width / 2, y: HEIGHT - 4, "text-anchor": "middle" }, alongLabel));
      return svg;
    }
    // The place as seen from above: squares stations, discs users (filled by their load), crosses targets with error ellipses.
    function mapOf({ label, unit, magnified, loadsLabel, covariances, loads, stations, users, targets }, here) {
      const last = at[at.length - 1];
      const all = [stations, users, targets].flatMap((rows) => rows[last]);
      const half = 1.12 * Math.max(...all.flat().map(Math.abs));
      const size = 300, top = 22;
      const x = (value) => size / 2 + (value / half) * (size / 2 - 8);
      const y = (value) => top + size / 2 - (value / half) * (size / 2 - 8);
      const length = (value) => (value / half) * (size / 2 - 8);
      const own = covariances.slice(here * targets[last].length * 3, (here + 1) * targets[last].length * 3);
      const filled = loads.slice(here * users[last].length, (here + 1) * users[last].length);
      const feasible = filled.some((value) => value !== null);
      const worst = Math.max(...targets[last].map((_, n) => Math.sqrt((own[3 * n] ?? 0) + (own[3 * n + 2] ?? 0))));
      const told = `${label}: ${users[last].length} users, ${targets[last].length} targets${feasible ? `, worst position error ${withUnit(worst, unit)}` : ", infeasible here"}`;
      const svg = make("svg", { viewBox: `0 0 ${size} ${size + top + 34}`, role: "img", "aria-label": told, class: "isac-plan" });
      svg.append(make("text", { x: 8, y: 14, class: "isac-title" }, label));
      svg.append(make("rect", { x: 4, y: top, width: size - 8, height: size, class: feasible ? "isac-ground" : "isac-infeasible" }));
      targets[last].forEach(([px, py], n) => {
        const [xx, xy, yy] = own.slice(3 * n, 3 * n + 3);
        if (xx !== null) {
          const mean = (xx + yy) / 2, spread = Math.hypot((xx - yy) / 2, xy);
          const angle = (-0.5 * Math.atan2(2 * xy, xx - yy) * 180) / Math.PI;
          const [rx, ry] = [mean + spread, Math.max(mean - spread, 0)].map((value) => Math.max(1, length(magnified * Math.sqrt(value))));
          svg.append(make("ellipse", { cx: x(px), cy: y(py), rx, ry, transform: `rotate(${angle} ${x(px)} ${y(py)})`, class: "isac-ellipse" }));
        }
        svg.append(make("path", { d: `M${x(px) - 4} ${y(py) - 4}l8 8m0 -8l-8 8`, class: "isac-target" }));
      });
      users[last].forEach(([px, py], m) => {
        svg.append(make("circle", { cx: x(px), cy: y(py), r: 6, class: "isac-user" }));
        if (filled[m]) svg.append(make("circle", { cx: x(px), cy: y(py), r: Math.max(1, 6 * Math.sqrt(Math.min(filled[m], 1))), class: "isac-dot" }));
      });
      for (const [px, py] of stations[last]) svg.append(make("rect", { x: x(px) - 5, y: y(py) - 5, width: 10, height: 10, class: "isac-station" }));
      const bar = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((value) => length(value) > 40) ?? 1;
      svg.append(make("path", { d: `M10 ${size + top - 8}h${length(bar)}`, class: "isac-scale" }));
      svg.append(make("text", { x: 10, y: size + top - 13 }, `${bar} ${unit}`));
      svg.append(make("text", { x: 6, y: size + top + 14 }, `■ station   ● user, filled: ${loadsLabel}`));
      const times = magnified === 1 ? "standard deviation" : `${magnified} standard deviations`;
      svg.append(make("text", { x: 6, y: size + top + 29 }, feasible ? `× target, its ellipse: ${times}` : "infeasible here"));
      return svg;
    }
    draw();
  }
  const all = () => document.querySelectorAll(".isac-explorer").forEach(start);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
