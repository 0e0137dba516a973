"""The floor under all boxes: every pixel of a box is the object."""

from wsss_lite.refine.grabcut import fill
from wsss_lite.registry import register


@register(
    "box-fill",
    category="Box",
    supervision="boxes",
    paper="Weakly- and Semi-Supervised Learning of a Deep Convolutional Network for Semantic "
    "Image Segmentation (its Bbox-Rect)",
    venue="ICCV",
    year=2015,
    cite="papandreou2015weakly",
    produces="labels",
    trains=False,
)
def box_fill(view, seed=0):
    """Fill each box with its class, small boxes in front of large ones: the floor."""
    return {id: fill(view.boxes(id), view.image(id).shape[:2]) for id in view.ids}
