"""The report: planted faults are found, honest folders are left alone, and the page is one file."""

import re
import warnings

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics

from wsss_lite import advice, cli, suspects
from wsss_lite.errors import InputError
from wsss_lite.report import Report, report, sheet_rows
from wsss_lite.suspects import (
    auc_of,
    companions,
    folds_of,
    giveaways,
    interval,
    looks,
    map_of,
    out_of_fold,
    thumbnail,
    twins,
)

N = 60


def picture(seed, size=(48, 64)):
    """A smooth random picture."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3)).astype(np.uint8))
    return np.asarray(small.resize(size[::-1], Image.Resampling.BICUBIC))


# ---- suspects


def test_a_picture_saved_again_is_a_twin_and_another_is_not(tmp_path):
    one = picture(0)
    Image.fromarray(one).resize((100, 75)).save(tmp_path / "again.jpg", quality=60)
    again = np.asarray(Image.open(tmp_path / "again.jpg"))
    pictures = {"a": one, "other": picture(1), "again": again, "mirror": one[:, ::-1]}
    thumbs = {k: thumbnail(p) for k, p in pictures.items()}
    splits = {"a": "train", "again": "val", "other": "val", "mirror": "train"}
    found = twins(thumbs, splits, {k: k for k in pictures})
    pairs = {(t.first, t.second) for t in found}
    assert pairs == {("a", "again"), ("a", "mirror"), ("again", "mirror")}
    assert [t.across for t in found] == [True, True, False]  # across splits first
    together = twins(thumbs, splits, dict.fromkeys(pictures, "one film"))
    assert together == []  # a group that stays together is no leak


def stamped(seed, tag):
    """A picture that carries a dark corner if it has the tag."""
    one = picture(seed).copy()
    if tag:
        one[:3, :3] = 0
    return one


def test_a_stamp_in_the_corner_is_found_and_an_honest_folder_left_alone():
    rng = np.random.default_rng(0)
    tags = (rng.random((N, 2)) < 0.5)
    groups = [str(k) for k in range(N)]
    fair = [looks(picture(k)) for k in range(N)]
    assert giveaways(fair, tags, ("mug", "cat"), groups) == []
    seen = [looks(stamped(k, tags[k, 0])) for k in range(N)]
    first = giveaways(seen, tags, ("mug", "cat"), groups)[0]
    assert (first.tag, first.look) == ("mug", "one corner pixel")
    assert first.low <= first.auc <= first.high and first.auc > 0.95
    assert {g.tag for g in giveaways(seen, tags, ("mug", "cat"), groups)} == {"mug"}


def test_the_size_of_the_file_is_a_giveaway_too():
    tags = np.arange(N)[:, None] % 2 == 0
    seen = [looks(picture(k, (48, 64) if tags[k, 0] else (64, 48))) for k in range(N)]
    found = giveaways(seen, tags, ("mug",), [str(k) for k in range(N)])
    assert "the size of the picture" in {g.look for g in found}


def test_looks_do_not_see_the_middle():
    one = picture(3)
    other = one.copy()
    other[20:30, 20:40] = 255
    assert all(np.array_equal(looks(one)[k], v) for k, v in looks(other).items())


def test_companions_are_tags_that_do_not_come_apart():
    rng = np.random.default_rng(0)
    boat = rng.random(N) < 0.3
    tags = np.stack([boat, boat | (rng.random(N) < 0.2), rng.random(N) < 0.5], 1)
    found = companions(tags, ("boat", "lake", "dog"))
    assert [(c.tag, c.other, c.share) for c in found] == [("boat", "lake", 1.0)]
    everywhere = np.ones((N, 2), bool)
    everywhere[:30, 0] = False
    assert companions(everywhere, ("boat", "sky")) == []  # in every picture: no coincidence


# ---- out of fold


def test_groups_are_never_learnt_from_and_asked():
    rng = np.random.default_rng(1)
    tags, groups = rng.random((N, 3)) < 0.3, [f"g{k // 4}" for k in range(N)]
    fold = folds_of(tags, groups)
    assert all(len(set(fold[[k for k in range(N) if groups[k] == g]])) == 1 for g in set(groups))
    assert set(fold) == set(range(suspects.FOLDS))

    def remember(x, y):
        """A learner that knows nothing but the rows it has seen."""
        known = set(x[:, 0].tolist())
        return lambda z: np.array([[row in known] * 3 for row in z[:, 0].tolist()], float)

    assert not out_of_fold(np.arange(N)[:, None], tags, groups, remember).any()


def test_noise_scores_like_guessing_and_the_interval_says_so():
    rng = np.random.default_rng(2)
    x, tags = rng.normal(size=(200, 4)), rng.random((200, 2)) < 0.5
    groups = [str(k) for k in range(200)]
    scores = out_of_fold(x, tags, groups, suspects.learn_simple)
    low, high = interval(map_of, tags, scores, groups)
    assert low < tags.mean() < high
    wide = interval(map_of, tags[:40], scores[:40], groups[:40])
    assert wide[1] - wide[0] > high - low


def test_auc_and_map_equal_scikit_learns():
    rng = np.random.default_rng(3)
    truth, scores = rng.random((80, 3)) < 0.4, rng.integers(0, 9, (80, 3)).astype(float)
    assert auc_of(truth[:, 0], scores[:, 0]) == pytest.approx(
        metrics.roc_auc_score(truth[:, 0], scores[:, 0])
    )
    theirs = metrics.average_precision_score(truth, scores, average="macro")
    assert map_of(truth, scores) == pytest.approx(theirs)
    assert np.isnan(auc_of(np.ones(4), np.ones(4)))


# ---- the report


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Red and green pictures in folders, two of them twice, all of one class with a stamp."""
    root = tmp_path_factory.mktemp("own") / "mugs"
    for k in range(24):
        tag = ("red", "green")[k % 2]
        one = picture(k) // 2
        one[..., k % 2] += 100
        if tag == "red":
            one[:3, :3] = 0
        for split, again in (("train", True), ("val", k >= 22)) if k % 4 else (("val", True),):
            path = root / split / tag / f"{split}{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            if again:
                Image.fromarray(one).save(path)
    return root


