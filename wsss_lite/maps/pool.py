"""Pooling: how the evidence at all positions becomes one score a class.

What a score is pooled from decides what the map learns: a mean rewards every position, so the map
grows over the background too; a maximum rewards one, so it keeps to the most telling part. Every
function takes tensors (B, C, h, w), returns (B, C), and passes gradients.
"""

import torch


def gap(maps):
    """Mean of all positions (global average pooling): the pooling of CAM."""
    return maps.mean((2, 3))


def gmp(maps):
    """Maximum over all positions (global max pooling)."""
    return maps.amax((2, 3))


def gwrp(maps, decay=0.996):
    """Mean with weights decay**rank, the largest value first (global weighted rank pooling).

    decay: 1 is the mean, 0 the maximum (Kolesnikov & Lampert, ECCV 2016).
    """
    ranked = maps.flatten(2).sort(-1, descending=True).values
    weight = torch.as_tensor(decay, dtype=maps.dtype) ** torch.arange(ranked.shape[-1])
    return (ranked * weight.to(maps)).sum(-1) / weight.sum().to(maps)


def topk(maps, share=0.1):
    """Mean of the `share` of the positions with the largest values, at least one of them."""
    flat = maps.flatten(2)
    return flat.topk(max(1, round(share * flat.shape[-1])), -1).values.mean(-1)


def ngwp(masks, scores, eps=1.0):
    """Mean of the scores, each weighted by its mask (normalised global weighted pooling).

    masks: (B, C, h, w) in 0..1, scores: (B, C, h, w). The size of a mask cancels out, so that a
    small object scores as high as a large one; eps keeps the score of an almost empty mask near 0
    (Araslanov & Roth, CVPR 2020, whose code has 1).
    """
    return (masks * scores).sum((2, 3)) / (eps + masks.sum((2, 3)))


def size_penalty(masks, power=3.0, floor=0.01):
    """(1 - m)**power * log(floor + m) of the mean m of each mask: (B, C), never above 0.001.

    Added to a score it makes small masks costly: -4.6 for an empty one at a floor of 0.01, fading
    to nothing as the mask grows (focal mask penalty; Araslanov & Roth, CVPR 2020).
    """
    size = masks.mean((2, 3))
    return (1 - size) ** power * (floor + size).log()
