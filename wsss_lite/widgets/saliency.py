"""The spoiler: make a saliency map worse, and see when it stops being a help to class maps."""

import ipywidgets as widgets
import numpy as np

from wsss_lite import show
from wsss_lite.maps.saliency import spoil
from wsss_lite.refine.threshold import label, upsample
from wsss_lite.score import Scores, confusion
from wsss_lite.widgets.base import Described, Panel, heat_over, mask_over, prepared
from wsss_lite.widgets.moving import Layer, Moving, in_order

LONGEST = 384  # pixels; larger photographs are reduced so that the sliders stay quick
ALONE = "left out"
STOPS = (0.1, 0.1, 9)  # of the threshold, in a page without a kernel
ROOM = 50_000  # bytes of that page
GRID = 128  # pixels of the longer side at which a map is spoilt: a wide blur is slow on more


class Spoiler(Panel):
    """Multiplies maps that are there already by a saliency map that the sliders make worse.

    Nothing is trained here: a map becomes map * saliency ** strength, divided by its maximum, and
    what exceeds the threshold is the mask. Strength 0 is the maps alone.

    images: list of (H, W, 3) uint8; maps: (N, C, h, w) in 0..1, zero for classes without a tag;
    saliency: {name: (N, h, w) in 0..1}, the maps to choose from; masks: list of (H, W) uint8;
    classes: C names; threshold: to start with. The faults of the k-th picture (from 0) are those of
    `spoil(..., seed=k)`.

    Controls: `picture`, `source`, `blur`, `false`, `missed`, `strength` and `threshold`; setting
    their `.value` does what a click does, and `state()` says what is shown.
    """

    kind = "spoiler"

    def __init__(self, images, maps, saliency, masks, classes, threshold=0.3):
        self.classes, self.saliency = tuple(classes), dict(saliency)
        sizes = [len(images), len(maps), len(masks), *map(len, self.saliency.values())]
        if not self.saliency or len(set(sizes)) != 1:
            raise ValueError(
                f"{sizes[0]} pictures, {sizes[1]} maps, {sizes[2]} masks and saliency of "
                f"{sizes[3:]} pictures do not belong together"
            )
        images = [show.fit(x, LONGEST) if max(x.shape[:2]) > LONGEST else x for x in images]
        self.images, self.masks = prepared(images, masks)
        self._there = [np.flatnonzero(np.asarray(m).max((1, 2)) > 0) for m in maps]
        self._maps = [
            upsample(np.asarray(m)[there], x.shape[:2])
            for m, there, x in zip(maps, self._there, self.images, strict=True)
        ]
        self._spoilt = None, None  # (what the sliders said, map)
        self._build(threshold)
        self._draw()

    # ---- the controls

    def _build(self, threshold):
        def slider(text, value, high):
            return widgets.FloatSlider(
                value, min=0, max=high, step=0.01, description=text, readout_format=".2f"
            )

        last = len(self.images)
        self.picture = widgets.IntSlider(1, 1, last, description="picture", disabled=last == 1)
        self.source = widgets.Dropdown(options=list(self.saliency), description="saliency")
        self.blur = slider("blur", 0, 0.4)
        self.false, self.missed = slider("false disc", 0, 0.9), slider("missed", 0, 1)
        self.strength, self.threshold = slider("strength", 1, 3), slider("threshold", threshold, 1)
        self.left, self.image = Described(), Described()
        rows = [
            [self.picture, self.source],
            [self.blur, self.false, self.missed],
            [self.strength, self.threshold],
            [self.left, self.image],
        ]
        self._lay_out(*rows)
        self._listen(*rows[0], *rows[1], *rows[2])

    def _draw(self, change=None):
        state = self.state()
        faults = ", ".join(f"{key} {state[key]:.2f}" for key in ("blur", "false", "missed"))
        what = f"picture {state['picture']} of {len(self.images)}, {state['source']} saliency"
        self.left.show(self.shown_map(), f"{what}, {faults}; a line where it is at one half")
        self.image.show(
            mask_over(self.images[self._index], self.mask(), self.classes),
            f"{what}, {faults}: mask of the maps with it, strength {state['strength']:.2f}",
        )
        self._say(f"{what[0].upper()}{what[1:]}, {faults}", _numbers(state))

    # ---- what is shown

    @property
    def _index(self):
        return self.picture.value - 1

    def spoilt(self):
        """(H, W) in 0..1 the saliency map as the sliders leave it."""
        asked = self._index, *(c.value for c in (self.source, self.blur, self.false, self.missed))
        if self._spoilt[0] != asked:
            index, source, *amounts = asked
            size = self.images[index].shape[:2]
            factor = min(1, GRID / max(size))
            small = tuple(max(1, round(factor * side)) for side in size)
            one = upsample(np.asarray(self.saliency[source][index])[None], small)
            worse = spoil(one, *amounts, seed=index)
            self._spoilt = asked, upsample(worse, size)[0].clip(0, 1)
        return self._spoilt[1]

    def shown_map(self):
        """(H, W, 3) uint8 the picture on the left."""
        return heat_over(self.images[self._index], self.spoilt(), 0.5, "viridis")

    def mask(self, strength=None):
        """(H, W) uint8 the mask on the right, or that of another strength."""
        strength = self.strength.value if strength is None else strength
        gate = self.spoilt() ** np.float32(strength)
        return self._gated(self._index, gate, [self.threshold.value])[0]

    def _gated(self, i, gate, thresholds):
        """[(H, W) uint8] the mask of picture i at each threshold; gate: (H, W), times the maps."""
        maps, there = self._maps[i], self._there[i]
        if not len(there):
            return [np.zeros(self.images[i].shape[:2], np.uint8)] * len(thresholds)
        maps = maps * gate
        maps /= np.maximum(maps.max((1, 2), keepdims=True), 1e-12)
        names = np.append(0, there + 1).astype(np.uint8)
        return [names[label(maps, t)] for t in thresholds]

    def state(self):
        """What is chosen and shown, as plain values: for a later cell, and for tests.

        saliency: IoU of the spoilt map above one half with the objects of the picture; alone,
        gated: mean IoU, background included, of the mask of the maps alone and of that shown.
        None without a mask to compare with.
        """
        truth, found = self.masks[self._index], {"saliency": None, "alone": None, "gated": None}
        if truth is not None:
            size = len(self.classes) + 1
            front = np.where(truth == show.VOID, truth, truth > 0).astype(np.uint8)
            salient = confusion(front, (self.spoilt() > 0.5).astype(np.uint8), 2)
            found["saliency"] = float(np.nan_to_num(Scores(salient).iou[1]))
            for key, strength in (("alone", 0), ("gated", None)):
                found[key] = Scores(confusion(truth, self.mask(strength), size)).miou
        amounts = {
            name: round(getattr(self, name).value, 2)
            for name in ("blur", "false", "missed", "strength", "threshold")
        }
        return {"picture": self.picture.value, "source": self.source.value} | amounts | found

    # ---- without a page that answers

    def strip(self):
        """The same as still pictures (`show.strip`)."""
        state, image = self.state(), self.images[self._index]
        pictures = [image, self.shown_map()]
        pictures += [mask_over(image, self.mask(s), self.classes) for s in (0, None)]
        scores = [_written(state[key]) for key in ("saliency", "alone", "gated")]
        titles = ["picture", f"{state['source']} saliency, IoU {scores[0]}"]
        titles += [f"maps alone, mIoU {scores[1]}", f"with it, mIoU {scores[2]}"]
        colours = show.colours(self.classes)
        legend = {self.classes[k]: colours[self.classes[k]] for k in self._there[self._index]}
        alt = f"Still view of the spoiler, picture {state['picture']} of {len(self.images)}"
        return show.strip(pictures, titles, alt=alt, legend=legend)

    def moving(self):
        """Masks of the maps alone and with each saliency map as it is; faults need a kernel."""
        return Moving(
            self.classes,
            (self._page_of(i) for i in in_order(self._index, len(self.images))),
            len(self.images),
            self.threshold.value,
            (ALONE, *self.saliency),
            "saliency",
            STOPS,
            view="mask",
            layer=self.source.value,
            note="The faults and the strength move in the notebook only.",
            largest=ROOM,
        )

    def _page_of(self, i):
        thresholds = [round(STOPS[0] + k * STOPS[1], 2) for k in range(STOPS[2])]
        size = self.images[i].shape[:2]
        gates = [1.0, *(upsample(np.asarray(one[i])[None], size) for one in self.saliency.values())]
        layers = [Layer(labels=self._gated(i, gate, thresholds)) for gate in gates]
        return i + 1, self.images[i], self.masks[i], layers


def _written(value):
    return "–" if value is None else f"{value:.2f}"


def _numbers(state):
    """The three scores as text, and whether the cue is a help."""
    if state["alone"] is None:
        return "no mask to compare with"
    change = state["gated"] - state["alone"]
    word = "no change" if abs(change) < 0.005 else "a help" if change > 0 else "a harm"
    return (
        f"IoU of the saliency {state['saliency']:.2f}; mIoU of the maps alone "
        f"{state['alone']:.2f}, with it {state['gated']:.2f}: {word}"
    )
