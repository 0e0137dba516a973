"""Answers to the exercises of chapter 15, right and wrong."""

import numpy as np
import torch
import torch.nn.functional as F


def by_hand(pictures, texts, scale):
    """InfoNCE with NumPy, pair by pair."""
    a, b = (x.numpy().astype(float) for x in (pictures, texts))
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    total = 0.0
    for k in range(len(a)):
        to_text, to_picture = np.exp(scale * b @ a[k]), np.exp(scale * a @ b[k])
        total -= np.log(to_text[k] / to_text.sum()) + np.log(to_picture[k] / to_picture.sum())
    return total / len(a) / 2


def info(dim=1, fixed=None, power=1, ways=(0, 1), total=torch.mean, sign=1, both=0.5, drop=False):
    """InfoNCE with one step changed."""

    def contrastive(pictures, texts, scale):
        if dim is not None:
            pictures, texts = (F.normalize(x, dim=dim) for x in (pictures, texts))
        match = (fixed or scale**power) * pictures @ texts.T
        own = match.diagonal()
        if drop:
            match = match.masked_fill(torch.eye(len(match), dtype=bool), -torch.inf)
        losses = [total(match.logsumexp(1 - way) - own) for way in ways]
        return sign * both * sum(losses)

    return contrastive


def euclidean(pictures, texts, scale):
    own = torch.arange(len(pictures))
    match = -scale * torch.cdist(pictures, texts)
    return (F.cross_entropy(match, own) + F.cross_entropy(match.T, own)) / 2


def sigmoids(pictures, texts, scale):
    match = scale * F.normalize(pictures, dim=1) @ F.normalize(texts, dim=1).T
    return F.binary_cross_entropy_with_logits(match, torch.eye(len(match)))


def own_only(pictures, texts, scale):
    return -(scale * F.cosine_similarity(pictures, texts)).mean()


def all_pairs(pictures, texts, scale):
    match = scale * F.normalize(pictures, dim=1) @ F.normalize(texts, dim=1).T
    return -match.flatten().log_softmax(0).view_as(match).diagonal().mean()


def not_reduced(pictures, texts, scale):
    match = scale * F.normalize(pictures, dim=1) @ F.normalize(texts, dim=1).T
    return F.cross_entropy(match, torch.arange(len(match)), reduction="none")


def maps(unit=True, warm=True, rivals=True, before=True, tagged=True, over=1, top=(2, 3), kind="s"):
    """Maps of texts with one step changed."""

    def text_maps(dense, texts, ground, scale, tags):
        every = torch.cat([texts, ground]) if rivals else texts
        places = F.normalize(dense, dim=1) if unit else dense
        logits = torch.einsum("kd,ndhw->nkhw", every, places) * (scale if warm else 1)
        there = torch.ones(len(dense), len(every), dtype=torch.bool)
        there[:, : len(texts)] = tags
        if before:
            logits = logits.masked_fill(~there[:, :, None, None], -1e4)
        p = logits.softmax(over) if kind == "s" else logits.sigmoid()
        p = p[:, : len(texts)]
        p = p / p.amax(top, keepdim=True).clamp(min=1e-12) if top else p
        return p * tags[:, :, None, None] if tagged else p

    return text_maps


def place_by_place(dense, texts, ground, scale, tags):
    """The same maps, with loops."""
    found = torch.zeros(len(dense), len(texts), *dense.shape[2:])
    for n, own in enumerate(tags):
        chosen = [int(k) for k in own.nonzero()]
        every = torch.cat([texts[chosen], ground])
        for y in range(dense.shape[2]):
            for x in range(dense.shape[3]):
                place = dense[n, :, y, x] / dense[n, :, y, x].norm()
                p = torch.exp(scale * every @ place)
                found[n, chosen, y, x] = (p / p.sum())[: len(chosen)]
        for k in chosen:
            found[n, k] /= found[n, k].max()
    return found


def turned(dense, texts, ground, scale, tags):
    return maps()(dense, texts, ground, scale, tags).transpose(2, 3)


def with_the_ground(dense, texts, ground, scale, tags):
    """Forgets to take the surroundings off again."""
    every = torch.cat([texts, ground])
    there = torch.cat([tags, torch.ones(len(tags), len(ground), dtype=torch.bool)], 1)
    return maps()(dense, every, ground[:0], scale, there)


def unit_along_places(dense, texts, ground, scale, tags):
    return maps(unit=False)(F.normalize(dense, dim=2), texts, ground, scale, tags)


ANSWERS = {
    "15.1": {
        "right": {"with logsumexp": info(), "pair by pair": by_hand},
        "wrong": {
            "not normalised": info(dim=None),
            "columns normalised": info(dim=0),
            "no scale": info(fixed=1.0),
            "a scale of one's own": info(fixed=100.0),
            "divided by the scale": info(power=-1),
            "pictures find texts only": info(ways=(0,), both=1),
            "texts find pictures only": info(ways=(1,), both=1),
            "one way twice": info(ways=(0, 0)),
            "sum of both ways": info(both=1),
            "sum over the batch": info(total=torch.sum),
            "own left out": info(drop=True),
            "sign": info(sign=-1),
            "all pairs": all_pairs,
            "distances": euclidean,
            "sigmoids": sigmoids,
            "own cosine only": own_only,
            "a loss a picture": not_reduced,
        },
    },
    "15.2": {
        "right": {"with a mask": maps(), "place by place": place_by_place},
        "wrong": {
            "lengths left": maps(unit=False),
            "length along the rows": unit_along_places,
            "no scale": maps(warm=False),
            "no rivals": maps(rivals=False),
            "absent classes compete": maps(before=False),
            "no tags at all": maps(before=False, tagged=False),
            "softmax over rows": maps(over=2),
            "softmax over pictures": maps(over=0),
            "not divided": maps(top=None),
            "a picture's maximum": maps(top=(1, 2, 3)),
            "the maximum over classes": maps(top=(1,)),
            "sigmoid": maps(kind="sigmoid"),
            "W and H swapped": turned,
            "surroundings left in": with_the_ground,
        },
    },
    "15.3": {
        "right": {"log 2": 0.6931, "rounded": 0.7},
        "wrong": {
            "nothing": 0.0,
            "log 4": 1.386,
            "log 8": 2.079,
            "a coin with two sides": 0.5 * 0.693,
            "a quarter": 0.25,
            "half": 0.5,
            "three of eight": 3 / 8 * 1.386,
            "below nothing": -0.69,
            "a word": "low",
        },
    },
    "15.4": {
        "right": {"water": "a picture of water", "a lake": "I see a lake"},
        "wrong": {
            "a boat": "a boat",
            "another name": "a vessel at a lake",
            "denied": "a lake with no boats",
            "rails": "rails",
            "a meadow": "a meadow",
            "somebody": "two people at a lake",
            "never read": "a harbour",
            "not like enough": "sitting",
            "other company": "a street by the water",
            "nothing": " ",
            "a number": 7,
            "a list": ["a lake"],
        },
    },
}
