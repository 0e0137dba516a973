"""Checks of the exercises of chapter 02: seeds, thresholds, the CRF, oracles."""

import numpy as np

from wsss_lite.exercises.checking import (
    array,
    call,
    close,
    exercise,
    match,
    number,
    require,
    several,
    shape,
)  # fmt: skip
from wsss_lite.refine import threshold
from wsss_lite.refine.crf import dense_crf
from wsss_lite.score import Scores, score

LEVELS = np.array([0.15, 0.3, 0.45, 0.6, 0.75])
TUNE, PICTURES, TEST = 1, 2, 3  # where the best threshold of each lies, in `_matrices`


@exercise("02.1")
def seeds(answer):
    maps = np.random.default_rng(0).random((3, 5, 7), np.float32) ** 2
    low, high = 0.3, 0.6
    right = threshold.seeds(maps, low, high).astype(int)
    best, height = maps.argmax(0), maps.max(0)
    sure = height > high
    mistakes = {
        "classes are counted from 0, but 0 is background: add 1.": np.where(
            sure, best, np.where(height > low, 255, 0)
        ),
        "undecided pixels are called background: they are 255.": np.where(sure, best + 1, 0),
        "undecided pixels are called by the largest map: between the two nobody knows.": (
            threshold.label(maps, low)
        ),
        "background and undecided are exchanged: 0 is at `low` or below.": np.where(
            sure, best + 1, np.where(height > low, 0, 255)
        ),
        "all that is not object is undecided: at `low` or below it is background.": np.where(
            sure, best + 1, 255
        ),
        "background is where *one* map is low: all of them must be.": np.where(
            sure, best + 1, np.where(maps.min(0) > low, 255, 0)
        ),
        "the height of a pixel is its largest map, not its smallest.": np.where(
            maps.min(0) > high, best + 1, np.where(maps.min(0) > low, 255, 0)
        ),
        "the class of a pixel is its largest map, not its smallest.": np.where(
            sure, maps.argmin(0) + 1, np.where(height > low, 255, 0)
        ),
        "where several maps exceed `high` the largest wins, not the last.": np.where(
            sure, np.where(maps > high, np.arange(1, 4)[:, None, None], 0).max(0),
            np.where(height > low, 255, 0),
        ),
        "where several maps exceed `high` the largest wins, not the first.": np.where(
            sure, (maps > high).argmax(0) + 1, np.where(height > low, 255, 0)
        ),
    }  # fmt: skip
    match(call(answer, maps, low, high), right, mistakes, names="(H, W)")
    edge = np.full((1, 2, 3), high, np.float32)
    edge[0, 0], exact = low, [[0] * 3, [255] * 3]
    require(close(call(answer, edge, np.float32(low), np.float32(high)), exact),
            "exactly at `low` a pixel is background, exactly at `high` it is "
            "undecided.")  # fmt: skip
    return f"{np.mean(right != 255):.0%} of the pixels are decided"


@exercise("02.2")
def honest(answer):
    tune, test = _matrices()
    found = call(answer, tune, test, LEVELS)
    level, value = several(found, ("a threshold", "an mIoU"))
    line = [Scores(m).miou for m in test.sum(0)]
    mistakes = {
        "that is the threshold that suits test: choosing it there is choosing on the answers. Use "
        "tune only.": _near(LEVELS[TEST]),
        "that threshold has the best mean of the pictures' own mIoU: add the matrices of the "
        "pictures first.": _near(LEVELS[PICTURES]),
        "that is the number of the threshold in the list, not the threshold.": (0.99, 4.01),
        "that threshold is the highest of all: is a large number of hits alone wanted?": (
            _near(LEVELS[-1])
        ),
        "that threshold is the lowest of all: is the worst mIoU chosen?": _near(LEVELS[0]),
    }
    number(level, LEVELS[TUNE], 1e-6, mistakes)
    own = Scores(tune.sum(0)[TUNE]).miou
    mistakes = {
        "the mIoU is that of tune: these pictures have chosen the threshold, so they flatter it. "
        "Report test.": _near(own),
        "the mIoU is the best of test, at another threshold than the one chosen.": _near(max(line)),
        "the mIoU is the mean of the pictures' own: add their matrices first.": _near(
            np.mean([Scores(m[TUNE]).miou for m in test])
        ),
        "background is left out of the mIoU.": _near(np.nanmean(Scores(test.sum(0)[TUNE]).iou[1:])),
        "a fraction is asked for, not per cent.": (2, 100),
    }
    number(value, line[TUNE], 1e-6, mistakes)
    return f"{line[TUNE]:.3f}, and not the {max(line):.3f} of whoever looks at test"


