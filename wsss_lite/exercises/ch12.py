"""Checks of the exercises of chapter 12: scribbles."""

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.exercises.checking import Hint, array, call, exercise, match, number, require
from wsss_lite.losses import regularised
from wsss_lite.methods.pipeline import best_scribbles
from wsss_lite.nets.segmenter import pixel_loss

VOID = 255
N = 100  # positions, all alike (12.4)
LENGTH, OBJECT, LEFT = 24, 6, 2  # of the row, its object, and what may be left of it (12.5)
STROKES = {0: 0, 15: 1}  # position: class (12.5)


@exercise("12.1")
def partial_cross_entropy(answer):
    logits, strokes = _strokes()
    right = pixel_loss(logits, strokes)
    known = strokes != VOID
    each = F.cross_entropy(logits, strokes, ignore_index=VOID, reduction="none")
    alone = torch.stack([F.cross_entropy(x[None], s[None], ignore_index=VOID)
                          for x, s in zip(logits, strokes)])  # fmt: skip
    label = strokes.where(known, 0)[:, None]
    over = {
        "positions": logits.flatten(2).log_softmax(2).reshape(logits.shape),
        "rows": logits.log_softmax(2),
        "columns": logits.log_softmax(3),
    }
    p, raw = (x.gather(1, label)[:, 0] for x in (logits.softmax(1), -logits))
    mistakes = {
        "positions without a stroke are divided by as well: the mean is over the drawn ones.": (
            each.mean()
        ),
        "positions without a stroke count as background: they should not count at all.": (
            F.cross_entropy(logits, strokes.where(known, 0))
        ),
        "a sum over the drawn positions: take their mean.": each.sum(),
        "a mean over pictures of their means: each drawn position counts the same.": alone.mean(),
        "strokes of the background (0) count too.": each[known & (strokes > 0)].mean(),
        "divided by the number of pictures: by that of the drawn positions.": each.sum() / 2,
        "the logits are not probabilities yet: log-softmax over the classes first.": (
            raw[known].mean()
        ),
        "the sign is missing: the loss is minus the log-probability.": -right,
        "that is 1 - the probability: the loss is -log of it.": (1 - p)[known].mean(),
    } | {
        f"the softmax runs over the {what}: it is over the classes, axis 1.": (
            -log_p.gather(1, label)[:, 0][known].mean()
        )
        for what, log_p in over.items()
    }
    match(call(answer, logits, strokes), right, mistakes, names="one number")
    empty = torch.as_tensor(call(answer, logits, torch.full_like(strokes, VOID)))
    require(torch.isfinite(empty).all() and empty == 0, f"a batch without a stroke gives {empty}; "
            "it should give 0: keep the number of drawn positions above 0.")  # fmt: skip
    return "the same as wsss_lite.nets.segmenter.pixel_loss"


@exercise("12.2")
def normalised_cut(answer):
    p, kernel = _soft_labels()
    right = _cut(p, kernel)
    degree = kernel.sum(1)
    cut = ((p @ kernel) * (1 - p)).sum(1)  # (C,)
    volume = p @ degree
    mistakes = {
        "one fraction for all is the energy of the CRF: divide each class by its own d . p.": (
            regularised.crf_energy(p[None, :, None], kernel[None])
        ),
        "the background is a class too.": (cut / volume)[1:].mean(),
        "a sum over the classes: take their mean.": (cut / volume).sum(),
        "that is how connected a class is within itself: count what is torn, p K (1 - p).": (
            ((p @ kernel) * p).sum(1) / volume
        ).mean(),
        "divided by what does not belong to the class: it is d . p.": (
            cut / ((1 - p) @ degree)
        ).mean(),
        "divided by the size of the class: its positions count with their degree d.": (
            cut / p.sum(1)
        ).mean(),
        "divided by all connections: by those of the class, d . p.": (cut / degree.sum()).mean(),
        "not divided at all.": cut.mean(),
    }
    match(call(answer, p, kernel), right, mistakes, names="one number")
    absent = torch.cat([p, torch.zeros(1, p.shape[1])])
    got = torch.as_tensor(call(answer, absent, kernel))
    require(torch.isfinite(got).all(), "a class that is not there at all gives 0 / 0: keep what "
            "you divide by above 0.")  # fmt: skip
    match(got, _cut(absent, kernel), {
        "a class that is not there is left out of the mean: it counts, with 0.": right,
    }, names="one number")  # fmt: skip
    return "the same as wsss_lite.losses.regularised.normalised_cut"


@exercise("12.3")
def product(answer):
    learnt, own = _opinions()
    power = 0.7

    def mixed(a, b, w, trace=best_scribbles.LEAST):
        both = (a + trace) ** (1 - w) * (b + trace) ** w
        return both / both.sum(0)

    raw = best_scribbles.product((learnt, own), (1 - power, power))
    right = raw / raw.sum(0)
    plain = mixed(learnt, own, 0.5) ** 2
    mistakes = {
        "the powers are exchanged: `power` belongs to the picture's own opinion.": mixed(
            own, learnt, power
        ),
        "that is the mean of the two: multiply them.": (1 - power) * learnt + power * own,
        "the powers are left out.": plain / plain.sum(0),
        "both have the same power: `power` and 1 - power.": mixed(learnt, own, 0.5),
        "the probabilities of a place do not add up to 1: divide by their sum over classes.": raw,
        "divided by the sum over the picture: over the classes, at each place.": raw / raw.sum(),
        "divided by the largest class: by the sum over classes.": raw / raw.max(0),
        "a probability of 0 is a veto: add 1e-3 to both before the powers.": mixed(
            learnt, own, power, 0.0
        ),
    }  # fmt: skip
    match(call(answer, learnt, own, power), right, mistakes, names="(C, H, W)")
    return "what best-scribbles gives to its CRF"


