"""The ladder widget: what its controls choose is what is listed, drawn and said; and in a page."""

import re
import time

import numpy as np
import pytest

pytest.importorskip("ipywidgets")

from test_browser import (  # noqa: E402, F401
    PIXELS,
    browser,
    notebooks,
    page,
    run_all,
    server,
    write_notebook,
)  # fmt: skip

from wsss_lite.literature import tau  # noqa: E402
from wsss_lite.rungs import number  # noqa: E402
from wsss_lite.widgets.ladder import Ladder  # noqa: E402

PATIENCE = 120_000  # milliseconds, for a machine with much else to do
TABLE = """\
def facts(kind, hours, test, voc=None, starred=False, **more):
    blank = dict.fromkeys(("maps", "pseudo", "real", "real_maps"))
    return blank | {"supervision": kind, "starred": starred, "category": "a", "year": 2020,
                    "hours": hours, "seconds": 100.0 + hours, "peak_mb": 1200, "voc": voc,
                    "test": (test, 0.01, 3) if test else None} | more

table = {f"tags-{k}": facts("tags", 7.0, 0.40 + k / 100, 0.5 + k % 5 / 100) for k in range(12)}
table |= {"boxes": facts("boxes", 12.1, 0.7, 0.69), "full": facts("full", 66.7, 0.79),
          "helped": facts("tags", 7.0, 0.6, 0.7, starred=True, real=0.3),
          "maps-only": facts("tags", 7.0, None, maps=(0.45, 0.01, 3))}
"""


@pytest.fixture
def table():
    names = {}
    exec(TABLE, names)
    return names["table"]


def test_an_order_is_best_first_cheapest_first_and_of_the_chosen_only(table):
    ladder = Ladder(table)
    order = ladder.state()["order"]
    assert order[:3] == ["full", "boxes", "helped"] and "maps-only" not in order
    assert len(order) == 15 == len(ladder.state()["plotted"])
    ladder.labels.value = "tags"
    assert ladder.state()["order"][:2] == ["helped", "tags-11"]
    ladder.labels.value = "assisted"
    assert ladder.state()["order"] == ["helped"]
    ladder.labels.value, ladder.sort.value = "all", "seconds"
    assert ladder.state()["order"][-2:] == ["boxes", "full"]
    ladder.sort.value = "maps"
    assert ladder.state()["order"] == ["maps-only"]


def test_the_agreement_is_that_of_the_two_axes(table):
    ladder = Ladder(table, labels="tags", across="voc")
    state = ladder.state()
    names = state["plotted"]
    assert len(names) == 13
    want = tau(*([number(table[n], k) for n in names] for k in ("voc", "test")))
    assert state["tau"] == pytest.approx(want)
    assert f"tau {want:+.2f}" in ladder.line.value and "of 13" in ladder.line.value
    ladder.up.value = "real"
    assert ladder.state()["tau"] is None and "too few" in ladder.line.value


def test_the_table_follows_sort_and_rows(table):
    ladder = Ladder(table, rows=3)
    assert ladder.table.value.count("<tr>") == 4 and "<b>79.0</b>" in ladder.table.value
    assert "helped*" in ladder.table.value
    ladder.rows.value = 5
    assert ladder.table.value.count("<tr>") == 6
    ladder.sort.value = "hours"
    assert "<b>7.0</b>" in ladder.table.value and "<b>79.0</b>" not in ladder.table.value


def test_every_choice_can_be_drawn(table):
    ladder = Ladder(table)
    for control in (ladder.labels, ladder.sort, ladder.across, ladder.up):
        start = control.value
        for _, value in control.options:
            control.value = value
            assert ladder.image.value[:4] == b"\x89PNG"
            assert ladder.state()["tau"] is None or abs(ladder.state()["tau"]) <= 1
        control.value = start


def test_there_is_no_choice_without_methods(table):
    weak = {n: f for n, f in table.items() if f["supervision"] == "boxes"}
    options = [v for _, v in Ladder(weak).labels.options]
    assert options == ["all", "boxes"]  # neither masks nor stars
    with pytest.raises(ValueError, match="at least one"):
        Ladder({})


def test_another_choice_is_another_picture_with_words(table):
    ladder = Ladder(table)
    before, words = ladder.image.value, ladder.image.tooltip
    assert "mIoU on test" in words and "hours" in words and "first: full" in words
    ladder.across.value = "voc"
    assert ladder.image.value != before and "VOC val" in ladder.image.tooltip


def test_a_choice_is_answered_soon():
    rng = np.random.default_rng(0)
    names = {}
    exec(TABLE, names)
    many = {f"m{k}": names["facts"]("tags", 7.0, 0.4 + rng.random() / 10, 0.6) for k in range(80)}
    ladder = Ladder(many)
    took = []
    for kind in ("voc", "hours", "year", "hours"):
        start = time.process_time()
        ladder.across.value = kind
        took.append(time.process_time() - start)
    assert min(took) < 1


def test_the_repr_is_short_and_pages_without_a_kernel_get_the_drawing(table):
    ladder = Ladder(table)
    bundle = ladder._repr_mimebundle_()
    assert bundle["text/plain"] == "Ladder(16 methods)" and "Still view" in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


# In a browser

CELL = f"""\
{TABLE}
from wsss_lite.widgets.ladder import Ladder
Ladder(table, rows=4)
"""


def changed(page, widget, act):  # noqa: F811
    """Do something and wait until the line says something else; ((line, pixels, table), after)."""
    line, picture = widget.locator("[aria-live]"), widget.locator("img.widget-image")
    rows = widget.locator(".wsss-ladder-table")

    def seen():
        return line.inner_text(), picture.evaluate(PIXELS), rows.inner_text()

    before = seen()
    act()
    page.wait_for_function(
        "([element, old]) => element.isConnected === false || element.innerText !== old",
        arg=[line.element_handle(), before[0]], timeout=PATIENCE,
    )  # fmt: skip
    page.wait_for_timeout(2_000)  # picture and table have followed
    return before, seen()


def test_menus_and_slider_change_drawing_table_and_line(page, server, notebooks):  # noqa: F811
    write_notebook(notebooks / "ladder.ipynb", CELL)
    page.goto(server("ladder.ipynb"), timeout=PATIENCE)
    run_all(page)
    widget = page.locator(".wsss-ladder").first
    widget.wait_for(timeout=PATIENCE)
    widget.scroll_into_view_if_needed()
    menus = widget.locator("select")
    assert menus.count() == 4
    before, after = changed(page, widget, lambda: menus.nth(0).select_option("tags"))
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert "first: helped, tags-11" in after[0] and "full" not in after[2]
    before, after = changed(
        page, widget, lambda: menus.nth(1).select_option("VOC val in the literature")
    )
    assert before[2] != after[2] and "VOC val" in after[0]
    before, after = changed(
        page, widget, lambda: menus.nth(2).select_option("VOC val in the literature")
    )
    assert before[1] != after[1] and re.search(r"tau [+-]\d\.\d\d", after[0])
    table_of = widget.locator(".wsss-ladder-table")
    rows = table_of.locator("tr").count()
    widget.locator(".widget-slider", has_text="rows").locator("[role=slider]").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([old]) => document.querySelectorAll('.wsss-ladder-table tr').length === old + 1",
        arg=[rows], timeout=PATIENCE,
    )  # fmt: skip
    picture = widget.locator("img.widget-image")
    assert picture.bounding_box()["width"] >= 512
    assert "VOC val" in picture.get_attribute("title")
    page.set_viewport_size({"width": 700, "height": 900})
    page.wait_for_timeout(1_000)
    assert picture.bounding_box()["width"] <= 700
