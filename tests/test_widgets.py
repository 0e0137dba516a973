"""The inspector without a browser: its numbers, its pictures, its speed."""

import io
import time

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ipywidgets")

from wsss_lite import show  # noqa: E402
from wsss_lite.refine.threshold import label, upsample  # noqa: E402
from wsss_lite.score import score  # noqa: E402
from wsss_lite.widgets import Inspector  # noqa: E402

CLASSES = ("bird", "boat", "cat")


def world(size=128, pictures=3):
    """Squares on noise, with coarse maps that find their middle."""
    rng = np.random.default_rng(0)
    images = [rng.integers(60, 200, (size, size, 3), dtype=np.uint8) for _ in range(pictures)]
    tags = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], bool)[:pictures]
    masks = [np.zeros((size, size), np.uint8) for _ in range(pictures)]
    maps = np.zeros((pictures, 3, 12, 12), np.float16)
    for i, tag in enumerate(tags):
        for k in np.flatnonzero(tag):
            at = size // 8 if k == 0 else size // 2
            masks[i][at : at + size // 3, at : at + size // 3] = k + 1
            images[i][masks[i] == k + 1] //= 3
            cell = 12 * at // size
            maps[i, k, cell + 1 : cell + 4, cell + 1 : cell + 4] = 1.0
            maps[i, k, cell : cell + 5, cell : cell + 5] += 0.4
    return images, maps.clip(0, 1), masks, tags, CLASSES


@pytest.fixture
def inspector():
    return Inspector(*world())


def pixels(widget):
    return np.asarray(Image.open(io.BytesIO(widget.value)).convert("RGB"))


def test_the_threshold_changes_picture_and_iou(inspector):
    before, state = pixels(inspector.image), inspector.state()
    inspector.threshold.value = 0.7
    after = inspector.state()
    assert not np.array_equal(before, pixels(inspector.image))
    assert after["threshold"] == 0.7 and after["iou"] != state["iou"]
    assert f"mIoU of this picture {after['miou']:.2f}" in inspector.line.value


def test_iou_is_that_of_the_plain_functions(inspector):
    images, maps, masks, tags, _ = world()
    inspector.threshold.value = 0.45
    kept = np.where(tags[0][:, None, None], maps[0], 0)
    plain = score([(masks[0], label(upsample(kept, (128, 128)), 0.45))], 4)
    assert inspector.state()["miou"] == pytest.approx(plain.miou)
    assert inspector.state()["iou"]["cat"] == pytest.approx(plain.iou[3])


def test_only_tagged_classes_are_offered(inspector):
    assert inspector.cls.options == ("all", "bird", "cat")
    inspector.picture.value = 2
    assert inspector.cls.options == ("all", "boat")


def test_a_class_stays_chosen_where_the_next_picture_has_it():
    images, maps, masks, tags, classes = world()
    tags[1, 2] = True
    made = Inspector(images, maps, masks, tags, classes)
    made.cls.value = "cat"
    made.picture.value = 2
    assert made.cls.value == "cat"
    made.picture.value = 3
    assert made.cls.value == "all"


def test_one_class_is_scored_alone(inspector):
    both = inspector.state()
    inspector.cls.value = "bird"
    state = inspector.state()
    assert set(state["iou"]) == {"background", "bird"} and state["miou"] is None
    assert state["iou"]["bird"] == pytest.approx(both["iou"]["bird"])
    assert set(np.unique(inspector.mask())) == {0, 1}


def test_views_show_heat_mask_and_truth(inspector):
    shown = {}
    for view in inspector.view.options:
        inspector.view.value = view
        shown[view] = pixels(inspector.image)
    assert set(shown) == {"heat", "mask", "truth"}
    images, _, masks, _, _ = world()
    expected = show.overlay(show.resize(images[0], (256, 256)), masks[0].repeat(2, 0).repeat(2, 1),
                            CLASSES)
    assert np.array_equal(shown["truth"], expected)
    assert not np.array_equal(shown["mask"], shown["truth"])


def test_colour_maps_are_even_ones_and_change_the_picture(inspector):
    assert inspector.colour_map.options == ("magma", "viridis", "cividis", "gray")
    before = pixels(inspector.image)
    inspector.colour_map.value = "viridis"
    assert not np.array_equal(before, pixels(inspector.image))


def test_a_picture_without_tags_or_mask_works():
    images, maps, _, tags, classes = world()
    made = Inspector(images, maps, None, tags, classes)
    assert "truth" not in made.view.options
    assert made.state()["iou"] == {} and "no mask" in made.line.value
    made.picture.value = 3
    assert not made.mask().any() and made.strip().html()


def test_the_crf_is_offered_when_given_and_computed_once():
    calls = []

    def fake(image, probability):
        calls.append(probability.shape)
        return probability[::-1]

    made = Inspector(*world(), crf=fake)
    assert not calls and made.refine in made.box.children[1].children
    plain = made.mask()
    made.refine.value = True
    assert not np.array_equal(made.mask(), plain)
    assert calls == [(3, 128, 128)]
    made.view.value = "mask"
    assert len(calls) == 1
    assert Inspector(*world()).refine not in Inspector(*world()).box.children[1].children


def test_large_photographs_are_reduced_with_their_masks():
    image = np.zeros((1500, 1000, 3), np.uint8)
    mask = np.zeros((1500, 1000), np.uint8)
    mask[:750] = 1
    made = Inspector([image], np.ones((1, 1, 4, 4)), [mask], [[True]], ["cat"])
    assert made.images[0].shape == (640, 427, 3)
    assert made.state()["iou"]["cat"] == pytest.approx(0.5, abs=0.01)
    assert made.picture.disabled


def test_a_move_of_the_slider_takes_less_than_100_ms():
    made = Inspector(*world(size=375))
    for view in made.view.options:
        made.view.value = view
        times = []
        for step in range(5):
            start = time.perf_counter()
            made.threshold.value = 0.2 + 0.1 * step
            times.append(time.perf_counter() - start)
        assert min(times) < 0.1


def test_the_repr_is_short_and_fixed_and_the_bundle_has_still_pictures(inspector):
    assert repr(inspector) == "Inspector(3 pictures, 3 classes)"
    bundle = inspector._repr_mimebundle_()
    assert bundle["text/plain"] == repr(inspector)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    html = bundle["text/html"]
    assert html.count("<figure") == 4 and 'alt="Still view of the inspector' in html
    assert f"mIoU {inspector.state()['miou']:.2f}" in html and len(html) < 100_000


def test_the_pictures_are_described_for_those_who_do_not_see_them(inspector):
    assert "Picture 1 of 3, heat map of all, threshold 0.30" in inspector.line.value
    assert 'aria-live="polite"' in inspector.line.value
    assert inspector.image.tooltip == "Picture 1 of 3, heat map of all, threshold 0.30"


def test_pieces_that_do_not_belong_together_are_refused():
    images, maps, masks, tags, classes = world()
    with pytest.raises(ValueError, match="belong"):
        Inspector(images, maps[:2], masks, tags, classes)
    with pytest.raises(ValueError, match="belong"):
        Inspector(images, maps, masks, tags, classes[:2])
