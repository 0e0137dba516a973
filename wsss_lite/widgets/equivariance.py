"""The equivariance widget: turn, mirror, shrink or cut a picture, and see its map put back."""

import cv2
import ipywidgets as widgets
import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite import show
from wsss_lite.maps import cam as blocks
from wsss_lite.maps.erase import MEAN_COLOUR
from wsss_lite.maps.transform import cut, dissimilarity, stitch
from wsss_lite.widgets.base import Described, Panel, heat_over, prepared
from wsss_lite.widgets.moving import Layer, Moving, in_order

AMOUNTS = {  # what the slider offers for each change: (label, value)
    "turn": [(f"{degrees} degrees", degrees) for degrees in range(0, 360, 15)],
    "mirror": [("no", 0), ("yes", 1)],
    "scale": [(f"{tenths / 10:.1f}", tenths / 10) for tenths in range(10, 2, -1)],
    "cut": [("whole", 1), *((f"{k} x {k}", k) for k in (2, 3, 4))],
}
USUAL = {"turn": 90, "mirror": 1, "scale": 0.7, "cut": 2}
WHOLE = 0.9  # a cell of the map counts where so much of it was seen in both pictures
GAP = 4  # pixels between the tiles on screen
ONLY, NONE = "map", "none"
ROOM = 50_000  # bytes of a page without a kernel


