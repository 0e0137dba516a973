"""The prompter: what it asks and shows without a page, and its canvas in a real browser."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_browser import browser  # noqa: F401

pytest.importorskip("anywidget")

from bare_page import BarePage  # noqa: E402

from wsss_lite.assist.sam import Embedding, Promptable, prompts  # noqa: E402
from wsss_lite.errors import InputError  # noqa: E402
from wsss_lite.widgets.promptable import Prompter, transparent  # noqa: E402

RADII, ESTIMATES = (4, 12, 20), (0.5, 0.9, 0.7)


class Discs(Promptable):
    """Three discs round a lone click; the box or the largest disc, less what lies beside, else."""

    name = "discs"

    def __init__(self):
        self.encoded, self.answered = 0, 0

    def encode(self, image):
        self.encoded += 1
        return Embedding(image.shape[:2], None)

    def logits(self, embedding, boxes=None, points=None, labels=None):
        self.answered += 1
        given = prompts(embedding.size, boxes, points, labels)
        y, x = np.mgrid[: embedding.size[0], : embedding.size[1]]
        if given.boxes is not None:
            x0, y0, x1, y1 = given.boxes[0]
            inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
            return inside[None, None] * 2.0 - 1, np.float32([[0.8]])
        away = [np.hypot(x - u, y - v) for u, v in given.points[0]]
        if len(away) == 1:
            return np.stack([r - away[0] for r in RADII])[None], np.float32([ESTIMATES])
        on = np.max([RADII[-1] - d for d, n in zip(away, given.labels[0]) if n], 0)
        off = np.max([RADII[0] - d for d, n in zip(away, given.labels[0]) if not n], 0)
        return np.minimum(on, -off)[None, None], np.float32([[0.6]])


def world():
    """Two pictures; in the first a disc as number 1, a square as number 2, and void."""
    rng = np.random.default_rng(0)
    pictures = {"a": rng.integers(60, 200, (80, 100, 3), np.uint8),
                "b": rng.integers(60, 200, (64, 64, 3), np.uint8)}  # fmt: skip
    y, x = np.mgrid[:80, :100]
    things = np.zeros((80, 100), np.uint8)
    things[np.hypot(x - 30, y - 40) <= 12] = 1
    things[10:40, 60:90] = 2
    things[40:44, 60:90] = 255
    return pictures, {"a": things}


@pytest.fixture
def prompter():
    pictures, things = world()
    return Prompter(pictures, Discs(), things)


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


# ------------------------------------------------------------------ without a page


def test_a_picture_is_encoded_once_and_prompts_are_answered_often(prompter):
    for x in (20, 30, 40):
        prompter.clear()
        prompter.click(x, 40)
    prompter.picture.value = "b"
    prompter.picture.value = "a"
    assert prompter.sam.encoded == 2 and prompter.sam.answered == 4  # the last click once more


def test_of_a_click_the_best_of_three_is_shown_and_another_can_be_chosen(prompter):
    prompter.click(30, 40)
    state = prompter.state()
    assert state["acts"] == [["on", 30, 40]] and state["shown"] == 2
    assert state["predicted"] == pytest.approx(ESTIMATES)
    y, x = np.mgrid[:80, :100]
    assert np.array_equal(prompter.mask(), np.hypot(x - 30, y - 40) < 12)
    assert "predicted IoU 0.90 (answer 2 of 0.50 / 0.90 / 0.70)" in prompter.line.value
    prompter.answer.value = "1 of 3"
    assert prompter.state()["shown"] == 1 and prompter.mask().sum() < 60
    assert "predicted IoU 0.50" in prompter.line.value
    prompter.drag(10, 10, 40, 40)  # another prompt: the best again, and there is only one
    assert prompter.answer.options == ("the best",) and prompter.state()["shown"] == 1


def test_the_true_iou_is_that_with_the_thing_that_fits_and_void_does_not_count(prompter):
    prompter.drag(60, 10, 90, 42)  # the square, and two rows of void
    assert prompter.state()["iou"] == 1 and prompter.state()["thing"] == 2
    prompter.clear()
    prompter.click(30, 40)
    found = prompter.mask() & (world()[1]["a"] == 1)
    iou = found.sum() / (prompter.mask() | (world()[1]["a"] == 1)).sum()
    assert prompter.state()["iou"] == pytest.approx(iou) and prompter.state()["thing"] == 1
    assert f"true IoU {iou:.2f}" in prompter.line.value
    prompter.picture.value = "b"
    prompter.click(30, 40)
    assert prompter.state()["iou"] is None and "true" not in prompter.line.value


def test_clicks_beside_and_a_box_are_one_prompt(prompter):
    prompter.click(30, 40)
    prompter.beside(34, 40)
    assert prompter.prompt() == (None, [(30, 40), (34, 40)], [1, 0])
    assert not prompter.mask()[40, 34] and prompter.mask()[40, 20]
    prompter.drag(20, 20, 50, 60)
    prompter.drag(22, 20, 50, 60)
    assert prompter.prompt()[0] == (22, 20, 50, 60)  # the last box counts
    for _ in range(2):
        prompter.undo()
    assert prompter.prompt() == (None, [(30, 40), (34, 40)], [1, 0])
    prompter.clear()
    prompter.undo()
    assert prompter.mask() is None and prompter.state()["area"] is None
    assert "click on a thing" in prompter.line.value and prompter.canvas.mask == b""


def test_each_picture_keeps_its_own_prompt(prompter):
    prompter.click(30, 40)
    prompter.picture.value = "b"
    assert prompter.state()["acts"] == [] and prompter.canvas.acts == []
    prompter.click(5, 6)
    prompter.picture.value = "a"
    assert prompter.state()["acts"] == [["on", 30, 40]] == prompter.canvas.acts
    assert prompter.canvas.size == (80, 100) and prompter.mask().shape == (80, 100)


@pytest.mark.parametrize("act, sentence", [
    (("click", 100.5, 3), "outside the picture of 100 x 80"),
    (("drag", 30, 10, 20, 40), "is empty or leaves"),
])  # fmt: skip
def test_a_bad_prompt_changes_nothing(prompter, act, sentence):
    prompter.click(30, 40)
    before = prompter.state()
    with pytest.raises(InputError, match=sentence):
        getattr(prompter, act[0])(*act[1:])
    assert prompter.state() == before


def test_bad_arguments_are_one_sentence():
    with pytest.raises(InputError, match="no picture"):
        Prompter([], Discs())
    with pytest.raises(InputError, match="2 pictures but things of 1"):
        Prompter(list(world()[0].values()), Discs(), [world()[1]["a"]])


def test_what_a_model_refuses_is_said_in_the_line():
    class Refuses(Discs):
        def logits(self, *given, **more):
            raise InputError("It has random weights.")

    prompter = Prompter(world()[0], Refuses())
    prompter.click(3, 3)
    assert "It has random weights." in prompter.line.value and prompter.mask() is None


def test_the_mask_over_the_picture_has_its_edge(prompter):
    prompter.drag(20, 20, 50, 60)
    shown = pixels(prompter.canvas.mask)
    factor = shown.shape[1] // 100
    assert shown.shape == (80 * factor, 100 * factor, 4)
    alpha = shown[factor // 2 :: factor, factor // 2 :: factor, 3]
    assert 0 < alpha[40, 30] < 255 and alpha[5, 5] == 0
    assert (shown[20 * factor, 30 * factor : 40 * factor] == 255).all()
    assert not transparent(np.zeros((4, 4), bool)).any()


def test_without_a_page_there_are_still_pictures(prompter):
    prompter.click(30, 40)
    strip = prompter.strip()
    assert len(strip.rows[0]) == 1 + len(ESTIMATES)
    assert strip.titles[0][2].startswith("predicted IoU 0.90, true ")
    data = prompter._repr_mimebundle_()
    assert repr(prompter) == data["text/plain"] == "Prompter(2 pictures, discs)"
    assert "click on 30, 40" in data["text/html"]
    assert len(Prompter(world()[0]["a"], Discs()).strip().rows[0]) == 1


def test_large_photographs_are_reduced():
    photo = np.zeros((900, 1200, 3), np.uint8)
    prompter = Prompter(photo, Discs(), [np.ones((900, 1200), np.uint8)])
    assert prompter.canvas.size == (480, 640)
    prompter.drag(0, 0, 640, 480)
    assert prompter.state()["iou"] == 1


# ------------------------------------------------------------------ in a browser

SHOWN = """canvas => {
  const small = Object.assign(document.createElement("canvas"), { width: 200, height: 160 });
  small.getContext("2d").drawImage(canvas, 0, 0, 200, 160);
  return small.toDataURL();
}"""


class Page:
    """The canvas on a bare page, used in pixels of its picture."""

    def __init__(self, page, prompter):
        self.page, self.prompter = page, prompter
        self.bare = BarePage(page, prompter.canvas)
        self.canvas = page.locator("canvas.wsss-promptable-canvas")
        self.canvas.wait_for()
        self.bare.settle()

    def at(self, x, y):
        area = self.canvas.bounding_box()
        scale = area["width"] / self.prompter.canvas.size[1]
        return area["x"] + scale * x, area["y"] + scale * y

    def click(self, x, y):
        """In the middle of a pixel."""
        self.page.mouse.click(*self.at(x + 0.5, y + 0.5))
        self.bare.settle()

    def drag(self, *corners, release=True):
        self.page.mouse.move(*self.at(*corners[0]))
        self.page.mouse.down()
        for corner in corners[1:]:
            self.page.mouse.move(*self.at(*corner), steps=5)
        if release:
            self.page.mouse.up()
        self.bare.settle()

    def key(self, *keys):
        self.canvas.focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.bare.settle()

    def button(self, text):
        self.page.get_by_role("button", name=text).click()
        self.bare.settle()

    def acts(self):
        return self.prompter.state()["acts"]

    def seen(self):
        self.canvas.evaluate("canvas => canvas.blur()")
        self.bare.settle()
        return self.canvas.evaluate(SHOWN)

    def shot(self, name):
        folder = os.environ.get("WSSS_LITE_SCREENSHOTS")
        if folder:
            self.page.screenshot(path=Path(folder) / f"promptable-{name}.png")


@pytest.fixture
def page(browser, prompter):  # noqa: F811
    context = browser.new_context(viewport={"width": 700, "height": 700}, has_touch=True)
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    yield Page(opened, prompter)
    context.close()


def test_a_press_is_a_click_and_a_drag_is_a_box(page):
    empty = page.seen()
    page.click(30, 40)
    assert page.acts() == [["on", 30, 40]]
    clicked = page.seen()
    assert clicked != empty and page.prompter.state()["iou"] > 0.9
    page.shot("click")
    page.button("Take all back")
    assert page.acts() == [] and page.seen() == empty
    page.drag((90, 40), (60, 10), release=False)  # from the lower right to the upper left
    assert page.acts() == [] and page.canvas.evaluate(SHOWN) != empty, "shown, not sent"
    page.page.mouse.up()
    page.bare.settle()
    assert page.acts() == [["box", 60, 10, 90, 40]] and page.prompter.state()["iou"] == 1
    page.shot("box")


def test_shift_and_the_button_click_beside(page):
    page.click(30, 40)
    page.page.keyboard.down("Shift")
    page.click(36, 40)
    page.page.keyboard.up("Shift")
    page.button("A click says: not this")
    page.click(24, 40)
    assert page.acts() == [["on", 30, 40], ["beside", 36, 40], ["beside", 24, 40]]
    page.button("A click says: this")
    page.click(30, 50)
    assert page.acts()[-1] == ["on", 30, 50]
    page.shot("beside")
    page.button("Take the last one back")
    assert len(page.acts()) == 3
    assert page.canvas.get_attribute("aria-label").startswith("picture a, click on 30, 40, click b")


def test_the_keys_click_draw_boxes_and_take_back(page):
    assert page.page.get_by_role("button", name="Take the last one back").is_disabled()
    page.key("Enter", "Enter")  # the cursor begins in the middle
    assert page.acts() == [["on", 50, 40]]
    page.key("Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+Enter")
    assert page.acts()[-1] == ["beside", 30, 40]
    page.key("ArrowUp", "b", "Shift+ArrowRight", "Shift+ArrowDown", "ArrowRight", "b")
    assert page.acts()[-1] == ["box", 30, 39, 42, 50]
    page.key("z")
    assert page.acts()[-1] == ["beside", 30, 40]
    page.key("b", "Shift+ArrowRight", "Escape")
    assert page.acts() == []
    page.key("Enter")
    assert [act[0] for act in page.acts()] == ["on"], "Escape has dropped the box"


def test_clicks_at_the_edge_stay_inside(page):
    page.drag((50, 40), (130, 90))
    assert page.acts() == [["box", 50, 40, 100, 80]]
    page.page.mouse.click(*page.at(99.9, 79.9))
    page.bare.settle()
    assert page.acts()[-1] == ["on", 99, 79] and "outside" not in page.prompter.line.value


def test_a_finger_clicks_too(page):
    page.page.touchscreen.tap(*page.at(30.5, 40.5))
    page.bare.settle()
    assert page.acts() == [["on", 30, 40]]


def test_what_python_asks_and_another_picture_show_on_the_page(page):
    empty = page.seen()
    page.prompter.click(30, 40)
    page.bare.sync()
    clicked = page.seen()
    assert clicked != empty
    page.prompter.picture.value = "b"
    page.bare.sync()
    other = page.seen()
    assert other not in (empty, clicked)
    area = page.canvas.bounding_box()
    assert abs(area["width"] - area["height"]) < 2, "a square picture is square"
    page.click(10, 12)
    assert page.acts() == [["on", 10, 12]]
    page.prompter.picture.value = "a"
    page.bare.sync()
    assert page.seen() == clicked
    page.page.set_viewport_size({"width": 330, "height": 700})
    assert page.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.page.evaluate("window.leave()")
