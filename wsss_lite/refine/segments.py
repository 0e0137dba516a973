"""Superpixels with the strokes cut out of them: segments that are labelled or not, as a whole."""

from typing import NamedTuple

import numpy as np
import torch

from wsss_lite.refine.graphcut import superpixels
from wsss_lite.refine.reduce import at_size, reduced, reduction

VOID = 255
LONGEST = 192  # pixels


class Segments(NamedTuple):
    """pieces: (h, w) int numbers from 0; labels: (S,) uint8, 255 where no stroke is."""

    pieces: np.ndarray
    labels: np.ndarray


def segments(image, seeds, count, longest=LONGEST):
    """The `Segments` of a picture, at most `longest` pixels long; count: superpixels asked for."""
    small = reduced(image, reduction(seeds.shape, longest))
    pieces = superpixels(small, count)[0]
    return numbered(pieces * 256 + at_size(seeds, pieces.shape))


def numbered(codes):
    """`Segments` of codes piece * 256 + label, numbered anew."""
    found, pieces = np.unique(codes, return_inverse=True)
    return Segments(pieces.reshape(codes.shape), (found % 256).astype(np.uint8))


def on_grid(found, size):
    """The `Segments` as they lie on a coarser grid (h, w); those that vanish have no number."""
    at = [((np.arange(g) + 0.5) * s / g).astype(int) for g, s in zip(size, found.pieces.shape)]
    pieces = found.pieces[np.ix_(*at)]
    return numbered(pieces * 256 + found.labels[pieces])


def batch(found):
    """((B, h, w) numbers counted through, (S,) labels, (S,) picture of each) of some `Segments`."""
    counts = [len(f.labels) for f in found]
    first = np.cumsum([0, *counts[:-1]])
    pieces = np.stack([f.pieces + offset for f, offset in zip(found, first)])
    labels = np.concatenate([f.labels for f in found])
    owner = np.repeat(np.arange(len(found)), counts)
    return torch.from_numpy(pieces), torch.from_numpy(labels), torch.from_numpy(owner)


def vote(queries, bank, labels, classes, neighbours):
    """(S, K) shares of the classes (K,) among the nearest of a bank of those classes.

    queries: (S, D), bank: (M, D) unit vectors; labels: (M,) uint8.
    """
    kept = np.isin(labels, classes)
    cosine = queries @ bank[kept].T
    count = min(neighbours, cosine.shape[1])
    nearest = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
    return (labels[kept][nearest][..., None] == classes).mean(1)


def walk(shares, vectors, steps, focus):
    """(S, K) after `steps` steps from segment to segment with exp(focus (cosine - 1))."""
    affinity = np.exp(focus * (vectors @ vectors.T - 1))
    return np.linalg.matrix_power(affinity / affinity.sum(1, keepdims=True), steps) @ shares
