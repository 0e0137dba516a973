"""Pictures, legends, curves and tables that look alike everywhere and say what they show.

Two halves. Plain functions on arrays (`colour_mask`, `overlay`, `heat`, `overlay_heat`,
`contact_sheet`) return (H, W, 3) uint8 pictures. Figures (`strip`, `grid`, `curve`, `bars`,
`table`) return small objects that a notebook displays as HTML with an alternative text; `save`
writes them to a file. The same class has the same colour in all of them.
"""

import base64
import hashlib
import io
import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.figure import Figure
from PIL import Image

from wsss_lite.contrast import readable
from wsss_lite.files import atomic

VOID = 255
BACKGROUND_COLOUR = (34, 34, 34)
VOID_COLOUR = (208, 208, 208)
WIDTH = 256  # pixels on screen, the least a picture gets
LARGEST = 20_000  # bytes of one embedded picture; base64 adds a third

# Okabe and Ito (2008): told apart with every common kind of colour blindness. Cat and dog, boat
# and train, horse and person, which share pictures and are confused, lie far apart in it.
OKABE_ITO = {
    "cat": (230, 159, 0),
    "boat": (86, 180, 233),
    "horse": (0, 158, 115),
    "bird": (240, 228, 66),
    "dog": (0, 114, 178),
    "train": (213, 94, 0),
    "person": (204, 121, 167),
    "car": (136, 34, 85),  # Okabe and Ito's eighth is black, here the background: Tol's wine
}
# The other classes of VOC, in shades beside those eight.
MORE = {
    "aeroplane": (51, 34, 136),
    "bicycle": (17, 119, 51),
    "bottle": (153, 153, 51),
    "bus": (238, 119, 51),
    "chair": (170, 68, 153),
    "cow": (221, 204, 119),
    "diningtable": (121, 85, 61),
    "motorbike": (204, 51, 17),
    "pottedplant": (68, 170, 102),
    "sheep": (187, 204, 238),
    "sofa": (102, 153, 204),
    "tvmonitor": (68, 187, 200),
}
KNOWN = OKABE_ITO | MORE

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
PLAIN = "#6b8299"  # bars of things that are no class


# ---------------------------------------------------------------------------------------- colours


def colours(classes):
    """{name: (r, g, b)} of the classes, with "background" first and "void" last.

    A name keeps its colour in every list it occurs in. Names that this package does not know get
    one from their spelling, so that this holds for them too (save for a rare clash of two).
    """
    out = {"background": BACKGROUND_COLOUR}
    spare = [c for name, c in KNOWN.items() if name not in classes]
    for name in classes:
        colour = KNOWN.get(name)
        if colour is None:
            colour = _free_colour(name, spare, set(out.values()))
        out[name] = colour
    return out | {"void": VOID_COLOUR}


def _free_colour(name, spare, taken):
    """A colour of the list that is not taken, starting where the spelling of the name points."""
    start = int(hashlib.sha256(name.encode()).hexdigest(), 16)
    names = list(KNOWN.values())
    for k in range(len(names)):
        colour = names[(start + k) % len(names)]
        if colour in spare and colour not in taken:
            return colour
    # More classes than colours: walk round the hues.
    for k in range(997):
        hue = colormaps["hsv"]((start + 89 * k) % 997 / 997)
        colour = tuple(int(255 * (0.25 + 0.6 * v)) for v in hue[:3])
        if colour not in taken:
            break
    return colour


def lookup(classes):
    """(256, 3) uint8 table from mask value to colour; values without a class look void."""
    table = np.full((256, 3), VOID_COLOUR, np.uint8)
    table[: len(classes) + 1] = list(colours(classes).values())[:-1]
    return table


def colour_mask(mask, classes):
    """(H, W) mask values to an (H, W, 3) uint8 picture; 255 is light grey."""
    return lookup(classes)[np.asarray(mask, np.uint8)]


def overlay(image, mask, classes, strength=0.55):
    """The picture with a mask laid over: tinted objects with a line around, void lightened.

    image: (H, W, 3) uint8; mask: (H, W). Background pixels stay as they are. Returns (H, W, 3)
    uint8.
    """
    image, mask = np.asarray(image), np.asarray(mask, np.uint8)
    if image.shape[:2] != mask.shape:
        raise ValueError(f"the picture is {image.shape[:2]} and the mask {mask.shape}")
    tint = colour_mask(mask, classes).astype(np.float32)
    alpha = np.where(mask == 0, 0, strength)
    alpha[edges(mask) & (mask > 0)] = 1
    mixed = image + alpha[..., None] * (tint - image)
    return mixed.round().astype(np.uint8)


