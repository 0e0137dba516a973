"""Checks of the exercises of chapter 03: merging maps, and what merging costs."""

import numpy as np

from wsss_lite.exercises.checking import (
    array,
    call,
    exercise,
    match,
    number,
    require,
    several,
    shape,
)  # fmt: skip
from wsss_lite.exercises.recorded import mean


@exercise("03.1")
def accumulate(answer):
    maps, probability, tags = _moments()
    gate = probability > 0.5
    last = gate.copy()
    last[-1] = True
    right = _finish((maps * last[..., None, None]).max(0), tags)
    weighted = maps * probability[..., None, None]
    mistakes = {
        "maps are kept of moments whose classifier did not believe in the class: use the gate.": (
            _finish(maps.max(0), tags)
        ),
        "the gate closes for the last moment as well: its maps always count.": _finish(
            (maps * gate[..., None, None]).max(0), tags
        ),
        "that is the mean over the moments: a place seen once would fade. Take the maximum.": (
            _finish((maps * last[..., None, None]).mean(0), tags)
        ),
        "maps are weighted by their probability: the gate is open or closed.": _finish(
            weighted.max(0), tags
        ),
        "that is the last moment alone: nothing was gathered.": _finish(maps[-1], tags),
        "that is the minimum: what all moments agree on.": _finish(maps.min(0), tags),
        "maps of classes without a tag are left: multiply by the tags.": _finish(
            (maps * last[..., None, None]).max(0), np.ones_like(tags)
        ),
        "the maps are not divided by their maximum.": (
            (maps * last[..., None, None]).max(0) * tags[..., None, None]
        ),
        "one maximum for all maps: divide each map by its own.": _finish(
            (maps * last[..., None, None]).max(0), tags, axes=None
        ),
        "each moment is divided by its maximum before the maximum over moments: late, weak maps "
        "would count as much as strong ones.": _finish(
            (_finish(maps, np.ones(maps.shape[:3]), (3, 4)) * last[..., None, None]).max(0), tags
        ),
    }
    got = call(answer, maps, probability, tags)
    shape(got, right.shape, "(N, C, h, w)")
    require(np.isfinite(array(got)).all(), "a map of zeros becomes nan: its maximum is 0, so keep "
            "the divisor above it.")  # fmt: skip
    match(got, right, mistakes, names="(N, C, h, w)")
    return f"{(~last).sum()} of {last.size} maps were kept out"


@exercise("03.2")
def mirrored(answer):
    picture = np.random.default_rng(1).integers(0, 256, (8, 12, 3)).astype(np.uint8)
    plain, other = _map_of(picture), _map_of(picture[:, ::-1])
    mistakes = {
        "the map of the mirrored picture is not turned back: its left is the picture's right.": (
            (plain + other) / 2
        ),
        "the mirror stands the wrong way: left to right is the second axis of the picture.": (
            (plain + _map_of(picture[::-1])[::-1]) / 2
        ),
        "the colours are reversed: the second axis is left to right, the third is colour.": (
            (plain + _map_of(picture[..., ::-1])) / 2
        ),
        "the map is turned back about the wrong axis.": (plain + other[::-1]) / 2,
        "that is the sum: divide by 2.": plain + other[:, ::-1],
        "that is the maximum; the mean is asked for.": np.maximum(plain, other[:, ::-1]),
        "that is the map of the picture alone.": plain,
        "that is the map of the mirrored picture alone.": other[:, ::-1],
        "the map is mirrored, not the picture: the network has to look twice.": (
            (plain + plain[:, ::-1]) / 2
        ),
    }
    match(call(answer, _map_of, picture), (plain + other[:, ::-1]) / 2, mistakes, names="(h, w)")
    return "two looks at one picture, and nothing was trained"


@exercise("03.3")
def union(answer):
    found, true = several(answer, ("recall", "precision"))
    per_cent = {"a fraction is asked for, not per cent.": (1.5, 100)}
    mistakes = {
        "recall: the 40 pixels that both find are counted twice.": (1.0, 1.5),
        "recall: that is where *both* say yes, the minimum.": (0.39, 0.41),
        "recall: that is one mask alone.": (0.59, 0.61),
        "recall: that looks like the precision.": (0.69, 0.7),
    }
    number(found, 0.8, 0.004, mistakes | per_cent)
    mistakes = {
        "precision: the 5 false pixels that both take are counted twice.": (0.66, 0.67),
        "precision: that is one mask alone, 60 of 80.": (0.745, 0.755),
        "precision: that is where *both* say yes, the minimum.": (0.88, 0.9),
        "precision: that is the IoU; only what the mask says counts here.": (0.59, 0.595),
        "precision: overlaps are counted twice.": (0.745, 0.755),
    }
    number(true, 80 / 115, 0.004, mistakes | per_cent)
    return "recall from 0.60 to 0.80, precision from 0.75 to 0.70: the maximum can only add"


