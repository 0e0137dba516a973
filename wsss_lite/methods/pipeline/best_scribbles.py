"""The best we could do with scribbles: what all pictures taught, and what this one says itself."""

import numpy as np

from wsss_lite.methods.scribble.dfr import dfr
from wsss_lite.methods.scribble.scribble_pixels import probabilities
from wsss_lite.nets import on_strokes, on_view
from wsss_lite.refine.crf import CRF
from wsss_lite.refine.strokes import drawn
from wsss_lite.registry import register

LEAST = 1e-3  # of a probability, so that neither opinion is a veto


@register(
    "best-scribbles",
    category="Pipeline",
    supervision="scribbles",
    paper="Ours: DFR's network, a classifier for each picture, and a CRF",
    venue="wsss-lite",
    year=2026,
    produces="labels",
)
def best_scribbles(view, seed=0, own=0.6, crf=CRF(colour_std=6), **knobs):
    """DFR knows the classes, scribble-pixels this picture; a CRF follows edges between them.

    The two probabilities are multiplied, with powers 1 - own and own. With many pictures DFR is the
    better of the two, with a few dozen photographs the other. own: 0 leaves DFR with a CRF, 1
    leaves scribble-pixels; crf: None leaves it out. knobs: those of dfr.
    """
    strokes = drawn(view).values()
    learnt = own_opinion = [None] * len(strokes)
    if own < 1:
        net, sizes = dfr(view, seed, **knobs).decoder, [seeds.shape for seeds in strokes]
        learnt = on_view.log_probabilities(net, on_view.stages(view), sizes)
    if own > 0:
        own_opinion = probabilities(view, strokes)
    both = (product(a, b, own) for a, b in zip(learnt, own_opinion))
    if crf is None:
        return on_strokes.best_of_drawn(view, both, strokes)
    return on_strokes.smoothed_labels(view, both, strokes, crf)


def product(log_learnt, own_opinion, own):
    """(C + 1, H, W): the weighted product of both, of which either may be missing."""
    if not own:
        return np.exp(log_learnt)
    if own == 1:
        return own_opinion
    return (np.exp(log_learnt) + LEAST) ** (1 - own) * (own_opinion + LEAST) ** own
