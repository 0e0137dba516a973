"""Answers to the exercises of chapter 13, right and wrong."""

import numpy as np

from wsss_lite.data.annotation import points_map
from wsss_lite.nets.clicked import far
from wsss_lite.refine.nearest import nearest_labels


def by_package(clicks, size, reach):
    seeds = points_map(clicks, size)
    labels = nearest_labels(seeds)
    labels[far(seeds, reach)] = 0
    return labels


def pixel_by_pixel(clicks, size, reach):
    """The same labels with two loops."""
    labels = np.zeros(size, int)
    for row in range(size[0]):
        for column in range(size[1]):
            away = [((row - y) ** 2 + (column - x) ** 2) ** 0.5 for y, x, _ in clicks]
            near = [
                d for d, (_, _, c) in zip(away, clicks, strict=True) if c and d <= reach * min(size)
            ]
            labels[row, column] = clicks[int(np.argmin(away))][2] if near else 0
    return labels


def changed(turn=False, reaching=min, of="objects", power=2.0, last=False, size=None, strict=True):
    """The nearest click with one step changed."""

    def nearest(clicks, given, reach):
        rows, columns = np.indices(size or given)
        if turn:
            rows, columns = columns, rows
        y, x, cls = np.array(clicks).T[:, :, None, None]
        away = (np.abs(rows - y) ** power + np.abs(columns - x) ** power) ** (1 / power)
        cls = cls[:, 0, 0]
        labels = cls[away.argmax(0) if last else away.argmin(0)]
        if reaching is None or not (cls > 0).any():
            return labels
        near = away[cls > 0] if of == "objects" else away
        limit = reach * reaching(given) if callable(reaching) else reaching
        beyond = near.min(0) > limit if strict else near.min(0) < limit
        return np.where(beyond, 0, labels)

    return nearest


def objects_only(clicks, size, reach):
    """Forgets the clicks on the background."""
    own = [c for c in clicks if c[2]]
    return by_package(own, size, reach) if own else np.zeros(size)


def numbered(clicks, size, reach):
    return by_package([(y, x, k) for k, (y, x, _) in enumerate(clicks)], size, reach)


def turned(clicks, size, reach):
    return by_package(clicks, size, reach).T


def void_beyond(clicks, size, reach):
    seeds = points_map(clicks, size)
    return np.where(far(seeds, reach), 255, nearest_labels(seeds))


def odds(p):
    return p / (1 - p)


def in_logarithms(p, clicks, pixels):
    x = np.log(odds(p)) + np.log(odds(pixels)) - np.log(odds(clicks))
    return 1 / (1 + np.exp(-x))


def by_bayes(p, clicks, pixels):
    ground, objects = p * pixels / clicks, (1 - p) * (1 - pixels) / (1 - clicks)
    return ground / (ground + objects)


def bar(thick=3, at=(5, 3, 1), beside=(30, 30, 0), **kind):
    """A bar across the picture and two clicks."""
    mask = np.zeros((40, kind.get("width", 40)), np.uint8)
    mask[4 : 4 + thick] = kind.get("cls", 1)
    if kind.get("gap"):
        mask[:, 18:21] = 0
    return mask, [at, beside]


def whole():
    """An object that fills nearly all of its picture."""
    mask = np.zeros((40, 40), np.uint8)
    mask[1:-1, 1:-1] = 1
    return mask, [(20, 20, 1), (0, 0, 0)]


def disc():
    y, x = np.indices((40, 40))
    return (np.hypot(y - 20, x - 20) < 10).astype(np.uint8), [(20, 20, 1), (2, 2, 0)]


ANSWERS = {
    "13.1": {
        "right": {
            "the package's": by_package,
            "pixel by pixel": pixel_by_pixel,
            "reach of any click, which is the same": changed(of="all"),
        },
        "wrong": {
            "no reach": changed(reaching=None),
            "share of the longer side": changed(reaching=max),
            "share of the height and width": changed(reaching=lambda s: np.hypot(*s)),
            "reach in pixels": changed(reaching=0.25),
            "city blocks": changed(power=1.0),
            "the farthest click": changed(last=True),
            "near is background": changed(strict=False),
            "x and y swapped": changed(turn=True),
            "W and H swapped": turned,
            "fixed size": changed(size=(128, 128)),
            "background forgotten": objects_only,
            "numbers of clicks": numbered,
            "undecided beyond": void_beyond,
            "nothing returned": lambda clicks, size, reach: None,
        },
    },
    "13.2": {
        "right": {"with logarithms": in_logarithms, "by Bayes": by_bayes},
        "wrong": {
            "upside down": lambda p, c, s: in_logarithms(p, s, c),
            "probability times factor": lambda p, c, s: p * odds(s) / odds(c),
            "cut off at 1": lambda p, c, s: np.minimum(1, p * odds(s) / odds(c)),
            "odds returned": lambda p, c, s: odds(p) * odds(s) / odds(c),
            "ratio of shares": lambda p, c, s: odds(p) * s / c / (1 + odds(p) * s / c),
            "p times s / c": lambda p, c, s: p * s / c,
            "clicks forgotten": lambda p, c, s: in_logarithms(p, 0.5, s),
            "pixels forgotten": lambda p, c, s: in_logarithms(p, c, 0.5),
            "of the chapter": lambda p, c, s: in_logarithms(p, 1 / 3, 0.75),
            "logarithm only": lambda p, c, s: np.log(odds(p) * odds(s) / odds(c)),
            "mean of p moved to s": lambda p, c, s: p - p.mean() + s,
            "added": lambda p, c, s: p + s - c,
            "one number": lambda p, c, s: in_logarithms(p, c, s).mean(),
        },
    },
    "13.3": {
        "right": {"a tuple": ("one", "none", "reach"), "a list": ["one", "none", "Reach"]},
        "wrong": {
            "none is worst": ("none", "one", "reach"),
            "turned round": ("reach", "none", "one"),
            "reach is worst": ("reach", "one", "none"),
            "reach in the middle": ("one", "reach", "none"),
            "none is worst, one best": ("none", "reach", "one"),
            "two of three": ("one", "reach"),
            "a word": "reach",
            "a number": 3,
        },
    },
    "13.4": {
        "right": {"a bar": bar(), "nearly everything": whole()},
        "wrong": {
            "a disc": disc(),
            "x and y swapped": bar(at=(3, 5, 1)),
            "two pieces": bar(gap=True),
            "too few pixels": bar(thick=2),
            "a thick bar's middle": bar(thick=24, at=(16, 20, 1), beside=(36, 36, 0)),
            "click on the ground called object": bar(at=(30, 3, 1)),
            "no click on the ground": bar(beside=(5, 30, 1)),
            "class 2": bar(cls=2, at=(5, 3, 2)),
            "another size": bar(width=50),
            "outside": bar(beside=(40, 40, 0)),
            "no clicks": bar()[0],
        },
    },
}
