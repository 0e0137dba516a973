"""A classifier for the pixels of one picture, learnt from its own strokes and from nothing else.

It knows what a pixel looks like to the trunk's first stages, its colour, and where it is: enough to
tell a dog from this meadow, and nothing about the next picture.
"""

import warnings

import cv2
import numpy as np
from skimage.color import rgb2lab
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

VOID = 255
STRENGTH = 0.05  # inverse of the weight decay: some hundred seeds for some hundred numbers a pixel


def described(image, features, size):
    """(D, h, w) float32: colours, features and place of the positions of a grid of `size`.

    image: (H, W, 3) uint8; features: list of (F, h', w').
    """

    def resized(x):
        return cv2.resize(x.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)

    small = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    place = np.mgrid[: size[0], : size[1]] / np.reshape(size, (2, 1, 1))
    stages = [np.stack([resized(channel) for channel in np.asarray(x)]) for x in features]
    return np.concatenate([rgb2lab(small).transpose(2, 0, 1), *stages, place]).astype(np.float32)


def probabilities(description, seeds, classes, strength=STRENGTH):
    """(C + 1, h, w) float32 of every position, learnt from those with a seed.

    description: (D, h, w); seeds: (h, w) uint8, 255 where nothing is known. Each class counts as
    much as another, however long its strokes. A lone class has it all, and without a seed nothing
    is told.
    """
    known = seeds != VOID
    present = np.unique(seeds[known])
    out = np.zeros((classes + 1, *seeds.shape), np.float32)
    if len(present) < 2:
        out[present if len(present) else slice(None)] = 1 / max(len(present), 1)
        return out / out.sum(0)
    net = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=strength, class_weight="balanced", max_iter=200),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough after 200 steps
        net.fit(description[:, known].T, seeds[known])
    rows = description.reshape(len(description), -1).T
    out[present] = net.predict_proba(rows).T.reshape(len(present), *seeds.shape)
    return out
