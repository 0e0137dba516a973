"""The best we could do with boxes: tight lines, borders where colours change, and usual sizes."""

import numpy as np

from wsss_lite.losses.box import size_loss
from wsss_lite.methods.box import bbtp
from wsss_lite.nets import on_view
from wsss_lite.refine.boxes import filling_rates, inside
from wsss_lite.refine.crf import CRF
from wsss_lite.refine.grabcut import fill
from wsss_lite.registry import register

FEW = 2  # boxes that the mean over all classes stands for, where a class has few of its own


@register(
    "best-boxes",
    category="Pipeline",
    supervision="boxes",
    needs=("tune",),
    paper="this course: tightness, colour and filling rates, block by block",
    venue="wsss-lite",
    year=2026,
    produces="labels",
)
def best_boxes(
    view, seed=0, epochs=8, lines=0.5, smooth=30.0, spread=0.05, size=10.0, slack=0.15,
    crf=CRF(colour_std=6.0),
):  # fmt: skip
    """Tightness of boxes, a class filling them as in the tune masks, and a CRF on the result.

    Which share of its box an object fills cannot be learnt from boxes: GrabCut's own rates are far
    off (a bird fills 0.4 of its box, GrabCut says 0.7), and rates taken from the result of a first
    round run away. So they are measured on the tune masks, which every weak row pays for; `needs`
    says so. With 1000 scenes, as in short trainings on few, they bring nothing (on val, a tie).

    lines, smooth, spread, crf: as in bbtp, which is what is left at size=0. size: weight of the
    soft bound on the filled share, of what is more than `slack` times the rate away from it.
    epochs: 0 gives box-fill.
    """
    if not epochs:
        return {id: fill(view.boxes(id), view.image(id).shape[:2]) for id in view.ids}
    rates = tune_rates(view) if size else None
    low, high = (rates * (1 - slack), np.minimum(rates * (1 + slack), 1)) if size else (0, 1)

    def usual(prob, boxes):
        return size * size_loss(prob, boxes, low, high)

    decoder, features = bbtp.train(
        view, seed, epochs, lines, smooth, spread, extra=usual if size else None
    )
    return on_view.labels_in_boxes(view, decoder, features, crf)


def tune_rates(view, few=FEW):
    """(C + 1,) share of its box that a class fills in the tune masks, drawn to the common mean.

    Without tune masks, 1/2 for all.
    """
    pairs = [(box, view.tune_mask(id) == box.cls) for id in view.tune for box in view.boxes(id)]
    if not pairs:
        return np.full(len(view.classes) + 1, 0.5)
    common = np.mean([region[inside(box)].mean() for box, region in pairs])
    count = np.bincount([box.cls for box, _ in pairs], minlength=len(view.classes) + 1)
    rates = filling_rates(pairs, len(view.classes))
    return (count * rates + few * common) / (count + few)
