"""What can be asked of a net besides its clicks: that classes are there or not, and objectness.

prob: (B, C + 1, h, w) class probabilities, background first (Bearman et al., ECCV 2016).
"""

import torch

TINY = 1e-6


def image_level_loss(prob, tags):
    """Each class that is there has a pixel that is sure of it; the others have none.

    tags: (B, C) bool; the background is always there. Per picture the mean over the classes that
    are there of -log of the largest probability, plus the mean over the others of -log(1 - the
    largest probability).
    """
    tags = torch.as_tensor(tags, dtype=prob.dtype)
    there = torch.cat([torch.ones_like(tags[:, :1]), tags], 1)
    top = prob.amax((2, 3))
    present = -(top.clamp_min(TINY).log() * there).sum(1) / there.sum(1)
    absent = -((1 - top).clamp_min(TINY).log() * (1 - there)).sum(1)
    return (present + absent / (1 - there).sum(1).clamp(min=1)).mean()


def objectness_loss(prob, objectness):
    """Cross-entropy of "some object" against a prior, mean over pixels.

    objectness: (B, h, w) in 0..1, how likely a pixel belongs to an object of any class.
    """
    ground = prob[:, 0]
    front = prob[:, 1:].sum(1).clamp_min(TINY).log()
    return -(objectness * front + (1 - objectness) * ground.clamp_min(TINY).log()).mean()
