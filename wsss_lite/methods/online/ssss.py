"""1-Stage: pixels vote for the tags through their own masks, and the refined masks teach them."""

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.maps.pool import ngwp, size_penalty
from wsss_lite.methods.cam.cam import probe_maps
from wsss_lite.nets.cam_head import tag_loss
from wsss_lite.nets.head import fit, seeded
from wsss_lite.nets.online import mirrored, network_maps, small_pictures, smooth, stage_rows
from wsss_lite.nets.probe import train_probe
from wsss_lite.nets.segmenter import VOID, Decoder, resize
from wsss_lite.registry import Made, register


@register(
    "ssss",
    category="Online",
    supervision="tags",
    paper="Single-Stage Semantic Segmentation from Image Labels",
    venue="CVPR",
    year=2020,
    cite="araslanov2020single",
    survey="S0 S2: online",
    quoted={"VOC val (S2)": 62.7, "VOC test (S2)": 64.3},
)
def ssss(view, seed=0, epochs=10, warm=4, teach=1.0, gate=0.3, penalty=1.0, refine=10):
    """Train one network whose masks are pooled into class scores and teach themselves.

    Scores: the mean of a class's logits under its own softmax mask, plus a penalty on small masks,
    against the tags. After `warm` epochs its masks, averaged locally by colour (`refine` steps;
    0 leaves them) and kept where they are near their maximum, are targets of weight `teach`.
    gate: share of deep features replaced by shallow ones in training; penalty: its weight;
    epochs: 0 is CAM, and the segmenter of the second stage.

    Deviations: the trunk is frozen; the gate lies in the segmenter's decoder and has no global
    context of its own; the decoder is as small as the segmenter's, and its masks are not
    merged over scales at the end. 91 s of one processor for 1020 pictures, the segmenter included.
    """
    if not epochs:
        probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)
        return Made(maps=probe_maps(view, probe.weight))
    stages = stage_rows(view)
    size = stages[1].shape[2:]
    pictures = small_pictures(view, size)
    with seeded(seed):
        net = GatedDecoder([s.shape[1] for s in stages], len(view.classes), gate)
    steps = 0

    def loss(rows):
        nonlocal steps
        logits = mirrored(net, stages, rows)
        value = tag_loss(mask_scores(logits, penalty), view.tags[rows])
        if teach and steps >= warm * -(-len(view.ids) // 20):
            found = refined(logits.detach(), pictures[rows], view.tags[rows], refine)
            value = value + teach * balanced_loss(logits, *targets(found), view.tags[rows])
        steps += 1
        return value

    fit(net, loss, len(view.ids), seed, epochs, lr=4e-3)
    return Made(maps=network_maps(net, stages, view.tags, size), decoder=net)


class GatedDecoder(Decoder):
    """The segmenter's decoder with a stochastic gate where deep and shallow features meet.

    Training takes a shallow feature in place of a deep one with probability `gate` and rescales
    the rest, so that the expectation is the deep one: shallow features, which see edges but not
    objects, may not decide alone. Its background has the constant logit 1.
    """

    def __init__(self, channels, classes, gate=0.3, width=64):
        super().__init__(channels, classes, width)
        self.gate = gate

    def forward(self, stages):
        """stages: list of (B, c, h, w), fine to coarse. Returns logits (B, 1 + classes, H, W)."""
        fine, *coarse = (x.contiguous(memory_format=torch.channels_last) for x in stages)
        deep = sum(resize(f(x), coarse[0].shape[-2:]) for f, x in zip(self.project, coarse))
        deep = resize(self.narrow(self.mix(deep)), fine.shape[-2:])
        logits = self.last(mixed(deep, self.fine(fine), self.gate, self.training))
        return F.pad(logits, (0, 0, 0, 0, 1, 0), value=1.0)


def mixed(deep, shallow, gate, training):
    """Deep and shallow features of one shape, mixed at random in training, by shares otherwise."""
    if not training:
        return (1 - gate) * deep + gate * shallow
    kept = torch.rand_like(deep) >= gate
    return torch.where(kept, (deep - gate * shallow) / (1 - gate), shallow)


def mask_scores(logits, penalty=1.0):
    """(B, C) class scores of (B, 1 + C, h, w) logits; see `ngwp` and `size_penalty`."""
    masks = logits.softmax(1)
    return (ngwp(masks, logits) + penalty * size_penalty(masks))[:, 1:]


def refined(logits, pictures, tags, steps=10):
    """(B, 1 + C, h, w) masks of background and tagged classes at the size of the small pictures,
    (B, 3, h, w) uint8, averaged by colour."""
    masks = resize(logits.softmax(1), pictures.shape[2:]).numpy()
    masks[:, 1:] *= np.asarray(tags)[..., None, None]
    for one, picture in zip(masks, pictures):
        there = one.any((1, 2))
        one[there] = smooth(one[there], picture, steps)
    return torch.from_numpy(masks)


def targets(masks, high=0.6, ground=0.7, least=0.2):
    """Labels (B, h, w), 255 where none or several fit, and which classes have any: (B, 1 + C).

    A mask is a target where it exceeds `high` of its own maximum (`ground`: the background's) and
    `least`.
    """
    edge = masks.amax((2, 3), keepdim=True) * high
    edge[:, 0] *= ground / high
    sure = masks > edge.clamp(min=least)
    labels = torch.where(sure.sum(1) == 1, sure.int().argmax(1), VOID)
    sure &= labels[:, None] != VOID
    return labels, sure.sum((2, 3))


def balanced_loss(logits, labels, counts, tags):
    """Cross-entropy in which a rare class of a picture weighs more, over the whole picture; none
    in a picture of which a tag or the background has no target.

    counts: (B, 1 + C) pixels with that target.
    """
    total = counts.sum(1, keepdim=True)
    rarity = (total - counts) / (1 + total)
    weight = rarity.gather(1, labels.flatten(1) * (labels != VOID).flatten(1)).view(labels.shape)
    logits = resize(logits, labels.shape[1:])
    loss = F.cross_entropy(logits, labels, ignore_index=VOID, reduction="none")
    whole = (counts > 0).sum(1) == 1 + torch.tensor(tags).sum(1)
    return ((loss * weight).mean((1, 2)) * whole).mean()
