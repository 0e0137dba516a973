"""EPS: a saliency map tells the maps of all tags together where they should end."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from wsss_lite.maps import cam as blocks
from wsss_lite.maps.saliency import saliency as own_saliency
from wsss_lite.methods.cam.cam import cam
from wsss_lite.nets.cam_head import CamHead, tag_loss
from wsss_lite.nets.head import MapHead, fit, maps_of
from wsss_lite.nets.probe import train_probe
from wsss_lite.registry import register


@register(
    "eps",
    category="Extra supervision",
    supervision="tags",
    needs=("saliency",),
    paper="Railroad is not a Train: Saliency as Pseudo-pixel Supervision for Weakly Supervised "
    "Semantic Segmentation",
    venue="CVPR",
    year=2021,
    cite="lee2021railroad",
    survey="S0 S1 S2 S3: offline, extra supervision (saliency); S1: external data",
    quoted={
        "VOC train, pseudo masks (S1)": 69.4,
        "VOC val (S1)": 70.9,
        "VOC test (S1)": 70.8,
        "VOC val (S2)": 71.0,
        "VOC test (S2)": 71.8,
    },
)
def eps(view, seed=0, saliency=None, strength=10.0, tau=0.4, blend=0.5, epochs=6):
    """Train maps of all classes and of the background to add up to a saliency map.

    saliency: (N, h, w) in 0..1, a map a picture of the view at any size; None takes
    `maps.saliency`, which knows neither masks nor tags. strength: of the saliency loss beside the
    classification loss (1 in the paper, which trains longer); blend: weight of the maps of the
    tagged classes against that of the background in the sum; tau: a class counts as salient only
    if that share of its map lies on salient positions, else it is added to the background (a
    railway is on no saliency map, and the train's must not be stretched over it). epochs: 0 is CAM.

    The maps are the softmax over classes and background. Deviations: the trunk is frozen, and what
    is trained is a correction of CAM and a background map; the paper's saliency detector was
    trained on masks of salient objects, ours was not.
    """
    if not epochs:
        return cam(view, seed)
    salient = own_saliency(view, seed=seed) if saliency is None else saliency
    final = view.features("final")
    salient = at_size(salient, final.shape[2:])
    net = ClassesAndBackground(train_probe(view.features("pooled")[:], view.tags, seed=seed), seed)

    def loss(rows):
        evidence = net(torch.from_numpy(final[rows]))
        value = tag_loss(net.classes.scores(evidence[:, :-1]), view.tags[rows])
        fused = fuse(evidence.softmax(1), salient[rows], view.tags[rows], tau, blend)
        return value + strength * F.mse_loss(fused, salient[rows])

    fit(net, loss, len(view.ids), seed, epochs)
    maps = maps_of(net, final).softmax(1)[:, :-1]
    return blocks.normalise(blocks.keep_tags(maps, view.tags)).numpy()


class ClassesAndBackground(nn.Module):
    """CAM with a trainable correction, and a map of the background that starts at zero."""

    def __init__(self, probe, seed=0):
        super().__init__()
        self.classes = CamHead(probe, seed)
        self.background = MapHead(probe.weight.shape[1], 1)
        self.background.reduce.load_state_dict(self.classes.correction.reduce.state_dict())
        nn.init.zeros_(self.background.classify.weight)
        nn.init.zeros_(self.background.classify.bias)

    def forward(self, features):
        """(B, C + 1, h, w) evidence, the background last."""
        return torch.cat([self.classes(features), self.background(features)], 1)


def at_size(salient, size):
    """(N, h, w) saliency at another size, as the mean of what falls together."""
    salient = torch.as_tensor(np.asarray(salient, np.float32))
    return F.interpolate(salient[:, None], tuple(size), mode="area")[:, 0]


def fuse(p, salient, tags, tau=0.4, blend=0.5):
    """(B, h, w) in 0..1: what the maps say is salient.

    p: (B, C + 1, h, w), a softmax, the background last; salient: (B, h, w); tags: (B, C) bool.
    blend * (maps of tagged classes on salient ground) + (1 - blend) * (1 - background - the others
    of the tagged classes).
    """
    tags = torch.as_tensor(np.asarray(tags, bool))
    region = (p[:, :-1].detach() > 0.5).float()
    on = (region * (salient > 0.5)[:, None]).sum((2, 3)) / region.sum((2, 3)).clamp(min=1e-4)
    front, rest = tags & (on > tau), tags & (on <= tau)
    front, rest = (blocks.keep_tags(p[:, :-1], t).sum(1) for t in (front, rest))
    return blend * front + (1 - blend) * (1 - p[:, -1] - rest)
