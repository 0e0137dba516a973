"""The annotator in a real browser: mouse, finger and keys, a restarted kernel, all widths.

Needs Chromium and playwright, as `test_browser.py` does, whose notebook server it uses. Most tests
show the canvas on a bare page; those with a server show that it meets a kernel in JupyterLab.
"""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bare_page import BarePage
from scipy import ndimage
from test_browser import browser, notebooks, page, run_all, server, write_notebook  # noqa: F401

from wsss_lite.data import annotation_files as files
from wsss_lite.data.scenes import CLASSES, draw

pytest.importorskip("anywidget")

from wsss_lite.widgets import Annotator  # noqa: E402

SEED = 14
PATIENCE = 120_000  # milliseconds, for a machine with much else to do
# What the canvas shows, at the size it has on the page: its own has several times the pixels.
DRAWN = """canvas => {
  const small = Object.assign(document.createElement("canvas"), { width: 384, height: 384 });
  small.getContext("2d").drawImage(canvas, 0, 0, 384, 384);
  return small.toDataURL();
}"""

CELL = f"""\
from wsss_lite.data.scenes import CLASSES, draw
from wsss_lite.widgets import Annotator
scene = draw({SEED})
annotator = Annotator({{"scene": scene.image}}, CLASSES, {{"scene": scene.mask}}, file="kept.json")
annotator
"""
PHOTO = """\
import numpy as np
from wsss_lite.data.scenes import CLASSES, draw
from wsss_lite.widgets import Annotator
Annotator(np.asarray(draw(14).image).repeat(3, 0).repeat(4, 1)[:375, :500], CLASSES)
"""


