"""Tables of methods and scores: intervals, groups that cannot be told apart, and the bound."""

from dataclasses import dataclass, field
from html import escape

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from wsss_lite.show.figure import STYLE, Shown

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
