"""Boxes to a mask: GrabCut (Rother et al., SIGGRAPH 2004) in each box, with OpenCV.

GrabCut alternates two steps: colour models (mixtures of Gaussians) of inside and outside, and a
graph cut that draws the line where colours change. What lies outside the box is background for
certain.
"""

import cv2
import numpy as np

from wsss_lite.refine.reduce import enlarged_labels, reduced, reduction

LONGEST = 256  # pixels; a picture is reduced to this for the cut, and the mask enlarged again
STEPS = 3  # rounds; later ones change little
CONTEXT = 0.5  # of the box, seen on each side: what is far away says little about this ground
LEAST = 0.05  # of the box; a cut that finds less has lost the object, and the box is filled
FLATTEST = 4  # pixels; a box below this on one side is filled


def fill(boxes, size):
    """(H, W) uint8: every pixel of a box has its class, small boxes in front of large ones."""
    labels = np.zeros(size, np.uint8)
    for box in in_front(boxes):
        labels[box.y0 : box.y1, box.x0 : box.x1] = box.cls
    return labels


def grabcut(image, boxes, steps=STEPS, longest=LONGEST):
    """(H, W) uint8: the object in each box, 0 elsewhere; small boxes in front of large ones.

    image: (H, W, 3) uint8; boxes: `Box`es inside it, which may overlap or lie in one another.
    Pictures with a side above `longest` are cut at reduced size.
    """
    labels = np.zeros(image.shape[:2], np.uint8)
    for box in in_front(boxes):
        labels[grabcut_box(image, box, steps, longest)] = box.cls
    return labels


def in_front(boxes):
    """The boxes from back to front: from the largest to the smallest."""
    return sorted(boxes, key=lambda box: (box.x1 - box.x0) * (box.y1 - box.y0), reverse=True)


def grabcut_box(image, box, steps=STEPS, longest=LONGEST, hints=None):
    """(H, W) bool: the object in one box. hints: see `cut`, (H, W), used inside the box only."""
    found = np.zeros(image.shape[:2], bool)
    window, inner = _window(box, found.shape)
    start = np.full(found.shape, cv2.GC_BGD, np.uint8)
    start[inner] = cv2.GC_PR_FGD if hints is None else hints[inner]
    part = image[window]
    # The picture's scale, not that of the part: a small object is not drawn coarser than a large.
    factor = reduction(found.shape, longest)
    mask = cut(reduced(part, factor), reduced(start[window], factor, smooth=False), steps)
    found[window] = enlarged_labels(mask.astype(np.uint8), part.shape[:2]) > 0
    outside = np.ones(found.shape, bool)
    outside[inner] = False
    found[outside] = False
    if found.sum() < LEAST * found[inner].size:
        found[inner] = True
    return found


def cut(image, start, steps=STEPS):
    """(h, w) bool: GrabCut from a first guess.

    start: (h, w) uint8 of OpenCV's four words: GC_BGD and GC_FGD stay as they are, GC_PR_BGD and
    GC_PR_FGD (probably) may change. Where one side is missing the guess itself is returned.
    """
    front = np.isin(start, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if min(start.shape) < FLATTEST or front.sum() < 5 or (~front).sum() < 5:
        return front  # five Gaussians need five pixels
    cv2.setRNGSeed(0)  # the models start from k-means, which draws its centres
    mask, models = start.copy(), np.zeros((2, 1, 65))
    ordered = np.ascontiguousarray(image[..., ::-1])
    cv2.grabCut(ordered, mask, None, models[0], models[1], steps, cv2.GC_INIT_WITH_MASK)
    return np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD))


def _window(box, size):
    """(slices of the box and what is round it, slices of the box).

    A box that fills the picture leaves no background to learn from: then its outermost pixels are
    lent to the background.
    """
    height, width = size
    dy, dx = (max(8, int(CONTEXT * side)) for side in (box.y1 - box.y0, box.x1 - box.x0))
    window = np.s_[max(0, box.y0 - dy) : box.y1 + dy, max(0, box.x0 - dx) : box.x1 + dx]
    full = (box.y1 - box.y0) * (box.x1 - box.x0) > 0.98 * height * width
    inset = max(1, min(size) // 50) if full and min(size) > FLATTEST else 0
    inner = np.s_[box.y0 + inset : box.y1 - inset, box.x0 + inset : box.x1 - inset]
    return window, inner