@exercise("12.4")
def doubled(answer):
    try:
        energy, cut = answer
    except (TypeError, ValueError):
        raise Hint("two factors are asked for, of the energy and of the cut.") from None
    kernel = 1 - torch.eye(N)
    small, large = (halves(k, N) for k in (10, 20))
    factors = [
        float(loss(large[None, :, None], kernel[None]) / loss(small[None, :, None], kernel[None]))
        for loss in (regularised.crf_energy, regularised.normalised_cut)
    ]
    number(energy, factors[0], 0.03, {
        "energy: twice as many places of the object, but each has fewer of the ground to be torn "
        "from: 20 x 80 pairs against 10 x 90.": (1.9, 2.1),
        "energy: it counts pairs, so a larger object has more of them torn.": (0.0, 1.0),
        "energy: not the square, an object's places are not torn from each other.": (3.9, 4.1),
    })  # fmt: skip
    number(cut, factors[1], 0.03, {
        "cut: each class is divided by its own connections, so the size falls out.": (1.05, 5),
        "cut: the small class gains and the large one loses, by the same amount.": (0.0, 0.95),
    })  # fmt: skip
    return f"the energy grows {factors[0]:.2f} times, the cut stays: it likes no size better"


@exercise("12.5")
def eaten(answer):
    p = torch.as_tensor(array(answer).astype(np.float32)) if _numeric(answer) else None
    require(p is not None, "numbers are asked for, the probabilities of two classes.")
    require(p.shape == (2, LENGTH), f"p should be (2, {LENGTH}), this is {tuple(p.shape)}.")
    require(torch.isfinite(p).all() and p.min() >= 0 and (p.sum(0) - 1).abs().max() < 1e-4,
            "the two probabilities of a position should add up to 1.")  # fmt: skip
    for place, cls in STROKES.items():
        name = ("object", "background")[cls]
        require(p[cls, place] > 0.9, f"the stroke at position {place} says {name}; p gives it "
                f"{p[cls, place]:.2f} there.")  # fmt: skip
    kept = float(p[0, :OBJECT].sum())
    require(kept <= LEFT, f"{kept:.1f} of the object's {OBJECT} positions are left; it should be "
            f"{LEFT} at most.")  # fmt: skip
    kernel, truth = pale_row(), halves(OBJECT, LENGTH)
    got, right = (float(regularised.crf_energy(q[None, :, None], kernel)) for q in (p, truth))
    require(got < right, f"its energy is {got:.3f}, that of the truth {right:.3f}: a smaller "
            "object has fewer alike pairs torn.")  # fmt: skip
    return f"energy {got:.3f}, of the truth {right:.3f}, and no stroke is violated"


def pale_row():
    """(1, 24, 24) kernel of a row whose first six positions are a little lighter."""
    row = torch.zeros(1, 3, 1, LENGTH)
    row[..., :OBJECT] = 10
    return regularised.gaussian_kernel(row, 0.2 * LENGTH, 15.0)


def halves(k, n):
    """(2, n) labels: the first k positions one class, the others the other."""
    one = (torch.arange(n) < k).float()
    return torch.stack([one, 1 - one])


def _cut(p, kernel):
    return regularised.normalised_cut(p[None, :, None], kernel[None])


def _numeric(answer):
    try:
        return array(answer).dtype.kind in "bfiu"
    except ValueError:
        return False


def _strokes():
    """(logits (2, 4, 5, 6), strokes (2, 5, 6)): the second picture has more ink than the first."""
    draw = torch.Generator().manual_seed(12)
    logits = 2 * torch.randn(2, 4, 5, 6, generator=draw)
    strokes = torch.full((2, 5, 6), VOID)
    strokes[0, 1, 1:4], strokes[0, 4, 2:4] = 2, 0
    strokes[1, 0], strokes[1, 2:5, 3], strokes[1, 1:4, 5] = 0, 3, 1
    return logits, strokes


def _soft_labels():
    """(p (3, 12), K (12, 12)): classes of uneven size, positions of uneven degree."""
    draw = torch.Generator().manual_seed(13)
    p = (2 * torch.randn(3, 12, generator=draw) + torch.tensor([[2.0], [0.0], [-1.0]])).softmax(0)
    half = torch.rand(12, 12, generator=draw) ** 3
    kernel = half + half.T
    kernel[:4] *= 0.2
    kernel[:, :4] *= 0.2
    return p, kernel.fill_diagonal_(0)


def _opinions():
    """Two (4, 3, 5) probabilities; each rules one class out at a place."""
    rng = np.random.default_rng(14)
    two = rng.random((2, 4, 3, 5)) ** 2
    two[0, 1, 0, 0] = two[1, 2, 2, 3] = 0
    return tuple(two / two.sum(1, keepdims=True))
