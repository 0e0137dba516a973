"""The equivariance widget without a page: what is put back, its numbers, its speed."""

import io
import time

import numpy as np
import pytest
import torch
from moving_page import map_in, told
from PIL import Image

pytest.importorskip("ipywidgets")

from wsss_lite import show  # noqa: E402
from wsss_lite.maps.erase import MEAN_COLOUR  # noqa: E402
from wsss_lite.maps.transform import dissimilarity  # noqa: E402
from wsss_lite.widgets.equivariance import AMOUNTS, USUAL, Equivariance, turned  # noqa: E402

CLASSES = ("red", "green")
KINDS = tuple(AMOUNTS)


def pictures(size=112):
    """A bright spot off the middle, red in the first and the third picture, green in the second."""
    y, x = np.mgrid[:size, :size] / size
    spot = 255 * np.exp(-(((y - 0.4) / 0.22) ** 2 + ((x - 0.6) / 0.18) ** 2))
    images = [np.zeros((size, size, 3), np.uint8) for _ in range(3)]
    for image, channel in zip(images, (0, 1, 0), strict=True):
        image[..., channel] = spot
    return images, np.array([[1, 0], [1, 1], [0, 0]], bool)


def colours(images, scale, cells=14):
    """An equivariant network: the mean of a colour in each cell."""
    size = max(1, round(cells * scale))
    planes = [torch.from_numpy(np.moveaxis(x[..., :2], -1, 0).astype(np.float32)) for x in images]
    return torch.stack([torch.nn.functional.adaptive_avg_pool2d(x, size) for x in planes])


def in_place(images, scale):
    """A network that sees nothing: the left half, whatever is there."""
    maps = np.zeros((len(images), 2, 14, 14), np.float32)
    maps[..., :7] = 1
    return maps


