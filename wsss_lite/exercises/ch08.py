"""Checks of the exercises of chapter 08: self-supervision."""

import numpy as np
import torch

from wsss_lite.exercises.checking import Hint, array, call, exercise, match, number, require
from wsss_lite.losses.consistency import difference as apart
from wsss_lite.maps import cam as blocks
from wsss_lite.maps.transform import dissimilarity as unlike

LEFT = 2 / 3  # of the dissimilarity that a forgery may keep (08.3)


@exercise("08.1")
def equivariance(answer):
    one, two, tags = _example()
    small = blocks.resize(one, two.shape[-2:])
    each, per_class = (small - two).abs(), (small - two).abs().mean((2, 3))
    known = tags.numpy()
    right = apart(small, two, known)
    large = blocks.resize(two, one.shape[-2:])
    mistakes = {
        "signs cancel: take the absolute value of each difference before the mean.": (
            ((small - two).mean((2, 3)) * tags).sum() / tags.sum()
        ),
        "the difference is squared: asked is its absolute value.": (
            (((small - two) ** 2).mean((2, 3)) * tags).sum() / tags.sum()
        ),
        "classes without a tag count: leave them out of sum and number.": each.mean(),
        "classes without a tag are zero and still counted: divide by the number of tags.": (
            (per_class * tags).mean()
        ),
        "a sum over the positions: take their mean.": (each.sum((2, 3)) * tags).sum() / tags.sum(),
        "a sum over the tags: divide by their number.": (per_class * tags).sum(),
        "a mean over pictures of their means: a picture with two tags counts twice.": (
            ((per_class * tags).sum(1) / tags.sum(1)).mean()
        ),
        "the smaller map was enlarged: bring the larger one to the size of the smaller.": (
            apart(large, one, known)
        ),
        "the larger map was reduced to its nearest cells: use mode='bilinear'.": apart(
            torch.nn.functional.interpolate(one, two.shape[-2:]), two, known
        ),
        "the larger map was averaged in blocks: use mode='bilinear'.": apart(
            torch.nn.functional.adaptive_avg_pool2d(one, two.shape[-2:]), two, known
        ),
    }
    match(call(answer, one, two, tags), right, mistakes, names="one number")
    empty = torch.as_tensor(call(answer, one, two, torch.zeros_like(tags)))
    require(torch.isfinite(empty).all() and empty == 0, f"a batch without a tag gives {empty}; "
            "it should give 0: keep the number of tags above zero when you divide.")  # fmt: skip
    return "the same as wsss_lite.losses.consistency.difference"


@exercise("08.2")
def one_hot_cell(answer):
    try:
        difference, dissimilarity = answer
    except (TypeError, ValueError):
        raise Hint("two numbers are asked for, difference and dissimilarity.") from None
    a, b = torch.zeros(2, 1, 1, 14, 14)
    a[..., 3, 3] = b[..., 9, 8] = 1
    number(difference, float(apart(a, b, np.ones((1, 1), bool))), 5e-4, {
        "difference: the two maps differ in two cells, in one each way.": (0.0046, 0.0056),
        "difference: it is a mean over all the cells, not their sum.": (0.9, 2.1),
        "difference: the maps agree where both are zero; two cells are left.": (-1, 0),
    })  # fmt: skip
    number(dissimilarity, float(unlike(a, b)), 5e-3, {
        "dissimilarity: divide by the heat of both maps, not by the number of cells.": (0, 0.02),
        "dissimilarity: the heat of both maps together is 2.": (1.9, 2.1),
        "dissimilarity: both of the cells differ, not one of the two.": (0.45, 0.55),
    })  # fmt: skip
    return "by one number nearly perfect, by the other nothing in common"


@exercise("08.3")
def forge(answer):
    a, b = _two_views()
    faked = [torch.as_tensor(call(answer, maps)).float() for maps in (a, b)]
    require(faked[0].shape == a.shape, f"the shape is {tuple(faked[0].shape)}, it should stay "
            f"{tuple(a.shape)}.")  # fmt: skip
    for maps, fake in zip((a, b), faked):
        require(torch.isfinite(fake).all() and 0 <= fake.min() and fake.max() < 1 + 1e-4,
                "the values should be numbers in 0..1.")  # fmt: skip
        require(
            (fake.amax((2, 3)) - maps.amax((2, 3))).abs().max() < 1e-3,
            "each map should keep its maximum of 1: a map times a number says the same.",
        )
        require(_same_order(maps, fake), "the order of the cells is lost: where a map is larger, "
                "its forgery has to be larger too, so that it allows the same masks.")  # fmt: skip
    before, after = (float(unlike(*pair).mean()) for pair in ((a, b), faked))
    require(after < LEFT * before, f"the dissimilarity goes from {before:.2f} to {after:.2f}; it "
            "should fall by a third: make the maps vaguer, not sharper.")  # fmt: skip
    return f"dissimilarity {before:.2f} before, {after:.2f} after, and the masks are the same"


def _same_order(maps, fake):
    """Whether the cells of each map have one order, nearly all of them without a tie."""
    flat, forged = (array(x).reshape(-1, x.shape[2] * x.shape[3]) for x in (maps, fake))
    order = np.argsort(flat, axis=1)
    steps = np.diff(np.take_along_axis(forged, order, 1), axis=1)
    return steps.min() > -1e-6 and (steps > 0).mean() > 0.95


def _example():
    """Maps of two pictures, of their smaller copies, and tags: two and one."""
    draw = torch.Generator().manual_seed(8)
    one = torch.rand(2, 3, 6, 9, generator=draw)
    two = torch.rand(2, 3, 4, 5, generator=draw)
    return one, two, torch.tensor([[True, False, True], [False, True, False]])


def _two_views():
    """Two views of four maps, (2, 2, 7, 9) each, alike in part; the maximum of each map is 1."""
    draw = torch.Generator().manual_seed(9)
    common, own, other = torch.rand(3, 2, 2, 7, 9, generator=draw) ** 3
    return (blocks.normalise(0.6 * common + 0.4 * x) for x in (own, other))
