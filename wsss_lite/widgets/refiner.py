"""The refiner: one picture before and after the dense CRF, with the knobs of the CRF to turn."""

from dataclasses import replace

import ipywidgets as widgets
import numpy as np

from wsss_lite import show
from wsss_lite.refine.crf import CRF, dense_crf
from wsss_lite.refine.threshold import label, upsample, with_background
from wsss_lite.score import Scores, confusion
from wsss_lite.widgets.base import Described, Panel
from wsss_lite.widgets.moving import Layer, Moving, in_order

STOPS = 4  # of the threshold on either side of the chosen one, in a page without a kernel
APART = 0.06


class Refiner(Panel):
    """Shows the thresholded maps, the mask after the CRF, and the mIoU of both.

    images: list of (H, W, 3) uint8 of at most a few hundred pixels a side; maps: (N, C, h, w) in
    0..1, zero for classes without a tag; masks: list of (H, W) uint8; classes: C names; settings:
    the `CRF` to start from. Controls: `picture`, `threshold`, `colour`, `reach`, `weight`; setting
    their `.value` does what a click does, and `state()` says what is shown.
    """

    kind = "refiner"

    def __init__(self, images, maps, masks, classes, settings=CRF(), threshold=0.3):
        if not len(images) == len(maps) == len(masks):
            raise ValueError(f"{len(images)} pictures, {len(maps)} maps and {len(masks)} masks")
        self.images, self.masks, self.classes = list(images), list(masks), tuple(classes)
        self.settings = settings
        sizes = [image.shape[:2] for image in images]
        self._small = maps
        self.maps = [upsample(m, size) for m, size in zip(maps, sizes, strict=True)]
        self._build(threshold)
        self._draw()

    def _build(self, threshold):
        def slider(kind, text, value, low, high, step):
            return kind(value=value, min=low, max=high, step=step, description=text)

        s, whole, real = self.settings, widgets.IntSlider, widgets.FloatSlider
        self.picture = slider(whole, "picture", 1, 1, len(self.images), 1)
        self.threshold = slider(real, "background", threshold, 0.02, 0.9, 0.02)
        self.colour = slider(real, "colour std", s.colour_std, 1, 60, 1)
        self.reach = slider(real, "reach px", s.colour_position_std, 5, 120, 5)
        self.weight = slider(real, "weight", s.colour_weight, 0, 20, 0.5)
        self.before, self.after = Described(), Described()
        rows = [
            [self.picture, self.threshold],
            [self.colour, self.reach, self.weight],
            [self.before, self.after],
        ]
        self._lay_out(*rows)
        self._listen(*rows[0], *rows[1], width=300)

    def chosen(self):
        """The `CRF` that the sliders ask for."""
        return replace(
            self.settings,
            colour_std=self.colour.value,
            colour_position_std=self.reach.value,
            colour_weight=self.weight.value,
        )

    def predictions(self):
        """(H, W) uint8 of the thresholded maps, and the same after the CRF."""
        i = self.picture.value - 1
        probability = with_background(self.maps[i], self.threshold.value)
        refined = dense_crf(self.images[i], probability, self.chosen()).argmax(0)
        return label(self.maps[i], self.threshold.value), refined.astype(np.uint8)

    def scores(self, predictions):
        """The mIoU of each of the predictions on the current picture."""
        truth = self.masks[self.picture.value - 1]
        size = len(self.classes) + 1
        return [Scores(confusion(truth, pred, size)).miou for pred in predictions]

    def state(self):
        """What the sliders say and the two scores, as plain values: for a later cell and tests."""
        before, after = self.scores(self.predictions())
        return {
            "picture": self.picture.value,
            "threshold": round(self.threshold.value, 2),
            "crf": self.chosen(),
            "before": before,
            "after": after,
        }

    def _draw(self, change=None):
        image = self.images[self.picture.value - 1]
        predictions = self.predictions()
        before, after = self.scores(predictions)
        number = f"picture {self.picture.value} of {len(self.images)}"
        shown_as = (self.before, "before"), (self.after, "after")
        for mask, (shown, text) in zip(predictions, shown_as, strict=True):
            shown.show(show.overlay(image, mask, self.classes), f"{number}, mask {text} the CRF")
        self._say("", f"mIoU of {number}: {before:.2f} before, {after:.2f} after the CRF")

    def strip(self):
        """The same as still pictures (`show.strip`)."""
        i, predictions = self.picture.value - 1, self.predictions()
        before, after = self.scores(predictions)
        titles = ["picture", f"before, mIoU {before:.2f}", f"after, mIoU {after:.2f}", "truth"]
        pictures = [self.images[i], *predictions, self.masks[i]]
        alt = f"Still view of the refiner, picture {i + 1} of {len(self.images)}"
        return show.strip(pictures, titles, alt=alt, legend=self.classes)

    def moving(self):
        """A few thresholds before and after the CRF; its knobs need a kernel."""
        chosen = round(self.threshold.value, 2)
        below = min(STOPS, int((chosen - self.threshold.min) / APART))
        above = min(STOPS, int((self.threshold.max - chosen) / APART))
        stops = (round(chosen - below * APART, 2), APART, below + above + 1)
        i, count = self.picture.value - 1, len(self.images)
        return Moving(
            self.classes,
            (self._page_of(k, stops) for k in in_order(i, count)),
            count,
            chosen,
            ("before the CRF", "after the CRF"),
            "mask",
            stops,
            view="mask",
            layer="after the CRF",
            note="The knobs of the CRF turn in the notebook only.",
        )

    def _page_of(self, i, stops):
        image, refined = self.images[i], []
        for k in range(stops[2]):
            probability = with_background(self.maps[i], round(stops[0] + k * stops[1], 2))
            refined.append(dense_crf(image, probability, self.chosen()).argmax(0).astype(np.uint8))
        there = np.flatnonzero(np.asarray(self._small[i]).max((1, 2)) > 0)
        before = Layer({k: self._small[i][k] for k in there})
        return i + 1, image, self.masks[i], [before, Layer(labels=refined)]
