"""PPC: pixels near the prototype of their class, in this view and in the other one."""

import torch
from torch import nn

from wsss_lite.losses import consistency
from wsss_lite.losses.contrast import info_nce, prototypes
from wsss_lite.maps import cam as blocks
from wsss_lite.methods.selfsup import seam
from wsss_lite.nets.head import seeded
from wsss_lite.registry import register


@register(
    "ppc",
    category="Self-supervised",
    supervision="tags",
    paper="Weakly Supervised Semantic Segmentation by Pixel-to-Prototype Contrast",
    venue="CVPR",
    year=2022,
    cite="du2022weakly",
    survey="S0 S1 S2: offline, self-supervised (contrastive)",
    quoted={"VOC train, pseudo masks, with SEAM (S1)": 69.2, "VOC val, with SEAM (S1)": 67.7,
            "VOC test, with SEAM (S1)": 67.4},
)  # fmt: skip
def ppc(view, seed=0, contrast=0.1, background=0.2, share=1 / 16, **seam_knobs):
    """SEAM, with pixel features drawn to the prototype of their class and away from the others.

    A place's class is the strongest map there, or the background where all are below `background`.
    The prototype of a class is the mean feature of its surest places in the batch (`share` of all),
    weighted by the map. A pixel is compared with the prototypes of its own view; with those of
    the other view; and under the label that the other view gives it. contrast: weight of each of
    the three; 0 is SEAM. seam_knobs: of `seam`; epochs=0 is CAM.

    Deviations from the paper: the trunk is frozen, and what the contrast shapes is the layer that
    reduces its features for the correction of CAM; no mining of hard pixels and prototypes; the
    background's prototype is weighted by what the maps leave of 1, not by a constant.
    """
    knobs = {"epochs": 4, "cross": 1.0, **seam_knobs}
    extra = Contrast(contrast, background, share, seed) if contrast else None
    net = seam.train(view, seed, extra=extra, **knobs)
    on = knobs["epochs"] and knobs["cross"]
    return net.maps(view) if on else net.head.cam(view.features("final"), view.tags)


class Contrast(nn.Module):
    """The contrast of two views as a loss with a projection of its own."""

    def __init__(self, strength=0.1, background=0.2, share=1 / 16, seed=0, width=128, out=64):
        super().__init__()
        self.strength, self.background, self.share = strength, background, share
        with seeded(seed):
            self.project = nn.Conv2d(width, out, 1, bias=False)

    def forward(self, head, features, maps, tags):
        """The weighted loss; see `seam.train` for the arguments."""
        hidden = [head.correction.reduce(x).relu() for x in features]
        x = [self.project(blocks.resize(h, maps[0].shape[-2:])) for h in hidden]
        everything = [consistency.with_rest(m.detach()) for m in maps]
        proto = [prototypes(f.detach(), m, self.share) for f, m in zip(x, everything)]
        label = [labels(m, self.background) for m in maps]
        total = 0
        for own, other in ((0, 1), (1, 0)):
            total = total + info_nce(x[own], label[own], proto[own])
            total = total + info_nce(x[own], label[own], proto[other])
            total = total + info_nce(x[own], label[other], proto[own])
        return self.strength * total / 2


def labels(maps, background):
    """(B, h, w): 1 + the class of the strongest map, 0 where none exceeds `background`."""
    strongest, best = maps.detach().max(1)
    return torch.where(strongest > background, best + 1, 0)
