"""Doubting labels: weights that are 1 where a label is stable and low where it is not."""

import numpy as np
import pytest

from wsss_lite.lab import Lab
from wsss_lite.refine import uncertainty
from wsss_lite.refine.crf import CRF, dense_crf
from wsss_lite.registry import Made, find

NO_CRF = CRF(steps=0)  # the labels are those of the probabilities themselves


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        one = Lab(str(tiny), trunk)
        assert one.bank.folder  # fixed here, while the variable is set
        yield one


def steps(values):
    """Probabilities (2, 1, n) of one class against the background, and a grey picture."""
    values = np.asarray(values, np.float32).reshape(1, -1)
    return np.stack([1 - values, values]), np.full((*values.shape, 3), 128, np.uint8)


def test_variance_by_hand():
    """The class wins at a scale n where p ** n exceeds the background's 1 - p."""
    p, picture = steps([0.02, 0.3, 0.5, 0.7, 0.98])
    scales = (0.2, 0.25, 4, 5)
    votes = np.stack([p[1] ** n > p[0] for n in scales])
    found = uncertainty.response_variance(picture, p, scales, NO_CRF)
    assert np.allclose(found, 4 * votes.var(0), atol=1e-6)
    assert found[0, 2] == 1 and found[0, 0] == found[0, -1] == 0


def test_scaling_the_background_is_scaling_the_object_the_other_way():
    """Which is why it is left out: p0 ** n > p1 where p0 > p1 ** (1 / n)."""
    p = np.random.default_rng(0).dirichlet((1, 1), 500).T
    for n in (0.2, 4):
        assert ((p[0] ** n > p[1]) == (p[0] > p[1] ** (1 / n))).all()


def test_the_crf_is_asked_at_every_scale_and_the_largest_variance_counts():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)
    p = rng.dirichlet((2, 1, 1), (12, 12)).transpose(2, 0, 1).astype(np.float32)
    want = []
    for c in (1, 2):
        votes = []
        for n in (0.2, 5):
            q = p.copy()
            q[c] = q[c] ** n
            votes.append(dense_crf(picture, q, uncertainty.SMALL).argmax(0) == c)
        want.append(4 * np.var(votes, 0))
    found = uncertainty.response_variance(picture, p, (0.2, 5))
    assert np.allclose(found, np.max(want, 0)) and 0 < found.mean() < 1


def test_a_picture_without_objects_is_certain():
    p, picture = steps(np.zeros(5))
    assert (uncertainty.response_variance(picture, p) == 0).all()


def test_switched_off_it_is_plain_training_on_the_labels_of_cam(lab):
    method = find("urn")
    off = method(lab.view(), epochs=0)
    assert isinstance(off, Made) and off.weights is off.labels is off.decoder is None
    assert np.array_equal(off.maps.astype(np.float16), lab.maps("cam"))


def test_strength_zero_is_the_control_that_trains_on_the_same_maps(lab):
    method = find("urn")
    control, on = method(lab.view(), strength=0), method(lab.view())
    assert control.weights is None and on.weights is not None
    assert np.array_equal(control.maps, on.maps)
    assert not np.array_equal(control.maps, find("cam")(lab.view()))


def test_weights_are_there_for_every_picture_and_differ(lab):
    view = lab.view()
    made = find("urn")(view)
    assert list(made.weights) == list(view.ids)
    for name, weight in made.weights.items():
        assert weight.shape == view.image(name).shape[:2]
        assert np.exp(-3.0) - 1e-6 <= weight.min() and weight.max() <= 1
    everywhere = np.concatenate([w.ravel() for w in made.weights.values()])
    assert everywhere.std() > 0.05


def test_weights_reach_the_segmenter(lab):
    """With weights 0 on half of a picture, the labels there change nothing."""
    view = lab.view()
    labels = {n: np.zeros(view.image(n).shape[:2], np.uint8) for n in view.ids}
    other = {n: m.copy() for n, m in labels.items()}
    weights = {n: np.ones(m.shape, np.float32) for n, m in labels.items()}
    for n in view.ids:
        other[n][:, :40], weights[n][:, :40] = 1, 0
    recipe = {"epochs": 1, "least_steps": 2}
    one, two = (lab.fit(x, weights, **recipe) for x in (labels, other))
    pairs = zip(one.state_dict().values(), two.state_dict().values())
    assert all(bool((a == b).all()) for a, b in pairs)
