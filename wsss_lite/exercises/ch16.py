"""Checks of the exercises of chapter 16: SAM."""

import numpy as np

from wsss_lite.assist import choose
from wsss_lite.assist.oracles import box_iou
from wsss_lite.assist.sam import Promptable
from wsss_lite.assist.sam_score import iou
from wsss_lite.data.world import Box
from wsss_lite.exercises.checking import Hint, array, call, exercise, match, number, require, shape
from wsss_lite.score import score

VOID = 255
SIDE, OFF = 40, 0.1  # pixels of a square object; how far off each side of its box is


class Answers(Promptable):
    """A segmenter that has its answers ready: (masks, estimates)."""

    def masks(self, embedding, boxes=None, points=None, labels=None):
        return embedding


@exercise("16.1")
def believed(answer):
    masks, beliefs, target, valid = _prompts()
    right = _each(Answers().best((masks, beliefs))[0], target, valid)
    every = np.array([_each(masks[:, m], target, valid) for m in range(masks.shape[1])]).T
    rows, first = np.arange(len(masks)), beliefs.argmax(1)
    picked = masks[rows, first]
    both, sizes = (picked & target & valid).sum((1, 2)), [picked & valid, target & valid]
    mistakes = {
        "that is the answer which is best in truth; nobody knows it, so believe the estimates.": (
            every.max(1)
        ),
        "the first answer was taken, whatever was believed.": every[:, 0],
        "the answer of the *lowest* estimate was taken.": every[rows, beliefs.argmin(1)],
        "one answer for all prompts: each prompt has its own best.": (
            every[:, beliefs.sum(0).argmax()]
        ),
        "the mean over the answers is not asked for: one of them is chosen.": every.mean(1),
        "those are the estimates, not the truth.": beliefs.max(1),
        "void pixels are counted: keep to the valid ones.": _each(picked, target, valid | True),
        "void pixels are taken out of the intersection only; they are not in the union either.": (
            both / np.maximum((picked | target).sum((1, 2)), 1)
        ),
        "that is Dice: the union counts what both have once.": (
            2 * both / np.maximum(sum(size.sum((1, 2)) for size in sizes), 1)
        ),
        "the sum of both sizes counts their intersection twice.": (
            both / np.maximum(sum(size.sum((1, 2)) for size in sizes), 1)
        ),
        "that is recall: an answer that covers everything would be perfect.": (
            both / np.maximum(sizes[1].sum((1, 2)), 1)
        ),
        "that is precision: divide by the union, not by the answer alone.": (
            both / np.maximum(sizes[0].sum((1, 2)), 1)
        ),
    }
    match(call(answer, masks, beliefs, target, valid), right, mistakes, names="(K,)")
    empty = array(call(answer, masks & False, beliefs, target & False, valid))
    require((empty == 0).all(), "where the union is empty the IoU is 0, not nan.")
    return "the same as sam.best and sam_score.iou"


def _each(masks, target, valid):
    return np.array([iou(mask, one, valid) for mask, one in zip(masks, target, strict=True)])


def _prompts():
    """Four prompts with three answers each, on 8 x 10 pixels of which some are void."""
    rng = np.random.default_rng(3)
    target, y = np.zeros((4, 8, 10), bool), np.indices((8, 10))[0]
    for k, (top, left) in enumerate(((0, 1), (2, 4), (4, 0), (3, 5))):
        target[k, top : top + 4, left : left + 5] = True
    noise = rng.random((4, 3, 8, 10)) < np.array([0.1, 0.3, 0.2])[:, None, None]
    beliefs = np.array([[0.7, 0.8, 0.5], [0.4, 0.3, 0.9], [0.8, 0.6, 0.7], [0.5, 0.9, 0.6]])
    return target[:, None] ^ noise, beliefs, target, y > 0


@exercise("16.2")
def names(answer):
    labels, masks = _scene()
    for settings in ({}, {"ratio": 0.2, "cover": 2.0}):
        right = [_name(labels, mask, **settings) for mask in masks]
        got = call(answer, labels, masks, **settings)
        require(np.shape(got) == (len(masks),), "a list with one class number for each mask is "
                "asked for, 0 where no class takes it.")  # fmt: skip
        ratio, cover = settings.get("ratio", choose.RATIO), settings.get("cover", choose.COVER)
        slips = {hint: [pick(labels, mask) for mask in masks]
                 for hint, pick in _slips(ratio, cover).items()}  # fmt: skip
        slips["`ratio` and `cover` are given: use them."] = [_name(labels, m) for m in masks]
        match(got, right, slips, names="one number a mask")
    return "the masks that wsss_lite.assist.choose takes"


def _name(labels, mask, **settings):
    taken = choose.chosen(labels, [mask], **settings)
    return taken[0][0] if taken else 0


