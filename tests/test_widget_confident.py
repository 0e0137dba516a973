"""The chooser without a page: its labels are the method's, its numbers, its pictures, its speed."""

import io
import time

import cv2
import numpy as np
import pytest
from moving_page import map_in, told
from PIL import Image

pytest.importorskip("ipywidgets")

from wsss_lite.refine.pairs import SMALL, confident  # noqa: E402
from wsss_lite.score import Scores, confusion  # noqa: E402
from wsss_lite.widgets.confident import Chooser  # noqa: E402

CLASSES = ("bird", "cat")


def world(size=128):
    """A square a class; maps hot on it, lukewarm round it; a foreground that knows the square."""
    rng = np.random.default_rng(0)
    masks = [np.zeros((size, size), np.uint8) for _ in range(2)]
    maps, front = np.zeros((2, 2, 16, 16), np.float32), np.full((2, 16, 16), 0.2, np.float32)
    cell = size // 16
    for i, k in ((0, 0), (0, 1), (1, 1)):
        at = 2 + 7 * k
        masks[i][cell * at : cell * (at + 5), cell * at : cell * (at + 5)] = k + 1
        maps[i, k] = 0.05
        maps[i, k, at - 2 : at + 7, at - 2 : at + 7] = 0.5
        maps[i, k, at : at + 5, at : at + 5] = 1
        front[i, at : at + 5, at : at + 5] = 1
    colours = np.array([[120, 130, 120], [200, 60, 60], [60, 60, 200]])
    images = [colours[m] + rng.integers(-20, 20, (size, size, 3)) for m in masks]
    unsure = np.zeros((2, 56, 56), np.float32)
    unsure[:, :, :28] = 1
    masks[0][:2] = 255
    return [x.astype(np.uint8) for x in images], maps, front, unsure, masks, CLASSES


@pytest.fixture
def chooser():
    return Chooser(*world())


def pixels(widget):
    return np.asarray(Image.open(io.BytesIO(widget.value)).convert("RGB"))


def test_the_labels_are_those_of_the_plain_functions(chooser):
    images, maps, front, _, masks, _ = world()
    chooser.picture.value, chooser.gate.value = 2, 1.0
    gated = maps[1] * front[1]
    gated /= np.maximum(gated.max((1, 2), keepdims=True), 1e-12)
    small = cv2.resize(images[1], (112, 112), interpolation=cv2.INTER_AREA)
    labels = confident(small, gated, 0.1, 0.3, SMALL)
    assert np.array_equal(chooser.labels(), labels)
    found = np.where(labels == 255, 0, labels).astype(np.uint8)
    assert np.array_equal(chooser.mask(), chooser._full(found))
    state = chooser.state()
    assert state["iou"] == pytest.approx(Scores(confusion(masks[1], chooser.mask(), 3)).miou)
    assert f"mIoU as a mask {state['iou']:.2f}" in chooser.line.value
    assert f"{state['labelled']:.0%} of the pixels" in chooser.line.value


def test_the_shares_are_what_their_names_say(chooser):
    masks = world()[4]
    chooser.gate.value, chooser.high.value = 0.0, 0.4
    labels, state = chooser._full(chooser.labels()), chooser.state()
    known = masks[0] != 255
    named = (labels != 255) & known
    assert state["right"] == (labels == masks[0])[named].mean()
    there = (masks[0] > 0) & known
    assert state["recall"] == (labels == masks[0])[there].mean()
    found = named & (labels > 0)
    assert state["precision"] == (labels == masks[0])[found].mean()


def test_the_gate_makes_labels_more_precise(chooser):
    chooser.gate.value = 0.0
    without = chooser.state()
    chooser.gate.value = 2.0
    assert chooser.state()["precision"] > without["precision"]


def test_low_equal_to_high_labels_everything(chooser):
    chooser.low.value = chooser.high.value
    assert chooser.state()["labelled"] == 1
    chooser.low.value = 0.9  # above high: counts as high
    assert chooser.state()["labelled"] == 1


def test_distrust_drops_the_unsure_half_and_needs_no_crf(chooser):
    chooser.low.value = chooser.high.value
    kept = chooser._kept
    chooser.strength.value = 3.0
    assert chooser.state()["labelled"] == pytest.approx(0.5, abs=0.02)
    assert chooser._kept is kept
    assert (chooser.labels()[:, :50] == 255).all() and (chooser.labels()[:, 60:] != 255).all()


@pytest.mark.parametrize("view", ("map", "trust"))
def test_the_right_picture_follows_the_view(chooser, view):
    chooser.strength.value = 1.0
    left, right = pixels(chooser.left), pixels(chooser.image)
    chooser.view.value = view
    assert np.array_equal(pixels(chooser.left), left)
    assert not np.array_equal(pixels(chooser.image), right)
    assert chooser.image.tooltip.startswith(view)


def test_large_photographs_and_missing_masks():
    image, maps = np.zeros((1500, 1000, 3), np.uint8), np.ones((1, 1, 4, 4))
    made = Chooser([image], maps, np.ones((1, 3, 3)), np.zeros((1, 5, 5)), None, ["cat"])
    assert made.labels().shape == (112, 75)
    assert made.state()["iou"] is None and "no mask" in made.line.value
    assert made.strip().html()


def test_a_picture_without_a_class_is_background():
    images, maps, *rest = world()
    made = Chooser(images, 0 * maps, *rest)
    assert not made.labels().any() and made.state()["precision"] is None


def test_a_move_of_a_slider_is_answered_at_once(chooser):
    for control, values in (("gate", (1, 3, 4)), ("low", (0.2, 0.04)), ("strength", (1, 2))):
        times = []
        for value in values:
            start = time.process_time()  # other work on the machine is not ours
            getattr(chooser, control).value = value
            times.append(time.process_time() - start)
        assert min(times) < 0.3, control


def test_the_repr_is_short_and_fixed_and_the_bundle_has_still_pictures(chooser):
    bundle = chooser._repr_mimebundle_()
    assert bundle["text/plain"] == repr(chooser) == "Chooser(2 pictures, 2 classes)"
    assert "application/vnd.jupyter.widget-view+json" in bundle
    html = bundle["text/html"]
    assert html.count("<figure") == 3 and 'alt="Still view of the chooser' in html
    assert f"mIoU {chooser.state()['iou']:.2f}" in html and len(html) < 200_000


def test_pieces_that_do_not_belong_together_are_refused():
    images, maps, front, unsure, masks, classes = world()
    for bad in ((images[:1], maps, front, unsure), (images, maps[:, :1], front, unsure)):
        with pytest.raises(ValueError, match="belong together"):
            Chooser(*bad, None, classes)


def test_a_page_without_a_kernel_holds_the_gated_maps(chooser):
    data = told(chooser.page())
    assert data["layers"] == ["0", "1", "2", "4"] and data["layer"] == "2"
    chooser.gate.value = 4.0
    for k, one in enumerate(chooser.gated()):
        assert np.abs(map_in(data["pictures"][0]["layers"][3], k) - one).max() < 1e-4
