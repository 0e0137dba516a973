"""The twenty effects: each is two scores of registered methods with a paper, and judged as said."""

import numpy as np
import pytest

from wsss_lite import effects, results
from wsss_lite.effects import CRF, EFFECTS, LAST, MAPS, Effect, Judged, judge
from wsss_lite.registry import methods

PLAIN = Effect("one over the other", ("one", MAPS), ("other", MAPS), "because", "key", "S1")


def found(one, other, key=MAPS):
    """Scores of two methods, a number a seed."""
    return {"one": {s: {key: v} for s, v in enumerate(one)},
            "other": {s: {key: v} for s, v in enumerate(other)}}  # fmt: skip


def test_there_are_twenty_of_different_names_and_comparisons():
    assert len(EFFECTS) == 20
    assert len({e.name for e in EFFECTS}) == len({(e.better, e.than) for e in EFFECTS}) == 20


def test_each_names_registered_methods_scores_and_a_paper(repo):
    known, bib = methods(), (repo / "data" / "methods.bib").read_text(encoding="utf-8")
    for effect in EFFECTS:
        for name, key in (effect.better, effect.than):
            assert name in known, effect.name
            assert key in (MAPS, CRF, LAST) or key.startswith("precision_"), effect.name
        assert f"{{{effect.cite}," in bib, effect.name
        assert set(effect.survey.split()) <= {"S1", "S2", "S3"} and effect.says


def test_scores_are_those_that_the_rule_says():
    """Maps where both methods make maps, unless the effect is about one class or about the CRF."""
    known = methods()
    for effect in EFFECTS:
        (one, key), (other, key_other) = effect.better, effect.than
        mapped = all(known[n].produces == "maps" for n in (one, other))
        if MAPS in (key, key_other):
            assert mapped, effect.name
        if LAST in (key, key_other):
            assert key == key_other and (not mapped or "stage" in effect.name), effect.name


def test_every_family_of_the_course_has_an_effect():
    known = methods()
    there = {known[n].category for e in EFFECTS for n, _ in (e.better, e.than)}
    own = {"bounds", "Pipeline", "Point", "Noise-aware second stage"}  # points: spotsup's strokes
    assert {m.category for m in known.values()} - there <= own


def test_seed_by_seed_an_effect_holds_fails_or_is_a_tie():
    holds = judge(PLAIN, found([0.5, 0.6, 0.7], [0.4, 0.5, 0.61]))
    assert holds.verdict == "holds" and holds.sign and holds.seeds == 3
    gaps = np.array([0.1, 0.1, 0.09])
    assert holds.difference == pytest.approx(gaps.mean())
    assert holds.noise == pytest.approx(2 * gaps.std(ddof=1) / np.sqrt(3))
    fails = judge(PLAIN, found([0.4, 0.5, 0.61], [0.5, 0.6, 0.7]))
    assert fails.verdict == "fails" and fails.sign is False
    tie = judge(PLAIN, found([0.5, 0.4, 0.6], [0.45, 0.5, 0.5]))
    assert tie.verdict == "tie" and tie.sign


def test_only_seeds_of_both_are_compared():
    scores = found([0.5, 0.6], [0.4, 0.5, 0.9])
    assert judge(PLAIN, scores).seeds == 2
    del scores["one"][0]
    one = judge(PLAIN, scores)
    assert one.verdict == "same sign" and one.seeds == 1 and np.isnan(one.noise)


@pytest.mark.parametrize(
    "one, other, verdict, sign",
    [([0.5], [0.4], "same sign", True), ([0.4], [0.5], "other sign", False),
     ([0.4], [0.4], "no difference", None), ([], [0.4], "not recorded", None),
     ([None], [0.4], "not recorded", None), ([np.nan], [0.4], "not recorded", None)],
)  # fmt: skip
def test_a_single_run_has_a_sign_only(one, other, verdict, sign):
    judged = judge(PLAIN, found(one, other))
    assert judged.verdict == verdict and judged.sign is sign


def test_the_last_stage_is_the_last_that_both_have():
    last = Effect("one over the other", ("one", LAST), ("other", LAST), "because", "key", "S1")
    rows = {"one": {0: {"miou_test": 0.6, "miou_pseudo": 0.5, "miou_maps": 0.4}},
            "other": {0: {"miou_test": None, "miou_pseudo": 0.3, "miou_maps": 0.2}}}  # fmt: skip
    assert judge(last, rows).difference == pytest.approx(0.2)
    rows["other"][0]["miou_test"] = 0.7
    assert judge(last, rows).verdict == "other sign"
    rows["other"][0] |= {"miou_test": None, "miou_pseudo": None, "miou_maps": None}
    assert judge(last, rows).verdict == "not recorded"


def test_two_scores_of_one_method_can_be_compared():
    one = Effect("CRF", ("one", CRF), ("one", MAPS), "because", "key", "S1")
    rows = {"one": {s: {CRF: 0.5 + s / 100, MAPS: 0.45 + s / 100} for s in range(3)}}
    assert judge(one, rows).difference == pytest.approx(0.05)


def test_scores_come_from_the_store_with_what_is_derived(monkeypatch):
    row = {"method": "cam", "seed": 1, "miou_maps": 0.4, "miou_pseudo": 0.5, "miou_test": None,
           "per_class": {"boat": 0.5}}  # fmt: skip
    entry = {"row": row, "detail": {"confusion_maps": [[8, 2], [1, 9]]}}
    monkeypatch.setattr(results, "read", lambda world, where: [entry])
    scores = effects.scores("pocket")["cam"][1]
    assert scores["precision_boat"] == pytest.approx(9 / 11) and scores[LAST] == 0.5


def test_the_chart_has_a_mark_for_each_world_and_leaves_out_what_nobody_recorded():
    verdicts = {
        "scenes": {"a": Judged("holds", 0.02, 0.01, 3), "b": Judged("fails", -0.03, 0.01, 3),
                   "c": Judged("not recorded")},
        "photographs": {"a": Judged("same sign", 0.05, np.nan, 1), "b": Judged("not recorded"),
                        "c": Judged("not recorded")},
    }  # fmt: skip
    axis = effects.chart(verdicts, alt="two effects").drawing.axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()] == ["b", "a"]
    named = [t.get_text() for t in axis.get_legend().get_texts()]
    assert named == ["scenes, 3 runs", "photographs, 1 run"]
    lines = [line for line in axis.lines if line.get_marker() in ("o", "D")]
    drawn = [np.asarray(line.get_xdata(), float) for line in lines]
    assert np.allclose(drawn[0], [-3, 2]) and np.allclose(drawn[1], [np.nan, 5], equal_nan=True)
    assert effects.chart({"scenes": {}}, alt="nothing").drawing.axes[0].get_legend() is None


def test_in_the_course_s_own_store_all_but_the_assisted_can_be_judged():
    """Rows of methods with an assistant may be missing, all others are recorded in this project."""
    known = methods()
    found = effects.scores("pocket")
    for effect in EFFECTS:
        if not any(known[name].starred for name, _ in (effect.better, effect.than)):
            assert judge(effect, found).seeds == len(results.SEEDS), effect.name
