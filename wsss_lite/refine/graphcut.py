"""Strokes or clicks to a mask: a graph cut over superpixels, with SLIC and PyMaxflow.

The picture is cut into a few hundred superpixels. Each pays for a class that its colour does not
speak for, and two neighbours pay for being of different classes, the more the more alike they are.
The cheapest labelling of two classes is a minimum cut. With more classes, alpha-expansion (Boykov,
Veksler and Zabih, PAMI 2001) offers one class after the other to all superpixels at once, each time
by a cut, until nobody wants to change.
"""

import maxflow
import numpy as np
from skimage.color import rgb2lab
from skimage.segmentation import slic

from wsss_lite.refine.reduce import enlarged_labels, reduced, reduced_seeds, reduction

VOID = 255
LONGEST = 192  # pixels; most of the time goes into the superpixels
SEGMENTS = 800  # asked for; SLIC makes about half as many
SMOOTHNESS = 2.0  # price of a border between alike neighbours, beside prices of at most COST
COST = 5.0
FAR = 0.5  # of the diagonal: how much the distance to the seeds counts beside colour
CYCLES = 5
HARD = 1e6


def graph_cut(image, seeds, smoothness=SMOOTHNESS, segments=SEGMENTS, longest=LONGEST):
    """(H, W) uint8: the cheapest labelling that keeps the seeds.

    image: (H, W, 3) uint8; seeds: (H, W) uint8, 255 where nothing is known. A picture with a side
    above `longest` is cut at reduced size.
    """
    classes = np.setdiff1d(seeds, VOID).astype(np.uint8)
    if not len(classes):
        raise ValueError("the graph cut needs a seed")
    factor = reduction(seeds.shape, longest)
    small, seen = reduced_seeds(seeds, factor), reduced(image, factor)
    pieces, colours, places = superpixels(seen, segments)
    unary = prices(pieces, colours, places, small, classes)
    edges, weight = neighbours(pieces, colours)
    chosen = expand(unary, edges, smoothness * weight)
    labels = enlarged_labels(classes[chosen[pieces]], seeds.shape)
    return np.where(seeds == VOID, labels, seeds)  # a piece may hold seeds of two classes


def superpixels(image, segments=SEGMENTS):
    """((h, w) piece numbers from 0, (S, 3) mean Lab colours, (S, 2) centres in diagonals)."""
    lab = rgb2lab(image).astype(np.float32)
    pieces = slic(image, segments, compactness=10, start_label=0, max_num_iter=5)
    _, pieces = np.unique(pieces, return_inverse=True)
    pieces = pieces.reshape(image.shape[:2])
    rows, columns = np.indices(pieces.shape) / np.hypot(*pieces.shape)
    return pieces, _means(pieces, lab), _means(pieces, np.stack([rows, columns], -1))


def _means(pieces, values):
    """(S, D) mean of (h, w, D) values in each piece."""
    count = np.bincount(pieces.ravel())
    sums = [np.bincount(pieces.ravel(), channel.ravel()) for channel in np.moveaxis(values, -1, 0)]
    return np.stack(sums, 1) / count[:, None]


def prices(pieces, colours, places, seeds, classes):
    """(S, K) what each superpixel pays for each class.

    Its distance in colour and place to the closest superpixel with a seed of that class, as a share
    of the distances to all classes. A superpixel with seeds takes the class of most of them.
    """
    count = len(colours)
    held = np.zeros((count, 256), int)
    np.add.at(held, (pieces.ravel(), seeds.ravel()), 1)
    held = held[:, classes]
    features = np.concatenate([colours / 100, FAR * places], 1)
    owner = np.where(held.any(1), held.argmax(1), -1)
    distance = np.stack([_closest(features, held[:, k] > 0) for k in range(len(classes))], 1)
    cost = COST * distance / distance.sum(1, keepdims=True).clip(1e-9)
    cost[owner >= 0] = HARD
    cost[np.flatnonzero(owner >= 0), owner[owner >= 0]] = 0
    return cost


def _closest(features, chosen):
    """(S,) distance of every superpixel to the closest of the chosen ones."""
    to = features[chosen]
    squares = (features**2).sum(1)[:, None] - 2 * features @ to.T + (to**2).sum(1)
    return np.sqrt(squares.min(1).clip(0))


def neighbours(pieces, colours):
    """((2, E) pairs of superpixels that touch, (E,) weights in 0..1).

    The longer the border and the more alike the colours, the larger the weight.
    """
    count = len(colours)
    first = np.concatenate([pieces[:, :-1].ravel(), pieces[:-1].ravel()])
    second = np.concatenate([pieces[:, 1:].ravel(), pieces[1:].ravel()])
    low, high = np.minimum(first, second), np.maximum(first, second)
    codes, borders = np.unique((low * count + high)[low != high], return_counts=True)
    edges = np.stack([codes // count, codes % count])
    square = ((colours[edges[0]] - colours[edges[1]]) ** 2).sum(1)
    alike = np.exp(-square / (2 * max(square.mean(), 1e-9))) if len(square) else square
    return edges, alike * borders / max(borders.max(initial=1), 1)


def energy(labels, unary, edges, weight):
    """What a labelling, (S,) in 0..K-1, costs."""
    apart = labels[edges[0]] != labels[edges[1]]
    return unary[np.arange(len(labels)), labels].sum() + weight[apart].sum()


def expand(unary, edges, weight, cycles=CYCLES):
    """(S,) labels in 0..K-1 by alpha-expansion; exact for K = 2.

    unary: (S, K); edges: (2, E); weight: (E,) price of two different labels, at least 0.
    """
    labels = unary.argmin(1)
    best = energy(labels, unary, edges, weight)
    for _ in range(cycles):
        before = best
        for alpha in range(unary.shape[1]):
            offered = expansion(labels, alpha, unary, edges, weight)
            cost = energy(offered, unary, edges, weight)
            if cost < best - 1e-9:
                labels, best = offered, cost
        if best == before:
            break
    return labels


def expansion(labels, alpha, unary, edges, weight):
    """The cheapest labelling in which each superpixel keeps its label or takes alpha.

    Of each pair, `stay` is the price when both keep, `left` when only the second takes alpha,
    `right` when only the first does; both taking it is free. Written as costs of the single ones
    and an edge of at least 0 (Kolmogorov and Zabih, PAMI 2004), this is a cut.
    """
    count = len(labels)
    keep, take = unary[np.arange(count), labels].copy(), unary[:, alpha].copy()
    i, j = edges
    stay = weight * (labels[i] != labels[j])
    left, right = weight * (labels[i] != alpha), weight * (labels[j] != alpha)
    np.add.at(take, i, right - stay)
    np.add.at(keep, j, right)
    graph = maxflow.Graph[float](count, len(weight))
    nodes = graph.add_nodes(count)
    low = np.minimum(keep, take)
    for node, source, sink in zip(nodes.tolist(), take - low, keep - low, strict=True):
        graph.add_tedge(node, source, sink)
    graph.add_edges(i, j, left + right - stay, np.zeros(len(i)))
    graph.maxflow()
    taken = np.array([graph.get_segment(node) for node in nodes.tolist()], bool)
    return np.where(taken, alpha, labels)
