"""The budget: seconds that a label of each kind costs, hours to spend, and what buys the most."""

import ipywidgets as widgets
import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wsss_lite import show
from wsss_lite.results import interval
from wsss_lite.widgets.base import Described, Panel

TUNE = 20  # pictures with a mask and a label, which every weak kind pays for besides
CALLED = {"full": "masks"}
AXIS = np.geomspace(1, 75, 160)  # hours
TICKS = (1, 2, 4, 7, 12, 25, 50)
LONGEST = {"tags": 60, "points": 60, "scribbles": 120, "boxes": 120, "full": 480}  # of the sliders


# Plain sums. seconds: {kind: seconds a picture}; runs: {kind: {pictures: [mIoU of each seed]}}.


def cost(kind, pictures, seconds, tune=TUNE):
    """Hours that so many labels of a kind cost, the tune pictures' masks and labels included."""
    fixed = 0 if kind == "full" else tune * (seconds[kind] + seconds["full"])
    return (pictures * seconds[kind] + fixed) / 3600


def bought(kind, hours, seconds, tune=TUNE, stock=1000):
    """Number of pictures that the hours pay for, at most `stock`."""
    left = hours - cost(kind, 0, seconds, tune)
    # A hair more, so that what `cost` says suffices in binary too.
    return int(min(max(0.0, left * 3600) / seconds[kind] + 1e-6, stock))


def between(recorded, pictures):
    """(S,) mIoU of each seed at a number of pictures, or (N, S) at N numbers.

    recorded: {pictures: [mIoU of each seed]}. Straight lines over the logarithm of the number,
    nan below the smallest recorded one, and no further gain above the largest.
    """
    known = sorted(recorded)
    at = np.log(np.maximum(pictures, 1e-9))
    seeds = np.transpose([recorded[n] for n in known])  # (S, numbers)
    return np.stack([np.interp(at, np.log(known), row, left=np.nan) for row in seeds], axis=-1)


def ranked(scores):
    """(kinds from the best down, those that tie with the best) of {kind: (S,) mIoU of each seed}.

    A tie: seed by seed the best is ahead by at most two standard errors. A kind with nan is not
    ranked.
    """
    there = {k: np.asarray(v, float) for k, v in scores.items() if np.isfinite(v).all()}
    order = sorted(there, key=lambda k: -there[k].mean())
    ties = []
    for kind in order[1:]:
        lead = there[order[0]] - there[kind]
        error = lead.std(ddof=1) / np.sqrt(lead.size) if lead.size > 1 else 0.0
        if lead.mean() <= 2 * error:
            ties.append(kind)
    return order, ties


def drawing(runs, seconds, tune=TUNE, stock=1000, budget=None, *, alt):
    """A `show.Plot` of the mIoU over the hours; dots are recorded, with 95 % intervals."""
    with rc_context(show.STYLE):
        fig = Figure((6.8, 4.2), layout="constrained")
        label = f"hours of annotation, tune masks {'' if tune else 'not '}counted"
        ax = fig.add_subplot(xscale="log", xlabel=label, ylabel="mIoU on test")
        for k, (kind, recorded) in enumerate(runs.items()):
            style = {"color": show.LINES[k], "linestyle": show.DASHES[k % len(show.DASHES)]}
            counts = np.array([bought(kind, hours, seconds, tune, stock) for hours in AXIS])
            line = between(recorded, counts).mean(-1)
            ax.plot(AXIS, line, alpha=0.3, **style)  # nothing left to buy
            buying = np.where(counts < stock, line, np.nan)
            ax.plot(AXIS, buying, label=CALLED.get(kind, kind), **style)
            known = [n for n in sorted(recorded) if n <= stock]
            mean, half = np.reshape([interval(recorded[n])[:2] for n in known], (-1, 2)).T
            at = [cost(kind, n, seconds, tune) for n in known]
            dots = {"fmt": "o", "markersize": 4, "capsize": 2, "linewidth": 1}
            ax.errorbar(at, mean, np.nan_to_num(half), color=show.LINES[k], **dots)
        if budget is not None:
            ax.axvline(budget, color=show.INK, linewidth=1, linestyle=":")
        ax.set_xlim(AXIS[0], AXIS[-1])
        ax.set_xticks(TICKS, [str(t) for t in TICKS])
        ax.minorticks_off()
        ax.legend(loc="lower right")
    return show.Plot(fig, alt)