class Equivariance(Panel):
    """Shows the map of a changed picture, put back, beside the map of the picture.

    images: list of (H, W, 3) uint8; tags: (N, C) bool; classes: C names. maps_of: a function
    of (pictures, scale) that returns (B, C, h, w) maps, whose positive part counts, or {name: such
    maps} to compare several; pictures: a list of (H, W, 3) uint8; scale: how large the network is
    to see them, as a fraction of the usual. Called once a move.

    The controls are `picture`, `cls` (the tagged ones), `map`, `change` and `amount`: setting their
    `.value` does what a click does, and `state()` says what is shown. `refresh` asks for all maps
    again, and for their names.
    """

    kind = "equivariance"

    def __init__(self, images, maps_of, tags, classes):
        self.images, _ = prepared(images)
        self.maps_of, self.tags, self.classes = maps_of, np.asarray(tags, bool), tuple(classes)
        if self.tags.shape != (len(self.images), len(self.classes)):
            raise ValueError(
                f"{len(self.images)} pictures and tags {self.tags.shape} do not belong together "
                f"({len(self.classes)} classes)"
            )
        self._plain, self._busy = {}, False
        self._build()
        self.refresh()

    # ---- the controls

    def _build(self):
        last = len(self.images)
        self.picture = widgets.IntSlider(1, 1, last, description="picture", disabled=last == 1)
        self.cls = widgets.Dropdown(options=[NONE], description="class")
        self.map = widgets.Dropdown(options=[ONLY], description="map")
        self.change = widgets.Dropdown(options=list(AMOUNTS), description="change")
        self.amount = widgets.SelectionSlider(
            options=AMOUNTS["turn"], value=USUAL["turn"], description="how far"
        )
        self.left, self.middle, self.right = Described(), Described(), Described()
        self.right.add_class("wsss-equivariance-view")
        for image in (self.left, self.middle, self.right):
            image.layout.width = f"{show.WIDTH}px"  # three of them side by side on a laptop
        self._lay_out(
            [self.picture, self.cls, self.map],
            [self.change, self.amount],
            [self.left, self.middle, self.right],
        )
        self._listen(self.picture, then=self._new_picture)
        self._listen(self.change, then=self._new_change)
        self._listen(self.cls, self.map)
        self._listen(self.amount, then=self._look)

    def refresh(self):
        """Ask for all maps anew: of networks that have changed or been added."""
        self._plain.clear()
        self._new_picture()

    def _new_picture(self, change=None):
        """Another picture: offer its classes and maps, keep what is chosen where it is there."""
        options = [self.classes[k] for k in np.flatnonzero(self.tags[self._index])] or [NONE]
        names, shown = list(self._of_picture()), (self.cls.value, self.map.value)
        self._busy = True  # what changes below is drawn once
        self.cls.options, self.map.options = options, names
        self.cls.value = shown[0] if shown[0] in options else options[0]
        self.map.value = shown[1] if shown[1] in names else names[0]
        self.map.disabled = len(names) == 1
        self._busy = False
        self._look()

    def _new_change(self, change=None):
        """Another kind of change: other amounts to choose from."""
        self._busy = True
        kind = self.change.value
        self.amount.options, self.amount.value = AMOUNTS[kind], USUAL[kind]
        self._busy = False
        self._look()

    def _look(self, change=None):
        """Change the picture and ask for its maps."""
        if self._busy:
            return
        self._changed = Changed(self._image, self.change.value, self.amount.value)
        found = self._ask(self._changed.pictures, self._changed.scale)
        self._other = {name: self._changed.join(maps) for name, maps in found.items()}
        self._draw()

    def _draw(self, change=None):
        if self._busy:
            return
        state = self.state()
        where = f"picture {state['picture']} of {len(self.images)}, {self._changed.text}"
        what = f"{self.map.value} of {state['cls']}"
        a, b, _ = self.pair()
        self.left.show(self._changed.shown, f"{where}, as the network was given it")
        self.middle.show(heat_over(self._image, a), f"{what} of the picture as it was")
        self.right.show(heat_over(self._image, b), f"{what} of the changed picture, put back")
        by = [f"{name} {_written(value)}" for name, value in state["by"].items()]
        text = f"dissimilarity {', '.join(by) if len(by) > 1 else _written(state['dissimilarity'])}"
        if state["seen"] < 1:
            text += f", on the {state['seen']:.0%} of the picture that both show"
        self._say(f"{where[0].upper()}{where[1:]}, map of {state['cls']}", text)

    # ---- what is shown

    @property
    def _index(self):
        return self.picture.value - 1

    @property
    def _image(self):
        return self.images[self._index]

    def _ask(self, pictures, scale):
        """{name: (B, C, h, w) float32 tensor, not negative}."""
        found = self.maps_of(pictures, scale)
        found = found if isinstance(found, dict) else {ONLY: found}
        found = {name: torch.as_tensor(np.asarray(m, np.float32)) for name, m in found.items()}
        for maps in found.values():
            if maps.ndim != 4 or maps.shape[:2] != (len(pictures), len(self.classes)):
                raise ValueError(
                    f"maps_of returned {tuple(maps.shape)} for {len(pictures)} pictures and "
                    f"{len(self.classes)} classes"
                )
        return {name: blocks.relu(maps) for name, maps in found.items()}

    def _of_picture(self):
        """{name: (1, C, h, w)} of the picture as it is."""
        if self._index not in self._plain:
            self._plain[self._index] = self._ask([self._image], 1.0)
        return self._plain[self._index]

    def pair(self, name=None):
        """(map of the picture, map of the changed picture put back, where both were seen).

        (h, w) each, in 0..1 and bool, of the chosen class; name: of a map, by default the chosen.
        """
        name = name or self.map.value
        k = 0 if self.cls.value == NONE else self.classes.index(self.cls.value)
        keep = float(self.cls.value != NONE)
        a, b = (m[name][:, [k]] * keep for m in (self._of_picture(), self._other))
        return self._changed.pair(a, b)

    def state(self):
        """What is chosen and shown, as plain values: for a later cell, and for tests.

        dissimilarity: of the two maps, as `transform.dissimilarity` has it, 0 where they are equal;
        by: that of all maps by name; seen: share of the cells that are compared. None: no tag.
        """
        pairs = {name: self.pair(name) for name in self._other}
        if self.cls.value == NONE:
            by = dict.fromkeys(pairs)
        else:
            by = {name: _distance(a, b) for name, (a, b, _) in pairs.items()}
        return {
            "picture": self.picture.value,
            "cls": self.cls.value,
            "map": self.map.value,
            "change": self.change.value,
            "amount": self.amount.value,
            "dissimilarity": by[self.map.value],
            "by": by,
            "seen": float(pairs[self.map.value][2].mean()),
        }

    # ---- without a page that answers

    def strip(self):
        """The same as still pictures (`show.strip`)."""
        state, (a, b, _) = self.state(), self.pair()
        pictures = [self._changed.shown, heat_over(self._image, a), heat_over(self._image, b)]
        titles = [self._changed.text, f"{state['map']} of the picture",
                  f"of the changed one, put back: {_written(state['dissimilarity'])}"]  # fmt: skip
        alt = f"Still view of the equivariance widget, picture {state['picture']}, {state['cls']}"
        return show.strip(pictures, titles, alt=alt)

    def moving(self):
        """The map of the picture, and put back after each usual change; others need a kernel."""
        names = list(self._of_picture())
        layers = [self.map.value, *(f"{self.map.value}, {kind}" for kind in USUAL)]
        note = "Other amounts" + (f" and maps than {self.map.value}" if len(names) > 1 else "")
        return Moving(
            self.classes,
            (self._page_of(i, self.map.value) for i in in_order(self._index, len(self.images))),
            len(self.images),
            0.5,
            layers,
            "map",
            cls=self.cls.value,
            layer=f"{self.map.value}, {self.change.value}",
            whole=False,
            note=f"{note} are computed in the notebook only.",
            largest=ROOM,
        )

    def _page_of(self, i, name):
        image, tagged = self.images[i], np.flatnonzero(self.tags[i])
        plain = (self._plain.get(i) or self._ask([image], 1.0))[name]
        layers = [Layer({k: blocks.normalise(plain[:, [k]])[0, 0].numpy() for k in tagged})]
        for kind, amount in USUAL.items():
            changed = Changed(image, kind, amount)
            other = changed.join(self._ask(changed.pictures, changed.scale)[name])
            maps = {k: changed.pair(plain[:, [k]], other[:, [k]])[1] for k in tagged}
            layers.append(Layer(maps, image=changed.shown))
        return i + 1, image, None, layers