@pytest.fixture
def widget():
    images, tags = pictures()
    both = lambda x, scale: {"colour": colours(x, scale), "place": in_place(x, scale)}  # noqa: E731
    return Equivariance(images, both, tags, CLASSES)


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(image.value)).convert("RGB"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_the_picture_is_put_back_where_it_was(widget, kind):
    widget.change.value = kind
    for _, amount in AMOUNTS[kind]:
        widget.amount.value = amount
        state = widget.state()
        coarse = kind == "scale" and amount < 0.5  # four cells a side cannot draw the spot as well
        assert state["by"]["colour"] < (0.25 if coarse else 0.12), (kind, amount)
        a, b, seen = widget.pair("colour")
        assert np.abs(a - b)[seen].mean() < (0.06 if coarse else 0.03)


def test_what_stays_in_its_place_does_not_follow(widget):
    widget.map.value = "place"
    wrong = {"turn": 180, "mirror": 1}
    for kind, amount in wrong.items():
        widget.change.value, widget.amount.value = kind, amount
        assert widget.state()["dissimilarity"] > 0.95, kind
    widget.change.value = "scale"  # a smaller picture of nothing is a smaller left half
    assert widget.state()["dissimilarity"] < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_no_change_is_no_difference(widget, kind):
    widget.change.value = kind
    widget.amount.value = AMOUNTS[kind][0][1]
    state = widget.state()
    assert max(state["by"].values()) < 1e-6 and state["seen"] == 1


def test_the_number_is_that_of_the_plain_function(widget):
    widget.change.value, widget.map.value = "cut", "place"
    a = torch.from_numpy(in_place([0], 1)[:, :1])
    tiles = torch.from_numpy(in_place([0], 1)[0, 0])
    b = torch.cat([torch.cat([tiles, tiles], 1)] * 2)[None, None]
    b = torch.nn.functional.interpolate(b, (14, 14), mode="bilinear")
    want = float(dissimilarity(a, b)[0, 0])
    assert widget.state()["dissimilarity"] == pytest.approx(want, abs=1e-6)
    assert f"place {want:.2f}" in widget.line.value


def test_a_turn_loses_the_corners_and_says_so(widget):
    widget.amount.value = 45
    state = widget.state()
    assert 0.6 < state["seen"] < 0.9 and "that both show" in widget.line.value
    corner = pixels(widget.left)[2, 2]
    assert np.abs(corner - np.array(MEAN_COLOUR)).max() <= 1
    widget.amount.value = 90
    assert widget.state()["seen"] == 1 and "both show" not in widget.line.value


def test_a_quarter_turn_is_exact():
    plane = np.random.default_rng(0).random((20, 20)).astype(np.float32)
    assert np.allclose(turned(plane, 90), np.rot90(plane), atol=1e-5)


def test_each_change_changes_what_is_shown(widget):
    seen = []
    for kind in KINDS:
        widget.change.value = kind
        assert widget.amount.value == USUAL[kind]
        seen.append((widget.left.value, widget.line.value, widget.state()["by"]["place"]))
    assert [len(set(values)) for values in zip(*seen, strict=True)][:2] == [4, 4]
    middle = widget.middle.value
    widget.amount.value = 3
    assert widget.middle.value == middle and "3 x 3 tiles" in widget.left.tooltip


def test_only_tagged_classes_are_offered(widget):
    assert widget.cls.options == ("red",)
    widget.picture.value = 2
    assert widget.cls.options == ("red", "green")
    widget.cls.value = "green"
    assert widget.state()["by"]["colour"] < 0.12
    widget.picture.value = 3
    state = widget.state()
    assert widget.cls.options == ("none",) and state["dissimilarity"] is None
    assert widget.strip().html() and "–" in widget.line.value


def test_one_map_needs_no_name_and_refresh_finds_new_ones():
    images, tags = pictures()
    heads = {}

    def maps_of(x, scale):
        return heads or colours(x, scale)

    widget = Equivariance(images, maps_of, tags, CLASSES)
    assert widget.map.options == ("map",) and widget.map.disabled
    before = widget.state()["dissimilarity"]
    heads |= {"one": colours(images[:1], 1), "two": in_place(images[:1], 1)}
    widget.refresh()
    assert widget.map.options == ("one", "two") and not widget.map.disabled
    assert widget.state()["map"] == "one" and widget.state()["dissimilarity"] != before


def test_photographs_that_are_not_square():
    images = [np.zeros((900, 600, 3), np.uint8)]
    images[0][300:500, 250:400] = 255
    widget = Equivariance(images, colours, [[True, False]], CLASSES)
    assert widget.images[0].shape == (640, 427, 3)
    for kind in KINDS:
        widget.change.value = kind
        assert widget.state()["dissimilarity"] < 0.2, kind
        assert widget.strip().html()


def test_a_move_takes_less_than_100_ms_beside_the_network():
    images, tags = pictures(384)
    widget = Equivariance(images, in_place, tags, CLASSES)
    for kind in KINDS:
        times = []
        for _, amount in AMOUNTS[kind][1:4]:
            widget.change.value = kind
            start = time.perf_counter()
            widget.amount.value = amount
            times.append(time.perf_counter() - start)
        assert min(times) < 0.1, kind


def test_the_repr_is_short_and_fixed_and_the_bundle_has_still_pictures(widget):
    bundle = widget._repr_mimebundle_()
    assert bundle["text/plain"] == repr(widget) == "Equivariance(3 pictures, 2 classes)"
    assert "application/vnd.jupyter.widget-view+json" in bundle
    html = bundle["text/html"]
    assert html.count("<figure") == 3 and 'alt="Still view of the equivariance' in html
    assert "turned by 90 degrees" in html and len(html) < 200_000


def test_pieces_that_do_not_belong_together_are_refused():
    images, tags = pictures()
    with pytest.raises(ValueError, match="3 pictures and tags"):
        Equivariance(images, colours, tags[:2], CLASSES)
    with pytest.raises(ValueError, match="maps_of returned .* 1 pictures and 2 classes"):
        Equivariance(images, lambda x, scale: colours(x, scale)[:, :1], tags, CLASSES)
    assert show.VOID_COLOUR[0] == show.VOID_COLOUR[1]  # the grey that a smaller picture lies on


def test_a_page_without_a_kernel_holds_what_is_put_back(widget):
    data = told(widget.page())
    widget.change.value = "mirror"
    layer = data["pictures"][0]["layers"][data["layers"].index("colour, mirror")]
    assert np.abs(map_in(layer, 0) - widget.pair()[1]).max() < 1e-4 and layer["image"]
