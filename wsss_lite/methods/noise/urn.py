"""URN: labels that change with the strength of the network's response count less in training."""

import cv2
import numpy as np
import torch

from wsss_lite.losses.seed_expand_constrain import tagged_softmax
from wsss_lite.methods.cam.cam import cam
from wsss_lite.nets.segmenter import STAGES, train_segmenter
from wsss_lite.nets.softmax_maps import softmax_maps
from wsss_lite.progress import progress
from wsss_lite.refine.pairs import SMALL, crf_label
from wsss_lite.refine.threshold import upsample
from wsss_lite.refine.uncertainty import SCALES, response_variance
from wsss_lite.registry import Made, register


@register(
    "urn",
    category="Noise-aware second stage",
    supervision="tags",
    paper="Uncertainty Estimation via Response Scaling for Pseudo-mask Noise Mitigation in "
    "Weakly-supervised Semantic Segmentation",
    venue="AAAI",
    year=2022,
    cite="li2022uncertainty",
    survey="S1: image-wise, other",
    quoted={"VOC val (S1)": 69.5, "VOC test (S1)": 69.7, "COCO val (S1)": 40.7},
)
def urn(view, seed=0, strength=3.0, scales=SCALES, threshold=0.3, epochs=4):
    """Maps of a first segmenter, and weights for their labels: low where a label is not stable.

    A first decoder is trained on CAM after threshold and CRF, and its softmax over the tagged
    classes are the maps. The probability of each class is raised to several powers, each result
    refined by the CRF, and the variance u of a pixel's label over them (0..1) is its uncertainty.
    The segmenter trains with weights exp(-strength u); strength 0 leaves plain training on the
    same maps, the control; epochs=0 is CAM. threshold: of the first labels; scales: the powers.

    Deviations: the CRF sees pictures reduced to the decoder's grid; the background is not scaled;
    the paper's code clips the weights to two values, here they stay smooth; the labels are the
    first decoder's maps after the course's threshold and CRF.
    """
    maps = cam(view, seed)
    if not epochs:
        return Made(maps=maps)
    features = [view.features(s) for s in STAGES]
    labels = small_labels(view, maps, features[0].shape[2:], threshold)
    classes = len(view.classes) + 1
    decoder = train_segmenter(features, labels, classes, seed, epochs, least_steps=100)
    weights = trust(view, decoder, features, strength, scales) if strength else None
    return Made(maps=softmax_maps(decoder, features, view.tags), weights=weights)


def small_labels(view, maps, size, threshold):
    """(N, h, w) uint8 labels of maps after threshold and CRF, of pictures reduced to `size`."""
    found = []
    for name, one in zip(view.ids, progress(maps, "noisy labels")):
        picture = cv2.resize(view.image(name), size[::-1], interpolation=cv2.INTER_AREA)
        found.append(crf_label(picture, upsample(one, size), threshold, SMALL))
    return np.stack(found).astype(np.uint8)


def trust(view, decoder, features, strength=3.0, scales=SCALES, batch=20):
    """{picture: (H, W) float32}: exp(-strength * uncertainty) of a decoder's labels of a view."""
    weights = {}
    for start in progress(range(0, len(view.ids), batch), "uncertainty"):
        rows = slice(start, start + batch)
        with torch.inference_mode():
            logits = decoder([torch.from_numpy(f[rows]) for f in features])
        for name, p in zip(view.ids[rows], tagged_softmax(logits, view.tags[rows]).numpy()):
            picture = view.image(name)
            unsure = response_variance(picture, p, scales)
            weights[name] = upsample(np.exp(-strength * unsure)[None], picture.shape[:2])[0]
    return weights
