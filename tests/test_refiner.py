"""The refiner widget: its sliders reach the CRF, and its numbers are those of the functions."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
from wsss_lite.refine.crf import CRF, HAVE_CRF, dense_crf
from wsss_lite.refine.threshold import label, upsample, with_background
from wsss_lite.score import Scores, confusion
from wsss_lite.widgets import Refiner


@pytest.fixture
def scene():
    """A red square on grey, and a coarse map that covers it roughly."""
    rng = np.random.default_rng(0)
    truth = np.zeros((64, 64), np.uint8)
    truth[20:44, 22:42] = 1
    image = np.where(truth[..., None] == 1, (200, 30, 30), (110, 120, 110))
    image = np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
    maps = np.zeros((2, 8, 8), np.float32)
    maps[0, 2:6, 2:6] = 1.0
    return image, maps, truth


def make(scene, count=2):
    image, maps, truth = scene
    return Refiner([image] * count, np.stack([maps] * count), [truth] * count, ("a", "b"))


def test_the_numbers_are_those_of_the_functions(scene):
    image, maps, truth = scene
    widget = make(scene)
    state = widget.state()
    large = upsample(maps, truth.shape)
    assert state["before"] == Scores(confusion(truth, label(large, 0.3), 3)).miou
    refined = dense_crf(image, with_background(large, 0.3), widget.chosen()).argmax(0)
    assert state["after"] == Scores(confusion(truth, refined.astype(np.uint8), 3)).miou


@pytest.mark.skipif(not HAVE_CRF, reason="no dense CRF here")
def test_the_crf_finds_the_square_and_the_weight_switches_it_off(scene):
    widget = make(scene)
    sharp = widget.state()
    assert sharp["after"] > sharp["before"] + 0.02
    widget.weight.value = 0
    assert widget.state()["crf"].colour_weight == 0
    assert widget.state()["after"] < sharp["after"] - 0.02


def test_every_slider_redraws_and_reaches_the_settings(scene):
    widget = make(scene)
    for name, value in (("threshold", 0.8), ("colour", 30), ("reach", 60), ("weight", 2)):
        drawn = widget.line.value, bytes(widget.before.value)
        getattr(widget, name).value = value
        assert bytes(widget.before.value[:4]) == b"\x89PNG"
        if name == "threshold":
            assert (widget.line.value, bytes(widget.before.value)) != drawn
    assert widget.chosen() == CRF(colour_std=30, colour_position_std=60, colour_weight=2)
    widget.picture.value = 2
    assert "picture 2 of 2" in widget.line.value and "picture 2" in widget.after.tooltip


def test_a_still_view_and_a_short_name(scene):
    widget = make(scene)
    assert repr(widget) == "Refiner(2 pictures, 2 classes)"
    data = widget._repr_mimebundle_()
    assert "data:image/png" in data["text/html"] and data["text/plain"] == repr(widget)


def test_lists_of_other_lengths_are_refused(scene):
    image, maps, truth = scene
    with pytest.raises(ValueError, match="2 pictures, 1 maps"):
        Refiner([image] * 2, maps[None], [truth] * 2, ("a", "b"))
