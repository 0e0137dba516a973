"""Losses that boxes alone can pay for: lines that must meet the object, and areas with bounds.

prob: (B, C + 1, h, w) class probabilities, background first. boxes: a list of (row, cls, y0, y1,
x0, x1) on the grid of `prob`, half-open, row being the picture's place in the batch.
"""

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.refine.grabcut import in_front

VOID = 255
TINY = 1e-6


def on_grid(boxes, size, grid):
    """Boxes of a picture of `size` (H, W) on a grid (h, w): (cls, y0, y1, x0, x1), back to front.

    Sides go to the nearest line of the grid; every box keeps at least one cell.
    """
    placed = []
    for box in in_front(boxes):
        y0, y1 = _pair(box.y0, box.y1, grid[0] / size[0], grid[0])
        x0, x1 = _pair(box.x0, box.x1, grid[1] / size[1], grid[1])
        placed.append((box.cls, y0, y1, x0, x1))
    return placed


def _pair(low, high, factor, limit):
    low = min(int(round(low * factor)), limit - 1)
    return low, min(max(int(round(high * factor)), low + 1), limit)


def ruled_out_loss(prob, boxes):
    """Mean of -log of what a pixel gives to the labels it may have.

    Those are the background, and inside a box its class: outside all boxes it is -log of the
    background, inside it asks that no class without a box takes part.
    """
    may = torch.zeros_like(prob)
    may[:, 0] = 1
    for row, cls, y0, y1, x0, x1 in boxes:
        may[row, cls, y0:y1, x0:x1] = 1
    return -(prob * may).sum(1).clamp_min(TINY).log().mean()


def line_loss(prob, boxes):
    """Tightness: every row and column that crosses a box meets its object at least once.

    Mean over all lines of -log of the largest probability of the class on the line inside the
    box. The other half of the prior, that no pixel outside is object, is `ruled_out_loss`.
    """
    lines = []
    for row, cls, y0, y1, x0, x1 in boxes:
        p = prob[row, cls, y0:y1, x0:x1]
        lines += [p.amax(0), p.amax(1)]
    if not lines:
        return prob.sum() * 0
    return -torch.cat(lines).clamp_min(TINY).log().mean()


def size_loss(prob, boxes, low, high):
    """A soft bound on area: 0 where the mean probability inside a box lies in low..high.

    Below or above, the square of what is missing or too much; mean over the boxes. low, high:
    shares of the box, numbers or one number a class ((C + 1,) arrays).
    """
    if not boxes:
        return prob.sum() * 0
    share = torch.stack([prob[r, c, y0:y1, x0:x1].mean() for r, c, y0, y1, x0, x1 in boxes])
    classes = [b[1] for b in boxes]
    low, high = (torch.as_tensor(_each(bound, classes), dtype=prob.dtype) for bound in (low, high))
    return ((low - share).clamp(min=0) ** 2 + (share - high).clamp(min=0) ** 2).mean()


def _each(bound, classes):
    bound = np.asarray(bound)
    return bound[classes] if bound.ndim else np.full(len(classes), bound)


def smooth_loss(prob, colours=None, spread=0.1):
    """Mean squared difference of the probabilities of neighbours, right and below.

    colours: (B, 3, h, w) in 0..1; given, a pair counts exp(-d^2 / (2 spread^2)) of its colour
    distance d, so that labels may change where colours do.
    """
    total, pairs = 0.0, 0
    for dim in (2, 3):
        step = prob.diff(dim=dim).square().sum(1)
        if colours is not None:
            distance = colours.diff(dim=dim).square().sum(1)
            step = step * torch.exp(-distance / (2 * spread**2))
        total, pairs = total + step.sum(), pairs + step.numel()
    return total / max(pairs, 1)


@torch.no_grad()
def top_of_boxes(prob, boxes, rates):
    """(B, h, w) targets: background outside the boxes, its class on the top share of each box.

    rates: (C + 1,) share of a box by class, the pixels with the largest probability; the others of
    the box are 255. Boxes come back to front, so that small ones have the last word.
    """
    target = torch.zeros((len(prob), *prob.shape[2:]), dtype=torch.long)
    for row, _, y0, y1, x0, x1 in boxes:
        target[row, y0:y1, x0:x1] = VOID
    for row, cls, y0, y1, x0, x1 in boxes:
        p = prob[row, cls, y0:y1, x0:x1]
        keep = min(max(1, round(float(rates[cls]) * p.numel())), p.numel())
        chosen = p.flatten().topk(keep).indices
        window = target[row, y0:y1, x0:x1].flatten().clone()
        window[chosen] = cls
        target[row, y0:y1, x0:x1] = window.reshape(p.shape)
    return target


def target_loss(logits, target):
    """Cross-entropy of (B, K, h, w) logits on (B, h, w) targets, mean of the labelled ones."""
    total = F.cross_entropy(logits, target, ignore_index=VOID, reduction="sum")
    return total / (target != VOID).sum().clamp(min=1)
