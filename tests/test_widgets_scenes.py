"""The scene browser without a page: its knobs, its pictures, its numbers, its speed."""

import io
import time

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ipywidgets")

from wsss_lite import show  # noqa: E402
from wsss_lite.data.scenes import CLASSES, Camera, Knobs, draw  # noqa: E402
from wsss_lite.widgets import SceneBrowser  # noqa: E402
from wsss_lite.widgets.scenes import camera_at, enlarged  # noqa: E402


@pytest.fixture
def browser():
    return SceneBrowser(seed=3)


def pixels(widget):
    return np.asarray(Image.open(io.BytesIO(widget.value)).convert("RGB"))


def test_it_shows_the_scene_that_the_plain_function_draws(browser):
    plain = draw(3)
    assert np.array_equal(pixels(browser.original), enlarged(plain.image))
    expected = show.overlay(enlarged(plain.image), enlarged(plain.mask), CLASSES)
    assert np.array_equal(pixels(browser.image), expected)
    state = browser.state()
    assert state["caption"] == plain.caption and state["context"] == plain.context
    assert state["object_share"] == ((plain.mask > 0) & (plain.mask < 255)).mean()


@pytest.mark.parametrize(
    ("control", "value", "knobs"),
    [
        ("cooccurrence", 0.0, Knobs(cooccurrence=0.0)),
        ("size", 0.6, Knobs(size=0.6)),
        ("camera", 0.0, Knobs(camera=Camera.off())),
        ("camera", 1.0, Knobs()),
    ],
)
def test_each_slider_is_the_knob_of_its_name(browser, control, value, knobs):
    getattr(browser, control).value = value
    assert np.array_equal(browser.scene.image, draw(3, knobs).image)
    assert browser.state()[control] == value


def test_moving_a_control_changes_picture_and_line(browser):
    for control, value in (("seed", 4), ("size", 0.6), ("camera", 0.0)):
        before, line = pixels(browser.original), browser.line.value
        getattr(browser, control).value = value
        assert not np.array_equal(before, pixels(browser.original)), control
        assert line != browser.line.value or control == "camera"  # the camera moves no object


def test_the_view_changes_the_mask_and_draws_no_new_scene(browser):
    scene, shown = browser.scene, set()
    for view in browser.view.options:
        browser.view.value = view
        shown.add(browser.image.value)
        assert browser.scene is scene and view in browser.image.tooltip
    assert len(shown) == 4


def test_a_measure_is_printed_and_follows_the_scene():
    made = SceneBrowser(seed=3, measure={"mean grey": lambda scene: scene.image.mean() / 255})
    first = made.state()["measures"]["mean grey"]
    assert f"mean grey {first:.2f}" in made.line.value
    made.seed.value = 5
    assert made.state()["measures"]["mean grey"] != first


def test_tags_are_those_of_the_mask(browser):
    for seed in range(8):
        browser.seed.value = seed
        there = set(np.unique(browser.scene.mask).tolist()) - {0, 255}
        assert browser.state()["tags"] == tuple(CLASSES[k - 1] for k in sorted(there))


def test_the_camera_slider_scales_the_default_camera():
    assert camera_at(0) == Camera.off() and camera_at(1) == Camera()
    half, strong = camera_at(0.5), camera_at(1.5)
    assert half.noise == Camera().noise / 2 and half.jpeg == Camera().jpeg
    assert strong.shadow == pytest.approx(1.5 * Camera().shadow)
    assert camera_at(10).texture == 1.0


def test_a_move_of_a_slider_takes_less_than_100_ms(browser):
    times = []
    for step in range(6):
        start = time.perf_counter()
        browser.size.value = 0.8 + 0.05 * step
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


def test_the_repr_is_short_and_fixed_and_the_bundle_has_still_pictures(browser):
    bundle = browser._repr_mimebundle_()
    assert bundle["text/plain"] == repr(browser) == "SceneBrowser()"
    assert "application/vnd.jupyter.widget-view+json" in bundle
    html = bundle["text/html"]
    assert html.count("<figure") == 2 and 'alt="Still view of the scene browser' in html
    assert html.count("it moves in the notebook only") == 1 and "<script" not in html
    assert len(html) < 100_000


def test_the_pictures_are_described_for_those_who_do_not_see_them(browser):
    assert browser.state()["caption"] in browser.original.tooltip
    assert 'aria-live="polite"' in browser.line.value
