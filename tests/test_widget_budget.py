"""The budget without a page: its sums are the package's, its picture follows, its speed."""

import io
import time

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ipywidgets")

from benchmarks import price  # noqa: E402
from wsss_lite.data.weak import ANNOTATION_SECONDS as SECONDS  # noqa: E402
from wsss_lite.widgets.budget import Budget, between, bought, cost, ranked  # noqa: E402

RUNS = {
    "tags": {100: [0.45, 0.46], 1000: [0.60, 0.61]},
    "boxes": {40: [0.40, 0.42], 230: [0.55, 0.56], 1000: [0.70, 0.70]},
    "full": {20: [0.35, 0.34], 100: [0.62, 0.61], 1000: [0.79, 0.80]},
}


@pytest.fixture
def budget():
    return Budget(RUNS, SECONDS)


def pixels(widget):
    return np.asarray(Image.open(io.BytesIO(widget.value)).convert("RGB"))


@pytest.mark.parametrize("kind", SECONDS)
@pytest.mark.parametrize("hours", (1, *price.HOURS))
def test_the_sums_are_those_of_the_benchmark(kind, hours):
    counts = price.pictures((kind,), hours, 20, 1000)
    assert bought(kind, hours, SECONDS) == counts[kind]
    assert cost(kind, counts[kind], SECONDS) == pytest.approx(price.spent(counts, 20))
    assert bought(kind, cost(kind, 77, SECONDS), SECONDS) == 77


def test_between_goes_through_what_is_recorded_and_no_further():
    for n, seeds in RUNS["boxes"].items():
        assert np.allclose(between(RUNS["boxes"], n), seeds)
    middle = between(RUNS["tags"], np.sqrt(100 * 1000))
    assert np.allclose(middle, [0.525, 0.535])
    assert np.isnan(between(RUNS["tags"], [0, 99])).all()
    assert np.allclose(between(RUNS["tags"], 5000), RUNS["tags"][1000])


def test_ties_are_within_two_standard_errors_seed_by_seed():
    order, ties = ranked({"a": [0.5, 0.6, 0.7], "b": [0.49, 0.59, 0.69], "c": [0.6, 0.5, 0.69],
                          "d": [np.nan] * 3})  # fmt: skip
    assert order == ["a", "c", "b"] and ties == ["c"]  # b is behind by the same on each seed
    assert ranked({"a": [0.5], "b": [0.5]}) == (["a", "b"], ["b"])


def test_prices_hours_and_stock_decide(budget):
    budget.hours.value = 7
    first = budget.state()
    assert first["pictures"] == {k: bought(k, 7, SECONDS) for k in RUNS}
    assert first["miou"]["full"] == pytest.approx(between(RUNS["full"], 105).mean())
    assert f"masks {first['miou']['full']:.3f} (105)" in budget.line.value
    budget.price["full"].value = 480
    dear = budget.state()
    assert dear["pictures"]["full"] == 52 and dear["miou"]["full"] < first["miou"]["full"]
    assert dear["pictures"]["boxes"] < first["pictures"]["boxes"]  # the tune masks are dearer too
    budget.tune.value = False
    assert budget.state()["pictures"]["boxes"] == 7 * 3600 // SECONDS["boxes"]
    budget.stock.value = 100
    assert budget.state()["pictures"] == {"tags": 100, "boxes": 100, "full": 52}


def test_too_few_hours_rank_nothing(budget):
    budget.hours.value, budget.price["full"].value = 1, 480
    state = budget.state()
    assert state["order"] == [] and set(state["miou"].values()) == {None}
    assert "too little" in budget.line.value


def test_the_picture_follows_and_is_described(budget):
    before = pixels(budget.image)
    budget.price["boxes"].value = 116
    assert not np.array_equal(pixels(budget.image), before)
    assert "masks" in budget.image.tooltip and "leads" in budget.image.tooltip


def test_a_move_of_a_slider_is_answered_at_once(budget):
    times = []
    for value in (100, 200, 300):
        start = time.process_time()  # other work on the machine is not ours
        budget.price["full"].value = value
        times.append(time.process_time() - start)
    assert min(times) < 0.5


def test_the_repr_is_short_and_the_bundle_has_a_still_picture(budget):
    bundle = budget._repr_mimebundle_()
    assert bundle["text/plain"] == repr(budget) == "Budget(3 kinds of labels)"
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "Still view of the budget" in bundle["text/html"]


def test_runs_without_a_price_are_refused():
    with pytest.raises(ValueError, match="boxes"):
        Budget(RUNS, {"tags": 20, "full": 240})
    with pytest.raises(ValueError, match="nothing"):
        Budget({}, SECONDS)
