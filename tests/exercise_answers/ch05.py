"""Answers to the exercises of chapter 05, right and wrong."""

import numpy as np

from wsss_lite.data import compose


def pixel_by_pixel(host, tags, picture, mask, cls, top, left, box=False, swap=False, keep=True,
                   number=0, at=(0, 0), copy=True):  # fmt: skip
    """Copy and paste, with one step changed."""
    made, union = (host.copy(), tags.copy()) if copy else (host, tags)
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, left = (left, top) if swap else (top, left)
    for y in range(ys[0], ys[-1] + 1):
        for x in range(xs[0], xs[-1] + 1):
            if mask[y, x] or box:
                made[y - ys[0] + top + at[0], x - xs[0] + left + at[1]] = picture[y, x]
    union = union if keep else np.zeros_like(union)
    union[cls + number] = True
    return made, union


def by_package(host, tags, picture, mask, cls, top, left):
    piece = compose.cut(picture, mask)
    h, w = piece.mask.shape
    made, _ = compose.paste(host, piece, top + h / 2, left + w / 2)
    return made, [bool(t) or k == cls for k, t in enumerate(tags)]


def changed(**step):
    return lambda *given: pixel_by_pixel(*given, **step)


def half_mixed(host, tags, picture, mask, cls, top, left):
    made, union = pixel_by_pixel(host, tags, picture, mask, cls, top, left)
    return ((made.astype(int) + host) // 2).astype(np.uint8), union


def toggled(host, tags, picture, mask, cls, top, left):
    made, union = pixel_by_pixel(host, tags, picture, mask, cls, top, left)
    union[cls] = ~tags[cls]
    return made, union


def outside_too(rows=lambda p: (p > 0.5).any(1), tag=lambda p: np.zeros(p.shape), first=False):
    """W-OoD's training set with one step changed; rows: which from outside, tag: what they get."""

    def with_negatives(pooled, tags, outside, probability):
        pick = rows(probability)
        parts = [pooled, outside[pick]], [tags, tag(probability[pick]).astype(bool)]
        return tuple(np.concatenate(part[::-1] if first else part) for part in parts)

    return with_negatives


def replaced(pooled, tags, outside, probability):
    x, y = outside_too()(pooled, tags, outside, probability)
    return x[len(pooled) :], y[len(pooled) :]


def world(lake, dry, none, other=0):
    return np.array([[1, 1]] * lake + [[1, 0]] * dry + [[0, 0]] * none + [[0, 1]] * other)


ANSWERS = {
    "05.1": {
        "right": {"pixel by pixel": pixel_by_pixel, "by the package": by_package},
        "wrong": {
            "the box": changed(box=True),
            "y and x swapped": changed(swap=True),
            "one row too low": changed(at=(1, 0)),
            "one column too far left": changed(at=(0, -1)),
            "the host is changed": changed(copy=False),
            "only the new tag": changed(keep=False),
            "the tag after": changed(number=1),
            "the tag before": changed(number=-1),
            "half transparent": half_mixed,
            "the tag is toggled": toggled,
            "no tags": lambda *given: pixel_by_pixel(*given)[0],
            "tags first": lambda *given: pixel_by_pixel(*given)[::-1],
            "at its own place": lambda h, t, p, m, c, *at: (
                np.where(m[..., None], p, h),
                pixel_by_pixel(h, t, p, m, c, *at)[1],
            ),
            "the tag's name": lambda *given: (pixel_by_pixel(*given)[0], "boat"),
        },
    },
    "05.2": {
        "right": {"exact": (0.15 / 0.52, 1), "rounded": [0.29, 1.0]},
        "wrong": {
            "boat over water": (0.15 / 0.37, 1),
            "of the picture": (0.15, 1),
            "what is wrong of it": (0.37 / 0.52, 1),
            "recall like precision": (0.288, 0.288),
            "exchanged": (1, 0.288),
            "half": (0.5, 1),
            "water is not object": (0.288, 0.63),
            "per cent": (28.8, 100),
            "one number": 0.288,
        },
    },
    "05.3": {
        "right": {
            "any class": outside_too(),
            "as lists": lambda x, y, o, p: (
                [*x, *(a for a, b in zip(o, p) if max(b) > 0.5)],
                [*y, *([False] * 3 for b in p if max(b) > 0.5)],
            ),
        },
        "wrong": {
            "all of them": outside_too(rows=lambda p: slice(None)),
            "the easy ones": outside_too(rows=lambda p: p.max(1) <= 0.5),
            "the mean": outside_too(rows=lambda p: p.mean(1) > 0.5),
            "all classes": outside_too(rows=lambda p: (p > 0.5).all(1)),
            "the first class": outside_too(rows=lambda p: p[:, 0] > 0.5),
            "a stricter limit": outside_too(rows=lambda p: p.max(1) > 0.75),
            "once for each class": outside_too(rows=lambda p: np.nonzero(p > 0.5)[0]),
            "as the probe says": outside_too(tag=lambda p: p > 0.5),
            "every tag": outside_too(tag=lambda p: np.ones(p.shape)),
            "the largest tag": outside_too(tag=lambda p: p == p.max(1, keepdims=True)),
            "put first": outside_too(first=True),
            "hardest first": outside_too(rows=lambda p: np.argsort(-p.max(1))[:5]),
            "the old ones forgotten": replaced,
            "only the features": lambda *given: outside_too()(*given)[0],
        },
    },
    "05.4": {
        "right": {"lower case": "c2am", "as it is written": "C2AM"},
        "wrong": {
            "pasting": "cda",
            "backgrounds": "bdm",
            "lakes": "w-ood",
            "another method": "c-cam",
            "CAM": "cam",
            "all": ["cda", "bdm"],
        },
    },
    "05.5": {
        "right": {
            "many boats": world(160, 40, 25),
            "as lists": world(320, 80, 45).tolist(),
        },
        "wrong": {
            "too many empty pictures": world(60, 15, 60),
            "as many of each": world(30, 30, 30),
            "a lake without a boat": world(160, 40, 25, other=1),
            "no boat on land": world(160, 0, 25),
            "few boats on land": world(160, 20, 25),
            "always a boat": world(160, 40, 0),
            "never a boat": world(0, 0, 30),
            "too few pictures": world(8, 2, 2),
            "the columns swapped": world(160, 40, 25)[:, ::-1],
            "tags as well": np.c_[world(160, 40, 25), world(160, 40, 25)[:, 0]],
            "shares": world(160, 40, 25) / 2,
            "a word": "many lakes",
        },
    },
}
