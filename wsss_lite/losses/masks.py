"""Losses of one mask at a time, and of several of which one is meant.

logits: (K, M, H, W); target: (K, H, W) in 0..1; valid: (K, H, W), 0 where nothing is known.
"""

import torch.nn.functional as F

BCE = 3.0  # weight of the cross-entropy beside the Dice loss
OTHERS = 0.05  # of the mean over all masks, so that none is never taught


def mask_losses(logits, target, valid):
    """(K, M): weighted cross-entropy plus Dice loss (Milletari et al., 3DV 2016) of each mask."""
    target, valid = target[:, None].expand_as(logits), valid[:, None].float()
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    known = valid.sum((-1, -2)).clamp(min=1)
    cross = (each * valid).sum((-1, -2)) / known
    probability, target = logits.sigmoid() * valid, target * valid
    hit = 2 * (probability * target).sum((-1, -2))
    dice = 1 - (hit + 1) / (probability.sum((-1, -2)) + target.sum((-1, -2)) + 1)
    return BCE * cross + dice


def nearest_of(losses):
    """(K,): the smallest of M losses and a little of their mean, as in SAM."""
    return losses.amin(1) + OTHERS * losses.mean(1)


def overlaps(masks, target, valid):
    """(K, M): IoU of bool masks (K, M, H, W) with bool targets, over valid pixels; 0 if empty."""
    masks, target = masks & valid[:, None], (target & valid)[:, None]
    hit = (masks & target).sum((-1, -2))
    return hit / (masks | target).sum((-1, -2)).clamp(min=1)
