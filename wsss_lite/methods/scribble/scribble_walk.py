"""Random walk from the strokes: each pixel takes the class whose stroke a walker meets first."""

from wsss_lite.refine.strokes import drawn, nearest
from wsss_lite.refine.walker import LONGEST, SHARPNESS, walk_labels
from wsss_lite.registry import register


@register(
    "scribble-walk",
    category="Scribble",
    supervision="scribbles",
    paper="Random Walks for Image Segmentation",
    venue="PAMI",
    year=2006,
    cite="grady2006random",
    produces="labels",
    trains=False,
)
def scribble_walk(view, seed=0, sharpness=SHARPNESS, longest=LONGEST):
    """The walker goes rather to a neighbour of like colour than to another; nothing is trained.

    sharpness: how much a step to another colour is avoided; None gives scribble-nearest. longest:
    side in pixels above which a picture is walked at reduced size. A picture without a stroke stays
    255.
    """
    strokes = drawn(view)
    if sharpness is None:
        return {id: nearest(seeds) for id, seeds in strokes.items()}

    def walked(id, seeds):
        if (seeds == 255).all():
            return seeds
        return walk_labels(view.image(id), seeds, sharpness, longest)

    return {id: walked(id, seeds) for id, seeds in strokes.items()}
