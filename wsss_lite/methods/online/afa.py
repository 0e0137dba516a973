"""AFA: affinity, read from the attention of a transformer, spreads the maps that taught it."""

import numpy as np
import torch
from torch import nn

from wsss_lite.maps import cam as blocks
from wsss_lite.maps.similar import spread
from wsss_lite.nets.cam_head import tag_loss
from wsss_lite.nets.head import fit, seeded
from wsss_lite.nets.online import (
    halves,
    mirrored,
    network_maps,
    small_pictures,
    smooth,
    stage_rows,
)
from wsss_lite.nets.probe import train_probe
from wsss_lite.nets.segmenter import VOID, Decoder, pixel_loss
from wsss_lite.nets.tokens import ClassTokens
from wsss_lite.refine.threshold import seeds, upsample
from wsss_lite.registry import Made, register


@register(
    "afa",
    category="Online",
    supervision="tags",
    paper="Learning Affinity from Attention: End-to-End Weakly-Supervised Semantic Segmentation "
    "with Transformers",
    venue="CVPR",
    year=2022,
    cite="ru2022learning",
    survey="S0 S2: online; S1: pixel-wise, similarity",
    quoted={"VOC val (S1)": 66.0, "VOC test (S1)": 66.3},
)
def afa(view, seed=0, epochs=6, warm=1, power=1, bounds=(0.35, 0.55), radius=5, balanced=True):
    """Train classifier, affinity and segmenter at once; CAM, spread by affinity, is the label.

    A transformer corrects CAM. Its maps, smoothed by colour, label pairs of patches at most
    `radius` apart as same class or not, and the pairs teach an affinity: one linear layer on the
    attention of all heads, made symmetric. The maps, spread along affinity^power (0: not at all)
    and smoothed again, are the segmenter's labels: a class above the upper of `bounds`, background
    below the lower. warm: epochs with the tags alone; balanced: background and classes count half
    each, as in the paper; each pixel the same ended in background nearly everywhere. epochs: 0 is
    CAM, and the segmenter of the second stage.

    Deviations: the trunk is frozen; the transformer is one layer on its features and not
    pretrained; one size of the picture, the mean in place of the maximum for the class score. Pairs
    of two places of one class count as much as pairs of background, which outnumber them: all in
    one mean, as in the paper, the affinity learns what is background, and maps spread along it lose
    (in 120 scenes from .35 to .22; balanced it is a tie).
    """
    probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)
    final = view.features("final")
    raw = torch.cat([blocks.activation(x, probe.weight) for _, x in final.chunks()])
    if not epochs:
        return Made(maps=class_maps(raw, view.tags).numpy())
    patches, stages = view.features("c5"), stage_rows(view)
    size = stages[1].shape[2:]
    pictures, tags = small_pictures(view, size), view.tags
    with seeded(seed):
        net = AffinityNet(patches.shape[1], len(view.classes), patches.shape[2:])
        net.decoder = Decoder([s.shape[1] for s in stages], len(view.classes) + 1)
    near = within(patches.shape[2:], radius)
    done = 0

    def loss(rows):
        evidence, affinity = net(torch.from_numpy(patches[rows]))
        evidence = evidence + blocks.resize(raw[rows], evidence.shape[-2:])
        value = tag_loss(evidence.mean((2, 3)) + torch.from_numpy(probe.bias), tags[rows])
        if done < warm:
            return value
        maps = class_maps(evidence.detach(), tags[rows])
        labels = sure_labels(maps, pictures[rows], bounds)
        value = value + pair_loss(affinity, at_patches(labels, maps.shape[2:]), near)
        if power:
            maps = spread(maps, affinity.detach() ** power * near)
            labels = sure_labels(maps, pictures[rows], bounds)
        logits = mirrored(net.decoder, stages, rows)
        return value + (halves if balanced else pixel_loss)(logits, labels)

    def after(epoch):
        nonlocal done
        done = epoch + 1

    fit(net, loss, len(view.ids), seed, epochs, lr=4e-3, after=after)
    return Made(maps=network_maps(net.decoder, stages, tags, size), decoder=net.decoder)


class AffinityNet(nn.Module):
    """Features to a correction of the evidence, (B, C, h, w), and affinities, (B, h w, h w)."""

    def __init__(self, channels, classes, grid, width=96, heads=4):
        super().__init__()
        self.tokens = ClassTokens(channels, 0, grid, width, layers=1, heads=heads)
        self.correct = nn.Conv2d(width, classes, 1)
        self.pair = nn.Conv2d(heads, 1, 1)
        nn.init.zeros_(self.correct.weight)
        nn.init.zeros_(self.correct.bias)

    def forward(self, features):
        seen = self.tokens(features)
        attention = torch.cat(seen.logits, 1)
        pairs = self.pair(attention + attention.transpose(2, 3))[:, 0]
        return self.correct(seen.patches), pairs.sigmoid()


def class_maps(evidence, tags):
    """The positive evidence of the tagged classes, each map divided by its maximum."""
    return blocks.keep_tags(blocks.normalise(blocks.relu(evidence)), tags)


def within(grid, radius):
    """(n, n) float: 1 for pairs of positions at most `radius` rows and columns apart, else 0."""
    place = torch.cartesian_prod(torch.arange(grid[0]), torch.arange(grid[1]))
    return ((place[:, None] - place[None]).abs().amax(2) <= radius).float()


def sure_labels(maps, pictures, bounds, steps=10):
    """(B, H, W) long labels, 255 where unsure, of maps smoothed by the colours of the pictures."""
    out = []
    for one, picture in zip(maps.numpy(), pictures):
        heat = upsample(one, picture.shape[1:])
        there = heat.any((1, 2))
        heat[there] = smooth(heat[there], picture, steps)
        out.append(seeds(heat, *bounds))
    return torch.from_numpy(np.stack(out)).long()


def at_patches(labels, size):
    """The (B, H, W) labels at the middle of each of (h, w) patches."""
    pairs = zip(size, labels.shape[1:])
    rows, columns = (((torch.arange(s) + 0.5) * n / s).long() for s, n in pairs)
    return labels[:, rows][:, :, columns]


def pair_loss(affinity, labels, near):
    """Mean distance of the affinities from 1 over pairs of one label, and from 0 over the others.

    affinity: (B, n, n) in 0..1; labels: (B, h, w), pairs with a label 255 do not count. Pairs of
    one class and pairs of background count a quarter each, the others a half, as in PSA.
    """
    flat = labels.flatten(1)
    known = (flat != VOID).float()
    known = known[:, :, None] * known[:, None] * near
    same = (flat[:, :, None] == flat[:, None]) * known
    ground = same * (flat == 0)[:, None]
    apart = 1 - affinity
    kinds = ((same - ground, apart, 1), (ground, apart, 1), (known - same, affinity, 2))
    return sum(w * (kind * cost).sum() / (kind.sum() + 1) for kind, cost, w in kinds) / 4
