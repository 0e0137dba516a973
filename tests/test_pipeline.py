"""The pipeline: each block can be taken out, and what is left is what it was built on."""

import numpy as np
import pytest

from wsss_lite.lab import Lab
from wsss_lite.methods.pipeline import best_tags
from wsss_lite.refine.threshold import VOID
from wsss_lite.registry import find


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        one = Lab(str(tiny), trunk)
        assert one.bank.folder  # fixed here, while the variable is set
        yield one


def blurred(view):
    """Some maps of the tagged classes in 0..1."""
    rows = np.random.default_rng(0).random((*view.tags.shape, 6, 6), np.float32)
    return rows * view.tags[..., None, None]


def same(a, b):
    return np.array_equal(np.asarray(a, np.float16), np.asarray(b, np.float16))


def test_without_any_block_it_is_cam(lab):
    off = find("best-tags")(lab.view(), scales=(1,), gate=0, epochs=0).maps
    assert same(off, lab.maps("cam"))


def test_on_zero_shot_cam_it_starts_from_that(lab):
    off = find("best-tags-imagenet")(lab.view(), scales=(1,), gate=0).maps
    assert same(off, lab.maps("cam-imagenet"))


def test_one_size_and_the_gate_are_c2am(lab):
    gated = find("best-tags")(lab.view(), scales=(1,), epochs=0).maps
    assert np.allclose(gated, find("c2am")(lab.view()), atol=2e-3)


def test_every_block_changes_the_maps(lab):
    def maps(**knobs):
        return find("best-tags")(lab.view(), **knobs).maps

    gated = maps(epochs=0)
    assert not same(gated, maps(epochs=0, gate=0))
    assert not same(gated, maps(epochs=0, scales=(1,)))
    taught = maps(epochs=1)
    assert taught.shape[:2] == gated.shape[:2] and not same(taught, maps(epochs=1, expand=0))


def test_labels_are_tags_background_or_nothing(lab):
    view = lab.view()
    labels = best_tags.sure_labels(view, blurred(view), (24, 24), 0.1, 0.3)
    assert labels.shape == (len(view), 24, 24) and labels.dtype == np.uint8
    for one, tags in zip(labels, view.tags):
        assert set(np.unique(one)) <= {0, VOID, *(1 + np.flatnonzero(tags))}


def test_equal_thresholds_leave_no_pixel_open(lab):
    view = lab.view()
    labels = best_tags.sure_labels(view, blurred(view), (24, 24), 0.3, 0.3)
    assert (labels != VOID).all()
