"""A small, fixed sample of `tests/fuzz.py`; the whole of it is `python tests/fuzz.py`."""

import random

import fuzz
import pytest

from wsss_lite.errors import InputError

SAMPLE = {"picture": 50, "mask": 30, "xml": 30, "json": 40, "weights": 20, "voc": 15, "table": 30}


@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_no_damaged_file_ends_in_a_traceback(kind):
    assert fuzz.fuzz(kind, SAMPLE[kind], seed=7) == []


@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_undamaged_files_are_read(kind, monkeypatch, tmp_path):
    """Else the sample would say nothing: a reader that refuses all would pass it."""
    monkeypatch.setattr(fuzz, "mutate", lambda data, changes, rng: data)
    for path, _, calls in fuzz.cases(kind, 6, random.Random(1), tmp_path):
        outcomes = [outcome(call) for call in calls]
        if kind in ("json", "weights", "xml"):  # each of these files suits some readers only
            assert not all(isinstance(one, InputError) for one in outcomes), (path.name, outcomes)
        elif kind != "mask" or path.name.endswith(("palette.png", "grey.png")):
            assert not any(isinstance(one, InputError) for one in outcomes), (path.name, outcomes)


def outcome(call):
    try:
        return call()
    except InputError as error:
        return error


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: {}["gone"], "KeyError"),
        (lambda: (_ for _ in ()).throw(InputError("something is wrong")), "does not name"),
        (lambda: (_ for _ in ()).throw(InputError("a.xml is bad.")), None),
        (lambda: sum(k * k for k in range(2_000_000)), "took"),
        (lambda: "fine", None),
    ],
)
def test_the_judge_notices_each_kind_of_offence(call, said, tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "SECONDS", 0.02)
    verdict = fuzz.verdict(call, tmp_path / "a.xml", tmp_path)
    assert verdict is None if said is None else said in verdict


def test_the_same_seed_makes_the_same_files(tmp_path):
    def made(seed):
        changes, rng = fuzz.FILES["json"][1], random.Random(seed)
        return [fuzz.mutate(b'{"a": [1, 2], "b": "cat"}\n', changes, rng) for _ in range(20)]

    assert made(1) == made(1) != made(2)


def test_shares_add_up_to_about_all():
    assert abs(sum(fuzz.shares(10_000).values()) - 10_000) < 10
    assert fuzz.shares(100, ("xml",)) == {"xml": 100}
