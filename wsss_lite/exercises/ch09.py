"""Checks of the exercises of chapter 09: transformers, and training in one stage."""

import numpy as np
import torch

from wsss_lite.exercises.checking import Hint, array, call, choice, exercise, match, number, require
from wsss_lite.exercises.recorded import mean
from wsss_lite.maps import pool
from wsss_lite.nets.tokens import Seen, patch_attention

METHODS = ("cam", "ssss", "rrm", "afa")
SMALL, HIGH = 0.05, 2.0  # share of the picture, score without the penalty (09.3)


@exercise("09.1")
def flow(answer):
    maps, logits = _example()
    classes = maps.shape[1]
    patches = logits[:, :, classes:, classes:]
    pairs = patch_attention(Seen(torch.zeros(len(maps), classes), None, [logits]))

    def along(table):
        return (maps.flatten(2) @ table.transpose(1, 2)).reshape(maps.shape)

    mistakes = {
        "each patch gives here: it should take, weighted by its own row.": (
            (maps.flatten(2) @ pairs).reshape(maps.shape)
        ),
        "the softmax runs over those who ask: each row, over those who are asked, adds up to 1.": (
            along(patches.softmax(2).mean(1))
        ),
        "the rows do not add up to 1: leave the class tokens out before the softmax.": along(
            logits.softmax(-1)[:, :, classes:, classes:].mean(1)
        ),
        "the class tokens come first, the patches after them.": along(
            logits[:, :, :-classes, :-classes].softmax(-1).mean(1)
        ),
        "the mean over the heads comes after the softmax of each.": along(
            patches.mean(1).softmax(-1)
        ),
        "the heads are added up: take their mean.": along(patches.softmax(-1).sum(1)),
        "only one head is used.": along(patches[:, 0].softmax(-1)),
        "there is no softmax: query times key is not a weight yet.": along(patches.mean(1)),
        "the maps have not moved: multiply them by the table.": maps,
        "height and width are mixed up where the patches become a map again.": (
            along(pairs).reshape(*maps.shape[:2], *maps.shape[:1:-1]).transpose(2, 3)
        ),
    }
    match(call(answer, maps, logits), along(pairs), mistakes, names="(B, C, h, w)")
    return "what MCTformer does with the attention of its patches"


@exercise("09.2")
def poolings(answer):
    try:
        values = {name: answer[name] for name in ("GAP", "GMP", "nGWP")}
    except (TypeError, KeyError):
        raise Hint("a dictionary is asked for, with the keys GAP, GMP and nGWP.") from None
    mask = torch.zeros(1, 1, 10, 10)
    mask[..., :3, :3] = 1
    evidence = torch.where(mask > 0, 4.0, -1.0)
    number(values["GAP"], pool.gap(evidence).item(), 0.01, {
        "GAP: the 91 other places count too, with -1 each.": (0.35, 0.37),
        "GAP: that is the sum, divide it by the number of places.": (-56, -54),
        "GAP: that is the mean of the two values, of 9 and of 91 places.": (1.4, 1.6),
        "GAP: that is the mean of what the mask has won.": (3.9, 4.1),
    })  # fmt: skip
    number(values["GMP"], pool.gmp(evidence).item(), 0.01, {
        "GMP: the largest value, not a mean of it over places.": (0.0, 0.5),
    })  # fmt: skip
    number(values["nGWP"], pool.ngwp(mask, evidence).item(), 0.01, {
        "nGWP: there is a 1 beside the size of the mask below the line.": (3.99, 4.01),
        "nGWP: it is divided by the size of the mask, not by that of the picture.": (0.35, 0.37),
        "nGWP: what the mask has not won does not enter.": (-60, 0),
        "nGWP: the sum of what the mask has won still has to be divided.": (35, 37),
    })  # fmt: skip
    return "the mean punishes a small object, the mask's mean hardly"


@exercise("09.3")
def vanishing(answer):
    evidence = array(answer)
    require(evidence.shape == (8, 8), f"the evidence should be (8, 8), this is {evidence.shape}.")
    require(evidence.dtype.kind in "fiu" and np.isfinite(evidence).all(),
            "the evidence should be finite numbers.")  # fmt: skip
    logits = torch.ones(1, 2, 8, 8)  # the background's is 1 everywhere
    logits[0, 1] = torch.from_numpy(evidence.astype(np.float32))
    masks = logits.softmax(1)
    size = masks[0, 1].mean().item()
    plain = pool.ngwp(masks, logits)[0, 1].item()
    punished = plain + pool.size_penalty(masks)[0, 1].item()
    require(size < SMALL, f"the mask has {size:.0%} of the picture, it should have less than "
            f"{SMALL:.0%}: push the evidence below that of the background.")  # fmt: skip
    require(plain > HIGH, f"without the penalty the score is {plain:.2f}; it should be above "
            f"{HIGH:g}: be surer of the few places that are left.")  # fmt: skip
    require(punished < 0, f"with the penalty the score is {punished:.2f}, still above 0: a smaller "
            "mask, or one less sure, costs more than it brings.")  # fmt: skip
    return f"{size:.1%} of the picture score {plain:.2f}, and {punished:.2f} with the penalty"


@exercise("09.4")
def gains_on_test(answer):
    scores = {m: [mean(m, key) for key in ("miou_maps", "miou_test")] for m in METHODS}
    said = {m: f"{m}: maps {maps:.1%}, test {test:.1%}." for m, (maps, test) in scores.items()}
    right = max(METHODS, key=lambda m: scores[m][1] - scores[m][0])
    others = {m: said[m] + " Who trains a second network on its masks?"
              for m in METHODS if m != right}  # fmt: skip
    choice(answer, right, others)
    return said[right]


def _example():
    """(maps (2, 3, 4, 5), logits (2, 2, 23, 23)): 2 pictures, 3 classes, 2 heads, 4 x 5 patches."""
    draw = torch.Generator().manual_seed(9)
    maps = torch.rand(2, 3, 4, 5, generator=draw)
    return maps, 2 * torch.randn(2, 2, 23, 23, generator=draw)
