/* For readers with a keyboard: what scrolls sideways can be reached and scrolled with the arrow keys. For readers with a phone:
   a tap on a figure shows it at its own size, and a table wider than the screen becomes a card for each row. For readers with a printer: paper is white, whatever the screen is. */
(() => {
  const WIDE = ".pst-scrollable-table-container, pre, .cell_output table, div.math, span.math, mjx-container[display=true]";
  const mark = () => {
    for (const element of document.querySelectorAll(`main :is(${WIDE})`)) {
      const scrolls = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== "visible";
      if (scrolls) element.tabIndex = 0;
      else element.removeAttribute("tabindex");
    }
  };
  let waiting = 0;
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(mark, 150);
  };
  const element = (name, properties) => Object.assign(document.createElement(name), properties);
  const enlarge = () => {
    const dialog = element("dialog", { className: "isac-large", ariaLabel: "Figure at its own size" });
    const close = element("button", { type: "button", textContent: "Close" });
    const frame = element("div", { tabIndex: 0 });
    const large = element("img", {});
    close.addEventListener("click", () => dialog.close());
    frame.append(large);
    dialog.append(close, frame);
    for (const image of document.querySelectorAll("main img.isac-figure:not(.sd-card img)")) {
      const button = element("button", { type: "button", className: "isac-enlarge", title: "Enlarge" });
      button.addEventListener("click", () => {
        Object.assign(large, { src: image.currentSrc, alt: image.alt, width: image.naturalWidth, className: image.className });
        if (!dialog.isConnected) document.body.append(dialog);
        dialog.showModal();
      });
      const whole = image.closest("picture") ?? image; // with its stacked companion for narrow screens
      whole.replaceWith(button);
      button.append(whole);
    }
  };
  if (matchMedia("(max-width: 60rem)").matches) document.addEventListener("DOMContentLoaded", enlarge);
  // The head of a column stands before its value; the style sheet makes cards of it on a narrow screen only.
  const stack = () => {
    for (const table of document.querySelectorAll("main table:has(thead)")) {
      const frame = table.closest(".pst-scrollable-table-container, .cell_output") ?? table.parentElement;
      const told = table.closest(".isac-runs"); // cards from the start, whose cells do not say what they are
      if (!told && (table.closest(".isac-cards") || frame.scrollWidth <= frame.clientWidth + 1)) continue;
      const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
      // A first cell of words is the card's title; a number needs its head too.
      const named = (cell, i) => i > 0 || /^[\d\s.,·−–+-]+([⁰¹²³⁴-⁹⁻]*)?$/.test(cell.textContent.trim());
      for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, i) => (cell.dataset.head = named(cell, i) ? heads[i] : ""));
      if (!told) table.classList.add("isac-stacked");
    }
  };
  // Who follows a link is shown its place (or the explorer whose state it holds), also when formulas and cards have moved it.
  let moved = performance.getEntriesByType("navigation")[0]?.type !== "navigate";
  for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(kind, () => (moved = true), { once: true, passive: true });
  const arrive = () => {
    const [name] = new URLSearchParams(location.hash.slice(1)).keys();
    if (!moved && name) document.getElementById(name)?.scrollIntoView({ behavior: "instant" });
  };
  const start = async () => {
    arrive();
    await window.MathJax?.startup?.promise;
    if (document.body.offsetWidth) await document.fonts.ready; // asked for by the layout: without their fonts formulas seem to scroll
    if (matchMedia("(max-width: 40rem)").matches) stack();
    mark();
    arrive();
    addEventListener("resize", later);
  };
  addEventListener("load", start);

  const root = document.documentElement;
  let theme = "";
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    document.querySelectorAll("img[loading=lazy]").forEach((image) => (image.loading = "eager"));
  });
  addEventListener("afterprint", () => {
    if (theme) root.dataset.theme = theme;
  });
})();