def _slips(ratio, cover):
    """{hint: function (labels, mask) -> class} of likely mistakes."""

    def pick(mute=(0, VOID), share=True, covered=True, of_class=False, or_=True, half=False):
        def one(labels, mask):
            inside = np.bincount(labels[mask], minlength=256)
            inside[list(mute)] = 0
            cls = int(inside.argmax())
            size = (labels == cls).sum() if of_class else mask.sum()
            large = inside[cls] > ratio * size or half and inside[cls] == ratio * size
            whole = inside[cls] >= cover * (labels == cls).sum()
            taken = (large and share, whole and covered)
            return cls if inside[cls] and (any(taken) if or_ else all(taken)) else 0

        return one

    return {
        "the background (0) takes masks as if it were a class.": pick(mute=(VOID,)),
        "undecided pixels (255) are no class and take nothing.": pick(mute=(0,)),
        "a mask that holds nearly all of a class is taken as well, however large it is.": pick(
            covered=False
        ),
        "a mask of which more than `ratio` has the label is taken as well, however little of the "
        "class it holds.": pick(share=False),
        "the ratio is a share of the *mask*, not of the class.": pick(of_class=True),
        "one of the two conditions is enough.": pick(or_=False),
        "*more* than `ratio` of the mask, not just as much.": pick(half=True),
        "every mask is named: it takes one of the two conditions.": (
            lambda labels, mask: (
                np.bincount(labels[mask][labels[mask] % VOID > 0], minlength=1).argmax().item()
            )
        ),
    }


def _scene():
    """(12, 12) labels of three classes with 255 around them, and ten masks."""
    labels = np.zeros((12, 12), np.uint8)
    labels[1:6, 1:6], labels[2:5, 2:5] = VOID, 1
    labels[7:10, 1:9], labels[1:4, 8:11], labels[4:6, 8:10] = 2, 3, 2
    places = [np.s_[2:5, 2:5], np.s_[1:6, 1:6], np.s_[0:7, 0:8], np.s_[6:11, 0:4],
              np.s_[7:9, 1:5], np.s_[1:6, 8:11], np.s_[3:8, 7:11], np.s_[6:12, 9:12],
              np.s_[0:5, 3:6], np.s_[5:9, 1:5]]  # fmt: skip
    masks = np.zeros((len(places), 12, 12), bool)
    for mask, place in zip(masks, places, strict=True):
        mask[place] = True
    return labels, masks


@exercise("16.3")
def loose(answer):
    grown = round(OFF * SIDE)
    true = Box(1, 50, 50, 50 + SIDE, 50 + SIDE)
    box = Box(1, 50 - grown, 50 - grown, 50 + SIDE + grown, 50 + SIDE + grown)
    mistakes = {
        "that would be one side of four.": (0.9, 0.92),
        "each side moves, also the opposite one: the box is 48 pixels wide, not 44.": (0.82, 0.83),
        "a box has two directions: 48 wide *and* 48 high.": (0.831, 0.84),
        "areas go with the square: it is not 1 minus the sum of the errors.": (0.79, 0.81),
        "that is the box that is too small by as much.": (0.63, 0.65),
        "the union is the large box, and not both areas together.": (0.40, 0.42),
    }
    number(answer, box_iou(true, box), 0.01, mistakes)
    return "a tenth on each side costs three tenths, before anything is cut out"


@exercise("16.4")
def worse(answer):
    try:
        labels, masks, truth = answer
        labels, truth = (array(one).astype(np.uint8) for one in (labels, truth))
        masks = [array(mask).astype(bool) for mask in masks]
    except (TypeError, ValueError):
        raise Hint("labels, a list of masks and the truth are asked for.") from None
    for one in (labels, truth, *masks):
        shape(one, (16, 16), "(H, W)")
    for name, one in (("labels", labels), ("truth", truth)):
        require(set(np.unique(one)) == {0, 1}, f"{name} should hold 0 and 1, and both of them.")
    for mask in masks:
        require(mask.any(), "a mask is empty.")
        require(len(np.unique(truth[mask])) == 1, "a mask crosses the outline of the object; all "
                "masks should be right: wholly on it, or wholly beside it.")  # fmt: skip
    require(any((mask == (truth == 1)).all() for mask in masks),
            "the object itself should be one of the masks.")  # fmt: skip
    before, after = (
        score([(truth, one)], 2).iou[1] for one in (labels, choose.by_masks(labels, masks))
    )
    require(after <= before - 0.1, f"IoU {before:.2f} with the labels and {after:.2f} with the "
            "masks: it should fall by 0.1. Which mask beside the object do the labels take "
            "along?")  # fmt: skip
    return f"right outlines, a wrong name: IoU {before:.2f} -> {after:.2f}"
