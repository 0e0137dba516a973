"""The picture of the demo: which scenes it shows, and what stands where."""

import io

import numpy as np

from wsss_lite import export, show

CLASSES = ("cat", "dog", "boat")


class Tagged:
    """A world of tags: each picture is named by the first letters of what it shows."""

    classes = CLASSES

    def tags(self, name):
        return np.array([c[0] in name for c in CLASSES])


def test_the_pictures_show_every_class():
    ids = ["c", "c2", "c3", "cd", "d", "b"]
    shown = {letter for k in export.varied(Tagged(), ids, 3) for letter in ids[k]}
    assert {"c", "d", "b"} <= shown
    assert export.varied(Tagged(), ["c", "c2", "c3"], 2) == [0, 1]  # all alike
    assert export.varied(Tagged(), ["b"], 5) == [0]


def test_a_row_is_a_name_and_its_overlays():
    images = [np.full((64, 64, 3), grey, np.uint8) for grey in (60, 180)]
    empty, full = np.zeros((64, 64), np.uint8), np.full((64, 64), 2, np.uint8)
    bands = [("given the tags", images, [("nothing", [empty, empty]), ("all dog", [full, full])])]
    sheet = export.rungs(bands, CLASSES)
    pixels = np.asarray(sheet.convert("RGB"), int)
    top, left, step = export.HEADING, export.NAMES, 64 + export.GAP
    for k, image in enumerate(images):
        inside = slice(left + k * step + 8, left + k * step + 56)
        for row, mask in enumerate((empty, full)):
            seen = pixels[top + row * step + 8 : top + row * step + 56, inside]
            wanted = show.overlay(image, mask, CLASSES)[8:56, 8:56]
            assert np.abs(seen - wanted).max() <= 8  # a palette rounds a little
        names = pixels[top + k * step : top + k * step + 64, :left]
        assert (names.min(-1) < 100).any()  # dark on white: the row's name
    legend = pixels[top + 2 * step :].reshape(-1, 3)
    for name in CLASSES:
        assert (np.abs(legend - show.colours(CLASSES)[name]).max(1) <= 8).any(), name


def test_the_picture_in_the_readme_is_small(repo):
    path = repo / "docs" / "ladder.png"
    assert path.stat().st_size < 300_000
    stream = io.BytesIO(path.read_bytes())
    assert stream.read(8) == b"\x89PNG\r\n\x1a\n"
