"""Checks of the exercises of chapter 06: from affinity to a walk, and where it ends."""

import numpy as np

from wsss_lite.exercises.checking import (
    array,
    call,
    close,
    exercise,
    match,
    number,
    require,
    shape,
    words,
)  # fmt: skip
from wsss_lite.exercises.recorded import mean, verdict
from wsss_lite.refine.walk import grid_pairs
from wsss_lite.refine.walk import transition as sparse_transition


@exercise("06.1")
def transition(answer):
    pairs, affinity = _grid()
    right = sparse_transition(affinity, pairs, 12).toarray()
    once = np.zeros((12, 12))
    once[pairs[:, 0], pairs[:, 1]] = affinity
    W = once + once.T + np.eye(12)
    half = once + np.eye(12)
    root = np.sqrt(W.sum(1))
    with np.errstate(all="ignore"):
        mistakes = {
            "the columns sum to 1: for a *mean* of those who vouch, each row must.": W / W.sum(0),
            "each pair counts in one direction only: fill in [j, i] as well as [i, j].": (
                half / half.sum(1, keepdims=True)
            ),
            "the rows do not sum to 1: divide each by its sum.": W,
            "all is divided by one number: divide each row by its own sum.": W / W.sum(),
            "nobody vouches for itself: the diagonal is 1 before the division.": (
                (once + once.T) / (once + once.T).sum(1, keepdims=True)
            ),
            "the diagonal was added after the division, so the rows sum to 2.": (
                (once + once.T) / (once + once.T).sum(1, keepdims=True) + np.eye(12)
            ),
            "that is symmetric, divided by the roots of both sums: heat would fade on its "
            "way, and a "
            "row is no mean.": W / np.outer(root, root),
            "the diagonal is 2: each position vouches for itself once.": (
                (W + np.eye(12)) / (W + np.eye(12)).sum(1, keepdims=True)
            ),
            "that is a softmax: strangers get a share as well.": (
                np.exp(W) / np.exp(W).sum(1, keepdims=True)
            ),
        }
    got = call(answer, affinity, pairs, 12)
    match(got, right, mistakes, tolerance=1e-5, names="(n, n)")
    lonely = call(answer, affinity[:1], pairs[:1], 12)
    require(np.isfinite(array(lonely)).all() and close(array(lonely).sum(1), np.ones(12)),
            "right, but a position without any neighbour should keep its own value.")  # fmt: skip
    return "each row is a mean"


@exercise("06.2")
def walk(answer):
    pairs, affinity = _grid()
    T = sparse_transition(affinity, pairs, 12).toarray()
    maps = np.random.default_rng(1).random((2, 3, 4))
    flat = maps.reshape(2, -1)

    def walked(matrix):
        return (matrix @ flat.T).T.reshape(maps.shape)

    power = np.linalg.matrix_power
    swapped = (power(T, 3) @ maps.transpose(0, 2, 1).reshape(2, -1).T).T
    mistakes = {
        "T is applied from the wrong side: a row of T says where a value comes from, so it "
        "is T @ x, "
        "not x @ T.": walked(power(T, 3).T),
        "each entry of T is raised to a power: a walk multiplies the matrix.": walked(T**3),
        "that is one step too few.": walked(power(T, 2)),
        "that is one step too many.": walked(power(T, 4)),
        "that is one step: repeat it.": walked(T),
        "that is 2 to the power of `steps`: T was squared each time.": walked(power(T, 8)),
        "height and width are swapped before the walk: positions are numbered row by row.": (
            swapped.reshape(2, 4, 3).transpose(0, 2, 1)
        ),
        "the maps are divided by their maximum: a walk is a mean, the range stays.": (
            walked(power(T, 3)) / walked(power(T, 3)).max((1, 2), keepdims=True)
        ),
        "the positions and the maps got mixed: after T @ x turn (n, C) round before you reshape.": (
            (power(T, 3) @ flat.T).reshape(maps.shape)
        ),
        "the maps came out as they went in.": maps,
    }
    match(call(answer, maps, T, 3), walked(power(T, 3)), mistakes, 1e-6, "(C, h, w)")
    require(close(call(answer, maps, T, 0), maps, 1e-9),
            "right, but without a step the maps should come back.")  # fmt: skip
    far = call(answer, maps, T, 40)
    require(close(far, walked(power(T, 40)), 1e-6), "right for 3 steps, wrong for 40.")
    return "the range of the maps shrinks, and never grows"


