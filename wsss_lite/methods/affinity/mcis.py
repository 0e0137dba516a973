"""MCIS: two pictures that share a tag attend to each other; what is common, what is not."""

import numpy as np
import torch
from torch import nn

from wsss_lite.maps import cam as blocks
from wsss_lite.nets.cam_head import CamHead, tag_loss
from wsss_lite.nets.head import fit, seeded
from wsss_lite.nets.probe import train_probe
from wsss_lite.registry import register


@register(
    "mcis",
    category="Affinity",
    supervision="tags",
    paper="Mining Cross-Image Semantics for Weakly Supervised Semantic Segmentation",
    venue="ECCV",
    year=2020,
    cite="sun2020mining",
    survey="S0 S1 S2: offline, affinity (cross-image); S1: cross-image, pair",
    quoted={"VOC val (S1)": 66.2, "VOC test (S1)": 66.9},
)
def mcis(view, seed=0, epochs=3, common=1.0, contrast=1.0, partners=3, share=0.5):
    """Train CAM on pairs of pictures: the features each finds in the other, and what remains.

    Co-attention rebuilds every position of a picture from the positions of its partner that match.
    What is rebuilt is classified with the tags both have (weight `common`), what the rebuilt leaves
    of the picture's own features with the tags it has alone (`contrast`). partners: pictures with
    the class that each map is then rebuilt from, on average; share: of that map in the result,
    beside the picture's own. epochs: 0 is CAM; share=0 leaves only what training has changed.

    Deviations: the trunk is frozen; attention, gate and classifiers are trained on 128 channels
    reduced from its last layer; no saliency map; pictures are not paired with changed copies of
    themselves. A picture without a partner is paired with itself.
    """
    final = view.features("final")
    probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)
    net = CoAttention(probe, seed)
    if not epochs:
        return net.head.cam(final, view.tags)
    draw = np.random.default_rng(seed)

    def loss(rows):
        other = partner_of(rows, view.tags, view.tags[rows], draw)
        x, y = (torch.from_numpy(final[r]) for r in (rows, other))
        return net.loss(x, y, view.tags[rows], view.tags[other], common, contrast)

    fit(net, loss, len(view.ids), seed=seed, epochs=epochs)
    own = net.head.cam(final, view.tags)
    if not share:
        return own
    together = common_maps(net, final, view.tags, partners, draw)
    return blocks.normalise((1 - share) * own + share * together).numpy()


class CoAttention(nn.Module):
    """CAM that goes on learning, and the attention between the features of two pictures."""

    def __init__(self, probe, seed=0, width=128):
        super().__init__()
        self.head = CamHead(probe, seed, width)
        with seeded(seed):
            self.match = nn.Linear(width, width, bias=False)
            self.gate = nn.Conv2d(width, 1, 1)
            self.classify = nn.Conv2d(width, len(probe.weight), 1)

    def reduce(self, x):
        return self.head.correction.reduce(x).relu()

    def attend(self, f, g):
        """Every position of f rebuilt from those of g that match it: (B, K, h, w)."""
        affinity = self.match(f.flatten(2).mT) @ g.flatten(2)  # (B, positions of f, of g)
        return (g.flatten(2) @ affinity.softmax(2).mT).reshape(f.shape)

    def loss(self, x, y, tags_x, tags_y, common=1.0, contrast=1.0):
        """The classification loss of both pictures, with those of the common and of the rest."""
        total, f, g = 0, self.reduce(x), self.reduce(y)
        for z, one, two, tags in ((x, f, g, tags_x), (y, g, f, tags_y)):
            rebuilt, both = self.attend(one, two), tags_x & tags_y
            rest = one * (1 - self.gate(rebuilt).sigmoid())
            total = total + tag_loss(self.head.scores(self.head(z)), tags)
            total = total + common * tag_loss(self.classify(rebuilt).mean((2, 3)), both)
            alone = (tags & ~both).any(1)  # nothing is asked of a picture whose tags are all shared
            if alone.any():
                left = self.classify(rest[torch.from_numpy(alone)]).mean((2, 3))
                total = total + contrast * tag_loss(left, (tags & ~both)[alone])
        return total


def partner_of(rows, tags, wanted, draw):
    """(B,) for each row another picture with one of the classes of `wanted`, (B, C) bool.

    The row itself where there is no other.
    """
    shared = (wanted.astype(np.float32) @ tags.T.astype(np.float32)) > 0
    shared[np.arange(len(rows)), rows] = False
    found = [draw.choice(np.flatnonzero(s)) if s.any() else row for row, s in zip(rows, shared)]
    return np.array(found)


@torch.inference_mode()
def common_maps(net, final, tags, partners, draw, batch=20):
    """(N, C, h, w) in 0..1: each tag, seen in features rebuilt from partners that have it."""
    total = torch.zeros(*tags.shape, *final.shape[2:])
    at, classes = np.nonzero(tags)
    wanted = np.eye(tags.shape[1], dtype=bool)[classes]
    for _ in range(partners):
        others = partner_of(at, tags, wanted, draw)
        for start in range(0, len(at), batch):
            piece = slice(start, start + batch)
            f, g = (net.reduce(torch.from_numpy(final[r[piece]])) for r in (at, others))
            maps = net.classify(net.attend(f, g))[range(len(f)), classes[piece]].relu()
            total[at[piece], classes[piece]] += blocks.normalise(maps)
    return blocks.normalise(total).numpy()
