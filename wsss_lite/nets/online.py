"""One stage: what methods share that train the segmentation network by themselves, from tags.

Their network reads the stages of the trunk, as the segmenter does, and finds its own targets while
it learns: nothing passes through pseudo masks, threshold and CRF of a first stage.
"""

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.maps import cam as blocks
from wsss_lite.nets.segmenter import STAGES, VOID, pixel_loss
from wsss_lite.refine.par import pixel_adaptive


def stage_rows(view):
    """The stages that the segmenter reads, of all pictures of a view: a list of lazy rows."""
    view.trunk.prepare(view.ids, STAGES)
    return [view.features(stage) for stage in STAGES]


def small_pictures(view, size):
    """(N, 3, h, w) uint8: the pictures of a view at the size of the network's output."""
    out = np.empty((len(view.ids), 3, *size), np.uint8)
    for row, name in enumerate(view.ids):
        x = torch.from_numpy(np.array(view.image(name))).permute(2, 0, 1)[None].float()
        shrink = max(x.shape[-2:]) > max(size)
        out[row] = F.interpolate(x, tuple(size), mode="bilinear", antialias=shrink)[0].byte()
    return out


def smooth(maps, picture, steps=10):
    """Pixel-adaptive means of (C, h, w) maps, which need not sum to 1; see `pixel_adaptive`.

    picture: (3, h, w) uint8, as of `small_pictures`. steps=0 leaves the maps.
    """
    if not steps:
        return maps
    every = np.concatenate([np.ones((1, *maps.shape[1:]), np.float32), maps])
    found = pixel_adaptive(picture.transpose(1, 2, 0), every, steps, dilations=(1, 2, 4))
    return found[1:] / found[:1]


def mirrored(network, stages, rows):
    """(B, classes, h, w) logits of the pictures `rows`, as they lie; half of the time the network
    has seen the mirrored features."""
    x = [torch.from_numpy(s[rows]) for s in stages]
    if torch.rand(()) < 0.5:
        return network([v.flip(-1) for v in x]).flip(-1)
    return network(x)


def among_tags(logits, tags):
    """The (B, 1 + C, h, w) logits with those of classes that the tags exclude at minus infinity."""
    out = torch.from_numpy(~np.asarray(tags, bool))
    out = F.pad(out, (1, 0))[..., None, None]  # the background is never excluded
    return logits.masked_fill(out, -torch.inf)


def halves(logits, labels):
    """Cross-entropy on the background's labels and on those of the classes, half of each.

    logits: (B, classes, h, w); labels: (B, h, w) with 255 where there is none.
    """
    classes = torch.where(labels == 0, VOID, labels)
    ground = torch.where(labels == 0, 0, VOID)
    return (pixel_loss(logits, classes) + pixel_loss(logits, ground)) / 2


@torch.inference_mode()
def network_maps(network, stages, tags, size, batch=50):
    """(N, C, h, w) float32 in 0..1: softmax over background and tagged classes, by its maximum."""
    tags, parts = np.asarray(tags), []
    for start in range(0, len(tags), batch):
        piece = slice(start, start + batch)
        logits = network([torch.from_numpy(s[piece]) for s in stages])
        p = among_tags(logits, tags[piece]).softmax(1)[:, 1:]
        parts.append(blocks.resize(p, size))
    return blocks.keep_tags(blocks.normalise(torch.cat(parts)), tags).numpy()