class Budget(Panel):
    """Prices, hours and a stock of pictures to turn, and the kind of label that buys the most.

    runs: {kind: {pictures: [mIoU of each seed]}}; seconds: {kind: seconds a picture}. Controls:
    `price[kind]`, `hours`, `stock` (pictures at hand) and `tune` (whether the tune masks are
    counted): setting their `.value` does what a click does, and `state()` says what is shown.
    """

    kind = "budget"

    def __init__(self, runs, seconds, hours=7.0, stock=None):
        if not runs or set(runs) - set(seconds) or "full" not in seconds:
            raise ValueError(f"runs of {', '.join(runs) or 'nothing'}, prices of {list(seconds)}")
        self.runs = {kind: dict(recorded) for kind, recorded in runs.items()}
        self.most = max(max(recorded) for recorded in self.runs.values())
        self._build(dict(seconds), hours, stock or self.most)
        self._draw()

    def _build(self, seconds, hours, stock):
        self.price = {}
        for kind, value in seconds.items():
            high = max(LONGEST.get(kind, 480), round(value))
            name = CALLED.get(kind, kind)
            self.price[kind] = widgets.IntSlider(round(value), 1, high, description=f"{name}, s")
        self.hours = widgets.FloatSlider(
            hours, min=1, max=70, step=0.5, description="hours", readout_format=".1f"
        )
        self.stock = widgets.IntSlider(stock, 20, self.most, 10, description="pictures")
        self.tune = widgets.Checkbox(True, description="count the tune masks", indent=False)
        self.image = Described()
        self.image.layout.width, self.image.layout.max_width = "640px", "100%"
        rows = [[*self.price.values()], [self.hours, self.stock, self.tune], [self.image]]
        self._lay_out(*rows)
        self._listen(*rows[0], *rows[1])

    def _draw(self, change=None):
        state = self.state()
        plot = drawing(self.runs, *self._bill(), budget=state["hours"], alt=self.alt(state))
        self.image.show(_pixels(plot), plot.alt)
        self._say(*_texts(state))

    def _bill(self):
        """(seconds, number of tune masks to pay for, pictures at hand)."""
        seconds = {kind: control.value for kind, control in self.price.items()}
        return seconds, TUNE if self.tune.value else 0, self.stock.value

    # ---- what is shown

    def state(self):
        """What is chosen and shown, as plain values: for a later cell, and for tests.

        pictures, miou: {kind: number that is bought, mean mIoU of the seeds}, None where fewer
        are bought than were ever tried; order: kinds from the best down; ties: those that cannot
        be told from the best.
        """
        seconds, tune, stock = self._bill()
        hours = round(self.hours.value, 2)
        pictures = {k: bought(k, hours, seconds, tune, stock) for k in self.runs}
        scores = {k: between(self.runs[k], n) for k, n in pictures.items()}
        order, ties = ranked(scores)
        return {
            "seconds": seconds,
            "hours": hours,
            "stock": stock,
            "tune": tune,
            "pictures": pictures,
            "miou": {k: float(v.mean()) if k in order else None for k, v in scores.items()},
            "order": order,
            "ties": ties,
        }

    def alt(self, state):
        """One sentence about the drawing."""
        best = CALLED.get(state["order"][0], state["order"][0]) if state["order"] else "nothing"
        kinds = ", ".join(CALLED.get(k, k) for k in self.runs)
        return f"mIoU over hours of annotation for {kinds}; at {state['hours']:g} h {best} leads"

    # ---- without a page that answers

    def strip(self):
        """The same as a still drawing (`show.Plot`)."""
        state = self.state()
        alt = f"Still view of the budget: {self.alt(state)}"
        return drawing(self.runs, *self._bill(), budget=state["hours"], alt=alt)

    def __repr__(self):
        return f"Budget({len(self.runs)} kinds of labels)"


def _pixels(plot):
    """(H, W, 3) uint8 of a drawing."""
    canvas = FigureCanvasAgg(plot.drawing)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _texts(state):
    """(text, numbers) of the line below."""
    text = f"{state['hours']:g} hours, {state['stock']} pictures at hand"
    if not state["order"]:
        return text, "too little for any of the recorded runs"
    said = []
    for kind in state["order"]:
        many, miou = state["pictures"][kind], state["miou"][kind]
        said.append(f"{CALLED.get(kind, kind)} {miou:.3f} ({many})")
    tie = f"; a tie: {', '.join(CALLED.get(k, k) for k in state['ties'])}" if state["ties"] else ""
    return f"{text}; mIoU (and pictures)", ", ".join(said) + tie