def shot(page, name):  # noqa: F811
    """A picture of the page, where a folder for them is named."""
    folder = os.environ.get("WSSS_LITE_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"annotator-{name}.png")


def places():
    """(class, stroke inside the largest object, its box, its four ends) of the scene."""
    scene = draw(SEED)
    number = 1 + np.argmax(np.bincount(scene.instances[scene.instances < 255])[1:])
    pixels = scene.instances == number
    cls = int(np.bincount(scene.mask[pixels & (scene.mask < 255)]).argmax())
    y, x = np.nonzero(pixels)
    inner = ndimage.binary_erosion(pixels, iterations=2)
    depth = ndimage.distance_transform_edt(inner)
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    along = np.flatnonzero(inner[row])
    run = along[np.abs(along - column) <= depth.max()]
    ends = [(int(y.min()), int(x[y.argmin()])), (int(y[x.argmin()]), int(x.min())),
            (int(y.max()), int(x[y.argmax()])), (int(y[x.argmax()]), int(x.max()))]  # fmt: skip
    box = (int(y.min()), int(x.min())), (int(y.max()), int(x.max()))
    return cls, [(int(row), int(run[0])), (int(row), int(run[-1]))], box, ends


# The canvas on a bare page


class Bare:
    """The canvas of an annotator on a page, drawn on in pixels of its picture."""

    def __init__(self, page, annotator):  # noqa: F811
        self.page, self.annotator = page, annotator
        page.set_default_timeout(PATIENCE)
        self.bare = BarePage(page, annotator.canvas)
        self.canvas = page.locator("canvas.wsss-annotator-canvas")
        self.canvas.wait_for()
        self.settle()

    def settle(self):
        self.bare.settle()

    def at(self, y, x):
        """Where the middle of a pixel lies on the page."""
        area = self.canvas.bounding_box()
        scale = area["width"] / self.annotator.size()[1]
        return area["x"] + scale * (x + 0.5), area["y"] + scale * (y + 0.5)

    def drag(self, *points, release=True):
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=6)
        if release:
            self.page.mouse.up()
        self.settle()

    def click(self, *points):
        for point in points:
            self.page.mouse.click(*self.at(*point))
        self.settle()

    def key(self, *keys):
        self.canvas.focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def button(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()
        self.settle()

    def pixels(self):
        """The canvas without a cursor on it."""
        self.page.mouse.move(1, 1)
        self.canvas.evaluate("canvas => canvas.blur()")
        before = None
        for _ in range(20):
            self.settle()
            now = self.canvas.evaluate(DRAWN)
            if now == before:
                break
            before = now
        return now

    def hint(self):
        return self.page.locator(".hint").inner_text()

    @property
    def drawn(self):
        return self.annotator.state()["drawn"]


@pytest.fixture
def bare(page):  # noqa: F811
    scene = draw(SEED)
    return Bare(page, Annotator({"scene": scene.image}, CLASSES, {"scene": scene.mask}))


def test_a_scribble_follows_the_mouse_and_is_sent_once(bare, page):  # noqa: F811
    cls, stroke, _, _ = places()
    heard = []
    bare.annotator.canvas.on_msg(lambda _, content, __: heard.append(content))
    bare.key(str(cls), "]", "]")
    assert bare.annotator.state()["cls"] == CLASSES[cls - 1]
    assert bare.annotator.state()["width"] == 5
    shot(page, "bare-empty")
    empty = bare.pixels()
    bare.drag(*stroke, release=False)
    assert bare.canvas.evaluate(DRAWN) != empty and not heard, "shown at once, sent on release"
    page.mouse.up()
    bare.settle()
    first, state = bare.pixels(), bare.annotator.state()
    assert len(heard) == 1 and heard[0]["kind"] == "scribble" and first != empty
    ends = np.array(heard[0]["path"])[[0, -1]]
    assert np.abs(ends - np.array(stroke) - 0.5).max() < 0.3, "half a pixel of the picture"
    assert (bare.annotator.annotation().scribbles == cls).sum() == state["drawn"]["scribbles"]
    assert bare.annotator.annotation().scribbles[stroke[0]] == cls
    bare.key("0")
    bare.drag((4, 4), (4, 124))
    second = bare.annotator.state()
    assert bare.pixels() != first and second["miou"] != state["miou"]
    shot(page, "bare-scribbles")


def test_undo_and_redo_by_button_and_keys(bare):
    cls, stroke, _, _ = places()
    undo = bare.page.get_by_role("button", name="Undo (key Z)")
    assert undo.is_disabled()
    bare.key(str(cls))
    seen = [bare.pixels()]
    for path in (stroke, [(4, 4), (4, 124)]):
        bare.drag(*path)
        seen.append(bare.pixels())
    assert len(set(seen)) == 3
    undo.click()
    assert bare.pixels() == seen[1]
    bare.key("z")
    assert bare.pixels() == seen[0] and undo.is_disabled() and bare.drawn["scribbles"] == 0
    bare.key("Shift+Z", "Control+y")
    assert bare.pixels() == seen[2]
    bare.key("Control+z", "Control+Shift+Z")
    assert bare.pixels() == seen[2]
    bare.button("Clear this picture; undo brings it back")
    assert bare.pixels() == seen[0]
    bare.key("z")
    assert bare.pixels() == seen[2]


def test_boxes_points_and_extreme_points(bare, page):  # noqa: F811
    cls, stroke, ((y0, x0), (y1, x1)), ends = places()
    page.get_by_role("radio", name=re.compile(f"^{CLASSES[cls - 1]}")).click()
    page.get_by_role("button", name=re.compile("^Box")).click()
    assert "Box of " + CLASSES[cls - 1] in bare.hint()
    bare.drag((y1 + 0.5, x1 + 0.5), (y0 - 0.5, x0 - 0.5))  # from the lower right to the upper left
    (box,) = bare.annotator.annotation().boxes
    assert (box.x0, box.y0, box.x1, box.y1) == (x0, y0, x1 + 1, y1 + 1) and box.cls == cls
    state = bare.annotator.state()
    assert state["kind"] == "boxes" and state["iou"][CLASSES[cls - 1]] > 0.1
    bare.key("x")
    bare.click(*ends[:3])
    assert "(3 of 4)" in bare.hint() and bare.drawn["extreme"] == 0
    bare.key("Escape")
    assert "of 4" not in bare.hint()
    bare.click(*ends[::-1])
    (found,) = bare.annotator.annotation().extreme
    assert (found.top, found.left, found.bottom, found.right) == tuple(ends)
    bare.key("p")
    bare.click(stroke[0])
    assert bare.annotator.annotation().points == ((*stroke[0], cls),)
    assert bare.annotator.state()["kind"] == "points" and bare.annotator.state()["miou"]
    shot(page, "bare-marks")
    bare.key("b")
    bare.click((100, 100))
    assert "This box is empty" in bare.annotator.line.value and bare.drawn["boxes"] == 1
    bare.key("e")
    bare.drag((stroke[0][0], stroke[0][1]), stroke[0])
    assert bare.drawn["points"] == 0


def test_finger_pen_and_keyboard_draw_too(bare, page):  # noqa: F811
    touch = page.context.new_cdp_session(page)

    def at(y, x):
        return dict(zip("xy", bare.at(y, x), strict=True))

    for kind, points in (("touchStart", [at(30, 30)]), ("touchMove", [at(30, 60)]),
                         ("touchMove", [at(50, 60)]), ("touchEnd", [])):  # fmt: skip
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    bare.settle()
    scribbles = bare.annotator.annotation().scribbles
    assert (scribbles[[30, 30, 50], [30, 60, 60]] == 1).all() and scribbles[50, 30] == 255
    bare.key("2")
    for kind, place in (("mousePressed", at(90, 20)), ("mouseMoved", at(90, 40)),
                        ("mouseReleased", at(90, 40))):  # fmt: skip
        pen = {"type": kind, "button": "left", "buttons": 1, "pointerType": "pen", **place}
        touch.send("Input.dispatchMouseEvent", pen)
    bare.settle()
    assert (bare.annotator.annotation().scribbles[90, 20:41] == 2).all()
    # The cursor of the keys begins in the middle of the picture.
    before = bare.drawn["scribbles"]
    bare.key("3", "Enter", "Enter", *["ArrowRight"] * 5, *["Shift+ArrowDown"] * 2, "Enter")
    scribbles = bare.annotator.annotation().scribbles
    assert (scribbles[[64, 64, 84], [64, 69, 69]] == 3).all() and bare.drawn["scribbles"] > before
    bare.key("p", "Shift+ArrowUp", "Enter")
    assert bare.drawn["points"] == 1
    bare.key("b", "Enter", "Shift+ArrowRight", "Shift+ArrowDown", "Escape", "Enter")
    assert bare.drawn["boxes"] == 0, "Escape dropped the box"
    bare.key("Shift+ArrowRight", "Shift+ArrowDown", "Enter")
    assert bare.drawn["boxes"] == 1


def test_the_stopwatch_runs_while_one_draws_and_halts(bare, page):  # noqa: F811
    clock = page.locator("[role=timer]")
    assert clock.inner_text() == "0.0 s (stands)"
    bare.drag((30, 30), (30, 60))
    page.wait_for_timeout(800)
    first = float(clock.inner_text().split()[0])
    assert first > 0.5 and "runs" in clock.inner_text()
    told = bare.annotator.state()["seconds"]
    assert 0 < told <= first
    bare.key("t")
    held = clock.inner_text()
    page.wait_for_timeout(600)
    assert clock.inner_text() == held and "halted" in held
    bare.key("t")
    page.wait_for_timeout(600)
    bare.key("z")
    assert bare.annotator.state()["seconds"] > told, "undoing takes time"


def test_zoom_mask_and_every_width(bare, page):  # noqa: F811
    cls, stroke, _, _ = places()
    bare.key(str(cls))
    bare.drag(*stroke)
    with_mask = bare.pixels()
    bare.key("m")
    assert bare.pixels() != with_mask
    bare.key("m")
    assert bare.pixels() == with_mask
    bare.key("p", "0")
    for width in (1600, 800, 360):
        page.set_viewport_size({"width": width, "height": 800})
        bare.settle()
        area = bare.canvas.bounding_box()
        assert min(width - 30, 500) <= area["width"] <= 512
        assert abs(area["height"] - area["width"]) < 2, "a square picture stays square"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        for made in page.locator("button").all():
            box = made.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] >= 30
        shot(page, f"bare-{width}")
        bare.click((2, 20 + width // 50))
        assert bare.annotator.annotation().points[-1] == (2, 20 + width // 50, 0)
        bare.key("z")
    narrow = bare.canvas.bounding_box()["width"]
    bare.key("+", "+", "+")
    assert bare.canvas.bounding_box()["width"] == pytest.approx(3 * narrow, rel=0.02)
    shot(page, "bare-zoomed")
    area = page.locator(".frame").bounding_box()
    page.mouse.click(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    bare.settle()
    y, x, _ = bare.annotator.annotation().points[-1]
    assert abs(y - 64) <= 8 and abs(x - 64) <= 8, "the middle stays in the middle"
    bare.key("-", "-", "-", "-")
    assert bare.canvas.bounding_box()["width"] == pytest.approx(narrow, rel=0.02)


def test_another_picture_shows_its_own_drawing(page):  # noqa: F811
    scenes = [draw(SEED), draw(SEED + 1)]
    annotator = Annotator([one.image for one in scenes], CLASSES, [one.mask for one in scenes])
    bare = Bare(page, annotator)
    bare.drag((30, 30), (30, 60))
    first = bare.pixels()
    annotator.picture.value = "2"
    bare.bare.sync()
    other = bare.pixels()
    assert other != first and page.locator("[role=timer]").inner_text().startswith("0.0 s")
    bare.drag((60, 30), (60, 60))
    assert annotator.annotation("2").count("scribbles") and "row" not in annotator.line.value
    annotator.picture.value = "1"
    bare.bare.sync()
    assert bare.pixels() == first


def test_a_page_that_nobody_answers_says_so_and_keeps_what_was_drawn(bare, page):  # noqa: F811
    page.evaluate("window.deaf = true")
    still = bare.pixels()
    bare.drag((30, 30), (30, 60))
    assert bare.pixels() != still
    alarm = page.locator("[role=alert]")
    page.wait_for_function("a => a.textContent.includes('run this cell again')",
                           arg=alarm.element_handle())  # fmt: skip
    shot(page, "bare-deaf")
    page.evaluate("window.deaf = false")
    bare.drag((60, 30), (60, 60))
    assert alarm.inner_text() == ""


def test_every_control_has_a_name_and_can_be_reached(bare, page):  # noqa: F811
    names = page.eval_on_selector_all(
        "button, input, canvas", "all => all.map(one => one.getAttribute('aria-label'))"
    )
    assert len(names) > 20 and all(names)
    assert page.locator("[role=toolbar]").count() == 2
    page.locator("[role=radio][aria-checked=true]").focus()
    page.keyboard.press("ArrowRight")
    assert bare.annotator.state()["cls"] == CLASSES[1]
    assert "Keys: B box" in page.locator(".help").inner_text()
    assert "Picture scene, nothing drawn." in bare.canvas.get_attribute("aria-label")
    page.evaluate("window.leave()")  # as when the cell is run again


# In JupyterLab


def opened(page, server, notebooks, name, *cells):  # noqa: F811
    """The annotator of a notebook of these cells that has been run."""
    write_notebook(notebooks / f"{name}.ipynb", *cells)
    page.set_default_timeout(PATIENCE)
    page.goto(server(f"{name}.ipynb"))
    run_all(page)
    widget = page.locator(".wsss-annotator").last
    widget.wait_for(timeout=120_000)
    return ready(page, widget)


def ready(page, widget):  # noqa: F811
    """Scroll the canvas into sight once it shows its picture."""
    canvas = widget.locator("canvas.wsss-annotator-canvas")
    canvas.wait_for(timeout=60_000)
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(1_000)
    return widget


class Hand:
    """Draws on the canvas of a widget, in pixels of its picture."""

    def __init__(self, page, widget, size):  # noqa: F811
        self.page, self.widget, self.size = page, widget, size
        self.canvas = widget.locator("canvas.wsss-annotator-canvas")
        self.line = widget.locator("[aria-live=polite]")

    def at(self, y, x):
        """Where the middle of a pixel lies on the page; the canvas may have been scrolled."""
        area = self.canvas.bounding_box()
        scale = area["width"] / self.size[1]
        return area["x"] + scale * (x + 0.5), area["y"] + scale * (y + 0.5)

    def drag(self, *points):
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=6)
        self.page.mouse.up()

    def click(self, y, x):
        self.page.mouse.click(*self.at(y, x))

    def key(self, *keys):
        self.canvas.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def button(self, text):
        self.widget.get_by_role("button", name=text).first.click()

    def seen(self):
        """(pixels of the canvas, line) without the cursor on it."""
        self.page.mouse.move(2, 2)
        self.canvas.evaluate("canvas => canvas.blur()")
        self.page.wait_for_timeout(300)
        text = self.line.inner_text()
        return self.canvas.evaluate(DRAWN), re.sub(r"[\d.]+ s\b|in \d+ ms", "", text)

    def after(self, act):
        """What is seen once the line has changed by an act."""
        before = self.line.inner_text()
        act()
        self.page.wait_for_function(
            "([line, old]) => line.isConnected && line.innerText !== old",
            arg=[self.line_holder(), before], timeout=60_000,
        )
        self.page.wait_for_timeout(700)  # pictures are decoded
        return self.seen()

    def line_holder(self):
        # The line itself is replaced by every answer; what holds it stays.
        return self.widget.evaluate_handle(
            "widget => ({get isConnected() { return true; }, get innerText() "
            "{ return widget.querySelector('[aria-live=polite]').innerText; }})"
        )


def miou(text):
    return float(re.search(r"mIoU of this picture ([\d.]+)", text)[1])


def test_a_reader_draws_undoes_saves_and_loads(page, server, notebooks):  # noqa: F811
    cls, stroke, box, ends = places()
    hand = Hand(page, opened(page, server, notebooks, "annotate", CELL), (128, 128))
    area = hand.canvas.bounding_box()
    assert area["width"] >= 256 and "nothing drawn yet" in hand.line.inner_text()
    shot(page, "empty")

    # A scribble: drawn by the page at once, sent on release.
    hand.key(str(cls))
    still, text = hand.canvas.evaluate(DRAWN), hand.line.inner_text()
    page.mouse.move(*hand.at(*stroke[0]))
    page.mouse.down()
    page.mouse.move(*hand.at(*stroke[1]), steps=8)
    page.wait_for_timeout(500)
    assert hand.canvas.evaluate(DRAWN) != still and hand.line.inner_text() == text
    first = hand.after(page.mouse.up)
    assert f"{CLASSES[cls - 1]} 0." in first[1] and "pixels of strokes" in first[1]
    hand.key("0")
    second = hand.after(lambda: hand.drag((4, 4), (4, 124)))
    assert second[0] != first[0] and miou(second[1]) != miou(first[1])
    clock = hand.widget.locator("[role=timer]").inner_text()
    assert 0.1 < float(clock.split()[0]) < 500 and "runs" in clock
    shot(page, "scribbles")

    # Undo by button, redo and undo by keys.
    assert hand.after(lambda: hand.button("Undo")) == first
    assert hand.after(lambda: hand.key("Shift+Z")) == second
    assert hand.after(lambda: hand.key("Control+z")) == first
    assert hand.after(lambda: hand.key("Control+y")) == second
    hand.key("m", "m")
    assert hand.canvas.evaluate("c => document.activeElement === c"), "Jupyter took the keys"

    # A box, and extreme points, by keys and mouse.
    hand.key("b", str(cls))
    page.wait_for_timeout(1_500)
    (y0, x0), (y1, x1) = box
    third = hand.after(lambda: hand.drag((y0 - 0.5, x0 - 0.5), (y1 + 0.5, x1 + 0.5)))
    assert "1 box" in third[1] and "mask from boxes by GrabCut" in third[1] and miou(third[1])
    assert third[0] != second[0]
    hand.key("x")
    page.wait_for_timeout(1_500)
    fourth = hand.after(lambda: [hand.click(*end) for end in ends])
    assert "1 object by its extreme points" in fourth[1] and miou(fourth[1])
    shot(page, "extreme")

    # Points: one by the mouse, one by a finger, one by the keyboard's cursor.
    hand.key("p")
    page.wait_for_timeout(1_500)
    fifth = hand.after(lambda: hand.click(*stroke[0]))
    assert "1 point" in fifth[1] and "mask from points by random walk" in fifth[1]
    hand.key("0")

    def finger():
        touch, (x, y) = page.context.new_cdp_session(page), hand.at(100, 10)
        for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    assert "2 points" in hand.after(finger)[1]
    keys = ["ArrowDown"] + ["Shift+ArrowDown"] * 5 + ["Enter"]
    sixth = hand.after(lambda: hand.key(*keys))
    assert "3 points" in sixth[1] and miou(sixth[1]) != miou(fifth[1])

    # The eraser takes the finger's point away; what cannot be done is said.
    hand.key("e")
    assert "2 points" in hand.after(lambda: hand.click(100, 10))[1]
    hand.key("b", "0")
    page.wait_for_timeout(1_500)
    hand.after(lambda: hand.drag((20, 20), (60, 60)))
    assert "The background has no box" in hand.widget.inner_text()

    # Save, clear, load: the same again, on the page and in the files.
    hand.key("s")
    page.wait_for_timeout(1_500)
    before = hand.seen()
    hand.button("Save")
    hand.widget.get_by_text("Saved 1 of 1 pictures").wait_for(timeout=30_000)
    kept = files.read_folder(notebooks / "drawn")["scene"]
    assert kept.count("boxes") == 1 and kept.count("extreme") == 1 and kept.count("points") == 2
    assert kept.seconds > 1
    hand.after(lambda: hand.button("Clear"))
    assert "nothing drawn" in hand.line.inner_text()
    assert hand.after(lambda: hand.button("Load")) == before
    again = files.read_coco(notebooks / "kept.json", CLASSES)["scene"]
    assert replace(again, seconds=kept.seconds) == kept, "the clock alone went on"


def restart(page):  # noqa: F811
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_text("Restart Kernel…", exact=True).click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_timeout(4_000)


def test_a_restarted_kernel_leaves_a_usable_page(page, server, notebooks):  # noqa: F811
    (notebooks / "kept.json").unlink(missing_ok=True)
    hand = Hand(page, opened(page, server, notebooks, "restart", CELL), (128, 128))
    first = hand.after(lambda: hand.drag((60, 40), (60, 80)))
    page.remove_locator_handler(page.locator(".jp-Dialog .jp-mod-accept"))
    restart(page)
    # The old widget still draws, says that nobody listens, and where the drawing is kept.
    hand.drag((30, 20), (30, 60))
    alarm = hand.widget.locator("[role=alert]")
    page.wait_for_function(
        "alarm => alarm.textContent.includes('run this cell again')",
        arg=alarm.element_handle(), timeout=20_000,
    )
    assert "kept.json" in alarm.inner_text()
    shot(page, "restarted")
    run_all(page)
    page.wait_for_function(
        "() => { const alarm = document.querySelector('.wsss-annotator [role=alert]');"
        " return alarm && !alarm.textContent; }", timeout=120_000,
    )  # fmt: skip
    hand = Hand(page, ready(page, page.locator(".wsss-annotator").last), (128, 128))
    assert hand.seen() == first, "what was drawn before the restart is there again"
    assert hand.after(lambda: hand.drag((30, 20), (30, 60))) != first


def test_narrow_and_wide_windows_and_zoom(page, server, notebooks):  # noqa: F811
    hand = Hand(page, opened(page, server, notebooks, "photo", PHOTO), (375, 500))
    hand.key("p")
    page.wait_for_timeout(1_500)
    for width in (1920, 700, 420):
        page.set_viewport_size({"width": width, "height": 900})
        if width == 420:  # the file browser would take half of it
            page.keyboard.press("Control+b")
        page.wait_for_timeout(1_500)
        hand.canvas.scroll_into_view_if_needed()
        area, frame = hand.canvas.bounding_box(), hand.widget.bounding_box()
        assert 200 <= area["width"] <= 640 and abs(area["height"] / area["width"] - 0.75) < 0.01
        for made in hand.widget.locator(".wsss-annotator-page button").all():
            box = made.bounding_box()
            assert box["x"] >= frame["x"] - 1 and box["x"] + box["width"] <= width
        shot(page, f"window-{width}")
        before = hand.seen()
        after = hand.after(lambda: hand.click(100, 60 + width // 10))
        assert after[0] != before[0]
        hand.after(lambda: hand.button("Undo"))
    # Zoomed in, a click still lands on the pixel below the pointer.
    hand.key("+", "+", "+")
    page.wait_for_timeout(500)
    assert hand.canvas.bounding_box()["width"] > 2.5 * area["width"]
    hand.widget.locator(".frame").evaluate("frame => frame.scrollIntoView({ block: 'center' })")
    hand.after(lambda: hand.click(187, 250))
    hand.key("-", "-", "-", "e")
    assert hand.canvas.bounding_box()["width"] == pytest.approx(area["width"], abs=20)
    assert "nothing drawn" in hand.after(lambda: hand.click(187, 250))[1]
