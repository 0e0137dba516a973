"""A widget's maps inside a page: threshold, class and colours move there without a kernel.

What a `Panel` stores beside its live controls is HTML. Where the maps are there already, this
module puts them into it, with a script that does what the widget does: the book moves by it, and
so does any viewer of notebooks that runs scripts. Viewers that do not show the still pictures.

A map is stored in 16 bits a cell at its own small size, a mask in runs of equal values, so the IoU
that the page counts is Python's to the second decimal.
"""

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from wsss_lite import show
from wsss_lite.widgets.moving_script import SCRIPT

COLOUR_MAPS = ("magma", "viridis", "cividis", "gray")
ALL = "all"
STOPS = (0.0, 0.01, 101)  # first threshold, step, how many
LARGEST = 30_000  # bytes of a page's part; as many pictures as fit, and one in any case
SIDE = 320  # pixels of the longer side of an embedded picture; its masks keep theirs
LUT = 17  # colours of a colour map, the rest lies between
LONGEST_RUN = 256
STANDING = "A picture of a widget that computes at each move: it moves in the notebook only."


@dataclass
class Layer:
    """What a page can show of a picture at one step.

    maps: {class index from 0: (h, w) in 0..1}, all of one size; or labels: (H, W) uint8 masks, one
    for each stop of the threshold; image: (H, W, 3) uint8 where the network was given another
    picture than the plain one.
    """

    maps: dict = field(default_factory=dict)
    labels: tuple = ()
    image: np.ndarray | None = None


@dataclass
class Moving:
    """All that a page needs to move; `html` writes it down.

    pictures: (number, image, truth or None, [Layer for each name]) in the order in which they
    are wanted, made one by one while there is room; count: how many the widget has; names: one a
    layer; word: what a layer is called, as in "step"; threshold: where the slider starts; stops:
    (first, step, how many) it has; cls, view, layer: chosen at the start; whole: whether all
    classes can be shown at once; note: what only the notebook can do; largest: bytes in all.
    """

    classes: tuple
    pictures: Iterable
    count: int
    threshold: float
    names: tuple = ("maps",)
    word: str = "maps"
    stops: tuple = STOPS
    cls: str = ALL
    view: str = "heat"
    layer: str = ""
    whole: bool = True
    note: str = ""
    largest: int = LARGEST

    def html(self, still):
        """The page's part: still pictures (HTML), the maps, and the script that shows them."""
        low, step, many = self.stops
        at = int(np.clip(round((self.threshold - low) / step), 0, many - 1))
        data = {
            "classes": list(self.classes),
            "colours": [list(c) for c in show.colours(self.classes).values()],
            "heat": {name: _colours(name) for name in COLOUR_MAPS},
            "count": self.count,
            "layers": list(self.names),
            "layer": self.layer or self.names[0],
            "pictures": [],
        }
        data |= {key: getattr(self, key) for key in ("word", "stops", "cls", "view", "whole")}
        first = re.search(r'<img [^>]*src="([^"]+)"', still)
        room = self.largest - len(still) - len(SCRIPT) - len(_json(data))
        for number, image, truth, layers in self.pictures:
            one = _packed(number, image, truth, layers)
            if first and one["image"] == first[1]:
                one["image"] = ""  # the script takes it from the still pictures
            room -= len(_json(one))
            if data["pictures"] and room < 0:
                break
            data["pictures"].append(one)
        data |= {"at": at, "note": self._said(len(data["pictures"]))}
        return (
            f'<div class="wsss-moving"><div>{still}</div>'
            f'<script type="application/json">{_json(data)}</script>'
            f"<script>{SCRIPT}</script></div>"
        )

    def _said(self, held):
        """The line below: what of the widget is not here."""
        some = f"It holds {held} of the {self.count} pictures. " if held < self.count else ""
        return f"This page moves without a kernel. {some}{self.note}".strip()


def standing():
    """A line for pages of a widget that cannot move without a kernel."""
    return f'<p class="wsss-standing" style="margin:0;font-size:90%">{STANDING}</p>'


def in_order(first, count):
    """The indices of `count` pictures, that of the chosen one first."""
    return [first, *(i for i in range(count) if i != first)]


def _packed(number, image, truth, layers):
    """One picture as the script reads it."""
    size, there = image.shape[:2], {k for layer in layers for k in layer.maps}
    return {
        "number": number,
        "image": _address(image),
        "size": list(size),
        "truth": None if truth is None else runs(truth),
        "tags": sorted(k + 1 for k in map(int, there)),
        "layers": [_layer(layer) for layer in layers],
    }


def _layer(layer):
    out = {}
    if layer.maps:
        out["grid"] = list(np.shape(next(iter(layer.maps.values()))))
        out["maps"] = {int(k) + 1: cells(one) for k, one in layer.maps.items()}
    if len(layer.labels):
        out["labels"] = [runs(mask) for mask in layer.labels]
    if layer.image is not None:
        out["image"] = _address(layer.image)
    return out


def cells(map):
    """(h, w) in 0..1 as text: 16 bits a cell, low byte first, in base64."""
    whole = (np.clip(np.asarray(map, np.float64), 0, 1) * 65535).round().astype("<u2")
    return _text(whole.tobytes())


def runs(mask):
    """(H, W) uint8 as text: two bytes (value, length - 1) a run, row by row, in base64."""
    flat = np.asarray(mask, np.uint8).ravel()
    starts = np.r_[0, np.flatnonzero(np.diff(flat)) + 1]
    lengths = np.diff(np.r_[starts, flat.size])
    out = bytearray()
    for value, length in zip(flat[starts].tolist(), lengths.tolist(), strict=True):
        while length > 0:
            out += bytes((value, min(length, LONGEST_RUN) - 1))
            length -= LONGEST_RUN
    return _text(bytes(out))


def _address(image):
    """The picture as an address that holds it."""
    image = show.fit(image, SIDE) if max(image.shape[:2]) > SIDE else np.asarray(image)
    kind, data = show.small_copy(image)
    return f"data:{kind};base64,{_text(data)}"


def _colours(name):
    """(r, g, b) at even distances along a colour map."""
    return show.heat(np.linspace(0, 1, LUT)[None], name)[0].tolist()


def _text(data):
    return base64.b64encode(data).decode()


def _json(data):
    """JSON that can stand in a script element."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
