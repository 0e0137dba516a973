"""A segmenter of one object at a time, which is shown where the object ends.

Regions: (n, 4) x0, y0, x1, y1 as shares of a picture's sides; crops: what lies in them, sampled
on a square grid, and zero outside the picture.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from wsss_lite.nets.segmenter import resize

FINE, COARSE, SIDE = 24, 12, 48  # cells a side: of the two finer stages, the others, the mask
GROUPS = 4


def region(box, size, relax):
    """The box made wider by `relax` of its longer side on each side, as shares of (H, W)."""
    edge = relax * max(box.y1 - box.y0, box.x1 - box.x0)
    ends = np.array([box.x0 - edge, box.y0 - edge, box.x1 + edge, box.y1 + edge])
    return ends / (*size[::-1], *size[::-1])


def crops(x, regions, side):
    """(M, F, side, side) of (B, F, h, w) and a list of B arrays of regions.

    Each cell is the mean of four bilinear samples, as in RoIAlign (He et al., ICCV 2017).
    """
    parts = []
    centres = (np.arange(2 * side) + 0.5) / (2 * side)
    for one, own in zip(x, regions):
        x0, y0, x1, y1 = (v[:, None] for v in np.asarray(own, float).reshape(-1, 4).T)
        rows, columns = 2 * (y0 + centres * (y1 - y0)) - 1, 2 * (x0 + centres * (x1 - x0)) - 1
        places = np.stack(np.broadcast_arrays(columns[:, None], rows[:, :, None]), -1)
        if len(places):
            found = F.grid_sample(
                one.expand(len(places), *one.shape), torch.from_numpy(places).to(one),
                align_corners=False,
            )  # fmt: skip
            parts.append(F.avg_pool2d(found, 2))
    return torch.cat(parts) if parts else x.new_zeros(0, x.shape[1], side, side)


def heat_map(points, one, size, sigma, side=SIDE):
    """(side, side) float32 in 0..1: a Gaussian at each (y, x) pixel, sigma as share of the region.

    one: the region, (4,); size: (H, W) of the picture. sigma=0: an empty map.
    """
    if not sigma:
        return np.zeros((side, side), np.float32)
    x0, y0, x1, y1 = one
    centres = (np.arange(side) + 0.5) / side
    rows, columns = y0 + centres * (y1 - y0), x0 + centres * (x1 - x0)
    heat = np.zeros((side, side))
    for y, x in points:
        dy = (rows - (y + 0.5) / size[0]) / (y1 - y0)
        dx = (columns - (x + 0.5) / size[1]) / (x1 - x0)
        heat = np.maximum(heat, np.exp(-(dy[:, None] ** 2 + dx**2) / (2 * sigma**2)))
    return heat.astype(np.float32)


class Guided(nn.Module):
    """Crops of four stages, and of the picture with its heat map, to one logit a cell.

    channels: of the stages, fine to coarse. Takes the crops of the two finer stages (B, ., FINE,
    FINE), of the two coarser (B, ., COARSE, COARSE), and (B, 4, SIDE, SIDE): colours in 0..1 and
    heat. Returns (B, SIDE, SIDE).
    """

    def __init__(self, channels, width=32):
        super().__init__()
        self.fine = nn.Conv2d(sum(channels[:2]), width, 1)
        self.coarse = nn.Conv2d(sum(channels[2:]), width, 1)
        self.mix = nn.Sequential(layer(width + 1, width), layer(width, width))
        self.narrow = nn.Conv2d(width, width // 2, 1)
        self.look = nn.Conv2d(4, width // 2, 3, padding=1)
        self.last = nn.Sequential(
            nn.ReLU(), layer(width // 2, width // 2), nn.Conv2d(width // 2, 1, 1)
        )

    def forward(self, fine, coarse, seen):
        x = (self.fine(fine) + resize(self.coarse(coarse), fine.shape[2:])).relu()
        heat = F.adaptive_max_pool2d(seen[:, 3:], fine.shape[2:])
        x = self.mix(torch.cat([x, heat], 1))
        x = resize(self.narrow(x), seen.shape[2:]) + self.look(seen)
        return self.last(x)[:, 0]


def layer(inside, outside):
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.GroupNorm(GROUPS, outside),
        nn.ReLU(),
    )  # fmt: skip


def balanced_loss(logits, target):
    """Binary cross-entropy in which object and ground of a crop weigh half each.

    logits: (B, h, w); target: (B, h, w) in 0..1.
    """
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    sides = [(each * w).sum((1, 2)) / w.sum((1, 2)).clamp(min=1) for w in (target, 1 - target)]
    return sum(sides).mean() / 2


def in_box(logits, one, box, size):
    """(h, w) float32 logits at the pixels of a box, of (SIDE, SIDE) logits of its region."""
    x0, y0, x1, y1 = one
    rows = ((np.arange(box.y0, box.y1) + 0.5) / size[0] - y0) / (y1 - y0)
    columns = ((np.arange(box.x0, box.x1) + 0.5) / size[1] - x0) / (x1 - x0)
    places = np.stack(np.meshgrid(2 * columns - 1, 2 * rows - 1), -1)
    places = torch.from_numpy(places.astype(np.float32))[None]
    sampled = F.grid_sample(logits[None, None], places, padding_mode="border", align_corners=False)
    return sampled[0, 0].numpy()
