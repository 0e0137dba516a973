"""Which label to buy next: rules of thumb over what a report found, and what each kind costs.

The rules are ours; each says why. The table beside them takes seconds a picture from
`ANNOTATION_SECONDS` and scores from the results store: what the course's best method of each kind
reached elsewhere, which is no promise.
"""

import json
from dataclasses import dataclass

import numpy as np

from wsss_lite.data.weak import ANNOTATION_SECONDS

FEW = 20  # pictures of a class, below which its average precision hardly says anything
WEAK = 0.7  # mean average precision: below, a map from tags cannot be better than its classifier
MASKS = 20  # masks to tune on and to know a score by, as in the course
BEST = {"tags": "best-tags", "points": "best-points", "scribbles": "best-scribbles",
        "boxes": "best-boxes", "full": "full"}  # fmt: skip
SCORED = {"pocket": ("pocket", "miou_test"), "photos": ("coco-mini", "miou_pseudo")}


@dataclass(frozen=True)
class Advice:
    """buy: what to get next; why: what in the report says so; hours: of annotation, or None."""

    buy: str
    why: str
    hours: float = None


def advise(report):
    """List of `Advice`, the most urgent first, for a `Report`."""
    found = []
    for rule in RULES:
        found += rule(report)
    return found or [best_next(report)]


def hours(kind, pictures):
    """Hours that a person needs for so many pictures."""
    return ANNOTATION_SECONDS[kind] * pictures / 3600


def no_negatives(report):
    for name, count in report.counts.items():
        if count == report.pictures:
            yield Advice(
                f"pictures without {name}",
                f"every picture has the tag {name}, so there is nothing to tell it from; put them "
                "into a folder called _none",
                hours("tags", FEW),
            )


def copies(report):
    across = [t for t in report.twins if t.across]
    if across:
        yield Advice(
            "nothing: take pictures out", f"{len(across)} pictures lie in two splits nearly the "
            f"same, the first pair {across[0].first} and {across[0].second}; scores on the second "
            "split are too good", 0.0,
        )  # fmt: skip


def too_few(report):
    few = [name for name, count in report.counts.items() if count < FEW]
    if few:
        missing = sum(FEW - report.counts[name] for name in few)
        yield Advice(
            f"more pictures of {', '.join(few)}, with tags", f"fewer than {FEW} pictures of each "
            "teach little, and nobody can say how little", hours("tags", missing),
        )  # fmt: skip


def give_away(report):
    for one in report.giveaways:
        yield Advice(
            f"pictures in which {one.look} says nothing about {one.tag}",
            f"here it tells the tag by itself (AUC {one.auc:.2f}); unless it is {one.tag} that one "
            "sees there, maps will light it (chapter 05)",
            hours("tags", FEW),
        )


def always_together(report):
    for one in report.companions:
        yield Advice(
            f"pictures of {one.tag} without {one.other}, or a point on each",
            f"{one.share:.0%} of {one.pictures} pictures with {one.tag} have {one.other} too: "
            "tags cannot tell which is which (chapter 05)", hours("points", FEW),
        )  # fmt: skip


def no_mask(report):
    if not report.has_masks:
        count = min(MASKS, report.pictures)
        yield Advice(
            f"{count} masks of pictures drawn by lot",
            "without any mask the threshold is the usual one and no score is known",
            hours("full", count),
        )


def not_learnt(report):
    if report.low < WEAK:
        yield Advice(
            "points or boxes rather than more tags, or --finetune last",
            f"the tags are learnt to a mAP of {report.map:.2f} (as low as {report.low:.2f}), and a "
            "map from tags is no better than its classifier", hours("points", report.pictures),
        )  # fmt: skip


RULES = (no_negatives, copies, too_few, no_mask, give_away, always_together, not_learnt)


def best_next(report):
    return Advice(
        "scribbles, if the outlines on the sheet are not good enough",
        f"tags are learnt (mAP {report.map:.2f}) and nothing looks suspicious: what is missing is "
        "where things end", hours("scribbles", report.pictures),
    )  # fmt: skip


def bills(pictures):
    """[{kind, hours, method, pocket, photos}]: what each kind would cost, and its scores elsewhere.

    pocket: test mIoU on PocketVOC; photos: pseudo masks on coco-mini; None where nothing is
    recorded. All but masks include `MASKS` masks to tune on.
    """
    rows = []
    for kind, method in BEST.items():
        tuning = 0 if kind == "full" else hours("full", min(MASKS, pictures))
        row = {"kind": kind, "hours": hours(kind, pictures) + tuning, "method": method}
        rows.append(row | recorded(method))
    return rows


def recorded(method):
    """{"pocket", "photos"}: means in 0..1 of the store, None without a row."""
    from wsss_lite.results import folder

    found = {}
    for name, (world, key) in SCORED.items():
        paths = sorted((folder() / world).glob(f"{method}-s*.json"))
        rows = [json.loads(path.read_text(encoding="utf-8"))["row"][key] for path in paths]
        rows = [value for value in rows if value is not None]
        found[name] = float(np.mean(rows)) if rows else None
    return found
