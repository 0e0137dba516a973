"""Answers to the exercises of chapter 12, right and wrong."""

import numpy as np
import torch
import torch.nn.functional as F


def partial(known=lambda s: s < 255, axis=1, by="drawn", value=None, least=1):
    """Partial cross-entropy with one step changed."""

    def loss(logits, strokes):
        here = known(strokes)
        if axis == "positions":
            log_p = logits.flatten(2).log_softmax(2).reshape(logits.shape)
        else:
            log_p = logits.log_softmax(axis)
        label = strokes.clamp(max=logits.shape[1] - 1)
        label = torch.where(strokes == 255, 0, label)
        each = -log_p.gather(1, label[:, None])[:, 0]
        each = (value(each) if value else each) * here
        if by == "picture":
            return (each.sum((1, 2)) / here.sum((1, 2)).clamp(min=1)).mean()
        count = {"drawn": here.sum().clamp(min=least), "all": here.numel(), "none": 1,
                 "pictures": len(here)}[by]  # fmt: skip
        return each.sum() / count

    return loss


def one_by_one(logits, strokes):
    """The same, stroke by stroke."""
    total, count = 0.0, 0
    for n, y, x in torch.nonzero(strokes != 255).tolist():
        column = logits[n, :, y, x]
        total += float(torch.logsumexp(column, 0) - column[strokes[n, y, x]])
        count += 1
    return total / count if count else 0.0


def cut(torn="other", by="volume", skip=0, join="mean", floor=1e-12, there=False):
    """The normalised cut with one step changed."""

    def loss(p, K):
        q = p[skip:]
        against = {"other": 1 - q, "own": q, "all": torch.ones_like(q)}[torn]
        above = torch.einsum("cn,nm,cm->c", q, K, against)
        below = {"volume": q @ K.sum(0), "size": q.sum(1), "rest": (1 - q) @ K.sum(0),
                 "all": K.sum().expand(len(q)), "none": torch.ones(len(q))}[by]  # fmt: skip
        if join == "ratio":
            return above.sum() / below.sum()
        value = above / below.clamp(min=floor)
        value = value[q.sum(1) > 0] if there else value
        return value.sum() if join == "sum" else value.amax() if join == "max" else value.mean()

    return loss


def pair_by_pair(p, K):
    """The same with loops."""
    total = 0.0
    for q in p.tolist():
        torn = sum(float(K[i, j]) * q[i] * (1 - q[j]) for i, j in np.ndindex(*K.shape))
        total += torn / max(sum(q[i] * float(K[i].sum()) for i in range(len(q))), 1e-12)
    return total / len(p)


def mixed(trace=1e-3, powers=lambda w: (1 - w, w), divide=lambda x: x.sum(0)):
    def product(learnt, own, power):
        a, b = powers(power)
        both = (learnt + trace) ** a * (own + trace) ** b
        return both / divide(both)

    return product


def by_logarithms(learnt, own, power):
    scores = (1 - power) * np.log(learnt + 1e-3) + power * np.log(own + 1e-3)
    return torch.from_numpy(scores).softmax(0)


def row(k, low=0.0, length=24):
    """Object on the first k positions, with a probability of `low` elsewhere."""
    one = torch.where(torch.arange(length) < k, 1 - low, low)
    return torch.stack([one, 1 - one])


HOLE = row(6)
HOLE[:, 1:5] = HOLE[:, 1:5].flip(0)
ISLANDS = row(0)
ISLANDS[:, [0, 5, 8, 11, 18, 21]] = ISLANDS[:, [0, 5, 8, 11, 18, 21]].flip(0)

