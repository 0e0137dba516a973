"""Puzzle-CAM: the map of the whole picture should be the maps of its tiles, put together."""

import itertools

import torch

from wsss_lite.losses.consistency import difference, ramp
from wsss_lite.methods.selfsup.seam import tagged
from wsss_lite.nets.cam_head import CamHead, tag_loss
from wsss_lite.nets.head import fit
from wsss_lite.nets.probe import train_probe
from wsss_lite.nets.views import tiled
from wsss_lite.registry import register

BATCH = 20


@register(
    "puzzle-cam",
    category="Self-supervised",
    supervision="tags",
    paper="Puzzle-CAM: Improved Localization via Matching Partial and Full Features",
    venue="ICIP",
    year=2021,
    cite="jo2021puzzle",
    survey="S0 S2: offline, self-supervised (siamese)",
)
def puzzle_cam(view, seed=0, epochs=4, strength=5.0, grid=2):
    """Classify the picture and the puzzle of its tiles, and hold their maps together.

    A tile shows one part alone, so that the head must recognise it without the rest; the loss
    |CAM(x) - puzzle(CAM(tiles))| takes what it found there to the map of the whole. grid: tiles
    along a side; strength: of that loss, which grows from 0 over the first half of training;
    strength=0 is the control that classifies both and no more. epochs: 0 is CAM.

    Deviations: the trunk is frozen, and what learns is a correction of CAM on its features; the
    maps are compared after the ReLU and divided by their maximum, since the difference of the raw
    ones, the paper's, made maps worse here; its mean is over the tagged classes. The tiles
    cost one more forward pass of the pictures, about 20 CPU-seconds for 1000.
    """
    return train(view, seed, epochs, strength, grid).cam(view.features("final"), view.tags)


def train(view, seed=0, epochs=4, strength=5.0, grid=2):
    """The trained `CamHead`."""
    probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)
    head = CamHead(probe, seed)
    if not epochs:
        return head
    whole, tiles = view.features("final"), tiled(view, grid)
    step, steps = itertools.count(1), epochs * -(-len(view) // BATCH)

    def loss(rows):
        tags = view.tags[rows]
        found = [head(torch.from_numpy(f[rows])) for f in (whole, tiles)]
        value = sum(tag_loss(head.scores(e), tags) for e in found)
        maps = [tagged(e, tags) for e in found]
        return value + strength * ramp(next(step), steps) * difference(*maps, tags)

    return fit(head, loss, len(view), seed, epochs, batch=BATCH)
