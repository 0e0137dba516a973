"""The best we could do with points: What's the Point, rarer background, and a CRF."""

import numpy as np

from wsss_lite.methods.point.whats_the_point import whats_the_point
from wsss_lite.nets import clicked, on_strokes, on_view
from wsss_lite.refine.crf import CRF
from wsss_lite.refine.drawn import with_frame
from wsss_lite.registry import register


@register(
    "best-points",
    category="Pipeline",
    supervision="points",
    needs=("saliency",),
    paper="Ours: What's the Point, and a CRF among what was clicked",
    venue="wsss-lite",
    year=2026,
    produces="labels",
)
def best_points(view, seed=0, ground=0.3, crf=CRF(colour_std=6), **knobs):
    """The network of whats-the-point, of which a CRF says where each of the clicked classes ends.

    ground: factor on the probability of the background, of which the network sees too much when it
    has learnt from 1000 scenes: its objectness prior leaves out what does not stand out. With a
    hundred pictures it sees too little, and 1 is better. crf: None gives the labels of
    whats-the-point. knobs: those of whats-the-point.
    """
    made = whats_the_point(view, seed, **knobs)
    if crf is None:
        return made.labels
    seeds = [with_frame(one)[0] for one in clicked.clicks(view).values()]
    sizes = [one.shape for one in seeds]
    scores = on_view.log_probabilities(made.decoder, on_view.stages(view), sizes)
    odds = np.array([ground] + [1.0] * len(view.classes), np.float32)[:, None, None]
    rarer = (np.exp(s) * odds for s in scores)
    return on_strokes.smoothed_labels(view, rarer, seeds, crf)
