"""Checks of the exercises of chapter 04: erasing, and not knowing when to stop."""

import numpy as np

from wsss_lite.exercises.checking import (
    Hint,
    array,
    call,
    close,
    exercise,
    match,
    number,
    require,
    several,
    shape,
    words,
)  # fmt: skip
from wsss_lite.exercises.recorded import mean, verdict

SHAPE, ROUNDS, SHARE = (6, 7), 3, 0.2


class Evidence:
    """A classifier in one array: its map is what is not hidden, divided by its maximum."""

    def __init__(self):
        draw = np.random.default_rng(2)
        # Twenty places of 42 speak, so that the third round finds less than its share.
        self.values = (draw.permutation(42).reshape(SHAPE) - 21.0).clip(min=0)
        self.looks = []

    def __call__(self, hidden):
        hidden = array(hidden)
        require(hidden.shape == SHAPE and hidden.dtype == bool,
                f"look takes what is hidden, {SHAPE} bool; here are {hidden.shape} "
                f"{hidden.dtype}.")  # fmt: skip
        self.looks.append(hidden.copy())
        left = self.values * ~hidden
        return left / max(left.max(), 1e-12)


@exercise("04.1")
def erase(answer):
    look = Evidence()
    total, hidden = _erase(Evidence())
    maps, mask = several(call(answer, look, SHAPE, ROUNDS, SHARE), ("the maximum", "hidden"))
    shape(maps, SHAPE, "(h, w)")
    shape(mask, SHAPE, "(h, w)")
    require(np.isin(array(mask), (0, 1)).all(), "the second of the two, hidden, should be bool.")
    mask = array(mask).astype(bool)
    first = Evidence()(np.zeros(SHAPE, bool))
    require(look.looks, "the classifier was never asked: call look(hidden).")
    require(not look.looks[0].any(), "something is hidden at the first look already.")
    for before, after in zip(look.looks, look.looks[1:]):
        require((before <= after).all(), "what was hidden comes into view again: what is hidden "
                "stays hidden.")  # fmt: skip
    if len(look.looks) > 1:
        _first_step(look.looks[1], first)
    require(len(look.looks) != ROUNDS, "the last round hides and does not look: look once more "
            "than there are rounds.")  # fmt: skip
    require(len(look.looks) == ROUNDS + 1,
            f"{len(look.looks)} looks for {ROUNDS} rounds: there is one before the "
            f"first.")  # fmt: skip
    require(not (mask & (look.values == 0)).any(), "positions are hidden whose value is 0: "
            "an empty "
            "map has nothing to hide.")  # fmt: skip
    require(mask.sum() >= hidden.sum(), f"{mask.sum()} positions are hidden in the end, it "
            f"should be "
            f"{hidden.sum()}: does the last round count?")  # fmt: skip
    match(mask, hidden, names="(h, w)")
    again = [Evidence()(seen) for seen in look.looks]
    mistakes = {
        "that is the last map: the maximum of all of them is asked for.": again[-1],
        "that is the first map: what the later looks find is lost.": first,
        "that is the mean of the maps: the maximum is asked for.": np.mean(again, 0),
        "that is the sum of the maps: the maximum is asked for.": np.sum(again, 0),
        "the first map is left out of the maximum.": np.max(again[1:], 0),
        "the last map is left out of the maximum.": np.max(again[:-1], 0),
    }
    match(maps, total, mistakes, names="(h, w)")
    none = call(answer, Evidence(), SHAPE, 0, SHARE)
    require(close(none[0], first) and not array(none[1]).any(),
            "right, but with 0 rounds nothing is hidden and the map is that of one "
            "look.")  # fmt: skip
    return f"{hidden.mean():.0%} hidden; {np.mean(first > 0.5):.0%} above 0.5 at first, " \
           f"{np.mean(total > 0.5):.0%} in the end"  # fmt: skip


