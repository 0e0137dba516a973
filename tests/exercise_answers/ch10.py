"""Answers to the exercises of chapter 10, right and wrong."""

import numpy as np


def variant(divide="each", when="after", power=None, levels="low high", first=1, floor=1e-12,
            between=255, ground=0, how=np.multiply):  # fmt: skip
    """Sure labels with one step changed."""

    def divided(maps):
        axes = {"each": (1, 2), "all": None, "place": 0}[divide]
        return maps / np.maximum(maps.max(axes, keepdims=True), floor)

    def labels(maps, front, p=2.0, low=0.1, high=0.3):
        maps = divided(maps) if when in ("before", "both") else maps
        maps = how(maps, front ** (p if power is None else power))
        with np.errstate(invalid="ignore"):
            maps = divided(maps) if when in ("after", "both") else maps
        low, high = {"low high": (low, high), "high low": (high, low), "low": (low, low),
                     "high": (high, high), "fixed": (0.1, 0.3)}[levels]  # fmt: skip
        best, height = maps.argmax(0) + first, maps.max(0)
        return np.where(height > high, best, np.where(height > low, between, ground))

    return labels


def loops(maps, front, power=2.0, low=0.1, high=0.3):
    """The same, place by place, with lists."""
    maps = [m * front**power for m in maps]
    maps = [m / m.max() if m.any() else m for m in maps]
    out = np.full(front.shape, 255, np.uint8)
    for place in np.ndindex(front.shape):
        heights = [float(m[place]) for m in maps]
        if max(heights) > high:
            out[place] = 1 + heights.index(max(heights))
        elif max(heights) <= low:
            out[place] = 0
    return out


def in_place(maps, front, *knobs):
    maps *= front
    return variant()(maps, front, *knobs)


def wavering(axis=0, spread=np.var, scale=4, over=np.max, strength=None, last=None):
    """URN's weight with one step changed."""

    def trust(votes, given=3.0):
        unsure = over(scale * spread(votes.astype(float), axis), 0)
        power = given if strength is None else strength
        return last(unsure, power) if last else np.exp(-power * unsure)

    return trust


def by_counting(votes, strength=3.0):
    """The same from the share of votes: a variance is q (1 - q)."""
    share = votes.sum(0) / len(votes)
    return np.exp(-strength * np.max(4 * share * (1 - share), axis=0))


TRUTH = np.zeros((64, 64), int)
TRUTH[20:44, 20:44] = 1


def flipped(where):
    return np.where(where, 1 - TRUTH, TRUTH)


def window(y0, y1, x0, x1):
    one = np.zeros((64, 64), bool)
    one[y0:y1, x0:x1] = True
    return one


def dice(share, seed=1):
    return np.random.default_rng(seed).random((64, 64)) < share


THIRD = np.add.outer(np.arange(64), 2 * np.arange(64)) % 3 == 0
SPILL = flipped(window(0, 16, 0, 24))

ANSWERS = {
    "10.1": {
        "right": {"the package's": variant(), "with loops": loops},
        "wrong": {
            "divided before": variant(when="before"),
            "not divided": variant(when="never"),
            "one maximum": variant(divide="all"),
            "maximum of each place": variant(divide="place"),
            "no power": variant(power=1),
            "no gate": variant(power=0),
            "gate added": variant(how=np.add),
            "no gap": variant(levels="low"),
            "no gap, strict": variant(levels="high"),
            "thresholds exchanged": variant(levels="high low"),
            "thresholds of its own": variant(levels="fixed"),
            "classes from 0": variant(first=0),
            "undecided is background": variant(between=0),
            "background is undecided": variant(between=0, ground=255),
            "a class too far": variant(first=2),
            "nan for the empty map": variant(floor=0.0),
            "its input is changed": in_place,
            "upside down": lambda *given: variant()(*given)[::-1],
            "axes exchanged": lambda *given: variant()(*given).T,
        },
    },
    "10.2": {
        "right": {"in one's head": (0, 0.2), "computed": (0.0004, 0.194)},
        "wrong": {
            "nothing is won": (0.2, 0.2),
            "both are mended": (0.0, 0.0),
            "exchanged": (0.2, 0.0),
            "a square": (0.04, 0.2),
            "half of it": (0.1, 0.2),
            "pieces shrink to half": (0.0, 0.1),
            "pieces grow": (0.0, 0.3),
            "all of a piece's picture": (0.0, 1.0),
            "in percent": (0.04, 20),
            "one number": 0.2,
        },
    },
    "10.3": {
        "right": {
            "a spill and the dice": (SPILL, flipped(dice(0.33))),
            "a piece missed, every third": (flipped(window(20, 44, 20, 36)), flipped(THIRD)),
        },
        "wrong": {
            "exchanged": (flipped(dice(0.33)), SPILL),
            "the truth": (TRUTH, TRUTH),
            "the truth and many": (TRUTH, flipped(dice(0.33))),
            "few scattered too": (flipped(dice(0.08)), flipped(dice(0.33))),
            "few are too many": (flipped(window(20, 44, 20, 44)), flipped(dice(0.33))),
            "many are too few": (SPILL, flipped(dice(0.2))),
            "many in one piece": (SPILL, flipped(window(0, 64, 0, 20))),
            "more than half wrong": (SPILL, flipped(dice(0.6))),
            "undecided": (np.where(SPILL != TRUTH, 255, TRUTH), flipped(dice(0.33))),
            "one set": SPILL,
            "smaller": (SPILL[:32], flipped(dice(0.33))),
        },
    },
    "10.4": {
        "right": {"a variance": wavering(), "by counting": by_counting},
        "wrong": {
            "strength of its own": wavering(strength=3.0),
            "no strength": wavering(strength=1.0),
            "not a share": wavering(scale=1),
            "twice": wavering(scale=2),
            "standard deviation": wavering(spread=np.std, scale=2),
            "by S - 1": wavering(spread=lambda v, axis: v.var(axis, ddof=1)),
            "mean of classes": wavering(over=np.mean),
            "sum of classes": wavering(over=np.sum),
            "surest class": wavering(over=np.min),
            "over the classes": wavering(axis=1),
            "uncertainty": wavering(last=lambda u, s: u),
            "1 - u": wavering(last=lambda u, s: 1 - u),
            "the other sign": wavering(last=lambda u, s: np.exp(s * u)),
            "a mask": wavering(last=lambda u, s: u < 0.5),
            "a weight a class": lambda votes, s=3.0: np.exp(-4 * s * votes.var(0)),
            "an object or not": lambda votes, s=3.0: np.exp(-4 * s * votes.any(1).var(0)),
        },
    },
}
