"""Strokes of a whole view, and what they say about pixels without one: which classes there are."""

import numpy as np

from wsss_lite.refine.nearest import nearest_labels

VOID = 255


def drawn(view):
    """{picture: (H, W) uint8} strokes of a view, 255 elsewhere."""
    return {id: view.scribbles(id) for id in view.ids}


def classes_of(seeds):
    """(K,) uint8 class numbers that have a stroke."""
    return np.setdiff1d(seeds, VOID).astype(np.uint8)


def nearest(seeds):
    """(H, W) uint8: the class of the nearest stroke; 255 everywhere in a picture without one."""
    return seeds if (seeds == VOID).all() else nearest_labels(seeds)


def possible(seeds, classes):
    """(C + 1, H, W) bool: at a stroke its class, elsewhere each that was drawn in the picture.

    Nothing is ruled out in a picture without a stroke.
    """
    may = np.zeros((classes + 1, *seeds.shape), bool)
    present = classes_of(seeds)
    may[present if len(present) else slice(None)] = True
    known = seeds != VOID
    may[:, known] = seeds[known] == np.arange(classes + 1)[:, None]
    return may


def restricted(scores, seeds):
    """(H, W) uint8: of the classes that were drawn the one with the largest score.

    scores: (C + 1, H, W). The strokes stay; a picture without any is 255 everywhere.
    """
    if (seeds == VOID).all():
        return seeds
    may = possible(seeds, len(scores) - 1)
    return np.where(may, scores, -np.inf).argmax(0).astype(np.uint8)
