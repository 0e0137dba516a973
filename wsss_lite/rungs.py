"""The ladder: every recorded method on one table, and on one plot against what it costs.

    table = rungs()                                   {method: facts}, from the results store
    chart(table, x="hours", y="test", alt="...")      a `show.Plot`
"""

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from wsss_lite import results, show
from wsss_lite.contrast import readable
from wsss_lite.literature import quoted
from wsss_lite.registry import methods

SCORES = {"maps": "miou_maps", "pseudo": "miou_pseudo", "test": "miou_test"}
NAMES = {
    "hours": "hours of annotation, tune masks counted",
    "seconds": "seconds from labels to score",
    "voc": "mIoU on VOC val in the literature, percent",
    "year": "year of the paper",
    "maps": "mIoU of the maps, percent",
    "pseudo": "mIoU of the pseudo masks, percent",
    "test": "mIoU on test, percent",
    "real": "mIoU of labels on the photographs, percent",
}
# Colour, marker and the side to which dots that would cover each other move; called in legends.
LOOKS = {
    "none": (show.LINES[4], "X", 1, "nothing"),
    "tags": (show.LINES[0], "o", -1, "tags"),
    "points": (show.LINES[1], "v", 1, "points"),
    "scribbles": (show.LINES[2], "s", -1, "scribbles"),
    "boxes": (show.LINES[3], "D", 1, "boxes"),
    "full": (show.LINES[7], "P", 1, "masks"),
}
FREE = 0.8  # hours: where a logarithmic axis shows what costs nothing
DOT = 7  # points, the room of a dot


# ------------------------------------------------------------------------------------- the table


def rungs(world="pocket", real="coco-mini", where=None):
    """{method: facts} of every registered method with a row in one of the two worlds.

    supervision, starred, category, year; hours of annotation; maps, pseudo, test: mIoU as (mean,
    half width of the 95 % interval over seeds, n); seconds: of the fastest seed, without shared
    features; peak_mb: the least over seeds, as processes that computed several rows report the peak
    of them all; voc: the literature's number as a fraction; real: mIoU of the photographs' pseudo
    masks or labels (one run), real_maps: of their maps. None: not recorded, or skipped. real: the
    world of photographs, or None.
    """
    drawn, photos = (_rows(name, where) if name else {} for name in (world, real))
    return {
        name: _facts(method, drawn.get(name, []), photos.get(name, []))
        for name, method in methods().items()
        if name in drawn or name in photos
    }


def _rows(world, where):
    found = {}
    for entry in results.read(world, where):
        found.setdefault(entry["row"]["method"], []).append(entry["row"])
    return found


def _facts(method, rows, photos):
    voc = quoted(method)
    costs = [row["annotation_seconds"] for row in rows]
    facts = {
        "supervision": method.supervision,
        "starred": method.starred,
        "category": method.category,
        "year": method.year,
        "hours": costs[0] / 3600 if costs else None,
        "seconds": _least(rows, "seconds"),
        "peak_mb": _least(rows, "peak_mb"),
        "voc": None if voc is None else voc / 100,
        "real": _mean(photos, "miou_pseudo"),
        "real_maps": _mean(photos, "miou_maps"),
    }
    for key, column in SCORES.items():
        facts[key] = results.interval([r[column] for r in rows if r[column] is not None])
    return facts


def _least(rows, key):
    return min((row[key] for row in rows if row[key] is not None), default=None)


def _mean(rows, key):
    values = [row[key] for row in rows if row[key] is not None]
    return float(np.mean(values)) if values else None


def listed(table, rank="test", alt="Every recorded method, in percent but for hours, s and MB"):
    """A `show.Table` of all of it, best first by `rank`, columns without any number left out.

    hours: of annotation; VOC val: the literature's; s and MB: as `rungs` counts them.
    """
    written = {
        "supervision": ("labels", lambda kind: LOOKS[kind][3]),
        "hours": ("hours", show.ratio),
        "maps": ("maps", show.percent),
        "pseudo": ("pseudo masks", show.percent),
        "test": ("test", show.percent),
        "real": ("photographs", show.percent),
        "voc": ("VOC val", show.percent),
        "seconds": ("s", show.seconds),
        "peak_mb": ("MB", show.seconds),
    }
    there = {k: v for k, v in written.items() if any(f[k] is not None for f in table.values())}
    return show.table(table, there, alt=alt, rank=rank)


def number(facts, key):
    """A fact as it is plotted and sorted: percent of scores, hours, seconds; nan where none."""
    value = facts[key]
    value = value[0] if isinstance(value, tuple) else value
    factor = 100 if key in (*SCORES, "voc", "real", "real_maps") else 1
    return np.nan if value is None else factor * float(value)


def both(table, x, y):
    """Names of the methods that have both numbers."""
    return [n for n, f in table.items() if np.isfinite([number(f, x), number(f, y)]).all()]


# -------------------------------------------------------------------------------------- the plot


