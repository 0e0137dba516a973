"""Dice and HD95 against scikit-learn, SciPy, all pairs of points, and shapes known by heart."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, directed_hausdorff

from wsss_lite import boundary
from wsss_lite.score import Scores, confusion

H, W = 40, 60


def disc(radius, y=20, x=30):
    rows, columns = np.indices((H, W))
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def blob(seed):
    """A smooth random shape, sometimes in pieces."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(np.random.default_rng(seed).normal(size=(H, W)), 4) > 0.03


def test_the_outline_of_a_square_is_its_rim():
    mask = np.zeros((9, 9), bool)
    mask[2:7, 3:8] = True
    rim = mask.copy()
    rim[3:6, 4:7] = False
    assert np.array_equal(boundary.outline(mask), rim)
    assert boundary.outline(np.ones((4, 5), bool)).sum() == 4 * 5 - 2 * 3  # the edge counts


@pytest.mark.parametrize("seed", range(4))
def test_distances_are_those_of_all_pairs_of_points(seed):
    a, b = blob(seed), blob(seed + 10)
    spacing = (2.0, 0.5)
    p, q = (np.argwhere(boundary.outline(m)) * spacing for m in (a, b))
    far = cdist(p, q)
    expected = max(np.percentile(far.min(1), 95), np.percentile(far.min(0), 95))
    assert boundary.hausdorff(a, b, spacing=spacing) == pytest.approx(expected)
    assert boundary.hausdorff(b, a, spacing=spacing) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
def test_all_of_the_outline_gives_scipys_hausdorff_distance(seed):
    a, b = blob(seed), blob(seed + 10)
    p, q = (np.argwhere(boundary.outline(m)) for m in (a, b))
    theirs = max(directed_hausdorff(p, q)[0], directed_hausdorff(q, p)[0])
    assert boundary.hausdorff(a, b, percent=100) == pytest.approx(theirs)


def test_closed_forms():
    line = np.zeros((H, W), bool)
    line[5] = True
    assert boundary.hausdorff(line, np.roll(line, 7, 0)) == 7
    assert boundary.hausdorff(line, np.roll(line, 7, 0), spacing=(0.5, 3)) == 3.5
    assert boundary.hausdorff(disc(16), disc(9)) == pytest.approx(7, abs=1)  # rings, one in another
    assert boundary.hausdorff(blob(1), blob(1)) == 0


def test_a_stray_pixel_counts_for_the_distance_and_hardly_for_hd95():
    stray = disc(10)
    stray[0, 0] = True
    assert boundary.hausdorff(disc(10), stray, percent=100) > 20
    assert boundary.hausdorff(disc(10), stray) == 0


def test_dice_equals_scikit_learns_and_follows_from_iou():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth, pred = rng.integers(0, 4, (2, 30, 30)).astype(np.uint8)
    truth[:3] = 255
    matrix = confusion(truth, pred, 4)
    theirs = metrics.f1_score(truth[3:].ravel(), pred[3:].ravel(), average=None)
    assert np.allclose(boundary.dice(matrix), theirs)
    iou = Scores(matrix).iou
    assert np.allclose(boundary.dice(matrix), 2 * iou / (1 + iou))
    both = boundary.shape_scores(truth, pred, 4)["dice"]
    assert np.allclose(both, theirs[1:])


def test_what_is_empty_is_defined():
    empty, there = np.zeros((30, 40), np.uint8), np.zeros((30, 40), np.uint8)
    there[4:8, 5:9] = 1
    nothing = boundary.shape_scores(empty, empty, 2)
    assert np.isnan(nothing["dice"]).all() and np.isnan(nothing["hd95"]).all()
    for pair in ((empty, there), (there, empty)):
        missed = boundary.shape_scores(*pair, 2)
        assert missed["dice"] == 0 and missed["hd95"] == 50  # 30, 40, 50
    assert np.isnan(boundary.dice(np.zeros((2, 2)))).all()


def test_void_is_nobodys_pixel():
    truth = np.zeros((30, 40), np.uint8)
    truth[4:8, 5:9] = 1
    pred = truth.copy()
    pred[20:25, 20:25] = 1
    assert boundary.shape_scores(truth, pred, 2)["hd95"] > 10
    truth[18:27, 18:27] = 255
    assert boundary.shape_scores(truth, pred, 2) == {"dice": 1, "hd95": 0}


def test_means_are_over_the_pictures_that_have_the_class():
    a, b = np.zeros((2, 30, 40), np.uint8)
    a[:5] = 1
    b[:5] = 2
    found = boundary.mean_scores([(a, a), (b, b), (a, np.zeros_like(a))], 4)
    assert found["pictures"].tolist() == [2, 1, 0]
    assert found["dice"][:2].tolist() == [0.5, 1] and np.isnan(found["dice"][2])
    assert found["hd95"][:2].tolist() == [25, 0]


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        boundary.hausdorff(np.ones((2, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="no picture"):
        boundary.mean_scores([], 3)
