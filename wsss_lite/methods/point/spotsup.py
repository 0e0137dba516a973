"""ScribbleSup from spots: a network learns the clicks, a graph cut gives its opinion edges."""

from wsss_lite.methods.scribble.scribblesup import cut
from wsss_lite.nets import clicked, on_view
from wsss_lite.nets.on_strokes import train_on_strokes
from wsss_lite.refine.drawn import with_frame
from wsss_lite.refine.regions import Regions
from wsss_lite.registry import register


@register(
    "spotsup",
    category="Point",
    supervision="points",
    paper="ScribbleSup, with strokes that are spots (one click an object)",
    venue="CVPR",
    year=2016,
    cite="lin2016scribblesup",
    survey="S0 S2: scribble",
    produces="labels",
)
def spotsup(view, seed=0, rounds=1, ground=0.65, smooth=3.0, segments=500, epochs=4, later=2):
    """Learn the clicks alone, cut each picture with the network's opinion, train on the result.

    The cut is that of scribblesup: a superpixel with a click has its class, any other may have each
    class clicked in its picture. rounds: of training and cut; 0 gives point-ce. ground: share of
    the pixels that are background, which the few clicks on it do not tell; None: do as if they did
    (see `clicked.ground_shift`). smooth, segments: of the cut. epochs: of the network that learns
    clicks; later: of those that learn the labels of the last cut.
    A second round costs as much again and makes no better labels on the drawn scenes.
    Deviations: those of scribblesup, and the background's share, which the paper is not given.
    """
    clicks = clicked.clicks(view)
    if not rounds:
        return clicks
    features, seeds = on_view.stages(view), [with_frame(one)[0] for one in clicks.values()]
    graphs = [Regions(view.image(id), segments) for id in view.ids]
    shift = 0.0 if ground is None else clicked.ground_shift(clicks.values(), ground)
    decoder, labels = None, list(clicks.values())
    for _ in range(rounds):
        decoder = train_on_strokes(
            features, labels, len(view.classes), None, seed, epochs, start=decoder
        )
        scores = on_view.log_probabilities(decoder, features, [s.shape for s in seeds])
        labels = [cut(g, s, p, smooth, shift) for g, s, p in zip(graphs, seeds, scores)]
        shift, epochs = 0.0, later  # these labels have their share of background
    return dict(zip(view.ids, labels))
