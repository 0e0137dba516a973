"""RRM: learn where CAM and the CRF agree, and let an energy of the segmentation decide the rest."""

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.losses.regularised import crf_energy, gaussian_kernel
from wsss_lite.methods.cam.cam import probe_maps
from wsss_lite.nets.head import fit, seeded
from wsss_lite.nets.online import halves, mirrored, network_maps, small_pictures, stage_rows
from wsss_lite.nets.probe import train_probe
from wsss_lite.nets.segmenter import VOID, Decoder, pixel_loss
from wsss_lite.refine.crf import CRF, dense_crf
from wsss_lite.refine.threshold import upsample
from wsss_lite.registry import Made, register

# PSA's settings, which RRM uses at 448 pixels, at an eighth of the size.
SETTINGS = CRF(position_std=1, colour_position_std=10, colour_std=13, colour_weight=10)
REACH = 0.22  # of the picture's width: standard deviation of place in the energy


@register(
    "rrm",
    category="Online",
    supervision="tags",
    paper="Reliability Does Matter: An End-to-End Weakly Supervised Semantic Segmentation Approach",
    venue="AAAI",
    year=2020,
    cite="zhang2020reliability",
    survey="S0 S2: online",
    quoted={"VOC val (S2)": 62.6, "VOC test (S2)": 62.9},
)
def rrm(view, seed=0, epochs=8, energy=0.1, powers=(1, 3), sure=0.6, balanced=False):
    """Train the segmenter on reliable pixels only, with a dense CRF energy on all others.

    Background is (1 - max CAM)^power. A pixel is a class where the CRF says so under the lower
    power, background where it says so under the higher, with a probability above 0.8; and it is
    reliable where CAM agrees: among the (1 - sure) highest of its class, or its background above
    0.8. energy: its weight, 0 leaves partial cross-entropy; balanced: background and classes count
    half each, as in the paper, not each pixel the same; epochs: 0 is CAM, and the segmenter of the
    second stage.

    Deviations: the trunk is frozen, so that the two branches share it but do not shape it, and CAM
    and labels stay as they are while the segmenter learns; the CRF runs at its output's size. The
    paper's powers of 4 and 32 left hardly any background here, where CAM is broad.
    """
    probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)
    maps = probe_maps(view, probe.weight)
    if not epochs:
        return Made(maps=maps)
    stages = stage_rows(view)
    pictures = small_pictures(view, stages[0].shape[2:])
    labels = torch.from_numpy(reliable_labels(pictures, maps, powers, sure))
    with seeded(seed):
        net = Decoder([s.shape[1] for s in stages], len(view.classes) + 1)

    def loss(rows):
        logits = mirrored(net, stages, rows)
        value = (halves if balanced else pixel_loss)(logits, labels[rows].long())
        if energy:
            value = value + energy * undecided_energy(logits, labels[rows], pictures[rows])
        return value

    fit(net, loss, len(view.ids), seed, epochs, lr=4e-3)
    return Made(maps=network_maps(net, stages, view.tags, stages[1].shape[2:]), decoder=net)


def reliable_labels(pictures, maps, powers=(1, 3), sure=0.6, settings=SETTINGS):
    """(N, H, W) uint8: the labels that CAM and CRF agree on, 255 elsewhere.

    pictures: (N, 3, H, W) uint8; maps: (N, C, h, w) in 0..1.
    """
    out = np.empty((len(pictures), *pictures.shape[2:]), np.uint8)
    for row, (picture, one) in enumerate(zip(pictures, maps)):
        heat = upsample(one, out.shape[1:])
        heat /= heat.max((1, 2), keepdims=True).clip(1e-5)
        image = np.ascontiguousarray(picture.transpose(1, 2, 0))
        low, high = (dense_crf(image, with_power(heat, p), settings) for p in powers)
        label = low.argmax(0).astype(np.uint8)
        label[label == 0] = VOID
        label[high.argmax(0) == 0] = 0
        agreed = np.concatenate([high[:1], low[1:]]).max(0) >= 0.8
        label[~(agreed & sure_of_cam(with_power(heat, powers[1]), sure))] = VOID
        out[row] = label
    return out


def with_power(heat, power):
    """The (C, H, W) maps with a background of (1 - their maximum)^power in front."""
    return np.concatenate([(1 - heat.max(0, keepdims=True)).clip(0) ** power, heat])


def sure_of_cam(scores, share=0.6):
    """(H, W) bool: where background exceeds 0.8, or a class all but `share` of its own pixels."""
    winner = scores.argmax(0)
    found = (winner == 0) & (scores[0] > 0.8)
    for c in np.unique(winner[winner > 0]):
        own = (winner == c) & (scores[c] > 0.1)
        if own.any():
            found |= own & (scores[c] > np.sort(scores[c][own])[int(own.sum() * share)])
    return found


def undecided_energy(logits, labels, pictures, grid=(20, 20)):
    """Dense CRF energy on a small grid; labelled pixels feel it as far as they are undecided."""
    p = F.adaptive_avg_pool2d(logits.softmax(1), grid)
    colours = F.adaptive_avg_pool2d(torch.from_numpy(pictures).float(), grid)
    free = F.adaptive_avg_pool2d((labels == VOID).float(), grid)
    gate = torch.maximum(free, 1 - p.detach().amax(1))
    return crf_energy(p, gaussian_kernel(colours, REACH * grid[1]), gate)
