"""Curves and bars, each line named at its end and each bar with its number."""

import io
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from wsss_lite.contrast import readable
from wsss_lite.show.embed import element, packed
from wsss_lite.show.figure import INK, STYLE, Shown
from wsss_lite.show.palette import KNOWN, OKABE_ITO

PLAIN = "#6b8299"  # bars of things that are no class
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#333333")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))


@dataclass(repr=False)
class Plot(Shown):
    """A drawing of matplotlib with its alternative text; see `curve` and `bars`."""

    drawing: Figure
    alt: str

    def html(self):
        stream = io.BytesIO()
        # More pixels than it is shown with, for sharp letters; a palette keeps it small.
        self.drawing.savefig(stream, format="png", dpi=160, metadata={"Software": None})
        colour = Image.open(stream).convert("RGB")
        small = colour.quantize(128, dither=Image.Dither.NONE)
        width = round(self.drawing.get_size_inches()[0] * 100)
        data = packed(small, "PNG", optimize=True)
        return f"<p>{element('image/png', data, self.alt, width)}</p>"

    def figure(self):
        return self.drawing


def _line_style(name, k):
    """The colour of a class where the name is one, else the k-th; and a dash per line."""
    colour = np.divide(OKABE_ITO[name], 255) if name in OKABE_ITO else LINES[k % len(LINES)]
    return {"color": colour, "linestyle": DASHES[k % len(DASHES)]}


def curve(x, lines, *, alt, xlabel, ylabel, bands=None, marks=None, levels=None, title=""):
    """Lines over one axis, each named at its end in place of a legend.

    lines: {name: y}; bands: {name: (low, high)}, shaded; marks: {text: x}, vertical lines;
    levels: {text: y}, horizontal ones (a bound, chance).
    """
    with rc_context(STYLE):
        fig = Figure((6.4, 3.6), layout="constrained")
        ax = fig.add_subplot(title=title, xlabel=xlabel, ylabel=ylabel)
        ends = []
        for k, (name, y) in enumerate(lines.items()):
            style = _line_style(name, k)
            ax.plot(x, y, **style)
            if bands and name in bands:
                ax.fill_between(x, *bands[name], color=style["color"], alpha=0.18, linewidth=0)
            ends.append((float(y[-1]), name, style["color"]))
        for text, at in (marks or {}).items():
            ax.axvline(at, color=INK, linewidth=1, linestyle=":")
            ax.annotate(text, (at, 1), (3, -2), xycoords=("data", "axes fraction"), color=INK,
                        textcoords="offset points", va="top", fontsize=9)
        for text, at in (levels or {}).items():
            ax.axhline(at, color=INK, linewidth=1, linestyle="--")
            ax.annotate(text, (0, at), (3, 3), xycoords=("axes fraction", "data"), color=INK,
                        textcoords="offset points", fontsize=9)
        ax.margins(x=0.02)
        _name_ends(ax, ends)
    return Plot(fig, alt)


def _name_ends(ax, ends):
    """Names at the right ends of lines, pushed apart where they would overlap."""
    low, high = ax.get_ylim()
    step, at = 0.07 * (high - low), -np.inf
    for y, name, colour in sorted(ends, key=lambda end: end[0]):
        at = max(y, at + step)
        place = (1.01, (at - low) / (high - low))
        style = {"color": readable(colour), "va": "center"}
        ax.annotate(f"{name}", place, xycoords="axes fraction", **style)


def bars(names, values, *, alt, xlabel, errors=None, bound=None, title="", digits=2):
    """Horizontal bars with their number at the end.

    values: one each (nan: "none"); errors: half widths of the intervals; bound: {text: value},
    a dashed line that the bars can be compared with.
    """
    values = np.asarray(values, float)
    k = np.arange(len(values))
    with rc_context(STYLE | {"axes.grid.axis": "x"}):
        fig = Figure((6.4, 0.9 + 0.36 * len(values)), layout="constrained")
        ax = fig.add_subplot(title=title, xlabel=xlabel)
        tint = [np.divide(KNOWN[n], 255) if n in KNOWN else PLAIN for n in names]
        over = np.zeros(len(values)) if errors is None else np.nan_to_num(errors)
        over[np.isnan(values)] = 0
        ax.barh(k, np.nan_to_num(values), color=tint, height=0.68)
        if over.any():
            ax.errorbar(values, k, xerr=over, fmt="none", ecolor=INK, capsize=3)
        ax.set_yticks(k, names)
        ax.invert_yaxis()
        for y, value, error in zip(k, values, over, strict=True):
            text = "none" if np.isnan(value) else f"{value:.{digits}f}"
            at = np.nan_to_num(value)
            ax.annotate(text, (at + error if at >= 0 else 0, y), (4, 0), va="center", zorder=5,
                        textcoords="offset points", bbox={"fc": "white", "ec": "none", "pad": 0.5})
        for text, at in (bound or {}).items():
            ax.axvline(at, color=INK, linewidth=1.2, linestyle="--")
            ax.annotate(f"{text} {at:.{digits}f}", (at, 1), (0, 3), color=INK, fontsize=9,
                        xycoords=("data", "axes fraction"), textcoords="offset points", ha="right")
        ax.margins(x=0.14)
    return Plot(fig, alt)
