"""Pictures, legends, curves and tables that look alike everywhere and say what they show.

Two halves. Plain functions on arrays (`colour_mask`, `overlay`, `heat`, `overlay_heat`,
`contact_sheet`) return (H, W, 3) uint8 pictures. Figures (`strip`, `grid`, `curve`, `bars`,
`table`) return small objects that a notebook displays as HTML with an alternative text; `save`
writes them to a file. The same class has the same colour in all of them.
"""

from wsss_lite.show.embed import WIDTH, encode, img, small_copy, write_png
from wsss_lite.show.figure import INK, STYLE, Shown, save
from wsss_lite.show.palette import (
    BACKGROUND_COLOUR,
    KNOWN,
    OKABE_ITO,
    VOID,
    VOID_COLOUR,
    colours,
    lookup,
)
from wsss_lite.show.pictures import (
    as_picture,
    colour_mask,
    contact_sheet,
    edges,
    fit,
    heat,
    overlay,
    overlay_heat,
    resize,
)
from wsss_lite.show.plots import DASHES, LINES, Plot, bars, curve
from wsss_lite.show.strips import Pictures, grid, legend_html, strip
from wsss_lite.show.tables import STAR, Table, percent, rank_groups, ratio, seconds, table

__all__ = [
    "BACKGROUND_COLOUR", "DASHES", "INK", "KNOWN", "LINES", "OKABE_ITO", "STAR", "STYLE",
    "VOID", "VOID_COLOUR", "WIDTH", "Pictures", "Plot", "Shown", "Table", "as_picture", "bars",
    "colour_mask", "colours", "contact_sheet", "curve", "edges", "encode", "fit", "grid",
    "heat", "img", "legend_html", "lookup", "overlay", "overlay_heat", "percent", "rank_groups",
    "ratio", "resize", "save", "seconds", "small_copy", "strip", "table", "write_png",
]  # fmt: skip