@pytest.fixture(scope="module")
def found(folder, tmp_path_factory):
    from tiny_world import SIZE, quickly

    from wsss_lite.nets.trunk import Trunk

    with quickly(tmp_path_factory.mktemp("report-cache")):
        return report(str(folder), Trunk("lite0", size=SIZE))


def test_planted_faults_are_reported(found):
    assert found.pictures == 26 and found.counts == {"green": 13, "red": 13}
    assert found.low <= found.map <= found.high and found.map > 0.8 > found.chance
    assert [t.across for t in found.twins] == [True, True]
    assert "red" in {g.tag for g in found.giveaways}
    assert found.sheet.dtype == np.uint8 and not found.has_masks
    said = " ".join(a.buy for a in found.advice)
    assert "take pictures out" in said and "masks" in said and "more pictures of green, red" in said
    bills = {b["kind"]: b["hours"] for b in found.bills}
    assert bills["tags"] < bills["points"] < bills["scribbles"] < bills["boxes"] < bills["full"]


def test_the_page_is_one_file_that_asks_for_nothing(found, tmp_path):
    page = found.write(tmp_path / "page.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:)", page) and "http" not in page
    assert page.count("<img") == page.count('alt="') > 0
    assert f"{found.map:.2f}" in page and found.twins[0].first in page
    assert page.count("<h1>") == 1 and found._repr_mimebundle_()["text/plain"] == found.summary()


def test_the_command_writes_the_page(folder, quick, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert cli.main(["report", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert out.stat().st_size > 10_000 and "mugs: 26 pictures" in said and str(out) in said


def test_masks_are_not_looked_at(tiny, maskless, quick, trunk):
    with_masks, without = (report(str(root), trunk) for root in (tiny, maskless))
    assert with_masks.has_masks and not without.has_masks
    assert with_masks.map == without.map and np.array_equal(with_masks.sheet, without.sheet)


def test_too_few_pictures_are_refused(tmp_path, quick):
    for k in range(4):
        path = tmp_path / "cat" / f"{k}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture(k)).save(path)
    with pytest.raises(InputError, match="4 pictures"):
        report(str(tmp_path))


def test_the_sheet_shows_sure_and_doubtful_pictures_once():
    own = np.array([[0.9, np.nan], [0.1, 0.2], [0.5, 0.8], [np.nan, np.nan]])
    assert sheet_rows(own, 1) == [0, 1, 2]


def test_scores_beside_the_bills_are_the_stores():
    from wsss_lite import results

    for bill in advice.bills(100):
        method = bill["method"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whether rows are stale is not the point here
            ours = results.table([method], keys=("miou_test",))[method]["miou_test"]
            real = results.table([method], "coco-mini", ("miou_pseudo",))[method]["miou_pseudo"]
        assert bill["pocket"] == pytest.approx(ours[0])
        assert (bill["photos"] is None) == (real is None)
        assert real is None or bill["photos"] == pytest.approx(real[0])


def quiet(**changes):
    """A report of a folder in which nothing is wrong."""
    facts = {
        "name": "x", "classes": ("cat", "dog"), "pictures": 100, "splits": {"train": 100},
        "has_masks": True, "counts": {"cat": 40, "dog": 60}, "map": 0.9, "low": 0.85, "high": 0.95,
        "chance": 0.5, "each": {"cat": 0.9, "dog": 0.9}, "twins": [], "giveaways": [],
        "companions": [], "doubts": [], "sheet": np.zeros((8, 8, 3), np.uint8),
    }  # fmt: skip
    return Report(**facts | changes)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({}, "scribbles"),
        ({"counts": {"cat": 100, "dog": 60}}, "without cat"),
        ({"counts": {"cat": 3, "dog": 60}}, "more pictures of cat"),
        ({"twins": [suspects.Twin("a", "b", 0.5, True)]}, "take pictures out"),
        ({"giveaways": [suspects.Giveaway("cat", "one corner pixel", 0.9, 0.8, 1)]}, "corner"),
        ({"companions": [suspects.Companion("cat", "dog", 1.0, 40)]}, "cat without dog"),
        ({"has_masks": False}, "20 masks"),
        ({"low": 0.4, "map": 0.5}, "points or boxes"),
    ],
)
def test_each_finding_has_its_advice(changes, said):
    found = advice.advise(quiet(**changes))
    assert len(found) == 1 and said in found[0].buy and found[0].hours is not None
    report_of = quiet(**changes)
    report_of.advice = found
    assert said in report_of.html()
