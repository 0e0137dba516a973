"""The drawing over its picture as pixels: what the canvas gets, and what a still page shows."""

import cv2
import numpy as np

from wsss_lite import show
from wsss_lite.data.annotation import box_of
from wsss_lite.data.images import VOID
from wsss_lite.widgets.base import png

OPAQUE = 255


def transparent(labels, classes, empty):
    """The bytes of a PNG: (H, W) labels in their colours, transparent where they are `empty`."""
    if (labels == empty).all():
        return b""
    colours = show.colour_mask(labels, classes)
    alpha = np.where(labels == empty, 0, OPAQUE).astype(np.uint8)
    return png(np.concatenate([colours, alpha[..., None]], 2))


def marks(annotation):
    """Boxes, extreme points and points as plain lists; see `Canvas`."""
    ends = [[one.cls, *(list(point) for point in one[1:])] for one in annotation.extreme]
    return {
        "boxes": [[box.cls, box.x0, box.y0, box.x1, box.y1] for box in annotation.boxes],
        "extreme": ends,
        "points": [list(point) for point in annotation.points],
    }


def marks_over(image, annotation, classes):
    """(H, W, 3) uint8: the picture, enlarged for the screen, with all that was drawn on it."""
    factor = max(1, -(-show.WIDTH // image.shape[1]))
    picture = np.ascontiguousarray(image.repeat(factor, 0).repeat(factor, 1))
    strokes = annotation.scribbles.repeat(factor, 0).repeat(factor, 1)
    drawn = strokes != VOID
    picture[cv2.dilate(drawn.astype(np.uint8), np.ones((3, 3))) > 0] = OPAQUE  # a white rim
    picture[drawn] = show.colour_mask(strokes, classes)[drawn]
    table = show.lookup(classes).tolist()
    for box in (*annotation.boxes, *map(box_of, annotation.extreme)):
        ends = (box.x0 * factor, box.y0 * factor), (box.x1 * factor - 1, box.y1 * factor - 1)
        cv2.rectangle(picture, *ends, (OPAQUE,) * 3, 4)
        cv2.rectangle(picture, *ends, table[box.cls], 2)
    clicks = [(*point, e.cls) for e in annotation.extreme for point in e[1:]]
    for y, x, cls in (*clicks, *annotation.points):
        middle = int((x + 0.5) * factor), int((y + 0.5) * factor)
        cv2.circle(picture, middle, 6, (OPAQUE,) * 3, -1)
        cv2.circle(picture, middle, 4, table[cls], -1)
    return picture
