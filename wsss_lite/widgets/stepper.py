"""The stepper: maps of the same pictures at several times, and the score of each."""

from html import escape

import cv2
import ipywidgets as widgets
import numpy as np

from wsss_lite import show
from wsss_lite.refine.threshold import upsample
from wsss_lite.widgets.base import Described, Panel, heat_over, mask_over, outlined, prepared
from wsss_lite.widgets.moving import Layer, Moving, in_order

NONE = "none"  # what the class control offers for a picture without tags
VISIBLE = 8  # of 255: a pixel that differs by more counts as hidden
SMOOTH = 5  # pixels of the filter that cleans what counts as hidden
STILLS = 4  # steps at most in the still view
ROOM = 50_000  # bytes of a page without a kernel


class Stepper(Panel):
    """Scrubs through a sequence of maps: rounds of erasing, epochs of a training.

    images: list of (H, W, 3) uint8; steps: a (N, C, h, w) array in 0..1 for each step; masks: list
    of (H, W) uint8 (or None, for a picture or for all); tags: (N, C) bool; classes: C names; names:
    one a step ("round 1"); shown: for each step the N pictures that the network was given, such as
    those with a part erased; without it, it is `images` at every step.

    The controls are `picture`, `cls` (the tagged ones), `step` (0 and up), `threshold` and `view`:
    setting their `.value` does what a click does, and `state()` says what is shown.
    """

    kind = "stepper"

    def __init__(self, images, steps, masks, tags, classes, names, threshold=0.3, shown=None):
        self.classes, self.names = tuple(classes), tuple(names)
        self.images, self.masks = prepared(images, masks)
        self.steps, self.tags, self._given = list(steps), np.asarray(tags, bool), shown
        count, size = len(self.images), (len(self.images), len(self.classes))
        if self.tags.shape != size or any(np.shape(maps)[:2] != size for maps in self.steps):
            raise ValueError(
                f"tags {self.tags.shape} and maps {[np.shape(m) for m in self.steps]} do not "
                f"belong to {count} pictures and {len(self.classes)} classes"
            )
        pictures = [count] * len(self.steps) if shown is None else [len(row) for row in shown]
        if not self.steps or len(self.names) != len(self.steps) or len(pictures) != len(self.steps):
            raise ValueError(
                f"{len(self.steps)} steps, {len(self.names)} names and, shown, pictures of "
                f"{len(pictures)} steps do not belong together"
            )
        if set(pictures) != {count}:
            raise ValueError(f"{count} pictures, but those shown at each step are {pictures}")
        self._large, self._differs, self._busy = (None, None), (None, None), False  # (key, array)
        self._build(threshold)
        self._new_picture()

    # ---- the controls

    def _build(self, threshold):
        last = len(self.images)
        self.picture = widgets.IntSlider(1, 1, last, description="picture", disabled=last == 1)
        self.cls = widgets.Dropdown(options=[NONE], description="class")
        self.view = widgets.Dropdown(options=["heat", "mask"], description="view")
        options = [(name, t) for t, name in enumerate(self.names)]
        self.step = widgets.SelectionSlider(options=options, description="step")
        self.threshold = widgets.FloatSlider(
            threshold, min=0, max=1, step=0.01, description="threshold", readout_format=".2f"
        )
        self.original, self.image = Described(), Described()
        self.image.add_class("wsss-stepper-view")
        self.series = widgets.HTML()
        rows = [
            [self.picture, self.cls, self.view],
            [self.step, self.threshold],
            [self.original, self.image],
        ]
        self._lay_out(*rows)
        self.box.children = (*self.box.children, self.series)
        self._listen(self.picture, then=self._new_picture)
        self._listen(self.cls, self.view, *rows[1])

    def _new_picture(self, change=None):
        """Another picture: offer its classes, keep the chosen one where it is there too."""
        options = [self.classes[k] for k in np.flatnonzero(self.tags[self._index])] or [NONE]
        chosen = self.cls.value if self.cls.value in options else options[0]
        self._busy = True  # two controls change below, one drawing is enough
        self.cls.options, self.cls.value = options, chosen
        self._busy = False
        self._draw()

    def _draw(self, change=None):
        """Show what the controls say; all that runs while a slider moves."""
        if self._busy:
            return
        state = self.state()
        where = f"picture {state['picture']} of {len(self.images)}, {state['name']}"
        share = round(100 * state["hidden"])
        hidden = f", {share} % of the picture hidden" if share else ""
        what = f"{where}: {state['view']} of {state['cls']}, threshold {state['threshold']:.2f}"
        if change is None or change["owner"] is self.step:
            self.original.show(self._outlined(), f"{where}, as the network was given it{hidden}")
        self.image.show(self.right(), what)
        self._say(f"{what[0].upper()}{what[1:]}{hidden}", _numbers(state))
        self.series.value = _series(state, self.names)

    # ---- what is shown

    @property
    def _index(self):
        return self.picture.value - 1

    def _k(self):
        """The index of the chosen class (0-based), None for a picture without tags."""
        return None if self.cls.value == NONE else self.classes.index(self.cls.value)

    def maps(self):
        """(T, H, W) the chosen class's map at every step, enlarged when first asked for."""
        key = self._index, self._k()
        if self._large[0] != key:
            i, k = key
            size = self.images[i].shape[:2]
            small = [np.zeros((1, 1)) if k is None else maps[i][k] for maps in self.steps]
            large = [upsample(np.asarray(m)[None], size)[0] for m in small]  # sizes may differ
            self._large = key, np.stack(large)
        return self._large[1]

    def given(self, step=None):
        """(H, W, 3) uint8 the picture as the network was given it at a step (default: this)."""
        step, image = self.step.value if step is None else step, self.images[self._index]
        if self._given is None:
            return image
        picture = np.asarray(self._given[step][self._index])
        return picture if picture.shape == image.shape else show.resize(picture, image.shape[:2])

    def hidden(self):
        """(H, W) bool where the picture given at this step differs from the original."""
        key = self._index, self.step.value
        if self._differs[0] != key:
            difference = self.given().astype(np.int16) - self.images[self._index]
            differs = (np.abs(difference).max(2) > VISIBLE).astype(np.uint8)
            # Here and there the picture has the colour that hides it: no holes, no ragged edge.
            self._differs = key, cv2.medianBlur(differs, SMOOTH) > 0
        return self._differs[1]

    def _outlined(self):
        """(H, W, 3) uint8 the picture on the left: what is hidden, with a line around it."""
        return outlined(self.given(), self.hidden())

    def right(self):
        """(H, W, 3) uint8 the picture on the right."""
        image, map, cut = self.images[self._index], self.maps()[self.step.value], self.threshold
        if self.view.value == "heat":
            return heat_over(image, map, cut.value)
        value = 0 if self._k() is None else self._k() + 1
        return mask_over(image, np.where(map > cut.value, value, 0).astype(np.uint8), self.classes)

    def truth(self):
        """(H, W) uint8 the true mask, of the chosen class only; or None."""
        mask, k = self.masks[self._index], self._k()
        if mask is None or k is None:
            return None
        return np.where((mask == k + 1) | (mask == show.VOID), mask, 0).astype(np.uint8)

    def scores(self):
        """[(IoU, precision, recall)] of the chosen class at each step; None where 0 / 0.

        Empty for a picture without a mask or without a tag.
        """
        truth = self.truth()
        if truth is None:
            return []
        known, out = truth != show.VOID, []
        there = (truth > 0) & known
        for map in self.maps():
            found = (map > self.threshold.value) & known
            both, one, other = (int(x.sum()) for x in (found & there, found, there))
            of = one + other - both, one, other
            out.append(tuple(both / number if number else None for number in of))
        return out

    def state(self):
        """What is chosen and shown, as plain values: for a later cell, and for tests.

        iou, precision, recall: of the chosen class at this step; series: the IoU of all steps;
        as `scores` has them. hidden: share of the picture that is not as it was.
        """
        scores, step = self.scores(), self.step.value
        iou, precision, recall = scores[step] if scores else (None, None, None)
        return {
            "picture": self.picture.value,
            "cls": self.cls.value,
            "step": step,
            "name": self.names[step],
            "threshold": round(self.threshold.value, 2),
            "view": self.view.value,
            "hidden": float(self.hidden().mean()),
            "iou": iou,
            "precision": precision,
            "recall": recall,
            "series": [row[0] for row in scores],
        }

    # ---- without a page that answers

    def strip(self):
        """Some of the steps as still pictures (`show.grid`), first and last among them."""
        state, maps, image = self.state(), self.maps(), self.images[self._index]
        picked = np.linspace(0, len(maps) - 1, min(STILLS, len(maps))).round().astype(int).tolist()
        heats = [heat_over(image, maps[t], state["threshold"]) for t in picked]
        titles = [self.names[t] for t in picked]
        if state["series"]:
            titles = [f"{self.names[t]}, IoU {_written(state['series'][t])}" for t in picked]
        rows, headings = [heats], ["maps"]
        if self._given is not None:
            rows = [[self.given(t) for t in picked], heats]
            headings = ["what the network was given", "its maps"]
        alt = (
            f"Still view of the stepper, picture {state['picture']} of {len(self.images)}, "
            f"{state['cls']}, threshold {state['threshold']:.2f}"
        )
        return show.grid(rows, titles, alt=alt, headings=headings)

    def moving(self):
        """Steps, threshold, class and view move."""
        state = self.state()
        return Moving(
            self.classes,
            (self._page_of(i) for i in in_order(self._index, len(self.images))),
            len(self.images),
            state["threshold"],
            self.names,
            "step",
            cls=state["cls"],
            view=state["view"],
            layer=state["name"],
            whole=False,
            largest=ROOM,
        )

    def _page_of(self, i):
        layers, tagged = [], np.flatnonzero(self.tags[i])
        for t, maps in enumerate(self.steps):
            given = None if self._given is None else self._given[t][i]
            layers.append(Layer({k: maps[i][k] for k in tagged}, image=given))
        return i + 1, self.images[i], self.masks[i], layers

    def __repr__(self):
        return f"{super().__repr__()[:-1]}, {len(self.steps)} steps)"


def _written(value):
    return "–" if value is None else f"{value:.2f}"


def _numbers(state):
    """The three scores of this step as text."""
    if not state["series"]:
        return "no mask to compare with"
    return ", ".join(
        f"{name} {_written(state[key])}"
        for name, key in (("IoU", "iou"), ("precision", "precision"), ("recall", "recall"))
    )


def _series(state, names):
    """The IoU of all steps, this one in bold; not read aloud at every move."""
    if not state["series"]:
        return ""
    pairs = zip(names, state["series"], strict=True)
    items = [escape(f"{name} {_written(value)}") for name, value in pairs]
    items[state["step"]] = f"<b>{items[state['step']]}</b>"
    text = f"IoU of all steps: {', '.join(items)}"
    return f'<p class="wsss-stepper-series" style="margin:0">{text}</p>'
