"""Will it work on mine? What a folder of tagged pictures says about itself, on one page.

    found = report("my-folder")
    found.map, found.low, found.high       are the tags learnt? mAP, with its interval
    found.twins, found.giveaways, ...      what may mislead (`suspects.py`)
    found.advice                           which label to buy next (`advice.py`)
    found.write("my-folder.html")          one file with everything, pictures inside

No mask is looked at, even where there are some. The probe is asked about pictures that it was not
trained on: five folds, whole groups in each.
"""

from collections import Counter
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np

from wsss_lite import show
from wsss_lite.advice import advise, bills
from wsss_lite.data.voc import hash_order
from wsss_lite.errors import InputError
from wsss_lite.files import atomic
from wsss_lite.lab import Lab, pseudo_mask
from wsss_lite.nets.probe import train_probe
from wsss_lite.progress import progress
from wsss_lite.score import average_precision
from wsss_lite.suspects import (
    companions,
    giveaways,
    interval,
    looks,
    map_of,
    out_of_fold,
    thumbnail,
    twins,
)

MOST = 1000  # pictures that are looked at; of more, so many by lot
SHEET = 24  # on the contact sheet
DOUBTS = 6  # tags that look wrong
LISTED = 10  # rows of a list on the page
NONE = (
    "<p>None found. This looked for pictures twice, tags told by a corner pixel, by the rim or by "
    "the size, and tags that go together; not for anything else.</p>"
)
STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0}td,th{padding:.25em .8em;text-align:left;"
    "border-bottom:1px solid #ccc}img{max-width:100%;height:auto}"
)


@dataclass(repr=False)
class Report:
    """counts: {class: pictures}; map, low, high: mean average precision of the tags, out of fold,
    and its 95 % interval; chance: what guessing would give; each: {class: average precision};
    doubts: [(picture, class, tagged, probability)]; sheet: (H, W, 3) uint8.
    """

    name: str
    classes: tuple
    pictures: int
    splits: dict
    has_masks: bool
    counts: dict
    map: float
    low: float
    high: float
    chance: float
    each: dict
    twins: list
    giveaways: list
    companions: list
    doubts: list
    sheet: np.ndarray
    advice: list = field(default_factory=list)
    bills: list = field(default_factory=list)

    def __repr__(self):
        return f"Report({self.summary()})"

    def summary(self):
        """One sentence."""
        suspects = len(self.twins) + len(self.giveaways) + len(self.companions)
        first = self.advice[0].buy if self.advice else "nothing"
        return (
            f"{Path(self.name).name}: {self.pictures} pictures, {len(self.classes)} classes, "
            f"tags learnt to a mAP of {self.map:.2f} [{self.low:.2f}, {self.high:.2f}] (guessing "
            f"{self.chance:.2f}), {suspects} suspects; buy next: {first}"
        )

    def html(self):
        """The body of the page; a notebook shows it too."""
        parts = [learnt(self), sheet_of(self), leaks(self), doubtful(self), purchases(self)]
        return "".join(parts)

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.html(), "text/plain": self.summary()}

    def write(self, path):
        """Write the page, one file; returns its path."""
        title = f"Will it work on {escape(Path(self.name).name)}?"
        head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        page = f'<!DOCTYPE html><html lang="en"><head>{head}</head><body><h1>{title}</h1>'
        with atomic(path) as part:
            part.write_text(page + self.html() + "</body></html>\n", encoding="utf-8")
        return Path(path)


def report(world, trunk="lite0", weights=None, seed=0, limit=MOST):
    """A `Report` about a folder (or a `World`), from its pictures and tags alone.

    InputError: fewer than 10 pictures, or no tag at all.
    """
    lab = Lab(world, trunk, weights, seed)
    world, where = lab.world, splits_of(lab.world)
    ids = sorted(hash_order(where, "report")[:limit])
    if len(ids) < 10:
        raise InputError(f"{world.name} has {len(ids)} pictures; a report needs 10 at least.")
    groups = [getattr(world, "group", str)(name) for name in ids]
    tags = np.stack([world.tags(name) for name in ids])
    pooled = lab.bank.features(ids, "pooled")[:]
    scores = out_of_fold(pooled, tags, groups, lambda x, y: train_probe(x, y, seed).probability)
    low, high = interval(map_of, tags, scores, groups)
    thumbs, seen = {}, []
    for name in progress(ids, "looking"):
        picture = world.image(name)
        thumbs[name] = thumbnail(picture)
        seen.append(looks(picture))
    shown = tags.any(0)
    found = Report(
        world.name, world.classes, len(ids), dict(Counter(where[n] for n in ids)), world.has_masks,
        dict(zip(world.classes, tags.sum(0).tolist())),
        map_of(tags, scores), low, high, float(tags.mean(0)[shown].mean()),
        {c: average_precision(t, s) for c, t, s in zip(world.classes, tags.T, scores.T)},
        twins(thumbs, where, dict(zip(ids, groups))),
        giveaways(seen, tags, world.classes, groups), companions(tags, world.classes),
        doubts(ids, tags, scores, world.classes), contact_sheet(lab, ids, tags, scores),
    )  # fmt: skip
    found.advice, found.bills = advise(found), bills(len(ids))
    return found


def splits_of(world):
    """{picture: name of its split}; the first list that has it counts."""
    where = {}
    known = [s for s in ("train", "tune", "val", "test") if s in world.splits] or world.splits
    for split in known:
        for name in world.ids(split):
            where.setdefault(name, split)
    return where


