"""Checks of the exercises of chapter 18: your own pictures."""

import numpy as np
from scipy.ndimage import distance_transform_cdt, distance_transform_edt

from wsss_lite.boundary import dice, directed, hausdorff, outline
from wsss_lite.exercises.checking import Hint, array, call, exercise, match, number, require, shape
from wsss_lite.score import Scores, confusion

SIDE = 64
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
DRAWN = [1, 4, 6]  # of nine pictures
OVER = 1.6  # times its share that the largest fold may hold


def disc(y, x, radius):
    """(64, 64) bool."""
    rows, columns = np.indices((SIDE, SIDE))
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


@exercise("18.1")
def hd95(answer):
    a, b, nothing = _shapes()
    for one, other in ((a, b), (b, a)):
        match(call(answer, one, other), hausdorff(one, other), _slips(one, other),
              names="one number", tolerance=1e-3)  # fmt: skip
    got = call(answer, nothing, nothing)
    require(np.isnan(array(got)).all(), "where neither mask has a pixel there is nothing to "
            "measure: nan.")  # fmt: skip
    for pair in ((a, nothing), (nothing, a)):
        diagonal = hausdorff(*pair)
        got = call(answer, *pair)
        require(np.isclose(array(got), diagonal).all(), "where one mask is empty the distance is "
                f"the picture's diagonal, {diagonal:.1f} pixels here.")  # fmt: skip
    return "the same as wsss_lite.boundary.hausdorff"


def _shapes():
    """Two masks of 24 x 30 pixels, unlike in either direction, and an empty one."""
    a, b = np.zeros((2, 24, 30), bool)
    a[3:15, 4:13] = True
    b[5:20, 6:16] = b[20:22, 24:28] = True
    return a, b, np.zeros_like(a)


def _slips(a, b):
    ways = directed(a, b), directed(b, a)
    blocks = [
        distance_transform_cdt(~outline(q), "taxicab")[outline(p)] for p, q in ((a, b), (b, a))
    ]
    whole = [distance_transform_edt(~q)[p] for p, q in ((a, b), (b, a))]
    unturned = [distance_transform_edt(outline(q))[outline(p)] for p, q in ((a, b), (b, a))]
    ninety = [np.percentile(way, 95) for way in ways]
    return {
        "the largest distance is not asked for: a twentieth may lie farther away.": (
            max(way.max() for way in ways)
        ),
        "that is one way; go from the second outline to the first as well.": ninety[0],
        "that is one way; go from the first outline to the second as well.": ninety[1],
        "take the larger of both ways, not their mean.": np.mean(ninety),
        "take the larger of both ways, not the smaller.": min(ninety),
        "the percentile is taken of each way alone, then the larger.": (
            np.percentile(np.concatenate(ways), 95)
        ),
        "distances are between *outlines*, not between all pixels of the masks.": (
            max(np.percentile(way, 95) for way in whole)
        ),
        "that is the mean distance; the 95th percentile is asked for.": (
            max(way.mean() for way in ways)
        ),
        "that is the way round the blocks; take the straight distance.": (
            max(np.percentile(way, 95) for way in blocks)
        ),
        "the transform gives the distance to the nearest *False*: turn the outline round.": (
            max(np.percentile(way, 95) for way in unturned)
        ),
    }


@exercise("18.2")
def tuned(answer):
    at = _tables()
    every, rest = list(range(9)), [row for row in range(9) if row not in DRAWN]

    def pair(chosen_on, scored_on, by=_miou):
        t = max(at, key=lambda t: by(at[t][chosen_on]))
        return [t, _miou(at[t][scored_on])]

    right = pair(DRAWN, rest)
    mistakes = {
        "the threshold was chosen on the pictures that are scored: it knows the answers.": (
            pair(rest, rest)
        ),
        "the threshold was chosen on all pictures, those to be scored among them.": (
            pair(every, rest)
        ),
        "choice and score look at all pictures: that is no score of a choice.": pair(every, every),
        "the pictures that the threshold was chosen on flatter it: score the others.": (
            pair(DRAWN, DRAWN)
        ),
        "the pictures that the threshold was chosen on are still among those scored.": (
            pair(DRAWN, every)
        ),
        "add the matrices up first; the mean of nine small mIoU is another number.": (
            [t := max(at, key=lambda t: _mean(at[t][DRAWN])), _mean(at[t][rest])]
        ),
        "the score is a mean over pictures: add the matrices up first.": (
            [right[0], _mean(at[right[0]][rest])]
        ),
        "the threshold was chosen by the mean over pictures: add the matrices up first.": (
            pair(DRAWN, rest, _mean)
        ),
        "the largest mIoU is best: that is the threshold with the smallest.": (
            pair(DRAWN, rest, lambda m: -_miou(m))
        ),
        "the habit of 0.3 is no choice: look at the masks that were drawn.": [
            0.3,
            _miou(at[0.3][rest]),
        ],
    }
    got = call(answer, at, DRAWN)
    require(np.shape(got) == (2,), "two numbers are asked for, the threshold and the mIoU.")
    match(got, right, mistakes, names="threshold and mIoU")
    return f"threshold {right[0]}, chosen on three pictures and scored on six"


