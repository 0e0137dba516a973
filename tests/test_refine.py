"""Thresholds, seeds, the dense CRF and pixel-adaptive refinement."""

import numpy as np
import pytest

from wsss_lite.refine import crf
from wsss_lite.refine.par import neighbours, pixel_adaptive
from wsss_lite.refine.threshold import label, seeds, upsample, with_background


def half_picture(size=32):
    """Left dark, right bright; probabilities that know it only roughly."""
    image = np.zeros((size, size, 3), np.uint8)
    image[:, size // 2 :] = 200
    p = np.full((2, size, size), 0.5, np.float32)
    p[1, :, size // 2 + 4 :] = 0.8
    p[1, :, : size // 2 - 4] = 0.2
    p[0] = 1 - p[1]
    return image, p


def test_label_and_seeds():
    maps = np.array([[[0.9, 0.35, 0.1]], [[0.2, 0.4, 0.2]]], np.float32)
    assert label(maps, 0.3).tolist() == [[1, 2, 0]]
    assert seeds(maps, 0.3, 0.5).tolist() == [[1, 255, 0]]
    stacked = with_background(maps, 0.3)
    assert stacked.argmax(0).tolist() == label(maps, 0.3).tolist()


def test_upsample_keeps_constants():
    assert np.allclose(upsample(np.full((2, 3, 3), 0.7), (10, 12)), 0.7)


@pytest.mark.skipif(not crf.HAVE_CRF, reason="pydensecrf is not installed")
def test_crf_finds_the_edge():
    image, p = half_picture()
    out = crf.dense_crf(image, p)
    assert np.allclose(out.sum(0), 1, atol=1e-4)
    assert (out.argmax(0)[:, 16:] == 1).all() and (out.argmax(0)[:, :16] == 0).all()


def test_crf_of_one_label_and_of_absent_labels():
    image, p = half_picture()
    wide = np.concatenate([p, np.zeros((3, *p.shape[1:]), np.float32)])
    out = crf.dense_crf(image, wide)
    assert out[2:].max() == 0 and np.allclose(out[:2], crf.dense_crf(image, p), atol=1e-5)
    assert (crf.dense_crf(image, wide[:1]) == 1).all()


def test_crf_says_what_it_needs():
    image, p = half_picture()
    with pytest.raises(ValueError, match="uint8"):
        crf.dense_crf(image.astype(float), p)
    with pytest.raises(ValueError, match="same size"):
        crf.dense_crf(image, p[:, :5])


def test_without_the_crf_it_says_so_once_and_goes_on(monkeypatch):
    monkeypatch.setattr(crf, "HAVE_CRF", False)
    monkeypatch.setattr(crf, "_said", False)
    image, p = half_picture()
    with pytest.warns(UserWarning, match="pydensecrf2"):
        out = crf.dense_crf(image, p)
    assert np.allclose(out.sum(0), 1, atol=1e-4)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        crf.dense_crf(image, p)


def test_par_respects_the_edge_and_zero_steps_change_nothing():
    image, p = half_picture()
    assert np.allclose(pixel_adaptive(image, p, steps=0), p)
    out = pixel_adaptive(image, p, steps=20)
    error = lambda q: (q.argmax(0) != (np.arange(32) >= 16)[None]).mean()  # noqa: E731
    assert error(out) < error(p + np.float32(1e-6) * np.array([1, 0])[:, None, None])


def test_neighbours_are_the_eight_around():
    import torch

    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    assert sorted(neighbours(x, (1,))[0, 0, :, 1, 1].tolist()) == [0, 1, 2, 3, 5, 6, 7, 8]
