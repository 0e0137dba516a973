"""The floor under strokes and clicks: each pixel takes the class of the nearest seed."""

import numpy as np
from scipy import ndimage

VOID = 255


def nearest_labels(seeds):
    """(H, W) uint8: the class of the nearest seed; seeds: (H, W) uint8, 255 elsewhere."""
    if (seeds == VOID).all():
        raise ValueError("the nearest label needs a seed")
    y, x = ndimage.distance_transform_edt(
        seeds == VOID, return_distances=False, return_indices=True
    )
    return np.asarray(seeds)[y, x]
