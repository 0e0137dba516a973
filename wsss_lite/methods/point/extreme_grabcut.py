"""Extreme clicking: four clicks on an object's edge give its box, and a start for GrabCut."""

from wsss_lite.data.annotation import box_of
from wsss_lite.refine.extreme import extreme_cut
from wsss_lite.refine.grabcut import STEPS, fill
from wsss_lite.registry import register


@register(
    "extreme-grabcut",
    category="Point",
    supervision="boxes",
    needs=("extreme",),
    paper="Extreme Clicking for Efficient Object Annotation",
    venue="ICCV",
    year=2017,
    cite="papadopoulos2017extreme",
    survey="S0 S2: point",
    quoted={"VOC val (S2)": 58.4},
    produces="labels",
    trains=False,
)
def extreme_grabcut(view, seed=0, steps=STEPS):
    """GrabCut that begins inside the quadrilateral of the four clicks; then train on the masks.

    steps: of GrabCut; 0 fills the box that the clicks span, that of box-fill but for a pixel. The
    supervision is called boxes because four clicks cost what a box does, and give one.
    Deviations: the boundary between two clicks is the straight line, where the paper takes the
    shortest path along learnt edges; a smaller copy of the quadrilateral is sure to be object, in
    place of the middle line of the paper's outline.
    """
    if not steps:
        return spans(view)
    return {id: extreme_cut(view.image(id), view.extreme(id), steps) for id in view.ids}


def spans(view):
    """{picture: (H, W) uint8}: the boxes of the extreme points, filled."""
    return {
        id: fill([box_of(ends) for ends in view.extreme(id)], view.image(id).shape[:2])
        for id in view.ids
    }
