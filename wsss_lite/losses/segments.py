"""Pixel-to-segment contrast: a pixel near the segments it belongs with and far from the others.

Hwang et al., "SegSort", ICCV 2019; Ke et al., ICLR 2021.
"""

import torch
import torch.nn.functional as F


def segment_means(embeddings, segments, count):
    """(S, D) unit vectors: the direction of the mean of each segment's pixels.

    embeddings: (P, D); segments: (P,) numbers in 0..S-1; count: S. An empty one has a zero vector.
    """
    sums = embeddings.new_zeros(count, embeddings.shape[1])
    return F.normalize(sums.index_add(0, segments, embeddings), dim=1)


def segment_contrast(embeddings, means, positive, negative, concentration=10.0):
    """Mean of -log of the share that positive segments have in sum_s exp(concentration cosine).

    embeddings: (P, D) and means: (S, D), unit vectors; positive, negative: (P, S) bool, the
    segments that a pixel belongs with and does not; in neither, a segment takes no part. A pixel
    without a positive segment does not count. Returns a scalar.
    """
    logits = concentration * embeddings @ means.T
    there = positive.any(1)
    near = logits.masked_fill(~positive, -torch.inf)[there].logsumexp(1)
    every = logits.masked_fill(~(positive | negative), -torch.inf)[there].logsumexp(1)
    return (every - near).sum() / there.sum().clamp(min=1)


def others(positive, own):
    """`positive` without each pixel's own segment, where it has another; own: (P,) numbers.

    A pixel takes part in the mean of its own segment, so that to be close to it is no merit.
    """
    rest = positive.clone()
    rest[torch.arange(len(own)), own] = False
    alone = ~rest.any(1, keepdim=True)
    return torch.where(alone, positive, rest)
