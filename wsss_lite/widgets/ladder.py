"""The ladder to look at from all sides: choose labels, an order and two axes."""

from html import escape

import ipywidgets as widgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from wsss_lite.literature import LEAST, tau
from wsss_lite.rungs import LOOKS, NAMES, both, chart, number
from wsss_lite.widgets.base import Described, Panel

ALL, ASSISTED = "all", "assisted"
ACROSS = ("hours", "seconds", "voc", "year", "maps", "pseudo")
UP = ("test", "pseudo", "maps", "real")
ORDERS = ("test", "pseudo", "maps", "real", "voc", "hours", "seconds", "peak_mb", "year")
CHEAP = ("hours", "seconds", "peak_mb", "year")  # sorted from the smallest up
HEADS = {"hours": "hours", "maps": "maps", "pseudo": "pseudo", "test": "test", "voc": "VOC val",
         "real": "photographs", "seconds": "s", "peak_mb": "MB", "year": "year"}  # fmt: skip
SHORT = {"real": "labels of photographs", "voc": "VOC val in the literature", "peak_mb": "memory",
         "hours": "hours of annotation", "pseudo": "pseudo masks"}  # fmt: skip
WHOLE = ("seconds", "peak_mb", "year")  # shown without decimals


class Ladder(Panel):
    """A plot of the chosen methods, their table in the chosen order, and how far the axes agree.

    table: as `wsss_lite.rungs.rungs` gives it. Controls: `labels` ("all", a supervision, or
    "assisted"), `sort`, `across` and `up` (what the axes show) and `rows` (of the table): setting
    their `.value` does what a click does, and `state()` says what is shown.
    """

    kind = "ladder"

    def __init__(self, table, labels=ALL, sort="test", across="hours", up="test", rows=10):
        if not table:
            raise ValueError("a ladder needs at least one recorded method")
        self.table_of = dict(table)
        self._build(labels, sort, across, up, rows)
        self._draw()

    def _build(self, labels, sort, across, up, rows):
        def menu(text, value, options):
            return widgets.Dropdown(options=options, value=value, description=text)

        def named(keys):
            return [(SHORT.get(key, key), key) for key in keys]

        kinds = [k for k in LOOKS if any(f["supervision"] == k for f in self.table_of.values())]
        options = [ALL, *((LOOKS[k][3], k) for k in kinds)]
        options = [(o, o) if isinstance(o, str) else o for o in options]
        if any(facts["starred"] for facts in self.table_of.values()):
            options.append(("assisted, starred", ASSISTED))
        self.labels = menu("labels", labels, options)
        self.sort = menu("sort by", sort, named(ORDERS))
        self.across, self.up = menu("across", across, named(ACROSS)), menu("up", up, named(UP))
        most = len(self.table_of)
        self.rows = widgets.IntSlider(min(rows, most), 1, most, description="rows")
        self.image, self.table = Described(), widgets.HTML()
        self.image.layout.width, self.image.layout.max_width = "760px", "100%"
        controls = [[self.labels, self.sort, self.rows], [self.across, self.up]]
        self._lay_out(*controls, [self.image], [self.table])
        self._listen(*controls[0], *controls[1])

    def _draw(self, change=None):
        state = self.state()
        plot = self._plot(state)
        canvas = FigureCanvasAgg(plot.drawing)
        canvas.draw()
        self.image.show(np.asarray(canvas.buffer_rgba())[..., :3].copy(), plot.alt)
        self.table.value = self._html(state)
        self._say(*_said(state))

    # ---- what is shown

    def chosen(self):
        """{method: facts} of those whose labels are chosen."""
        kind = self.labels.value
        return {
            name: facts
            for name, facts in self.table_of.items()
            if kind in (ALL, facts["supervision"]) or (kind == ASSISTED and facts["starred"])
        }

    def state(self):
        """What is chosen and shown, as plain values: for a later cell, and for tests.

        order: methods that have the number sorted by, best first (cheapest, quickest, oldest);
        plotted: those with both axes; tau: Kendall's, of the two axes, None for few methods.
        """
        chosen, key = self.chosen(), self.sort.value
        sign = 1 if key in CHEAP else -1
        values = {name: sign * number(facts, key) for name, facts in chosen.items()}
        order = sorted((n for n in values if np.isfinite(values[n])), key=values.get)
        across, up = self.across.value, self.up.value
        plotted = both(chosen, across, up)
        axes = [[number(chosen[n], axis) for n in plotted] for axis in (across, up)]
        agreement = tau(*axes) if len(plotted) >= LEAST else np.nan
        return {
            "labels": self.labels.value,
            "sort": key,
            "across": across,
            "up": up,
            "methods": len(chosen),
            "order": order,
            "plotted": plotted,
            "tau": float(agreement) if np.isfinite(agreement) else None,
        }

    def _plot(self, state, still=""):
        names = [n for n in state["order"] if n in state["plotted"]]
        marked = [n for n in ("cam", "full", "full-20") if n in names]
        first = ", ".join(names[:3]) or "nothing to plot"
        alt = f"{still}{NAMES[state['up']]} over {NAMES[state['across']]}; first: {first}"
        label = list(dict.fromkeys([*names[:3], *marked]))
        return chart(self.chosen(), state["across"], state["up"], label, alt=alt)

    def _html(self, state):
        """The first rows of the table, the number sorted by first and in bold."""
        keys = [state["sort"], *(key for key in HEADS if key != state["sort"])]
        lines = [_line("method", "labels", [HEADS[key] for key in keys])]
        for name in state["order"][: self.rows.value]:
            facts = self.table_of[name]
            label, kind = name + "*" * facts["starred"], LOOKS[facts["supervision"]][3]
            lines.append(_line(label, kind, [_cell(facts, key) for key in keys]))
        table = f'<table class="wsss-ladder-table">{"".join(lines)}</table>'
        return f'<div style="overflow-x:auto">{table}</div>'

    # ---- without a page that answers

    def strip(self):
        """The same as a still drawing (`show.Plot`)."""
        return self._plot(self.state(), "Still view of the ladder: ")

    def __repr__(self):
        return f"Ladder({len(self.table_of)} methods)"


def _line(name, kind, cells):
    """A row of the table in HTML; the first number is bold."""
    shown = [f"<b>{cells[0]}</b>", *cells[1:]]
    words = "".join(f'<td style="padding:1px 8px">{escape(word)}</td>' for word in (name, kind))
    numbers = (f'<td style="text-align:right;padding:1px 8px">{cell}</td>' for cell in shown)
    return f"<tr>{words}{''.join(numbers)}</tr>"


def _cell(facts, key):
    value = number(facts, key)
    if np.isnan(value):
        return "–"
    return f"{value:.0f}" if key in WHOLE else f"{value:.1f}"


def _said(state):
    """(text, numbers) of the line below."""
    order, across, up = state["order"], state["across"], state["up"]
    key = SHORT.get(state["sort"], state["sort"])
    text = f"{len(order)} of {state['methods']} methods have a number of {key}"
    first = f"first: {', '.join(order[:3])}" if order else "none to sort"
    axes = f"{SHORT.get(across, across)} and {SHORT.get(up, up)} of {len(state['plotted'])}"
    agree = "too few to compare" if state["tau"] is None else f"Kendall's tau {state['tau']:+.2f}"
    return text, f"{first}; {axes}: {agree}"
