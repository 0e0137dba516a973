"""The inspector: a picture, its maps, a threshold to move, and the IoU that follows."""

import ipywidgets as widgets
import numpy as np

from wsss_lite import show
from wsss_lite.refine.threshold import label, upsample, with_background
from wsss_lite.score import Scores, confusion
from wsss_lite.widgets.base import Described, Panel, heat_over, mask_over, prepared
from wsss_lite.widgets.moving import ALL, COLOUR_MAPS, Layer, Moving, in_order


class Inspector(Panel):
    """Looks at maps picture by picture: as heat, as the mask above a threshold, beside the truth.

    images: list of (H, W, 3) uint8; maps: (N, C, h, w) in 0..1; masks: list of (H, W) uint8 (or
    None, for a picture or for all); tags: (N, C) bool; classes: C names. crf: True, `CRF`
    settings, or a function of (image, probability) like `dense_crf`; adds a box to tick.

    Enlarging the maps is done once a picture; the slider only compares numbers. The controls are
    `picture`, `cls`, `threshold`, `colour_map`, `view` and (with crf) `refine`: setting their
    `.value` does what a click does, and `state()` says what is shown.
    """

    kind = "inspector"

    def __init__(self, images, maps, masks, tags, classes, crf=None, threshold=0.3):
        self.classes = tuple(classes)
        self.images, self.masks = prepared(images, masks)
        self.maps, self.tags = maps, np.asarray(tags, bool)
        count = len(self.images)
        if len(maps) != count or self.tags.shape != (count, len(self.classes)):
            raise ValueError(
                f"{count} pictures, {len(maps)} maps and tags {self.tags.shape} do not belong "
                f"together ({len(self.classes)} classes)"
            )
        self._crf = _refinement(crf)
        self._large, self._refined, self._busy = {}, {}, False
        self._build(threshold)
        self._new_picture()

    # ---- the controls

    def _build(self, threshold):
        many, last = len(self.images) > 1, len(self.images)
        self.picture = widgets.IntSlider(1, 1, last, description="picture", disabled=not many)
        self.cls = widgets.Dropdown(options=[ALL], description="class")
        self.threshold = widgets.FloatSlider(
            threshold, min=0, max=1, step=0.01, description="threshold", readout_format=".2f"
        )
        self.colour_map = widgets.Dropdown(options=COLOUR_MAPS, description="colours")
        views = ["heat", "mask"] + ["truth"] * any(m is not None for m in self.masks)
        self.view = widgets.Dropdown(options=views, description="view")
        self.refine = widgets.Checkbox(False, description="dense CRF", indent=False)
        self.original, self.image = Described(), Described()
        self.image.add_class("wsss-inspector-view")
        extra = [self.refine] if self._crf else []
        self._lay_out(
            [self.picture, self.cls, self.view],
            [self.threshold, self.colour_map, *extra],
            [self.original, self.image],
        )
        self._listen(self.picture, then=self._new_picture)
        self._listen(self.cls, self.threshold, self.colour_map, self.view)
        self.refine.observe(self._draw, "value")

    def _new_picture(self, change=None):
        """Another picture: offer its classes, keep the chosen one where it is there too."""
        options = [ALL, *(self.classes[k] for k in self._tagged())]
        chosen = self.cls.value if self.cls.value in options else ALL
        self._busy = True  # two controls change below, one drawing is enough
        self.cls.options = options
        self.cls.value = chosen
        self._busy = False
        text = f"picture {self.picture.value} without anything drawn on it"
        self.original.show(self.images[self._index], text)
        self._draw()

    def _draw(self, change=None):
        """Show what the controls say; all that runs while the slider moves."""
        if self._busy:
            return
        state = self.state()
        text = _sentence(state, len(self.images))
        self.image.show(self.shown(), text)
        self._say(text, _numbers(state), "iou")

    # ---- what is shown

    @property
    def _index(self):
        return self.picture.value - 1

    def _tagged(self):
        """Class indices (0-based) of the current picture's tags."""
        return np.flatnonzero(self.tags[self._index])

    def _upsampled(self):
        """(tagged classes, H, W) maps of the current picture, enlarged the first time."""
        i = self._index
        if i not in self._large:
            rows = np.asarray(self.maps[i], np.float32)[self._tagged()]
            size = self.images[i].shape[:2]
            empty = np.zeros((0, *size), np.float32)
            self._large[i] = upsample(rows, size) if len(rows) else empty
        return self._large[i]

    def _chosen(self):
        """Rows of `_upsampled`, and their class indices, that the class control asks for."""
        tagged, maps = self._tagged(), self._upsampled()
        if self.cls.value == ALL:
            return tagged, maps
        keep = tagged == self.classes.index(self.cls.value)
        return tagged[keep], maps[keep]

    def heat(self):
        """(H, W) the chosen class's map, or the largest of all tagged ones."""
        _, maps = self._chosen()
        size = self.images[self._index].shape[:2]
        return maps.max(0) if len(maps) else np.zeros(size, np.float32)

    def mask(self):
        """(H, W) uint8 the chosen classes above the threshold (after the CRF, if ticked)."""
        which, maps = self._chosen()
        image = self.images[self._index]
        if not len(maps):
            return np.zeros(image.shape[:2], np.uint8)
        names = np.r_[0, which + 1].astype(np.uint8)
        if not (self._crf and self.refine.value):
            return names[label(maps, self.threshold.value)]
        key = (self._index, self.cls.value, round(self.threshold.value, 2))
        if key not in self._refined:
            probability = with_background(maps, self.threshold.value)
            self._refined[key] = names[np.asarray(self._crf(image, probability)).argmax(0)]
        return self._refined[key]

    def truth(self):
        """(H, W) uint8 the true mask, of the chosen class only if one is chosen; or None."""
        mask = self.masks[self._index]
        if mask is None or self.cls.value == ALL:
            return mask
        value = self.classes.index(self.cls.value) + 1
        return np.where((mask == value) | (mask == show.VOID), mask, 0).astype(np.uint8)

    def shown(self):
        """(H, W, 3) uint8 the picture on the right."""
        image, view = self.images[self._index], self.view.value
        if view == "heat":
            return heat_over(image, self.heat(), self.threshold.value, self.colour_map.value)
        mask = self.mask() if view == "mask" else self.truth()
        if mask is None:
            mask = np.zeros(image.shape[:2], np.uint8)
        return mask_over(image, mask, self.classes)

    def scores(self):
        """{name: IoU} of this picture's mask at the threshold; empty without a true mask."""
        truth = self.truth()
        if truth is None:
            return {}
        iou = Scores(confusion(truth, self.mask(), len(self.classes) + 1)).iou
        names = ("background", *self.classes)
        return {names[k]: float(iou[k]) for k in np.flatnonzero(np.isfinite(iou))}

    def state(self):
        """What is chosen and shown, as plain values: for a later cell, and for tests.

        miou is the mean over the classes of this one picture, None unless "all" are chosen and
        there is a true mask.
        """
        iou = self.scores()
        whole = iou and self.cls.value == ALL
        return {
            "picture": self.picture.value,
            "cls": self.cls.value,
            "threshold": round(self.threshold.value, 2),
            "colour_map": self.colour_map.value,
            "view": self.view.value,
            "crf": bool(self._crf and self.refine.value),
            "iou": iou,
            "miou": float(np.mean(list(iou.values()))) if whole else None,
        }

    # ---- without a page that answers

    def strip(self):
        """The same as still pictures (`show.strip`)."""
        i, state = self._index, self.state()
        heat = show.overlay_heat(self.images[i], self.heat())
        pictures = [self.images[i], heat, self.mask()]
        titles = ["picture", f"map ({state['cls']})", f"mask at {state['threshold']:.2f}"]
        if state["miou"] is not None:
            titles[-1] += f", mIoU {state['miou']:.2f}"
        if self.truth() is not None:
            pictures, titles = [*pictures, self.truth()], [*titles, "truth"]
        alt = f"Still view of the inspector, picture {i + 1} of {len(self.images)}"
        return show.strip(pictures, titles, alt=alt, legend=self.classes)

    def moving(self):
        """Threshold, class, colours and view move; the CRF needs a kernel."""
        state = self.state()
        return Moving(
            self.classes,
            (self._page_of(i) for i in in_order(self._index, len(self.images))),
            len(self.images),
            state["threshold"],
            cls=state["cls"],
            view=state["view"],
            note="The dense CRF runs in the notebook only." if self._crf else "",
        )

    def _page_of(self, i):
        layer = Layer({k: self.maps[i][k] for k in np.flatnonzero(self.tags[i])})
        return i + 1, self.images[i], self.masks[i], [layer]


def _refinement(crf):
    """A function of (image, probability), or None."""
    if crf is None or crf is False or callable(crf):
        return crf or None
    from wsss_lite.refine.crf import dense_crf

    return dense_crf if crf is True else lambda image, p: dense_crf(image, p, crf)


def _numbers(state):
    """The scores as text."""
    if not state["iou"]:
        return "no mask to compare with"
    text = ", ".join(f"{name} {value:.2f}" for name, value in state["iou"].items())
    miou = state["miou"]
    return f"IoU {text}" + ("" if miou is None else f"; mIoU of this picture {miou:.2f}")


def _sentence(state, count):
    """What the picture on the right shows, for those who do not see it."""
    what = {"heat": "heat map", "mask": "mask", "truth": "true mask"}[state["view"]]
    refined = " after the CRF" if state["crf"] else ""
    return (
        f"Picture {state['picture']} of {count}, {what} of {state['cls']}, "
        f"threshold {state['threshold']:.2f}{refined}"
    )
