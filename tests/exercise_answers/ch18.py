"""Answers to the exercises of chapter 18, right and wrong."""

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt
from scipy.spatial.distance import cdist

from wsss_lite.exercises.ch18 import disc
from wsss_lite.score import Scores
from wsss_lite.suspects import folds_of


def rim(mask):
    return mask & ~binary_erosion(mask)


def all_pairs(a, b):
    """HD95 from the table of all distances between two outlines."""
    if not (a.any() or b.any()):
        return float("nan")
    if not (a.any() and b.any()):
        return (a.shape[0] ** 2 + a.shape[1] ** 2) ** 0.5
    away = cdist(np.argwhere(rim(a)), np.argwhere(rim(b)))
    return max(np.percentile(away.min(1), 95), np.percentile(away.min(0), 95))


def far(edge=rim, join=max, percent=95, turn=True, ways=2, empty=True, power=1, missed=None):
    """HD95 with one step changed."""

    def hd95(a, b):
        if empty and not a.any() and not b.any():
            return np.nan
        if not a.any() or not b.any():
            return np.hypot(*a.shape) if missed is None else missed
        one, other = edge(a), edge(b)
        away = [distance_transform_edt(~q if turn else q) for q in (other, one)]
        each = [away[0][one], away[1][other]][:ways]
        if join == "together":
            return np.percentile(np.concatenate(each), percent)
        return join([np.percentile(way, percent) ** power for way in each])

    return hd95


def backwards(a, b):
    return far(ways=1)(b, a)


def mean_distance(a, b):
    away = cdist(np.argwhere(rim(a)), np.argwhere(rim(b)))
    return max(away.min(1).mean(), away.min(0).mean())


def blocks(a, b):
    away = cdist(np.argwhere(rim(a)), np.argwhere(rim(b)), "cityblock")
    return max(np.percentile(away.min(1), 95), np.percentile(away.min(0), 95))


def outside(mask):
    return binary_dilation(mask) & ~mask


def others(at, drawn):
    return [k for k in range(len(next(iter(at.values())))) if k not in drawn]


def in_a_loop(at, drawn):
    """The same threshold and score, with loops."""
    best = None
    for t, matrices in at.items():
        value = Scores(sum(matrices[k] for k in drawn)).miou
        if best is None or value > best[0]:
            best = value, t
    rest = sum(at[best[1]][k] for k in others(at, drawn))
    return [best[1], Scores(rest).miou]


def together(matrices):
    return Scores(matrices.sum(0)).miou


def apart(matrices):
    return np.mean([Scores(m).miou for m in matrices])


def accuracy(matrices):
    return np.trace(matrices.sum(0)) / matrices.sum()


def objects(matrices):
    return Scores(matrices.sum(0)).foreground("iou")


def picked(choose="drawn", judge="rest", by=together, score=together, best=max):
    """A threshold and its score, with one step changed."""

    def tuned(at, drawn):
        rest = others(at, drawn)
        rows = {"drawn": list(drawn), "rest": rest, "all": [*drawn, *rest]}
        t = best(at, key=lambda t: by(at[t][rows[choose]]))
        return t, float(score(at[t][rows[judge]]))

    return tuned


def fixed(at, drawn):
    return 0.3, together(at[0.3][others(at, drawn)])


def first_five(at, drawn):
    return picked()(at, list(range(len(drawn))))


def by_package(groups, count):
    return folds_of(np.zeros((len(groups), 1), bool), groups, count)


def dealt(groups, count):
    """Groups in the order of their names, one fold after the other."""
    place = {name: k for k, name in enumerate(sorted(set(groups)))}
    return [place[name] % count for name in groups]


def by_chunks(groups, count):
    return np.arange(len(groups)) * count // len(groups)


def by_lot(groups, count):
    return np.random.default_rng(0).integers(count, size=len(groups))


def group_numbers(groups, count):
    return np.unique(groups, return_inverse=True)[1]


def lopsided(groups, count):
    return np.minimum(group_numbers(groups, count), count - 1)


def from_one(groups, count):
    return np.array(dealt(groups, count)) + 1


def train_or_val(groups, count):
    return np.array([name == groups[0] for name in groups]).astype(int)


def runs_of_groups(groups, count):
    """A new group wherever the name changes, which is wrong where pictures are mixed."""
    new = [a != b for a, b in zip(groups, ["", *groups], strict=False)]
    return np.cumsum(new) % count


