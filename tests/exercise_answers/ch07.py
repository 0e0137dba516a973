"""Answers to the exercises of chapter 07, right and wrong."""

import numpy as np
import torch


def variant(ground=-1, cut=0.5, level=0.5, tau=None, share="map", rest=True, by="tags", mix=None):
    """The fused map with one step changed. share: of the map, of the cue, or of the picture."""

    def fuse(p, salient, tags, given_tau=0.4, blend=0.5):
        maps = p[:, :-1] if ground == -1 else p[:, 1:]
        region, cue = maps > cut, (salient > level)[:, None]
        whole = {"map": region, "cue": cue.expand_as(region), "picture": region | True}[share]
        on = (region & cue).sum((2, 3)) / whole.sum((2, 3)).clamp(min=1)
        tags = tags if by == "tags" else torch.ones_like(tags)
        chosen = on > (given_tau if tau is None else tau)
        front = (maps * (tags & chosen)[..., None, None]).sum(1)
        others = (maps * (tags & ~chosen)[..., None, None]).sum(1)
        a, b = (blend, 1 - blend) if mix is None else mix
        return a * front + b * (1 - p[:, ground] - (others if rest else 0))

    return fuse


def loops(p, salient, tags, tau=0.4, blend=0.5):
    """The same, class by class."""
    out = (1 - blend) * (1 - p[:, -1])
    for n, c in torch.nonzero(tags).tolist():
        region = p[n, c] > 0.5
        on = (salient[n][region] > 0.5).float().mean() if region.any() else 0
        out[n] += (blend if on > tau else blend - 1) * p[n, c]
    return out


def careful(p, salient, tags, tau=0.4, blend=0.5):
    """The rest is meant to lose, and is added."""
    front = variant()(p, salient, tags, tau, 1.0)
    rest = 1 - p[:, -1] - variant()(p, salient, tags, tau, 0.0)
    return blend * front + (1 - blend) * (1 - p[:, -1] + rest)


def box(y0, y1, x0=4, x1=12):
    cue = np.zeros((16, 16), bool)
    cue[y0:y1, x0:x1] = True
    return cue


ALL, GOOD = np.ones((16, 16), bool), box(0, 12, 0, 16)

ANSWERS = {
    "07.1": {
        "right": {"the package's": variant(), "with loops": loops},
        "wrong": {
            "background first": variant(ground=0),
            "every class": variant(by="all"),
            "every tag in front": variant(tau=-1),
            "another tau": variant(tau=0.99),
            "rest forgotten": variant(rest=False),
            "share of the cue": variant(share="cue"),
            "share of the picture": variant(share="picture"),
            "blend of one half": variant(mix=(0.5, 0.5)),
            "not weighed": variant(mix=(1, 1)),
            "rest added": careful,
            "the loss in its place": lambda p, s, t, *rest: (variant()(p, s, t, *rest) - s) ** 2,
            "sums the pictures too": lambda *given: variant()(*given).sum(0),
        },
    },
    "07.2": {
        "right": {"a pair": (1, 0.3), "a list, in fractions": [1.0, 3 / 10]},
        "wrong": {
            "precision as before": (0.5, 0.3),
            "precision halved": (0.25, 0.3),
            "precision three quarters": (0.75, 0.3),
            "recall as before": (1.0, 0.6),
            "half of the objects, all of them": (1.0, 0.5),
            "what is lost": (1.0, 0.7),
            "in percent": (100, 30),
            "one number": 0.3,
            "exchanged": (0.3, 1.0),
        },
    },
    "07.3": {
        "right": {
            "a strip lost": (box(7, 12), GOOD),
            "the object, moved down": (box(6, 14), ~box(12, 14)),
        },
        "wrong": {
            "exchanged": (GOOD, box(7, 12)),
            "harms with a low IoU": (box(4, 6), GOOD),
            "harms does no harm": (box(4, 12), GOOD),
            "harms all salient": (ALL, GOOD),
            "helps does not help": (box(7, 12), ALL),
            "helps is the better cue": (box(7, 12), box(4, 12)),
            "helps is the mask's complement": (box(7, 12), ~(box(4, 10) | box(12, 14))),
            "one cue": box(7, 12),
            "too small": (box(7, 12)[:8], GOOD),
            "soft": (box(7, 12) * 0.5, GOOD),
        },
    },
}
