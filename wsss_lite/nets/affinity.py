"""Affinities learnt from pairs of positions, and maps that flow along them."""

import numpy as np
import torch

from wsss_lite.losses.pairs import pair_loss
from wsss_lite.maps import cam as blocks
from wsss_lite.nets.head import fit
from wsss_lite.refine.pairs import pair_kinds
from wsss_lite.refine.walk import transition, walk

PIECE = 5  # pictures whose affinities are in memory at once


def rows_of(features, rows):
    """The chosen rows of a list of lazy features, as tensors."""
    return [torch.from_numpy(f[rows]) for f in features]


def fit_affinity(net, affinity, features, labels, pairs, seed=0, epochs=4, most=2500):
    """Train `net` until `affinity` agrees with the pair labels; returns it in eval mode.

    affinity: affinity(stages, chosen) -> (B, p) in 0..1, of a batch's features and numbers of
    pairs; features: list of lazy rows; labels: (N, h, w) uint8, 255 unsure; pairs: (P, 2) flat
    positions in h x w, of which each step looks at `most`, drawn anew.
    """
    draw = np.random.default_rng(seed)

    def loss(rows):
        chosen = draw.permutation(len(pairs))[:most]
        found = affinity(rows_of(features, rows), chosen)
        return pair_loss(found, pair_kinds(labels[rows], pairs[chosen]))

    return fit(net, loss, len(labels), seed, epochs)


def flow(maps, features, affinity, pairs, size, beta, steps):
    """(N, C, h, w) maps after a random walk along the affinities of each picture.

    maps: (N, C, ...) at any size; affinity, pairs: as of `fit_affinity`; size: (h, w) of the
    pairs; beta: power of the affinities, steps: of the walk.
    """
    out = np.zeros((*maps.shape[:2], *size), np.float32)
    every = np.arange(len(pairs))
    for start in range(0, len(maps), PIECE):
        rows = slice(start, start + PIECE)
        with torch.inference_mode():
            found = (affinity(rows_of(features, rows), every) ** beta).numpy()
        large = blocks.resize(maps[rows], size).numpy()
        for k, (one, weight) in enumerate(zip(large, found)):
            out[start + k] = walk(one, transition(weight, pairs, one[0].size), steps)
    return out
