"""Zero-shot CAM: the ImageNet classifier that came with the trunk, under VOC names."""

import numpy as np
import torch

from wsss_lite.errors import InputError
from wsss_lite.maps import cam as blocks
from wsss_lite.methods.cam.imagenet_names import IMAGENET
from wsss_lite.registry import register


@register(
    "cam-imagenet",
    category="CAM",
    supervision="tags",
    paper="Learning Deep Features for Discriminative Localization",
    venue="CVPR",
    year=2016,
    cite="zhou2016learning",
    survey="S0 S1 S2 S3: foundation of both pipelines",
    trains=False,
)
def cam_imagenet(view, seed=0):
    """CAM of the ImageNet classes that stand for each tag; nothing is trained.

    The map of a class is the largest of the maps of its ImageNet classes at each position.
    `imagenet_names.py` says which they are, and how `person` is stood for.
    """
    weight = view.trunk.trunk.classifier[0].cpu()
    names = [imagenet_numbers(c) for c in view.classes]
    features = view.features("final")
    out = np.zeros((*view.tags.shape, *features.shape[2:]), np.float32)
    for rows, x in features.chunks(20):
        for c in np.flatnonzero(view.tags[rows].any(0)):
            raw = blocks.activation(x, weight[list(names[c])])
            out[rows, c] = raw.amax(1)
    return blocks.keep_tags(blocks.normalise(blocks.relu(torch.from_numpy(out))), view.tags).numpy()


def imagenet_numbers(name):
    """ImageNet class numbers that stand for a class name; InputError for an unknown one."""
    if name not in IMAGENET:
        raise InputError(
            f"cam-imagenet has no ImageNet classes for {name!r}: it knows the VOC names "
            "(see wsss_lite/methods/cam/imagenet_names.py); train a probe with `cam` instead."
        )
    return IMAGENET[name]
