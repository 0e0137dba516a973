"""The floor under all clicks that train a net: cross-entropy at the clicked pixels, no more."""

from wsss_lite.nets.clicked import clicks
from wsss_lite.registry import register


@register(
    "point-ce",
    category="Point",
    supervision="points",
    paper="(the floor: partial cross-entropy)",
    venue="this course",
    year=2026,
    produces="labels",
    trains=False,
)
def point_ce(view, seed=0):
    """Train the segmenter on the clicked pixels; all others have no label."""
    return clicks(view)
