"""The best we could do with scribbles: what all pictures taught, and what this one says itself."""

import math

import numpy as np

from wsss_lite.methods.scribble.dfr import dfr
from wsss_lite.methods.scribble.scribble_pixels import probabilities
from wsss_lite.nets import on_strokes, on_view
from wsss_lite.refine.crf import CRF
from wsss_lite.refine.strokes import drawn
from wsss_lite.registry import Made, register

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
    leaves scribble-pixels; crf: None leaves it out. knobs: those of dfr; its energy=0 gives
    scribble-ce, as there is no network then.
    """
    strokes = drawn(view).values()
    opinions = []
    if own < 1:
        made = dfr(view, seed, **knobs)
        if not isinstance(made, Made):
            return made
        sizes = [seeds.shape for seeds in strokes]
        learnt = on_view.log_probabilities(made.decoder, on_view.stages(view), sizes)
        opinions.append((1 - own, (np.exp(p) for p in learnt)))
    if own > 0:
        opinions.append((own, probabilities(view, strokes)))
    powers, found = zip(*opinions)
    both = (product(several, powers) for several in zip(*found))
    if crf is None:
        return on_strokes.best_of_drawn(view, both, strokes)
    return on_strokes.smoothed_labels(view, both, strokes, crf)


def product(opinions, powers):
    """(C + 1, H, W): the product of (C + 1, H, W) probabilities to powers; of one, itself."""
    if len(opinions) == 1:
        return opinions[0]
    return math.prod((p + LEAST) ** power for p, power in zip(opinions, powers))
