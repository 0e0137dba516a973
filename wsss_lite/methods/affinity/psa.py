"""PSA: AffinityNet learns which neighbours are alike, and CAM walks along what it has learnt."""

import torch
from torch import nn

from wsss_lite.maps import cam as blocks
from wsss_lite.methods.cam.cam import cam
from wsss_lite.nets.affinity import fit_affinity, flow
from wsss_lite.nets.head import seeded
from wsss_lite.nets.stage_head import StageHead
from wsss_lite.refine.pairs import confident_rows
from wsss_lite.refine.walk import grid_pairs
from wsss_lite.registry import register

STAGES = ("c3", "c4", "c5")


@register(
    "psa",
    category="Affinity",
    supervision="tags",
    paper="Learning Pixel-Level Semantic Affinity with Image-Level Supervision for Weakly "
    "Supervised Semantic Segmentation",
    venue="CVPR",
    year=2018,
    cite="ahn2018learning",
    survey="S0 S1 S2 S3: offline, affinity; S1: pixel-wise, similarity",
    quoted={"VOC train, pseudo masks (S1)": 59.7, "VOC val (S2)": 61.7, "VOC test (S2)": 63.7},
)
def psa(view, seed=0, steps=32, beta=8.0, radius=5, epochs=4, low=0.15, high=0.5):
    """Random walk of CAM on affinities exp(-|f_i - f_j|), learnt from pairs that CAM is sure of.

    steps: of the walk, 0 is CAM; beta: power of the affinities, higher is stricter; radius: of the
    neighbours, in positions of stage c3; epochs: of training; low, high: thresholds between which
    the CRF leaves pixels of CAM unsure (`refine.pairs.confident`).

    Deviations: the trunk is frozen, only the layers that give f are trained; thresholds in place of
    powers of the background map; the walk of 2^8 steps on a grid of about 60 positions a side is
    shortened to what goes as far on one of 28; the background map does not walk with the
    others, as the threshold stands for it.
    """
    maps = cam(view, seed)
    if not steps:
        return maps
    features = [view.features(s) for s in STAGES]
    size = features[0].shape[2:]
    pairs = grid_pairs(*size, radius)
    with seeded(seed):
        net = AffinityNet([f.shape[1] for f in features], size, pairs)
    labels = confident_rows(view, maps, size, low, high)
    fit_affinity(net, net.affinity, features, labels, pairs, seed, epochs)
    return blocks.normalise(flow(maps, features, net.affinity, pairs, size, beta, steps)).numpy()


class AffinityNet(nn.Module):
    """Stages to features f of every position, and from these to the affinity of pairs."""

    def __init__(self, channels, size, pairs, width=32):
        super().__init__()
        self.size, self.pairs = size, torch.from_numpy(pairs)
        self.head = StageHead(channels, len(channels) * width, width)

    def forward(self, stages):
        return nn.functional.elu(self.head(stages, self.size))

    def affinity(self, stages, chosen):
        """(B, p) of the chosen pairs: exp of minus the mean absolute difference over channels."""
        f = self(stages).flatten(2)
        first, second = self.pairs[torch.from_numpy(chosen)].T
        return (-(f[..., first] - f[..., second]).abs().mean(1)).exp()
