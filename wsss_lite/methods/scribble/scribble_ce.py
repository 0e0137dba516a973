"""The floor under losses for strokes: partial cross-entropy alone, on the pixels drawn on."""

from wsss_lite.refine.strokes import drawn
from wsss_lite.registry import register


@register(
    "scribble-ce",
    category="Scribble",
    supervision="scribbles",
    paper="(the floor: partial cross-entropy alone)",
    venue="this course",
    year=2016,
    produces="labels",
)
def scribble_ce(view, seed=0):
    """Hand the strokes to the segmenter as they are: all other pixels do not count."""
    return drawn(view)
