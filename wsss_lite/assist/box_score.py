"""Scores of boxes: average precision and recall at an IoU of a half, as PASCAL VOC counts them."""

import numpy as np
import torch

from wsss_lite.nets.centres import overlaps
from wsss_lite.score import average_precision

LEAST_IOU = 0.5


def hits(found, truth, least=LEAST_IOU):
    """(n,) bool: which of the found boxes are right. Each true box is found once, by the best.

    found: (n, 4) corners of one class in one picture, the best first; truth: (m, 4).
    """
    right = np.zeros(len(found), bool)
    if not len(found) or not len(truth):
        return right
    shared = overlaps(*(torch.as_tensor(np.asarray(x, np.float32)) for x in (found, truth)))
    shared = shared.numpy()
    for row in range(len(found)):
        best = shared[row].argmax()
        if shared[row, best] >= least:
            right[row] = True
            shared[:, best] = -1
    return right


def box_scores(found, truth, classes, confident, least=LEAST_IOU):
    """({class: average precision}, {class: recall}), nan for a class without a true box.

    found: for each picture a list of (class, corners, score), the best first; truth: for each a
    list of (class, corners); confident: the score from which a box counts for the recall.
    """
    precision, recall = {}, {}
    for name in classes:
        right, scores, count = [], [], 0
        for some, real in zip(found, truth):
            mine = [(corners, score) for cls, corners, score in some if cls == name]
            true = [corners for cls, corners in real if cls == name]
            right += hits([corners for corners, _ in mine], true, least).tolist()
            scores += [score for _, score in mine]
            count += len(true)
        sure = sum(r and s >= confident for r, s in zip(right, scores))
        precision[name] = area(right, scores, count)
        recall[name] = sure / count if count else float("nan")
    return precision, recall


def area(right, scores, count):
    """Average precision when `count` boxes are to be found: those never found cost recall."""
    if not count or not any(right):
        return 0.0 if count else float("nan")
    return average_precision(right, scores) * sum(right) / count
