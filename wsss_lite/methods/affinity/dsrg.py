"""DSRG: seeds that grow, while the segmenter trains, wherever it has become sure enough."""

import numpy as np

from wsss_lite.losses import seed_expand_constrain as losses
from wsss_lite.methods.affinity.sec import constrained, seed_labels, train_blind
from wsss_lite.methods.cam.cam import cam
from wsss_lite.nets.segmenter import STAGES
from wsss_lite.nets.softmax_maps import softmax_maps
from wsss_lite.refine.grow import grow
from wsss_lite.registry import register


@register(
    "dsrg",
    category="Affinity",
    supervision="tags",
    paper="Weakly-Supervised Semantic Segmentation Network with Deep Seeded Region Growing",
    venue="CVPR",
    year=2018,
    cite="huang2018weakly",
    survey="S0 S1 S2: offline, affinity",
    quoted={"VOC val (S2)": 61.4, "VOC test (S2)": 63.2},
)
def dsrg(view, seed=0, theta=0.85, background=0.99, constrain=1.0, epochs=3, low=0.1, high=0.4):
    """Train the decoder on seeds that spread to neighbours above a probability, anew at each step.

    theta, background: probability above which a pixel beside a seed of an object, or of the
    background, takes its label; 1 for both is the control whose seeds stay as they are.
    constrain: weight of the divergence from the CRF of the network's output; low, high: thresholds
    of the seeds in CAM, as of `sec`. epochs: 0 is CAM.

    The maps are the network's softmax over the tagged classes. Deviations: as of `sec`; its network
    is not trained a second time on its own output.
    """
    maps = cam(view, seed)
    if not epochs:
        return maps
    features = [view.features(s) for s in STAGES]
    labels = seed_labels(maps, features[0].shape[2:], low, high)

    def loss(logits, rows):
        grown = grown_rows(labels[rows], logits, view.tags[rows], theta, background)
        total = losses.balanced_seed_loss(logits.softmax(1), grown)
        return total + constrain * constrained(view, logits, rows) if constrain else total

    decoder = train_blind(view, features, loss, seed, epochs)
    return softmax_maps(decoder, features, view.tags)


def grown_rows(labels, logits, tags, theta, background):
    """The seeds (B, h, w) of a batch, grown by the probabilities of the tagged classes."""
    p = logits.detach().softmax(1).cpu().numpy()
    p[:, 1:] *= tags[..., None, None]
    return np.stack([grow(*pair, theta, background) for pair in zip(labels, p)])
