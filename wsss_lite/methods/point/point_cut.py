"""Graph cut from the clicks: superpixels like a click's take its class, neighbours agree."""

from functools import partial

from wsss_lite.methods.point.point_nearest import point_nearest
from wsss_lite.nets.clicked import spread
from wsss_lite.refine.graphcut import SEGMENTS, graph_cut
from wsss_lite.registry import register


@register(
    "point-cut",
    category="Point",
    supervision="points",
    paper="Fast Approximate Energy Minimization via Graph Cuts",
    venue="PAMI",
    year=2001,
    cite="boykov2001fast",
    produces="labels",
    trains=False,
)
def point_cut(view, seed=0, smoothness=1.0, reach=0.25, size=0.05, segments=SEGMENTS):
    """The cheapest labelling of superpixels that keeps the clicks, by alpha-expansion.

    smoothness: price of a border between alike neighbours beside the likeness to the clicks in
    colour and place. reach: share of the picture's shorter side beyond which, from every object's
    click, all is background; None: the clicks alone. size: radius of a click, in the same unit.
    segments: superpixels asked for; 0 gives point-nearest.
    On the drawn scenes it is no better than point-nearest at the same reach, as point-walk.
    """
    if not segments:
        return point_nearest(view)
    block = partial(graph_cut, smoothness=smoothness, segments=segments)
    return spread(view, block, reach, size)