@exercise("04.2")
def shares(answer):
    given = several(answer, ("one", "two"))
    common = {"a fraction is asked for, not per cent.": (1.5, 100)}
    number(given[0], 0.75, 0.006, common | {
        "one: that is the object's share of the picture, not of what is hidden.": (0.14, 0.16),
        "one: the object is smaller than what a round hides, so not all of it can be object.": (
            0.99, 1.01,
        ),
        "one: the other way round: the object's 15 % of the 20 % that are hidden.": (1.32, 1.34),
    })  # fmt: skip
    number(given[1], 0.375, 0.006, common | {
        "two: the object was used up in the first round: the second finds nothing new of it.": (
            0.74, 0.76,
        ),
        "two: that is the second round alone; what both hide together is asked for.": (-0.01, 0.01),
        "two: that is the object's share of the picture.": (0.14, 0.16),
        "two: not the square of the first share: 15 % of the 40 % that are hidden.": (0.56, 0.57),
    })  # fmt: skip
    return "after two rounds even a perfect classifier has hidden more of something else"


@exercise("04.3")
def against_cam(answer):
    keys = {"recall": "recall_maps", "precision": "precision_maps", "test": "miou_test"}
    right = {name: verdict("tpl", "cam", key) for name, key in keys.items()}
    a, b = (
        {m: 100 * mean(m, key) for m in ("tpl", "cam")} for key in (keys["recall"], keys["test"])
    )
    why = {
        "recall": "The second classifier looks where the first did not, and the maps are added.",
        "precision": "Whoever calls more pixels object calls more of them wrongly, even if hidden "
        "features keep the second look near the first.",
        "test": "Recall was bought with precision, and the segmenter averages over both: "
        "compare the "
        "difference with how much the three seeds differ.",
    }
    words(answer, right, why)
    return f"recall {a['cam']:.1f} to {a['tpl']:.1f}, test {b['cam']:.1f} to {b['tpl']:.1f}"


@exercise("04.4")
def unmoved(answer):
    features, weight, bias, thing = several(answer, ("features", "weight", "bias", "thing"))
    shape(features, (2, 4, 4), "(F, h, w)")
    shape(weight, (2,), "(F,)")
    shape(bias, (), "one number")
    shape(thing, (4, 4), "(h, w)")
    features, weight = array(features).astype(float), array(weight).astype(float)
    require(np.isin(array(thing), (0, 1)).all(), "thing should be bool.")
    thing = array(thing).astype(bool)
    require((features >= 0).all(), "features come out of a ReLU: none is negative.")
    require(0 < thing.sum() <= 8, "the object should lie on 1 to 8 of the 16 positions.")

    def believes(seen):
        return float(1 / (1 + np.exp(-(weight @ seen.mean((1, 2)) + float(array(bias))))))

    whole, empty, erased = (believes(seen) for seen in (features, 0 * features, features * ~thing))
    text = f"P whole {whole:.2f}, empty {empty:.2f}, without the object {erased:.2f}"
    require(whole > 0.9, f"{text}: it should believe in the whole picture, above 0.9.")
    require(empty < 0.5, f"{text}: an empty picture should not be believed in. The bias alone does "
            "it here.")  # fmt: skip
    require(erased > 0.9, f"{text}: it notices. Let the surroundings speak for the class as well.")
    maps = np.einsum("f,fhw->hw", weight, features)
    require(maps[thing].max() > maps[~thing].max(), f"{text}; but the map is strongest beside the "
            "object, so it would not even be erased.")  # fmt: skip
    return text


def _first_step(hidden, first):
    """Hints about what the first erasing hid."""
    count = round(SHARE * first.size)
    if hidden.sum() == count and first[hidden].min() >= np.sort(first, axis=None)[-count]:
        return
    if np.array_equal(hidden, first > 1 - SHARE) or np.array_equal(hidden, first >= 1 - SHARE):
        raise Hint("values above 1 - share are hidden: a *share of the positions* is asked for.")
    require(not np.array_equal(hidden, first > SHARE),
            "values above the share are hidden: it is a share of the positions.")  # fmt: skip
    positive = round(SHARE * (first > 0).sum())
    require(hidden.sum() != positive, "the share is taken of the positive positions: it is one of "
            "all h times w.")  # fmt: skip
    require(hidden.any(), "nothing is hidden at the second look.")
    require(first[hidden].max() == 1, "the weakest places are hidden: it should be the strongest.")
    raise Hint(
        f"the first round hides {hidden.sum()} positions, it should be the {count} strongest."
    )


def _erase(look):
    hidden = np.zeros(SHAPE, bool)
    new = total = look(hidden)
    for _ in range(ROUNDS):
        edge = np.sort(new, axis=None)[-round(SHARE * new.size)]
        hidden = hidden | ((new >= edge) & (new > 0))
        new = look(hidden)
        total = np.maximum(total, new)
    return total, hidden
