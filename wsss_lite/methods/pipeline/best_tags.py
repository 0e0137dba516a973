"""The course's own best from tags: sharp CAM, a foreground gate, and a segmenter that fills in."""

import cv2
import numpy as np
import torch

from wsss_lite.losses.seed_expand_constrain import expand_loss
from wsss_lite.maps import cam as blocks
from wsss_lite.maps.scales import multi_scale
from wsss_lite.methods.cooccurrence.c2am import foreground_map
from wsss_lite.nets.probe import train_probe
from wsss_lite.nets.segmenter import STAGES, train_segmenter
from wsss_lite.nets.softmax_maps import softmax_maps
from wsss_lite.refine.pairs import SMALL, confident
from wsss_lite.registry import Made, register

SIZES = (352, None)  # pixels; None is the trunk's own


@register(
    "best-tags",
    category="Pipeline",
    supervision="tags",
    paper="Ours, of the blocks of CAM ensembles, C2AM, PSA and SEC",
    venue="wsss-lite",
    year=2026,
)
def best_tags(view, seed=0, sizes=SIZES, gate=2.0, epochs=12, expand=0.3, low=0.1, high=0.3):
    """CAM of several sizes, times C2AM's foreground, taught to a segmenter, whose output is maps.

    1. CAM at each of the `sizes`, averaged: a large picture shows edges, a small one objects.
    2. Times the foreground map of C2AM to the power `gate`; 0 leaves it out.
    3. Labels that the CRF is sure of: objects above `high`, background below `low`, as in PSA.
    4. A segmenter trained on these for `epochs`, with SEC's expansion loss of weight `expand`,
       which asks a tagged class to fill a part of the picture. Its softmax over the tagged classes
       are the maps. epochs=0: those of step 2; with sizes=(None,) and gate=0 these are CAM.

    That segmenter is also the one that is scored on test: another, trained on its labels after
    the CRF, was a point worse on val of 300 scenes. No corpus, text, saliency or picture beyond the
    training set; the threshold of the maps comes from the tune masks, as for every method. Steps
    and knobs were chosen on the training masks of 300 scenes and on val. Features at 352 pixels
    and the CRF come on top of the segmenter's time: about two minutes for 1000 scenes.
    """
    maps = gated_cam(view, seed, sizes, gate)
    if not epochs:
        return Made(maps=maps)
    features = [view.features(s) for s in STAGES]
    labels = sure_labels(view, maps, [2 * n for n in features[0].shape[2:]], low, high)

    def extra(logits, rows):
        return expand * expand_loss(logits.softmax(1), view.tags[rows])

    classes = len(view.classes) + 1
    loss = extra if expand else None
    decoder = train_segmenter(features, labels, classes, seed, epochs, extra=loss)
    return Made(maps=softmax_maps(decoder, features, view.tags), decoder=decoder)


def gated_cam(view, seed=0, sizes=SIZES, gate=2.0):
    """(N, C, h, w) in 0..1: CAM of several sizes, times C2AM's foreground map, as `c2am` does."""
    probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)

    def evidence(x):
        return blocks.relu(blocks.activation(x, probe.weight))

    maps = torch.from_numpy(multi_scale(view, evidence, sizes))
    if gate:
        p = foreground_map(view.features("c4"), maps, seed)
        maps = blocks.normalise(maps * blocks.resize(p, maps.shape[-2:]) ** gate)
    return maps.numpy()


def sure_labels(view, maps, size, low, high):
    """(N, h, w) uint8 labels of pictures reduced to `size`, 255 where the CRF is not sure."""
    out = []
    for name, one in zip(view.ids, maps):
        picture = cv2.resize(view.image(name), size[::-1], interpolation=cv2.INTER_AREA)
        out.append(confident(picture, one, low, high, SMALL))
    return np.stack(out)
