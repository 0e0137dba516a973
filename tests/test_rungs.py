"""The ladder's table and plot: what a row says is there, what is missing is not, none covers."""

import warnings

import numpy as np
import pytest

from wsss_lite import results, rungs, show


def entry(method, seed=0, hours=7, **scores):
    blank = {"miou_maps": None, "miou_pseudo": None, "miou_test": None}
    row = {"method": method, "seed": seed, "annotation_seconds": 3600 * hours,
           "seconds": 100 - seed, "peak_mb": 1000 + seed}  # fmt: skip
    return {"row": row | blank | scores}


STORE = {
    "pocket": [entry("cam", s, miou_maps=0.4, miou_pseudo=0.5, miou_test=0.5 + s / 100)
               for s in range(3)]
    + [entry("seam", miou_maps=0.5, miou_pseudo=0.55, miou_test=0.56)]
    + [entry("full", hours=66.7, miou_test=0.8), entry("sam-zero-shot", hours=0, miou_test=0.6)]
    + [entry("dextr", hours=12, miou_pseudo=0.8, miou_test=0.74)],
    "coco-mini": [entry("cam", miou_maps=0.2, miou_pseudo=0.3), entry("clip-es", miou_maps=0.3)],
}  # fmt: skip


@pytest.fixture
def table(monkeypatch):
    monkeypatch.setattr(results, "read", lambda world, where=None: STORE.get(world, []))
    return rungs.rungs()


def test_facts_are_those_of_the_rows_and_of_the_register(table):
    cam = table["cam"]
    assert cam["test"][0] == pytest.approx(0.51) and cam["test"][2] == 3
    assert cam["hours"] == 7 and cam["seconds"] == 98 and cam["peak_mb"] == 1000  # the least
    assert cam["real"] == 0.3 and cam["real_maps"] == 0.2 and cam["voc"] is None
    assert table["seam"]["voc"] == pytest.approx(0.645)
    assert table["dextr"]["starred"] and table["dextr"]["maps"] is None
    assert table["sam-zero-shot"]["supervision"] == "none" and table["sam-zero-shot"]["hours"] == 0
    assert table["clip-es"]["test"] is None and table["clip-es"]["hours"] is None


def test_methods_without_a_row_are_not_there_and_one_world_suffices(table):
    assert set(table) == {"cam", "seam", "full", "sam-zero-shot", "dextr", "clip-es"}
    assert set(rungs.rungs(real=None)) == set(table) - {"clip-es"}
    assert rungs.rungs("nowhere", None) == {}


def test_numbers_are_percent_hours_or_nan(table):
    assert rungs.number(table["cam"], "test") == pytest.approx(51)
    assert rungs.number(table["cam"], "hours") == 7
    assert np.isnan(rungs.number(table["cam"], "voc"))
    assert set(rungs.both(table, "voc", "test")) == {"seam", "sam-zero-shot", "dextr"}


def test_the_table_has_every_method_a_star_and_no_empty_column(table):
    shown = rungs.listed(table)
    names = [row[0] for row in shown.rows]
    assert names[0] == "dextr*" and names[-1] == "full (bound)" and "sam-zero-shot*" in names
    assert "VOC val" in shown.headings and "photographs" in shown.headings
    assert show.STAR in shown.alt
    alone = {n: f for n, f in table.items() if n in ("cam", "full")}
    assert "VOC val" not in rungs.listed(alone).headings


@pytest.mark.parametrize("across", ["hours", "seconds", "voc", "year", "pseudo"])
@pytest.mark.parametrize("up", ["test", "real"])
def test_each_pair_of_axes_gives_a_drawing_even_of_nothing(table, across, up):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot = rungs.chart(table, across, up, ["cam", "full"], alt="a plot")
    axis = plot.drawing.axes[0]
    assert axis.get_xlabel() == rungs.NAMES[across] and axis.get_ylabel() == rungs.NAMES[up]
    dots = sum(len(c.get_offsets()) for c in axis.collections if len(c.get_offsets()))
    assert dots >= len(rungs.both(table, across, up))


def crowd(count=40):
    """Methods of one price and nearly one score."""
    base = {"supervision": "tags", "starred": False, "hours": 7.0}
    return {f"m{k}": base | {"test": (0.5 + k / 5000, 0.01, 3)} for k in range(count)}


def test_dots_stand_beside_each_other_and_names_cover_none():
    some = crowd()
    plot = rungs.chart(some, label=["m0", "m20", "m39"], alt="a crowd")
    axis = plot.drawing.axes[0]
    (dots,) = [c.get_offsets() for c in axis.collections if len(c.get_offsets()) == len(some)]
    at = axis.transData.transform(dots)
    apart = np.linalg.norm(at[:, None] - at[None], axis=-1)[~np.eye(len(at), dtype=bool)]
    assert apart.min() >= 0.9 * rungs.DOT * plot.drawing.dpi / 72
    assert np.allclose(np.sort(dots[:, 1]), np.sort([100 * f["test"][0] for f in some.values()]))
    assert dots[:, 0].max() == pytest.approx(7)  # the price itself; the others stand to its left
    plot.drawing.canvas.draw()
    boxes = [t.get_window_extent() for t in axis.texts]
    assert len(boxes) == 3
    for box in boxes:
        inside = (at > [box.x0, box.y0]) & (at < [box.x1, box.y1])
        assert not inside.all(1).any()


def test_what_costs_nothing_is_shown_at_the_left(table):
    axis = rungs.chart(table, alt="a plot").drawing.axes[0]
    assert axis.get_xticklabels()[0].get_text() == "0"
    assert axis.get_xlim()[0] < rungs.FREE < axis.get_xticks()[1]
    named = [t.get_text() for t in axis.get_legend().get_texts()]
    assert named == ["nothing, assisted", "tags", "boxes, assisted", "masks"]
