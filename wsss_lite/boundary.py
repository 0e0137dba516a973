"""Dice and HD95: how medicine scores a mask, beside IoU.

    dice(scores.matrix)              (C,) one number a class, of a whole split, as IoU is
    shape_scores(truth, pred, 3)     Dice and HD95 of one picture, a number a class
    mean_scores(pairs, 3)            their means over pictures

Dice says how much of the area agrees, HD95 how far apart the two outlines are, in pixels or in the
unit of `spacing`. What is empty is defined here, since programs differ:

    neither has the class     nan, the picture does not count for it
    only one of them has it   Dice 0, HD95 the picture's diagonal: a miss is as far as can be
"""

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

from wsss_lite.score import VOID

PERCENT = 95  # the farthest twentieth of an outline may be a stray pixel


def dice(matrix):
    """(C,) 2 |A and B| / (|A| + |B|) of each class of a confusion matrix; nan where none has it.

    It is 2 IoU / (1 + IoU), so it orders methods on one class as IoU does, with larger numbers.
    """
    matrix = np.asarray(matrix)
    both = matrix.sum(0) + matrix.sum(1)
    return np.where(both > 0, 2 * np.diag(matrix) / np.maximum(both, 1), np.nan)


def outline(mask):
    """(H, W) bool: pixels of a mask with a side on another pixel, or on the picture's edge."""
    mask = np.asarray(mask, bool)
    return mask & ~binary_erosion(mask)


def directed(first, second, spacing=1.0):
    """Distances from each outline pixel of a mask to the nearest one of another mask.

    first, second: (H, W) bool, neither empty; spacing: length of a pixel, or (rows, columns).
    """
    away = distance_transform_edt(~outline(second), sampling=sides(spacing))
    return away[outline(first)]


def hausdorff(first, second, percent=PERCENT, spacing=1.0):
    """The `percent` percentile of `directed`, the larger of both ways; 100 is Hausdorff's distance.

    Some programs take the percentile of both ways together, which is never larger.
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if first.shape != second.shape:
        raise ValueError(f"masks of {first.shape} and {second.shape} differ in shape")
    if not first.any() and not second.any():
        return float("nan")
    if not first.any() or not second.any():
        return float(np.hypot(*(np.array(first.shape) * sides(spacing))))
    ways = directed(first, second, spacing), directed(second, first, spacing)
    return float(max(np.percentile(way, percent) for way in ways))


def sides(spacing):
    """(rows, columns): the lengths of a pixel's two sides."""
    return np.broadcast_to(np.asarray(spacing, float), 2)


def shape_scores(truth, pred, classes, spacing=1.0, percent=PERCENT):
    """{"dice": (C,), "hd95": (C,)} of the foreground classes 1..C of one picture.

    truth, pred: (H, W) uint8; classes: how many, background included. Pixels that are void (255)
    in the truth are taken out of the prediction.
    """
    truth, pred = np.asarray(truth), np.asarray(pred)
    known = truth != VOID
    found = {"dice": [], "hd95": []}
    for number in range(1, classes):
        a, b = truth == number, (pred == number) & known
        size = a.sum() + b.sum()
        found["dice"].append(2 * (a & b).sum() / size if size else np.nan)
        found["hd95"].append(hausdorff(a, b, percent, spacing))
    return {name: np.array(values, float) for name, values in found.items()}


def mean_scores(pairs, classes, spacing=1.0):
    """{"dice": (C,), "hd95": (C,), "pictures": (C,) int} of (truth, prediction) masks.

    Means over the pictures in which truth or prediction has the class; nan where none has.
    """
    each = [shape_scores(truth, pred, classes, spacing) for truth, pred in pairs]
    if not each:
        raise ValueError("there is no picture to score")
    rows = {name: np.stack([one[name] for one in each]) for name in ("dice", "hd95")}
    count = np.isfinite(rows["dice"]).sum(0)
    means = {k: np.where(count, np.nansum(v, 0) / np.maximum(count, 1), np.nan)
             for k, v in rows.items()}  # fmt: skip
    return means | {"pictures": count}
