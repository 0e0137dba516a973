"""The book: what it is made of, what it loads, and that its widgets move without a kernel.

The site of these tests has every chapter's text without its code, which takes seconds, and in two
chapters widgets as a notebook stores them.
"""

import contextlib
import functools
import http.server
import os
import re
import shutil
import threading
from base64 import b64decode
from pathlib import Path

import nbformat
import numpy as np
import pytest
from moving_page import map_in, mask_in, told

pytest.importorskip("ipywidgets")
pytest.importorskip("myst_nb")

from test_browser import browser  # noqa: E402, F401

from wsss_lite.book import __main__ as book  # noqa: E402
from wsss_lite.book import build as building  # noqa: E402
from wsss_lite.book.check import problems  # noqa: E402
from wsss_lite.book.landing import landing, linked  # noqa: E402
from wsss_lite.book.mathml import converted  # noqa: E402
from wsss_lite.data.scenes import CLASSES, draw  # noqa: E402
from wsss_lite.errors import InputError  # noqa: E402
from wsss_lite.refine.threshold import upsample  # noqa: E402
from wsss_lite.show import resize  # noqa: E402
from wsss_lite.widgets import Inspector, Refiner, Stepper  # noqa: E402
from wsss_lite.widgets.moving import Layer, Moving, runs  # noqa: E402

PATIENCE = 60_000  # milliseconds, for a machine with much else to do


@functools.cache
def scenes():
    """Two scenes, maps of their classes that are coarse and not quite right, masks and tags."""
    drawn, rng = [draw(seed) for seed in (14, 15)], np.random.default_rng(0)
    masks = [scene.mask for scene in drawn]
    maps = np.zeros((2, 8, 14, 14), np.float32)
    for i, mask in enumerate(masks):
        for k in set(np.unique(mask)) - {0, 255}:
            small = resize((mask == k).astype(np.float32), (14, 14)) + 0.3 * rng.random((14, 14))
            maps[i, k - 1] = small / small.max()
    return [scene.image for scene in drawn], maps, masks, maps.any((2, 3))


def inspector(**options):
    images, maps, masks, tags = scenes()
    return Inspector(images, maps, masks, tags, CLASSES, **options)


