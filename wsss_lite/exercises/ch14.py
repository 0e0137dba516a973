"""Checks of the exercises of chapter 14: the price of a label."""

import json
from functools import cache

import numpy as np

from wsss_lite import results
from wsss_lite.data.weak import ANNOTATION_SECONDS
from wsss_lite.exercises.checking import Hint, array, call, exercise, match, require
from wsss_lite.widgets.budget import CALLED, between, bought, ranked

KINDS = ("tags", "points", "scribbles", "boxes", "full")
HOURS = (0.5001, 2.0001, 4.0001, 7.0001, 12.0001, 40)  # no sum comes out even
HAND = {"click": 2.4, "stroke": 10.9, "box": 7, "outline": 79}  # seconds
LONG = 12  # hours
CALLS = {CALLED.get(kind, kind): kind for kind in KINDS}


@exercise("14.1")
def pictures(answer):
    own = {"tags": 8, "points": 10, "scribbles": 24, "boxes": 19, "full": 149}
    for price, tune, stock in ((ANNOTATION_SECONDS, 20, 1000), (own, 5, 700)):
        got = [[call(answer, k, h, price, tune, stock) for h in HOURS] for k in KINDS]
        require(np.ndim(got) == 2, "one number is asked for, how many pictures.")
        right = [[bought(k, h, price, tune, stock) for h in HOURS] for k in KINDS]
        match(got, right, _slips(price, tune, stock), names="5 kinds, 6 budgets")
    return "what the chapter buys"


def _slips(price, tune, stock):
    """{hint: (5, 6) numbers of pictures that a slip gives}."""

    def bill(fixed, seconds=3600, most=stock, least=0, whole=np.floor):
        left = [[seconds * h - fixed(k) for h in HOURS] for k in KINDS]
        return np.clip(whole(np.array(left) / [[price[k]] for k in KINDS]), least, most)

    def usual(kind):
        return 0 if kind == "full" else tune * (price[kind] + price["full"])

    return {
        "the tune pictures are not paid: their masks were drawn by somebody.": bill(lambda k: 0),
        "the tune pictures carry the weak label besides the mask: pay both.": bill(
            lambda k: 0 if k == "full" else tune * price["full"]
        ),
        "the tune pictures have masks, too, not the weak label only.": bill(
            lambda k: 0 if k == "full" else tune * price[k]
        ),
        "supervision by masks has no use for tune pictures, and does not pay for them.": bill(
            lambda k: tune * (price[k] + price["full"])
        ),
        "an hour has 3600 seconds, and prices are seconds.": bill(usual, 60),
        "no more pictures can be labelled than there are: cut at `stock`.": bill(usual, most=1e9),
        "fewer than none: where the hours do not pay the tune pictures, it is 0.": bill(
            usual, least=-1e9
        ),
        "a picture that is half paid is not labelled: round down.": bill(usual, whole=np.ceil),
        "pictures come whole: round down.": bill(usual, whole=lambda x: x),
    }


@exercise("14.2")
def seconds(answer):
    for classes, present, objects in ((20, 1.5, 2.8), (8, 1.6, 1.8)):
        right = _sum(classes - present, present, objects) | {"tags": classes}
        got = call(answer, classes, present, objects)
        require(isinstance(got, dict), "a dict is asked for, {kind: seconds a picture}.")
        missing = [kind for kind in KINDS if kind not in got]
        require(not missing, f"there is no price for {', '.join(missing)}.")
        slips = {
            "the toll is missing: a second for each class that is *not* there.": _sum(
                0, present, objects
            ),
            "the toll is for the classes that are not there; those that are there take the time "
            "of their label instead.": _sum(classes, present, objects),
            "clicks and strokes are one for each *class* that is there.": _sum(
                classes - present, present, objects, per_class=objects
            ),
            "boxes and outlines are one for each *object*.": _sum(
                classes - present, present, present
            ),
        }
        slips = {hint: _row(one | {"tags": classes}) for hint, one in slips.items()}
        slips |= {
            "a tag is asked of every class, there or not: a second each.": _row(
                right | {"tags": present}
            ),
        }
        match(_row(got), _row(right), slips, names="the five kinds")
    return "for VOC's numbers that is the table of prices"


