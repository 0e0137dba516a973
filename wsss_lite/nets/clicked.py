"""Clicks of a view as label maps, and what a decoder says of pictures whose classes are known."""

import numpy as np
from scipy import ndimage

from wsss_lite.data.annotation import points_map
from wsss_lite.nets import on_view
from wsss_lite.refine.drawn import with_frame

VOID = 255


def clicks(view):
    """{picture: (H, W) uint8}: the class of each click at its pixel, 255 elsewhere."""
    return {id: points_map(view.points(id), view.image(id).shape[:2]) for id in view.ids}


def clicks_on_grid(view, grid):
    """(N, h, w) uint8: the clicks on a coarser grid, 255 elsewhere.

    Where several fall into one cell the last object's stays, and an object's before the ground's.
    """
    labels = np.full((len(view.ids), *grid), VOID, np.uint8)
    for row, id in zip(labels, view.ids):
        height, width = view.image(id).shape[:2]
        for y, x, cls in sorted(view.points(id), key=lambda point: point[2] > 0):
            row[y * grid[0] // height, x * grid[1] // width] = cls
    return labels


def far(seeds, radius):
    """(H, W) bool: farther from every object's click than a share of the picture's shorter side."""
    free = (seeds == 0) | (seeds == VOID)
    if free.all():
        return free
    return ndimage.distance_transform_edt(free) > radius * min(seeds.shape)


def spread(view, block, reach=None, size=0.0):
    """{picture: (H, W) uint8} of a block(image, seeds) that spreads seeds over a picture.

    size: a click stands for a disc of that radius, as a share of the picture's shorter side, for a
    single pixel holds little against a whole picture. reach: what ends up farther than that from
    every object's click is background (see `far`), for one click in all of the background says
    little. Where there is no background at all the edge of the picture stands for it
    (`refine.drawn.with_frame`); a picture without a click stays 255.
    """
    labels = clicks(view)
    for id, seeds in labels.items():
        if (seeds != VOID).any():
            found = block(view.image(id), with_frame(discs(seeds, size))[0])
            if reach:
                found[far(seeds, reach)] = 0
            labels[id] = np.where(seeds == VOID, found, seeds)
    return labels


def discs(seeds, size):
    """(H, W) uint8: each seed becomes a disc, up to the middle between it and the next."""
    known = seeds != VOID
    away, (y, x) = ndimage.distance_transform_edt(~known, return_indices=True)
    return np.where(away <= size * min(seeds.shape), seeds[y, x], VOID).astype(np.uint8)


def ground_shift(seeds, share):
    """What a log-probability of the background lacks in a net that has learnt clicks.

    Among clicks the background is as rare as objects are many; among pixels it has a `share` of
    them. Where only how often a class occurs has changed, the odds change by the same factor
    (Saerens et al., Neural Computation 2002). seeds: (H, W) uint8 arrays; 0 without both kinds.
    """
    ground = sum(int((s == 0).sum()) for s in seeds)
    objects = sum(int(((s > 0) & (s != VOID)).sum()) for s in seeds)
    if not ground or not objects:
        return 0.0
    return float(np.log(share / (1 - share)) - np.log(ground / objects))


def labels_of_tags(view, decoder, features):
    """{picture: (H, W) uint8}: the decoder's best label among background and the tags."""
    sizes = [view.image(id).shape[:2] for id in view.ids]
    scores = on_view.log_probabilities(decoder, features, sizes)
    may = np.concatenate([np.ones((len(view.ids), 1), bool), view.tags], 1)
    return {
        id: np.where(own[:, None, None], one, -np.inf).argmax(0).astype(np.uint8)
        for id, own, one in zip(view.ids, may, scores)
    }
