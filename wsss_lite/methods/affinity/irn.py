"""IRN: a map of boundaries, learnt from pairs of pixels, that stops CAM from walking across."""

import torch
from torch import nn

from wsss_lite.maps import cam as blocks
from wsss_lite.methods.cam.cam import cam
from wsss_lite.nets.affinity import fit_affinity, flow, rows_of
from wsss_lite.nets.head import seeded
from wsss_lite.nets.stage_head import StageHead
from wsss_lite.refine.barrier import line_cells
from wsss_lite.refine.pairs import confident_rows
from wsss_lite.refine.walk import grid_pairs
from wsss_lite.registry import register

STAGES = ("c2", "c3", "c4", "c5")
GRID = "c3"


@register(
    "irn",
    category="Affinity",
    supervision="tags",
    paper="Weakly Supervised Learning of Instance Segmentation with Inter-pixel Relations",
    venue="CVPR",
    year=2019,
    cite="ahn2019weakly",
    survey="S1: pixel-wise, similarity; S2: within PCAM",
    quoted={"VOC train, pseudo masks (S1)": 66.5, "VOC val (S1)": 63.5, "VOC test (S1)": 64.8},
)
def irn(view, seed=0, steps=32, beta=10.0, radius=5, epochs=4, low=0.15, high=0.5):
    """Random walk of CAM between positions without a boundary on the line that joins them.

    The affinity of two positions is 1 - the largest boundary on the line, and nobody draws the
    boundaries: they are what explains which pairs differ. steps: of the walk, 0 is CAM; beta: power
    of the affinities; radius: of the neighbours, in positions of stage c3; epochs: of training;
    low, high: thresholds between which the CRF leaves pixels of CAM unsure.

    Deviations: the trunk is frozen; one grid of 28 positions a side in place of about 125, with a
    walk that is shorter to match, and one radius for training and walk in place of 10 and 5; no
    displacement field, which only tells objects of one class apart.
    """
    maps = cam(view, seed)
    return walked(view, maps, seed, steps, beta, radius, epochs, low, high) if steps else maps


def walked(view, maps, seed, steps, beta, radius, epochs, low, high):
    """(N, C, h, w) maps in 0..1 after the walk; the boundaries are learnt from `maps`."""
    features = [view.features(s) for s in STAGES]
    size = features[STAGES.index(GRID)].shape[2:]
    pairs = grid_pairs(*size, radius)
    with seeded(seed):
        net = BoundaryNet([f.shape[1] for f in features], size, pairs)
    labels = confident_rows(view, maps, size, low, high)
    fit_affinity(net, net.affinity, features, labels, pairs, seed, epochs)
    maps = blocks.resize(maps, size) * (1 - net.boundaries(features))[:, None]
    return blocks.normalise(flow(maps, features, net.affinity, pairs, size, beta, steps)).numpy()


class BoundaryNet(nn.Module):
    """Stages to a boundary map in 0..1, and from it to the affinity of pairs."""

    def __init__(self, channels, size, pairs, width=32):
        super().__init__()
        self.size, self.cells = size, torch.from_numpy(line_cells(pairs, size[1]))
        self.head = StageHead(channels, 1, width)

    def forward(self, stages):
        return self.head(stages, self.size)[:, 0].sigmoid()

    def affinity(self, stages, chosen):
        """(B, p) of the chosen pairs: 1 - the largest boundary on the line between the two."""
        boundary = self(stages).flatten(1)
        return 1 - boundary[:, self.cells[torch.from_numpy(chosen)]].amax(-1)

    @torch.inference_mode()
    def boundaries(self, features, batch=50):
        """(N, h, w) of all rows of lazy features."""
        starts = range(0, len(features[0]), batch)
        return torch.cat([self(rows_of(features, slice(k, k + batch))) for k in starts])
