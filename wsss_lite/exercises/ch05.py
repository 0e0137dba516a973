"""Checks of the exercises of chapter 05: company that objects keep, and cures for it."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from wsss_lite.exercises.checking import (
    array,
    call,
    choice,
    close,
    exercise,
    match,
    number,
    require,
    several,
    shape,
)  # fmt: skip
from wsss_lite.exercises.recorded import mean

CURES = ("cda", "bdm", "w-ood", "c2am")


@exercise("05.1")
def cut_and_paste(answer):
    host, picture, mask = _pictures()
    tags, cls, top, left = np.array([True, False, False, False]), 2, 5, 1
    ys, xs = np.nonzero(mask)

    def pasted(ys, xs, from_ys=ys, from_xs=xs):
        made = host.copy()
        made[ys % len(made), xs % made.shape[1]] = picture[from_ys, from_xs]
        return made

    right = pasted(ys - ys.min() + top, xs - xs.min() + left)
    box_ys, box_xs = (a.ravel() for a in np.mgrid[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1])
    mistakes = {
        "the whole box was pasted, with what is around the object: use the mask.": pasted(
            box_ys - ys.min() + top, box_xs - xs.min() + left, box_ys, box_xs
        ),
        "the object lies at its own place: move its box to (top, left).": pasted(ys, xs),
        "top and left are swapped: rows come first.": pasted(
            ys - ys.min() + left, xs - xs.min() + top
        ),
        "the object was moved *by* (top, left), not to it.": pasted(ys + top, xs + left),
        "the host came out unchanged.": host,
        "the centre of the box lies at (top, left), its corner should.": pasted(
            ys - (ys.min() + ys.max() + 1) // 2 + top, xs - (xs.min() + xs.max() + 1) // 2 + left
        ),
        "object and host have changed parts: the host is pasted into the picture.": np.where(
            mask[..., None], host, picture
        ),
    }
    found = call(answer, host, tags, picture, mask, cls, top, left)
    made, union = several(found, ("the picture", "its tags"))
    match(made, right, mistakes, names="(H, W, 3)")
    both = np.array([True, False, True, False])
    match(union, both, {
        "the new tag replaces the old ones: what was in the host is still there.": [0, 0, 1, 0],
        "the tags are those of the host: the object has come.": tags,
        "classes count from 0 in tags: the tag before it was set.": [1, 1, 0, 0],
        "classes count from 0 in tags: the tag after it was set.": [1, 0, 0, 1],
    }, names="(C,)")  # fmt: skip
    again = call(answer, host, both, picture, mask, cls, top, left)[1]
    require(close(again, both), "right, but a host that has the class already keeps its tag.")
    return "and the picture says the truth: both are in it"


@exercise("05.2")
def leaking(answer):
    precise, found = several(answer, ("precision", "recall"))
    per_cent = {"a fraction is asked for, not per cent.": (1.5, 100)}
    number(precise, 0.15 / 0.52, 0.006, per_cent | {
        "precision: that is boat over water; the mask is boat *and* water.": (0.40, 0.41),
        "precision: that is the boat's share of the picture, not of the mask.": (0.145, 0.155),
        "precision: that is the share of the mask that is wrong.": (0.70, 0.72),
        "precision: that is the size of the mask.": (0.515, 0.525),
        "precision: more than half of the mask is water.": (0.9, 1.1),
    })  # fmt: skip
    number(
        found,
        1.0,
        0.006,
        per_cent
        | {"recall: the mask covers all of the boat; leaking costs precision alone.": (0.0, 0.99)},
    )
    return "and no threshold parts what is equally hot"


@exercise("05.3")
def with_negatives(answer):
    pooled, tags, outside, probability = _outside()
    hard = probability.max(1) > 0.5
    found = call(answer, pooled, tags, outside, probability)
    x, y = several(found, ("features", "tags"))
    count = len(array(x)) if array(x).ndim else 0
    wanted = len(pooled) + hard.sum()
    hints = {
        len(pooled) + len(outside): "all pictures from outside were taken: the hard ones only.",
        len(pooled) + (~hard).sum(): "the easy pictures were taken: hard is where the probe is "
        "wrong, above one half.",
        len(pooled) + (probability.mean(1) > 0.5).sum(): "the mean over the classes decides: one "
        "class above one half is enough.",
        len(pooled) + (probability > 0.5).all(1).sum(): "*all* classes must exceed one half: one "
        "is enough.",
        len(pooled) + (probability > 0.5).sum(): "a picture that is hard for two classes was taken "
        "twice.",
        len(pooled) + (probability[:, 0] > 0.5).sum(): "one class alone was looked at: a picture "
        "is hard if any class exceeds one half.",
        hard.sum(): "the pictures with objects are gone: the new ones come after them.",
        len(pooled): "no picture was added.",
    }
    require(count == wanted, hints.get(
        count, f"there are {count} pictures, there should be {wanted}."))  # fmt: skip
    right = np.concatenate([pooled, outside[hard]])
    match(x, right, {
        "the new pictures come after the old ones.": np.concatenate([outside[hard], pooled]),
        "as many pictures as are hard, but not these: select with the mask.": np.concatenate(
            [pooled, outside[: hard.sum()]]
        ),
    }, names="(N + hard, F)")  # fmt: skip
    nothing = np.zeros((hard.sum(), tags.shape[1]))
    match(y, np.concatenate([tags, nothing]), {
        "the pictures from outside carry the tags that the probe gave them: that teaches it "
        "its own "
        "mistake. They have none.": np.concatenate([tags, probability[hard] > 0.5]),
        "the pictures from outside carry every tag: they have none.": np.concatenate(
            [tags, nothing + 1]
        ),
        "the tags are in another order than the pictures.": np.concatenate([nothing, tags]),
        "the old tags are gone too.": np.zeros((wanted, tags.shape[1])),
    }, names="(N + hard, C)")  # fmt: skip
    return f"{hard.sum()} lakes without a boat, and they say so"


@exercise("05.4")
def water(answer):
    heat = {name: mean(name, "water") for name in CURES}
    right = min(heat, key=heat.get)
    below = [name for name, value in heat.items() if value < 1]
    assert below == [right], f"the rows have changed: {below} are below 1, reword exercise 05.4"
    why = {
        "cda": "Boats on meadows do not contradict a lake that is called a boat",
        "bdm": "It takes a mask that leaks to part the boat from the lake, so the lake goes along",
        "w-ood": "It is the one that teaches the classifier what an empty lake is, and the water "
        "gets less heat than in CAM, but not less than its share",
        "c2am": "It asks where the foreground is, whatever it is",
    }
    others = {name: f"{why[name]}: {heat[name]:.2f}." for name in CURES if name != right}
    choice(answer, right, others)
    return (f"{heat[right]:.2f}. {why[right]}; chapter 05 finds that it gains as much where "
            f"nothing "
            "is to be cured, so a cool lake is no proof of a cure")  # fmt: skip


@exercise("05.5")
def pasted(answer):
    seen = array(answer)
    shape(seen, (len(seen) if seen.ndim else 0, 2), "(n, 2): hull, water")
    require(len(seen) >= 20, f"{len(seen)} pictures: make it 20 or more.")
    require(np.isin(seen, (0, 1)).all(), "hull and water are there or not: 0 or 1.")
    hull, water = seen.T.astype(bool)
    require(not (water & ~hull).any(), "there is a lake without a boat in it: that is the "
            "cure, not "
            "the disease. Nobody has seen one.")  # fmt: skip
    require(hull.any(), "nobody has ever seen a boat.")
    dry, empty = np.mean(~water[hull]), np.mean(~hull)
    require(dry >= 0.2, f"{dry:.0%} of the boats are without water: paste more of them on meadows.")
    require(empty >= 0.1, f"{empty:.0%} of the pictures have no boat; make it a tenth.")
    # The penalty is measured against the mean of the pictures: only their shares matter.
    probe = LogisticRegression(C=225 / len(seen)).fit(seen.astype(float), hull)
    lake, meadow = probe.predict_proba([[0.0, 1.0], [0.0, 0.0]])[:, 1]
    text = f"P(boat) of an empty lake {lake:.2f}, of an empty meadow {meadow:.2f}"
    require(lake > 0.5, f"{text}: not yet. How often do hull and water come together, and "
            f"how often "
            "does anything speak against water?")  # fmt: skip
    return f"{text}: pasting shows boats without lakes, never a lake without a boat"


def _pictures():
    """A host and a picture (12, 14, 3), and the (12, 14) mask of an L in it."""
    rng = np.random.default_rng(4)
    host, picture = rng.integers(0, 256, (2, 12, 14, 3)).astype(np.uint8)
    mask = np.zeros((12, 14), bool)
    mask[2:7, 6] = mask[6, 6:10] = True
    return host, picture, mask


def _outside():
    """(7, 5), (7, 3) of training, (9, 5), (9, 3) from outside: 5 hard ones, one of them twice."""
    rng = np.random.default_rng(7)
    probability = rng.uniform(0.05, 0.45, (9, 3))
    probability[[1, 3, 4, 7, 8], [0, 2, 1, 0, 2]] = 0.9, 0.6, 0.55, 0.8, 0.7
    probability[3] = 0.1, 0.8, 0.95
    return rng.random((7, 5)), rng.random((7, 3)) > 0.5, rng.random((9, 5)), probability
