"""Answers to the exercises of chapter 00, right and wrong."""

import numpy as np

from wsss_lite.exercises.ch00 import board


def by_class(void=True, absent="skip", start=0, over="union", pred_void=False):
    """mIoU, class by class, with one step changed."""

    def miou(truth, pred, classes):
        known = (truth != 255) if void else np.ones(truth.shape, bool)
        if pred_void:
            known = pred != 255
        values = []
        for c in range(start, classes):
            a, b = (truth == c) & known, (pred == c) & known
            below = {"union": (a | b).sum(), "larger": max(a.sum(), b.sum()), "true": a.sum(),
                     "all": known.sum()}[over]  # fmt: skip
            if below or absent == "zero":
                values.append((a & b).sum() / max(below, 1))
            elif absent == "one":
                values.append(1.0)
        return float(np.mean(values))

    return miou


def set_by_set(truth, pred, classes):
    values = []
    for c in range(classes):
        a, b = (set(np.flatnonzero((m == c) & (truth != 255)).tolist()) for m in (truth, pred))
        values += [len(a & b) / len(a | b)] if a | b else []
    return np.mean(values)


def in_bytes(truth, pred, classes):
    known = truth != 255
    pair = np.uint8(classes) * truth[known] + pred[known]
    matrix = np.bincount(pair, minlength=classes**2)[: classes**2].reshape(classes, classes)
    hit, union = np.diag(matrix), matrix.sum(0) + matrix.sum(1) - np.diag(matrix)
    return (hit[union > 0] / union[union > 0]).mean()


def with_nan(truth, pred, classes):
    known = truth != 255
    found = []
    with np.errstate(all="ignore"):
        for c in range(classes):
            a, b = (truth == c) & known, (pred == c) & known
            found.append(np.divide((a & b).sum(), (a | b).sum()))
    return np.mean(found)


def each_picture(truth, pred, classes):
    return np.mean([by_class()(t[None], p[None], classes) for t, p in zip(truth, pred)])


def in_place(truth, pred, classes):
    truth[truth == 255] = 0
    return by_class()(truth, pred, classes)


def spoilt(**places):
    """The board with single pixels overwritten: {value: [(y, x), ...]}."""
    one = board()
    for value, where in places.items():
        for y, x in where:
            one[y, x] = int(value[1:])
    return one


first = np.where(board() == 1, 0, board())
second = spoilt(v2=[(0, x) for x in range(6)])
ANSWERS = {
    "00.1": {
        "right": {
            "class by class": by_class(),
            "set by set": set_by_set,
        },
        "wrong": {
            "void of the prediction": by_class(pred_void=True),
            "void kept": by_class(void=False),
            "absent classes are zero": by_class(absent="zero"),
            "absent classes are one": by_class(absent="one"),
            "foreground only": by_class(start=1),
            "over the larger of the two": by_class(over="larger"),
            "over the truth": by_class(over="true"),
            "over all pixels": by_class(over="all"),
            "a byte runs over": in_bytes,
            "nan": with_nan,
            "picture by picture": each_picture,
            "picture by picture, void kept": lambda t, p, c: np.mean(
                [by_class(void=False)(np.where(a == 255, 0, a), b, c) for a, b in zip(t, p)]
            ),
            "void overwritten in place": in_place,
            "the last class forgotten": lambda t, p, c: by_class()(t, p, c - 1),
            "accuracy": lambda t, p, c: (t == p)[t != 255].mean(),
            "one number a class": lambda t, p, c: [by_class()(t == k, p == k, 2) for k in range(c)],
            "rounded to per cent": lambda t, p, c: round(100 * by_class()(t, p, c)),
        },
    },
    "00.2": {
        "right": {"exact": 6940, "from the sum": (144_000 - 5_200) // 20},
        "wrong": {
            "tune masks only": 6960,
            "tune free of charge": 7200,
            "masks for all": 600,
            "tags and masks for all": 554,
            "one hour": 173,
            "minutes for seconds": 115,
            "a share": 0.96,
            "seconds left": 138_800,
            "a word": "about seven thousand",
        },
    },
    "00.3": {
        "right": {"exact": 91 / 130, "two decimals": 0.70},
        "wrong": {
            "mean of pictures": (10 / 40 + 81 / 90) / 2,
            "recall": 0.91,
            "precision": 91 / 121,
            "Dice": 182 / 221,
            "union of truths": 91 / 100,
            "no subtraction": 91 / 221,
            "false pixels free": 91 / 100,
            "weighted by pixels of cat": 0.1 * 0.25 + 0.9 * 0.9,
            "the first picture": 0.25,
            "per cent": 70,
        },
    },
    "00.4": {
        "right": {
            "the example": (first, second),
            "another": (first.tolist(), spoilt(v0=[(4, x) for x in range(3, 8)])),
        },
        "wrong": {
            "the wrong way round": (second, first),
            "the same twice": (second, second),
            "the first is the truth": (board(), second),
            "as many right": (first, spoilt(v2=[(0, x) for x in range(4)])),
            "a gap too small": (spoilt(v0=[(1, 1)]), spoilt(v0=[(4, 3), (4, 4)])),
            "void as an answer": (np.where(board() == 1, 255, board()), second),
            "all background": (np.zeros((8, 8)), second),
            "transposed board": (first[:, :7], second),
            "one mask": first,
        },
    },
}
