"""The arithmetic of budgets, and one small point of the curve."""

import pytest

from benchmarks import price
from wsss_lite.data.weak import ANNOTATION_SECONDS as SECONDS
from wsss_lite.lab import Lab
from wsss_lite.registry import find


@pytest.mark.parametrize("kinds", [(k,) for k in price.BEST] + list(price.MIXTURES))
@pytest.mark.parametrize("hours", price.HOURS)
def test_a_budget_is_spent_but_for_less_than_one_label_of_each_kind(kinds, hours):
    counts = price.pictures(kinds, hours, 20, 100000)
    assert list(counts) == list(kinds)
    left = hours - price.spent(counts, 20)
    assert 0 <= left * 3600 < sum(SECONDS[k] for k in kinds)


def test_all_pictures_cost_what_the_rows_say(tiny, trunk):
    lab = Lab(str(tiny), trunk)
    for kind, name in price.BEST.items():
        seconds = lab.annotation_seconds(find(name))
        assert price.spent({kind: len(lab.train)}, len(lab.tune)) * 3600 == pytest.approx(seconds)
        assert find(name).supervision == kind


def test_no_more_pictures_than_there_are_and_no_point_twice():
    assert price.pictures(("tags",), 1000, 20, 1000) == {"tags": 1000}
    assert sum(price.pictures(("tags", "boxes"), 1000, 20, 1000).values()) == 1000
    assert price.pictures(("boxes",), 1, 20, 1000) == {"boxes": 0}  # the tune masks cost more
    points = price.jobs(20, 1000)
    assert all(min(counts.values()) > 0 for _, counts in points)
    assert len({(kinds, tuple(counts.items())) for kinds, counts in points}) == len(points)


def test_a_mixture_learns_from_both_halves(tiny, trunk, session_cache, monkeypatch):
    monkeypatch.setenv("WSSS_LITE_CACHE", str(session_cache))
    monkeypatch.setitem(price.BEST, "boxes", "box-fill")
    lab, seen = Lab(str(tiny), trunk), {}

    def fit(self, labels, weights=None, **recipe):
        seen.update(labels)
        return real(self, labels, epochs=1, least_steps=2)

    real = Lab.fit
    monkeypatch.setattr(Lab, "fit", fit)
    half = len(lab.train) // 2
    miou = price.run(lab, {"boxes": half, "full": half}, seed=1)
    assert 0 <= miou <= 1 and len(seen) == 2 * half
    filled = [n for n in seen if (seen[n] != lab.world.mask(n)).any()]
    assert 0 < len(filled) <= half  # filled boxes are no masks, and the masks are as they were


def test_a_point_is_kept_once_and_replaced_when_it_is_computed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(price, "where", lambda: tmp_path / "price.json")
    point = {"pictures": {"boxes": 4}, "seed": 0, "methods": ["box-fill"], "miou_test": 0.1}
    price.keep(point)
    price.keep(point | {"seed": 1})
    price.keep(point | {"miou_test": 0.2})
    assert [(e["seed"], e["miou_test"]) for e in price.kept()] == [(1, 0.1), (0, 0.2)]
    assert not (tmp_path / "price.lock").exists()
