"""The floor under methods that spread strokes: each pixel takes the class of the nearest one."""

from wsss_lite.refine.strokes import drawn, nearest
from wsss_lite.registry import register


@register(
    "scribble-nearest",
    category="Scribble",
    supervision="scribbles",
    paper="(the floor: the nearest stroke)",
    venue="this course",
    year=2016,
    produces="labels",
    trains=False,
)
def scribble_nearest(view, seed=0):
    """Each pixel takes the class of the nearest stroke: the floor, which does not see the picture.

    A picture without any stroke stays undecided.
    """
    return {id: nearest(seeds) for id, seeds in drawn(view).items()}