def doubts(ids, tags, scores, classes):
    """[(picture, class, tagged, probability)]: where tag and probe contradict each other most."""
    wrong = np.where(tags, 1 - scores, scores)
    order = np.argsort(-wrong, axis=None)[:DOUBTS]
    places = [np.unravel_index(k, wrong.shape) for k in order]
    return [
        (ids[n], classes[c], bool(tags[n, c]), float(scores[n, c]))
        for n, c in places
        if wrong[n, c] > 0.5
    ]


def contact_sheet(lab, ids, tags, scores):
    """(H, W, 3) uint8: of each class pictures that the probe is sure and unsure of, with masks.

    The masks are those of CAM from a probe of all pictures, at the usual threshold, after the CRF.
    """
    from wsss_lite.lab import Choice
    from wsss_lite.maps.cam_rows import cam_rows

    own = np.where(tags, scores, np.nan)
    rows = sheet_rows(own, max(1, SHEET // (2 * len(lab.world.classes))))
    names = [ids[k] for k in rows]
    pooled = lab.bank.features(ids, "pooled")[:]
    probe = train_probe(pooled, tags, seed=lab.seed)
    maps = cam_rows(lab.bank.features(names, "final"), probe.weight, tags[rows])
    images = [show.fit(lab.world.image(n), 192) for n in names]
    masks = [pseudo_mask(x, m, Choice()) for x, m in zip(images, maps)]
    return show.contact_sheet(images, masks, lab.world.classes, columns=4, tile=96)


def sheet_rows(own, each):
    """Places of the `each` pictures of a class with the largest and smallest score, no place twice.

    own: (N, C), nan where a picture has not the tag.
    """
    chosen = []
    for column in own.T:
        order = np.argsort(column)[: np.isfinite(column).sum()].tolist()
        chosen += order[::-1][:each] + order[:each]
    return list(dict.fromkeys(chosen))[:SHEET]


# ---- the page


def table(headings, rows):
    """An HTML table of texts."""
    cells = "".join(f"<th>{escape(str(h))}</th>" for h in headings)
    body = ""
    for row in rows[:LISTED]:
        body += "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
    more = f"<p>... and {len(rows) - LISTED} more.</p>" if len(rows) > LISTED else ""
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>{more}"


def learnt(report):
    splits = ", ".join(f"{count} in {name}" for name, count in report.splits.items())
    rows = [
        (name, count, f"{report.each[name]:.2f}", f"{count / report.pictures:.2f}")
        for name, count in report.counts.items()
    ]
    return (
        f"<h2>Are the tags learnt?</h2><p>{report.pictures} pictures ({splits}). A linear probe, "
        "asked about pictures that it was not trained on, ranks those with a tag above those "
        f"without to a mean average precision of <b>{report.map:.2f}</b> (95 % interval "
        f"{report.low:.2f} to {report.high:.2f}; guessing gives {report.chance:.2f}).</p>"
        + table(("class", "pictures", "average precision", "guessing"), rows)
    )


def sheet_of(report):
    alt = "Pictures of each class with the masks that CAM and the CRF give from tags alone"
    return (
        "<h2>What the maps say</h2><p>Each picture beside its mask from tags alone: CAM, the usual "
        "threshold, the dense CRF. Of each class first those that the probe is sure of, then those "
        "it doubts.</p>" + show.img(report.sheet, alt, min(960, report.sheet.shape[1]))
        + show.legend_html({c: show.colours(report.classes)[c] for c in report.classes})
    )  # fmt: skip


def leaks(report):
    """Suspects, or that there are none."""
    parts = ["<h2>Leak suspects</h2>"]
    if report.twins:
        rows = [(t.first, t.second, t.distance, "in two splits" if t.across else "in one split")
                for t in report.twins]  # fmt: skip
        parts.append("<p>Nearly the same picture twice:</p>")
        parts.append(table(("picture", "and", "apart by (grey levels)", "where"), rows))
    if report.giveaways:
        rows = [(g.tag, g.look, f"{g.auc:.2f} [{g.low:.2f}, {g.high:.2f}]")
                for g in report.giveaways]  # fmt: skip
        parts.append("<p>Tags that next to nothing predicts. It may be the thing itself (blood is "
                     "red), or what it comes with:</p>")  # fmt: skip
        parts.append(table(("tag", "is told by", "AUC (0.5 is guessing)"), rows))
    if report.companions:
        rows = [(c.tag, c.other, f"{c.share:.0%} of {c.pictures}") for c in report.companions]
        parts.append("<p>Tags that do not come apart:</p>")
        parts.append(table(("tag", "comes with", "in"), rows))
    if len(parts) == 1:
        parts.append(NONE)
    return "".join(parts)


def doubtful(report):
    if not report.doubts:
        return ""
    rows = [(name, cls, "tagged" if tagged else "not tagged", f"{p:.2f}")
            for name, cls, tagged, p in report.doubts]  # fmt: skip
    return (
        "<h2>Tags to look at again</h2>"
        "<p>Where tag and probe disagree most. Either may be wrong.</p>"
        + table(("picture", "class", "is", "probability"), rows)
    )


def purchases(report):
    rows = [(k, a.buy, a.why, "" if a.hours is None else f"{a.hours:.1f} h")
            for k, a in enumerate(report.advice, 1)]  # fmt: skip
    percent = show.percent
    costs = [
        (b["kind"], f"{b['hours']:.1f} h", b["method"], percent(b["pocket"]), percent(b["photos"]))
        for b in report.bills
    ]
    return (
        "<h2>What to buy next</h2>" + table(("", "buy", "because", "costs"), rows)
        + f"<p>What labels of all {report.pictures} pictures would cost, and where the course's "
        "best method of each kind got on its own two worlds (mIoU in percent; no promise for "
        "yours):</p>"
        + table(("labels", "costs", "method", "PocketVOC test", "coco-mini labels"), costs)
    )  # fmt: skip
