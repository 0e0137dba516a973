"""Uncertainty of a label: does it change when a class responds more, or less, than it did?"""

import cv2
import numpy as np

from wsss_lite.refine.crf import dense_crf
from wsss_lite.refine.pairs import SMALL

SCALES = (0.15, 0.2, 0.25, 4, 5, 6)  # exponents: below 1 the response widens, above 1 it narrows


def response_variance(picture, p, scales=SCALES, crf=SMALL):
    """(h, w) in 0..1: how much the label of a position depends on how strongly objects respond.

    p: (C + 1, h, w) probabilities, background first; picture: (H, W, 3) uint8, reduced to h x w.
    The probability of one class at a time is raised to each of the `scales`, the CRF turns each
    result into labels, and the variance over the scales of "the label is this class" is taken: its
    largest over the classes, divided by 1/4, the most it can be. The background is not scaled:
    that is to scale the objects the other way.
    """
    small = cv2.resize(picture, p.shape[:0:-1], interpolation=cv2.INTER_AREA)
    variance = np.zeros(p.shape[1:], np.float32)
    for c in 1 + np.flatnonzero(p[1:].max((1, 2)) > 0):
        votes = [dense_crf(small, scaled(p, c, n), crf).argmax(0) == c for n in scales]
        variance = np.maximum(variance, np.var(votes, axis=0) * 4)
    return variance


def scaled(p, c, power):
    """The probabilities with those of class c raised to a power."""
    p = np.array(p, np.float32)
    p[c] **= power
    return p
