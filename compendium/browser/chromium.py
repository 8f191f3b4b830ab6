"""The system's Chromium, headless, driven by Playwright, as a reader has set it up."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass

PATIENCE_MS = 600_000  # a busy machine is no fault of a page


class NoBrowser(RuntimeError):
    """No Chromium, or no driver for it, on this machine."""


@dataclass(frozen=True)
class View:
    """A reader's screen."""

    width: int
    theme: str

    def __str__(self) -> str:
        return f"{self.width} px, {self.theme}"


# A page is loaded in the first view of each width and turned to the second.
VIEWS = (View(1300, "light"), View(1300, "dark"), View(400, "dark"), View(400, "light"))


def find_chromium() -> str:
    """Path of the system's Chromium (the variable CHROMIUM, else the usual names).

    Raises
    ------
    NoBrowser
        When there is none.
    """
    named = os.environ.get("CHROMIUM")
    for candidate in filter(None, [named, "chromium", "chromium-browser", "google-chrome"]):
        path = shutil.which(candidate)
        if path:
            return path
    raise NoBrowser("no Chromium on this machine: install it, or name it in the variable CHROMIUM")


@contextmanager
def browser():
    """A headless Chromium driven by Playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowser("the browser driver is not installed: pip install 'isaclib[test]'") from None
    path = find_chromium()
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", "--hide-scrollbars"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=quiet)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def reader(chromium, view: View):
    """An empty page of a browser window as this reader has set it up."""
    context = chromium.new_context(viewport={"width": view.width, "height": 900}, color_scheme=view.theme)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(f"localStorage.setItem('mode', '{view.theme}'); localStorage.setItem('theme', '{view.theme}');")
    try:
        yield context.new_page()
    finally:
        context.close()


READY = """async () => {
    if (document.querySelector('.math')) {
        for (let i = 0; i < 100 && !window.MathJax?.startup?.promise; i++) await new Promise(go => setTimeout(go, 50));
        await window.MathJax?.startup?.promise;
    }
    document.querySelectorAll('img[loading=lazy]').forEach(image => image.loading = 'eager');
    const shown = [...document.images].filter(image => image.offsetParent !== null);
    await Promise.all(shown.map(image => image.complete ? 0 : new Promise(go => { image.onload = image.onerror = go; })));
    await document.fonts.ready;
    await new Promise(go => setTimeout(go, 0));
}"""
