"""The best we could do with boxes: tight lines, borders where colours change, and a CRF."""

from wsss_lite.methods.box.bbtp import bbtp
from wsss_lite.refine.crf import CRF
from wsss_lite.registry import register


@register(
    "best-boxes",
    category="Pipeline",
    supervision="boxes",
    paper="Ours: BBTP with BoxInst's neighbours and a tuned CRF",
    venue="wsss-lite",
    year=2026,
    produces="labels",
)
def best_boxes(view, seed=0, epochs=16, lines=0.5, smooth=30.0, spread=0.05, crf=CRF(colour_std=6)):
    """Tight lines asked for less, like-coloured neighbours more, and a CRF that looks closer.

    bbtp with other knobs and twice the epochs, all chosen on val: `spread` lets neighbours of another
    colour differ, as in BoxInst (CVPR 2021). epochs: 0 gives box-fill.
    Which share of its box an object fills is not asked for. It cannot be learnt from boxes:
    GrabCut's own rates are far off (a bird fills 0.4 of its box, GrabCut says 0.7), and rates taken
    from the result of a first round run away.
    """
    return bbtp(view, seed, epochs, lines, smooth, spread, crf)
