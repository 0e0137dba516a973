"""Extreme points to a mask: the box they span, and GrabCut that begins inside their quadrilateral.

After extreme clicking (Papadopoulos et al., ICCV 2017). Four clicks tell more than the box they
span: each lies on the object, and the corners of the box are rarely object. Left out of the paper's
form: the boundary between two clicks as a shortest path along edges; ours is the straight line.
"""

import cv2
import numpy as np

from wsss_lite.data.annotation import box_of
from wsss_lite.refine.grabcut import LONGEST, STEPS, grabcut_box, in_front

SURE = 0.4  # size of the core that stays object, as a share of the quadrilateral's
CLICK = 0.03  # radius round a click that stays object, as a share of the box's shorter side


def extreme_cut(image, extreme, steps=STEPS, longest=LONGEST):
    """(H, W) uint8: the object of each `Extreme`, 0 elsewhere; small in front of large."""
    labels = np.zeros(image.shape[:2], np.uint8)
    spans = {box_of(ends): ends for ends in extreme}  # two on one box: the later one
    for box in in_front(spans):
        hints = first_guess(spans[box], labels.shape)
        labels[grabcut_box(image, box, steps, longest, hints)] = box.cls
    return labels


def first_guess(ends, size):
    """(H, W) uint8 of GrabCut's four words.

    Outside the box background; in it probably background, but for the quadrilateral of the four
    points, which is probably object. Its core and the clicks are object for certain.
    """
    box = box_of(ends)
    guess = np.full(size, cv2.GC_BGD, np.uint8)
    guess[box.y0 : box.y1, box.x0 : box.x1] = cv2.GC_PR_BGD
    corners = np.array([ends.top, ends.right, ends.bottom, ends.left], np.float64)[:, ::-1]
    middle = corners.mean(0)
    for share, word in ((1.0, cv2.GC_PR_FGD), (SURE, cv2.GC_FGD)):
        shape = np.rint(middle + share * (corners - middle)).astype(np.int32)
        cv2.fillPoly(guess, [shape], word)
    radius = round(CLICK * min(box.x1 - box.x0, box.y1 - box.y0))
    inside = np.zeros(size, bool)
    inside[box.y0 : box.y1, box.x0 : box.x1] = True
    clicks = np.zeros(size, np.uint8)
    for x, y in corners.astype(int).tolist():
        cv2.circle(clicks, (x, y), radius, 1, -1)
    guess[(clicks > 0) & inside] = cv2.GC_FGD
    return guess
