"""Masks without names get the name of the label that they cover: CAM chooses among SAM's masks.

Chen et al., "Segment Anything Model (SAM) Enhanced Pseudo Labels for Weakly Supervised Semantic
Segmentation", 2023. Labels say what is there but not where it ends, masks the other way round.
"""

import numpy as np

RATIO, COVER = 0.5, 0.85  # the paper's


def chosen(labels, masks, ratio=RATIO, cover=COVER):
    """[(class, mask)] of the masks that belong to a class of (H, W) labels, the largest first.

    A mask is offered to the class that has most of its pixels there, and taken if more than
    `ratio` of the mask is labelled so, or if it holds at least `cover` of that class's pixels.
    masks: (H, W) bool each; background (0) and undecided pixels (255) choose nothing.
    """
    sizes = np.bincount(labels.ravel(), minlength=256)
    taken = []
    for mask in masks:
        inside = np.bincount(labels[mask], minlength=256)
        inside[[0, 255]] = 0
        cls = int(inside.argmax())
        hit = inside[cls]
        if hit and (hit > ratio * mask.sum() or hit >= cover * sizes[cls]):
            taken.append((cls, mask))
    return sorted(taken, key=lambda pair: -pair[1].sum())


def by_masks(labels, masks, ratio=RATIO, cover=COVER):
    """(H, W) uint8 labels put together from the masks that they choose.

    Of a class that chose masks the label is kept only where no mask at all lies: there SAM saw
    nothing. A class that chose none keeps its label. Small masks lie in front of large ones.
    """
    pairs = chosen(labels, masks, ratio, cover)
    served = sorted({cls for cls, _ in pairs})
    seen = np.any(masks, axis=0) if len(masks) else np.zeros(labels.shape, bool)
    out = np.where(np.isin(labels, served) & seen, 0, labels).astype(np.uint8)
    for cls, mask in pairs:
        out[mask] = cls
    return out
