"""Rows of pictures with titles and one legend below."""

from dataclasses import dataclass, field
from html import escape

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from wsss_lite.show.embed import WIDTH, img
from wsss_lite.show.figure import STYLE, Shown
from wsss_lite.show.palette import VOID, colours
from wsss_lite.show.pictures import as_picture, resize


@dataclass(repr=False)
class Pictures(Shown):
    """Rows of pictures with titles and one legend below; see `strip` and `grid`."""

    rows: list  # of lists of (H, W, 3) uint8
    titles: list  # of lists of str
    headings: list  # of str, one a row; "" for none
    alt: str
    legend: dict = field(default_factory=dict)  # {name: (r, g, b)}
    width: int = WIDTH

    def html(self, small=False):
        """small: with `small_copy` of the pictures, where something better is beside them."""
        rows = (self._row(*row, small) for row in self._lines())
        return "".join(rows) + legend_html(self.legend)

    def _lines(self):
        """(heading, pictures, titles) of each row."""
        return zip(self.headings, self.rows, self.titles, strict=True)

    def _row(self, heading, pictures, titles, small):
        head = f'<p style="margin:8px 0 2px 0"><b>{escape(heading)}</b></p>' if heading else ""
        cells = []
        for picture, title in zip(pictures, titles, strict=True):
            alt = ": ".join(part for part in (self.alt, heading, title) if part)
            shown = img(for_screen(picture, self.width), alt, self.width, small)
            cells.append(
                f'<figure style="margin:0;width:{self.width}px">{shown}'
                f'<figcaption style="font-size:90%">{escape(title)}</figcaption></figure>'
            )
        flex = "display:flex;flex-wrap:wrap;gap:12px;margin:4px 0"
        return f'{head}<div style="{flex}">{"".join(cells)}</div>'

    def figure(self):
        columns = max(map(len, self.rows))
        tall = [max(p.shape[0] / p.shape[1] for p in row) for row in self.rows]
        strip = 0.42 if self.legend else 0
        size = (2.7 * columns, sum(2.7 * t + 0.34 for t in tall) + strip)
        with rc_context(STYLE | {"axes.grid": False}):
            fig = Figure(size, layout="constrained")
            axes = fig.subplots(len(self.rows), columns, squeeze=False, height_ratios=tall)
            for ax in axes.ravel():
                ax.set_axis_off()
            for r, (heading, row, titles) in enumerate(self._lines()):
                for c, (picture, title) in enumerate(zip(row, titles, strict=True)):
                    text = f"{heading}: {title}" if heading and c == 0 else title
                    axes[r, c].imshow(picture, interpolation="nearest")
                    axes[r, c].set_title(text.removesuffix(": "), fontsize=9)
            _figure_legend(fig, self.legend)
        return fig


def _figure_legend(fig, legend):
    from matplotlib.patches import Patch

    if legend:
        patches = [Patch(color=np.divide(c, 255), label=n) for n, c in legend.items()]
        fig.legend(handles=patches, loc="outside lower left", ncols=10, fontsize=9)


def for_screen(picture, width=WIDTH):
    """The picture with about the pixels that it is shown with.

    A browser smooths what it stretches: right for a photograph, wrong for a mask or a coarse map,
    which are enlarged here to crisp blocks. Large photographs are reduced, to keep notebooks small.
    """
    factor = width // picture.shape[1]
    few = Image.fromarray(picture).getcolors(256)
    if picture.shape[1] > 1.5 * width:
        height = max(1, round(picture.shape[0] * width / picture.shape[1]))
        return resize(picture, (height, width), smooth=not few)
    if factor < 2 or not (few or max(picture.shape[:2]) <= 64):
        return picture
    return picture.repeat(factor, 0).repeat(factor, 1)


def legend_html(legend):
    """A line of colour swatches with their names; pictures, since some pages drop styles."""
    if not legend:
        return ""
    items = []
    for name, colour in legend.items():
        swatch = np.full((12, 12, 3), colour, np.uint8)
        items.append(f"<span>{img(swatch, f'colour of {name}', 12)}&nbsp;{escape(name)}</span>")
    flex = "display:flex;flex-wrap:wrap;gap:14px;margin:4px 0;font-size:90%"
    return f'<div style="{flex}">{" ".join(items)}</div>'


def strip(pictures, titles=None, *, alt, legend=None, width=WIDTH):
    """A row of pictures, each at least 256 pixels wide on screen, with titles below.

    pictures: (H, W, 3) uint8 pictures; (H, W) uint8 masks, coloured by `legend`; (H, W) float
    maps in 0..1, shown as heat; (H, W) bool. titles: one string each, best with its number in
    it. alt: one sentence on what there is to see. legend: the class names of the masks, or
    {name: colour}. Returns an object that a notebook displays and `save` writes.
    """
    return grid([pictures], [titles] if titles else None, alt=alt, legend=legend, width=width)


def grid(rows, titles=None, *, alt, headings=None, legend=None, width=WIDTH):
    """Several `strip`s below each other with one legend.

    titles: one list for all rows, or a list of lists; headings: one string a row.
    """
    if width < WIDTH:
        raise ValueError(f"a picture is shown {WIDTH} pixels wide at least, not {width}")
    rows = [list(row) for row in rows]
    if titles and isinstance(titles[0], str):
        titles = [titles] * len(rows)
    titles = titles or [[""] * len(row) for row in rows]
    for row, names in zip(rows, titles, strict=True):
        if len(row) != len(names):
            raise ValueError(f"{len(row)} pictures and {len(names)} titles")
    headings = list(headings or [""] * len(rows))
    classes = [] if legend is None else list(legend)
    key = _legend(rows, legend, classes)
    drawn = [[as_picture(p, classes) for p in row] for row in rows]
    return Pictures(drawn, [list(t) for t in titles], headings, alt, key, width)


def _legend(rows, legend, classes):
    """{name: colour} to print: what the masks among the pictures hold, else all that was named."""
    if legend is None:
        return {}
    if isinstance(legend, dict):
        return dict(legend)
    known = colours(classes)
    masks = [np.asarray(p) for row in rows for p in row]
    masks = [m for m in masks if m.ndim == 2 and m.dtype == np.uint8]
    if not masks:
        return {name: known[name] for name in classes}
    names = ["background", *classes]
    found = sorted(set(np.concatenate([np.unique(m) for m in masks]).tolist()))
    shown = [names[v] for v in found if v < len(names)] + (["void"] if VOID in found else [])
    return {name: known[name] for name in shown}
