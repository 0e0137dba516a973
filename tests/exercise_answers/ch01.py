"""Answers to the exercises of chapter 01, right and wrong."""

import torch


def loops(features, weight, tags):
    """The same maps, position by position."""
    maps = torch.zeros(len(features), len(weight), *features.shape[2:])
    for n, c in torch.nonzero(tags).tolist():
        for y in range(features.shape[2]):
            for x in range(features.shape[3]):
                maps[n, c, y, x] = max(0, float(weight[c] @ features[n, :, y, x]))
        maps[n, c] /= max(float(maps[n, c].max()), 1e-12)
    return maps


def variant(relu=True, axes=(2, 3), tagged=True, floor=1e-12, score="cf,nfhw->nchw", abs_=False):
    """CAM with one step changed."""

    def cam(features, weight, tags):
        maps = torch.einsum(score, weight, features)
        maps = maps.abs() if abs_ else maps.clamp(min=0) if relu else maps
        if axes:
            maps = maps / maps.amax(axes, keepdim=True).clamp(min=floor)
        return maps * tags[:, :, None, None] if tagged else maps

    return cam


def stretched(features, weight, tags):
    maps = torch.einsum("cf,nfhw->nchw", weight, features)
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    return (maps - low) / (high - low) * tags[:, :, None, None]


def softmax(features, weight, tags):
    return torch.einsum("cf,nfhw->nchw", weight, features).softmax(1) * tags[:, :, None, None]


def opened(**kind):
    """Features that make class 0 score and map as wanted."""
    features = torch.zeros(1, 2, 4, 4)
    features[0, 0, 0, 0] = kind.get("peak", 1.0)
    features[0, 1] = kind.get("ground", 1.0)
    return features, torch.tensor([[1.0, -0.5], [0.0, 1.0]])


ANSWERS = {
    "01.1": {
        "right": {"the package's": variant(), "with loops": loops},
        "wrong": {
            "no ReLU": variant(relu=False),
            "no ReLU, no floor": variant(relu=False, floor=-1e9),
            "stretched": stretched,
            "no tags": variant(tagged=False),
            "one maximum": variant(axes=(0, 1, 2, 3)),
            "maximum over classes": variant(axes=(1,)),
            "a picture's maximum": variant(axes=(1, 2, 3)),
            "not divided": variant(axes=None),
            "absolute value": variant(abs_=True),
            "softmax": softmax,
            "W and H swapped": variant(score="cf,nfhw->ncwh"),
            "nan for an empty map": variant(floor=0.0),
            "nothing returned": lambda features, weight, tags: None,
            "channels and pictures swapped": variant(score="cf,nfhw->cnhw", tagged=False),
        },
    },
    "01.2": {
        "right": {"exact": 640, "rounded": 640.2},
        "wrong": {
            "the score": 3.2,
            "the mean": 2.5,
            "with the bias": 819.2,
            "bias added": 998.4,
            "bias at each position": 3.2 - 0.7 * 256,
            "one row": 40,
            "a word": "six hundred and forty",
        },
    },
    "01.3": {
        "right": {"the example": opened(), "stronger": opened(peak=2.0)},
        "wrong": {
            "score above zero": opened(peak=20.0),
            "nothing speaks for it": opened(peak=0.0),
            "only zeros": (torch.zeros(1, 2, 4, 4), torch.zeros(2, 2)),
            "no picture axis": (opened()[0][0], opened()[1]),
            "one tensor": opened()[0],
        },
    },
}
