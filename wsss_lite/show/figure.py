"""What all figures share: their look, an alternative text, and a way into a file."""

import re
from html import escape
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from wsss_lite.files import atomic

STYLE = {
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so figures are equal everywhere
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.2,
    "legend.frameon": False,
    "image.cmap": "magma",
    "svg.hashsalt": "wsss-lite",
}
INK = "#444444"


class Shown:
    """What all figures share: an alternative text, HTML for a notebook, a short repr."""

    alt = ""

    def __post_init__(self):
        if not self.alt.strip():
            raise ValueError("a figure needs alt=..., one sentence that says what it shows")

    def html(self):
        raise NotImplementedError

    def figure(self):
        """The same as a matplotlib figure, for `save`."""
        raise NotImplementedError

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.html(), "text/plain": self.alt}

    def __repr__(self):
        return f"<{type(self).__name__}: {self.alt}>"


def save(fig, path, alt=""):
    """Write a figure of this module, or of matplotlib, as .png or .svg; returns the path.

    Its alternative text goes into the file: as title and description of an SVG, which readers of
    the screen speak, and as the description of a PNG. alt: that text for a figure of matplotlib,
    which has none of its own. A widget is saved by its still view: `save(widget.strip(), path)`.
    Nothing in the file changes from one run to the next, so that git sees no change either.
    """
    path, alt = Path(path), alt or getattr(fig, "alt", "")
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise ValueError(f"figures are saved as .png or .svg, not {path.name}")
    if not alt.strip():
        raise ValueError(f"{path.name} needs alt=..., one sentence that says what it shows")
    drawing = fig if isinstance(fig, Figure) else fig.figure()
    info = {"Date": None} if kind == "svg" else {"Software": None, "Description": alt}
    with atomic(path) as half:
        with rc_context(STYLE):
            drawing.savefig(half, format=kind, dpi=150, metadata=info)
        if kind == "svg":
            text = half.read_text(encoding="utf-8")
            half.write_text(described(text, alt), encoding="utf-8")
    return path


def described(svg, alt):
    """The text of an SVG with its alternative text as the first things in it."""
    first = alt.split(". ")[0].split(": ")[0]
    words = f'<title id="title">{escape(first)}</title>\n <desc id="desc">{escape(alt)}</desc>'
    start = re.search(r"<svg\b[^>]*", svg).end()
    role = ' role="img" aria-labelledby="title desc"'
    return f"{svg[:start]}{role}>\n {words}{svg[start + 1 :]}"
