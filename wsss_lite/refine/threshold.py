"""From maps to labels: who is above the background threshold, and who is undecided."""

import numpy as np
import torch
import torch.nn.functional as F

VOID = 255


def upsample(maps, size):
    """(C, h, w) to (C, H, W), bilinear; numpy in, numpy out, float32."""
    maps = torch.from_numpy(np.asarray(maps, np.float32))[None]
    return F.interpolate(maps, tuple(size), mode="bilinear")[0].numpy()


def with_background(maps, threshold):
    """Put a constant background map in front: (C, H, W) in 0..1 to (C + 1, H, W)."""
    maps = np.asarray(maps)
    background = np.full((1, *maps.shape[1:]), threshold, maps.dtype)
    return np.concatenate([background, maps])


def label(maps, threshold):
    """(H, W) uint8: the class with the largest map where it exceeds `threshold`, else 0."""
    best = maps.argmax(0)
    return np.where(maps.max(0) > threshold, best + 1, 0).astype(np.uint8)


def seeds(maps, low, high):
    """(H, W) uint8: sure foreground above `high`, sure background below `low`, else 255."""
    labels = label(maps, high)
    undecided = (maps.max(0) > low) & (labels == 0)
    labels[undecided] = VOID
    return labels
