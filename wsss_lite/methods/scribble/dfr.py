"""DFR: a regularised loss whose kernel sees what the network has learnt, beside the colours."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from wsss_lite.losses.pairs import pair_loss
from wsss_lite.losses.regularised import crf_energy, gaussian_kernel
from wsss_lite.nets import on_view
from wsss_lite.nets.head import fit, seeded
from wsss_lite.nets.on_strokes import GRID, enough_epochs, labels_of_drawn, on_grid
from wsss_lite.nets.online import small_pictures
from wsss_lite.nets.segmenter import VOID, Decoder, pixel_loss
from wsss_lite.nets.stage_head import StageHead
from wsss_lite.refine.pairs import pair_kinds
from wsss_lite.refine.strokes import drawn
from wsss_lite.registry import Made, register


@register(
    "dfr",
    category="Scribble",
    supervision="scribbles",
    paper="Dynamic Feature Regularized Loss for Weakly Supervised Semantic Segmentation",
    venue="arXiv",
    year=2021,
    cite="zhang2021dynamic",
    survey="S0 S2: scribble",
    quoted={"VOC val (S2, Swin)": 82.8, "VOC test (S2, Swin)": 82.9},
    produces="labels",
)
def dfr(
    view, seed=0, energy=1.0, deep=0.5, consistent=0.5, sure=0.8, reach=0.2, colour=15.0,
    grid=GRID, epochs=6,
):  # fmt: skip
    """A CRF loss as of crf-loss, between pixels alike in colour, place and learnt features.

    A second head makes a feature of every position; two whose labels the strokes or the network
    are sure of (probability above `sure`) are pulled together or pushed apart. The kernel of the
    loss is multiplied by exp(-(1 - cosine) / deep^2) of these features as they are at that step.
    energy: weight of the loss; 0 gives scribble-ce. deep: None leaves colour and place. consistent:
    weight of the second head's loss. reach, colour: as in ncut-loss.
    Deviations: frozen trunk, EfficientNet in place of Swin, so that the features that change are
    those of a light head; all pairs of grid x grid positions; weights and thresholds are ours.
    """
    strokes = drawn(view)
    if not energy:
        return strokes
    stages, seeds = on_view.stages(view), list(strokes.values())
    size = (grid, grid)
    targets, small = (on_grid(seeds, s) for s in (on_view.grid(stages), size))
    seen, rng = torch.from_numpy(small_pictures(view, size)), np.random.default_rng(seed)
    with seeded(seed):
        net = Decoder([s.shape[1] for s in stages], len(view.classes) + 1)
        head = StageHead([s.shape[1] for s in stages], 32)

    def loss(rows):
        x = [torch.from_numpy(s[rows]) for s in stages]
        mirror = torch.rand(()) < 0.5
        logits = net([v.flip(-1) for v in x]).flip(-1) if mirror else net(x)
        p = F.adaptive_avg_pool2d(logits.softmax(1), size)
        kernel = gaussian_kernel(seen[rows].float(), reach * grid, colour)
        value = pixel_loss(logits, torch.from_numpy(targets[rows]).long())
        if deep is not None:
            features = F.normalize(head(x, size))
            pairs = rng.integers(0, small[0].size, (2000, 2))
            kinds = pair_kinds(confident(p, small[rows], sure), pairs)
            value = value + consistent * pair_loss(closeness(features, pairs), kinds)
            kernel = kernel * deep_kernel(features.detach(), deep)
        return value + energy * crf_energy(p, kernel)

    epochs = enough_epochs(epochs, len(seeds))
    fit(nn.ModuleList([net, head]), loss, len(seeds), seed, epochs, lr=4e-3)
    return Made(labels=labels_of_drawn(view, net, stages, seeds), decoder=net)


def confident(p, seeds, sure):
    """(B, h, w) uint8: the strokes, the label of what else is sure, 255 elsewhere."""
    value, label = (x.detach().numpy() for x in p.max(1))
    found = np.where(value > sure, label, VOID).astype(np.uint8)
    return np.where(seeds == VOID, found, seeds)


def closeness(features, pairs):
    """(B, P) in 0..1: (1 + cosine) / 2 of the pairs of positions of (B, D, h, w) unit vectors."""
    first, second = (features.flatten(2)[..., pairs[:, k]] for k in (0, 1))
    return (1 + (first * second).sum(1)).clamp(0, 2) / 2


def deep_kernel(features, width):
    """(B, n, n): exp(-(1 - cosine) / width^2) of all pairs of positions."""
    x = features.flatten(2)
    return ((x.transpose(1, 2) @ x - 1) / width**2).exp()
