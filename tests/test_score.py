"""The one confusion matrix, against torchmetrics, scikit-learn and numbers done by hand."""

import numpy as np
import pytest

from wsss_lite import score


def random_masks(seed, classes=5, shape=(40, 50)):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, shape).astype(np.uint8)
    pred = np.where(rng.random(shape) < 0.6, truth, rng.integers(0, classes, shape))
    return truth, pred.astype(np.uint8)


def test_by_hand():
    truth = np.array([[0, 0, 1], [1, 1, 255]], np.uint8)
    pred = np.array([[0, 1, 1], [1, 0, 1]], np.uint8)
    matrix = score.confusion(truth, pred, 2)
    assert matrix.tolist() == [[1, 1], [1, 2]]
    scores = score.Scores(matrix)
    assert scores.iou.tolist() == [1 / 3, 2 / 4]
    assert scores.miou == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert scores.foreground("precision") == pytest.approx(2 / 3)


def test_equals_torchmetrics():
    torch = pytest.importorskip("torch")
    from wsss_lite import _compat

    _compat.mend_torchvision()
    classification = pytest.importorskip("torchmetrics.classification")
    truth, pred = random_masks(0)
    truth[:5] = 255
    metric = classification.MulticlassJaccardIndex(5, ignore_index=255, average="none")
    theirs = metric(torch.from_numpy(pred).long(), torch.from_numpy(truth).long()).numpy()
    assert np.allclose(score.Scores(score.confusion(truth, pred, 5)).iou, theirs, atol=1e-6)


def test_absent_class_does_not_count_but_a_false_one_does():
    truth = np.zeros((4, 4), np.uint8)
    assert score.score([(truth, truth)], 3).miou == 1
    pred = truth.copy()
    pred[0] = 2
    assert score.score([(truth, pred)], 3).miou == pytest.approx((12 / 16 + 0) / 2)


def test_values_out_of_range_are_refused():
    truth = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match="outside"):
        score.confusion(truth, truth + 3, 2)
    with pytest.raises(ValueError, match="outside"):
        score.confusion(truth + 3, truth, 2)
    with pytest.raises(ValueError, match="shape"):
        score.confusion(truth, truth[:1], 2)


def test_average_precision_equals_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    truth = rng.random(200) < 0.3
    scores = np.round(rng.random(200) + 0.4 * truth, 1)  # with ties
    theirs = metrics.average_precision_score(truth, scores)
    assert score.average_precision(truth, scores) == pytest.approx(theirs)


def test_bootstrap_covers_and_pairs():
    matrices = np.stack([score.confusion(*random_masks(i), 5) for i in range(60)])
    low, high = score.bootstrap(matrices, draws=200)
    assert low < score.Scores(matrices.sum(0)).miou < high
    truths = [random_masks(i)[0] for i in range(60)]
    better = np.stack([score.confusion(truth, truth, 5) for truth in truths])
    assert score.paired_difference(better, matrices, draws=200)[0] > 0
    low, high = score.paired_difference(matrices, matrices, draws=200)
    assert low == high == 0


def test_mass_share():
    heat = np.zeros((4, 4))
    region = np.zeros((4, 4), bool)
    region[0] = True
    heat[0] = 3
    heat[1] = 1
    everywhere = np.ones((4, 4), bool)
    assert score.mass_share(heat, region, everywhere) == (0.75, 0.25)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_both_ways_of_counting_agree(dtype, monkeypatch):
    rng = np.random.default_rng(0)
    truth, pred = rng.integers(0, 256, (2, 90, 70)).astype(np.uint8)
    counts = score.count_pairs(truth, pred)
    assert counts.sum() == truth.size and counts[truth[0, 0], pred[0, 0]] > 0
    monkeypatch.setattr(score, "EXACT_FLOAT32", 0)  # then it is bincount
    assert np.array_equal(score.count_pairs(truth.astype(dtype), pred.astype(dtype)), counts)


def test_large_masks_are_counted_exactly():
    """OpenCV counts in float32, which loses whole numbers above 2 ** 24."""
    size = score.EXACT_FLOAT32 + 3
    everything = np.zeros(size, np.uint8)
    assert score.confusion(everything, everything, 2)[0, 0] == size
