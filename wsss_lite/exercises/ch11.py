"""Checks of the exercises of chapter 11: boxes."""

import numpy as np
import torch

from wsss_lite.data.world import Box
from wsss_lite.exercises.checking import Hint, array, call, exercise, match, number, require
from wsss_lite.losses import box as losses
from wsss_lite.refine.boxes import filling_rates
from wsss_lite.refine.grabcut import fill, in_front

ROWS, COLUMNS = 6, 10  # of the box in 11.3
SLACK, LEAST = 0.15, 0.3  # of the rate, and what the mask of 11.4 may share with the truth
GRID, PLACE = (10, 12), (0, 1, 1, 9, 2, 10)  # of 11.4: picture, class, rows, columns


@exercise("11.1")
def filled(answer):
    boxes, size = _boxes(), (9, 12)
    right = fill(boxes, size)
    turned = [Box(b.cls, b.y0, b.x0, b.y1, b.x1) for b in boxes]
    wider = [Box(b.cls, b.x0, b.y0, b.x1 + 1, b.y1 + 1) for b in boxes]
    narrow = [Box(b.cls, b.x0 + 1, b.y0 + 1, b.x1, b.y1) for b in boxes]
    inner = [Box(b.cls, b.x0, b.y0, b.x1 - 1, b.y1 - 1) for b in boxes]
    mistakes = {
        "x and y are exchanged: rows are y, columns are x.": fill(turned, size),
        "the ends are one too far: row y1 and column x1 no longer belong to the box.": (
            fill(wider, size)
        ),
        "the ends are one too near: row y1 - 1 and column x1 - 1 belong to the box.": (
            fill(inner, size)
        ),
        "the box begins at row y0 and column x0, not one after.": fill(narrow, size),
        "boxes are painted as they come: sort them by area, the largest first.": _painted(
            boxes, size
        ),
        "boxes are painted last to first: sort them by area, the largest first.": _painted(
            boxes[::-1], size
        ),
        "large boxes cover small ones: paint the largest first.": _painted(
            in_front(boxes)[::-1], size
        ),
        "by height, or by width, alone: it is the area that counts.": _painted(
            sorted(boxes, key=lambda b: b.y1 - b.y0, reverse=True), size
        ),
        "every box has the number of its class, not its place in the list.": _numbered(boxes, size),
        "class numbers are one too small: `cls` is the number as it stands in a mask.": (
            np.where(right > 0, right - 1, 0)
        ),
        "a box is object or not here: write the class.": right > 0,
    }
    match(call(answer, boxes, size), right, mistakes, names="(H, W)")
    return "the floor of this family"


@exercise("11.2")
def rates(answer):
    boxes, masks = _boxes(), _masks()
    right = filling_rates([(b, m == b.cls) for b, m in zip(boxes, masks)], 4)[1:]
    inside = [m[b.y0 : b.y1, b.x0 : b.x1] for b, m in zip(boxes, masks)]
    area = np.array([one.size for one in inside])
    cls = np.array([b.cls for b in boxes])

    def each(values, join=np.mean):
        return np.array([join(values[cls == k]) for k in (1, 2, 3, 4)])

    found = np.array([(one == k).sum() for one, k in zip(inside, cls)])
    other = np.array([((one > 0) & (one < 255)).sum() for one in inside])
    drawn = np.array([(one > 0).sum() for one in inside])
    whole = np.array([(m == k).sum() for m, k in zip(masks, cls)])
    mistakes = {
        "large boxes count more: take the share of each box, then the mean over boxes.": (
            each(found, np.sum) / each(area, np.sum)
        ),
        "another object in the box counts as well: only the box's own class.": each(other / area),
        "all that is not 0 counts, void too: only the box's own class.": each(drawn / area),
        "object pixels outside the box count as well: look inside the box.": each(whole / area),
        "that is the share of the picture: divide by the area of the box.": (
            each(found / masks[0].size)
        ),
        "a sum over the boxes of a class: take the mean.": each(found / area, np.sum),
        "that is the share of the box which is not the object.": 1 - each(found / area),
        "undecided pixels (255) are left out below the line: the whole box counts.": each(
            found / np.array([(one < 255).sum() for one in inside])
        ),
    }
    match(call(answer, boxes, masks, 4), right, mistakes, names="(classes,), one rate a class")
    return "count it in masks and it helps; nobody can count it in boxes"


@exercise("11.3")
def tightness(answer):
    p, box = _probability(), Box(1, 3, 1, 8, 5)  # rows 1 to 4, columns 3 to 7
    right = _lines(p, 1, 5, 3, 8)
    inside = p[box.y0 : box.y1, box.x0 : box.x1]
    across, down = inside.amax(1), inside.amax(0)
    both = torch.cat([across, down])
    mistakes = {
        "only rows are asked: columns cross the box as well.": -across.log().mean(),
        "only columns are asked: rows cross the box as well.": -down.log().mean(),
        "the lines run through the whole picture: only their part inside the box counts.": (
            -torch.cat([p[1:5].amax(1), p[:, 3:8].amax(0)]).log().mean()
        ),
        "a mean along the line: one certain place is enough, so it is the maximum.": (
            -torch.cat([inside.mean(1), inside.mean(0)]).log().mean()
        ),
        "a minimum along the line: one certain place is enough, so it is the maximum.": (
            -torch.cat([inside.amin(1), inside.amin(0)]).log().mean()
        ),
        "a sum over the lines: take the mean.": -both.log().sum(),
        "the logarithm of the mean: take it of each line, then the mean.": -both.mean().log(),
        "two means are averaged: it is one mean over all lines, and there are more columns.": (
            -(across.log().mean() + down.log().mean()) / 2
        ),
        "rows and columns are exchanged: rows are y, columns are x.": _lines(p, 3, 8, 1, 5),
        "the sign is missing: a loss is smaller where the maximum is larger.": both.log().mean(),
        "that is 1 - the maximum: the loss of a line is -log of it.": (1 - both).mean(),
    }
    match(call(answer, p, box), right, mistakes, names="one number")
    nothing = torch.as_tensor(call(answer, p * 0, box))
    require(torch.isfinite(nothing).all(), "a line without any probability gives an infinite "
            "loss: keep what you take the logarithm of above 1e-6.")  # fmt: skip
    return "the same as wsss_lite.losses.box.line_loss"


