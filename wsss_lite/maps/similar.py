"""Similarity of places: let maps spread to where the features look alike."""

import torch.nn.functional as F


def similarity(features):
    """(B, n, n) in 0..1: cosine of the features of each two places, 0 where negative.

    features: (B, F, h, w); the n = h * w places are in reading order.
    """
    unit = F.normalize(features.flatten(2), dim=1)
    return (unit.transpose(1, 2) @ unit).relu()


def spread(maps, similar):
    """Each place takes the mean of the maps, weighted by how similar the other places are to it.

    maps: (B, C, h, w); similar: (B, n, n) as of `similarity`. Returns (B, C, h, w). Wang et al.,
    "Self-supervised Equivariant Attention Mechanism", CVPR 2020 (pixel correlation module).
    """
    weight = similar / similar.sum(1, keepdim=True).clamp(min=1e-5)
    return (maps.flatten(2) @ weight).reshape(maps.shape)
