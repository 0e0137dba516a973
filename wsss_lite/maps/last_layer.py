"""Maps of a gradient rule at the last layer, under a linear probe."""

import numpy as np
import torch

from wsss_lite.maps import cam as blocks
from wsss_lite.maps import gradient
from wsss_lite.nets.probe import train_probe


def last_layer_maps(view, seed, rule):
    """Maps of a gradient rule at the last layer, from cached features: (N, C, h, w)."""
    probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)
    weight = torch.from_numpy(probe.weight)
    features = view.features("final")
    out = np.zeros((*view.tags.shape, *features.shape[2:]), np.float32)
    for rows, x in features.chunks():
        acts = torch.from_numpy(x).requires_grad_()
        scores = acts.mean((2, 3)) @ weight.T
        for c in np.flatnonzero(view.tags[rows].any(0)):
            classes = torch.full((len(x),), int(c))
            (maps,) = gradient.gradient_maps(scores, [acts], classes, rule)
            out[rows, c] = maps.detach()
    return blocks.keep_tags(blocks.normalise(out), view.tags).numpy()
