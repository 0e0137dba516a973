"""Class-aware spreading of CLIP-ES: a map grows along affinities, but only from inside its boxes.

Lin et al., "CLIP is Also an Efficient Segmenter", CVPR 2023. Affinities of all positions with all
others know no class: an attention matrix leads from a dog to the sofa that it lies on. So a map is
read only inside the boxes round what it already shows.
"""

import numpy as np
from scipy import ndimage

BOX = 0.4  # of a map's maximum, where its boxes are cut; the paper's for VOC


def walk_matrix(affinity, rounds=3, power=2):
    """(n, n) float32: an affinity >= 0 made doubly stochastic and symmetric, to a power.

    rounds: of dividing by the sums of columns and rows (Sinkhorn); power: 2 lets a position look
    where those it looks at look.
    """
    matrix = np.asarray(affinity, np.float64)
    for _ in range(rounds):
        for axis in (0, 1):
            matrix = matrix / np.maximum(matrix.sum(axis, keepdims=True), 1e-12)
    matrix = (matrix + matrix.T) / 2
    return np.linalg.matrix_power(matrix, power).astype(np.float32)


def boxed(one, threshold=BOX):
    """(h, w) bool: boxes round the connected parts above `threshold` times the maximum of a map."""
    out = np.zeros(one.shape, bool)
    labels, _ = ndimage.label(one > threshold * one.max(), structure=np.ones((3, 3)))
    for window in ndimage.find_objects(labels):
        out[window] = True
    return out


def spread(maps, matrix, threshold=BOX):
    """(C, h, w) float32 maps after one step along a `walk_matrix`, each divided by its maximum.

    A position takes what the others inside the map's boxes have; empty maps stay empty.
    """
    out = np.zeros(maps.shape, np.float32)
    for c in np.flatnonzero(maps.max((1, 2)) > 0):
        inside = np.where(boxed(maps[c], threshold), maps[c], 0)
        moved = (matrix @ inside.ravel()).reshape(inside.shape)
        out[c] = moved / max(moved.max(), np.finfo(np.float32).tiny)
    return out