def edges(mask):
    """(H, W) bool: pixels with another value above, below, left or right of them."""
    mask = np.asarray(mask)
    out = np.zeros(mask.shape, bool)
    across, down = mask[:, 1:] != mask[:, :-1], mask[1:] != mask[:-1]
    out[:, 1:] |= across
    out[:, :-1] |= across
    out[1:] |= down
    out[:-1] |= down
    return out


def heat(map, colours="magma"):
    """(h, w) values 0..1 as an (h, w, 3) uint8 picture in a perceptually even colour map.

    Values outside are cut, missing ones (nan) grey. jet is refused: it draws edges where the
    values have none.
    """
    if "jet" in colours or colours in ("rainbow", "hsv"):
        raise ValueError(f"{colours} shows edges that are not there; take magma or viridis")
    map = np.asarray(map, np.float32)
    out = colormaps[colours](np.clip(np.nan_to_num(map), 0, 1), bytes=True)[..., :3]
    out[np.isnan(map)] = VOID_COLOUR
    return out


def overlay_heat(image, map, colours="magma"):
    """A heat map over its picture, which fades to grey so that hot places stand out.

    image: (H, W, 3) uint8; map: (h, w) in 0..1, enlarged to the picture. Returns (H, W, 3) uint8.
    """
    image = np.asarray(image)
    map = resize(np.nan_to_num(np.asarray(map, np.float32)), image.shape[:2]).clip(0, 1)
    grey = image.astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
    calm = 0.35 * image + 0.65 * grey[..., None]
    alpha = (0.45 + 0.3 * map)[..., None]
    return (calm + alpha * (heat(map, colours) - calm)).round().clip(0, 255).astype(np.uint8)


def resize(array, size, smooth=True):
    """An array (H, W) or (H, W, 3) at another (H, W); bilinear, or nearest for masks."""
    array = np.asarray(array)
    how = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    # Filtering would widen when it shrinks, which is what a thumbnail wants.
    return np.asarray(Image.fromarray(array).resize((size[1], size[0]), how))


# ------------------------------------------------------------------------- sheets and image files


