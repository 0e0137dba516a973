"""Answers to the exercises of chapter 11, right and wrong."""

import numpy as np
import torch


def area(box):
    return (box.y1 - box.y0) * (box.x1 - box.x0)


def painter(key=area, reverse=True, low=0, high=0, turned=False, number=None):
    """Boxes filled with one step changed. low, high: what is added to the ends."""

    def fill(boxes, size):
        labels = np.zeros(size, np.uint8)
        for k, box in enumerate(sorted(boxes, key=key, reverse=reverse) if key else boxes):
            y, x = (slice(a + low, b + high) for a, b in ((box.y0, box.y1), (box.x0, box.x1)))
            place = (x, y) if turned else (y, x)
            labels[place] = box.cls if number is None else number(k, box)
        return labels

    return fill


def smallest(boxes, size):
    """The same, asked of each pixel: the smallest box that it lies in."""
    labels = np.zeros(size, int)
    for y, x in np.ndindex(size):
        here = [b for b in boxes if b.y0 <= y < b.y1 and b.x0 <= x < b.x1]
        labels[y, x] = min(here, key=area).cls if here else 0
    return labels


def only_free(boxes, size):
    """The first box keeps what it has."""
    labels = np.zeros(size, np.uint8)
    for box in boxes:
        window = labels[box.y0 : box.y1, box.x0 : box.x1]
        window[window == 0] = box.cls
    return labels


def rate(where="box", what="class", void="counts", mean="boxes", join=np.mean):
    """Filling rates with one step changed."""

    def rates(boxes, masks, classes):
        hits, sizes = np.zeros((2, len(boxes)))
        for k, (b, mask) in enumerate(zip(boxes, masks)):
            inside = mask[b.y0 : b.y1, b.x0 : b.x1]
            seen = inside if where == "box" else mask
            hit = seen == b.cls if what == "class" else (seen > 0) if what == "any" else seen == 0
            hits[k] = hit.sum() if void == "counts" else (hit & (seen < 255)).sum()
            sizes[k] = {"counts": inside.size, "left out": (inside < 255).sum(),
                        "picture": mask.size}[void]  # fmt: skip
        cls = np.array([b.cls for b in boxes])
        if mean == "pixels":
            return np.array([hits[cls == k].sum() / sizes[cls == k].sum()
                             for k in range(1, classes + 1)])  # fmt: skip
        return np.array([join((hits / sizes)[cls == k]) for k in range(1, classes + 1)])

    return rates


def counted(boxes, masks, classes):
    """The same, pixel by pixel."""
    total, number = [0.0] * classes, [0] * classes
    for b, mask in zip(boxes, masks):
        hit = sum(mask[y, x] == b.cls for y in range(b.y0, b.y1) for x in range(b.x0, b.x1))
        total[b.cls - 1] += hit / area(b)
        number[b.cls - 1] += 1
    return [t / n for t, n in zip(total, number)]


def lines(best="amax", axes=(0, 1), window="box", join="mean", floor=1e-6, value=torch.log):
    """The tightness loss with one step changed."""

    def loss(p, box):
        y, x = slice(box.y0, box.y1), slice(box.x0, box.x1)
        y, x = (x, y) if window == "turned" else (y, x)
        parts = {0: p[:, x] if window == "through" else p[y, x],
                 1: p[y] if window == "through" else p[y, x]}  # fmt: skip
        found = [getattr(parts[axis], best)(axis) for axis in axes]
        found = [-value(one.clamp(min=floor)) for one in found]
        if join == "each":
            return sum(one.mean() for one in found) / len(found)
        return getattr(torch.cat(found), join)()

    return loss


def by_line(p, box):
    """The same, line by line, without a list of tensors."""
    inside = p[box.y0 : box.y1, box.x0 : box.x1].numpy()
    total = sum(np.log(max(line.max(), 1e-6)) for line in [*inside, *inside.T])
    return -total / sum(inside.shape)


def boxed(inner):
    mask = np.zeros((10, 12), int)
    mask[1:9, 2:10] = inner
    return mask


HALF = np.tri(8, dtype=int)
BAND = np.triu(np.ones((8, 8), int)) * (np.add.outer(-np.arange(8), np.arange(8)) < 6)
CHESS = np.add.outer(np.arange(8), np.arange(8)) % 2
OVER = boxed(HALF.T)
OVER[0, 2:10] = 1

