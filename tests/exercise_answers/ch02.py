"""Answers to the exercises of chapter 02, right and wrong."""

import numpy as np

from wsss_lite.score import Scores


def loops(maps, low, high):
    out = np.zeros(maps.shape[1:], int)
    for y, x in np.ndindex(out.shape):
        values = list(maps[:, y, x])
        if max(values) > high:
            out[y, x] = 1 + values.index(max(values))
        elif max(values) > low:
            out[y, x] = 255
    return out


def banded(first=1, sure=np.greater, some=np.greater, undecided=255, ground=0, of=np.max):
    """Seeds with one step changed."""

    def seeds(maps, low, high):
        height = of(maps, axis=0)
        rest = np.where(some(height, low), undecided, ground)
        return np.where(sure(height, high), maps.argmax(0) + first, rest)

    return seeds


def by_scores(tune_by=None, report=None, level=None):
    """`honest` with one step changed; each part is a function of (tune line, test line)."""

    def honest(tune, test, thresholds):
        lines = [np.array([Scores(m).miou for m in part.sum(0)]) for part in (tune, test)]
        best = (tune_by or (lambda a, b: a.argmax()))(*lines)
        shown = (report or (lambda a, b, j: b[j]))(*lines, best)
        return (level or (lambda t, j: t[j]))(thresholds, best), shown

    return honest


def means_of_pictures(tune, test, thresholds):
    best = np.mean([[Scores(m).miou for m in one] for one in tune], 0).argmax()
    return thresholds[best], Scores(test.sum(0)[best]).miou


def mean_at_the_end(tune, test, thresholds):
    best = np.argmax([Scores(m).miou for m in tune.sum(0)])
    return thresholds[best], np.mean([Scores(m[best]).miou for m in test])


def by_accuracy(tune, test, thresholds):
    right = np.einsum("ntcc->t", test) / test.sum((0, 2, 3))
    best = np.argmax(np.einsum("ntcc->t", tune))
    return thresholds[best], right[best]


def softmax(x, axis=0):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def field(unary=lambda p: -np.log(p), sign=-1, pull_sign=1, axis=0, rounds=0, keep=True, warm=1):
    """The mean field as chapter 02 writes it, with one step changed."""

    def mean_field(p, pull, steps):
        u = unary(p)
        q = softmax(sign * u, axis)
        for _ in range(steps + rounds):
            q = softmax(sign * u * keep + pull_sign * warm * (q @ pull), axis)
        return q

    return mean_field


def plain_mean(p, pull, steps):
    for _ in range(steps):
        p = p @ pull
        p = p / p.sum(0)
    return p


def one_at_a_time(p, pull, steps):
    q = p.copy()
    for _ in range(steps):
        for k in range(q.shape[1]):  # hears those who have changed already in this step
            q[:, k] = p[:, k] * np.exp(q @ pull[:, k])
            q[:, k] /= q[:, k].sum()
    return q


def scene(side=8, colour=(128, 128, 128), heat=0.8, at=12, stripes=False):
    """A square object on grey, (image, heat, truth)."""
    truth = np.zeros((32, 32), bool)
    truth[at : at + side, at : at + side] = True
    image = np.full((32, 32, 3), 128, np.uint8)
    image[truth] = colour
    if stripes:
        image[at : at + side : 2][truth[at : at + side : 2]] = 128
    return image, np.where(truth, heat, 0.1), truth


def two_colours():
    """An object whose larger part has the colour of the ground."""
    image, heat, truth = scene(10)
    image[12:15, 12:22] = (230, 40, 40)
    return image, heat, truth


