"""WSSL, Bbox-EM-Fixed: the net relabels the insides of the boxes, with a bonus for the classes."""

import numpy as np

from wsss_lite.nets import on_view
from wsss_lite.refine.boxes import allowed
from wsss_lite.refine.grabcut import fill
from wsss_lite.registry import register


@register(
    "wssl-em",
    category="Box",
    supervision="boxes",
    paper="Weakly- and Semi-Supervised Learning of a Deep Convolutional Network for Semantic "
    "Image Segmentation (its Bbox-EM-Fixed)",
    venue="ICCV",
    year=2015,
    cite="papandreou2015weakly",
    survey="S0 S2: bounding box",
    produces="labels",
)
def wssl_em(view, seed=0, rounds=2, foreground=5.0, background=4.0, epochs=3, later=2):
    """Train on filled boxes, then take turns: label by the net (E), train the net on it (M).

    E: a pixel takes the largest log-probability, after `foreground` is added to the classes of the
    boxes round it and `background` to the background; other classes are ruled out. The larger the
    difference, the more of a box stays object. rounds: 0 gives box-fill; epochs, later: of the
    first training and of each M-step.
    Deviations: frozen trunk; the classes without a box are out, where the paper gives no bonus.
    """
    labels = [fill(view.boxes(id), view.image(id).shape[:2]) for id in view.ids]
    decoder, features = None, on_view.stages(view) if rounds else None
    for _ in range(rounds):
        steps = later if decoder else epochs
        decoder = on_view.train_on(features, labels, len(view.classes), seed, steps, decoder)
        scores = on_view.log_probabilities(decoder, features, [x.shape for x in labels])
        boxes = (view.boxes(id) for id in view.ids)
        labels = [e_step(s, b, foreground, background) for s, b in zip(scores, boxes)]
    return dict(zip(view.ids, labels))


def e_step(scores, boxes, foreground, background):
    """(H, W) uint8: the best allowed label of (C + 1, H, W) scores with the two bonuses."""
    bonus = np.full(len(scores), foreground, np.float32)
    bonus[0] = background
    may = allowed(boxes, scores.shape[1:], len(scores) - 1)
    return np.where(may, scores + bonus[:, None, None], -np.inf).argmax(0).astype(np.uint8)
