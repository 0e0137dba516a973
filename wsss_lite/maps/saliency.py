"""Saliency without masks or tags: what differs from the picture's border, and what looks so."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from wsss_lite.nets.head import MapHead, fit, seeded

STAGES = ("c4", "c5")  # the first is compared with the border, the learner sees all


def border_contrast(features, near=None):
    """(N, h, w) in 0..1: how little a position resembles the border of its own picture.

    features: (N, F, h, w); 1 minus the mean cosine with the `near` positions of the border most
    like it (default: a fifth of a border's four sides), for pictures show mostly background at
    their edges (Wei et al., "Geodesic Saliency Using Background Priors", ECCV 2012).
    """
    x = F.normalize(torch.as_tensor(features), dim=1)
    h, w = x.shape[-2:]
    inner = F.pad(torch.zeros(max(h - 2, 0), max(w - 2, 0)), (1, 1, 1, 1), value=1.0)[:h, :w]
    at = inner.flatten().bool()
    near = min(near or max(1, (h + w) * 2 // 5), int(at.sum()))
    alike = x.flatten(2).transpose(1, 2) @ x.flatten(2)[:, :, at]  # (N, h * w, border)
    return (1 - alike.topk(near, dim=2).values.mean(2)).clamp(0, 1).reshape(len(x), h, w)


def saliency(view, stages=STAGES, share=0.25, rounds=3, steps=32, seed=0):
    """(N, h, w) float32 in 0..1, one map a picture of the view: no mask and no tag is looked at.

    The border contrast of the first stage decides which `share` of all positions is salient; a
    small head learns to tell them from the rest by the features of all stages, for a few steps
    only, so that it keeps what is common and not what was wrong; its output takes the contrast's
    place for the next of the `rounds`. rounds=0 gives the contrast itself.
    """
    rows = [view.features(s) for s in stages]
    first = torch.cat([border_contrast(x) for _, x in rows[0].chunks()])
    for _ in range(rounds):
        first = learn(rows, first > float(np.quantile(first, 1 - share)), steps, seed)
    return first.numpy()


def learn(rows, salient, steps=32, seed=0, width=64):
    """(N, h, w) probability of a head trained for about `steps` steps on (N, h, w) bool labels.

    rows: lazy features of several stages, resized to the labels' grid and standardised.
    """
    n, size = len(salient), salient.shape[-2:]
    scale = [mean_and_std(x) for x in rows]
    with seeded(seed):
        head = MapHead(sum(x.shape[1] for x in rows), 1, width)

    def score(index):
        parts = [(F.interpolate(torch.from_numpy(x[index]), size, mode="bilinear") - m) / s
                 for x, (m, s) in zip(rows, scale)]  # fmt: skip
        return head(torch.cat(parts, 1))[:, 0]

    def loss(index):
        return F.binary_cross_entropy_with_logits(score(index), salient[index].float())

    batch = max(20, n // steps)
    fit(head, loss, n, seed, epochs=max(1, round(steps * batch / n)), batch=batch)
    with torch.inference_mode():
        return torch.cat([score(np.arange(n)[k : k + 100]) for k in range(0, n, 100)]).sigmoid()


def mean_and_std(rows, most=100):
    """(F, 1, 1) mean and deviation of the channels of lazy features, from the first pictures."""
    x = torch.from_numpy(rows[:most])
    return [v[:, None, None] for v in (x.mean((0, 2, 3)), x.std((0, 2, 3)) + 1e-3)]


def spoil(maps, blur=0.0, false=0.0, missed=0.0, seed=0):
    """The saliency maps, (N, h, w) in 0..1, made worse; each amount 0..1, and 0 changes nothing.

    blur: standard deviation, as a share of the shorter side; false: area of a disc that is called
    salient in every picture, as a share of it; missed: probability that a connected piece above
    0.5 is lost. Larger amounts with the same seed keep the faults of smaller ones.
    """
    rng, out = np.random.default_rng(seed), np.array(maps, np.float32)
    h, w = out.shape[1:]
    rows, columns = np.mgrid[:h, :w] + 0.5
    for one in out:
        (y, x), luck = rng.random(2), rng.random(100)  # as many as ever, so that amounts nest
        pieces = ndimage.label(one > 0.5)[0]
        one[np.isin(pieces, 1 + np.flatnonzero(luck < missed))] = 0
        if false:
            one[(rows - y * h) ** 2 + (columns - x * w) ** 2 <= false * h * w / np.pi] = 1
    width = blur * min(h, w)
    return ndimage.gaussian_filter(out, (0, width, width)) if blur else out
