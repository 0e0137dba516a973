"""Random walk from the clicks: rather to a neighbour of like colour than to another."""

from functools import partial

from wsss_lite.methods.point.point_nearest import point_nearest
from wsss_lite.nets.clicked import spread
from wsss_lite.refine.walker import walk_labels
from wsss_lite.registry import register


@register(
    "point-walk",
    category="Point",
    supervision="points",
    paper="Random Walks for Image Segmentation",
    venue="PAMI",
    year=2006,
    cite="grady2006random",
    produces="labels",
    trains=False,
)
def point_walk(view, seed=0, sharpness=100.0, reach=0.25, size=0.05, longest=96):
    """Each pixel takes the class whose click a random walker meets first.

    sharpness: how much a step to another colour is avoided; None gives point-nearest. reach: share
    of the picture's shorter side beyond which, from every object's click, all is background; None:
    the clicks alone. size: radius of a click, in the same unit. longest: side in pixels above which
    a picture is walked at reduced size.
    On the drawn scenes it is no better than point-nearest at the same reach: ground and objects
    are of many colours, of which a click knows one.
    """
    if sharpness is None:
        return point_nearest(view)
    block = partial(walk_labels, sharpness=sharpness, longest=longest)
    return spread(view, block, reach, size)
