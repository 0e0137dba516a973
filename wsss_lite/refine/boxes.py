"""What boxes say about pixels: which classes are possible where, and for certain."""

import numpy as np

from wsss_lite.refine.grabcut import fill, grabcut_box, in_front

VOID = 255


def inside(box):
    """The box as an index into (..., H, W) arrays."""
    return np.s_[..., box.y0 : box.y1, box.x0 : box.x1]


def area(box):
    return (box.y1 - box.y0) * (box.x1 - box.x0)


def allowed(boxes, size, classes):
    """(C + 1, H, W) bool: background everywhere, a class inside its boxes; size: (H, W)."""
    may = np.zeros((classes + 1, *size), bool)
    may[0] = True
    for box in boxes:
        may[box.cls][inside(box)] = True
    return may


def core(box, share):
    """The middle of a box as an index: `share` of its area, at least one pixel, same shape."""
    height, width = box.y1 - box.y0, box.x1 - box.x0
    rows, columns = (max(1, round(side * share**0.5)) for side in (height, width))
    y, x = box.y0 + (height - rows) // 2, box.x0 + (width - columns) // 2
    return np.s_[..., y : y + rows, x : x + columns]


def guess(boxes, size, classes, share):
    """(C + 1, H, W) float32 probabilities from boxes alone.

    Background is certain outside the boxes, a class in the core of its box (`share` of the area),
    in front of larger boxes; between, all that is allowed is equally likely.
    """
    may = allowed(boxes, size, classes).astype(np.float32)
    even = may / may.sum(0)
    p = even.copy()
    for box in in_front(boxes):
        p[inside(box)] = even[inside(box)]
        middle = core(box, share)
        p[middle] = 0
        p[box.cls][middle] = 1
    return p


def paint(boxes, regions, size, ground=0):
    """(H, W) uint8: each box's region in its class, small boxes in front of large ones.

    regions: one (H, W) bool a box; what is outside its box is left out. ground: what the rest of
    the boxes becomes (255: undecided); outside the boxes it is background.
    """
    labels = np.where(fill(boxes, size) > 0, ground, 0).astype(np.uint8)
    owner = {id(box): region for box, region in zip(boxes, regions, strict=True)}
    for box in in_front(boxes):
        labels[inside(box)][owner[id(box)][inside(box)]] = box.cls
    return labels


def filling_rates(pairs, classes):
    """(C + 1,) mean share of its box that an object fills, by class.

    pairs: (box, (H, W) bool region) tuples. The mean over all boxes stands in for a class without
    a box, and 1 where there is no box at all.
    """
    shares = [(box.cls, float(region[inside(box)].mean())) for box, region in pairs]
    common = np.mean([share for _, share in shares]) if shares else 1.0
    rates = np.full(classes + 1, common)
    for k in {cls for cls, _ in shares}:
        rates[k] = np.mean([share for cls, share in shares if cls == k])
    return rates


def restricted(scores, boxes):
    """(H, W) uint8: the best of the classes that the boxes allow. scores: (C + 1, H, W)."""
    may = allowed(boxes, scores.shape[1:], len(scores) - 1)
    return np.where(may, scores, -np.inf).argmax(0).astype(np.uint8)


def grabcut_rates(view, seed=0, most=30):
    """(C + 1,) filling rates by GrabCut on at most `most` boxes of each class, drawn at random."""
    every = [(id, box) for id in view.ids for box in view.boxes(id)]
    rng, pairs, seen = np.random.default_rng(seed), [], {}
    for k in rng.permutation(len(every)):
        id, box = every[k]
        seen[box.cls] = seen.get(box.cls, 0) + 1
        if seen[box.cls] <= most:
            pairs.append((box, grabcut_box(view.image(id), box)))
    return filling_rates(pairs, len(view.classes))