@exercise("02.3")
def mean_field(answer):
    p, pull = _street()
    right = _mean_field(p, pull, 3)
    mistakes = {
        "the pull has the wrong sign: neighbours of one opinion should strengthen it.": (
            _mean_field(p, -pull, 3)
        ),
        "the unary is forgotten after the start: add it in every step.": _mean_field(
            p, pull, 3, forget=True
        ),
        "probabilities are divided by their sum over pixels: at each pixel the *classes* sum "
        "to 1.": (_mean_field(p, pull, 3, axis=1)),
        "the unary is p itself: it is minus the logarithm, so exp(-unary) is p.": _mean_field(
            np.exp(p) / np.exp(p).sum(0), pull, 3
        ),
        "the last opinion is taken for the unary, so that it counts twice.": _mean_field(
            p, pull, 3, twice=True
        ),
        "that is one step too few.": _mean_field(p, pull, 2),
        "that is one step too many.": _mean_field(p, pull, 4),
        "that is the class of each pixel: probabilities are asked for.": right.argmax(0),
    }
    got = call(answer, p, pull, 3)
    match(got, right, mistakes, tolerance=1e-6, names="(C, n)")
    require(close(call(answer, p, pull, 0), p), "right, but without any step p should come back.")
    changed = (right.argmax(0) != p.argmax(0)).sum()
    return f"{changed} of {p.shape[1]} pixels were talked round"


@exercise("02.4")
def oracles(answer):
    given = several(answer, ("no_leaks", "no_misses"))
    shared = {
        "that is the IoU before any oracle.": (0.495, 0.505),
        "a fraction is asked for, not per cent.": (2, 100),
        "that is both at once: each oracle leaves the other error alone.": (0.999, 1.001),
    }
    special = (
        {"that is what the other oracle reaches: without misses.": (0.82, 0.85),
         "the missed pixels stay in the union.": (0.74, 0.77)},
        {"that is what the other oracle reaches: without leaks.": (0.59, 0.61),
         "the leaks stay in the union.": (0.995, 1.005),
         "what was missed becomes a hit: it is in the overlap as well.": (0.74, 0.77)},
    )  # fmt: skip
    for name, value, right, more in zip(("no_leaks", "no_misses"), given, (0.6, 5 / 6), special):
        try:
            number(value, right, 0.006, more | shared)
        except AssertionError as error:
            raise type(error)(f"{name}: {error}") from None
    return "0.60 and 0.83: what is missed costs more, and the two gains do not add up to 0.5"


@exercise("02.5")
def harmful(answer):
    image, heat, truth = (array(one) for one in several(answer, ("image", "heat", "truth")))
    require(image.dtype == np.uint8, f"the picture should be uint8, this is {image.dtype}.")
    shape(image, (32, 32, 3), "(H, W, 3)")
    shape(heat, (32, 32), "(H, W)")
    shape(truth, (32, 32), "(H, W)")
    require(((heat >= 0) & (heat <= 1)).all(), "the map should lie in 0..1.")
    require(np.isin(truth, (0, 1)).all() and 0 < truth.sum() < truth.size,
            "the truth should have an object and a background.")  # fmt: skip
    p = threshold.with_background(np.float32(heat)[None], 0.5)
    masks = (heat > 0.5).astype(np.uint8), dense_crf(image, p).argmax(0).astype(np.uint8)
    before, after = (score([(truth.astype(np.uint8), mask)], 2).miou for mask in masks)
    text = f"mIoU {before:.2f} before the CRF and {after:.2f} after it"
    require(before >= 0.7, f"{text}: the map should be good before, at least 0.7.")
    require(after < before, f"{text}: no harm done. Let colours lie: the object in the colour of "
            "its surroundings, or in two colours.")  # fmt: skip
    require(after <= before - 0.1, f"{text}: make the harm larger than 0.1. A smaller "
            "object, or one that is less sure of itself?")  # fmt: skip
    return text


def _matrices():
    """(20, 5, 3, 3) of tune and (30, 5, 3, 3) of test: best at different thresholds, see above.

    Tune has many small pictures that like one threshold and few large ones that like another.
    """
    sizes = np.where(np.arange(20) < 12, 1, 9), np.full(30, 4)
    sizes[1][::3] = 1
    peaks = np.where(np.arange(20) < 12, PICTURES, TUNE), np.full(30, TEST)
    return tuple(
        np.stack([[_matrix(size, 0.7 - 0.1 * abs(j - peak) - 0.05 * (size > 1))
                   for j in range(5)] for size, peak in zip(*pair)])
        for pair in zip(sizes, peaks)
    )  # fmt: skip


def _matrix(size, hit):
    """(3, 3) int64: background, and two classes of which a share is hit, the rest not."""
    found = np.array([3000, 1000, 600]) * size
    right = np.round(found * hit).astype(np.int64)
    matrix = np.diag(right)
    matrix[0, 1] = found[0] - right[0]
    matrix[1:, 0] = found[1:] - right[1:]
    return matrix


def _street():
    """(3, 12) probabilities and a (12, 12) symmetric pull between neighbours."""
    rng = np.random.default_rng(3)
    p = rng.random((3, 12)) + 0.1
    apart = np.abs(np.arange(12)[:, None] - np.arange(12))
    pull = 1.2 * np.exp(-apart / 1.5) * (1 + 0.3 * np.cos(np.arange(12)[:, None] + np.arange(12)))
    return p / p.sum(0), pull


def _mean_field(p, pull, steps, axis=0, forget=False, twice=False):
    q = p
    for _ in range(steps):
        own = np.ones_like(p) if forget else q if twice else p
        q = own * np.exp(q @ pull)
        q = q / q.sum(axis, keepdims=True)
    return q


def _near(value):
    return value - 1e-5, value + 1e-5
