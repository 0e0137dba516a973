"""The pipeline of `best-tags` on zero-shot CAM: for photographs too few to train a classifier."""

import torch

from wsss_lite.maps import cam as blocks
from wsss_lite.methods.cam.cam_imagenet import imagenet_numbers
from wsss_lite.methods.pipeline.best_tags import pipeline
from wsss_lite.registry import register


@register(
    "best-tags-imagenet",
    category="Pipeline",
    supervision="tags",
    paper="Ours, of the blocks of CAM ensembles, C2AM, PSA and SEC",
    venue="wsss-lite",
    year=2026,
)
def best_tags_imagenet(view, seed=0, epochs=0, **knobs):
    """`best-tags` with the evidence of `cam-imagenet` in place of that of a trained probe.

    Two sizes and the gate; no segmenter in between unless `epochs` says so, for 53 photographs are
    too few to teach one (tried, and measured on the masks of coco-mini: 2 points of the maps lost,
    6 after the CRF). Other knobs as in `best-tags`; scales=(1,) and gate=0 give `cam-imagenet`.
    """
    weight = view.trunk.trunk.classifier[0].cpu()
    names = [list(imagenet_numbers(c)) for c in view.classes]

    def evidence(x):
        return torch.stack([blocks.activation(x, weight[n]).amax(1) for n in names], 1)

    return pipeline(view, seed, evidence, epochs=epochs, **knobs)
