"""Dense CRF loss and KernelCut: train the network so that no CRF has to run after it."""

from wsss_lite.losses.regularised import crf_energy, gaussian_kernel, normalised_cut
from wsss_lite.nets.on_strokes import GRID, regularised
from wsss_lite.refine.strokes import drawn
from wsss_lite.registry import Made, register


@register(
    "crf-loss",
    category="Scribble",
    supervision="scribbles",
    paper="On Regularized Losses for Weakly-supervised CNN Segmentation",
    venue="ECCV",
    year=2018,
    cite="tang2018regularized",
    survey="S0 S2: scribble",
    quoted={"VOC val (S2)": 75.0},
    produces="labels",
)
def crf_loss(view, seed=0, energy=1.0, cut=0.0, reach=0.2, colour=15.0, grid=GRID, epochs=9):
    """Add to the partial cross-entropy the energy that a dense CRF would minimise afterwards.

    energy: weight of the CRF's Potts energy, in which every two alike pixels of different labels
    cost; cut: weight of the normalised cut, and with both it is the paper's KernelCut; without
    either it is scribble-ce. reach, colour: of the kernel of both, see ncut-loss.
    Deviations: those of ncut-loss.
    """
    strokes = drawn(view)
    if not energy and not cut:
        return strokes

    def loss(probability, colours):
        kernel = gaussian_kernel(colours, reach * grid, colour)
        value = energy * crf_energy(probability, kernel) if energy else 0.0
        return value + cut * normalised_cut(probability, kernel) if cut else value

    labels, decoder = regularised(view, list(strokes.values()), loss, seed, grid, epochs)
    return Made(labels=labels, decoder=decoder)
