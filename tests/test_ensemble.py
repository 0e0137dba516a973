"""CAM ensembles: what merging does, and that it can be switched off."""

import numpy as np
import pytest
import torch

from wsss_lite.lab import Lab
from wsss_lite.methods.ensemble import ficklenet as fickle
from wsss_lite.methods.ensemble.mdc import Branches
from wsss_lite.methods.ensemble.oaa import attention
from wsss_lite.nets.head import seeded


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        yield Lab(str(tiny), trunk)


@pytest.mark.parametrize(
    "name, off", [("oaa", {"epochs": (40,), "integral": False}), ("mdc", {"dilations": ()})]
)
def test_switched_off_it_is_cam_and_on_it_is_not(lab, name, off):
    assert np.array_equal(lab.maps(name, **off), lab.maps("cam"))
    assert np.abs(lab.maps(name).astype(np.float32) - lab.maps("cam")).mean() > 1e-3


# ------------------------------------------------------------------------------------------- OAA


def test_attention_only_ever_grows(lab):
    view = lab.view()
    steps = [maps.numpy() for maps in attention(view, epochs=(1, 5, 40))]
    assert len(steps) == 3
    assert all((late >= early).all() for early, late in zip(steps, steps[1:]))
    assert (steps[-1] >= np.asarray(lab.maps("cam"), np.float32) - 1e-3).all()


def test_a_map_counts_only_where_its_probe_was_sure(lab, monkeypatch):
    """With probes that are sure of nothing, what is gathered is the last map alone."""
    from wsss_lite.nets.probe import Probe

    monkeypatch.setattr(Probe, "probability", lambda self, x: np.zeros((len(x), 8)))
    *_, gathered = attention(lab.view(), epochs=(1, 5, 40))
    assert np.allclose(gathered, np.asarray(lab.maps("cam"), np.float32), atol=1e-3)


def test_the_integral_model_predicts_what_was_gathered(lab):
    from wsss_lite.methods.ensemble.oaa import integral_attention

    view = lab.view()
    *_, gathered = attention(view)
    learnt = integral_attention(view, gathered, epochs=60)
    tagged = view.tags
    together = np.corrcoef(learnt[tagged].ravel(), gathered.numpy()[tagged].ravel())[0, 1]
    assert together > 0.6


# ------------------------------------------------------------------------------------------- MDC


def test_a_branch_reaches_as_far_as_its_dilation():
    with seeded(0):
        branches = Branches(3, 1, (1, 3))
    x = torch.randn(1, 3, 9, 9)
    changed = x.clone()
    changed[..., 4, 4] += 1
    near, far = (branches(changed) - branches(x)).detach().abs().gt(1e-7)[0]
    for reached, steps in ((near, (3, 4, 5)), (far, (1, 4, 7))):
        assert set(map(tuple, reached.nonzero().tolist())) == {(y, x) for y in steps for x in steps}


# ------------------------------------------------------------------------------------- FickleNet


def test_without_drops_it_is_a_plain_convolution():
    with seeded(0):
        head = fickle.FickleHead(3, 2, drop=0.0)
    reduced = torch.randn(2, 48, 7, 6)
    plain = torch.nn.functional.conv2d(
        reduced, head.classify.weight, head.classify.bias, padding=2
    )
    assert torch.allclose(head(reduced), plain, atol=1e-4)


def test_drops_spare_the_centre_and_keep_the_mean():
    with seeded(0):
        head = fickle.FickleHead(3, 1, drop=0.8)
        torch.nn.init.ones_(head.classify.weight)
        torch.nn.init.zeros_(head.classify.bias)
        reduced = torch.ones(1, 48, 15, 15)
        inner = head(reduced)[..., 2:-2, 2:-2]
        assert torch.allclose(inner, torch.full_like(inner, 48 * 25), rtol=1e-4)
        torch.nn.init.zeros_(head.classify.weight)
        head.classify.weight.data[..., 2, 2] = 1  # the centre alone: never dropped
        assert (head(reduced) > 0).all()


def test_more_passes_visit_more():
    with seeded(0), torch.inference_mode():
        head = fickle.FickleHead(3, 1, drop=0.8)
        reduced = torch.randn(4, 48, 9, 9).relu()
        one, many = (fickle.visited(head, reduced, n) for n in (1, 15))
    assert many.mean() > one.mean() and many.max() <= 1


def test_without_drops_all_passes_are_alike(lab):
    assert np.array_equal(
        lab.maps("ficklenet", drop=0, passes=1), lab.maps("ficklenet", drop=0, passes=5)
    )
    assert not np.array_equal(lab.maps("ficklenet", passes=2), lab.maps("ficklenet", drop=0))
