"""Barriers: two positions are as near as the highest boundary on the line between them is low."""

import numpy as np
import torch


def line_cells(pairs, width):
    """(P, L) int64: flat positions that the straight line of each pair crosses, both ends too.

    The line is as thick as IRN's: all positions of the box between the two ends nearer to it than
    1, so that nothing slips through a boundary one position thin. Shorter lines repeat their start.
    """
    start, end = np.asarray(pairs).T
    dy, dx = end // width - start // width, end % width - start % width
    offsets, which = np.unique(np.stack([dy, dx], 1), axis=0, return_inverse=True)
    lines = [line(*offset) for offset in offsets.tolist()]
    steps = np.zeros((len(lines), max(map(len, lines), default=1)), np.int64)
    for row, cells in zip(steps, lines):
        row[: len(cells)] = [y * width + x for y, x in cells]
    return start[:, None] + steps[which.ravel()]


def line(dy, dx):
    """The positions (y, x) on the thick line from (0, 0) to (dy, dx)."""
    ys = range(min(dy, 0), max(dy, 0) + 1)
    xs = range(min(dx, 0), max(dx, 0) + 1)
    near = dy * dy + dx * dx  # distance to the line, squared, times this
    return [(y, x) for y in ys for x in xs if (dy * x - dx * y) ** 2 < near] or [(0, 0)]


def line_max(boundary, pairs):
    """(..., P) maximum of a boundary map, (..., h, w), over the line of each pair (see above).

    pairs: (P, 2) flat positions. Array or tensor, as it was given; a tensor keeps its gradient.
    An affinity of the pair is 1 minus that (Ahn et al., CVPR 2019).
    """
    cells = line_cells(pairs, boundary.shape[-1])
    flat = boundary.reshape(*boundary.shape[:-2], -1)
    if torch.is_tensor(flat):
        return flat[..., torch.from_numpy(cells)].amax(-1)
    return flat[..., cells].max(-1)
