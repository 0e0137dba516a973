"""The photographs in installed packages: found offline, outlined as described, credited."""

import dataclasses
import importlib.util
import json
import re
import socket
import sys

import numpy as np
import pytest

from wsss_lite import files
from wsss_lite._compat import mend_torchvision
from wsss_lite.data import photos
from wsss_lite.data.photos import TEACHES, PhotoWorld, find_picture
from wsss_lite.errors import InputError


@pytest.fixture(scope="module")
def world():
    return PhotoWorld()


def test_at_least_eight_photos_teach_all_four_things(world):
    assert len(world.ids("all")) >= 8
    assert {world.photo(i).teaches for i in world.ids()} == set(TEACHES)
    assert all(world.photo(i).lesson.endswith(".") for i in world.ids())


def test_every_picture_is_there_without_network_and_has_the_size_of_its_mask(world, monkeypatch):
    def refuse(*_):
        raise AssertionError("a photograph was looked for in the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for i in world.ids():
        image = PhotoWorld().image(i)
        assert image.dtype == np.uint8 and image.shape == (*world.mask(i).shape, 3)


def test_points_lie_inside_their_picture(world):
    for i in world.ids():
        photo = world.photo(i)
        polygons = [p for o in photo.objects for p in o["outlines"] + o.get("holes", [])]
        for polygon in polygons + photo.void:
            points = np.array(polygon)
            assert len(points) >= 3 and points.min() >= 0
            assert (points < (photo.width, photo.height)).all(), i


# A place whose content anyone can check on the picture: id, (x, y), class or None.
LANDMARKS = [
    ("chelsea", (262, 240), "cat"),  # nose
    ("chelsea", (430, 100), None),
    ("coffee", (300, 150), "cup"),  # the coffee
    ("coffee", (215, 280), "cup"),  # handle
    ("coffee", (360, 290), None),  # spoon
    ("coffee", (120, 200), None),  # saucer
    ("china", (206, 40), "pagoda"),  # finial
    ("china", (330, 150), None),  # sky beside the roofs
    ("motorcycle", (150, 350), "motorbike"),  # rear tyre
    ("motorcycle", (575, 130), "motorbike"),  # indicator
    ("motorcycle", (461, 310), None),  # floor seen through the exhaust pipe
    ("camera", (120, 250), "person"),
    ("camera", (294, 270), "tripod"),  # column, in front of the coat
    ("camera", (300, 165), "camera"),
    ("camera", (120, 495), None),  # grass between the legs
    ("rocket", (322, 300), "rocket"),
    ("clock", (211, 153), "clock"),
    ("flower", (305, 222), "flower"),
    ("hopper", (260, 250), "person"),
    ("hopper", (60, 200), None),  # flag
    ("astronaut", (230, 110), "person"),
    ("astronaut", (400, 420), "helmet"),
    ("astronaut", (415, 30), "rocket"),  # tank of the shuttle
    ("coins", (155, 50), "coin"),
    ("coins", (10, 10), None),
]


@pytest.mark.parametrize("id, place, name", LANDMARKS)
def test_landmarks(world, id, place, name):
    x, y = place
    value = world.mask(id)[y, x]
    assert value == (world.classes.index(name) + 1 if name else 0)


def test_a_drawn_mask_fits_what_colour_says_about_the_dahlia(world):
    red, _, blue = np.moveaxis(world.image("flower").astype(int), 2, 0)
    bright = (red > 120) & (red - blue > 20)
    window = np.s_[80:365, 160:455]  # the whole bloom, without the second one
    drawn, bright = world.mask("flower")[window] > 0, bright[window]
    assert (drawn & bright).sum() / (drawn | bright).sum() > 0.95


def test_tags_mask_instances_and_boxes_agree(world):
    for i in world.ids():
        mask, instances = world.mask(i), world.instances(i)
        values = set(np.unique(mask)) - {0, 255}
        assert values == set(np.flatnonzero(world.tags(i)) + 1)
        assert ((mask == 255) == (instances == 255)).all()
        assert ((mask == 0) == (instances == 0)).all()
        boxes = world.boxes(i)
        assert len(boxes) == len(world.photo(i).objects)
        for number, box in enumerate(boxes, start=1):
            ys, xs = np.nonzero(instances == number)
            assert (box.x0, box.y0, box.x1, box.y1) == (
                xs.min(),
                ys.min(),
                xs.max() + 1,
                ys.max() + 1,
            )
            assert (mask[ys, xs] == box.cls).all()


def test_24_coins(world):
    assert len(world.boxes("coins")) == 24


def test_painting_order_holes_and_void():
    square = [[0, 0], [6, 0], [6, 6], [0, 6]]
    inner = [[2, 2], [4, 2], [4, 4], [2, 4]]
    corner = [[5, 5], [9, 5], [9, 9], [5, 9]]
    things = (
        {"class": "a", "outlines": [square], "holes": [inner]},
        {"class": "b", "outlines": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
    )
    fields = dict.fromkeys((f.name for f in dataclasses.fields(photos.Photo)), "")
    photo = photos.Photo(
        **{**fields, "width": 10, "height": 10, "objects": things, "void": (corner,)}
    )
    canvas = photos._paint(photo, (1, 2))
    assert canvas[0, 0] == 2  # the later object lies on top
    assert canvas[3, 3] == 0 and canvas[2, 2] == 1  # a hole, whose rim belongs to the object
    assert canvas[5, 5] == 1 and canvas[9, 9] == 255  # void lies behind
    assert canvas[0, 9] == 0


def test_imagenet_names_are_those_of_imagenet(world):
    mend_torchvision()  # timm imports it
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    for i in world.ids():
        names, numbers = world.imagenet_names(i), world.imagenet_numbers(i)
        assert set(names) == set(np.array(world.classes)[world.tags(i)])
        for c in names:
            assert len(names[c]) > 0
            for name, number in zip(names[c], numbers[c], strict=True):
                assert info.index_to_description(number).split(",")[0] == name


def test_every_photo_has_licence_credit_and_source_also_in_the_readme(world):
    readme = (files.data_dir() / "photos" / "README.md").read_text()
    licences = readme.split("## Licences and credits")[1]
    for i in world.ids():
        photo = world.photo(i)
        assert photo.licence and photo.credit and photo.stated_in
        row = re.search(rf"^\| {i} \|.*$", licences, re.M)
        assert row and f"{photo.module}/{photo.path}" in row.group()


def test_missing_package_is_named_with_the_remedy(world, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install scikit-image"):
        find_picture(world.photo("chelsea"))


def test_another_picture_under_the_same_name_is_refused(world):
    other = dataclasses.replace(world.photo("chelsea"), path="data/coffee.png")
    with pytest.raises(InputError, match="pip install scikit-image==0.26.0"):
        find_picture(other)


def test_unknown_photo_and_split_are_refused(world):
    with pytest.raises(InputError, match="chelsea"):
        world.mask("nobody")
    with pytest.raises(InputError, match="'all'"):
        world.ids("train")


def test_fingerprint_follows_the_outlines(world, tmp_path):
    content = json.loads(world.outlines.read_text())
    copy = tmp_path / "outlines.json"
    copy.write_bytes(world.outlines.read_bytes())
    assert PhotoWorld(copy).fingerprint() == world.fingerprint()
    content["photos"][0]["objects"][0]["outlines"][0][0][0] += 1
    copy.write_text(json.dumps(content))
    assert PhotoWorld(copy).fingerprint() != world.fingerprint()


def test_data_dir_is_found_beside_the_package_then_under_the_prefix(tmp_path, monkeypatch):
    assert (files.data_dir() / "photos" / "outlines.json").is_file()
    monkeypatch.setattr(files, "__file__", str(tmp_path / "site" / "wsss_lite" / "files.py"))
    (tmp_path / "site" / "data").mkdir(parents=True)  # another package's, not ours
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(files.sysconfig, "get_path", lambda _: str(tmp_path / "no"))
    monkeypatch.setattr(files.site, "getuserbase", lambda: str(tmp_path / "no"))
    with pytest.raises(InputError, match="install wsss-lite again"):
        files.data_dir()
    installed = tmp_path / "share" / "wsss-lite" / "data"
    (installed / "photos").mkdir(parents=True)
    (installed / "photos" / "outlines.json").write_text("{}")
    assert files.data_dir() == installed
