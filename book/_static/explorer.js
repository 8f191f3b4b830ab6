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
    const far = value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6);
    return (far ? value.toExponential(3) : String(Number(value.toPrecision(4)))).replaceAll("-", "\u2212");
  };
  const withUnit = (value, unit) => (value === null || !unit ? number(value) : `${number(value)} ${unit}`);

  // Explorers of one page share its address: #name=0-1-2&another=3-4, the one touched last in front.
  const addressed = () => [...new URLSearchParams(location.hash.replace(/^#/, ""))];
  const sentTo = (key, most) => {
    const text = addressed().find(([name]) => name === key)?.[1] ?? "";
    const steps = text.split("-").map((step) => (/^\d+$/.test(step) ? Number(step) : NaN));
    return steps.length === most.length && steps.every((step, axis) => step <= most[axis]) ? steps : null;
  };
  const keep = (key, steps) => {
    const others = addressed().filter(([name]) => name !== key && document.getElementById(name)?.matches(".isac-explorer, .isac-guess"));
    const all = new URLSearchParams(steps ? [[key, steps.join("-")], ...others] : others).toString();
    history.replaceState(null, "", all ? `#${all}` : location.pathname + location.search);
  };
  // A link followed within the page moves the sliders and shows the explorer (on arrival reader.js does that).
  const follow = (frame, most, move) => {
    addEventListener("hashchange", () => {
      const steps = sentTo(frame.id, most);
      if (!steps) return;
      move(steps);
      if (addressed()[0][0] === frame.id) frame.scrollIntoView();
    });
  };

  // Covariance (xx, xy, yy) of a target's position from the ranges that locate it: J adds up spent x coefficient x fall-off x g gᵀ,
  // g the sum of the unit vectors from the anchors of a range (compendium/notebook/pictures.py, Ranges).
  function covariance({ exponent, nearest }, anchors, coefficients, spent, stood, place) {
    const apart = ([ax, ay, height], [px, py]) => Math.max(Math.hypot(px - ax, py - ay, height), 1e-9);
    let xx = 0, xy = 0, yy = 0;
    anchors.forEach((ends, i) => {
      let gx = 0, gy = 0;
      for (const end of ends) {
        gx += (place[0] - end[0]) / apart(end, place);
        gy += (place[1] - end[1]) / apart(end, place);
      }
      const farther = Math.max(apart(ends[0], place), nearest) / Math.max(apart(ends[0], stood), nearest);
      const weight = spent[i] === null ? NaN : spent[i] * coefficients[i] * farther ** -exponent;
      xx += weight * gx * gx;
      xy += weight * gx * gy;
      yy += weight * gy * gy;
    });
    const determinant = xx * yy - xy * xy;
    return determinant > 0 ? [yy / determinant, -xy / determinant, xx / determinant] : [null, null, null];
  }

  // A control with its name before and its value after it.
  function slider(name, most, value) {
    const label = document.createElement("label");
    const text = document.createElement("span");
    text.textContent = name;
    const shown = document.createElement("output");
    const input = document.createElement("input");
    Object.assign(input, { type: "range", min: 0, max: most, step: 1, value });
    // A finger that scrolls the page from here on has not chosen a value.
    let stood = value;
    input.addEventListener("pointerdown", () => (stood = input.value));
    input.addEventListener("pointercancel", () => {
      input.value = stood;
      input.dispatchEvent(new Event("input"));
    });
    label.append(text, input, shown);
    return { label, input, shown };
  }
  const button = (words) => Object.assign(document.createElement("button"), { type: "button", textContent: words, className: "isac-again" });
  const element = (tag, kind) => Object.assign(document.createElement(tag), { className: kind });

  function start(frame) {
    const spec = JSON.parse(frame.querySelector('script[type="application/json"]').textContent);
    const sizes = spec.controls.map((control) => control.values.length);
    const middle = sizes.map((size) => Math.floor((size - 1) / 2));
    const key = frame.id;
    const most = sizes.map((size) => size - 1);
    const at = sentTo(key, most) ?? [...middle];
    let before = null; // the curve before the last move of another slider than the first
    const index = (position) => position.reduce((flat, step, axis) => flat * sizes[axis] + step, 0);

    const form = element("div", "isac-controls");
    const outputs = spec.controls.map((control, axis) => {
      const { label, input, shown } = slider(control.label, sizes[axis] - 1, at[axis]);
      input.addEventListener("input", () => {
        if (axis > 0 && at[axis] !== Number(input.value)) before = line();
        at[axis] = Number(input.value);
        keep(key, at);
        draw();
      });
      form.append(label);
      return { shown, input };
    });
    const table = element("dl", "isac-readouts");
    table.setAttribute("aria-live", "polite");
    const cells = spec.readouts.map((readout) => {
      const name = document.createElement("dt");
      name.textContent = readout.label;
      const cell = document.createElement("dd");
      table.append(name, cell);
      return cell;
    });
    const pictures = element("div", "isac-pictures");
    const again = button("Back to the start");
    const moveTo = (steps) => {
      before = null;
      steps.forEach((step, axis) => {
        at[axis] = step;
        outputs[axis].input.value = step;
      });
      draw();
    };
    again.addEventListener("click", () => {
      for (const picture of spec.pictures) delete picture.moved;
      keep(key, null);
      moveTo(middle);
    });
    follow(frame, most, moveTo);
    const stage = element("div", "isac-stage");
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
      pictures.replaceChildren(curve(), ...spec.pictures.map((picture, i) => (picture.kind === "map" ? mapOf(picture, here, i) : trace(picture, here))), ...spec.bars.map((bars, i) => barChart(bars, here, scales.bars[i])));
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
    function heightScale(values, log, fromZero = true) {
      const usable = values.filter((value) => value !== null && (!log || value > 0)).map((value) => (log ? Math.log10(value) : value));
      if (!usable.length) return { place: () => HEIGHT - BOTTOM, empty: true };
      let low = log ? Math.floor(Math.min(...usable) + 1e-9) : Math.min(...usable, ...(fromZero ? [0] : []));
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
    // A change is seen: decades only where the curves span one, and zero only where they come near it.
    const drawn = spec.readouts[0].values.filter((value) => value !== null && value > 0);
    const [least, largest] = [Math.min(...drawn), Math.max(...drawn)];
    const log = spec.log && largest >= 10 * least;
    const scales = { curve: heightScale(spec.readouts[0].values, log, least < largest / 2), bars: spec.bars.map(({ values }) => heightScale(values, false)) };
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
      const measured = [unit, log ? "log scale" : ""].filter(Boolean).join(", ");
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
          const drawn = value !== null && (!log || value > 0);
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
    // The place as seen from above: squares stations, discs users, one of them filled by its load, crosses targets with error
    // ellipses. Where the ranges behind an ellipse are known, its target can be dragged, and the page computes the ellipse anew.
    function mapOf(picture, here, order) {
      const { label, unit, magnified, names, loaded, loadsLabel, covariances, ranges, loads, stations, users } = picture;
      const last = at[at.length - 1];
      const stood = picture.targets[last];
      picture.moved ??= {};
      const places = (picture.moved[last] ??= stood.map((place) => [...place]));
      const all = [stations, users, picture.targets].flatMap((rows) => rows[last]);
      const ends = [0, 1].map((axis) => [Math.min, Math.max].map((end) => end(...all.map((place) => place[axis]))));
      const centre = ends.map(([low, high]) => (low + high) / 2);
      const half = 1.12 * Math.max(...ends.map(([low, high]) => (high - low) / 2), 1e-9);
      const size = 300, top = 22;
      const length = (value) => (value / half) * (size / 2 - 8);
      const x = (value) => size / 2 + length(value - centre[0]);
      const y = (value) => top + size / 2 - length(value - centre[1]);
      const filled = loads.slice(here * picture[loaded][last].length, (here + 1) * picture[loaded][last].length);
      const feasible = filled.some((value) => value !== null);
      const known = (n, place) => {
        if (!ranges) return covariances.slice((here * stood.length + n) * 3, (here * stood.length + n + 1) * 3);
        const anchors = ranges.anchors[last];
        const spent = ranges.spent.slice(here * anchors.length, (here + 1) * anchors.length);
        return covariance(ranges, anchors, ranges.coefficients[last][n], spent, stood[n], place);
      };
      const error = (n, place) => {
        const [xx, , yy] = known(n, place);
        return xx === null ? null : Math.sqrt(xx + yy);
      };
      const worst = (where) => {
        const errors = where.map((place, n) => error(n, place));
        return errors.includes(null) ? "none, one cannot be located" : withUnit(Math.max(...errors), unit);
      };
      const svg = make("svg", { viewBox: `0 0 ${size} ${size + top + 34}`, role: ranges ? "group" : "img", class: "isac-plan" });
      const note = element("p", "isac-note");
      const tell = () => {
        const moved = places.some((place, n) => place.some((value, axis) => value !== stood[n][axis]));
        const now = feasible ? `worst position error of a ${names[2]}: ${worst(places)}` : "infeasible here";
        svg.setAttribute("aria-label", `${label}: ${users[last].length ? `${users[last].length} ${names[1]}s, ` : ""}${stood.length} ${names[2]}s, ${now}`);
        note.textContent = !feasible ? "" : moved ? `Dragged: ${now}; before, ${worst(stood)}. Powers and fading stay as they were.` : ranges ? `Drag a ${names[2]} (or focus it and use the arrow keys); ${now}.` : "";
      };
      const clip = `${key}-ground-${order}`;
      const ground = make("clipPath", { id: clip });
      ground.append(make("rect", { x: 4, y: top, width: size - 8, height: size }));
      const within = make("g", { "clip-path": `url(#${clip})` });
      svg.append(ground, make("text", { x: 8, y: 14, class: "isac-title" }, label));
      svg.append(make("rect", { x: 4, y: top, width: size - 8, height: size, class: feasible ? "isac-ground" : "isac-infeasible" }), within);
      const ellipses = stood.map(() => make("ellipse", { class: "isac-ellipse", visibility: "hidden" }));
      const crosses = stood.map(() => make("g", { class: "isac-target" }));
      const place = (n) => {
        const [px, py] = places[n];
        const [xx, xy, yy] = known(n, places[n]);
        ellipses[n].setAttribute("visibility", "hidden");
        if (xx !== null) {
          const mean = (xx + yy) / 2, spread = Math.hypot((xx - yy) / 2, xy);
          const angle = (-0.5 * Math.atan2(2 * xy, xx - yy) * 180) / Math.PI;
          const [rx, ry] = [mean + spread, Math.max(mean - spread, 0)].map((value) => Math.max(1, length(magnified * Math.sqrt(value))));
          const drawn = { cx: x(px), cy: y(py), rx, ry, transform: `rotate(${angle} ${x(px)} ${y(py)})`, visibility: "visible" };
          for (const [name, value] of Object.entries(drawn)) ellipses[n].setAttribute(name, value);
        }
        crosses[n].setAttribute("transform", `translate(${x(px)} ${y(py)})`);
        if (ranges) crosses[n].setAttribute("aria-label", `${names[2]} ${n + 1} at ${number(px)}, ${number(py)} ${unit}: position error ${withUnit(error(n, places[n]), unit)}; arrow keys move it`);
      };
      const move = (n, px, py) => {
        const most = half / 1.05;
        places[n] = [px, py].map((value, axis) => Number(Math.min(centre[axis] + most, Math.max(centre[axis] - most, value)).toPrecision(4)));
        place(n);
        tell();
      };
      stood.forEach((_, n) => {
        crosses[n].append(make("circle", { r: 12, class: "isac-handle" }), make("path", { d: "M-4 -4l8 8m0 -8l-8 8" }));
        if (ranges) {
          Object.entries({ tabindex: 0, role: "button" }).forEach(([name, value]) => crosses[n].setAttribute(name, value));
          // A finger drags the target, not the page: touch-action is not heeded on parts of a drawing.
          crosses[n].addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
          crosses[n].addEventListener("pointerdown", (event) => {
            crosses[n].setPointerCapture(event.pointerId);
            event.preventDefault();
            crosses[n].focus({ preventScroll: true });
          });
          crosses[n].addEventListener("pointermove", (event) => {
            if (!crosses[n].hasPointerCapture(event.pointerId)) return;
            const box = svg.getBoundingClientRect();
            const scale = size / box.width;
            const [sx, sy] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
            const metres = (pixels) => (pixels / (size / 2 - 8)) * half;
            move(n, centre[0] + metres(sx - size / 2), centre[1] + metres(top + size / 2 - sy));
          });
          crosses[n].addEventListener("keydown", (event) => {
            const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [0, 0];
            if (!dx && !dy) return;
            event.preventDefault();
            const step = half / (event.shiftKey ? 10 : 50);
            move(n, places[n][0] + dx * step, places[n][1] + dy * step);
          });
        }
        place(n);
      });
      within.append(...ellipses);
      const inside = (side, m) => (loaded === side ? Math.sqrt(Math.min(filled[m] ?? 0, 1)) : 0);
      users[last].forEach(([px, py], m) => {
        within.append(make("circle", { cx: x(px), cy: y(py), r: 6, class: "isac-user" }));
        const full = inside("users", m);
        if (full) within.append(make("circle", { cx: x(px), cy: y(py), r: Math.max(1, 6 * full), class: "isac-dot" }));
      });
      stations[last].forEach(([px, py], m) => {
        const side = loaded === "stations" ? 16 : 10;
        const square = (width, kind) => make("rect", { x: x(px) - width / 2, y: y(py) - width / 2, width, height: width, class: kind });
        within.append(square(side, loaded === "stations" ? "isac-user" : "isac-station"));
        const full = inside("stations", m);
        if (full) within.append(square(Math.max(2, side * full), "isac-dot"));
      });
      within.append(...crosses);
      const bar = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((value) => length(value) > 40) ?? 1;
      svg.append(make("path", { d: `M10 ${size + top - 8}h${length(bar)}`, class: "isac-scale" }));
      svg.append(make("text", { x: 10, y: size + top - 13 }, `${bar} ${unit}`));
      const load = (side) => (loaded === side && loadsLabel ? `, filled: ${loadsLabel}` : "");
      const people = users[last].length ? `   ● ${names[1]}${load("users")}` : "";
      svg.append(make("text", { x: 6, y: size + top + 14 }, `■ ${names[0]}${load("stations")}${people}`));
      const times = magnified === 1 ? "standard deviation" : `${magnified.toLocaleString("en")} standard deviations`;
      svg.append(make("text", { x: 6, y: size + top + 29 }, feasible ? `× ${names[2]}, its ellipse: ${times}` : "infeasible here"));
      tell();
      const whole = element("div", "isac-plan-frame");
      whole.append(svg, note);
      return whole;
    }
    draw();
  }
  // The game: six sliders divide a band and a budget (each side is scaled to the whole), the rates are computed here from their
  // closed form (compendium/notebook/guesses.py), and the certified optimum shows itself when it is asked for.
  function play(frame) {
    const spec = JSON.parse(frame.querySelector('script[type="application/json"]').textContent);
    const MOST = 120; // a slider's range: a factor of a thousand
    const count = spec.users.length;
    const last = [spec.rounds.length - 1, ...Array(2 * count).fill(MOST)];
    let [round, ...steps] = sentTo(frame.id, last) ?? [0, ...Array(2 * count).fill(MOST / 2)];
    let revealed = false;
    let closest = null;
    const parts = (side) => {
      const raw = steps.slice(side * count, (side + 1) * count).map((step) => 10 ** (step / 40));
      const whole = raw.reduce((sum, part) => sum + part, 0);
      return raw.map((part) => part / whole);
    };
    const rates = (shares, powers) =>
      spec.services.map(({ user }, k) => {
        const { signal, clutter } = spec.rounds[round];
        const noise = spec.noise * spec.band * shares[user];
        return (spec.band * shares[user] * Math.log1p((signal[k] * powers[user]) / (clutter[k] * powers[user] + noise))) / Math.LN2;
      });
    const valueOf = (found) => found.reduce((sum, rate, k) => sum + spec.weights[k] * rate, 0);
    const mega = (rate) => `${number(rate / 1e6)} Mbit/s`;

    const form = element("div", "isac-controls isac-two");
    const sliders = ["Share of the band", "Share of the power"].flatMap((title, side) => {
      const group = element("fieldset", "isac-side");
      group.append(Object.assign(document.createElement("legend"), { textContent: title }));
      form.append(group);
      return spec.users.map((user, i) => {
        const one = slider(user, MOST, steps[side * count + i]);
        one.input.setAttribute("aria-label", `${title}: ${user}`);
        one.input.addEventListener("input", () => {
          steps[side * count + i] = Number(one.input.value);
          keep(frame.id, [round, ...steps]);
          draw();
        });
        group.append(one.label);
        return one;
      });
    });
    const bars = element("div", "isac-pictures");
    const verdict = element("p", "isac-verdict-of-guess");
    verdict.setAttribute("aria-live", "polite");
    const reveal = button("Show the optimum");
    const next = button("Another network");
    const level = button("Everybody alike");
    const moveTo = (to) => {
      steps = to;
      sliders.forEach(({ input }, i) => (input.value = steps[i]));
      keep(frame.id, [round, ...steps]);
      draw();
    };
    const deal = (to) => {
      if (to !== round) [round, revealed, closest] = [to, false, null];
    };
    follow(frame, last, ([to, ...sent]) => {
      deal(to);
      moveTo(sent);
    });
    reveal.addEventListener("click", () => {
      revealed = !revealed;
      draw();
    });
    next.addEventListener("click", () => {
      round = (round + 1) % spec.rounds.length;
      [revealed, closest] = [false, null];
      moveTo(Array(2 * count).fill(MOST / 2));
    });
    level.addEventListener("click", () => moveTo(Array(2 * count).fill(MOST / 2)));
    const buttons = element("p", "isac-buttons");
    buttons.append(reveal, level, next);
    frame.append(bars, form, verdict, buttons);

    function draw() {
      const { label, floors, shares: bestShares, powers: bestPowers, bound } = spec.rounds[round];
      const [shares, powers] = [parts(0), parts(1).map((part) => part * spec.budget)];
      sliders.forEach(({ input, shown }, i) => {
        const side = i < count ? 0 : 1;
        const part = side ? powers[i - count] / spec.budget : shares[i];
        shown.textContent = `${(100 * part).toPrecision(3)} %${revealed ? ` (${(100 * (side ? bestPowers[i - count] / spec.budget : bestShares[i])).toPrecision(3)} %)` : ""}`;
        input.setAttribute("aria-valuetext", shown.textContent);
      });
      const [own, best] = [rates(shares, powers), rates(bestShares, bestPowers)];
      const broken = own.map((rate, k) => (rate < floors[k] * (1 - 1e-9) ? `${spec.services[k].label} gets ${mega(rate)} of ${mega(floors[k])} promised` : null)).filter(Boolean);
      const value = valueOf(own), most = valueOf(best);
      const gap = 100 * (1 - value / most);
      if (!broken.length) closest = closest === null ? gap : Math.min(closest, gap);
      verdict.textContent = broken.length ? `${label}. Promises broken: ${broken.join("; ")}.` : `${label}. All promises kept. ${spec.valueLabel}: ${mega(value)}.`;
      if (revealed) {
        verdict.textContent += ` Certified optimum: ${mega(most)}, and nothing exceeds ${mega(bound)}.`;
        if (!broken.length) verdict.textContent += ` You are ${gap.toPrecision(2)} % below it`;
        verdict.textContent += closest === null ? "" : `${broken.length ? " Your" : "; your"} best so far: ${closest.toPrecision(2)} %.`;
        if (!broken.length && closest === null) verdict.textContent += ".";
      }
      reveal.textContent = revealed ? "Hide the optimum" : "Show the optimum";
      bars.replaceChildren(chart(own, revealed ? best : null, floors));
    }

    function chart(own, best, floors) {
      const WIDTH = Math.max(330, Math.min(640, frame.clientWidth - 32)), ROW = 34, LEFT = 128, RIGHT = 56;
      const [low, high] = [1e5, 10 ** Math.ceil(Math.log10(Math.max(...own, ...(best ?? []), ...floors, 1e7)))];
      const x = (rate) => LEFT + (WIDTH - LEFT - RIGHT) * Math.max(0, Math.log10(Math.max(rate, low) / low) / Math.log10(high / low));
      const every = x(10 * low) - x(low) < 40 ? 2 : 1; // decades from one number of the axis to the next
      const height = own.length * ROW + 44;
      const told = own.map((rate, k) => `${spec.services[k].label} ${mega(rate)}, promised ${mega(floors[k])}${best ? `, at the optimum ${mega(best[k])}` : ""}`);
      const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `Rates: ${told.join("; ")}`, class: "isac-wide" });
      for (let power = Math.log10(low); power <= Math.log10(high); power++) {
        svg.append(make("path", { d: `M${x(10 ** power)} 4V${own.length * ROW + 6}`, class: "isac-grid" }));
        if ((power - Math.log10(low)) % every === 0)
          svg.append(make("text", { x: x(10 ** power), y: own.length * ROW + 20, "text-anchor": "middle" }, String(10 ** power / 1e6)));
      }
      svg.append(make("text", { x: LEFT + (WIDTH - LEFT - RIGHT) / 2, y: height - 6, "text-anchor": "middle" }, "Rate (Mbit/s, log scale); dashed: promised"));
      own.forEach((rate, k) => {
        const y = k * ROW + 6;
        svg.append(make("text", { x: LEFT - 6, y: y + 19, "text-anchor": "end" }, spec.services[k].label));
        svg.append(make("rect", { x: LEFT, y: y + 4, width: Math.max(0, x(rate) - LEFT), height: best ? 11 : 22, class: rate < floors[k] * (1 - 1e-9) ? "isac-bar isac-short" : "isac-bar" }));
        if (best) svg.append(make("rect", { x: LEFT, y: y + 17, width: Math.max(0, x(best[k]) - LEFT), height: 9, class: "isac-station" }));
        svg.append(make("path", { d: `M${x(floors[k])} ${y}v28`, class: "isac-level" }));
        svg.append(make("text", { x: WIDTH - RIGHT + 8, y: y + 19 }, number(rate / 1e6)));
      });
      return svg;
    }
    draw();
  }
  const all = () => {
    document.querySelectorAll(".isac-explorer").forEach(start);
    document.querySelectorAll(".isac-guess").forEach(play);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