ANSWERS = {
    "12.1": {
        "right": {
            "by hand": partial(),
            "stroke by stroke": one_by_one,
            "PyTorch's": lambda x, s: (
                F.cross_entropy(x, s, ignore_index=255, reduction="sum")
                / max(1, int((s < 255).sum()))
            ),
        },
        "wrong": {
            "all positions": partial(known=lambda s: s <= 255),
            "objects alone": partial(known=lambda s: (s > 0) & (s < 255)),
            "by all positions": partial(by="all"),
            "a sum": partial(by="none"),
            "by pictures": partial(by="pictures"),
            "mean of pictures": partial(by="picture"),
            "softmax over rows": partial(axis=2),
            "softmax over columns": partial(axis=3),
            "softmax over positions": partial(axis="positions"),
            "the sign": partial(value=torch.neg),
            "1 - p": partial(value=lambda x: 1 - torch.exp(-x)),
            "squared": partial(value=torch.square),
            "nan without a stroke": lambda x, s: F.cross_entropy(x, s, ignore_index=255),
            "255 is a class": lambda x, s: F.cross_entropy(x, s),
            "not reduced": lambda x, s: F.cross_entropy(x, s, ignore_index=255, reduction="none"),
            "its strokes are changed": lambda x, s: partial()(x, s) + s.clamp_(max=0).sum(),
        },
    },
    "12.2": {
        "right": {"in one product": cut(), "pair by pair": pair_by_pair},
        "wrong": {
            "within a class": cut(torn="own"),
            "all pairs": cut(torn="all"),
            "no background": cut(skip=1),
            "by size": cut(by="size"),
            "by the rest": cut(by="rest"),
            "by everything": cut(by="all"),
            "not divided": cut(by="none"),
            "a sum of classes": cut(join="sum"),
            "the worst class": cut(join="max"),
            "sum by sum": cut(join="ratio"),
            "the energy": cut(by="all", join="sum"),
            "absent classes left out": cut(there=True),
            "nan for an absent class": cut(floor=0.0),
            "the wrong way round": lambda p, K: 1 - cut()(p, K),
            "a number a class": lambda p, K: cut()(p, K).repeat(3),
        },
    },
    "12.3": {
        "right": {"by hand": mixed(), "by logarithms": by_logarithms},
        "wrong": {
            "powers exchanged": mixed(powers=lambda w: (w, 1 - w)),
            "equal powers": mixed(powers=lambda w: (0.5, 0.5)),
            "no powers": mixed(powers=lambda w: (1, 1)),
            "its own alone": mixed(powers=lambda w: (0, w)),
            "a veto": mixed(trace=0.0),
            "a loud trace": mixed(trace=0.1),
            "not divided": mixed(divide=lambda x: 1),
            "by the picture": mixed(divide=np.sum),
            "by the largest": mixed(divide=lambda x: x.max(0)),
            "by rows": mixed(divide=lambda x: x.sum(1, keepdims=True)),
            "the mean": lambda a, b, w: (1 - w) * a + w * b,
            "labels": lambda a, b, w: mixed()(a, b, w).argmax(0),
            "the smaller of the two": lambda a, b, w: np.minimum(a, b),
        },
    },
    "12.4": {
        "right": {"exact": (16 / 9, 1), "rounded": (1.78, 1.0)},
        "wrong": {
            "twice": (2, 1),
            "squared": (4, 1),
            "both stay": (1, 1),
            "the energy falls": (0.5, 1),
            "by the rest": (80 / 90, 1),
            "the cut doubles too": (16 / 9, 2),
            "the cut goes with it": (16 / 9, 16 / 9),
            "the cut is halved": (16 / 9, 0.5),
            "exchanged": (1, 16 / 9),
            "the values": (0.32, 0.51),
            "one number": 1.78,
        },
    },
    "12.5": {
        "right": {"only the stroke": row(1), "with some doubt": row(1, low=0.01)},
        "wrong": {
            "the truth": row(6),
            "nothing": row(0),
            "everything": row(24),
            "half of the row": row(12),
            "three are left": row(3),
            "the middle is missing": HOLE,
            "islands": ISLANDS,
            "undecided": torch.full((2, 24), 0.5),
            "both for sure": torch.ones(2, 24),
            "classes exchanged": row(1).flip(0),
            "a number": 1,
            "transposed": row(1).T,
            "labels": row(1)[0],
            "a word": "background",
        },
    },
}