@exercise("11.4")
def fewest(answer):
    try:
        least, most = answer
    except (TypeError, ValueError):
        raise Hint("two numbers are asked for, least and most.") from None
    stairs = torch.zeros(1, 2, ROWS, COLUMNS)
    longest = np.arange(max(ROWS, COLUMNS))
    stairs[0, 1, longest % ROWS, longest % COLUMNS] = 1
    assert losses.line_loss(stairs, [(0, 1, 0, ROWS, 0, COLUMNS)]) == 0
    number(least, int(stairs.sum()), 0.4, {
        "least: then the rows are met, and some columns are not.": (5.6, 9.4),
        "least: a pixel meets a row and a column at once.": (15.6, 16.4),
        "least: a cross does it with one fewer than rows and columns, but it can be less.": (
            14.6, 15.4),
        "least: the whole box meets all lines; so does much less.": (59.6, 60.4),
    })  # fmt: skip
    number(most, ROWS * COLUMNS, 0.4, {
        "most: no line asks for a place where the object is not.": (1, 59.6),
    })  # fmt: skip
    return f"from {int(stairs.sum())} to {ROWS * COLUMNS} pixels, and the loss is the same"


@exercise("11.5")
def fools_all_rules(answer):
    mask, truth = array(answer), triangle()
    require(mask.shape == GRID, f"the mask should be {GRID}, this is {mask.shape}.")
    require(np.isin(mask, (0, 1)).all(), "the mask should be 0 or 1 at each place.")
    given, right = (torch.from_numpy(m.astype(np.float32)) for m in (mask, truth))
    prob, true = (torch.stack([1 - m, m])[None] for m in (given, right))
    share, rate = (float(p[0, 1, 1:9, 2:10].mean()) for p in (prob, true))
    require(losses.ruled_out_loss(prob, [PLACE]) < 1e-3, "outside the box is background for sure: "
            "keep the mask inside.")  # fmt: skip
    require(losses.line_loss(prob, [PLACE]) < 1e-3, "a row or a column of the box does not meet "
            "the mask.")  # fmt: skip
    require(losses.size_loss(prob, [PLACE], rate * (1 - SLACK), rate * (1 + SLACK)) < 1e-6,
            f"it fills {share:.0%} of the box; the rate is {rate:.0%}, give or take {SLACK:.0%} of "
            "it.")  # fmt: skip
    rough, even = (float(losses.smooth_loss(p)) for p in (prob, true))
    require(rough <= even + 1e-6, f"its roughness is {rough:.2f}, that of the truth {even:.2f}: "
            "let each line enter the mask once and leave it once.")  # fmt: skip
    common = float(((given > 0) & (right > 0)).sum() / ((given > 0) | (right > 0)).sum())
    require(common < LEAST, f"its IoU with the truth is {common:.2f}; it should be below {LEAST}: "
            "where else could as much of the box be filled?")  # fmt: skip
    return f"no rule objects, and the IoU is {common:.2f}"


def triangle():
    """(10, 12) bool: an object that fills the lower left half of its box of 8 x 8."""
    mask = np.zeros(GRID, bool)
    mask[1:9, 2:10] = np.tri(8, dtype=bool)
    return mask


def _painted(boxes, size):
    """Boxes filled one over the other, as they come."""
    labels = np.zeros(size, np.uint8)
    for b in boxes:
        labels[b.y0 : b.y1, b.x0 : b.x1] = b.cls
    return labels


def _numbered(boxes, size):
    """Filled with the place in the list, from 1."""
    return fill([Box(k, b.x0, b.y0, b.x1, b.y1) for k, b in enumerate(boxes, 1)], size)


def _lines(p, *sides):
    return losses.line_loss(torch.stack([1 - p, p])[None], [(0, 1, *sides)])


def _boxes():
    """Five boxes in a picture of 9 x 12; in no order, and no two sorts of order agree."""
    return [Box(4, 2, 2, 6, 5), Box(1, 1, 1, 9, 8), Box(3, 5, 3, 11, 6), Box(2, 0, 6, 3, 9),
            Box(1, 4, 0, 6, 8)]  # fmt: skip


def _masks():
    """A (9, 12) uint8 mask for each of the boxes: objects, a second one, some void."""
    rng = np.random.default_rng(11)
    masks = []
    for b in _boxes():
        mask = np.where(rng.random((9, 12)) < 0.6, b.cls, 0).astype(np.uint8)
        mask[rng.random((9, 12)) < 0.15] = b.cls % 4 + 1
        mask[rng.random((9, 12)) < 0.1] = 255
        masks.append(mask)
    return masks


def _probability():
    """(9, 12) in 0..1: the largest values lie outside of the box that is asked for."""
    p = 0.05 + 0.6 * torch.rand(9, 12, generator=torch.Generator().manual_seed(12))
    p[6:] += 0.15
    p[:, :3] += 0.2
    return p
