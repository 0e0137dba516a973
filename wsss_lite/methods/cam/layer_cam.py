"""LayerCAM: every position of every channel weighted by its positive gradient."""

import numpy as np
import torch

from wsss_lite.maps import cam as blocks
from wsss_lite.maps import gradient
from wsss_lite.maps.last_layer import last_layer_maps
from wsss_lite.nets.probe import train_probe
from wsss_lite.registry import register


@register(
    "layer-cam",
    category="CAM",
    supervision="tags",
    paper="LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
    venue="TIP",
    year=2021,
    cite="jiang2021layercam",
    survey="S3: CAM improvement",
)
def layer_cam(view, seed=0, stages=("c5", "final"), batch=10):
    """Per-position positive gradients at several stages, merged by the maximum.

    With `stages=("final",)` it reads the cached features only. Deviations from the paper: the
    probe is linear on a frozen trunk, VGG's stages become the trunk's, and only the last two
    are used by default, because the gradient through this trunk's dilated depthwise
    convolutions takes a CPU about half a second a picture; `stages` asks for earlier ones.
    """
    if tuple(stages) == ("final",):
        return last_layer_maps(view, seed, gradient.layer_cam)
    probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)
    trunk = view.trunk.trunk
    weight = torch.from_numpy(probe.weight).to(trunk.device)
    parts = []
    for start in range(0, len(view.ids), batch):
        pictures = [view.image(i) for i in view.ids[start : start + batch]]
        x = trunk.tensor(pictures).requires_grad_()
        found = trunk.stages(x, stages)
        acts = [found[s] for s in stages]
        scores = found["final"].mean((2, 3)) @ weight.T
        parts.append(_class_maps(scores, acts, view.tags[start : start + batch]))
    return np.concatenate(parts)


def _class_maps(scores, acts, tags):
    """(B, C, h, w) LayerCAM of a batch, one backward pass for the k-th tag of every picture."""
    size = acts[0].shape[-2:]
    out = np.zeros((*tags.shape, *size), np.float32)
    order = [np.flatnonzero(t) for t in tags]
    for k in range(max(map(len, order), default=0)):
        rows = [i for i, t in enumerate(order) if len(t) > k]
        classes = np.array([t[k] if len(t) > k else 0 for t in order])
        chosen = torch.from_numpy(classes).to(scores.device)
        maps = gradient.gradient_maps(scores, acts, chosen, gradient.layer_cam)
        merged = gradient.merge_layers(maps, size).detach().cpu()
        out[rows, classes[rows]] = blocks.normalise(merged[:, None])[rows, 0].numpy()
    return out
