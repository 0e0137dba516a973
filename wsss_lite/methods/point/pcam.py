"""PCAM: clicks tell the class activation map where its class is; IRN spreads it from there."""

import numpy as np
import torch

from wsss_lite.methods.affinity.irn import irn, walked
from wsss_lite.nets.cam_head import CamHead, tag_loss
from wsss_lite.nets.clicked import clicks_on_grid
from wsss_lite.nets.head import fit
from wsss_lite.nets.probe import train_probe
from wsss_lite.nets.segmenter import pixel_loss
from wsss_lite.registry import register


@register(
    "pcam",
    category="Point",
    supervision="points",
    paper="PCAMs: Weakly Supervised Semantic Segmentation Using Point Supervision",
    venue="arXiv",
    year=2020,
    cite="mcever2020pcams",
    survey="S0 S2: point",
    quoted={"VOC val (S2)": 70.5},
)
def pcam(view, seed=0, strength=1.0, epochs=6, steps=32, beta=10.0, low=0.15, high=0.5):
    """Train CAM with cross-entropy at the clicks, then walk as IRN does.

    strength: of the loss at the clicks beside the classification loss, over the class maps and a
    background of evidence 0; 0 is IRN. steps: of the walk, 0 leaves the map as it is; beta, low,
    high: see `irn`.
    Deviations: frozen trunk; what is trained is a correction of CAM on its last stage, where
    objects that share a cell share a click; the walk is that of `irn`, with its deviations.
    """
    if not strength:
        return irn(view, seed, steps=steps, beta=beta, low=low, high=high)
    final = view.features("final")
    head = CamHead(train_probe(view.features("pooled")[:], view.tags, seed=seed), seed)
    labels = clicks_on_grid(view, final.shape[2:]).astype(np.int64)

    def loss(rows):
        evidence = head(torch.from_numpy(final[rows]))
        value = tag_loss(head.scores(evidence), view.tags[rows])
        return value + strength * click_loss(evidence, torch.from_numpy(labels[rows]))

    fit(head, loss, len(view.ids), seed, epochs)
    maps = head.cam(final, view.tags)
    return walked(view, maps, seed, steps, beta, 5, 4, low, high) if steps else maps


def click_loss(evidence, labels):
    """Cross-entropy of (B, C, h, w) evidence and a background of 0 at the labelled positions."""
    return pixel_loss(torch.cat([torch.zeros_like(evidence[:, :1]), evidence], 1), labels)
