"""The spoiler without a page: its numbers, its pictures, its speed."""

import io
import time

import numpy as np
import pytest
from moving_page import mask_in, told
from PIL import Image

pytest.importorskip("ipywidgets")

from wsss_lite.maps.saliency import spoil  # noqa: E402
from wsss_lite.refine.threshold import label, upsample  # noqa: E402
from wsss_lite.score import Scores, confusion  # noqa: E402
from wsss_lite.widgets.saliency import Spoiler  # noqa: E402

CLASSES = ("bird", "cat")
FAULTS = {"blur": 0.3, "false": 0.4, "missed": 1.0}


def world(size=128):
    """A square a class; maps that are hot on the square and lukewarm all round it."""
    rng = np.random.default_rng(0)
    images = [rng.integers(60, 200, (size, size, 3), dtype=np.uint8) for _ in range(2)]
    masks = [np.zeros((size, size), np.uint8) for _ in range(2)]
    maps, cell = np.zeros((2, 2, 16, 16), np.float32), size // 16
    for i, k in ((0, 0), (0, 1), (1, 1)):
        at = 2 + 7 * k
        masks[i][cell * at : cell * (at + 5), cell * at : cell * (at + 5)] = k + 1
        maps[i, k, at - 2 : at + 7, at - 2 : at + 7] = 0.6
        maps[i, k, at : at + 5, at : at + 5] = 1
    masks[0][:2] = 255
    perfect = np.stack([(mask % 255 > 0).astype(np.float32) for mask in masks])
    return images, maps, {"perfect": perfect, "none": 0 * perfect}, masks, CLASSES


@pytest.fixture
def spoiler():
    return Spoiler(*world())


def pixels(widget):
    return np.asarray(Image.open(io.BytesIO(widget.value)).convert("RGB"))


def test_the_numbers_are_those_of_the_plain_functions(spoiler):
    _, maps, saliency, masks, _ = world()
    spoiler.picture.value = 2
    spoiler.false.value, spoiler.missed.value, spoiler.blur.value = 0.2, 0.3, 0.05
    spoiler.strength.value, spoiler.threshold.value = 0.7, 0.4
    worse = spoil(saliency["perfect"][[1]], blur=0.05, false=0.2, missed=0.3, seed=1)[0]
    product = upsample(maps[1], (128, 128)) * worse**0.7
    product /= np.maximum(product.max((1, 2), keepdims=True), 1e-12)
    state = spoiler.state()
    want = Scores(confusion(masks[1], label(product, 0.4), 3)).miou
    assert state["gated"] == pytest.approx(want)
    alone = label(upsample(maps[1], (128, 128)), 0.4)
    assert state["alone"] == pytest.approx(Scores(confusion(masks[1], alone, 3)).miou)
    found, there = worse > 0.5, masks[1] > 0
    assert state["saliency"] == pytest.approx((found & there).sum() / (found | there).sum())
    for key in ("saliency", "alone", "gated"):
        assert f"{state[key]:.2f}" in spoiler.line.value


def test_a_perfect_map_is_a_help_and_a_spoilt_one_is_not(spoiler):
    state = spoiler.state()
    assert state["saliency"] == 1 and state["gated"] > state["alone"] + 0.1
    assert "a help" in spoiler.line.value
    spoiler.missed.value = 1.0
    state = spoiler.state()
    assert state["saliency"] == 0 and state["gated"] < state["alone"]
    assert "a harm" in spoiler.line.value
    spoiler.strength.value = 0
    assert spoiler.state()["gated"] == spoiler.state()["alone"]
    assert "no change" in spoiler.line.value


def test_void_pixels_are_not_scored(spoiler):
    top = np.zeros((128, 128), np.float32)
    top[:2] = 1
    spoiler.saliency["perfect"] = spoiler.saliency["perfect"] + top
    spoiler.strength.value = 0.5
    assert spoiler.state()["saliency"] == 1


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_changes_map_mask_and_line(spoiler, name):
    parts = (spoiler.left, spoiler.image, spoiler.line)
    before = [part.value for part in parts]
    getattr(spoiler, name).value = FAULTS[name]
    assert all(old != part.value for old, part in zip(before, parts, strict=True))
    assert f"{name} {FAULTS[name]:.2f}" in spoiler.left.tooltip


def test_strength_and_threshold_leave_the_left_picture_alone(spoiler):
    for control, value in (("strength", 0.0), ("threshold", 0.7)):
        left, right = pixels(spoiler.left), spoiler.line.value
        getattr(spoiler, control).value = value
        assert np.array_equal(pixels(spoiler.left), left) and spoiler.line.value != right


def test_another_source_is_another_map(spoiler):
    spoiler.source.value = "none"
    assert spoiler.state()["saliency"] == 0 and spoiler.spoilt().max() == 0
    assert not spoiler.mask().any() and spoiler.mask(0).any()


def test_large_photographs_and_missing_masks():
    image, maps = np.zeros((1500, 1000, 3), np.uint8), np.ones((1, 1, 4, 4))
    made = Spoiler([image], maps, {"one": np.ones((1, 7, 5))}, [None], ["cat"])
    assert made.spoilt().shape == made.mask().shape == (384, 256)
    assert made.state()["gated"] is None and "no mask" in made.line.value
    assert made.strip().html()


def test_a_move_of_a_slider_is_answered_at_once():
    rng = np.random.default_rng(0)
    images, masks = [np.zeros((480, 640, 3), np.uint8)], [np.ones((480, 640), np.uint8)]
    maps, saliency = rng.random((1, 20, 14, 14)), {"own": rng.random((1, 14, 14))}
    maps[:, 2:] = 0
    made = Spoiler(images, maps, saliency, masks, [f"class {k}" for k in range(20)])
    for control, values in (("blur", (0.1, 0.3, 0.4)), ("missed", (0.2, 0.5)), ("false", (0.3,))):
        times = []
        for value in values:
            start = time.perf_counter()
            getattr(made, control).value = value
            times.append(time.perf_counter() - start)
        assert min(times) < 0.3, control


def test_the_repr_is_short_and_fixed_and_the_bundle_has_still_pictures(spoiler):
    bundle = spoiler._repr_mimebundle_()
    assert bundle["text/plain"] == repr(spoiler) == "Spoiler(2 pictures, 2 classes)"
    assert "application/vnd.jupyter.widget-view+json" in bundle
    html = bundle["text/html"]
    assert html.count("<figure") == 4 and 'alt="Still view of the spoiler' in html
    assert f"mIoU {spoiler.state()['gated']:.2f}" in html and len(html) < 200_000


def test_pieces_that_do_not_belong_together_are_refused():
    images, maps, saliency, masks, classes = world()
    with pytest.raises(ValueError, match="2 pictures, 1 maps"):
        Spoiler(images, maps[:1], saliency, masks, classes)
    with pytest.raises(ValueError, match=r"saliency of \[2, 1\]"):
        Spoiler(images, maps, saliency | {"none": saliency["none"][:1]}, masks, classes)
    with pytest.raises(ValueError, match="do not belong"):
        Spoiler(images, maps, {}, masks, classes)


def test_a_page_without_a_kernel_holds_the_masks_at_its_stops(spoiler):
    data = told(spoiler.page())
    assert data["layers"] == ["left out", "perfect", "none"]
    labels = data["pictures"][0]["layers"]
    for strength, layer in ((0, labels[0]), (1, labels[1])):
        for k, value in ((2, 0.3), (5, 0.6)):
            spoiler.strength.value, spoiler.threshold.value = strength, value
            assert np.array_equal(mask_in(layer["labels"][k], (128, 128)), spoiler.mask())
