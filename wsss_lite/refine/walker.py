"""Strokes or clicks to a mask: the random walker (Grady, PAMI 2006), with a sparse solver.

A walker starts at a pixel and steps to one of its four neighbours, rather to one of like colour.
The probability of a class is that of hitting one of its seeds first. These hitting probabilities
need no walking: at a seed they are 0 or 1, and elsewhere each is the weighted mean of its
neighbours', which is one linear system with as many right sides as classes.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from wsss_lite.refine.reduce import enlarged, reduced, reduced_seeds, reduction

VOID = 255
LONGEST = 160  # pixels; the system has a row a pixel, and its cost grows faster than their number
SHARPNESS = 400.0
FLOOR = 1e-6  # so that no pixel is cut off


def random_walker(image, seeds, sharpness=SHARPNESS, longest=LONGEST):
    """(K, H, W) float32 hitting probabilities and their K class numbers, (K,) uint8.

    image: (H, W, 3) uint8; seeds: (H, W) uint8, 255 where nothing is known. A picture with a side
    above `longest` is walked at reduced size, its seeds stay where they are.
    """
    classes = np.setdiff1d(seeds, VOID).astype(np.uint8)
    if not len(classes):
        raise ValueError("the walk needs a seed")
    factor = reduction(seeds.shape, longest)
    small = reduced_seeds(seeds, factor)
    found = hitting(weights(reduced(image, factor), sharpness), small, classes)
    found = enlarged(found, seeds.shape).astype(np.float32)
    known = seeds != VOID
    found[:, known] = seeds[known] == classes[:, None]
    return found, classes


def walk_labels(image, seeds, sharpness=SHARPNESS, longest=LONGEST):
    """(H, W) uint8: the class with the largest hitting probability."""
    found, classes = random_walker(image, seeds, sharpness, longest)
    return classes[found.argmax(0)]


def weights(image, sharpness=SHARPNESS):
    """(edges, weights) of the grid: (2, E) pixel numbers and (E,) in 0..1.

    The weight of a step falls with the squared difference of colours, which is measured in units
    of the picture's own spread, so that a pale picture is treated as a bright one.
    """
    colours = np.asarray(image, np.float64).reshape(-1, image.shape[2]) / 255
    edges = grid_edges(image.shape[:2])
    difference = ((colours[edges[0]] - colours[edges[1]]) ** 2).sum(1)
    spread = max(colours.std(), 1e-3)
    # The constants are those of scikit-image, so that the two can be compared.
    weight = np.exp(-sharpness * difference / (10 * spread * np.sqrt(image.shape[2])))
    return edges, weight + FLOOR


def grid_edges(size):
    """(2, E) numbers of the pixels that are neighbours to the right or below."""
    number = np.arange(size[0] * size[1]).reshape(size)
    across = number[:, :-1].ravel(), number[:, 1:].ravel()
    down = number[:-1].ravel(), number[1:].ravel()
    return np.concatenate([across, down], 1)


def hitting(graph, seeds, classes):
    """(K, h, w) probabilities of hitting a seed of each class first.

    The last class is what the others leave.
    """
    edges, weight = graph
    known = seeds.ravel() != VOID
    out = np.zeros((seeds.size, len(classes)))
    out[known] = seeds.ravel()[known, None] == classes
    if len(classes) > 1 and not known.all():
        solve, right = system(weight, edges, known, out[:, :-1])
        out[~known, :-1] = solve(right)
    out[~known, -1] = 1 - out[~known, :-1].sum(1)
    return out.T.reshape(-1, *seeds.shape).clip(0, 1)


def system(weight, edges, known, labels):
    """(solve, -L_US s) of L_UU p = -L_US s: the graph's Laplacian L, seeds S, unknown U.

    weight: (E,) of the (2, E) edges; known: (P,) bool; labels: (P, K), 1 where a seed has a class.
    """
    count, free = len(known), ~known
    joined = np.concatenate([edges, edges[::-1]], 1)
    adjacency = sparse.csr_array((np.tile(weight, 2), joined), (count, count))
    degree = np.asarray(adjacency.sum(1)).ravel()[free]
    rows = adjacency[free]
    # Symmetric and dominated by its diagonal, so that no pivoting is needed.
    factors = splu(
        (sparse.diags_array(degree) - rows[:, free]).tocsc(), permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0, options={"SymmetricMode": True},
    )  # fmt: skip
    return factors.solve, rows[:, known] @ labels[known]
