"""Normalised-cut loss: what the strokes leave open is decided where a cut through colours is."""

from wsss_lite.losses.regularised import gaussian_kernel, normalised_cut
from wsss_lite.nets.on_strokes import GRID, regularised
from wsss_lite.refine.strokes import drawn
from wsss_lite.registry import Made, register


@register(
    "ncut-loss",
    category="Scribble",
    supervision="scribbles",
    paper="Normalized Cut Loss for Weakly-supervised CNN Segmentation",
    venue="CVPR",
    year=2018,
    cite="tang2018normalized",
    survey="S0 S2: scribble",
    quoted={"VOC val (S2)": 74.5},
    produces="labels",
)
def ncut_loss(view, seed=0, cut=3.0, reach=0.2, colour=15.0, grid=GRID, epochs=9):
    """Add to the partial cross-entropy the normalised cut of the network's own soft labels.

    There are no pseudo masks: the network itself is the segmenter. cut: weight of the loss; 0 gives
    scribble-ce. reach: how far two pixels are compared, a standard deviation as a share of the
    picture's width; colour: the same for colours, in grey levels of 0..255; grid: positions on a
    side.
    Deviations: the paper compares all pixels by fast filtering, here all pairs of grid x grid
    positions; the trunk is frozen, and the loss is there from the first step, where the paper
    first trains with strokes alone.
    On the scenes it makes good labels among the drawn classes, and a network that is worse than
    without the loss on new pictures, where no stroke says which classes there are: each class is
    charged relative to its own volume, so that a class that is not there costs less as half of the
    ground than as a trace of it everywhere.
    """
    strokes = drawn(view)
    if not cut:
        return strokes

    def loss(probability, colours):
        kernel = gaussian_kernel(colours, reach * grid, colour)
        return cut * normalised_cut(probability, kernel)

    labels, decoder = regularised(view, list(strokes.values()), loss, seed, grid, epochs)
    return Made(labels=labels, decoder=decoder)
