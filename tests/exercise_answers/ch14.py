"""Answers to the exercises of chapter 14, right and wrong."""

import math

from wsss_lite.widgets.budget import bought


def counted(kind, hours, price, tune=20, stock=1000):
    """Label pictures one by one, until the money is gone."""
    left = round(3600 * hours)
    if kind != "full":
        left -= tune * (price[kind] + price["full"])
    done = 0
    while done < stock and left >= price[kind]:
        left -= price[kind]
        done += 1
    return done


def paid(hour=3600, weak=True, mask=True, masks_pay=False, floor=True, cap=True, whole=math.floor):
    """How many pictures, with one step changed."""

    def pictures(kind, hours, price, tune=20, stock=1000):
        fixed = tune * (weak * price[kind] + mask * price["full"])
        left = hour * hours - (fixed if kind != "full" or masks_pay else 0)
        left = max(left, 0) if floor else left
        count = whole(left / price[kind])
        return min(count, stock) if cap else count

    return pictures


def in_stock(kind, hours, price, tune=20, stock=1000):
    """The tune pictures are taken from the stock as well."""
    return bought(kind, hours, price, tune, stock - tune)


def of_the_first(kind, hours, price, tune=20, stock=1000):
    return bought(kind, hours, price, 20, 1000)


def hours_left(kind, hours, price, tune=20, stock=1000):
    return bought(kind, hours, price, tune, stock) * price[kind] / 3600


def prices(toll="absent", many="present", each="objects", tag="all", hand=(2.4, 10.9, 7, 79)):
    """Seconds of five kinds, with one step changed."""

    def seconds(classes, present, objects):
        rest = {"absent": classes - present, "none": 0, "all": classes, "present": present}[toll]
        of_class, of_object = ({"present": present, "objects": objects}[k] for k in (many, each))
        click, stroke, box, outline = hand
        return {
            "tags": {"all": classes, "present": present, "absent": classes - present}[tag],
            "points": rest + click * of_class,
            "scribbles": rest + stroke * of_class,
            "boxes": rest + box * of_object,
            "full": rest + outline * of_object,
        }

    return seconds


def tuned_by_hand(classes, present, objects):
    return {"tags": 20, "points": 22, "scribbles": 35, "boxes": 38, "full": 240}


def in_turn(classes, present, objects):
    """The same sum, in a loop."""
    found = {"tags": classes * 1.0}
    for kind, each, many in (
        ("points", 2.4, present),
        ("scribbles", 10.9, present),
        ("boxes", 7.0, objects),
        ("full", 79.0, objects),
    ):
        found[kind] = each * many + (classes - present)
    return found


ANSWERS = {
    "14.1": {
        "right": {"the package's": bought, "one by one": counted},
        "wrong": {
            "no tune pictures": paid(weak=False, mask=False),
            "tune masks only": paid(weak=False),
            "tune labels only": paid(mask=False),
            "masks pay too": paid(masks_pay=True),
            "minutes": paid(hour=60),
            "hours": paid(hour=1),
            "below nothing": paid(floor=False),
            "more than there are": paid(cap=False),
            "rounded up": paid(whole=math.ceil),
            "rounded to the nearest": paid(whole=round),
            "fractions": paid(whole=float),
            "tune off the stock": in_stock,
            "knobs ignored": of_the_first,
            "hours returned": hours_left,
            "list returned": lambda kind, hours, price, tune=20, stock=1000: [1, 2],
        },
    },
    "14.2": {
        "right": {"as the chapter": prices(), "in a loop": in_turn},
        "wrong": {
            "no toll": prices(toll="none"),
            "toll for all": prices(toll="all"),
            "toll for what is there": prices(toll="present"),
            "a click an object": prices(many="objects"),
            "a box a class": prices(each="present"),
            "both swapped": prices(many="objects", each="present"),
            "tags of what is there": prices(tag="present"),
            "tags of what is not": prices(tag="absent"),
            "dragged boxes": prices(hand=(2.4, 10.9, 35, 79)),
            "click and stroke swapped": prices(hand=(10.9, 2.4, 7, 79)),
            "VOC's": tuned_by_hand,
            "a list": lambda classes, present, objects: [20, 22, 35, 38, 240],
            "masks forgotten": lambda classes, present, objects: {
                k: v for k, v in prices()(classes, present, objects).items() if k != "full"
            },
        },
    },
    "14.3": {
        "right": {"a tuple": ("scribbles", "tags"), "a list": ["Scribbles", "tags"]},
        "wrong": {
            "masks lead": ("masks", "tags"),
            "boxes lead": ("boxes", "tags"),
            "points lead": ("points", "tags"),
            "tags lead": ("tags", "masks"),
            "masks are last": ("scribbles", "masks"),
            "points are last": ("scribbles", "points"),
            "boxes are last": ("scribbles", "boxes"),
            "turned round": ("tags", "scribbles"),
            "one word": "scribbles",
            "no kind": ("strokes", "names"),
            "a number": 12,
        },
    },
    "14.4": {
        "right": {"a hundred": 100, "two hundred": 200},
        "wrong": {
            "all": 1000,
            "half": 500,
            "a tie": 300,
            "too few to know": 60,
            "only the tune pictures": 20,
            "none": 0,
            "below nothing": -100,
            "a broken picture": 150.5,
            "a word": "few",
            "a pair": (100, 200),
        },
    },
}