def chart(table, x="hours", y="test", label=(), *, alt):
    """A `show.Plot`: a dot a method; dots that would cover each other stand side by side.

    table: as of `rungs`; x, y: keys of `NAMES`; label: methods to write the name of, with the
    interval of theirs where there is one. Methods without both numbers are left out. A star is
    a method that a model trained on the corpus has helped.
    """
    with rc_context(show.STYLE):
        fig = Figure((8.6, 5.0), layout="constrained")
        ax = fig.add_subplot(xlabel=NAMES[x], ylabel=NAMES[y])
        names = both(table, x, y)
        at = {n: (number(table[n], x), number(table[n], y)) for n in names}
        _axes(ax, x, at)
        fig.canvas.draw()  # the scale decides what covers what
        spread = _beside(ax, at, table, label) if x == "hours" else at
        for kind, (colour, marker, _, called) in LOOKS.items():
            for star in (False, True):
                some = [n for n in names if (table[n]["supervision"], table[n]["starred"]) ==
                        (kind, star)]  # fmt: skip
                if some:
                    style = {"s": 95, "marker": "*"} if star else {"s": 30, "marker": marker}
                    ax.scatter(*np.transpose([spread[n] for n in some]), color=colour, zorder=3,
                               edgecolor="white", linewidth=0.5,
                               label=f"{called}, assisted" if star else called, **style)
        _write_names(ax, [n for n in label if n in spread], spread, table, y)
        if names:
            ax.legend(loc="lower right" if x == "hours" else "best", fontsize=9)
    return show.Plot(fig, alt)


def _axes(ax, x, at):
    """Scales and limits for these places."""
    if not at:
        return
    across, up = np.transpose(list(at.values()))
    ax.set_ylim(up.min() - 3, up.max() + 4)
    if x == "hours":
        low = FREE if (across < FREE).any() else 1
        ax.set_xscale("log")
        ax.set_xlim(0.8 * low, 120)
        ticks = [t for t in (1, 2, 4, 7, 12, 25, 67) if t >= low]
        shown = [(FREE, "0"), *((t, str(t)) for t in ticks[1:])] if low == FREE else [
            (t, str(t)) for t in ticks]  # fmt: skip
        ax.set_xticks(*zip(*shown))
        ax.minorticks_off()
    elif x == "seconds":
        ax.set_xscale("log")
        ticks = [t for t in (5, 10, 20, 50, 100, 200, 400) if across.min() <= t <= across.max()]
        ax.set_xticks(ticks, [str(t) for t in ticks])
        ax.minorticks_off()


def _beside(ax, at, table, first=()):
    """The places with dots moved sideways, away from the next column, until none is covered.

    first: methods that are moved least.
    """
    to_pixels = ax.transData.transform
    room = DOT * ax.figure.dpi / 72
    placed, out = [], {}
    for name in sorted(at, key=lambda n: (n not in first, -at[n][1])):
        side = LOOKS[table[name]["supervision"]][2]
        x, y = to_pixels((max(at[name][0], FREE), at[name][1]))
        home, step = x, 0
        while any(np.hypot(x - a, y - b) < room for a, b in placed):
            step += 1
            x = home + side * step * room / 2
        placed.append((x, y))
        out[name] = tuple(ax.transData.inverted().transform((x, y)))
    return out


def _write_names(ax, names, spread, table, y):
    """Names beside their dots where they cover nothing, with the interval of the score."""
    dots = ax.transData.transform(np.array(list(spread.values())))
    unit = ax.figure.dpi / 72  # pixels a point
    written = []
    for name in sorted(names, key=lambda n: -spread[n][1]):
        colour, _, side, _ = LOOKS[table[name]["supervision"]]
        across, up = spread[name]
        half = table[name][y][1] if isinstance(table[name][y], tuple) else np.nan
        if np.isfinite(half):
            ax.errorbar(across, up, 100 * half, color=colour, capsize=2, linewidth=1, zorder=2)
        text = name + "*" * table[name]["starred"]
        width = 5.4 * unit * len(text)
        home = ax.transData.transform((across, up))
        to, rise, box = _free(home, width, side, dots, written, unit)
        written.append(box)
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 2}
        shifted = {"xytext": (to / unit, rise / unit), "textcoords": "offset points"}
        ax.annotate(text, (across, up), **shifted, va="center", ha="left" if to > 0 else "right",
                    fontsize=9, color=readable(colour), zorder=4,
                    arrowprops=line if abs(to) > 12 * unit or rise else None)  # fmt: skip


def _free(home, width, side, dots, written, unit):
    """(pixels sideways, upwards, box) of the nearest place for a text that covers nothing."""
    others = dots[np.abs(dots - home).max(1) > 1]
    tall = 5.5 * unit
    for away in np.arange(8, 300, 4) * unit:
        for rise in (0, 11 * unit, -11 * unit):
            for to in (side * away, -side * away):
                x0, x1 = sorted((home[0] + to, home[0] + to + np.sign(to) * width))
                y = home[1] + rise
                box = x0 - 3 * unit, y - tall, x1 + 3 * unit, y + tall
                inside = (others > box[:2]) & (others < box[2:])
                clash = [b for b in written if box[0] < b[2] and b[0] < box[2]
                         and box[1] < b[3] and b[1] < box[3]]  # fmt: skip
                if not inside.all(1).any() and not clash:
                    return to, rise, box
    return side * 8 * unit, 0, (*home, *home)
