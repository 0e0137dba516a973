"""Checks of the exercises of chapter 00: the score, the bill, and what is not counted."""

import numpy as np

from wsss_lite.data.weak import ANNOTATION_SECONDS
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
from wsss_lite.score import VOID, Scores, score

CLASSES = 21


@exercise("00.1")
def miou(answer):
    truth, pred = _masks()
    right = score(zip(truth, pred), CLASSES)
    void = score([(np.where(truth == VOID, 0, truth).astype(np.uint8), pred)], CLASSES)
    hit, true, said = np.diag(right.matrix), right.matrix.sum(1), right.matrix.sum(0)
    every = np.bincount(pred.ravel(), minlength=CLASSES)  # also where the truth is void
    there = true + said > 0
    pictures = [score([pair], CLASSES).miou for pair in zip(truth, pred)]
    filled = [score([(np.where(t == VOID, 0, t).astype(np.uint8), p)], CLASSES).miou
              for t, p in zip(truth, pred)]  # fmt: skip
    with np.errstate(over="ignore"):
        byte = np.uint8(CLASSES) * truth + pred
    byte = np.bincount(byte[truth != VOID], minlength=CLASSES**2).reshape(CLASSES, CLASSES)
    mistakes = {
        "21 * 20 does not fit into a byte, and NumPy wraps around: take the truth as int first.": (
            Scores(byte).miou
        ),
        "void counts as background: leave these pixels out of the matrix.": void.miou,
        "void pixels count as wrong predictions: leave them out on both sides.": (
            (hit / np.maximum(true + every - hit, 1))[true + every > 0].mean()
        ),
        "classes that do not occur at all count as zero: leave them out of the mean.": (
            np.nan_to_num(right.iou).mean()
        ),
        "background is left out: it is a class like the others.": np.nanmean(right.iou[1:]),
        "a class that only the prediction has is left out: its IoU is 0.": (
            right.iou[true > 0].mean()
        ),
        "that is the share of right pixels.": hit.sum() / right.matrix.sum(),
        "true and predicted pixels are added, and their overlap counted twice.": (
            (hit / np.maximum(true + said, 1))[there].mean()
        ),
        "that is Dice: twice the overlap over the sum. IoU divides by the union.": (
            (2 * hit / np.maximum(true + said, 1))[there].mean()
        ),
        "that is the mean of the pictures' own mIoU: add their matrices first.": np.mean(pictures),
        "two things at once: void counts as background, and it is the mean of the pictures' own "
        "mIoU: add their matrices first, without the void pixels.": np.mean(filled),
        "that is recall: a false pixel has to cost as well.": np.nanmean(right.recall),
        "that is precision: a missed pixel has to cost as well.": np.nanmean(right.precision),
        "a fraction is asked for, not per cent.": 100 * right.miou,
    }
    got = call(answer, truth, pred, CLASSES)
    shape(got, (), "one number")
    require(np.isfinite(array(got)), "0 / 0: a class that never occurs has no IoU, leave it out.")
    match(got, right.miou, mistakes, tolerance=1e-6)
    perfect = np.where(truth == VOID, 0, truth).astype(np.uint8)
    require(close(call(answer, truth, perfect, CLASSES), 1.0),
            "right on this pair, but the truth itself does not get 1.")  # fmt: skip
    return f"{right.miou:.3f} of these masks, as wsss_lite.score has it"


@exercise("00.2")
def budget(answer):
    tag, mask = ANNOTATION_SECONDS["tags"], ANNOTATION_SECONDS["full"]
    hours = 40 * 3600
    mistakes = {
        "20 too many: the tune pictures need tags as well, and are no training pictures.": (
            _about((hours - 20 * mask) / tag)
        ),
        "the 20 masks are not paid for.": _about(hours / tag),
        "the 20 masks cost the price of tags here.": _about((hours - 40 * tag) / tag),
        "that many masks could be drawn: the rest goes into tags.": (500, 620),
        "these are seconds, not pictures: divide by what a picture costs.": (100_000, 150_000),
    }
    found = number(answer, (hours - 20 * (tag + mask)) / tag, 5, mistakes)
    return f"{found:.0f} pictures with tags, where {hours / mask:.0f} could have masks"


@exercise("00.3")
def added(answer):
    mistakes = {
        "that is the mean of the two pictures: the small cat weighs as much as the large one. Add "
        "hits and unions first.": (0.57, 0.58),
        "that is recall: the 30 false pixels belong to the union.": (0.905, 0.915),
        "that is precision: the 9 missed pixels belong to the union.": (0.747, 0.757),
        "that is Dice, twice the hits over the sum of both masks.": (0.82, 0.83),
        "the hits are counted twice in the union.": (0.405, 0.42),
        "that is the share of right pixels: who calls a cat's cat and background the same?": (
            0.975, 0.985,
        ),
        "a fraction is asked for, not per cent.": (69, 71),
    }  # fmt: skip
    number(answer, 91 / 130, 0.006, mistakes)
    return "91 of 130; the mean of the two pictures would be 0.575"


@exercise("00.4")
def flattered(answer):
    truth = board()
    scores = []
    for one, name in zip(several(answer, ("first", "second")), ("first", "second")):
        shape(one, truth.shape, "(8, 8), like the truth")
        require(np.isin(array(one), (0, 1, 2)).all(), f"{name}: only 0, 1 and 2 are classes here.")
        scores.append(score([(truth, array(one).astype(np.uint8))], 3))
    (more, low), (fewer, high) = ((np.trace(s.matrix), s.miou) for s in scores)
    text = f"{more} and {fewer} pixels right, mIoU {low:.2f} and {high:.2f}"
    require(more != fewer, f"{text}: the first must have more pixels right, not as many.")
    require(more > fewer or low < high, f"{text}: the two are in the wrong order.")
    require(more > fewer, f"{text}: the first must have more pixels right. Which class can lose "
            "all it has with few pixels?")  # fmt: skip
    require(low < high, f"{text}: the first is better by both. Spend its few mistakes on a class "
            "that has few pixels.")  # fmt: skip
    require(low < high - 0.1, f"{text}: make the gap larger than 0.1. A class that is missed "
            "altogether costs a third.")  # fmt: skip
    return text


def board():
    """(8, 8) uint8: much background, a little of class 1, some of class 2."""
    truth = np.zeros((8, 8), np.uint8)
    truth[1:3, 1:3] = 1
    truth[4:8, 3:8] = 2
    return truth


def _masks():
    """(3, 9, 11) truth and prediction: few of 21 classes, void, and one that is not there."""
    rng = np.random.default_rng(0)
    values = np.array([0, 0, 0, 3, 12, 20], np.uint8)
    truth = values[rng.integers(6, size=(3, 9, 11))]
    pred = np.where(rng.random(truth.shape) < 0.3, values[rng.integers(6, size=truth.shape)], truth)
    truth[2][truth[2] == 12] = 0  # so that the pictures differ in what they hold
    pred[0, 0, :4] = 5
    truth[rng.random(truth.shape) < 0.08] = VOID
    return truth, pred


def _about(value):
    return value - 2, value + 2
