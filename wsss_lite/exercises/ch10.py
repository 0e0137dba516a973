"""Checks of the exercises of chapter 10: noisy labels, and the best from tags."""

import numpy as np
import torch
from scipy import ndimage

from wsss_lite.exercises.checking import Hint, array, call, exercise, match, number, require
from wsss_lite.maps import cam as blocks
from wsss_lite.refine import threshold

NOISE = 0.2  # share of wrong labels (10.2)
FEW, MANY = 0.1, 0.3  # (10.3)


@exercise("10.1")
def sure_labels(answer):
    maps, front = _example()
    power, low, high = 2.0, 0.25, 0.5
    gated = gate(maps, front, power)
    small = maps * front**power
    right = threshold.seeds(gated, low, high)
    flat = np.where(right > 0, right, 0)
    mistakes = {
        "a map of zeros becomes nan when it is divided: keep its divisor above 0.": flat * 0,
        "class numbers begin at 1, since 0 is the background.": np.where(
            (right > 0) & (right < 255), right - 1, right
        ),
        "between `low` and `high` there is no label, 255.": threshold.label(gated, high),
        "above `low` alone it is no class yet: `high` is not used, or the two are exchanged.": (
            threshold.label(gated, low)
        ),
        "undecided and background are exchanged: below `low` it is background, 0.": np.where(
            right == 0, 255, np.where(right == 255, 0, right)
        ),
        "the gate is not applied.": threshold.seeds(gate(maps, front, 0), low, high),
        "the power of the gate is left out.": threshold.seeds(gate(maps, front, 1), low, high),
        "the maps are no longer divided by their maximum after the gate.": (
            threshold.seeds(small, low, high)
        ),
        "the maps are divided before the gate and not after it.": threshold.seeds(
            gate(maps, front, 0) * front**power, low, high
        ),
        "all maps are divided by one maximum: each by its own.": threshold.seeds(
            small / small.max(), low, high
        ),
        "the gate should multiply the maps, not add to them.": threshold.seeds(
            blocks.normalise(maps + front**power).numpy(), low, high
        ),
    }
    match(call(answer, maps, front, power, low, high), right, mistakes, names="(h, w)")
    return f"{(right < 255).mean():.0%} have a label; the rest is for a segmenter to fill in"


def gate(maps, front, power):
    """(C, h, w) maps times a foreground map to a power, each divided by its maximum."""
    return blocks.normalise(torch.from_numpy(maps * front**power)).numpy()


@exercise("10.2")
def two_kinds_of_noise(answer):
    try:
        scattered, pieces = answer
    except (TypeError, ValueError):
        raise Hint("two numbers are asked for, scattered and pieces.") from None
    right = [majority(wrong).mean() for wrong in _noise()]
    number(scattered, right[0], 0.01, {
        "scattered: it is a share between 0 and 1.": (1.5, 100),
        "scattered: two wrong neighbours are not enough, it takes 13 of 25.": (0.035, 0.045),
        "scattered: in most windows the wrong labels are outvoted.": (0.01, 0.25),
    })  # fmt: skip
    number(pieces, right[1], 0.02, {
        "pieces: it is a share between 0 and 1.": (1.5, 100),
        "pieces: inside a piece of 20 x 20 all of a window is wrong.": (-0.01, 0.15),
        "pieces: the vote shaves off corners, it does not enlarge a piece.": (0.23, 1.0),
    })  # fmt: skip
    return f"scattered {right[0]:.2%}, in pieces {right[1]:.1%} are still wrong"


