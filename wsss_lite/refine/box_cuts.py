"""Several GrabCuts of one box, seen from near and far: what one loses another finds.

GrabCut errs towards too little: a white dog with black ears is white. Its colour models depend on
how much ground is seen and at which size, so that the losses differ from cut to cut.
"""

import cv2
import numpy as np

from wsss_lite.refine.boxes import inside
from wsss_lite.refine.grabcut import cut
from wsss_lite.refine.reduce import enlarged_labels, reduced, reduction

# (ground seen on each side as a share of the box's longer side; longest side of what is seen, in
# pixels; whether other boxes of the class may be object too, or a crowd would be its own ground)
WAYS = ((0.5, 96, True), (0.25, 96, False), (0.5, 64, False))
POWER = 2.5  # of the round shape: 2 is an ellipse, larger is closer to the box


def box_cuts(image, box, boxes=(), ways=WAYS, steps=4):
    """(H, W) bool: the union of GrabCuts of one box. boxes: all boxes of the picture."""
    found = np.zeros(image.shape[:2], bool)
    for way in ways:
        found |= one_cut(image, box, boxes, *way, steps)
    return found


def one_cut(image, box, boxes, context, longest, alike, steps=4):
    """(H, W) bool: GrabCut of what lies round a box, at the size at which `longest` fits."""
    size = image.shape[:2]
    edge = 3 + int(context * max(box.y1 - box.y0, box.x1 - box.x0))
    window = np.s_[max(0, box.y0 - edge) : box.y1 + edge, max(0, box.x0 - edge) : box.x1 + edge]
    start = np.full(size, cv2.GC_BGD, np.uint8)
    for other in (*boxes, box):
        if other == box or alike and other.cls == box.cls:
            start[inside(other)] = cv2.GC_PR_FGD
    part, begin = image[window], start[window]
    if not (begin == cv2.GC_BGD).any():  # no ground to learn from: lend it the border
        begin[[0, -1]] = begin[:, [0, -1]] = cv2.GC_PR_BGD
    factor = reduction(part.shape[:2], longest)
    mask = cut(reduced(part, factor), reduced(begin, factor, smooth=False), steps)
    found, region = np.zeros(size, bool), np.zeros(size, bool)
    found[window] = enlarged_labels(mask.astype(np.uint8), part.shape[:2]) > 0
    region[inside(box)] = found[inside(box)]
    return region


def rounded(box, size, share=0.8):
    """(H, W) bool: a shape without corners in the box, |x|^p + |y|^p < share from its middle."""
    y = np.abs((np.arange(box.y0, box.y1) + 0.5 - box.y0) / (box.y1 - box.y0) * 2 - 1) ** POWER
    x = np.abs((np.arange(box.x0, box.x1) + 0.5 - box.x0) / (box.x1 - box.x0) * 2 - 1) ** POWER
    region = np.zeros(size, bool)
    region[inside(box)] = y[:, None] + x < share
    return region
