"""Region proposals: superpixels merged into a tree, whose nodes are candidate objects.

A stand-in for MCG and selective search, which merge regions by learnt or designed likeness: here
neighbours are merged so that the spread of colour inside the regions grows least (Ward).
"""

import warnings

import numpy as np
from scipy import sparse
from sklearn.cluster import ward_tree

from wsss_lite.refine.graphcut import neighbours, superpixels
from wsss_lite.refine.reduce import reduced, reduction

LONGEST = 160  # pixels; most of the time goes into the superpixels
SEGMENTS = 120
PLACE = 20.0  # how much a whole picture's diagonal counts, in units of Lab


class Proposals:
    """The regions of one picture.

    pieces: (H, W) superpixel numbers 0..S-1; members: (R, S) bool, the superpixels of each region;
    boxes: (R, 4) the tight box of each region, y0, x0, y1, x1, half-open.
    """

    def __init__(self, pieces, members):
        self.pieces, self.members = pieces, members
        self.boxes = _boxes(pieces, members)

    def mask(self, region):
        """(H, W) bool."""
        return self.members[region][self.pieces]

    def overlap(self, box):
        """(R,) intersection over union of a `Box` and the tight box of every region."""
        y0, x0, y1, x1 = self.boxes.T
        high = np.minimum(y1, box.y1) - np.maximum(y0, box.y0)
        wide = np.minimum(x1, box.x1) - np.maximum(x0, box.x0)
        both = np.clip(high, 0, None) * np.clip(wide, 0, None)
        return both / ((y1 - y0) * (x1 - x0) + (box.y1 - box.y0) * (box.x1 - box.x0) - both)

    def sums(self, values, inside=None):
        """(S,) sum over each superpixel of (H, W) values, or of those inside a `Box`."""
        window = np.s_[:] if inside is None else np.s_[inside.y0 : inside.y1, inside.x0 : inside.x1]
        pieces, count = self.pieces[window].ravel(), self.members.shape[1]
        return np.bincount(pieces, values[window].ravel(), minlength=count)


def proposals(image, segments=SEGMENTS, longest=LONGEST):
    """The `Proposals` of a picture (H, W, 3) uint8; one superpixel is a region too."""
    small = reduced(image, reduction(image.shape[:2], longest))
    pieces, colours, places = superpixels(small, segments)
    count = len(colours)
    edges, _ = neighbours(pieces, colours)
    graph = sparse.coo_matrix((np.ones(edges.shape[1]), edges), (count, count))
    members = np.eye(count, dtype=bool)
    if count > 2:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pieces that touch nothing are joined all the same
            values = np.concatenate([colours, PLACE * places], 1)
            children = ward_tree(values, connectivity=graph + graph.T)[0]
        grown = [*members]
        for a, b in children:
            grown.append(grown[a] | grown[b])
        members = np.stack(grown)
    sides = zip(image.shape[:2], pieces.shape)
    places = [np.arange(full) * part // full for full, part in sides]
    return Proposals(pieces[np.ix_(*places)], members)


def _boxes(pieces, members):
    """(R, 4) tight boxes from those of the superpixels."""
    count = members.shape[1]
    ends = np.zeros((4, count), int)
    for axis, places in enumerate(np.indices(pieces.shape)):
        low, high = np.full(count, pieces.shape[axis]), np.zeros(count, int)
        np.minimum.at(low, pieces.ravel(), places.ravel())
        np.maximum.at(high, pieces.ravel(), places.ravel() + 1)
        ends[axis], ends[axis + 2] = low, high
    found = [np.where(members, e, limit).min(1) for e, limit in zip(ends[:2], pieces.shape)]
    found += [np.where(members, e, 0).max(1) for e in ends[2:]]
    return np.stack(found, 1)
