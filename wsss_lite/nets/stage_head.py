"""A light head on several stages of the trunk: fine ones see edges, coarse ones see objects."""

import torch
import torch.nn.functional as F
from torch import nn

GROUPS = 4


class StageHead(nn.Module):
    """Each stage through 1x1 convolution, group norm and ReLU; all at one size; a 1x1 convolution.

    channels: of the stages, as they are passed in. Takes a list of (B, c, h, w) and returns
    (B, out, H, W) at the size (H, W) asked for.
    """

    def __init__(self, channels, out, width=32):
        super().__init__()
        self.reduce = nn.ModuleList(reducer(c, width) for c in channels)
        self.merge = nn.Conv2d(width * len(channels), out, 1)

    def forward(self, stages, size):
        parts = [fitted(reduce(x), size) for reduce, x in zip(self.reduce, stages)]
        return self.merge(torch.cat(parts, 1))


def reducer(channels, width):
    layers = nn.Conv2d(channels, width, 1, bias=False), nn.GroupNorm(GROUPS, width), nn.ReLU()
    return nn.Sequential(*layers)


def fitted(x, size):
    """At another size: enlarged bilinearly, reduced by averaging."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    if x.shape[-1] > size[-1]:
        return F.adaptive_avg_pool2d(x, size)
    return F.interpolate(x, tuple(size), mode="bilinear")