def with_more(*places, of=None):
    """The true disc with something added."""
    pred = disc(26, 26, 16) if of is None else of
    for place in places:
        pred[place] = True
    return pred


ANSWERS = {
    "18.1": {
        "right": {"transforms": far(), "all pairs": all_pairs},
        "wrong": {
            "the largest": far(percent=100),
            "median": far(percent=50),
            "one way": far(ways=1),
            "the other way": backwards,
            "mean of both ways": far(join=np.mean),
            "smaller of both": far(join=min),
            "sum of both": far(join=sum),
            "both ways together": far(join="together"),
            "whole masks": far(edge=lambda mask: mask),
            "outlines outside": far(edge=outside),
            "distance to the background": far(turn=False),
            "squared": far(power=2),
            "mean distance": mean_distance,
            "blocks": blocks,
            "nothing is 0": far(empty=False),
            "a miss is free": far(missed=0.0),
            "a miss is unknown": far(missed=np.nan),
        },
    },
    "18.2": {
        "right": {"in one line": picked(), "in a loop": in_a_loop},
        "wrong": {
            "threshold on test": picked(choose="rest"),
            "threshold on all": picked(choose="all"),
            "score of the drawn": picked(judge="drawn"),
            "score of all": picked(judge="all"),
            "everything on all": picked(choose="all", judge="all"),
            "turned round": picked(choose="rest", judge="drawn"),
            "chosen picture by picture": picked(by=apart),
            "scored picture by picture": picked(score=apart),
            "both picture by picture": picked(by=apart, score=apart),
            "accuracy": picked(by=accuracy, score=accuracy),
            "without background": picked(score=objects),
            "the worst": picked(best=min),
            "the habit": fixed,
            "the first three": first_five,
            "threshold alone": lambda at, drawn: picked()(at, drawn)[0],
            "order of the two": lambda at, drawn: picked()(at, drawn)[::-1],
        },
    },
    "18.3": {
        "right": {"the package's": by_package, "dealt by name": dealt},
        "wrong": {
            "picture by picture": lambda groups, count: np.arange(len(groups)) % count,
            "chunks": by_chunks,
            "by lot": by_lot,
            "a fold a group": group_numbers,
            "lopsided": lopsided,
            "from one": from_one,
            "one fold": lambda groups, count: np.zeros(len(groups), int),
            "one film held back": train_or_val,
            "runs of groups": runs_of_groups,
            "halves": lambda groups, count: np.array(dealt(groups, count)) / 2,
            "a dict": lambda groups, count: dict.fromkeys(groups, 0),
            "folds of groups": lambda groups, count: np.arange(len(set(groups))) % count,
        },
    },
    "18.4": {
        "right": {"by thought": (2.0, 0.0, 32.1), "a little off": (2.2, 0.1, 33)},
        "wrong": {
            "speck seen": (2.0, 32.0, 32.0),
            "speck never seen": (2.0, 0.0, 0.0),
            "speck averaged": (2.0, 0.35, 0.35),
            "both sides of the rim": (4.0, 0.0, 32.1),
            "rim as IoU": (0.79, 0.0, 32.1),
            "radius": (18, 0.0, 32.1),
            "from the middle": (2.0, 0.0, 48.1),
            "rows only": (2.0, 0.0, 18),
            "diagonal": (2.0, 0.0, 90.5),
            "two numbers": (2.0, 32.1),
            "words": ("small", "none", "large"),
        },
    },
    "18.5": {
        "right": {
            "a line": with_more(np.s_[62, 50:62]),
            "crumbs": with_more(np.s_[0:60:4, 63]).astype(int),
        },
        "wrong": {
            "a speck": with_more(np.s_[60, 60]),
            "the truth": disc(26, 26, 16),
            "a rim": disc(26, 26, 18),
            "moved": disc(26, 46, 16),
            "a large island": with_more(np.s_[48:62, 48:62]),
            "everything": np.ones((64, 64), bool),
            "nothing": np.zeros((64, 64), bool),
            "a line nearby": with_more(np.s_[26, 43:53]),
            "upside down": ~with_more(np.s_[62, 50:62]),
            "the line alone": with_more(np.s_[62, 50:62], of=np.zeros((64, 64), bool)),
            "grey": 0.5 * with_more(np.s_[62, 50:62]),
            "another size": np.ones((32, 32), bool),
            "a word": "line",
        },
    },
}
