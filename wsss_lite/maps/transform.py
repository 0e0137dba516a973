"""Pairs of views: how a picture is changed, and what puts its map back into the picture's frame.

- mirror: `flip(-1)`, its own inverse
- rescale: `resize` of maps/cam.py, to the grid of the other view
- tiles: `cut` the picture, `stitch` the maps
- crop: `part` of a map, `put_back` the map of a cropped picture
"""

import numpy as np
import torch


def cut(picture, grid=2):
    """The grid * grid tiles of a picture, (H, W, ...), in reading order."""
    return [t for row in np.array_split(picture, grid, 0) for t in np.array_split(row, grid, 1)]


def stitch(tiles, grid=2):
    """Put tiles together: (B * grid * grid, C, h, w) to (B, C, grid * h, grid * w).

    The tiles of a picture follow each other in reading order. Works on features as on maps.
    """
    many, channels, h, w = tiles.shape
    x = tiles.reshape(many // grid**2, grid, grid, channels, h, w)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(-1, channels, grid * h, grid * w)


def part(maps, box):
    """What (B, C, h, w) maps show of a box (y0, x0, y1, x1), fractions of the picture, as a crop
    of that box would: (B, C, h, w), bilinear."""
    h, w = maps.shape[-2:]
    y, x = (_centres(n, box[k], box[k + 2]) for n, k in ((h, 0), (w, 1)))
    return _sample(maps, y, x)


def put_back(crops, box):
    """Maps of a cropped picture in the frame of the whole: (B, C, h, w), 0 outside of the box."""
    h, w = crops.shape[-2:]
    y, x = ((_centres(n) - box[k]) / (box[k + 2] - box[k]) for n, k in ((h, 0), (w, 1)))
    inside = ((y >= 0) & (y <= 1))[:, None] & ((x >= 0) & (x <= 1))
    return _sample(crops, y, x) * inside


def dissimilarity(a, b):
    """(B, C): sum |a - b| / sum (a + b) of (B, C, h, w) maps >= 0: 0 equal, 1 nothing in common.

    Bray and Curtis's measure. Unlike a mean difference it does not fall when both maps shrink.
    """
    return (a - b).abs().sum((2, 3)) / (a + b).sum((2, 3)).clamp(min=1e-12)


def _centres(n, start=0.0, end=1.0):
    """Centres of n cells between two fractions."""
    return start + (end - start) * (torch.arange(n) + 0.5) / n


def _sample(maps, y, x):
    """Bilinear values at fractions y and x of the picture."""
    grid = torch.stack(torch.meshgrid(2 * y - 1, 2 * x - 1, indexing="ij")[::-1], -1)
    return torch.nn.functional.grid_sample(
        maps, grid.expand(len(maps), -1, -1, -1), padding_mode="border", align_corners=False
    )
