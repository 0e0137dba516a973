"""The chooser: which labels a pipeline is sure of, by its gate, two thresholds and a trust."""

import cv2
import ipywidgets as widgets
import numpy as np

from wsss_lite import show
from wsss_lite.refine.pairs import SMALL, confident
from wsss_lite.refine.threshold import VOID, upsample
from wsss_lite.score import Scores, confusion
from wsss_lite.widgets.base import Described, Panel, heat_over, mask_over, prepared
from wsss_lite.widgets.moving import Layer, Moving, in_order

GRID = 112  # pixels of the longer side on which the CRF works, as in the method `best-tags`
GATES = (0.0, 1.0, 2.0, 4.0)  # in a page without a kernel
ROOM = 40_000  # bytes of that page
VIEWS = ("mask", "map", "trust")


class Chooser(Panel):
    """Labels that the CRF is sure of, from maps, a foreground and an uncertainty made before.

    A map becomes map * foreground ** gate, divided by its maximum. Objects above `high` and
    background below `low` are labels (`refine.pairs.confident`), the rest has none; and where
    exp(-strength * unsure) is below one half a label is dropped. With low = high and strength 0
    every pixel has a label, and that is the pseudo mask.

    images: list of (H, W, 3) uint8; maps: (N, C, h, w) in 0..1, zero for classes without a tag;
    foreground: (N, h, w) in 0..1; unsure: (N, h, w) in 0..1; masks: list of (H, W) uint8, or None
    (for a picture or for all); classes: C names.

    Controls: `picture`, `gate`, `low`, `high`, `strength` and `view` (of the right picture: the
    labels with background for all that has none, the gated map, or the trust); setting their
    `.value` does what a click does, and `state()` says what is shown. A `low` above `high` counts
    as `high`.
    """

    kind = "chooser"

    def __init__(
        self, images, maps, foreground, unsure, masks, classes,
        gate=2.0, low=0.1, high=0.3, strength=0.0,
    ):  # fmt: skip
        self.classes = tuple(classes)
        self.images, self.masks = prepared(images, masks)
        sizes = [len(images), len(maps), len(foreground), len(unsure)]
        if len(set(sizes)) != 1 or np.shape(maps)[1] != len(self.classes):
            raise ValueError(
                f"{sizes[0]} pictures, {sizes[1]} maps of {np.shape(maps)[1]} classes, "
                f"{sizes[2]} foregrounds, {sizes[3]} uncertainties and {len(self.classes)} names "
                "do not belong together"
            )
        self._maps, self._unsure = np.asarray(maps, np.float32), np.asarray(unsure, np.float32)
        size = self._maps.shape[-2:]
        self._front = [upsample(np.asarray(p)[None], size) for p in foreground]
        self._small = [_reduced(image) for image in self.images]
        self._kept = {}
        self._build(gate, low, high, strength)
        self._draw()

    # ---- the controls

    def _build(self, gate, low, high, strength):
        def slider(text, value, most, step):
            return widgets.FloatSlider(
                value, min=0, max=most, step=step, description=text, readout_format=".2f"
            )

        last = len(self.images)
        self.picture = widgets.IntSlider(1, 1, last, description="picture", disabled=last == 1)
        self.view = widgets.Dropdown(options=VIEWS, description="view")
        self.gate = slider("gate", gate, 4, 0.25)
        self.strength = slider("strength", strength, 6, 0.25)
        self.low, self.high = slider("low", low, 0.9, 0.02), slider("high", high, 0.9, 0.02)
        self.left, self.image = Described(), Described()
        rows = [
            [self.picture, self.view],
            [self.gate, self.strength],
            [self.low, self.high],
            [self.left, self.image],
        ]
        self._lay_out(*rows)
        self._listen(*rows[0], *rows[1], *rows[2])

    def _draw(self, change=None):
        state = self.state()
        knobs = ", ".join(f"{key} {state[key]:.2f}" for key in ("gate", "strength", "low", "high"))
        what = f"picture {state['picture']} of {len(self.images)}: {knobs}"
        self.left.show(self.sure(), f"labels of {what}; light where there is none")
        self.image.show(self.right(), f"{state['view']} of {what}")
        self._say(f"P{what[1:]}", _numbers(state))

    # ---- what is shown

    @property
    def _index(self):
        return self.picture.value - 1

    def gated(self):
        """(C, h, w) in 0..1 the maps of the picture after the gate."""
        return self._after(self._index, self.gate.value)

    def _after(self, i, gate):
        """(C, h, w) in 0..1 the maps of any picture after a gate."""
        maps = self._maps[i] * self._front[i] ** np.float32(gate)
        return maps / np.maximum(maps.max((1, 2), keepdims=True), 1e-12)

    def trust(self):
        """(h, w) in 0..1 how far a label counts, on the grid of the CRF."""
        size = self._small[self._index].shape[:2]
        return upsample(np.exp(-self.strength.value * self._unsure[self._index])[None], size)[0]

    def labels(self):
        """(h, w) uint8 labels on the grid of the CRF, 255 where there is none."""
        low, high = min(self.low.value, self.high.value), self.high.value
        key = self._index, self.gate.value, low, high
        if key not in self._kept:  # the trust needs no new CRF
            small = self._small[self._index]
            self._kept = {key: confident(small, self.gated(), low, high, SMALL)}
        return np.where(self.trust() < 0.5, VOID, self._kept[key]).astype(np.uint8)

    def mask(self):
        """(H, W) uint8: the labels at the size of the picture, background where there is none."""
        labels = self._full(self.labels())
        return np.where(labels == VOID, 0, labels).astype(np.uint8)

    def _full(self, small):
        return show.resize(small, self.images[self._index].shape[:2], smooth=False)

    def sure(self):
        """(H, W, 3) uint8 the picture on the left."""
        return mask_over(self.images[self._index], self._full(self.labels()), self.classes)

    def right(self):
        """(H, W, 3) uint8 the picture on the right."""
        image = self.images[self._index]
        if self.view.value == "mask":
            return mask_over(image, self.mask(), self.classes)
        if self.view.value == "map":
            return heat_over(image, upsample(self.gated(), image.shape[:2]).max(0), self.high.value)
        return heat_over(image, self.trust(), 0.5, "viridis")

    def state(self):
        """What is chosen and shown, as plain values: for a later cell, and for tests.

        labelled: share of the pixels with a label; right: share of these that is right; precision,
        recall: of the object labels, a pixel without label being missed; iou: mean IoU, background
        included, of `mask`. None without a true mask, and where there is nothing to divide by.
        """
        labels, truth = self._full(self.labels()), self.masks[self._index]
        found = dict.fromkeys(("right", "precision", "recall", "iou"))
        if truth is not None:
            known = truth != VOID
            hit, named = (labels == truth) & known, (labels != VOID) & known
            object_ = named & (labels > 0)
            found["right"] = _share(hit, named)
            found["precision"] = _share(hit & object_, object_)
            found["recall"] = _share(hit & object_, (truth > 0) & known)
            found["iou"] = Scores(confusion(truth, self.mask(), len(self.classes) + 1)).miou
        names = ("gate", "low", "high", "strength")
        values = {name: round(getattr(self, name).value, 2) for name in names}
        shown = {"picture": self.picture.value, "view": self.view.value}
        return shown | values | {"labelled": float((labels != VOID).mean())} | found

    # ---- without a page that answers

    def strip(self):
        """The same as still pictures (`show.strip`)."""
        state, image = self.state(), self.images[self._index]
        heat = upsample(self.gated(), image.shape[:2]).max(0)
        masks = self._full(self.labels()), self.mask()
        pictures = [show.overlay_heat(image, heat)]
        pictures += [show.overlay(image, mask, self.classes) for mask in masks]
        titles = [
            f"map, gate {state['gate']:.2f}",
            f"{state['labelled']:.0%} labelled, {_percent(state['right'])} right",
            f"as a mask: mIoU {_written(state['iou'])}",
        ]
        there = np.flatnonzero(self._maps[self._index].max((1, 2)) > 0)
        colours = show.colours(self.classes)
        legend = {self.classes[k]: colours[self.classes[k]] for k in there}
        alt = f"Still view of the chooser, picture {state['picture']} of {len(self.images)}"
        legend |= {"no label": colours["void"]}
        return show.strip(pictures, titles, alt=alt, legend=legend)

    def moving(self):
        """The gated maps and their threshold; what the CRF is sure of needs a kernel."""
        names = [f"{gate:.0f}" for gate in GATES]
        shown = f"{self.gate.value:.0f}"
        return Moving(
            self.classes,
            (self._page_of(i) for i in in_order(self._index, len(self.images))),
            len(self.images),
            self.high.value,
            names,
            "gate",
            layer=shown if shown in names else "",
            note="The CRF and with it the labels that it is sure of are in the notebook only.",
            largest=ROOM,
        )

    def _page_of(self, i):
        there = np.flatnonzero(self._maps[i].max((1, 2)) > 0)
        every = [self._after(i, gate) for gate in GATES]
        layers = [Layer({k: maps[k] for k in there}) for maps in every]
        return i + 1, self.images[i], self.masks[i], layers


def _reduced(image):
    """The picture with its longer side at `GRID` pixels."""
    height, width = image.shape[:2]
    scale = GRID / max(height, width)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)


def _share(part, whole):
    return float(part.sum() / whole.sum()) if whole.any() else None


def _written(value):
    return "–" if value is None else f"{value:.2f}"


def _percent(value):
    return "–" if value is None else f"{value:.0%}"


def _numbers(state):
    text = f"{state['labelled']:.0%} of the pixels have a label"
    if state["iou"] is None:
        return f"{text}; no mask to compare with"
    return (
        f"{text}, {_percent(state['right'])} of these are right; objects: precision "
        f"{_written(state['precision'])}, recall {_written(state['recall'])}; "
        f"mIoU as a mask {_written(state['iou'])}"
    )
