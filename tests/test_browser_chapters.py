"""The widgets of chapters 06 to 10 in JupyterLab: a slider by keys, a canvas by keys.

Needs Chromium and playwright, as `test_browser.py` does, whose notebook server it uses. What they
compute is tested without a page, in `test_widget_*.py`, whose small worlds are used here too.
"""

from pathlib import Path

import pytest
from test_browser import browser, followed, notebooks, page, run_all, server, write_notebook  # noqa: F401

pytest.importorskip("anywidget")

WORLDS = f"""\
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_widget_affinity as affinity, test_widget_attention as attention
import test_widget_confident as confident, test_widget_equivariance as equivariance
import test_widget_saliency as saliency
"""
CELLS = {
    "walker": "affinity.Walker(*affinity.world(), threshold=0.5)",
    "spoiler": "saliency.Spoiler(*saliency.world())",
    "equivariance": "images, tags = equivariance.pictures()\n"
    "equivariance.Equivariance(images, equivariance.colours, tags, equivariance.CLASSES)",
    "attention": "attention.Attention(*attention.world())",
    "chooser": "confident.Chooser(*confident.world())",
}
SLIDERS = {  # of each a slider, a key and how often it is pressed
    "walker": ("steps", "ArrowRight", 3),
    "spoiler": ("missed", "ArrowRight", 3),
    "equivariance": ("how far", "ArrowRight", 3),
    "attention": ("picture", "ArrowRight", 1),
    "chooser": ("gate", "ArrowLeft", 8),
}


def test_each_follows_its_sliders_and_canvases(page, server, notebooks):  # noqa: F811
    write_notebook(notebooks / "chapters.ipynb", WORLDS, *CELLS.values())
    page.goto(server("chapters.ipynb"))
    run_all(page)
    for kind, (name, key, times) in SLIDERS.items():
        widget = page.locator(f".wsss-{kind}").first
        widget.wait_for(timeout=60_000)
        widget.scroll_into_view_if_needed()
        slider = widget.locator(".widget-slider", has_text=name).locator("[role=slider]")

        def keys(slider=slider, key=key, times=times):
            slider.focus()
            for _ in range(times):
                page.keyboard.press(key)

        before, after = followed(page, widget, keys)
        assert before[0] != after[0], f"the picture of {kind} does not follow {name}"
        assert before[1] != after[1], f"the line of {kind} does not follow {name}"

    for kind in ("walker", "attention"):
        widget = page.locator(f".wsss-{kind}").first
        canvas = widget.locator("canvas")
        canvas.scroll_into_view_if_needed()
        label = canvas.get_attribute("aria-label")
        canvas.focus()
        page.keyboard.press("ArrowUp")
        page.wait_for_function("([canvas, old]) => canvas.getAttribute('aria-label') !== old",
                               arg=[canvas.element_handle(), label], timeout=20_000)  # fmt: skip
        assert canvas.evaluate("canvas => document.activeElement === canvas"), "focus was lost"
