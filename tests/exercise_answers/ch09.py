"""Answers to the exercises of chapter 09, right and wrong."""

import math

import torch


def variant(first="classes", axis=-1, when="after", cut="before", heads="mean", take=True, power=1):
    """Maps along the attention of patches with one step changed."""

    def flow(maps, logits):
        n = maps.shape[1]
        keep = slice(n, None) if first == "classes" else slice(None, -n)
        one = logits if cut == "after" else logits[:, :, keep, keep]
        if heads == "before":
            one = one.mean(1, keepdim=True)
        one = one.softmax(axis) if when == "after" else one
        one = one[:, :, keep, keep] if cut == "after" else one
        one = one.sum(1) if heads == "sum" else one.amax(1) if heads == "max" else one.mean(1)
        flat = maps.flatten(2)
        for _ in range(power):
            flat = flat @ (one.transpose(1, 2) if take else one)
        return flat.reshape(maps.shape)

    return flow


def loops(maps, logits):
    """The same, patch by patch and head by head."""
    classes, out = maps.shape[1], torch.zeros_like(maps)
    for b in range(len(maps)):
        for patch in range(maps[0, 0].numel()):
            row = torch.stack([head[classes + patch, classes:].softmax(0) for head in logits[b]])
            y, x = divmod(patch, maps.shape[3])
            out[b, :, y, x] = (maps[b].flatten(1) * row.mean(0)).sum(1)
    return out


def turned(maps, logits):
    """Patches read column by column."""
    other = maps.transpose(2, 3)
    return variant()(other, logits).transpose(2, 3)


def evidence(sure, places=1, rest=-10.0):
    x = torch.full((8, 8), rest)
    x.view(-1)[:places] = sure
    return x


RIGHT = {"GAP": -0.55, "GMP": 4.0, "nGWP": 3.6}

ANSWERS = {
    "09.1": {
        "right": {"the package's": variant(), "with loops": loops},
        "wrong": {
            "gives": variant(take=False),
            "over those who ask": variant(axis=-2),
            "cut after the softmax": variant(cut="after"),
            "classes last": variant(first="patches"),
            "mean before the softmax": variant(heads="before"),
            "heads added": variant(heads="sum"),
            "strongest head": variant(heads="max"),
            "no softmax": variant(when="never"),
            "over the heads": variant(axis=1),
            "twice": variant(power=2),
            "not at all": variant(power=0),
            "column by column": turned,
            "a map of 5 x 4": lambda *given: variant()(*given).reshape(2, 3, 5, 4),
            "read as 5 x 4": lambda *given: variant()(*given).reshape(2, 3, 5, 4).transpose(2, 3),
            "one map for all": lambda maps, logits: variant()(maps, logits).mean(1),
            "as a list of patches": lambda maps, logits: variant()(maps, logits).flatten(2),
        },
    },
    "09.2": {
        "right": {"exact": RIGHT, "as fractions": {"GAP": -55 / 100, "GMP": 4, "nGWP": 36 / 10}},
        "wrong": {
            "the rest forgotten": RIGHT | {"GAP": 0.36},
            "a sum": RIGHT | {"GAP": -55},
            "the mean of two": RIGHT | {"GAP": 1.5},
            "under the mask": RIGHT | {"GAP": 4},
            "the maximum, shared": RIGHT | {"GMP": 0.04},
            "the mean for the maximum": RIGHT | {"GMP": -0.55},
            "no 1 below the line": RIGHT | {"nGWP": 4},
            "by the picture": RIGHT | {"nGWP": 0.36},
            "by picture and 1": RIGHT | {"nGWP": 36 / 101},
            "the rest taken along": RIGHT | {"nGWP": -5.5},
            "not divided": RIGHT | {"nGWP": 36},
            "one missing": {"GAP": -0.55, "GMP": 4},
            "not a dictionary": (-0.55, 4, 3.6),
        },
    },
    "09.3": {
        "right": {"one place": evidence(4.5), "two, less sure": evidence(3.8, 2).tolist()},
        "wrong": {
            "a large mask": evidence(6.0, 20),
            "nothing won": evidence(-10.0),
            "too doubtful": evidence(1.0),
            "too sure": evidence(30.0),
            "three sure places": evidence(8.0, 3),
            "background not beaten down": evidence(4.5, 1, rest=0.0),
            "a map of its own": evidence(4.5)[None, None],
            "probabilities": evidence(1.0, 1, rest=0.0),
            "a nan": evidence(math.nan),
            "a word": "small",
        },
    },
    "09.4": {
        "right": {"the name": "cam", "in capitals": " CAM "},
        "wrong": {
            "ssss": "ssss",
            "rrm": "rrm",
            "afa": "afa",
            "another family": "seam",
            "a number": 2,
            "all of them": "all",
        },
    },
}
