"""Checks of the exercises of chapter 13: points."""

from functools import cache

import numpy as np
from scipy import ndimage

from wsss_lite.data.annotation import points_map
from wsss_lite.data.pocket import PocketVOC
from wsss_lite.data.weak import WeakView
from wsss_lite.exercises.checking import Hint, array, call, exercise, match, require, shape
from wsss_lite.methods.point.point_nearest import point_nearest
from wsss_lite.nets.clicked import far, ground_shift
from wsss_lite.refine.nearest import nearest_labels
from wsss_lite.score import score

CLICKS = [(8, 11, 3), (21, 33, 1), (12, 20, 0), (26, 6, 0), (5, 27, 2)]
SIZE, REACH = (30, 44), 0.25  # 7.5 pixels, which no two pixels are apart
SCENES = 20


@exercise("13.1")
def nearest(answer):
    right = labels_of(CLICKS, SIZE, REACH)
    got = call(answer, CLICKS, SIZE, REACH)
    shape(got, SIZE, "(H, W)")
    got = np.where(_tied(), right, array(got))  # either class is right there
    match(got, right, {hint: np.where(_tied(), right, v) for hint, v in _mistakes().items()})
    ground = [c for c in CLICKS if c[2] == 0]
    got = call(answer, ground, SIZE, REACH)
    match(got, np.zeros(SIZE), names="(H, W)")
    match(call(answer, [(2, 30, 5)], SIZE, 9.0), np.full(SIZE, 5), names="(H, W)")
    return "the same labels as point-nearest"


def labels_of(clicks, size, reach):
    """(H, W) uint8: the nearest click's class, background beyond the reach of objects' clicks."""
    seeds = points_map(clicks, size)
    return np.where(far(seeds, reach), 0, nearest_labels(seeds))


def _away(clicks, metric=np.hypot):
    """(K, H, W): the distance of each pixel from each click."""
    y, x = np.indices(SIZE)
    return np.stack([metric(y - click[0], x - click[1]) for click in clicks])


def _tied():
    """(H, W) bool: the two nearest clicks are equally far."""
    away = np.sort(_away(CLICKS), 0)
    return away[1] - away[0] < 1e-9


def _mistakes():
    cls, away = np.array([c[2] for c in CLICKS]), _away(CLICKS)
    plain, objects = cls[away.argmin(0)], away[cls > 0]

    def within(labels, distance, reach):
        return np.where(distance > reach, 0, labels)

    swapped = _away([(x, y, c) for y, x, c in CLICKS])
    blocks = _away(CLICKS, lambda y, x: np.abs(y) + np.abs(x))
    return {
        "x and y are swapped: a click is (y, x, class).": within(
            cls[swapped.argmin(0)], swapped[cls > 0].min(0), 7.5
        ),
        "the reach is missing: far from every object's click there is background.": plain,
        "the comparison is turned round: what is *near* an object's click keeps its class.": (
            within(plain, -objects.min(0), -7.5)
        ),
        "the reach is a share: times the picture's shorter side it is pixels.": within(
            plain, objects.min(0), REACH
        ),
        "the reach is a share of the shorter side, not of the longer.": within(
            plain, objects.min(0), REACH * max(SIZE)
        ),
        "the labels hold the number of the click, not its class.": within(
            away.argmin(0), objects.min(0), 7.5
        ),
        "that is the way round the blocks, |dy| + |dx|: take the straight distance.": within(
            cls[blocks.argmin(0)], blocks[cls > 0].min(0), 7.5
        ),
        "within an object's reach a nearer click on the background still wins.": within(
            cls[cls > 0][objects.argmin(0)], objects.min(0), 7.5
        ),
    }


