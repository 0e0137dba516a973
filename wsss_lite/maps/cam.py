"""Class activation maps, and the three small steps that every map goes through."""

import numpy as np
import torch


def activation(features, weight):
    """The classifier's weights applied at every position: A_c(x, y) = w_c . f(x, y).

    features: (N, F, h, w); weight: (C, F). Returns (N, C, h, w), positive and negative.
    Averaged over (x, y) it is the class score without its bias: the score, taken apart by place.
    Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016.
    """
    features = torch.as_tensor(features)
    weight = torch.as_tensor(weight)
    return torch.einsum("cf,nfhw->nchw", weight, features)  # all classes in one pass


def relu(maps):
    """Keep what speaks for the class, drop what speaks against it."""
    return torch.as_tensor(maps).clamp(min=0)


def normalise(maps):
    """Divide each map by its own maximum: (N, C, h, w) >= 0 to 0..1 (an empty map stays 0)."""
    maps = torch.as_tensor(maps)
    peak = maps.amax((-2, -1), keepdim=True)
    return maps / peak.clamp(min=1e-12)


def keep_tags(maps, tags):
    """Zero the maps of classes that the tags exclude. tags: (N, C) bool."""
    tags = torch.as_tensor(np.asarray(tags, dtype=np.float32))
    return torch.as_tensor(maps) * tags[..., None, None]


def cam(features, weight, tags=None):
    """CAM = relu(w . f) / max, for the tagged classes. Returns (N, C, h, w) float32 in 0..1."""
    maps = normalise(relu(activation(features, weight)))
    return maps if tags is None else keep_tags(maps, tags)


def resize(maps, size):
    """(N, C, h, w) maps at another size, bilinear."""
    return torch.nn.functional.interpolate(torch.as_tensor(maps), tuple(size), mode="bilinear")
