"""What a segmenter says of the pictures it was trained on, as maps of the tagged classes."""

import torch

from wsss_lite.losses.seed_expand_constrain import tagged_softmax
from wsss_lite.maps import cam as blocks


@torch.inference_mode()
def softmax_maps(decoder, features, tags, batch=50):
    """(N, C, h, w) float32 in 0..1: the softmax of background and tags, each by its own maximum.

    decoder: of `train_segmenter`; features: list of lazy rows, fine to coarse; tags: (N, C) bool.
    """
    device, parts = next(decoder.parameters()).device, []
    for start in range(0, len(tags), batch):
        rows = slice(start, start + batch)
        logits = decoder([torch.from_numpy(f[rows]).to(device) for f in features]).cpu()
        parts.append(blocks.normalise(tagged_softmax(logits, tags[rows])[:, 1:]))
    return torch.cat(parts).numpy()