def _sum(toll, present, objects, per_class=None):
    many = present if per_class is None else per_class
    return {
        "points": toll + HAND["click"] * many,
        "scribbles": toll + HAND["stroke"] * many,
        "boxes": toll + HAND["box"] * objects,
        "full": toll + HAND["outline"] * objects,
    }


def _row(prices):
    return np.array([array(prices[kind]) for kind in KINDS], float)


@cache
def runs():
    """{kind: {pictures: [mIoU on test of each seed]}} of the recorded runs with one kind."""
    entries = json.loads((results.folder() / "price.json").read_text(encoding="utf-8"))
    found = {kind: {} for kind in KINDS}
    for entry in sorted(entries, key=lambda e: e["seed"]):
        if len(entry["pictures"]) == 1:
            ((kind, count),) = entry["pictures"].items()
            found[kind].setdefault(count, []).append(entry["miou_test"])
    return found


def bought_miou(hours, stock=1000):
    """{kind: (S,) mIoU of each seed} at the counted prices."""
    counts = {k: bought(k, hours, ANNOTATION_SECONDS, stock=stock) for k in KINDS}
    return {k: between(recorded, counts[k]) for k, recorded in runs().items()}


@exercise("14.3")
def ends(answer):
    try:
        first, last = (CALLS[str(one).strip().lower()] for one in answer)
    except (TypeError, ValueError, KeyError):
        raise Hint(f"two of {', '.join(CALLS)} are asked for, the first and the last.") from None
    found = bought_miou(LONG)
    order, ties = ranked(found)
    back, back_ties = ranked({kind: -values for kind, values in found.items()})
    if first not in [order[0], *ties]:
        raise Hint(WHY_NOT_FIRST[first])
    if last not in [back[0], *back_ties]:
        raise Hint(WHY_NOT_LAST[last])
    return ", ".join(f"{CALLED.get(k, k)} {found[k].mean():.3f}" for k in order)


WHY_NOT_FIRST = {
    "tags": "tags are the cheapest and end the earliest: with a thousand of them the hours are "
    "not even spent. What a tag does not say, no further tag says.",
    "points": "a thousand clicks take less than eight hours; what else could these hours buy?",
    "boxes": "boxes are close. Which label costs about the same, and names pixels of the object "
    "and of the background for certain?",
    "full": "180 masks are perfect, and few. Cheaper labels cover all thousand pictures.",
    "scribbles": "strokes do not lead there; look at the curve once more.",
}
WHY_NOT_LAST = {
    "full": "masks were last at two hours, when there were thirty; now there are 180.",
    "points": "a click costs a tenth more than a tag, and says one thing a tag does not: where.",
    "scribbles": "strokes are paid in pixels that are known; something else is paid in names only.",
    "boxes": "a box says where an object ends; something else does not even say where it is.",
    "tags": "tags are not last there; look at the curve once more.",
}


@exercise("14.4")
def scarce(answer):
    try:
        stock = int(answer)
    except (TypeError, ValueError):
        raise Hint("a number of pictures is asked for.") from None
    require(not isinstance(answer, bool) and stock == answer, "whole pictures, please.")
    least = max(min(recorded) for recorded in runs().values())
    require(stock >= least, f"with fewer than {least} pictures not every kind was ever tried, so "
            "nobody knows who leads there.")  # fmt: skip
    found = bought_miou(LONG, stock)
    order, ties = ranked(found)
    if order[0] != "full":
        raise Hint(f"with {stock} pictures {CALLED.get(order[0], order[0])} still lead: take away "
                   "more, until the weak labels run out of pictures.")  # fmt: skip
    if ties:
        tied = ", ".join(CALLED.get(k, k) for k in ties)
        raise Hint(f"with {stock} pictures masks tie with {tied}: not enough is taken away.")
    return f"masks {found['full'].mean():.3f}, {order[1]} {found[order[1]].mean():.3f}"
