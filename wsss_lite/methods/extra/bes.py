"""BES: learn where objects end from what CAM is sure of, and let the map flow up to there."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from wsss_lite.maps import cam as blocks
from wsss_lite.methods.cam.cam import cam
from wsss_lite.nets.head import fit, seeded
from wsss_lite.nets.segmenter import STAGES
from wsss_lite.progress import progress
from wsss_lite.refine.barrier import line_max
from wsss_lite.refine.pairs import confident_rows
from wsss_lite.refine.threshold import VOID
from wsss_lite.refine.walk import grid_pairs, transition, walk
from wsss_lite.registry import register


@register(
    "bes",
    category="Extra supervision",
    supervision="tags",
    paper="Weakly Supervised Semantic Segmentation with Boundary Exploration",
    venue="ECCV",
    year=2020,
    cite="chen2020weakly",
    survey="S0 S2: offline, extra supervision (contour)",
    quoted={"VOC val (S2)": 65.7, "VOC test (S2)": 66.6},
)
def bes(view, seed=0, steps=8, radius=3, beta=10, low=0.15, high=0.4, epochs=3, window=7):
    """Spread CAM by a random walk that a learnt boundary map stops.

    low, high: CAM and CRF are sure of the background below and of a class above; where the two meet
    in a window of `window` positions in similar numbers is a boundary, where one prevails is none
    (`boundary_labels`); a net on the trunk's stages learns the boundary map B from these labels.
    The walk goes between positions up to `radius` apart, with affinity (1 - max B on the line
    between them) ** beta, for `steps` steps; 0 is CAM.

    Deviations: CAM in place of the paper's attention-pooled CAM, which a frozen trunk does not
    change; the walk runs on the grid of the second stage, a quarter of the paper's positions;
    window and limits of `boundary_labels` are set for 56 positions a side; the boundary enters the
    affinity as it is, not by its square root; `epochs` is short, for time.
    """
    maps = cam(view, seed)
    if not steps:
        return maps
    features = [view.features(s) for s in STAGES]
    sure = confident_rows(view, maps, features[0].shape[2:], low, high)
    labels = np.stack([boundary_labels(m, window) for m in sure])
    net = train_boundary(features, labels, seed, epochs)
    size, out = features[1].shape[2:], []
    pairs = grid_pairs(*size, radius)
    for start in progress(range(0, len(maps), 20), "random walk"):
        rows = slice(start, start + 20)
        barrier = boundary_maps(net, features, rows, size)
        between = (1 - line_max(barrier, pairs)) ** beta
        for one, affinity in zip(blocks.resize(maps[rows], size).numpy(), between):
            out.append(walk(one, transition(affinity, pairs, barrier[0].size), steps))
    return blocks.keep_tags(blocks.normalise(np.stack(out)), view.tags).numpy()


def boundary_labels(sure, window=7, least=0.2, similar=0.15):
    """(H, W) uint8: 1 boundary, 0 none, 255 not known, of sure labels (H, W) with 255 unsure.

    Of two labels (the background is one) that each fill more than `least` of the window about a
    pixel, and whose shares differ by less than `similar`, it is the boundary; where the largest
    fills more than twice `least` and leads by more than twice `similar`, there is none.
    """
    kinds = [k for k in np.unique(sure) if k != VOID]
    one_hot = torch.from_numpy(np.stack([sure == k for k in kinds] + [sure != sure] * 2)).float()
    share = F.avg_pool2d(one_hot[None], window, 1, window // 2, count_include_pad=False)[0]
    first, second = share.topk(2, dim=0).values
    edge = (second > least) & (first - second < similar)
    plain = (first > 2 * least) & (first - second >= 2 * similar)
    return np.where(edge, 1, np.where(plain, 0, VOID)).astype(np.uint8)


class BoundaryNet(nn.Module):
    """Stages to boundary logits: each reduced to `width` channels, enlarged, and added up."""

    def __init__(self, channels, width=32):
        super().__init__()
        self.reduce = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, width, 1, bias=False), nn.GroupNorm(4, width))
            for c in channels
        )
        self.last = nn.Conv2d(len(channels) * width, 1, 1)

    def forward(self, stages):
        """stages: list of (B, c, h, w), fine to coarse. Returns (B, H, W) at the finest grid."""
        size = stages[0].shape[-2:]
        parts = [F.interpolate(f(x), size, mode="bilinear") for f, x in zip(self.reduce, stages)]
        return self.last(torch.cat(parts, 1).relu())[:, 0]


def train_boundary(features, labels, seed=0, epochs=4):
    """A `BoundaryNet` trained on (N, H, W) labels 1, 0 and 255, both kinds with equal weight."""
    with seeded(seed):
        net = BoundaryNet([f.shape[1] for f in features])

    def loss(rows):
        logits = net([torch.from_numpy(f[rows]) for f in features])
        return balanced(logits, torch.from_numpy(labels[rows]))

    return fit(net, loss, len(labels), seed, epochs, lr=1e-2)


def balanced(logits, labels):
    """Binary cross-entropy, the mean over boundary pixels plus that over the others, halved."""
    total = 0.0
    for kind in (0, 1):
        there = labels == kind
        cost = F.softplus(-logits if kind else logits)
        total = total + (cost * there).sum() / there.sum().clamp(min=1)
    return total / 2


@torch.inference_mode()
def boundary_maps(net, features, rows, size):
    """(B, h, w) in 0..1 of some rows: the largest boundary that falls on each position."""
    fine = net([torch.from_numpy(f[rows]) for f in features]).sigmoid()
    return F.adaptive_max_pool2d(fine[:, None], tuple(size))[:, 0].numpy()
