"""What a net of centres and boxes is taught: bumps on the centres, sides around them.

Bumps as in TTFNet (Liu et al., AAAI 2020): their widths follow those of the box, and every cell
that a bump reaches teaches the sides too, not the centre alone, so that few steps are enough.
"""

import numpy as np
import torch
import torch.nn.functional as F

SPREAD = 0.54 / 6  # standard deviation of a bump, as a share of the box's side
REACH = 0.05  # height of a bump down to which its cells teach the sides
NEAR, HARD = 4, 2  # powers of CornerNet's focal loss
TINY = 1e-4


def targets(boxes, count, grid):
    """(heat (count, h, w), sides (4, h, w), weight (h, w)) float32 of one picture.

    boxes: (which text, x0, y0, x1, y1) each, in shares of the picture; count: of the texts; grid:
    (h, w). heat is 1 in the cell of a centre. sides: left, top, right, bottom of the box whose
    bump is the highest in a cell; weight: how far a cell teaches them, 1 in all for each box
    that is the highest anywhere.
    """
    heat, sides = np.zeros((count, *grid), np.float32), np.zeros((4, *grid), np.float32)
    weight = np.zeros(grid, np.float32)
    y, x = ((np.arange(n) + 0.5) / n for n in grid)
    bumps = [bump(box, grid) for _, *box in boxes]
    owner = np.argmax(bumps, 0) if bumps else None
    for number, ((which, x0, y0, x1, y1), high) in enumerate(zip(boxes, bumps)):
        heat[which] = np.maximum(heat[which], high)
        own = (owner == number) & (high > REACH)
        across, down = np.stack([x - x0, x1 - x]), np.stack([y - y0, y1 - y])
        left, right = np.broadcast_to(across[:, None], (2, *grid))
        top, bottom = np.broadcast_to(down[:, :, None], (2, *grid))
        sides[:, own] = np.stack([left, top, right, bottom])[:, own].clip(TINY)
        if own.any():
            weight[own] = high[own] / high[own].sum()
    return heat, sides, weight


def bump(box, grid):
    """(h, w) float32: exp(-d^2 / 2) around the cell of a box's centre, 1 in that cell."""
    x0, y0, x1, y1 = box
    parts = []
    for low, high, length in ((y0, y1, grid[0]), (x0, x1, grid[1])):
        cell = min(int((low + high) / 2 * length), length - 1)
        spread = SPREAD * max(high - low, TINY) * length
        parts.append(np.exp(-(((np.arange(length) - cell) / spread) ** 2) / 2))
    return np.outer(*parts).astype(np.float32)


def centre_loss(logits, heat):
    """Focal loss of CornerNet, summed over cells and divided by the number of centres.

    logits, heat: (B, K, h, w). A cell beside a centre is punished the less the nearer it is.
    """
    prob, centre = logits.sigmoid(), heat == 1
    found = -((1 - prob) ** HARD) * F.logsigmoid(logits)
    empty = -((1 - heat) ** NEAR) * prob**HARD * F.logsigmoid(-logits)
    return torch.where(centre, found, empty).sum() / centre.sum().clamp(min=1)


def side_loss(sides, target, weight):
    """Mean of 1 - GIoU (Rezatofighi et al., CVPR 2019) over (B, h, w) weights.

    sides, target: (B, 4, h, w); both boxes of a cell hold its middle, so widths simply add up.
    """
    inner, outer = torch.minimum(sides, target), torch.maximum(sides, target)
    area, true, both, hull = ((x[:, 0] + x[:, 2]) * (x[:, 1] + x[:, 3])
                              for x in (sides, target, inner, outer))  # fmt: skip
    union = area + true - both
    giou = both / union.clamp(min=TINY**2) - (hull - union) / hull.clamp(min=TINY**2)
    return ((1 - giou) * weight).sum() / weight.sum().clamp(min=TINY)
