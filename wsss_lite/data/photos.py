"""Real photographs that lie inside installed packages, with outlines drawn by hand.

    world = PhotoWorld()
    world.ids("all")            ["chelsea", "coffee", "china", ...]
    world.photo("chelsea")      what it teaches, whose picture it is, under which licence
    world.mask("chelsea")       (H, W) uint8

They are for looking, not for ranking: eleven pictures, each chosen because class activation maps
do one thing on it (work, stay partial, leak, or bear the wrong name). The pictures themselves are
not ours and not copied: scikit-image, scikit-learn and matplotlib bring them, so they are there
without a network. Ours are the outlines, in `data/photos/outlines.json`.
"""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from wsss_lite.data.images import VOID, read_image
from wsss_lite.data.voc import tight_boxes
from wsss_lite.data.world import World
from wsss_lite.errors import InputError
from wsss_lite.files import data_dir, sha256

TEACHES = ("works", "partial", "leaks", "wrong name")


@dataclass(frozen=True)
class Photo:
    """One photograph and its outlines, as `outlines.json` has them.

    package: name to install; module, path: where the file lies inside it; drawn_on: the release
    on which the outlines were drawn. teaches: one of `TEACHES`; lesson: a sentence about it.
    licence, credit, stated_in: whose it is and where that is written.
    objects: from back to front, each a dict with `class`, `outlines` (polygons, united) and
    perhaps `holes`; void: polygons nobody is to be judged on, behind every object.
    A polygon is a list of [x, y], the pixel at column x and row y, which belongs to the object.
    """

    id: str
    package: str
    module: str
    path: str
    drawn_on: str
    sha256: str
    width: int
    height: int
    teaches: str
    lesson: str
    licence: str
    credit: str
    stated_in: str
    objects: list
    void: list


class PhotoWorld(World):
    """The photographs as a world with one split, `all`, masks, boxes and instances.

    A picture is looked for when it is first asked for; one that is missing, or that is not the
    picture the outlines were drawn on, is an InputError which names the package to install.
    """

    name = "photos"
    splits = ("all",)
    has_masks = True

    def __init__(self, outlines=None):
        """outlines: path of the JSON file, by default the one of the project."""
        self.outlines = Path(outlines or data_dir() / "photos" / "outlines.json")
        text = self.outlines.read_bytes()
        content = json.loads(text)
        self.classes = tuple(entry["name"] for entry in content["classes"])
        self._imagenet = {
            entry["name"]: {int(k): name for k, name in entry["imagenet"].items()}
            for entry in content["classes"]
        }
        self._photos = {entry["id"]: Photo(**entry) for entry in content["photos"]}
        self._paths = {}
        self._fingerprint = hashlib.sha256(text).hexdigest()

    def ids(self, split="all"):
        """Names of the photographs, grouped by what they teach."""
        if split not in self.splits:
            raise InputError(f"The world photos has no split {split!r}; its only one is 'all'.")
        return list(self._photos)

    def photo(self, id):
        """The `Photo` of that name."""
        if id not in self._photos:
            raise InputError(f"There is no photograph {id!r}; choose {', '.join(self._photos)}.")
        return self._photos[id]

    # The picture

    def image_path(self, id):
        """Path of the picture inside the installed package, checked by its hash."""
        if id not in self._paths:
            self._paths[id] = find_picture(self.photo(id))
        return self._paths[id]

    def image(self, id):
        """(H, W, 3) uint8, RGB; grey pictures have three equal channels."""
        return read_image(self.image_path(id))

    # What is in it

    def tags(self, id):
        """(C,) bool: which classes are outlined."""
        named = {thing["class"] for thing in self.photo(id).objects}
        return np.array([name in named for name in self.classes])

    def mask(self, id):
        """(H, W) uint8: 0 background, k = classes[k - 1], 255 void."""
        classes = [self.classes.index(thing["class"]) + 1 for thing in self.photo(id).objects]
        return _paint(self.photo(id), classes)

    def instances(self, id):
        """(H, W) uint8: 0 nothing, k = the k-th object of `photo(id).objects`, 255 void."""
        photo = self.photo(id)
        return _paint(photo, range(1, len(photo.objects) + 1))

    def boxes(self, id):
        """List of tight `Box`, one per object, in the order of the instance numbers."""
        return tight_boxes(self.mask(id), self.instances(id))

    # The names a network trained on ImageNet has for it

    def imagenet_names(self, id):
        """{class: tuple of ImageNet-1k names} for the tags of a picture."""
        return {c: tuple(self._imagenet[c].values()) for c in self._tagged(id)}

    def imagenet_numbers(self, id):
        """{class: tuple of ImageNet-1k class numbers, 0..999} for the tags of a picture."""
        return {c: tuple(self._imagenet[c]) for c in self._tagged(id)}

    def _tagged(self, id):
        return [name for name, there in zip(self.classes, self.tags(id), strict=True) if there]

    def fingerprint(self):
        """Hex string of the outlines file, which holds the hash of every picture as well."""
        return self._fingerprint


def find_picture(photo):
    """Path of the picture of a `Photo` on this machine; InputError if it is not there."""
    path = _package_folder(photo.module)
    path = path and path / photo.path
    remedy = f"install it with `pip install {photo.package}`"
    if path is None or not path.is_file():
        raise InputError(
            f"The photograph {photo.id} ({photo.path}) comes with {photo.package}, "
            f"which does not have it here; {remedy}."
        )
    if sha256(path) != photo.sha256:
        raise InputError(
            f"{path} is not the picture that {photo.id} was outlined on; "
            f"install the release it came with: `pip install {photo.drawn_on.replace(' ', '==')}`."
        )
    return path


def _package_folder(module):
    """Folder of an installed package, found without importing it; None if it is not installed."""
    spec = importlib.util.find_spec(module)
    places = spec.submodule_search_locations if spec else None
    return Path(list(places)[0]) if places else None


def _paint(photo, values):
    """(H, W) uint8: every object in its value, later ones on top; void behind them all."""
    canvas = np.zeros((photo.height, photo.width), np.uint8)
    canvas[_fill(canvas.shape, photo.void)] = VOID
    for thing, value in zip(photo.objects, values, strict=True):
        shape = _fill(canvas.shape, thing["outlines"])
        # A hole shows what lies behind, its rim belongs to the object.
        shape &= ~_fill(canvas.shape, thing.get("holes", ()), rim=False)
        canvas[shape] = value
    return canvas


def _fill(shape, polygons, rim=True):
    """(H, W) bool: inside of any of the polygons, with or without their own line."""
    canvas = np.zeros(shape, np.uint8)
    points = [np.array(polygon, np.int32) for polygon in polygons]
    for polygon in points:  # one by one: filled together, overlaps would cancel
        cv2.fillPoly(canvas, [polygon], 1)
    if not rim:
        cv2.polylines(canvas, points, True, 0)
    return canvas > 0
