"""ScribbleSup: a graph cut gives the pixels labels, a network learns them and has a say in it."""

import numpy as np

from wsss_lite.nets import on_view
from wsss_lite.nets.on_strokes import train_on_strokes
from wsss_lite.refine.graphcut import HARD, expand
from wsss_lite.refine.reduce import at_size
from wsss_lite.refine.regions import Regions
from wsss_lite.refine.strokes import classes_of, drawn, nearest
from wsss_lite.refine.threshold import upsample
from wsss_lite.registry import register


@register(
    "scribblesup",
    category="Scribble",
    supervision="scribbles",
    paper="ScribbleSup: Scribble-Supervised Convolutional Networks for Semantic Segmentation",
    venue="CVPR",
    year=2016,
    cite="lin2016scribblesup",
    survey="S0 S2: scribble",
    quoted={"VOC val (S2)": 63.1},
    produces="labels",
)
def scribblesup(view, seed=0, rounds=2, smooth=10.0, ground=1.0, segments=500, epochs=2):
    """Train on the strokes, cut each picture's superpixels with the network's opinion, and again.

    A superpixel under a stroke has its class; any other may have each class drawn in the picture,
    for the mean of -log of the network's probability. Two neighbours of different classes pay
    `smooth`, times how alike they are. rounds: trainings of `epochs`, the first on the strokes,
    each later one on the labels of the last cut; 0 is a cut without a network. ground: log-odds
    given to the background in the first cut, as a stroke covers less of it than of an object.
    segments: superpixels asked for; 0 gives scribble-nearest.
    Deviations: frozen trunk; the paper starts from a cut without a network, which here is little
    better than the nearest stroke; alike are mean colours and long borders, where the paper
    compares histograms of colours and gradients, which here is worse; the network's price is a
    mean over a superpixel, not a sum, so that small pictures are smoothed as large ones.
    On 100 scenes and on photographs the second round changes the labels' score by a point at most.
    """
    strokes = drawn(view)
    if not segments:
        return {id: nearest(seeds) for id, seeds in strokes.items()}
    graphs = [Regions(view.image(id), segments) for id in view.ids]
    seeds = labels = list(strokes.values())
    if not rounds:
        labels = [cut(g, s, None, smooth) for g, s in zip(graphs, seeds)]
    decoder, features = None, on_view.stages(view) if rounds else None
    for _ in range(rounds):
        given = 0 if decoder else ground
        decoder = train_on_strokes(
            features, labels, len(view.classes), None, seed, epochs, start=decoder
        )
        scores = on_view.log_probabilities(decoder, features, [s.shape for s in seeds])
        labels = [cut(g, s, p, smooth, given) for g, s, p in zip(graphs, seeds, scores)]
    return dict(zip(view.ids, labels))


def cut(graph, seeds, scores, smooth, ground=0.0):
    """(H, W) uint8 of the strokes' classes. scores: (C + 1, H, W) log-probabilities, or None.

    ground: added to those of the background.
    """
    present = classes_of(seeds)
    if not len(present):
        return seeds
    small = at_size(seeds, graph.pieces.shape)
    held = graph.sums([small == k for k in present])
    price = np.zeros((graph.count, len(present)))
    if scores is not None:
        price -= graph.means(upsample(scores[present], small.shape)) + ground * (present == 0)
    under = held.any(1)
    price[under] = np.where(np.eye(len(present), dtype=bool)[held[under].argmax(1)], 0, HARD)
    chosen = expand(price, graph.edges, smooth * graph.alike)
    return np.where(seeds == 255, graph.paint(present[chosen]), seeds)
