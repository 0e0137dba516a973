"""The walker without a page: rows of the matrix, steps of the walk, scores, pictures, speed."""

import io
import time

import numpy as np
import pytest
from moving_page import map_in, told
from PIL import Image

pytest.importorskip("anywidget")

from wsss_lite.refine.threshold import label, upsample  # noqa: E402
from wsss_lite.refine.walk import grid_pairs, transition, walk  # noqa: E402
from wsss_lite.score import Scores, confusion  # noqa: E402
from wsss_lite.widgets.affinity import Walker  # noqa: E402

CLASSES = ("bird", "cat")


def world(size=64):
    """The left half is a cat, the map knows its middle; a walled walk, an open one, attention."""
    rng = np.random.default_rng(0)
    images = [rng.integers(60, 200, (size, size, 3), dtype=np.uint8) for _ in range(2)]
    mask = np.zeros((size, size), np.uint8)
    mask[:, : size // 2] = 2
    tags = np.array([[False, True], [True, False]])
    maps = np.zeros((2, 2, 4, 4), np.float32)
    maps[0, 1, 1:3, 0] = maps[1, 0, 1, 1] = 1
    pairs = grid_pairs(8, 8, 2)
    wall = np.where((pairs % 8 < 4).sum(1) == 1, 0.0, 1.0)
    kinds = {
        "wall": ((8, 8), [transition(wall, pairs, 64)] * 2),
        "open": ((8, 8), [transition(np.ones(len(pairs)), pairs, 64)] * 2),
        "attention": ((4, 4), [np.full((16, 16), 1 / 16, np.float32)] * 2),
    }
    return images, maps, kinds, [mask, None], tags, CLASSES


@pytest.fixture
def walker():
    return Walker(*world(), threshold=0.5)


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_the_row_is_that_of_the_matrix(walker):
    _, _, kinds, _, _, _ = world()
    walker.cells.cell = (2, 3)
    line = kinds["wall"][1][0].toarray()[2 * 8 + 3].reshape(8, 8)
    rest = line.copy()
    rest[2, 3] = 0
    assert np.allclose(walker.row(), (line / rest.max()).clip(0, 1), atol=1e-6)
    assert (walker.row()[:, 4:] == 0).all() and (walker.row("open")[:, 4:] > 0).any()
    assert np.allclose(walker.row("attention"), 1)


def test_the_steps_are_those_of_the_walk_in_any_order(walker):
    _, maps, kinds, masks, _, _ = world()
    for steps in (16, 2, 64, 0):
        walker.steps.value = steps
        walked = walk(upsample(maps[0], (8, 8)), kinds["wall"][1][0], steps)
        walked = upsample(walked / walked.max((1, 2), keepdims=True).clip(1e-9), (64, 64))
        assert np.allclose(walker.walked(), walked, atol=1e-5)
        found = label(walked, 0.5)
        assert walker.state()["miou"] == Scores(confusion(masks[0], found, 3)).miou
    assert walker.state()["before"] == walker.state()["miou"]


def test_a_wall_keeps_the_walk_and_without_it_it_is_lost(walker):
    walker.steps.value = 64
    assert walker.state()["miou"] > 0.95 > walker.state()["before"]
    assert f"mIoU of this picture {walker.state()['miou']:.2f}" in walker.line.value
    walker.affinity.value = "open"
    assert walker.state()["miou"] < 0.5


def test_own_is_the_share_of_the_true_class_without_the_pixel(walker):
    walker.cells.cell = (2, 3)
    assert walker.state()["own"] == 1 and "100%" in walker.line.value
    walker.affinity.value = "open"
    row = walker.row().copy()
    row[2, 3] = 0
    assert walker.state()["own"] == pytest.approx(row[:, :4].sum() / row.sum())


def test_a_click_and_move_do_the_same_and_change_the_left_picture(walker):
    before = walker.cells.picture, walker.cells.label, walker.image.value
    walker.cells.set_state({"cell": [6, 1]})  # as the browser does
    assert walker.state()["cell"] == (6, 1) and "row 6, column 1" in walker.line.value
    assert walker.cells.picture != before[0] and walker.cells.label != before[1]
    assert walker.image.value == before[2]
    assert np.array_equal(pixels(walker.cells.picture), walker.left())
    walker.move(8, 60)
    assert walker.state()["cell"] == (1, 7)
    walker.move(-5, 1000)
    assert walker.state()["cell"] == (0, 7)


def test_another_grid_keeps_the_place(walker):
    walker.cells.cell = (6, 3)
    walker.affinity.value = "attention"
    assert walker.cells.grid == (4, 4) and walker.state()["cell"] == (3, 1)
    walker.affinity.value = "wall"
    assert walker.cells.grid == (8, 8) and walker.state()["cell"] == (7, 3)


def test_without_a_mask_and_with_another_class(walker):
    walker.picture.value = 2
    state = walker.state()
    assert state["cls"] == "bird" and state["miou"] is None and state["own"] is None
    assert "no mask" in walker.line.value and walker.strip().html()
    walker.picture.value = 1
    assert walker.cls.options == ("cat",)


def test_view_and_threshold_change_the_right_picture(walker):
    left, seen = walker.cells.picture, {walker.image.value}
    for control, value in (("threshold", 0.7), ("view", "mask")):
        getattr(walker, control).value = value
        seen.add(walker.image.value)
    assert len(seen) == 3 and walker.cells.picture == left


def test_a_move_takes_less_than_100_ms():
    images, _, _, masks, tags, classes = world(128)
    pairs = grid_pairs(28, 28, 5)
    rng = np.random.default_rng(0)
    T = transition(rng.random(len(pairs)) ** 8, pairs, 28 * 28)
    maps = rng.random((2, 2, 14, 14)) * tags[..., None, None]
    made = Walker(images, maps, {"one": ((28, 28), [T, T])}, masks, tags, classes)
    times = []
    for column in range(20, 100, 10):
        start = time.process_time()
        made.move(60, column)
        times.append(time.process_time() - start)
    assert min(times) < 0.1


def test_the_repr_is_short_and_the_strip_shows_every_affinity(walker):
    bundle = walker._repr_mimebundle_()
    assert bundle["text/plain"] == "Walker(2 pictures, 2 classes, 3 affinities)"
    assert "application/vnd.jupyter.widget-view+json" in bundle
    html = bundle["text/html"]
    assert html.count("<figure") == 6 and 'alt="Still view of the walker' in html
    assert "wall, 100% to its own class" in html and "attention, mIoU" in html


def test_the_page_is_given_no_address_to_load_from(walker):
    page = str(walker.cells._esm)
    assert "import" not in page and "http" not in page


def test_what_does_not_belong_together_is_refused():
    images, maps, kinds, masks, tags, classes = world()
    with pytest.raises(ValueError, match="do not belong"):
        Walker(images, maps[:1], kinds, masks, tags, classes)
    with pytest.raises(ValueError, match="2 matrices of 64 x 64 are wanted"):
        Walker(images, maps, {"one": ((8, 8), kinds["wall"][1][:1])}, masks, tags, classes)
    with pytest.raises(ValueError, match=r"not 2 of \[\(16, 16\)"):
        Walker(images, maps, {"one": ((8, 8), kinds["attention"][1])}, masks, tags, classes)


def test_a_page_without_a_kernel_holds_the_walks(walker):
    data = told(walker.page())
    assert data["layers"][:3] == ["wall, 0", "wall, 1", "wall, 4"] and data["cls"] == "cat"
    for name, steps in (("wall", 16), ("attention", 0)):
        layer = data["pictures"][0]["layers"][data["layers"].index(f"{name}, {steps}")]
        large = upsample(map_in(layer, 1)[None], walker.images[0].shape[:2])[0]
        assert np.abs(large - walker.walked(name, steps)[1]).max() < 1e-4
