"""RAWKS: strokes spread by a random walk, whose boundaries are learnt together with the labels."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from wsss_lite.nets import on_view
from wsss_lite.nets.head import fit, seeded
from wsss_lite.nets.on_strokes import enough_epochs, on_grid
from wsss_lite.nets.segmenter import Decoder
from wsss_lite.nets.stage_head import StageHead
from wsss_lite.refine.learned_walk import conductances, hitting
from wsss_lite.refine.reduce import at_size
from wsss_lite.refine.strokes import classes_of, drawn, nearest, restricted
from wsss_lite.refine.threshold import upsample
from wsss_lite.registry import Made, register

STEEPEST = 8.0  # a boundary; a step across it is exp(-8) as likely as one on plain ground
TINY = 1e-6


@register(
    "rawks",
    category="Scribble",
    supervision="scribbles",
    paper="Learning Random-Walk Label Propagation for Weakly-Supervised Semantic Segmentation",
    venue="CVPR",
    year=2017,
    cite="vernaza2017learning",
    survey="S0 S2: scribble",
    quoted={"VOC val (S2)": 61.4},
    produces="labels",
)
def rawks(view, seed=0, epochs=4, doubt=2.0, learn=True):
    """Label a pixel by the stroke that a random walk from it hits first, and learn its boundaries.

    One network predicts labels, another boundaries that the walk avoids; both are trained so that
    walk and labels agree on every pixel. Nobody shows the second a boundary: it finds them where
    the labels of the first, learnt from other pictures, change. doubt: a pixel counts
    exp(-doubt * entropy of its walk), in training and for the segmenter; learn: False keeps the
    boundaries flat, so that the walk knows nothing but distance; epochs: 0 gives scribble-nearest.
    Deviations: both networks are light heads on the frozen trunk; the walk learns on the grid of
    the trunk's second stage and labels on that of its first, twice as fine; the fixed segmenter is
    trained on the walk's labels afterwards.
    """
    strokes = drawn(view)
    if not epochs:
        return {id: nearest(seeds) for id, seeds in strokes.items()}
    stages = on_view.stages(view)
    coarse, fine = (s.shape[-2:] for s in stages[:2][::-1])
    seeds = on_grid(strokes.values(), coarse)
    with seeded(seed):
        net = Decoder([s.shape[1] for s in stages], len(view.classes) + 1)
        edges = Boundaries([s.shape[1] for s in stages[:3]])
    if not learn:
        nn.init.zeros_(edges.head.merge.weight)
        edges.requires_grad_(False)

    def loss(rows):
        x = [torch.from_numpy(s[rows]) for s in stages]
        mirror = torch.rand(()) < 0.5
        logits = net([v.flip(-1) for v in x]).flip(-1) if mirror else net(x)
        logits = F.adaptive_avg_pool2d(logits, coarse)
        return agreement(logits, conductances(edges(x, coarse)), seeds[rows], doubt)

    epochs = enough_epochs(epochs, len(seeds))
    fit(nn.ModuleList([net, edges]), loss, len(seeds), seed, epochs, lr=4e-3)
    labels, weights = {}, {}
    for row, (id, full) in enumerate(strokes.items()):
        weight = conductances(boundaries_of(edges, stages, row, fine))
        seen = at_size(full, fine)
        labels[id], weights[id] = spread(weight, seen, full, len(view.classes), doubt)
    return Made(labels=labels, weights=weights)


class Boundaries(nn.Module):
    """(B, h, w) boundaries in 0..STEEPEST from the finer stages of the trunk."""

    def __init__(self, channels):
        super().__init__()
        self.head = StageHead(channels, 1, width=16)

    def forward(self, stages, size):
        return STEEPEST * self.head(stages[: len(self.head.reduce)], size)[:, 0].sigmoid()


@torch.inference_mode()
def boundaries_of(edges, stages, row, size):
    """(h, w) of the picture `row`."""
    return edges([torch.from_numpy(s[[row]]) for s in stages], size)[0]


def agreement(logits, weight, seeds, doubt):
    """Cross-entropy of the walks and the labels, a mean over pictures; gradients reach both.

    logits: (B, C + 1, h, w); weight: (B, E); seeds: B strokes (h, w).
    """
    total = logits.sum() * 0
    for scores, steps, drawn_here in zip(logits.log_softmax(1), weight, seeds):
        present = classes_of(drawn_here)
        if len(present):
            p = hitting(steps, drawn_here, present)
            trust = torch.exp(-doubt * entropy(p.detach()))
            cost = -(p * scores[present.tolist()]).sum(0)
            total = total + (trust * cost).sum() / trust.sum()
    return total / len(seeds)


def entropy(p):
    """(h, w) in nats of (K, h, w) probabilities."""
    return -(p * p.clamp(min=TINY).log()).sum(0)


def spread(weight, seeds, full, classes, doubt):
    """((H, W) labels of the walk, (H, W) trust in them); full: the strokes at the picture's size"""
    present = classes_of(seeds)
    scores, trust = np.full((classes + 1, *full.shape), -1, np.float32), np.ones(full.shape)
    if len(present):
        p = hitting(weight, seeds, present).clamp(0, 1)
        found = F.interpolate(p[None], full.shape, mode="bilinear")[0]
        scores[present] = found.numpy()
        trust = upsample(torch.exp(-doubt * entropy(p))[None], full.shape)[0]
    return restricted(scores, full), np.where(full == 255, trust, 1).astype(np.float32)