@exercise("13.2")
def corrected(answer):
    p = np.linspace(0.05, 0.95, 12).reshape(3, 4)
    for ground, objects, pixels in ((1, 2, 0.75), (2, 2, 0.2)):
        clicks = ground / (ground + objects)
        seeds = np.array([0] * ground + [1] * objects)
        right = _sigmoid(_logit(p) + ground_shift([seeds], pixels))
        factor = pixels / (1 - pixels) / (clicks / (1 - clicks))
        mistakes = {
            "the factor is upside down: the background is too rare among clicks, so raise it "
            "where it is commoner among pixels.": _sigmoid(_logit(p) - np.log(factor)),
            "the *odds* are multiplied by the factor, not the probability.": p * factor,
            "those are odds: turn them back into a probability, o / (1 + o).": _odds(p) * factor,
            "the factor is the ratio of two odds, s / (1 - s), and not of two shares.": _sigmoid(
                _logit(p) + np.log(pixels / clicks)
            ),
            "a probability times the ratio of the shares does not stay below 1; the objects "
            "change as well.": p * pixels / clicks,
            "the share among the clicks is missing: that is what was learnt.": _sigmoid(
                _logit(p) + _logit(pixels)
            ),
            "the difference of the shares is added: the odds change, by a factor.": (
                p + pixels - clicks
            ),
        }
        match(call(answer, p, clicks, pixels), right, mistakes, names="(h, w)")
    return "the same shift as spotsup's, and the network was not touched"


def _odds(p):
    return p / (1 - p)


def _logit(p):
    return np.log(_odds(p))


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@exercise("13.3")
def order(answer):
    names = ("none", "one", "reach")
    try:
        given = [str(one).strip().lower() for one in answer]
    except TypeError:
        given = []
    require(sorted(given) == sorted(names), f"an order of {names} is asked for, the worst first.")
    miou = _live()
    right = sorted(names, key=miou.get)
    said = ", ".join(f"{name} {miou[name]:.3f}" for name in right)
    if given == right:
        return f"{SCENES} scenes: {said}"
    if given.index("one") > given.index("none"):
        raise Hint("one click on the background takes the frame's place. What holds an object "
                   "back on the side where that click is not?")  # fmt: skip
    if given.index("reach") < given.index("one"):
        raise Hint("both have the same clicks; the reach takes away what is far from all objects, "
                   "and without it that goes to an object nearly half of the time.")  # fmt: skip
    raise Hint("the frame knows nothing of sizes, and a click on the background stands in the "
               "ground for certain: with a reach it is the better help.")  # fmt: skip


@cache
def _live():
    """{way: mIoU} of nearest-click labels on the first scenes."""
    world = PocketVOC()
    ids, found = world.ids("train")[:SCENES], {}
    for name, background, radius in (("none", 0, None), ("one", 1, None), ("reach", 1, REACH)):
        labels = point_nearest(WeakView(world, ids, "points", background=background), radius=radius)
        pairs = ((world.mask(i), labels[i]) for i in ids)
        found[name] = score(pairs, 1 + len(world.classes)).miou
    return found


@exercise("13.4")
def true_but_useless(answer):
    try:
        mask, clicks = answer
        clicks = [(int(y), int(x), int(c)) for y, x, c in clicks]
        mask = array(mask).astype(int)
    except (TypeError, ValueError):
        raise Hint("a mask and a list of (y, x, class) are asked for.") from None
    shape(mask, (40, 40), "(H, W)")
    require(set(np.unique(mask)) == {0, 1}, "the mask should hold 0 and 1, and both of them.")
    count, pieces = (mask == 1).sum(), ndimage.label(mask, np.ones((3, 3)))[1]
    require(count >= 100, f"the object has {count} pixels; it should have 100 at least.")
    require(pieces == 1, f"the object has {pieces} pieces; it should be one.")
    require({c for _, _, c in clicks} == {0, 1} and len(clicks) == 2,
            "two clicks are asked for, one on the object and one beside it.")  # fmt: skip
    for y, x, c in clicks:
        require(0 <= y < 40 and 0 <= x < 40, f"the click ({y}, {x}) lies outside of the picture.")
        require(mask[y, x] == c, f"the click at y = {y}, x = {x} says {c}, and there is "
                f"{mask[y, x]}: every click has to be true. Are y and x in order?")  # fmt: skip
    labels = labels_of(clicks, mask.shape, REACH)
    iou = score([(mask, labels)], 2).iou[1]
    require(iou < 0.25, f"the object's IoU is {iou:.2f}: it fits its disc too well. Make it "
            "longer or thinner than a disc of 10 pixels.")  # fmt: skip
    return f"two true clicks, and an IoU of {iou:.2f}"