@exercise("10.3")
def few_and_many(answer):
    truth = one_object()
    try:
        few, many = (array(one) for one in answer)
    except (TypeError, ValueError):
        raise Hint("two arrays of labels are asked for, few and many.") from None
    for name, labels in (("few", few), ("many", many)):
        require(labels.shape == truth.shape, f"`{name}` has the shape {labels.shape}, not "
                f"{truth.shape}.")  # fmt: skip
        require(np.isin(labels, (0, 1)).all(), f"the labels of `{name}` should be 0 or 1.")
    wrong = [(labels.astype(int) != truth).mean() for labels in (few, many)]
    require(wrong[0] <= FEW, f"{wrong[0]:.1%} of `few` are wrong; at most {FEW:.0%} should be.")
    require(wrong[1] >= MANY, f"{wrong[1]:.1%} of `many` are wrong; at least {MANY:.0%} should be.")
    left = [(majority(labels) != truth).mean() for labels in (few, many)]
    require(left[0] > left[1], f"after the vote {left[0]:.1%} of `few` and {left[1]:.1%} of `many` "
            "are wrong: put the few into one piece, and scatter the many.")  # fmt: skip
    return f"{wrong[0]:.0%} wrong leave {left[0]:.1%}, {wrong[1]:.0%} wrong leave {left[1]:.1%}"


@exercise("10.4")
def trust(answer):
    votes, strength = _votes(), 2.0
    u = 4 * votes.var(0)  # (C, h, w)

    def weight(unsure):
        return np.exp(-strength * unsure)

    mistakes = {
        "`strength` is not used: it may be another number than 3.": np.exp(-3 * u.max(0)),
        "`strength` is left out.": np.exp(-u.max(0)),
        "the variance is not divided by 1/4, the most it can be.": weight(u.max(0) / 4),
        "that is the standard deviation: take its square.": weight(np.sqrt(u).max(0)),
        "the variance is divided by S - 1 (PyTorch's default): divide by S.": weight(
            4 * votes.var(0, ddof=1).max(0)
        ),
        "the mean over classes hides the one that wavers: take the largest.": weight(u.mean(0)),
        "a sum over classes counts a change from one to another twice: take the largest.": (
            weight(u.sum(0))
        ),
        "the least of the classes: take the largest.": weight(u.min(0)),
        "all classes are thrown together: the variance of each class first.": weight(
            4 * votes.any(1).var(0)
        ),
        "that is the uncertainty: the weight is exp(-strength u).": u.max(0),
        "the sign is missing: who is unsure should weigh less.": 1 / weight(u.max(0)),
        "a weight of each class is given: one of each place.": weight(u),
    }
    match(call(answer, votes, strength), weight(u.max(0)), mistakes, names="(h, w)")
    return f"1 where all votes agree, {np.exp(-3):.2f} at the usual strength where they are split"


def one_object():
    """(64, 64) int labels: an object of 24 x 24 on background."""
    truth = np.zeros((64, 64), int)
    truth[20:44, 20:44] = 1
    return truth


def majority(labels):
    """What most labels of the 5 x 5 around each place say; labels: (H, W) of 0 and 1."""
    return (ndimage.uniform_filter(np.asarray(labels, float), 5) > 0.5).astype(int)


def _noise():
    """Two (400, 400) arrays, 1 where a label is wrong: scattered, and in pieces of 20 x 20."""
    rng = np.random.default_rng(0)
    blocks_of_it = np.zeros(400, bool)
    blocks_of_it[rng.permutation(400)[: int(NOISE * 400)]] = True
    return rng.random((400, 400)) < NOISE, np.kron(blocks_of_it.reshape(20, 20), np.ones((20, 20)))


def _votes():
    """(6, 3, 4, 5) bool: places on which one class wavers, two do, or none."""
    rng = np.random.default_rng(15)
    height = rng.random((1, 3, 4, 5)) + rng.normal(0, 0.3, (6, 3, 4, 5)) * rng.random((3, 4, 5))
    return height > 0.6


def _example():
    """(maps (3, 6, 8), front (6, 8)) float32; the map of the last class is empty."""
    rng = np.random.default_rng(10)
    maps = rng.random((3, 6, 8)).astype(np.float32) ** 2
    maps[1] *= 0.6
    maps[2] = 0
    return maps, (0.1 + 0.7 * rng.random((6, 8))).astype(np.float32)
