"""The inspector: a picture, its maps, a threshold to move, and the IoU that follows."""

import io
from html import escape

import ipywidgets as widgets
import numpy as np
import traitlets
from PIL import Image

from wsss_lite import show
from wsss_lite.refine.threshold import label, upsample, with_background
from wsss_lite.score import Scores, confusion

COLOUR_MAPS = ("magma", "viridis", "cividis", "gray")
LONGEST = 640  # pixels; larger photographs are reduced so that the slider stays quick
SCREEN = 320  # pixels a picture takes on screen
ALL = "all"
LINE = (255, 255, 255)


class Described(widgets.Image):
    """An image whose `tooltip` is its alternative text.

    ipywidgets 8.1 shows the tooltip only of widgets that have a description, and fails on others.
    """

    description = traitlets.Unicode("").tag(sync=True)


class Inspector:
    """Looks at maps picture by picture: as heat, as the mask above a threshold, beside the truth.

    images: list of (H, W, 3) uint8; maps: (N, C, h, w) in 0..1; masks: list of (H, W) uint8 (or
    None, for a picture or for all); tags: (N, C) bool; classes: C names. crf: True, `CRF`
    settings, or a function of (image, probability) like `dense_crf`; adds a box to tick.

    Enlarging the maps is done once a picture; the slider only compares numbers. The controls are
    `picture`, `cls`, `threshold`, `colour_map`, `view` and (with crf) `refine`: setting their
    `.value` does what a click does, and `state()` says what is shown.
    """

    def __init__(self, images, maps, masks, tags, classes, crf=None, threshold=0.3):
        self.classes = tuple(classes)
        self.images = [_reduced(np.asarray(image)) for image in images]
        count = len(self.images)
        masks = [None] * count if masks is None else list(masks)
        self.masks = [_label_like(m, x) for m, x in zip(masks, self.images, strict=True)]
        self.maps, self.tags = maps, np.asarray(tags, bool)
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
        size = {"width": f"{SCREEN}px", "object_fit": "contain"}
        self.original = Described(format="png", layout=size)
        self.image = Described(format="png", layout=size)
        self.image.add_class("wsss-inspector-view")
        self.line = widgets.HTML()
        gap = widgets.Layout(grid_gap="12px", margin="4px 0", flex_flow="row wrap")
        extra = [self.refine] if self._crf else []
        self.box = widgets.VBox([
            widgets.HBox([self.picture, self.cls, self.view], layout=gap),
            widgets.HBox([self.threshold, self.colour_map, *extra], layout=gap),
            widgets.HBox([self.original, self.image], layout=gap),
            self.line,
        ])
        self.box.add_class("wsss-inspector")
        for control in (self.picture, self.cls, self.threshold, self.colour_map, self.view):
            control.layout.width = "280px"  # three in a row on a laptop
        self.picture.observe(self._new_picture, "value")
        for control in (self.cls, self.threshold, self.colour_map, self.view, self.refine):
            control.observe(self._draw, "value")

    def _new_picture(self, change=None):
        """Another picture: offer its classes, keep the chosen one where it is there too."""
        options = [ALL, *(self.classes[k] for k in self._tagged())]
        chosen = self.cls.value if self.cls.value in options else ALL
        self._busy = True  # two controls change below, one drawing is enough
        self.cls.options = options
        self.cls.value = chosen
        self._busy = False
        image = self.images[self._index]
        self.original.value = _png(image)
        self.original.tooltip = f"picture {self.picture.value} without anything drawn on it"
        self._draw()

    def _draw(self, change=None):
        """Show what the controls say; all that runs while the slider moves."""
        if self._busy:
            return
        state = self.state()
        self.image.value = _png(self.shown())
        self.image.tooltip = _sentence(state, len(self.images))
        self.line.value = _line(state, len(self.images))

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
        factor = max(1, -(-show.WIDTH // image.shape[1]))
        image = show.resize(image, (image.shape[0] * factor, image.shape[1] * factor))
        if view == "heat":
            heat = show.resize(self.heat(), image.shape[:2])
            picture = show.overlay_heat(image, heat, self.colour_map.value)
            picture[show.edges(heat > self.threshold.value)] = LINE
            return picture
        mask = self.mask() if view == "mask" else self.truth()
        if mask is None:
            return image
        return show.overlay(image, mask.repeat(factor, 0).repeat(factor, 1), self.classes)

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

    def __repr__(self):
        return f"Inspector({len(self.images)} pictures, {len(self.classes)} classes)"

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The live controls, and the still pictures for pages without a kernel."""
        data = dict(self.box._repr_mimebundle_())
        return data | {"text/plain": repr(self), "text/html": self.strip().html()}


def _refinement(crf):
    """A function of (image, probability), or None."""
    if crf is None or crf is False or callable(crf):
        return crf or None
    from wsss_lite.refine.crf import dense_crf

    return dense_crf if crf is True else lambda image, p: dense_crf(image, p, crf)


def _reduced(image):
    return show.fit(image, LONGEST) if max(image.shape[:2]) > LONGEST else image


def _label_like(mask, image):
    """The mask at the size of its (perhaps reduced) picture."""
    if mask is None or np.shape(mask) == image.shape[:2]:
        return mask
    return show.resize(np.asarray(mask, np.uint8), image.shape[:2], smooth=False)


def _png(picture):
    stream = io.BytesIO()
    # The page is on the same machine: quick to write matters more than small.
    Image.fromarray(picture).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


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


def _line(state, count):
    """The line below: read aloud when it changes, and the scores in bold."""
    return (
        f'<p class="wsss-inspector-line" aria-live="polite" style="margin:0">'
        f'{escape(_sentence(state, count))}: '
        f'<b class="wsss-inspector-iou">{escape(_numbers(state))}</b></p>'
    )
