"""SIPE: prototypes of one picture, from places whose likeness traces the map of a class."""

import torch
import torch.nn.functional as F
from torch import nn

from wsss_lite.losses import consistency as losses
from wsss_lite.maps import cam as blocks
from wsss_lite.maps.similar import similarity
from wsss_lite.nets.cam_head import CamHead, tag_loss
from wsss_lite.nets.head import fit, seeded
from wsss_lite.nets.probe import train_probe
from wsss_lite.registry import register

STAGES = ("c3", "c4", "c5", "final")


@register(
    "sipe",
    category="Self-supervised",
    supervision="tags",
    paper="Self-supervised Image-specific Prototype Exploration for Weakly Supervised Semantic "
    "Segmentation",
    venue="CVPR",
    year=2022,
    cite="chen2022self",
    survey="S0 S1 S2: offline, self-supervised; S1: image-wise, consistency",
    quoted={"VOC val (S1)": 68.8, "VOC test (S1)": 69.7, "VOC train, pseudo masks (S1)": 68.8},
)
def sipe(view, seed=0, epochs=4, strength=1.0, background=1.0, specific=True):
    """The cosine with the picture's own prototype of each class, trained to agree with CAM.

    Every place is given to the class, or to the background, whose map has the best intersection
    over union with what resembles that place; the mean feature of a class's places is its
    prototype, and the cosine of every place with it the specific map. strength: of the loss
    |CAM - specific map|, which trains both. background: factor on its intersection over union.
    specific=False hands out the CAM trained so; epochs: 0 is CAM.

    Deviations: the trunk is frozen; what learns are a correction of CAM and the projections of
    four stages in which the cosine is taken. Features are standardised before, and the background
    is not held back (by 0.5 in the paper): both gave better places here. The maps are those of one
    size, without a mirror.
    """
    probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)
    contexts = [view.features(s) for s in STAGES]
    net = Specific(CamHead(probe, seed), [moments(c) for c in contexts], seed, background)
    if not epochs:
        return net.head.cam(contexts[-1], view.tags)

    def loss(rows):
        tags = view.tags[rows]
        evidence, general, own = net([torch.from_numpy(c[rows]) for c in contexts], tags)
        agree = losses.difference(general, own, losses.with_background(tags))
        return tag_loss(net.head.scores(evidence), tags) + strength * agree

    fit(net, loss, len(view), seed, epochs)
    if not specific:
        return net.head.cam(contexts[-1], view.tags)
    with torch.inference_mode():
        parts = [
            net([torch.from_numpy(x), *(torch.from_numpy(c[rows]) for c in contexts[1:])],
                view.tags[rows])[2][:, 1:]
            for rows, x in contexts[0].chunks(50)
        ]  # fmt: skip
    return blocks.keep_tags(torch.cat(parts), view.tags).numpy()


class Specific(nn.Module):
    """The general CAM of a head, and the one by prototypes of the picture itself."""

    def __init__(self, head, scales, seed=0, background=1.0, width=64):
        super().__init__()
        self.head, self.background, self.scales = head, background, scales
        with seeded(seed):
            self.sides = nn.ModuleList(nn.Conv2d(len(m), width, 1, bias=False) for m, _ in scales)

    def forward(self, contexts, tags):
        """(evidence, general, specific) of a list of features, the last of them `final`.

        general, specific: (B, C + 1, h, w) in 0..1, background first, zero without a tag. A class
        that no place traces has no prototype, and its specific map is the general one.
        """
        final = contexts[-1]
        evidence = self.head(final)
        maps = blocks.keep_tags(blocks.normalise(evidence.relu()), tags)
        general = losses.with_rest(maps)
        contexts = [(c - m) / d for c, (m, d) in zip(contexts, self.scales)]
        places = own_places(general.detach(), similarity(contexts[-1]), self.background)
        x = [F.normalize(side(c)) for side, c in zip(self.sides, contexts)]
        x = torch.cat([blocks.resize(s, final.shape[-2:]) for s in x], 1)
        own = blocks.normalise(likeness(x, places))
        own = torch.where(places.amax((2, 3), keepdim=True) > 0, own, general)
        return evidence, general, blocks.keep_tags(own, losses.with_background(tags))


def moments(features, most=100):
    """Mean and standard deviation, (F, 1, 1) each, of the channels in up to `most` pictures."""
    x = torch.from_numpy(features[:: max(1, len(features) // most)])
    return x.mean((0, 2, 3))[:, None, None], x.std((0, 2, 3))[:, None, None] + 1e-3


def own_places(maps, similar, background=1.0):
    """(B, C + 1, h, w), 1 at the places of each class: where the likeness traces its map best.

    maps: (B, C + 1, h, w) in 0..1, background first; similar: (B, n, n) in 0..1. The measure is the
    soft intersection over union of a place's row of `similar` with the map.
    """
    flat = maps.flatten(2)
    both = flat @ similar
    union = similar.sum(1, keepdim=True) + flat.sum(2, keepdim=True) - both
    iou = both / union.clamp(min=1e-9)
    iou[:, 0] *= background
    best = F.one_hot(iou.argmax(1), flat.shape[1]).transpose(1, 2)
    return best.reshape(maps.shape).to(maps.dtype)


def likeness(features, places):
    """(B, K, h, w) in 0..1: cosine of each place with the mean feature of the places of a class."""
    unit = F.normalize(features.flatten(2), dim=1)
    mean = F.normalize(places.flatten(2) @ features.flatten(2).transpose(1, 2), dim=2)
    return (mean @ unit).relu().reshape(places.shape)