ANSWERS = {
    "11.1": {
        "right": {"painted": painter(), "pixel by pixel": smallest},
        "wrong": {
            "as they come": painter(key=None),
            "small ones first": painter(reverse=False),
            "by height": painter(key=lambda b: b.y1 - b.y0),
            "by width": painter(key=lambda b: b.x1 - b.x0),
            "by class": painter(key=lambda b: b.cls),
            "rows and columns exchanged": painter(turned=True),
            "ends taken along": painter(high=1),
            "ends left out": painter(high=-1),
            "beginnings left out": painter(low=1),
            "first come": only_free,
            "classes from 0": painter(number=lambda k, b: b.cls - 1),
            "place in the list": painter(number=lambda k, b: k + 1),
            "object or not": painter(number=lambda k, b: 1),
            "void around": lambda boxes, size: np.where(
                painter()(boxes, size) > 0, painter()(boxes, size), 255
            ),
            "size exchanged": lambda boxes, size: painter()(boxes, size[::-1]),
        },
    },
    "11.2": {
        "right": {"by slices": rate(), "pixel by pixel": counted},
        "wrong": {
            "all pixels together": rate(mean="pixels"),
            "any object": rate(what="any"),
            "any object, no void": rate(what="any", void="left out"),
            "in the whole picture": rate(where="picture"),
            "by the picture": rate(void="picture"),
            "void left out": rate(void="left out"),
            "background in its place": rate(what="ground"),
            "a sum": rate(join=np.sum),
            "the fullest box": rate(join=np.max),
            "the middle": lambda *given: np.full(4, rate()(*given).mean()),
            "with the background": lambda *given: np.append(1, rate()(*given)),
            "the rest of the box": lambda *given: 1 - rate()(*given),
            "a number a box": lambda boxes, masks, classes: [0.5 for _ in boxes],
        },
    },
    "11.3": {
        "right": {"by slices": lines(), "line by line": by_line},
        "wrong": {
            "rows alone": lines(axes=(1,)),
            "columns alone": lines(axes=(0,)),
            "through the picture": lines(window="through"),
            "rows and columns exchanged": lines(window="turned"),
            "the mean of a line": lines(best="mean"),
            "the least of a line": lines(best="amin"),
            "the sum of a line": lines(best="sum"),
            "a sum of lines": lines(join="sum"),
            "the worst line": lines(join="amax"),
            "two means": lines(join="each"),
            "infinite for an empty box": lines(floor=0.0),
            "1 - the maximum": lines(value=lambda p: p - 1),
            "the wrong sign": lambda p, box: -lines()(p, box),
            "as for the outside": lines(value=lambda p: torch.log(1 - p)),
            "to base 2": lines(value=torch.log2),
        },
    },
    "11.4": {
        "right": {"numbers": (10, 60), "a list": [10.0, 60.0]},
        "wrong": {
            "a diagonal of the short side": (6, 60),
            "a pixel a line": (16, 60),
            "a cross": (15, 60),
            "one pixel": (1, 60),
            "the whole box": (60, 60),
            "half of the box at most": (10, 30),
            "all but the corners": (10, 56),
            "exchanged": (60, 10),
            "shares": (1 / 6, 1),
            "one number": 10,
        },
    },
    "11.5": {
        "right": {"the upper half": boxed(HALF.T), "a part of it": boxed(BAND).astype(bool)},
        "wrong": {
            "the truth": boxed(HALF),
            "the whole box": boxed(1),
            "a diagonal": boxed(np.eye(8)),
            "a chess board": boxed(CHESS),
            "the lower right half": boxed(HALF[:, ::-1]),
            "the upper left half": boxed(HALF[::-1]),
            "a block that misses lines": boxed(np.kron([[0, 1], [0, 1]], np.ones((4, 4)))),
            "two blocks": boxed(np.kron([[0, 1], [1, 0]], np.ones((4, 4)))),
            "over the edge": OVER,
            "nothing": boxed(0),
            "one half everywhere": boxed(1) * 0.5,
            "the box alone": HALF.T,
        },
    },
}