def stepper():
    images, maps, masks, tags = scenes()
    given = [images, [image // 2 for image in images]]
    return Stepper(
        images, [maps * 0.6, maps], masks, tags, CLASSES, ["one", "two"], shown=given
    )  # fmt: skip


def refiner():
    images, maps, masks, _ = scenes()
    return Refiner(images[:1], maps[:1], masks[:1], CLASSES)


def text_only(path, *widgets):
    """A notebook's text, and cells that have been run whose output is a widget."""
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    for widget in widgets:
        data = widget._repr_mimebundle_()
        data.pop("application/vnd.jupyter.widget-view+json", None)
        code = nbformat.v4.new_code_cell("widget", execution_count=1)
        code.outputs = [nbformat.v4.new_output("execute_result", data, execution_count=1)]
        cells.append(code)
    notebook.cells = cells
    return notebook


@pytest.fixture(scope="module")
def site(tmp_path_factory, repo):
    """The folder of a built site."""
    root = tmp_path_factory.mktemp("course")
    for pattern in (*building.DOCUMENTS, *building.FILES, "notebooks/exercises/*.ipynb"):
        for path in repo.glob(pattern):
            copy = root / path.relative_to(repo)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    widgets = {"01": [inspector()], "02": [refiner(), stepper()]}
    (root / "notebooks").mkdir(exist_ok=True)
    for path in (repo / "notebooks").glob("*.ipynb"):
        notebook = text_only(path, *widgets.get(path.name[:2], []))
        nbformat.write(notebook, root / "notebooks" / path.name)
    building.build(root / "book", root=root)
    return root / "book"


def chapter(site, number):
    return next((site / "notebooks").glob(f"{number}_*.html"))


# ------------------------------------------------------------------------------- what it is made of


def test_no_link_is_broken_and_nothing_is_loaded_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20 and (site / "GLOSSARY.html").exists()
    assert problems(site) == []


def test_the_first_page_leads_to_every_chapter(site, repo):
    text = (site / "index.html").read_text()
    for path in (repo / "notebooks").glob("*.ipynb"):
        assert f'href="notebooks/{path.stem}.html"' in text


def test_formulas_need_no_script(site):
    text = chapter(site, "01").read_text()
    assert "<math" in text and "$$" not in text
    assert not re.search(r"<script[^>]*mathjax", text, re.IGNORECASE)


def test_no_cell_is_run(site):
    """The cells of the test's notebooks are names that nothing defines."""
    text = chapter(site, "02").read_text()
    assert text.count('class="wsss-moving"') == 2 and "NameError" not in text


FAULTS = {
    '<script src="https://cdn.example/x.js"></script>': "loads",
    '<link rel="stylesheet" href="//fonts.example/css">': "loads",
    '<img src="http://a.example/a.png" alt="">': "loads",
    "<style>p { background: url(https://a.example/b.png) }</style>": "loads",
    '<a href="gone.html">gone</a>': "leads nowhere",
    '<a href="#gone">gone</a>': "leads nowhere",
    '<a href="other.html#gone">gone</a>': "leads nowhere",
    '<img src="gone.png" alt="">': "leads nowhere",
}


@pytest.mark.parametrize("html", FAULTS)
def test_each_fault_of_a_site_is_found(tmp_path, html):
    (tmp_path / "other.html").write_text('<p id="there">')
    (tmp_path / "index.html").write_text(html)
    [line] = problems(tmp_path)
    assert FAULTS[html] in line and line.startswith("index.html")


def test_what_is_in_order_is_no_fault(tmp_path):
    (tmp_path / "other.html").write_text('<p id="there">')
    (tmp_path / "style.css").write_text("p { background: url(data:image/png;base64,AA//BB) }")
    (tmp_path / "index.html").write_text(
        '<a href="other.html#there">a</a><a href="https://a.example">b</a>'
        '<img src="data:image/png;base64,AA//" alt=""><link rel="stylesheet" href="style.css">'
    )
    assert problems(tmp_path) == []
    (tmp_path / "style.css").write_text("@import 'https://a.example/font.css';")
    assert "loads" in problems(tmp_path)[0]
    assert "make book" in problems(tmp_path / "nothing")[0]


def test_chapter_numbers_become_links():
    text = "first `01`, then `05` and `cam`"
    assert (
        linked(text, ["01_maps.ipynb"])
        == "first [01](notebooks/01_maps.ipynb), then `05` and `cam`"
    )


def test_trouble_is_one_sentence(tmp_path, capsys):
    (tmp_path / "README.md").write_text("# A\n\nB.\n\n## C\n")
    with pytest.raises(InputError, match="README.md has no opening paragraph or no section"):
        landing(tmp_path, [], [])
    with pytest.raises(InputError, match=r"\\undefined|cannot be converted"):
        converted(r"\begin{nothing} x", "inline")
    assert book.main(["99", "-o", str(tmp_path / "out")]) == 2
    assert "has no notebook of that name" in capsys.readouterr().err


# ------------------------------------------------------------------------------ what a page is told


def test_maps_and_masks_come_back_as_they_were():
    data = told(inspector().page())
    one, (_, maps, masks, tags) = data["pictures"][0], scenes()
    assert one["tags"] == (np.flatnonzero(tags[0]) + 1).tolist()
    layer = one["layers"][0]
    for k in np.flatnonzero(tags[0]):
        back, want = (upsample(m[None], (128, 128)) for m in (map_in(layer, k), maps[0, k]))
        assert np.abs(back - want).max() < 1e-4
    assert np.array_equal(mask_in(one["truth"], (128, 128)), masks[0])


def test_long_runs_are_cut():
    assert len(b64decode(runs(np.zeros((30, 30), np.uint8)))) == 2 * 4


def test_a_page_holds_as_many_pictures_as_fit_and_one_in_any_case():
    image, maps = np.zeros((8, 8, 3), np.uint8), [Layer({0: np.ones((2, 2))})]
    some = [(n, image, None, maps) for n in (2, 1, 3)]
    for largest, held in ((0, [2]), (10**6, [2, 1, 3])):
        html = Moving(("cat",), some, 3, 0.5, largest=largest).html("<p>still</p>")
        assert [one["number"] for one in told(html)["pictures"]] == held
        assert ("It holds 1 of the 3" in html) == (held == [2])


def test_a_class_cannot_end_the_script():
    html = Moving(("</script><b>",), [], 0, 0.5).html("")
    assert html.count("</script>") == 2 and told(html)["classes"] == ["</script><b>"]


def test_the_chosen_picture_comes_first_and_is_stored_once():
    widget = inspector()
    widget.picture.value = 2
    data = told(widget.page())
    assert data["pictures"][0]["number"] == 2
    assert data["pictures"][0]["image"] == ""  # it is in the still view


# -------------------------------------------------------------------------------- in a real browser


@pytest.fixture(scope="module")
def address(site):
    """A plain file server; yields the site's address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def copyfile(self, *files):
            with contextlib.suppress(ConnectionError):  # the browser has gone to another page
                super().copyfile(*files)

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(browser):  # noqa: F811
    """A fresh page that records what it asks for and what goes wrong."""
    made = browser.new_page(viewport={"width": 1366, "height": 900})
    made.set_default_timeout(PATIENCE)
    made.asked, made.wrong = [], []
    made.on("request", lambda request: made.asked.append(request.url))
    made.on("pageerror", lambda error: made.wrong.append(str(error)))
    yield made
    folder = os.environ.get("WSSS_LITE_SCREENSHOTS")
    if folder:
        name = os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].split()[0]
        made.screenshot(path=Path(folder) / f"{name}.png")
    made.close()


def opened(page, address, number, nth=0):
    """The widget of a chapter's page, once its script has drawn it."""
    name = chapter(Path(page.site), number).name
    page.goto(f"{address}/notebooks/{name}")
    widget = page.locator(".wsss-moving").nth(nth)
    widget.scroll_into_view_if_needed()
    return widget


@pytest.fixture
def at(page, site, address):
    page.site = site
    return lambda number, nth=0: opened(page, address, number, nth)


def state(widget):
    return widget.evaluate("one => one.state")


def choose(widget, name, value):
    widget.get_by_label(name, exact=False).first.select_option(value)


def press(page, widget, key, times):
    widget.get_by_role("slider").focus()
    for _ in range(times):
        page.keyboard.press(key)


def agree(found, live):
    """The page's numbers are those of the widget in Python, to the second decimal."""
    assert set(found["iou"]) == set(live["iou"])
    for name, value in live["iou"].items():
        assert found["iou"][name] == pytest.approx(value, abs=2e-3), name
    if live["miou"] is not None:
        assert found["miou"] == pytest.approx(live["miou"], abs=2e-3)


def test_the_inspector_moves_by_keys_and_agrees_with_python(page, at):
    widget, live = at("01"), inspector()
    agree(state(widget), live.state())
    press(page, widget, "ArrowRight", 15)
    live.threshold.value = 0.45
    found = state(widget)
    assert found["threshold"] == 0.45
    agree(found, live.state())
    line = widget.locator("[aria-live]").inner_text()
    assert f"threshold 0.45: IoU background {live.state()['iou']['background']:.2f}" in line
    assert f"mIoU of this picture {live.state()['miou']:.2f}" in line
    name = live.cls.options[1]
    choose(widget, "class", name)
    live.cls.value = name
    agree(state(widget), live.state())
    choose(widget, "picture", "2")
    live.picture.value = 2
    assert state(widget)["cls"] == live.cls.value
    agree(state(widget), live.state())
    assert page.wrong == []


def test_what_is_drawn_follows_and_is_described(page, at):
    widget = at("01")
    canvas = widget.locator("canvas")
    page.wait_for_function("canvas => canvas.width >= 256", arg=canvas.element_handle())
    drawn, shown = "canvas => canvas.toDataURL()", set()
    for name, value in (
        ("view", "heat"),
        ("colours", "viridis"),
        ("view", "mask"),
        ("view", "truth"),
    ):
        choose(widget, name, value)
        page.wait_for_timeout(100)
        shown.add(canvas.evaluate(drawn))
    assert len(shown) == 4, "a control did not change the picture"
    assert "true mask of all" in canvas.get_attribute("aria-label")
    assert widget.locator("img").last.get_attribute("alt").startswith("Picture 1 of 2")
    assert not widget.locator("figure").first.is_visible()  # the still pictures make room
    for control in widget.locator("select, input").all():
        assert control.evaluate("one => one.closest('label').textContent.trim().length > 0")
    assert widget.get_by_role("slider").get_attribute("aria-valuetext") == "0.30"


def test_the_masks_of_the_crf_move_at_their_stops(page, at):
    widget, live = at("02"), refiner()
    for presses, key in ((0, "ArrowRight"), (2, "ArrowLeft")):
        press(page, widget, key, presses)
        live.threshold.value = state(widget)["threshold"]
        truth, scores = live.state(), {}
        for layer in ("before the CRF", "after the CRF"):
            choose(widget, "mask", layer)
            scores[layer.split()[0]] = state(widget)["miou"]
        assert scores["before"] == pytest.approx(truth["before"], abs=2e-3)
        assert scores["after"] == pytest.approx(truth["after"], abs=2e-3)
    assert live.threshold.value == pytest.approx(0.18)


def test_the_steps_move_with_what_the_network_was_given(page, at):
    widget, live = at("02", 1), stepper()
    given = widget.locator("img").last
    before = given.get_attribute("src")
    choose(widget, "step", "two")
    live.step.value = 1
    assert state(widget)["iou"][live.cls.value] == pytest.approx(live.state()["iou"], abs=2e-3)
    assert given.get_attribute("src") != before


def test_no_request_leaves_the_machine(page, at, address):
    for number in ("01", "02"):
        at(number)
    page.goto(f"{address}/index.html")
    page.get_by_placeholder("Search").first.fill("threshold")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html*")
    page.wait_for_timeout(500)
    assert len(page.asked) > 10
    elsewhere = [u for u in page.asked if not u.startswith((f"{address}/", "data:"))]
    assert elsewhere == [] and page.wrong == []


def test_it_opens_from_the_disk(page, site):
    page.goto(chapter(site, "01").as_uri())
    assert state(page.locator(".wsss-moving"))["iou"]
    assert all(url.startswith(("file:", "data:")) for url in page.asked) and page.wrong == []