@exercise("03.4")
def on_test(answer):
    gain = 100 * (mean("mdc", "miou_test") - mean("cam", "miou_test"))
    recall = 100 * (mean("mdc", "recall_maps") - mean("cam", "recall_maps"))
    mistakes = {
        f"that much, nearly: {recall:.1f} points, is left of the recall once MDC has its own "
        "threshold. But recall is not mIoU: precision pays, and CRF and segmenter come "
        "after.": (gain + 1, 20),
        "that is an mIoU; how far MDC is ahead of CAM is asked for.": (20, 100),
        "MDC is not that far behind: what the masks lose in precision they gain in recall.": (
            -100, gain - 1,
        ),
    }  # fmt: skip
    number(answer, gain, 1.0, mistakes)
    return f"{gain:+.1f} points on test, {recall:+.1f} in the recall of its maps"


@exercise("03.5")
def worse(answer):
    truth = np.zeros((8, 8), bool)
    truth[2:6, 2:6] = True
    maps = []
    for one in several(answer, ("one", "other")):
        shape(one, truth.shape, "(8, 8)")
        maps.append(array(one).astype(float))
        require(((maps[-1] >= 0) & (maps[-1] <= 1)).all(), "the maps should lie in 0..1.")
    masks = [m > 0.5 for m in (*maps, np.maximum(*maps))]
    recall = [(m & truth).sum() / truth.sum() for m in masks]
    iou = [(m & truth).sum() / (m | truth).sum() for m in masks]
    text = (f"IoU {iou[0]:.2f} and {iou[1]:.2f}, of the maximum {iou[2]:.2f}; "
            f"recall {recall[0]:.2f} and {recall[1]:.2f}, of the maximum "
            f"{recall[2]:.2f}")  # fmt: skip
    require(min(iou) >= 0.3 or iou[2] < 0.3 <= min(iou[:2]),
            f"{text}: each map alone should reach an IoU of 0.3.")  # fmt: skip
    require(recall[2] > max(recall[:2]), f"{text}: the maximum must find more of the object than "
            "either, so let each find something that the other does not.")  # fmt: skip
    require(iou[2] <= min(iou[:2]) - 0.05, f"{text}: the maximum is not worse by 0.05. Let "
            f"them agree "
            "on the object and disagree on the background.")  # fmt: skip
    return text


def _moments():
    """Four moments of two pictures with three classes: (4, 2, 3, 3, 5), (4, 2, 3), (2, 3)."""
    rng = np.random.default_rng(5)
    strength = np.array([1.0, 0.8, 0.9, 0.6])[:, None, None, None, None]
    maps = strength * rng.random((4, 2, 3, 3, 5)) ** 2
    probability = rng.uniform(0.2, 1.0, (4, 2, 3))
    probability[:, 0, 0] = 0.3, 0.9, 0.8, 0.4  # the last moment does not believe in it
    probability[:, 0, 2] = 0.9, 0.2, 0.7, 0.6
    probability[0, 1] = 0.2, 0.3, 0.4  # and the first in none of the second picture
    maps[:, 1, 2] = 0  # nothing was ever seen
    return maps, probability, np.array([[1, 0, 1], [1, 1, 1]])


def _finish(maps, tags, axes=(2, 3)):
    maps = maps * tags[..., None, None]
    return maps / np.maximum(maps.max(axes, keepdims=True), 1e-12)


def _map_of(picture):
    """(h, w) of a classifier that minds where things are, as convolutions at borders do."""
    grey = np.asarray(picture, float) @ [0.5, 0.3, 0.2] / 255
    small = grey.reshape(grey.shape[0] // 2, 2, -1, 2).mean((1, 3))
    return small * np.linspace(0.5, 1, small.shape[1]) * np.linspace(1, 0.7, len(small))[:, None]
