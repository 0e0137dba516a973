"""Checks of the exercises of chapter 01: class activation maps."""

import numpy as np
import torch

from wsss_lite.exercises.checking import (
    Hint,
    array,
    call,
    exercise,
    match,
    number,
    require,
    shape,
)  # fmt: skip
from wsss_lite.maps import cam as blocks

MAPS = "(N, C, h, w)"


@exercise("01.1")
def cam(answer):
    features, weight, tags = _example()
    right = blocks.cam(features, weight, tags)
    raw = blocks.activation(features, weight)
    tagged = tags[:, :, None, None]
    positive = raw.clamp(min=0) * tagged
    low, high = raw.amin((2, 3), keepdim=True), raw.amax((2, 3), keepdim=True)
    stretched = (raw - low) / (high - low) * tagged
    mistakes = {
        "each map is stretched from its minimum to its maximum, so that what was neutral is no "
        "longer zero: drop the negative values (ReLU) and divide.": stretched,
        "maps of classes without a tag are left: multiply by the tags.": blocks.cam(
            features, weight
        ),
        "one maximum for all maps: divide each map by its own.": positive / positive.max(),
        "one maximum for each picture: divide each map by its own, not by the strongest class.": (
            positive / positive.amax((1, 2, 3), keepdim=True)
        ),
        "the maps are not divided by their maximum.": positive,
        "the absolute value keeps what speaks against a class: use ReLU.": (
            blocks.normalise(raw.abs()) * tagged
        ),
    }
    got = call(answer, features, weight, tags)
    require(
        array(got).shape != right.transpose(2, 3).shape or right.shape[2] == right.shape[3],
        "height and width are swapped.",
    )
    shape(got, right.shape, MAPS)
    require((array(got) >= 0).all() or not np.isfinite(array(got)).all(),
            "negative values are left: drop them (ReLU) before dividing.")  # fmt: skip
    match(got, right, mistakes, names=MAPS)
    empty = call(answer, features * 0, weight, tags)
    require(torch.isfinite(torch.as_tensor(empty)).all(), "a map of zeros becomes nan: its "
            "maximum is 0, so keep the divisor above it.")  # fmt: skip
    return "the same maps as wsss_lite.maps.cam"


@exercise("01.2")
def total(answer):
    mistakes = {
        "that is the mean over the positions: the sum is 256 times as much.": (2.4, 2.6),
        "the bias is in the score and not in the map: take it off first.": (819, 820),
        "the bias is subtracted once from the score, not once at each position.": (818, 819),
        "the bias is already in the score: take it off.": (998, 999),
    }
    number(answer, 640, 0.5, mistakes)
    return "the mean of the map is the score without its bias"


@exercise("01.3")
def vanishing(answer):
    try:
        features, weight = (torch.as_tensor(one, dtype=torch.float32) for one in answer)
    except (TypeError, ValueError):
        raise Hint("two tensors are asked for, features and weight.") from None
    require(tuple(features.shape) == (1, 2, 4, 4), "features should be (1, 2, 4, 4).")
    require(tuple(weight.shape) == (2, 2), "weight should be (2, 2).")
    score = (features.mean((2, 3)) @ weight.T)[0, 0]
    require(score < 0, f"the score of class 0 is {score:.2f}; it should be negative: let most "
            "positions speak against the class.")  # fmt: skip
    top = blocks.cam(features, weight)[0, 0].max()
    require(top > 0.99, "the map of class 0 is zero everywhere: one position must speak for it.")
    return f"score {score:.2f}, and its map still reaches {top:.0f}"


def _example():
    """Two pictures, three classes, maps of 4 x 5, so that no two axes are alike."""
    draw = torch.Generator().manual_seed(1)
    features = torch.rand(2, 6, 4, 5, generator=draw)
    weight = torch.randn(3, 6, generator=draw)
    return features, weight, torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
