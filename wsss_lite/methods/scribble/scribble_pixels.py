"""Pixel classification: each picture learns from its own strokes what its classes look like."""

import cv2
import numpy as np

from wsss_lite.nets import on_strokes, own_pixels
from wsss_lite.nets.segmenter import STAGES
from wsss_lite.refine.crf import CRF
from wsss_lite.refine.reduce import at_size
from wsss_lite.refine.strokes import drawn, nearest
from wsss_lite.registry import register

SIDE = 56  # positions on a side at which a picture learns and is read


@register(
    "scribble-pixels",
    category="Scribble",
    supervision="scribbles",
    paper="ilastik: interactive machine learning for (bio)image analysis",
    venue="Nature Methods",
    year=2019,
    cite="berg2019ilastik",
    produces="labels",
    trains=False,
)
def scribble_pixels(view, seed=0, stages=3, crf=CRF(colour_std=6)):
    """A logistic regression a picture, on colour, place and features; a CRF then follows edges.

    No picture learns from another: what a person does who paints a few strokes, looks, and paints
    more. stages: how many of the segmenter's stages describe a pixel, finest first; 0 leaves colour
    and place, None gives scribble-nearest. crf: None leaves it out.
    Deviations: ilastik filters the picture and grows random forests; here the frozen trunk is the
    filter and a linear layer is enough. The CRF is ours.
    """
    strokes = drawn(view)
    if stages is None:
        return {id: nearest(seeds) for id, seeds in strokes.items()}
    found = probabilities(view, strokes.values(), stages)
    if crf is None:
        return on_strokes.best_of_drawn(view, found, strokes.values())
    return on_strokes.smoothed_labels(view, found, strokes.values(), crf)


def probabilities(view, strokes, stages=3, side=SIDE):
    """Yield the (C + 1, H, W) float32 opinion of each picture's own classifier."""
    names = STAGES[:stages]
    view.trunk.prepare(view.ids, names)
    features = [view.features(stage) for stage in names]
    for row, (id, seeds) in enumerate(zip(view.ids, strokes)):
        here = [stage[row] for stage in features]
        looks = own_pixels.described(view.image(id), here, (side, side))
        p = own_pixels.probabilities(looks, at_size(seeds, (side, side)), len(view.classes))
        yield np.stack([cv2.resize(one, seeds.shape[::-1]) for one in p])
