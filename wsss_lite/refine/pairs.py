"""Pair labels: which neighbours belong together, as far as a map and the CRF are sure of it."""

import cv2
import numpy as np

from wsss_lite.progress import progress
from wsss_lite.refine.crf import CRF, dense_crf
from wsss_lite.refine.threshold import VOID, upsample, with_background

UNSURE, BACKGROUND, SAME, APART = range(4)  # kinds of pairs
SMALL = CRF(position_std=1.5, colour_position_std=15)  # for pictures of some 60 pixels


def confident(picture, maps, low, high, crf=CRF()):
    """(H, W) uint8: classes and background that two CRFs agree on, 255 elsewhere.

    maps: (C, h, w) in 0..1. The CRF runs once against a strong background of `high`, whose objects
    are sure, and once against a weak one of `low`, where what still is background is sure
    (Ahn & Kwak, CVPR 2018; with these constant thresholds Ahn et al., CVPR 2019).
    """
    maps = upsample(maps, picture.shape[:2])
    strong, weak = (crf_label(picture, maps, t, crf) for t in (high, low))
    return np.where(strong > 0, strong, np.where(weak > 0, VOID, 0)).astype(np.uint8)


def crf_label(picture, maps, threshold, crf):
    """(H, W) largest class after the CRF, of maps (C, H, W) and a constant background."""
    p = with_background(maps, np.float32(threshold))
    p[1:][p[1:].max((1, 2)) <= 0] = 0
    return dense_crf(picture, p, crf).argmax(0)


def confident_rows(view, maps, size, low, high):
    """`confident` for all pictures of a view, (N, h, w) uint8 on a grid of the size (h, w).

    The CRF sees each picture at twice the grid's size, where it costs least.
    """
    h, w = size
    out = np.empty((len(view.ids), h, w), np.uint8)
    for row, name in enumerate(progress(view.ids, "pair labels")):
        picture = cv2.resize(view.image(name), (2 * w, 2 * h), interpolation=cv2.INTER_AREA)
        label = confident(picture, maps[row], low, high, SMALL)
        out[row] = cv2.resize(label, (w, h), interpolation=cv2.INTER_NEAREST)
    return out


def pair_kinds(labels, pairs):
    """(..., P) uint8 kind of each pair of positions, of labels (..., h, w) with 255 unsure.

    BACKGROUND both, SAME class of object, APART two labels, or UNSURE where either is not known.
    """
    flat = np.asarray(labels).reshape(*np.shape(labels)[:-2], -1)
    first, second = flat[..., pairs[:, 0]], flat[..., pairs[:, 1]]
    same = np.where(first == 0, BACKGROUND, SAME)
    kinds = np.where(first == second, same, APART)
    return np.where((first == VOID) | (second == VOID), UNSURE, kinds).astype(np.uint8)
