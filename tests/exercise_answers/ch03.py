"""Answers to the exercises of chapter 03, right and wrong."""

import numpy as np


def running(gate=0.5, last=True, tagged=True, merge=np.maximum, floor=1e-12, scale=(2, 3), start=0):
    """OAA's accumulation, moment by moment, with one step changed."""

    def accumulate(maps, probability, tags):
        gathered = np.zeros(maps.shape[1:])
        for t in range(start, len(maps)):
            keep = probability[t] > gate
            if last and t == len(maps) - 1:
                keep = np.ones_like(keep)
            gathered = merge(gathered, maps[t] * keep[..., None, None])
        if tagged:
            gathered = gathered * tags[..., None, None]
        with np.errstate(all="ignore"):
            return gathered / np.maximum(gathered.max(scale, keepdims=True), floor)

    return accumulate


def in_place(maps, probability, tags):
    probability[-1] = 1
    return running()(maps, probability, tags)


def gate_by_mean(maps, probability, tags):
    return running()(maps, np.broadcast_to(probability.mean(0), probability.shape), tags)


def flip(axis=1, back=1, weight=(0.5, 0.5)):
    def mirrored(map_of, picture):
        turned = map_of(np.flip(picture, axis))
        turned = turned if back is None else np.flip(turned, back)
        return weight[0] * map_of(picture) + weight[1] * turned

    return mirrored


def averaged_first(map_of, picture):
    return map_of(picture / 2 + picture[:, ::-1] / 2)


def four_ways(map_of, picture):
    looks = [map_of(picture), map_of(picture[:, ::-1])[:, ::-1], map_of(picture[::-1])[::-1]]
    return sum(looks) / 3


truth = np.zeros((8, 8), bool)
truth[2:6, 2:6] = True


def pair(lost=1, leaks=8, same=False, height=0.9):
    """Two maps that lose different pixels of the object, and leak to different rows or to one."""
    one, other = height * truth, height * truth
    one[2, 2 : 2 + lost], other[5, 2 : 2 + lost] = 0, 0
    one[7, :leaks], other[7 if same else 0, :leaks] = height, height
    return one, other


ANSWERS = {
    "03.1": {
        "right": {
            "moment by moment": running(),
            "maxima of parts": lambda m, p, t: running()(m.astype(np.float32), p, t),
        },
        "wrong": {
            "no gate": running(gate=-1),
            "a stricter gate": running(gate=0.8),
            "the last is gated": running(last=False),
            "no tags": running(tagged=False),
            "the sum": running(merge=np.add),
            "the product": running(merge=np.multiply),
            "the first is forgotten": running(start=1, gate=-1),
            "the latest replaces": running(merge=lambda a, b: np.where(b > 0, b, a)),
            "one maximum a picture": running(scale=(1, 2, 3)),
            "one maximum": running(scale=None),
            "one maximum a row": running(scale=(3,)),
            "nan": running(floor=0.0),
            "probabilities overwritten": in_place,
            "the mean decides": gate_by_mean,
            "W and H swapped": lambda m, p, t: running()(m, p, t).transpose(0, 1, 3, 2),
            "moments left": lambda m, p, t: m * (p > 0.5)[..., None, None],
        },
    },
    "03.2": {
        "right": {
            "with np.flip": flip(),
            "with fliplr": lambda f, x: np.mean([f(x), np.fliplr(f(np.fliplr(x)))], 0),
        },
        "wrong": {
            "not turned back": flip(back=None),
            "upside down": flip(axis=0, back=0),
            "turned back upside down": flip(back=0),
            "both axes": flip(axis=(0, 1), back=(0, 1)),
            "colours": flip(axis=2, back=None),
            "the sum": flip(weight=(1, 1)),
            "the first counts double": flip(weight=(2 / 3, 1 / 3)),
            "mean of the pictures": averaged_first,
            "up and down as well": four_ways,
            "maximum": lambda f, x: np.maximum(f(x), f(x[:, ::-1])[:, ::-1]),
            "product": lambda f, x: np.sqrt(f(x) * f(x[:, ::-1])[:, ::-1]),
            "a list of both": lambda f, x: [f(x), f(x[:, ::-1])[:, ::-1]],
        },
    },
    "03.3": {
        "right": {"exact": (80 / 100, 80 / 115), "rounded": [0.8, 0.696]},
        "wrong": {
            "intersection": (0.4, 40 / 45),
            "counted twice": (1.2, 120 / 160),
            "hits apart, leaks twice": (0.8, 80 / 120),
            "as before": (0.6, 0.75),
            "exchanged": (80 / 115, 0.8),
            "IoU for precision": (0.8, 80 / 135),
            "leaks of one": (0.8, 80 / 100),
            "per cent": (80, 70),
            "one number": 0.8,
            "three": (0.8, 0.7, 0.6),
        },
    },
    "03.4": {
        "right": {"a little": 0.4, "nothing": 0},
        "wrong": {
            "all of the recall": 7,
            "half of it": 3.5,
            "two points": 2.0,
            "a loss": -3,
            "its mIoU": 52.5,
            "a word": "nothing",
            "no number": float("nan"),
        },
    },
    "03.5": {
        "right": {"the example": pair(), "weaker maps": pair(lost=2, leaks=8, height=0.6)},
        "wrong": {
            "they leak to one place": pair(same=True),
            "they agree": (pair()[0], pair()[0]),
            "few leaks": pair(leaks=1),
            "they find the same": pair(lost=0),
            "below the threshold": pair(height=0.4),
            "poor maps": (1.0 - truth, 0.9 * truth),
            "they complement each other": (0.9 * truth * (np.arange(8) < 4), 0.9 * truth),
            "in per cent": tuple(100 * m for m in pair()),
            "four cells": (np.zeros((4, 4)), np.zeros((4, 4))),
            "one map": pair()[0],
        },
    },
}
