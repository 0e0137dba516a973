"""The attention viewer without a page: its numbers, its pictures, what it refuses."""

import io
import time

import numpy as np
import pytest
from moving_page import map_in, told
from PIL import Image

pytest.importorskip("ipywidgets")

from wsss_lite.widgets.attention import Attention  # noqa: E402

CLASSES, GRID = ("bird", "cat"), (4, 8)
TOKENS = len(CLASSES) + GRID[0] * GRID[1]


def world():
    """A bird in the left half of the first picture; the second holds nothing."""
    rng = np.random.default_rng(0)
    images = [rng.integers(60, 200, (64, 128, 3), dtype=np.uint8) for _ in range(2)]
    masks = [np.zeros((64, 128), np.uint8) for _ in range(2)]
    masks[0][:, :64] = 1
    masks[0][:2] = 255
    layers = [rng.random((2, 3, TOKENS, TOKENS)).astype(np.float32) for _ in range(2)]
    layers = [layer / layer.sum(-1, keepdims=True) for layer in layers]
    return images, layers, GRID, masks, CLASSES


@pytest.fixture
def viewer():
    return Attention(*world())


def pixels(widget):
    return np.asarray(Image.open(io.BytesIO(widget.value)).convert("RGB"))


def test_the_numbers_are_those_of_the_arrays(viewer):
    _, layers, _, masks, _ = world()
    viewer.query.value, viewer.layer.value, viewer.head.value = "bird", "2", "3"
    row = layers[1][0, 2, 0]
    state, seen = viewer.state(), row[2:] / row[2:].sum()
    assert state["patches"] == pytest.approx(row[2:].sum(), abs=1e-5)
    there = (masks[0] == 1).reshape(4, 16, 8, 16).mean((1, 3)).ravel()
    assert state["on"] == pytest.approx((seen * there).sum(), abs=1e-5)
    assert state["area"] == pytest.approx(62 / 128, abs=1e-5)
    assert state["ratio"] == pytest.approx(state["on"] / state["area"])
    assert state["wide"] == pytest.approx(np.exp(-(seen * np.log(seen)).sum()), rel=1e-4)
    assert viewer.heat().shape == GRID and viewer.heat().sum() == pytest.approx(1, abs=1e-5)
    assert f"({state['ratio']:.2f} times even)" in viewer.line.value
    viewer.head.value = "mean"
    mean = layers[1][0].mean(0)[0, 2:].reshape(GRID)
    assert np.allclose(viewer.heat(), mean / mean.sum(), atol=1e-6)


def test_a_patch_is_compared_with_what_lies_under_it(viewer):
    _, layers, _, _, _ = world()
    viewer.point(1, 2)
    state = viewer.state()
    assert (state["query"], state["target"]) == ("patch", "bird")
    mean = layers[0][0].mean(0)[2 + 1 * 8 + 2, 2:].reshape(GRID)
    assert np.allclose(viewer.heat(), mean / mean.sum(), atol=1e-6)
    viewer.point(3, 6)
    assert viewer.state()["target"] == "background"
    viewer.point(9, -3)
    assert viewer.canvas.place == (3, 0)


def test_a_click_makes_the_patch_look(viewer):
    viewer.query.value = "cat"
    drawn = pixels(viewer.image)
    assert viewer.state()["ratio"] is None and "no cat" in viewer.line.value
    viewer.canvas.place = (0, 0)  # what the page sends
    assert viewer.query.value == "patch" and not np.array_equal(drawn, pixels(viewer.image))
    viewer.query.value = "cat"
    viewer.canvas.touched += 1  # the same place once more
    assert viewer.query.value == "patch"
    assert "row 1, column 1" in viewer.canvas.label and "row 1, column 1" in viewer.image.tooltip


def test_every_control_changes_the_picture(viewer):
    for control, value in (("layer", "2"), ("head", "2"), ("query", "bird"), ("picture", 2)):
        before = pixels(viewer.image)
        getattr(viewer, control).value = value
        assert not np.array_equal(before, pixels(viewer.image)), control
    assert viewer.canvas.size == (64, 128) and viewer.state()["picture"] == 2


def test_without_masks_it_says_how_wide_the_attention_is():
    images, layers, grid, _, classes = world()
    viewer = Attention(images, layers, grid, None, classes)
    state = viewer.state()
    assert state["target"] is None and state["ratio"] is None
    assert "patches" in viewer.line.value and "times" not in viewer.line.value
    assert len(viewer.strip().rows[0]) == 4


def test_the_still_view(viewer):
    viewer.layer.value = "2"
    data = viewer._repr_mimebundle_()
    assert "the token of bird" in data["text/html"] and 'alt="' in data["text/html"]
    assert viewer.query.value == "patch" and data["text/plain"].startswith("Attention(2 pictures")


@pytest.mark.parametrize("wrong", ["pictures", "grid", "classes", "none"])
def test_what_does_not_belong_together_is_refused(wrong):
    images, layers, grid, masks, classes = world()
    if wrong == "pictures":
        layers = [layer[:1] for layer in layers]
    grid = (4, 7) if wrong == "grid" else grid
    classes = classes[:1] if wrong == "classes" else classes
    layers = [] if wrong == "none" else layers
    with pytest.raises(ValueError, match="does not belong"):
        Attention(images, layers, grid, masks, classes)


def test_it_is_quick(viewer):
    start = time.process_time()
    for k in range(20):
        viewer.point(k % 4, k % 8)
    assert (time.process_time() - start) / 20 < 0.1


def test_a_page_without_a_kernel_holds_the_tokens_attention(viewer):
    data = told(viewer.page())
    assert data["layers"] == ["1", "2"] and data["cls"] == "bird"
    viewer.query.value, viewer.layer.value = "cat", "2"
    heat = viewer.heat() / viewer.heat().max()
    assert np.abs(map_in(data["pictures"][0]["layers"][1], 1) - heat).max() < 1e-4