@exercise("06.3")
def end(answer):
    street = np.eye(4) + np.eye(4, k=1) + np.eye(4, k=-1)
    right = (np.linalg.matrix_power(street / street.sum(1, keepdims=True), 10_000))[0, 1]
    mistakes = {
        "that is the plain mean: the houses in the middle are vouched for by three, those at the "
        "ends by two, so they do not count the same.": (0.245, 0.255),
        "that is one step: the mean of the first two houses.": (0.495, 0.505),
        "heat does not fade here: each row of T is a mean, so a warm street stays warm.": (
            -0.01,
            0.01,
        ),
        "that would be the share if the first house were heated.": (0.195, 0.205),
        "that is the number of those who vouch for the second house: divide by all of them.": (
            3,
            10,
        ),
        "that is one step of the second house, or a street where nobody vouches for itself: count "
        "2, 3, 3 and 2.": (0.325, 0.345),
    }
    number(answer, right, 0.002, mistakes)
    return f"{right:.2f} everywhere: 3 of 10 who vouch"


@exercise("06.4")
def psa(answer):
    keys = {"maps": "miou_maps", "pseudo": "miou_pseudo", "test": "miou_test"}
    right = {name: verdict("psa", "cam", key) for name, key in keys.items()}
    gaps = [100 * (mean("psa", key) - mean("cam", key)) for key in keys.values()]
    why = {
        "maps": "A walk carries heat to those who belong together and evens out the rest; the "
        "threshold is chosen after it.",
        "pseudo": "The CRF is an affinity too. What it would have added, the walk has added "
        "already, "
        "and a high threshold before it loses objects.",
        "test": "The segmenter learns from the pseudo masks, not from the maps.",
    }
    words(answer, right, why)
    return "maps {:+.1f}, pseudo masks {:+.1f}, test {:+.1f} points".format(*gaps)


@exercise("06.5")
def leaking(answer):
    shape(answer, (7,), "one affinity between each two neighbours")
    vouch = array(answer).astype(float)
    require(np.isfinite(vouch).all() and (vouch >= 0).all() and (vouch <= 1).all(),
            "affinities lie in 0..1.")  # fmt: skip
    early, late = (_street_iou(vouch, steps) for steps in (16, 256))
    text = f"IoU after 16 steps {early:.2f}, after 256 steps {late:.2f}"
    require(early == 1 or late < 0.7, f"{text}: the object should come out exactly after 16 steps, "
            "and be lost after 256.")  # fmt: skip
    require(early == 1, f"{text}: it should come out exactly after 16 steps. Is the wall "
            f"between the "
            "fifth and the sixth house, and is it low enough in affinity?")  # fmt: skip
    require(late < 0.7, f"{text}: the wall still holds. Let a little more through it, or let the "
            "other side be warmed faster.")  # fmt: skip
    return f"{text}: the steps are a knob, and to choose them somebody looks at masks"


def _grid():
    """The pairs of a 3 x 4 grid at most 1.5 apart, and their affinities."""
    pairs = grid_pairs(3, 4, 1.5)
    return pairs, np.random.default_rng(0).random(len(pairs))


def _street_iou(vouch, steps):
    W = np.eye(8) + np.diag(vouch, 1) + np.diag(vouch, -1)
    warm = np.linalg.matrix_power(W / W.sum(1, keepdims=True), steps)[:, 2]
    found, thing = warm > warm.max() / 2, np.arange(8) < 5
    return (found & thing).sum() / (found | thing).sum()