def contact_sheet(images, masks, classes, columns=6, tile=128):
    """Many pictures on one: each beside its overlay, `columns` such pairs in a row.

    images: (H, W, 3) uint8 of any sizes; masks: (H, W) each. Returns (H, W, 3) uint8 on white.
    """
    if not len(images):
        raise ValueError("a contact sheet needs a picture")
    pairs = []
    for image, mask in zip(images, masks, strict=True):
        small = fit(image, tile)
        label = fit(mask, tile, smooth=False)
        pairs.append((on_tile(small, tile), on_tile(overlay(small, label, classes), tile)))
    columns = min(columns, len(pairs))
    rows, gap = -(-len(pairs) // columns), max(4, tile // 16)
    step = (tile + gap, 2 * tile + 1 + gap)
    sheet = np.full((rows * step[0] + gap, columns * step[1] + gap, 3), 255, np.uint8)
    for k, (left, right) in enumerate(pairs):
        y, x = gap + k // columns * step[0], gap + k % columns * step[1]
        sheet[y : y + tile, x : x + tile] = left
        sheet[y : y + tile, x + tile + 1 : x + 2 * tile + 1] = right
    return sheet


def fit(array, side, smooth=True):
    """The array with its longer side at `side` pixels, proportions kept."""
    height, width = array.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return resize(array, size, smooth)


def on_tile(picture, side):
    """The picture in the middle of a white square."""
    tile = np.full((side, side, 3), 255, np.uint8)
    y, x = (side - picture.shape[0]) // 2, (side - picture.shape[1]) // 2
    tile[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return tile


def write_png(path, array):
    """Write a (H, W) or (H, W, 3) uint8 array, whole or not at all; returns the path."""
    array = np.asarray(array)
    if array.dtype != np.uint8:
        raise ValueError(f"a picture to write is uint8, not {array.dtype}")
    with atomic(path) as half:
        Image.fromarray(array).save(half, "PNG", optimize=True)
    return Path(path)


def encode(picture, largest=LARGEST):
    """(mime type, bytes) of an (H, W, 3) uint8 picture, at most `largest` bytes.

    PNG, in a palette where 256 colours suffice; a photograph that becomes too large as PNG is
    stored as JPEG.
    """
    full = Image.fromarray(picture)
    few = full.getcolors(256)
    image = full.convert("P", palette=Image.Palette.ADAPTIVE, colors=256) if few else full
    data = _bytes(image, "PNG", optimize=True)
    quality = 92
    while len(data) > largest and quality > 20:
        data = _bytes(full, "JPEG", quality=quality, subsampling=0)
        quality -= 8
    return ("image/png" if data[:4] == b"\x89PNG" else "image/jpeg"), data


def small_copy(picture, quality=60):
    """(mime type, bytes) of a picture in a few kilobytes: PNG with few colours, else WebP."""
    full = Image.fromarray(picture)
    if full.getcolors(256):
        return encode(picture)
    return "image/webp", _bytes(full, "WEBP", quality=quality, method=6)


def _bytes(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def img(picture, alt, width=WIDTH, small=False):
    """An `<img>` element that carries its picture inside, shown `width` pixels wide."""
    kind, data = small_copy(picture) if small else encode(picture)
    return _img(kind, data, alt, width)


def _img(kind, data, alt, width):
    code = base64.b64encode(data).decode()
    return f'<img alt="{escape(alt)}" width="{width}" src="data:{kind};base64,{code}">'


# ---------------------------------------------------------------------------------------- figures


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


def as_picture(array, classes=()):
    """Any of the arrays that `strip` takes as an (H, W, 3) uint8 picture."""
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8:
        return array
    if array.ndim == 2 and array.dtype == bool:
        return np.repeat(array[..., None].astype(np.uint8) * 255, 3, 2)
    if array.ndim == 2 and array.dtype == np.uint8:
        if not classes:
            raise ValueError("a mask needs legend=classes, so that its colours have names")
        return colour_mask(array, classes)
    if array.ndim == 2 and np.issubdtype(array.dtype, np.floating):
        return heat(array)
    raise ValueError(f"cannot show an array of shape {array.shape} and type {array.dtype}")


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
        return f"<p>{_img('image/png', _bytes(small, 'PNG', optimize=True), self.alt, width)}</p>"

    def figure(self):
        return self.drawing


LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#333333")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))


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


# ----------------------------------------------------------------------------------------- tables

STAR = "helped by a model trained on annotated scenes of the corpus"


@dataclass(repr=False)
class Table(Shown):
    """Rows of text under headings; the first column names the row. See `table`."""

    headings: list
    rows: list
    alt: str
    strong: set = field(default_factory=set)  # indices of rows to set apart

    def html(self):
        head = "".join(_cell("th", text, k) for k, text in enumerate(self.headings))
        body = []
        for r, row in enumerate(self.rows):
            cells = "".join(_cell("td", text, k, r in self.strong) for k, text in enumerate(row))
            body.append(f"<tr>{cells}</tr>")
        caption = f'<caption style="caption-side:top;text-align:left">{escape(self.alt)}</caption>'
        return (
            f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
        )

    def markdown(self):
        """The table for a README or a terminal."""
        line = ["---", *["---:"] * (len(self.headings) - 1)]
        return "\n".join("| " + " | ".join(row) + " |" for row in (self.headings, line, *self.rows))

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.html(), "text/plain": self.markdown()}

    def figure(self):
        wide = [max(len(str(row[k])) for row in (self.headings, *self.rows))
                for k in range(len(self.headings))]  # fmt: skip
        size = (0.09 * sum(wide) + 0.3 * len(wide), 0.26 * (len(self.rows) + 1) + 0.5)
        with rc_context(STYLE):
            fig = Figure(size, layout="constrained")
            ax = fig.add_subplot()
            ax.set_axis_off()
            ax.set_title(self.alt, fontsize=9, wrap=True)
            columns = {"colLabels": self.headings, "colWidths": np.divide(wide, sum(wide))}
            drawn = ax.table(self.rows, bbox=(0, 0, 1, 1), edges="horizontal", **columns)
            for (row, column), cell in drawn.get_celld().items():
                cell.get_text().set_horizontalalignment("left" if column == 0 else "right")
                cell.get_text().set_weight("bold" if row - 1 in {-1, *self.strong} else "normal")
        return fig


def _cell(tag, text, column, strong=False):
    side = "left" if column == 0 else "right"
    inner = f"<b>{escape(text)}</b>" if strong else escape(text)
    return f'<{tag} style="text-align:{side}">{inner}</{tag}>'


def table(scores, columns, *, alt, rank=None, bounds=("full",), baselines=("full-20",), tie=None):
    """Methods and their scores in percent, with intervals, rank groups and the bound.

    scores: {method: {key: value}}, a value being a fraction 0..1, (mean, half width of the 95 %
    interval, n) as `results.table` gives it, or None. columns: {key: heading}, or {key: (heading,
    function that writes a value)} for what is no percentage, such as `ratio` and `seconds`.
    rank: the key to sort and rank by (default the last). Methods in `bounds` come last, those and
    `baselines` without a rank. tie: see `rank_groups`. Methods that the corpus has helped
    (`registry.starred`) get a star.
    """
    from wsss_lite.registry import starred

    rank = rank or list(columns)[-1]
    columns = {k: c if isinstance(c, tuple) else (c, percent) for k, c in columns.items()}
    rest = [name for name in scores if name not in bounds]
    groups = rank_groups({n: scores[n].get(rank) for n in rest if n not in baselines}, tie)
    # Best first, unscored ones after them, the bounds below everything.
    order = sorted(rest, key=lambda n: -_mean(scores[n].get(rank)))
    order += [name for name in scores if name in bounds]
    rows, strong = [], set()
    for name in order:
        what = "bound" if name in bounds else "baseline" if name in baselines else ""
        if what:
            strong.add(len(rows))
        values = [write(scores[name].get(key)) for key, (_, write) in columns.items()]
        label = f"{name} ({what})" if what else name + "*" * starred(name)
        rows.append([label, *values, groups.get(name, "")])
    headings = [heading for heading, _ in columns.values()]
    if any(starred(name) for name in scores):
        alt = f"{alt} (* {STAR})"
    return Table(["method", *headings, "rank"], rows, alt, strong)


def percent(value):
    """0.512 as "51.2", (0.512, 0.011, 3) as "51.2 ± 1.1", nothing as an en dash."""
    return _written(value, 100, 1)


def ratio(value):
    """1.234 as "1.23", with the interval as in `percent`."""
    return _written(value, 1, 2)


def seconds(value):
    """12.3 as "12": how long something took; its interval says more about the machine."""
    return _written(value if value is None else _mean(value), 1, 0)


def _written(value, factor, digits):
    if value is None or np.isnan(_mean(value)):
        return "–"
    text = f"{factor * _mean(value):.{digits}f}"
    half = value[1] if isinstance(value, tuple | list) else np.nan
    return text if np.isnan(half) else f"{text} ± {factor * half:.{digits}f}"


def _mean(value):
    if value is None:
        return -np.inf
    return float(value[0] if isinstance(value, tuple | list) else value)


def rank_groups(values, tie=None):
    """{name: "1", "2-3", ...}: methods that cannot be told apart share a group.

    values: {name: value as in `table`}. A method joins the group above it when it ties with that
    group's best. tie(a, b) decides for two names; without it, two means tie when they differ by
    less than the root of the sum of their squared half widths (single numbers: only if equal).
    """
    named = {n: v for n, v in values.items() if v is not None and not np.isnan(_mean(v))}
    order = sorted(named, key=lambda n: -_mean(named[n]))
    same = tie or (lambda a, b: _intervals_tie(named[a], named[b]))
    groups = []
    for name in order:
        if groups and same(groups[-1][0], name):
            groups[-1].append(name)
        else:
            groups.append([name])
    out, place = {}, 1
    for group in groups:
        last = place + len(group) - 1
        text = f"{place}" if len(group) == 1 else f"{place}-{last}"
        out |= dict.fromkeys(group, text)
        place = last + 1
    return out


def _intervals_tie(a, b):
    halves = [v[1] for v in (a, b) if isinstance(v, tuple | list)]
    return abs(_mean(a) - _mean(b)) <= float(np.sqrt(np.sum(np.nan_to_num(halves) ** 2)))


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
