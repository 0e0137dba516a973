"""Superpixels as a graph: who touches whom, and how dear a border between two of them is."""

import numpy as np

from wsss_lite.refine.graphcut import LONGEST, neighbours, superpixels
from wsss_lite.refine.reduce import enlarged_labels, reduced, reduction


class Regions:
    """The superpixels of one picture, at most `longest` pixels long.

    pieces: (h, w) numbers from 0; edges: (2, E) neighbours; alike: (E,) in 0..1, the larger the
    more alike their colours and the longer their border; see `refine.graphcut.neighbours`.
    """

    def __init__(self, image, segments, longest=LONGEST):
        self.size = image.shape[:2]
        small = reduced(image, reduction(self.size, longest))
        self.pieces, colours, _ = superpixels(small, segments)
        self.edges, self.alike = neighbours(self.pieces, colours)
        self.count = len(colours)

    def sums(self, values):
        """(S, D) of (D, h, w) values over each superpixel."""
        each = [np.bincount(self.pieces.ravel(), v.ravel(), self.count) for v in values]
        return np.stack(each, 1)

    def means(self, values):
        """(S, D) of (D, h, w) values."""
        return self.sums(values) / np.bincount(self.pieces.ravel(), minlength=self.count)[:, None]

    def paint(self, labels):
        """(H, W) uint8 of a label for each superpixel, at the picture's size."""
        return enlarged_labels(np.asarray(labels, np.uint8)[self.pieces], self.size)
