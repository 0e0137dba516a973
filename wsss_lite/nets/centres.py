"""Things as points: a small net that finds the centres of what a text names, and their boxes.

    net = Centres((40, 112, 320), space=128)
    look = net(stages, dense)                    once a picture
    found = decode(heat(look, texts)[0].sigmoid(), look.sides[0], least=0.25)

CenterNet (Zhou et al., 2019) with a class axis that is open: a position has a vector in the joint
space of CLIP, and its score for a text is the product with the text's vector, as in ViLD (Gu
et al., ICLR 2022). Untrained, that vector is CLIP's own.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from wsss_lite.nets.segmenter import conv, resize

RARE = -2.2  # logit of a centre before training: one cell in ten
HALF_SIDE = -1.1  # logit of a side before training: a quarter of the picture
SCALE = 10.0  # of CLIP's cosines before training
MOST = 100  # boxes a picture
SAME, OTHER = 0.5, 0.85  # IoU from which two boxes are one thing: under one text, under two


class Look(NamedTuple):
    """vectors: (B, D, g, g); centre: (B, 1, g, g) logits of a centre of anything; sides: (B, 4, g,
    g), distance from the cell's middle to left, top, right, bottom, in shares of the picture."""

    vectors: torch.Tensor
    centre: torch.Tensor
    sides: torch.Tensor


class Centres(nn.Module):
    """Mix the coarse stages where pixels are few, add the fine one, read three things off.

    channels: of the stages, fine to coarse; space: length of a text's vector.
    """

    def __init__(self, channels, space, width=64):
        super().__init__()
        fine, *coarse = channels
        self.project = nn.ModuleList(conv(c, width, 1, relu=False) for c in coarse)
        self.mix = nn.Sequential(nn.ReLU(), *(conv(width, width, 3) for _ in range(2)))
        self.fine = conv(fine, width, 1, relu=False)
        self.last = nn.Sequential(nn.ReLU(), *(conv(width, width, 3) for _ in range(2)))
        self.centre = nn.Conv2d(width, 1, 1)
        self.sides = nn.Conv2d(width, 4, 1)
        self.correction = nn.Conv2d(width, space, 1)
        self.scale = nn.Parameter(torch.tensor(SCALE))
        for layer, bias in ((self.centre, RARE), (self.sides, HALF_SIDE), (self.correction, 0.0)):
            nn.init.constant_(layer.bias, bias)
        nn.init.zeros_(self.correction.weight)
        self.to(memory_format=torch.channels_last)

    def forward(self, stages, dense):
        """stages: list of (B, c, h, w), fine to coarse; dense: (B, D, h, w) unit vectors of CLIP.

        Returns a `Look` on the grid of the finest stage.
        """
        fine, *coarse = (x.contiguous(memory_format=torch.channels_last) for x in stages)
        size, grid = coarse[0].shape[-2:], fine.shape[-2:]
        x = sum(resize(project(x), size) for project, x in zip(self.project, coarse))
        x = self.last(resize(self.mix(x), grid) + self.fine(fine))
        vectors = self.scale * resize(dense, grid) + self.correction(x)
        return Look(vectors, self.centre(x), self.sides(x).sigmoid())


def heat(look, texts):
    """(B, K, g, g) logits: is there the centre of something that text k (K, D) names?"""
    return look.centre + torch.einsum("kd,bdhw->bkhw", texts, look.vectors)


# ------------------------------------------------------------------ from maps to boxes
def decode(prob, sides, least, most=MOST):
    """(which (n,), corners (n, 4), scores (n,)) of one picture, the best first.

    prob: (K, g, g) in 0..1; sides: (4, g, g); least: the score that a box must exceed. A box
    stands at every local maximum of a text's map; corners are x0, y0, x1, y1 in shares of the
    picture, inside it. Of boxes on one thing the best is kept, also under different texts.
    """
    highest = F.max_pool2d(prob[None], 3, stride=1, padding=1)[0]
    which, y, x = ((prob == highest) & (prob > least)).nonzero(as_tuple=True)
    scores, order = prob[which, y, x].sort(descending=True, stable=True)
    which, y, x = (v[order][:most] for v in (which, y, x))
    corners = around(sides[:, y, x], (y, x), prob.shape[-2:])
    kept = distinct(corners, which)
    return which[kept], corners[kept], scores[:most][kept]


def around(sides, cells, grid):
    """(n, 4) corners in 0..1 of (4, n) sides at the cells (y, x) of a (h, w) grid."""
    y, x = ((cell + 0.5) / length for cell, length in zip(cells, grid))
    left, top, right, bottom = sides
    return torch.stack([x - left, y - top, x + right, y + bottom], 1).clamp(0, 1)


def distinct(corners, which, same=SAME, other=OTHER):
    """Rows that stay when each takes away the later ones that overlap it too much.

    corners: (n, 4), the best first; which: (n,) the text of each.
    """
    limit = torch.where(which[:, None] == which[None], same, other)
    clash, kept = (overlaps(corners, corners) > limit).tolist(), []
    for row in range(len(corners)):
        if not any(clash[earlier][row] for earlier in kept):
            kept.append(row)
    return kept


def overlaps(a, b):
    """(n, m) IoU of the boxes (n, 4) and (m, 4) given as x0, y0, x1, y1."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    areas = [(x[:, 2:] - x[:, :2]).clamp(min=0).prod(-1) for x in (a, b)]
    return both / (areas[0][:, None] + areas[1][None] - both).clamp(min=1e-9)
