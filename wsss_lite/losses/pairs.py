"""The loss of an affinity between pairs of positions, each kind of pair with the same weight."""

import torch

from wsss_lite.refine.pairs import APART, BACKGROUND, SAME

EPSILON = 1e-5  # keeps the logarithms finite


def pair_loss(affinity, kinds):
    """Cross-entropy of (...) affinities in 0..1 against the kinds of their pairs (`pair_kinds`).

    Pairs of background and pairs of one object should have 1 and count a quarter each, pairs of
    two labels should have 0 and count a half; each is a mean over its own pairs, so that the many
    of background do not outvote the rest. A kind without pairs adds nothing. Ahn & Kwak, CVPR 2018.
    """
    kinds = torch.as_tensor(kinds)
    near, far = -(affinity + EPSILON).log(), -(1 + EPSILON - affinity).log()
    parts = ((BACKGROUND, near, 0.25), (SAME, near, 0.25), (APART, far, 0.5))
    total = affinity.sum() * 0
    for kind, value, weight in parts:
        there = kinds == kind
        total = total + weight * (value * there).sum() / there.sum().clamp(min=1)
    return total
