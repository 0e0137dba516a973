"""Somebody who prompts: clicks well inside a thing, boxes drawn by hand, clicks that correct.

Places are pixels (x, y) as integers, masks (H, W) bool.
"""

import cv2
import numpy as np


def well_inside(rng, mask):
    """(x, y) of a pixel at least half as far from the edge as the farthest; None in an empty mask.

    The rule of the course's simulated points.
    """
    framed = np.pad(mask.astype(np.uint8), 1)  # what the picture's edge cuts off is outside
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    if not depth.any():
        return None
    ys, xs = np.nonzero(depth >= depth.max() / 2)
    chosen = rng.integers(len(ys))
    return int(xs[chosen]), int(ys[chosen])


def anywhere(rng, mask):
    """(x, y) of any pixel of a mask; None in an empty one."""
    places = np.flatnonzero(mask)
    if not len(places):
        return None
    y, x = divmod(int(rng.choice(places)), mask.shape[1])
    return x, y


def correcting(rng, predicted, target, valid):
    """((x, y), label) of a click where a mask is most wrong: 1 if it lacks something there, else 0.

    In the largest connected error, well inside; in the target where there is no error at all.
    """
    wrong = (predicted != target) & valid
    count, labels, facts, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))
    largest = labels == 1 + facts[1:, cv2.CC_STAT_AREA].argmax() if count > 1 else target & valid
    x, y = well_inside(rng, largest)
    return (x, y), int(target[y, x])


def shaken(rng, box, jitter, size):
    """x0, y0, x1, y1 with a normal error of `jitter` times width or height on every side.

    Stays inside the picture of (H, W) pixels and at least a pixel wide and high.
    """
    x0, y0, x1, y1 = box
    sides = np.array([x1 - x0, y1 - y0] * 2, float)
    moved = np.array(box, float) + rng.normal(0, jitter, 4) * sides
    limit = np.array(size[::-1], float)
    low = np.clip(np.minimum(moved[:2], moved[2:]), 0, limit - 1)
    high = np.clip(np.maximum(moved[:2], moved[2:]), low + 1, limit)
    return (*low, *high)