def _miou(matrices):
    return Scores(matrices.sum(0)).miou


def _mean(matrices):
    return float(np.mean([Scores(matrix).miou for matrix in matrices]))


def _tables():
    """{threshold: (9, 3, 3)} counts for which each way to choose gives another threshold."""
    rng, found = np.random.default_rng(266), {}
    size = rng.integers(40, 1500, (9, 1, 1))
    for t in THRESHOLDS:
        classes = rng.dirichlet([3, 1, 1], size=9)[:, :, None]
        wrong, good = rng.dirichlet([1, 1, 1], size=(9, 3)), rng.uniform(0.2, 0.9, (9, 1, 1))
        found[t] = np.round(size * classes * (good * np.eye(3) + (1 - good) * wrong)).astype(int)
    return found


@exercise("18.3")
def folds(answer):
    sizes = {"film 1": 4, "film 2": 3, "film 3": 4, "film 4": 2, "film 5": 3, "film 6": 4,
             "film 7": 2, "film 8": 3, "film 9": 3}  # fmt: skip
    rows = [name for name, size in sizes.items() for _ in range(size)]
    mixed = [rows[k] for k in np.random.default_rng(1).permutation(len(rows))]
    for groups, count in ((rows, 4), (mixed, 4), (mixed, 3)):
        got = array(call(answer, groups, count))
        shape(got, (len(groups),), "a fold for each picture")
        require(np.isin(got, np.arange(count)).all(), f"folds are the numbers 0 to {count - 1}.")
        got = got.astype(int)
        for name in sizes:
            own = {int(k) for k, group in zip(got, groups, strict=True) if group == name}
            said = f"{name} lies in the folds {sorted(own)}: what is learnt from one of its "
            require(
                len(own) == 1, f"{said}pictures is asked about the next. Deal out whole groups."
            )
        filled = np.bincount(got, minlength=count)
        require(filled.all(), f"fold {int(filled.argmin())} is empty.")
        said = f"fold {int(filled.argmax())} holds {filled.max()} of {len(groups)} pictures"
        require(filled.max() <= OVER * len(groups) / count, f"{said}: deal groups out evenly.")
    return "no film is learnt from and asked about"


@exercise("18.4")
def far(answer):
    try:
        rim, stray, farthest = answer
    except (TypeError, ValueError):
        raise Hint("three numbers are asked for: rim, stray, farthest.") from None
    true = disc(26, 26, 16)
    speck = true.copy()
    speck[60, 60] = True
    number(rim, hausdorff(true, disc(26, 26, 18)), 0.6, {
        "rim: HD95 is a length, not a share.": (0.05, 0.99),
        "rim: the distance goes from outline to outline, not from middle to rim.": (15, 19),
        "rim: it lies 2 pixels farther out all round; the sides are not added up.": (3.5, 5),
    })  # fmt: skip
    number(stray, hausdorff(true, speck), 0.5, {
        "stray: one pixel of about ninety on the outline is within the twentieth that HD95 leaves "
        "out.": (20, 60),
        "stray: there is nothing to average in a percentile.": (0.5, 5),
    })  # fmt: skip
    number(farthest, hausdorff(true, speck, percent=100), 2, {
        "farthest: measure to the *outline* of the disc, 16 pixels nearer than its middle.":
            (46, 50),
        "farthest: without leaving anything out the speck is what counts.": (-0.5, 3),
        "farthest: it lies 34 rows and 34 columns away from the middle; the straight way is "
        "longer than 34.": (15, 20),
    })  # fmt: skip
    return "a speck is the farthest there is, and HD95 does not see it"


@exercise("18.5")
def overlapping(answer):
    try:
        pred = array(answer)
        shape(pred, (SIDE, SIDE), "(H, W)")
        require(np.isin(pred, (0, 1)).all(), "a mask of 0 and 1, or of bool, is asked for.")
    except TypeError:
        raise Hint("a mask is asked for.") from None
    true, pred = disc(26, 26, 16), pred.astype(bool)
    require(pred.any(), "an empty mask overlaps with nothing.")
    overlap = dice(confusion(true.astype(np.uint8), pred.astype(np.uint8), 2))[1]
    distance = hausdorff(true, pred)
    require(overlap >= 0.95, f"Dice is {overlap:.2f}; it should be 0.95 at least: what is added "
            "has to be small, and the disc has to stay.")  # fmt: skip
    require(distance >= 20, f"Dice is {overlap:.2f}, and HD95 {distance:.1f} pixels; it should be "
            "20 at least. More than a twentieth of the prediction's outline has to lie far "
            "away.")  # fmt: skip
    return f"Dice {overlap:.2f}, HD95 {distance:.0f} pixels"
