"""Rank agreement: Kendall's tau is SciPy's, its interval behaves, quotations are read as is."""

import types

import numpy as np
import pytest
from scipy import stats

from wsss_lite.errors import InputError
from wsss_lite.literature import places_apart, quoted, tau, tau_interval
from wsss_lite.registry import methods


def quoting(**numbers):
    return types.SimpleNamespace(quoted=numbers)


def test_tau_is_scipy_s_with_and_without_ties():
    rng = np.random.default_rng(0)
    for size in (2, 5, 30):
        a, b = rng.normal(size=size), rng.normal(size=size)
        assert tau(a, b) == pytest.approx(stats.kendalltau(a, b).statistic)
        a, b = rng.integers(4, size=size) + [0, *[9] * (size - 1)], rng.normal(size=size)
        assert tau(a, b) == pytest.approx(stats.kendalltau(a, b).statistic)


def test_tau_of_the_same_the_opposite_and_no_order():
    assert tau([1, 2, 3], [10, 20, 90]) == 1 and tau([1, 2, 3], [3, 2, 1]) == -1
    assert np.isnan(tau([1, 1, 1], [1, 2, 3]))


def test_the_interval_holds_the_value_and_narrows_with_more_methods():
    rng = np.random.default_rng(1)
    widths = []
    for size in (8, 60):
        a = rng.normal(size=size)
        b = a + rng.normal(size=size)
        low, high = tau_interval(a, b, draws=500)
        assert -1 <= low < tau(a, b) < high <= 1
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
    assert tau_interval(a, b, draws=500) == (low, high)  # the same twice


def test_an_entry_drawn_twice_is_not_compared_with_itself():
    low, high = tau_interval([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], draws=300)
    assert (low, high) == (1, 1)


def test_of_three_methods_nothing_is_said():
    assert np.isnan(tau_interval([1, 2, 3], [1, 2, 3])).all()


@pytest.mark.parametrize("bad", [[1, None, 2], [[1, 2], [3, 4]], [1, np.inf]])
def test_only_numbers_have_an_order(bad):
    with pytest.raises(ValueError, match="ranks need a list of numbers"):
        tau(np.array(bad, float), [1, 2, 3])


def test_places_apart():
    apart = places_apart(["a", "b", "c"], [3, 2, 1], [1, 2, 3])
    assert apart == {"a": 2, "c": -2, "b": 0} and list(apart)[-1] == "b"


def test_quoted_takes_the_mean_of_sources_and_leaves_others_alone():
    method = quoting(**{"VOC val (S1)": 71.1, "VOC val (S2)": 73.8, "VOC test (S1)": 71.4,
                        "VOC train, pseudo masks (S1)": 75.0, "COCO val (S1)": 45.4})  # fmt: skip
    assert quoted(method) == pytest.approx(72.45)
    assert quoted(method, "test") == 71.4 and quoted(method, "pseudo") == 75.0
    assert quoted(quoting()) is None
    with pytest.raises(InputError, match="val, test, pseudo"):
        quoted(method, "train")


def test_every_quotation_of_the_register_is_read_by_one_of_the_words():
    from wsss_lite.literature import BEGINS

    for name, method in methods().items():
        for text, value in method.quoted.items():
            assert text.startswith((*BEGINS.values(), "COCO")), (name, text)
            assert 20 < value < 100, (name, text)