noisy = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
ANSWERS = {
    "02.1": {
        "right": {"with loops": loops, "in one line": banded()},
        "wrong": {
            "from zero": banded(first=0),
            "from two": banded(first=2),
            "at low is undecided": banded(some=np.greater_equal),
            "at high is sure": banded(sure=np.greater_equal),
            "undecided is 0": banded(undecided=0),
            "background is 255": banded(ground=255),
            "exchanged": banded(undecided=0, ground=255),
            "minus one": banded(undecided=-1),
            "height is the sum": banded(of=np.sum),
            "height is the mean": banded(of=np.mean),
            "height is the smallest": banded(of=np.min),
            "low and high exchanged": lambda maps, low, high: banded()(maps, high, low),
            "one threshold": lambda maps, low, high: banded()(maps, low, low),
            "W and H swapped": lambda maps, low, high: loops(maps, low, high).T,
            "argmax over x": lambda m, low, high: np.where(m.max(2) > high, m.argmax(2) + 1, 0),
        },
    },
    "02.2": {
        "right": {
            "by Scores": by_scores(),
            "as a list": lambda a, b, t: list(by_scores()(a, b, list(t))),
        },
        "wrong": {
            "on test": by_scores(tune_by=lambda a, b: b.argmax()),
            "on both": by_scores(tune_by=lambda a, b: (a + 4 * b).argmax()),
            "the best of test reported": by_scores(report=lambda a, b, j: b.max()),
            "tune reported": by_scores(report=lambda a, b, j: a[j]),
            "the mean of both reported": by_scores(report=lambda a, b, j: (a[j] + b[j]) / 2),
            "its index": by_scores(level=lambda t, j: j),
            "the next threshold": by_scores(level=lambda t, j: t[j + 1]),
            "the worst": by_scores(tune_by=lambda a, b: a.argmin()),
            "mean of pictures": means_of_pictures,
            "mean of pictures on test": mean_at_the_end,
            "right pixels": by_accuracy,
            "per cent": by_scores(report=lambda a, b, j: 100 * b[j]),
            "score first": lambda a, b, t: by_scores()(a, b, t)[::-1],
            "only the threshold": lambda a, b, t: by_scores()(a, b, t)[0],
        },
    },
    "02.3": {
        "right": {
            "with softmax": field(),
            "with the transpose": lambda p, pull, steps: field()(p, pull.T, steps),
        },
        "wrong": {
            "plus the unary": field(sign=1),
            "pushed away": field(pull_sign=-1),
            "softmax over pixels": field(axis=1),
            "softmax over all": field(axis=(0, 1)),
            "no logarithm": field(unary=lambda p: -p),
            "logarithm to base 2": field(unary=lambda p: -np.log2(p)),
            "the unary once": field(keep=False),
            "a step too many": field(rounds=1),
            "a step too few": field(rounds=-1),
            "pull twice": field(warm=2),
            "a mean of neighbours": plain_mean,
            "one pixel at a time": one_at_a_time,
            "the labels": lambda p, pull, steps: field()(p, pull, steps).argmax(0),
            "transposed": lambda p, pull, steps: field()(p, pull, steps).T,
        },
    },
    "02.4": {
        "right": {"exact": (60 / 100, 100 / 120), "rounded": [0.6, 0.83]},
        "wrong": {
            "exchanged": (5 / 6, 0.6),
            "hits gained without the union": (60 / 100, 60 / 80),
            "misses taken out of the union": (60 / 80, 60 / 80),
            "nothing changes": (0.5, 0.5),
            "both perfect": (1.0, 1.0),
            "per cent": (60, 83.3),
            "gains": (0.1, 0.33),
            "Dice": (120 / 160, 200 / 220),
            "one number": 0.6,
        },
    },
    "02.5": {
        "right": {
            "camouflage": scene(),
            "two colours": two_colours(),
            "noise": (noisy, *scene()[1:]),
        },  # fmt: skip
        "wrong": {
            "a clear object": scene(colour=(230, 40, 40)),
            "a bad map": scene(heat=0.3),
            "no object": scene(side=0),
            "a float picture": (scene()[0] / 255, *scene()[1:]),
            "a picture of grey levels": (scene()[0][..., 0], *scene()[1:]),
            "a large sure object": scene(side=28, at=2, colour=(20, 200, 20), heat=0.99),
            "heat in per cent": (scene()[0], 100 * scene()[1], scene()[2]),
            "a map beside the object": (scene()[0], np.roll(scene()[1], 4, 1), scene()[2]),
            "truth and heat exchanged": (scene()[0], scene()[2], scene()[1]),
            "no truth": scene()[:2],
        },
    },
}