class Changed:
    """A changed picture: what the network is given, what the reader sees, and the way back.

    pictures: list of (H, W, 3) uint8; scale: fraction of the usual size to see them at; shown:
    (H, W, 3) uint8; text: the change in words; join: puts the maps of the pictures together;
    back: takes a map of that into the frame of the picture as it was.
    """

    def __init__(self, image, kind, amount):
        self.kind, self.amount, self.size = kind, amount, image.shape[:2]
        self.pictures, self.scale, self.shown = [image], 1.0, image
        if kind == "turn":
            self.text = f"turned by {amount} degrees"
            self.pictures = [turned(image, amount, MEAN_COLOUR)]
            self.shown = self.pictures[0]
        elif kind == "mirror":
            self.text = "mirrored" if amount else "not mirrored"
            self.pictures = [image[:, ::-1].copy() if amount else image]
            self.shown = self.pictures[0]
        elif kind == "scale":
            self.text, self.scale = f"at {amount:.1f} of its size", float(amount)
            self.shown = _on_grey(image, self.scale)
        else:
            self.text = f"cut into {amount} x {amount} tiles" if amount > 1 else "not cut"
            self.pictures, self.scale = cut(image, amount), 1 / amount
            self.shown = _apart(image, amount)

    def join(self, maps):
        """(1, C, h, w) of the maps of all pictures, (B, C, h, w)."""
        return stitch(maps, self.amount) if self.kind == "cut" else maps

    def back(self, maps, size):
        """(maps of `size` in the frame of the picture, (h, w) bool where they were seen)."""
        everywhere = np.ones(tuple(size), bool)
        if self.kind == "mirror" and self.amount:
            return blocks.resize(maps.flip(-1), size), everywhere
        if self.kind != "turn" or not self.amount:
            return blocks.resize(maps, size), everywhere
        large = blocks.resize(maps, self.size)[0, 0].numpy()
        there = turned(np.ones(self.size, np.float32), self.amount)
        planes = (torch.from_numpy(turned(x, -self.amount)[None, None]) for x in (large, there))
        small, seen = (F.adaptive_avg_pool2d(x, size) for x in planes)
        return small, seen[0, 0].numpy() > WHOLE

    def pair(self, a, b):
        """(map of the picture, that of the changed one put back, where both were seen).

        a, b: (1, 1, h, w) of the picture and, joined, of the changed one.
        """
        a, size = self.like(blocks.normalise(a)), a.shape[-2:]
        b, seen = self.back(blocks.normalise(b), size)
        if not seen.all():  # what only one of them shows is not compared
            a, b = (blocks.normalise(x * torch.from_numpy(seen)) for x in (a, b))
        return a[0, 0].numpy(), b[0, 0].numpy(), seen

    def like(self, maps):
        """Maps of the picture as it was, smoothed as those are that `back` has turned."""
        if self.kind != "turn" or not self.amount:
            return maps
        return F.adaptive_avg_pool2d(blocks.resize(maps, self.size), maps.shape[-2:])


def turned(picture, degrees, outside=0):
    """A picture or plane turned about its middle, against the clock; what comes in is `outside`."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    colour = tuple(np.broadcast_to(np.asarray(outside, float), 3).tolist())
    return cv2.warpAffine(picture, matrix, (width, height), borderValue=colour)


def _on_grey(image, scale):
    """The picture reduced, in the middle of a grey one of its size."""
    height, width = image.shape[:2]
    h, w = max(1, round(scale * height)), max(1, round(scale * width))
    out = np.full_like(image, show.VOID_COLOUR[0])
    y, x = (height - h) // 2, (width - w) // 2
    out[y : y + h, x : x + w] = show.resize(image, (h, w))
    return out


def _apart(image, grid):
    """The tiles of a picture with white gaps between them."""
    out = np.array(show.resize(image, tuple(2 * n for n in image.shape[:2])))
    for axis in (0, 1):
        for part in np.array_split(np.arange(out.shape[axis]), grid)[1:]:
            where = [slice(None)] * 2
            where[axis] = slice(part[0] - GAP // 2, part[0] + GAP // 2)
            out[tuple(where)] = 255
    return out


def _distance(a, b):
    return float(dissimilarity(*(torch.from_numpy(x)[None, None] for x in (a, b)))[0, 0])


def _written(value):
    return "–" if value is None else f"{value:.2f}"
