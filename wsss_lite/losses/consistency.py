"""Consistency: what two maps of the same thing should agree in."""

import numpy as np
import torch


def difference(a, b, tags):
    """Mean of |a - b| over the positions of the tagged classes, a scalar.

    a, b: (B, C, h, w) maps of two views in one frame; tags: (B, C) bool.
    """
    present = torch.as_tensor(np.array(tags, np.float32))
    per_class = (a - b).abs().mean((2, 3))
    return (per_class * present).sum() / present.sum().clamp(min=1)


def with_rest(maps):
    """Put the background before (B, C, h, w) maps in 0..1: what the strongest class leaves of 1."""
    return torch.cat([1 - maps.amax(1, keepdim=True), maps], 1)


def only_strongest(maps):
    """(B, C, h, w) with all classes but the strongest set to zero at every position."""
    return maps * (maps == maps.amax(1, keepdim=True))


def with_background(tags):
    """(B, C + 1) bool array: the tags, after a background that every picture has."""
    return np.pad(np.asarray(tags, bool), ((0, 0), (1, 0)), constant_values=True)


def ramp(step, steps, until=0.5):
    """Weight of a loss that grows linearly from 0 to 1 over the first `until` of the steps."""
    return min(1.0, step / max(1, until * steps))
