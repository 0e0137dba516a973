"""From what a person drew to a mask, by the name of the engine; each takes a fraction of a second.

    run("boxes", "GrabCut", image, annotation)      (H, W) uint8

Each engine looks at one kind of drawing only, so that kinds can be compared.
"""

import numpy as np

from wsss_lite.data.annotation import box_of
from wsss_lite.data.images import VOID
from wsss_lite.errors import InputError
from wsss_lite.refine import grabcut as box_blocks
from wsss_lite.refine.extreme import extreme_cut
from wsss_lite.refine.graphcut import graph_cut
from wsss_lite.refine.nearest import nearest_labels
from wsss_lite.refine.walker import walk_labels

FRAME = 0.02  # of the shorter side: what counts as background where none was drawn


def with_frame(seeds):
    """(seeds, whether the frame was added).

    Where no background was drawn the outermost pixels count as background, as an object rarely
    touches the edge of its picture; else every pixel would go to an object. Pixels near a seed
    are left out.
    """
    if (seeds == 0).any() or (seeds == VOID).all():
        return seeds, False
    height, width = seeds.shape
    depth = max(1, round(FRAME * min(height, width)))
    seeds = seeds.copy()
    frame = np.ones(seeds.shape, bool)
    frame[depth : height - depth, depth : width - depth] = False
    y, x = np.nonzero(seeds != VOID)
    reach = 4 * depth
    for a, b in zip(y.tolist(), x.tolist(), strict=True):
        if min(a, b, height - 1 - a, width - 1 - b) < depth:
            frame[max(0, a - reach) : a + reach + 1, max(0, b - reach) : b + reach + 1] = False
    seeds[frame] = 0
    return seeds, True


def _boxes(image, annotation):
    return box_blocks.fill(annotation.boxes, annotation.size)


def _grabcut(image, annotation):
    return box_blocks.grabcut(image, annotation.boxes)


def _extreme(image, annotation):
    return extreme_cut(image, annotation.extreme)


def _extreme_boxes(image, annotation):
    return box_blocks.fill([box_of(ends) for ends in annotation.extreme], annotation.size)


def _nearest(image, seeds):
    return nearest_labels(seeds)


def seeded(block, kind):
    """An engine from a block that takes (image, seeds)."""
    return lambda image, annotation: block(image, with_frame(annotation.seeds(kind))[0])


SEEDED = {"nearest label": _nearest, "random walk": walk_labels, "graph cut": graph_cut}
ENGINES = {
    "boxes": {"fill": _boxes, "GrabCut": _grabcut},
    "extreme": {"fill": _extreme_boxes, "GrabCut": _extreme},
    "scribbles": {name: seeded(block, "scribbles") for name, block in SEEDED.items()},
    "points": {name: seeded(block, "points") for name, block in SEEDED.items()},
}


def run(kind, engine, image, annotation, engines=ENGINES):
    """(H, W) uint8 mask that an engine makes of one kind of drawing; 0 where nothing is drawn.

    InputError: no such engine.
    """
    if engine not in engines.get(kind, {}):
        known = [f"{kind}: {name}" for kind, row in engines.items() for name in row]
        raise InputError(f"There is no engine {kind}: {engine}; choose from {', '.join(known)}.")
    if not annotation.count(kind):
        return np.zeros(annotation.size, np.uint8)
    return np.asarray(engines[kind][engine](image, annotation), np.uint8)
