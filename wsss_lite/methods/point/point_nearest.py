"""The floor under all clicks: each pixel takes the class of the nearest one."""

from wsss_lite.nets.clicked import spread
from wsss_lite.refine.nearest import nearest_labels
from wsss_lite.registry import register


@register(
    "point-nearest",
    category="Point",
    supervision="points",
    paper="(the floor: no picture is looked at)",
    venue="this course",
    year=2026,
    produces="labels",
    trains=False,
)
def point_nearest(view, seed=0, radius=0.25):
    """The class of the nearest click, and background beyond a radius of every object's click.

    radius: as a share of the picture's shorter side; None: however far, so that the clicks on the
    background alone hold the objects back.
    """
    return spread(view, lambda image, seeds: nearest_labels(seeds), radius)
