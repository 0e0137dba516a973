"""Size bounds: how much of its box an object fills, and nothing about which pixels."""

import numpy as np

from wsss_lite.losses.box import line_loss, ruled_out_loss, size_loss
from wsss_lite.nets import on_view
from wsss_lite.refine.boxes import grabcut_rates
from wsss_lite.refine.grabcut import fill
from wsss_lite.registry import Made, register


@register(
    "size-bounds",
    category="Box",
    supervision="boxes",
    paper="Constrained-CNN Losses for Weakly Supervised Segmentation",
    venue="Medical Image Analysis",
    year=2019,
    cite="kervadec2019constrained",
    produces="labels",
)
def size_bounds(view, seed=0, epochs=8, strength=10.0, slack=0.1, lines=0.0, rates=None):
    """Background outside the boxes, and in each box an object whose area has two bounds.

    strength: of the bounds; 0 leaves the background alone, and a net that calls everything
    background is without fault. rates: (C + 1,) share of a box by class; None takes the means of
    GrabCut on a few boxes; 1 with slack=0 is the filled box. slack: how far below and above the
    share is free. lines: weight of the tightness prior (see bbtp), added in the authors' later
    work on boxes (MIDL 2020). epochs: 0 gives box-fill.
    Deviations: frozen trunk; the bounds are for each box, not for the picture.
    """
    if not epochs:
        return {id: fill(view.boxes(id), view.image(id).shape[:2]) for id in view.ids}
    features = on_view.stages(view)
    rates = grabcut_rates(view, seed) if rates is None else np.asarray(rates)
    table = on_view.boxes_on_grid(view, on_view.grid(features))

    def loss(logits, rows):
        prob, boxes = logits.softmax(1), on_view.of_batch(table, rows)
        value = ruled_out_loss(prob, boxes)
        value = value + strength * size_loss(prob, boxes, rates - slack, rates + slack)
        return value + lines * line_loss(prob, boxes) if lines else value

    decoder = on_view.train_with(features, loss, len(view.classes) + 1, seed, epochs)
    return Made(labels=on_view.labels_in_boxes(view, decoder, features), decoder=decoder)
