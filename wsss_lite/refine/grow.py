"""Seeded region growing: labels spread to neighbours of which a network is sure enough."""

import numpy as np
from scipy import ndimage

from wsss_lite.refine.threshold import VOID

EIGHT = np.ones((3, 3), int)  # all eight neighbours touch


def grow(labels, probability, theta, theta_background=None):
    """(H, W) uint8 seeds, grown until nothing changes; 255 where no seed arrives.

    labels: (H, W) uint8, 255 unlabelled; probability: (C + 1, H, W), background first. An
    unlabelled pixel takes the label c of one of its eight neighbours if c is its most probable
    class and has more than `theta` (`theta_background`, or the same, for the background). Done at
    once for each class, whose seeds and willing pixels fall into connected pieces: a piece with a
    seed is taken, one without is not. Huang et al., CVPR 2018 (DSRG).
    """
    probability = np.asarray(probability)
    limit = np.full((len(probability), 1, 1), theta)
    limit[0] = theta if theta_background is None else theta_background
    free = labels == VOID
    best = probability.argmax(0)
    sure = np.take_along_axis(probability > limit, best[None], 0)[0]
    willing = np.where(free & sure, best, VOID)
    out = labels.copy()
    for c in np.unique(labels[~free]):
        seeds = labels == c
        pieces, _ = ndimage.label(seeds | (willing == c), EIGHT)
        out[np.isin(pieces, np.unique(pieces[seeds])) & (willing == c)] = c
    return out
