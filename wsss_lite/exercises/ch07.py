"""Checks of the exercises of chapter 07: extra supervision."""

import numpy as np
import torch

from wsss_lite.exercises.checking import Hint, array, call, exercise, match, number, require
from wsss_lite.methods.extra import eps as blocks

PRECISION, RECALL, MISSED = 0.5, 0.6, 0.5  # of the mask, and what the cue overlooks (07.2)


@exercise("07.1")
def fuse(answer):
    p, salient, tags = _example()
    tau, blend = 0.4, 0.3
    front, ground = (blocks.fuse(p, salient, tags, tau, b) for b in (1.0, 0.0))
    turned = _by_share_of_cue(p, salient, tags, tau)
    mistakes = {
        "`blend` is not used: it may be another number than 0.5.": (front + ground) / 2,
        "`blend` belongs to the front, 1 - blend to what is not background.": (
            (1 - blend) * front + blend * ground
        ),
        "the background is the last of the channels, not the first.": blocks.fuse(
            p.roll(-1, 1), salient, tags, tau, blend
        ),
        "classes without a tag take part: use the tags.": blocks.fuse(
            p, salient, torch.ones_like(tags), tau, blend
        ),
        "all tags count as front: `tau` is what their map must have on salient ground.": (
            blocks.fuse(p, salient, tags, -1.0, blend)
        ),
        "the rest, tagged classes that are not front, is not taken off the second part.": (
            blend * front + (1 - blend) * (1 - p[:, -1])
        ),
        "that is the share of the salient ground which a map covers; asked is the share of the "
        "map that lies on salient ground.": blend * turned[0] + (1 - blend) * turned[1],
        "only the front is there: add what is neither background nor rest.": front,
        "only what is not background is there: the front is missing.": ground,
    }
    match(call(answer, p, salient, tags, tau, blend), blocks.fuse(p, salient, tags, tau, blend),
          mistakes, names="(B, h, w)")  # fmt: skip
    return "the same as wsss_lite.methods.extra.eps.fuse"


def _by_share_of_cue(p, salient, tags, tau):
    """Front, and 1 - background - rest, where a class is chosen by the wrong share."""
    region, cue = p[:, :-1] > 0.5, (salient > 0.5)[:, None]
    chosen = (region & cue).sum((2, 3)) / cue.sum((2, 3)) > tau
    parts = [(p[:, :-1] * t[..., None, None]).sum(1) for t in (tags & chosen, tags & ~chosen)]
    return parts[0], 1 - p[:, -1] - parts[1]


@exercise("07.2")
def half_missed(answer):
    try:
        precision, recall = answer
    except (TypeError, ValueError):
        raise Hint("two numbers are asked for, precision and recall.") from None
    number(precision, 1.0, 0.01, {
        "precision: off the objects the cue is 0, so nothing that leaked is left.": (0.0, 0.99),
    })  # fmt: skip
    number(recall, RECALL * (1 - MISSED), 0.01, {
        "recall: what is overlooked is multiplied by zero, so it must fall.": (0.599, 0.601),
        "recall: of an object that is seen the mask has no more than before, not all of it.": (
            0.499, 0.501),
        "recall: that is the share of what is lost or missing, not of what is found.": (0.69, 0.71),
    })  # fmt: skip
    return "the product cannot put back what the cue has overlooked; a trained head can"


@exercise("07.3")
def two_cues(answer):
    objects, mask = lake()
    try:
        harms, helps = (array(one) for one in answer)
    except (TypeError, ValueError):
        raise Hint("two arrays are asked for, harms and helps.") from None
    for name, cue in (("harms", harms), ("helps", helps)):
        require(cue.shape == mask.shape, f"`{name}` has the shape {cue.shape}, not {mask.shape}.")
        require(np.isin(cue, (0, 1)).all(), f"`{name}` should be True or False at each place.")
    harms, helps = harms.astype(bool), helps.astype(bool)
    before, good, bad = (iou(m, objects) for m in (mask, helps, harms))
    require(bad >= 0.5, f"the IoU of `harms` is {bad:.2f}; it should be 0.5 or more.")
    with_bad, with_good = iou(mask & harms, objects), iou(mask & helps, objects)
    require(with_bad < before, f"with `harms` the mask has {with_bad:.2f}, no worse than its "
            f"{before:.2f}: let the cue overlook what the mask had found.")  # fmt: skip
    require(good < bad, f"the IoU of `helps` is {good:.2f}; it should be below that of `harms`, "
            f"{bad:.2f}: call much salient that the mask does not have.")  # fmt: skip
    require(with_good > before, f"with `helps` the mask has {with_good:.2f}, no better than its "
            f"{before:.2f}: let the cue be right where the mask leaks.")  # fmt: skip
    return f"IoU {bad:.2f} harms ({with_bad:.2f}), IoU {good:.2f} helps ({with_good:.2f})"


def lake():
    """(object, mask), (16, 16) bool: the mask has three quarters of the object, and a leak."""
    objects, mask = np.zeros((2, 16, 16), bool)
    objects[4:12, 4:12] = True
    mask[4:10, 4:12] = mask[12:14, 4:12] = True
    return objects, mask


def iou(a, b):
    """IoU of two bool arrays."""
    return (a & b).sum() / (a | b).sum()


def _example():
    """Two pictures, three classes and the background (last), 4 x 5 places.

    Of the first picture's tags one is mostly on salient ground and one is not; in the second the
    salient ground is a spot inside a large map.
    """
    draw = torch.Generator().manual_seed(7)
    evidence = 4 * torch.randn(2, 4, 4, 5, generator=draw)
    evidence[1, 2] += 6
    p = evidence.softmax(1)
    salient = 0.1 * torch.rand(2, 4, 5, generator=draw)
    salient[0] += 0.8 * (p[0, 1] < 0.5)
    salient[0].view(-1)[p[0, 0].argmax()] = 0.1  # most of that map, not all of it
    salient[1].view(-1)[p[1, 2].flatten().topk(3).indices] += 0.8
    return p, salient, torch.tensor([[True, True, False], [False, False, True]])
