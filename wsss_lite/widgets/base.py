"""What the widgets share: layout, listening, and what pages without a kernel get."""

import io
from html import escape

import ipywidgets as widgets
import numpy as np
import traitlets
from PIL import Image

from wsss_lite import show
from wsss_lite.widgets.moving import standing

LONGEST = 640  # pixels; larger photographs are reduced so that the sliders stay quick
SCREEN = 320  # pixels a picture takes on screen
LINE = (255, 255, 255)


class Described(widgets.Image):
    """An image whose `tooltip` is its alternative text.

    ipywidgets 8.1 shows the tooltip only of widgets that have a description, and fails on others.
    """

    description = traitlets.Unicode("").tag(sync=True)

    def __init__(self):
        super().__init__(format="png", layout={"width": f"{SCREEN}px", "object_fit": "contain"})

    def show(self, picture, text):
        """Show an (H, W, 3) uint8 picture, described by a text."""
        self.value, self.tooltip = png(picture), text


class Panel:
    """Rows of controls and pictures above a line of text; `box` is what a notebook displays.

    A subclass sets `kind`, the word in its CSS classes and still views; makes its controls and
    hands them to `_lay_out` and `_listen`; and has `_draw(change)`, which shows what the controls
    say, and `strip()`, the same as still pictures. If what it shows is there already, and need not
    be computed at each move, it has `moving()`, by which it moves in pages without a kernel too.
    """

    kind = ""

    def _lay_out(self, *rows):
        """The box of these rows of widgets, with the line below."""
        self.line = widgets.HTML()
        flow = widgets.Layout(grid_gap="12px", margin="4px 0", flex_flow="row wrap")
        self.box = widgets.VBox([*(widgets.HBox(row, layout=flow) for row in rows), self.line])
        self.box.add_class(f"wsss-{self.kind}")

    def _listen(self, *controls, then=None, width=280):
        """Make the controls equally wide and call `then` (or `_draw`) when one is moved."""
        for control in controls:
            control.layout.width = f"{width}px"  # three in a row on a laptop
            control.observe(then or self._draw, "value")

    def _say(self, text, numbers, css="numbers", above=""):
        """Set the line: a text and, in bold, its numbers; read aloud when it changes.

        css: ending of the class of the bold part; above: HTML of what stands over the line.
        """
        text = f"{escape(text)}: " if text else ""
        self.line.value = (
            f'{above}<p class="wsss-{self.kind}-line" aria-live="polite" style="margin:0">{text}'
            f'<b class="wsss-{self.kind}-{css}">{escape(numbers)}</b></p>'
        )

    def moving(self):
        """What can move in a page without a kernel (`moving.Moving`), or None."""
        return None

    def page(self):
        """HTML for pages without a kernel: still pictures, and what moves where there is such."""
        moving = self.moving()
        if moving is None:
            return self.strip().html() + standing()
        return moving.html(self.strip().html(small=True))

    def __repr__(self):
        return f"{type(self).__name__}({len(self.images)} pictures, {len(self.classes)} classes)"

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The live controls, and HTML for pages without a kernel."""
        data = dict(self.box._repr_mimebundle_())
        return data | {"text/plain": repr(self), "text/html": self.page()}


def prepared(images, masks=None):
    """(images, masks) small enough to be quick; a missing mask stays None.

    images: (H, W, 3) uint8 each; masks: (H, W) each, or None for one or for all of them.
    """
    images = [np.asarray(image) for image in images]
    images = [show.fit(x, LONGEST) if max(x.shape[:2]) > LONGEST else x for x in images]
    masks = [None] * len(images) if masks is None else list(masks)
    return images, [_like(mask, image) for mask, image in zip(masks, images, strict=True)]


def _like(mask, image):
    """The mask at the size of its (perhaps reduced) picture."""
    if mask is None or np.shape(mask) == image.shape[:2]:
        return mask
    return show.resize(np.asarray(mask, np.uint8), image.shape[:2], smooth=False)


def heat_over(image, heat, threshold=None, colours="magma"):
    """A heat map, (H, W) in 0..1, over its picture, enlarged; a line where it is at threshold."""
    image, _ = _enlarged(image)
    heat = show.resize(heat, image.shape[:2])
    picture = show.overlay_heat(image, heat, colours)
    if threshold is not None:
        picture[show.edges(heat > threshold)] = LINE
    return picture


def mask_over(image, mask, classes):
    """A mask, (H, W) uint8, over its picture, enlarged for the screen."""
    image, factor = _enlarged(image)
    return show.overlay(image, mask.repeat(factor, 0).repeat(factor, 1), classes)


def outlined(picture, region):
    """A picture, enlarged for the screen, with a line around a region, (H, W) bool."""
    picture = np.array(_enlarged(picture)[0])
    picture[show.edges(show.resize(region.astype(np.float32), picture.shape[:2]) >= 0.5)] = LINE
    return picture


def _enlarged(image):
    """(picture of at least `show.WIDTH` pixels, whole factor) for lines that stay thin."""
    factor = max(1, -(-show.WIDTH // image.shape[1]))
    return show.resize(image, (image.shape[0] * factor, image.shape[1] * factor)), factor


def png(picture):
    """The bytes of an (H, W, 3) or (H, W, 4) uint8 picture as a PNG file."""
    stream = io.BytesIO()
    # The page is on the same machine: quick to write matters more than small.
    Image.fromarray(picture).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
