"""Working at a smaller size: pictures down, labels and seeds down, labels up again."""

import cv2
import numpy as np

VOID = 255


def reduction(size, longest):
    """The factor, at most 1, that brings the longer side of (H, W) to `longest` pixels."""
    return min(1.0, longest / max(size))


def reduced(array, factor, smooth=True):
    """An (H, W) or (H, W, 3) array times a factor below 1; area means, or nearest for labels."""
    if factor >= 1:
        return array
    size = [max(1, round(factor * side)) for side in array.shape[1::-1]]
    how = cv2.INTER_AREA if smooth else cv2.INTER_NEAREST_EXACT
    return cv2.resize(array, size, interpolation=how)


def reduced_seeds(seeds, factor):
    """(h, w) uint8 seeds times a factor below 1; see `at_size`."""
    if factor >= 1:
        return seeds
    return at_size(seeds, [max(1, round(factor * side)) for side in seeds.shape])


def at_size(seeds, size):
    """(h, w) uint8: strokes or clicks on another grid, and no single pixel gets lost.

    A cell that several pixels fall into takes the last one in reading order.
    """
    out = np.full(size, VOID, np.uint8)
    y, x = np.nonzero(seeds != VOID)
    scale = np.divide(size, seeds.shape)
    out[(y * scale[0]).astype(int), (x * scale[1]).astype(int)] = seeds[y, x]
    return out


def enlarged(maps, size):
    """(C, h, w) float maps at (H, W), bilinear."""
    if maps.shape[1:] == tuple(size):
        return maps
    return np.stack([cv2.resize(np.asarray(m, np.float32), size[::-1]) for m in maps])


def enlarged_labels(labels, size):
    """(h, w) uint8 labels at (H, W), with smooth edges between them."""
    if labels.shape == tuple(size):
        return labels
    present = np.unique(labels)
    maps = np.stack([labels == value for value in present]).astype(np.float32)
    return present[enlarged(maps, size).argmax(0)]
