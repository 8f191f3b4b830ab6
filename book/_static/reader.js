/* For readers with a keyboard: what scrolls sideways can be reached and scrolled with the arrow keys. For readers with a printer:
   paper is white, whatever the screen is. */
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
  const start = async () => {
    await window.MathJax?.startup?.promise;
    mark();
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
