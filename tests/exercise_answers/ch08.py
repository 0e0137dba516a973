"""Answers to the exercises of chapter 08, right and wrong."""

import torch
import torch.nn.functional as F


def variant(power=1, sign=False, tagged=True, by="tags", cells="mean", to="small", **resize):
    """Equivariant regularisation with one step changed."""
    resize = resize or {"mode": "bilinear"}

    def loss(one, two, tags):
        if to == "small":
            one = F.interpolate(one, two.shape[-2:], **resize)
        else:
            two = F.interpolate(two, one.shape[-2:], **resize)
        gap = (one - two) if sign else (one - two).abs() ** power
        each = gap.mean((2, 3)) if cells == "mean" else gap.sum((2, 3))
        each = each * tags if tagged else each
        if by == "pictures":
            return (each.sum(1) / tags.sum(1).clamp(min=1)).mean()
        count = {"tags": tags.sum().clamp(min=1), "all": tags.numel(), "none": 1}[by]
        return each.sum() / count

    return loss


def loops(one, two, tags):
    """The same, tag by tag."""
    total = [
        float((F.interpolate(one[[n]], two.shape[-2:], mode="bilinear")[0, c] - two[n, c])
              .abs().mean())
        for n, c in torch.nonzero(tags).tolist()
    ]  # fmt: skip
    return sum(total) / max(len(total), 1)


def nan_without_tags(one, two, tags):
    each = (F.interpolate(one, two.shape[-2:], mode="bilinear") - two).abs().mean((2, 3))
    return each[tags].mean()


def blurred(maps):
    wide = F.avg_pool2d(maps, 3, 1, 1)
    return wide / wide.amax((2, 3), keepdim=True)


def written_over(maps):
    maps += 0.1
    return maps / maps.max()


ANSWERS = {
    "08.1": {
        "right": {"the package's": variant(), "with loops": loops},
        "wrong": {
            "signed": variant(sign=True),
            "squared": variant(power=2),
            "root": variant(power=0.5),
            "all classes": variant(tagged=False, by="all"),
            "zero for the others": variant(by="all"),
            "sum of cells": variant(cells="sum"),
            "sum of tags": variant(by="none"),
            "mean of pictures": variant(by="pictures"),
            "enlarged": variant(to="large"),
            "nearest": variant(mode="nearest"),
            "area": variant(mode="area"),
            "corners": variant(mode="bilinear", align_corners=True),
            "sizes left alone": lambda one, two, tags: (one - two).abs().mean(),
            "nan without a tag": nan_without_tags,
            "a number a picture": lambda one, two, tags: variant()(one, two, tags).repeat(2),
        },
    },
    "08.2": {
        "right": {"exact": (2 / 196, 1), "rounded": (0.0102, 1.0)},
        "wrong": {
            "one cell": (1 / 196, 1),
            "not a mean": (2, 1),
            "the same": (0, 0),
            "a row": (2 / 14, 1),
            "dissimilarity by cells": (2 / 196, 2 / 196),
            "dissimilarity not divided": (2 / 196, 2),
            "dissimilarity by one map": (2 / 196, 0.5),
            "no dissimilarity": (2 / 196, 0.0),
            "exchanged": (1, 2 / 196),
            "one number": 1.0,
        },
    },
    "08.3": {
        "right": {
            "a fourth root": lambda m: m**0.25,
            "raised": lambda m: 0.7 + 0.3 * m,
            "a logarithm": lambda m: torch.log1p(100 * m) / torch.log1p(torch.tensor(100.0)),
        },
        "wrong": {
            "as it was": lambda m: m,
            "fourth power": lambda m: m**4,
            "half of it": lambda m: m / 2,
            "1 everywhere": torch.ones_like,
            "0 everywhere": torch.zeros_like,
            "blurred": blurred,
            "a floor of one half": lambda m: m.clamp(min=0.5),
            "a mask": lambda m: (m > 0.3).float(),
            "upside down": lambda m: 1 - m,
            "one more": lambda m: 1 + m,
            "of the first class": lambda m: m[:, :1] ** 0.25,
            "its input is changed": written_over,
            "hardly a root": lambda m: m**0.95,
            "a little sharper": lambda m: m**1.5,
        },
    },
}
