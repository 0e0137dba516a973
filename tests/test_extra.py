"""Saliency and boundaries: what they add to CAM, and that nothing is added when switched off."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import pairwise

from wsss_lite.lab import Lab
from wsss_lite.maps import cam as blocks
from wsss_lite.maps import saliency
from wsss_lite.methods.extra import bes, eps
from wsss_lite.nets.probe import Probe
from wsss_lite.nets.segmenter import STAGES
from wsss_lite.refine.threshold import VOID
from wsss_lite.registry import find

OFF = {"eps": {"epochs": 0}, "bes": {"steps": 0}}


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        one = Lab(str(tiny), trunk)
        assert one.bank.folder  # fixed here, while the variable is set
        yield one


@pytest.fixture(scope="module")
def truth(lab):
    """(N, H, W) float32 foreground of every picture: the perfect saliency."""
    return np.stack([np.isin(lab.world.mask(n), range(1, 255)) for n in lab.view().ids]) * 1.0


@pytest.mark.parametrize("name", OFF)
def test_switched_off_it_is_cam_and_on_it_is_not(lab, name):
    assert np.array_equal(lab.maps(name, **OFF[name]), lab.maps("cam"))
    maps = lab.maps(name).astype(np.float32)
    plain = blocks.resize(lab.maps("cam").astype(np.float32), maps.shape[2:])
    assert np.abs(maps - blocks.normalise(plain).numpy()).mean() > 2e-3


@pytest.mark.parametrize("name", OFF)
def test_pictures_without_tags_and_classes_without_pictures(lab, name):
    view = lab.view()
    tags = view.tags.copy()
    tags[0] = False
    tags[:, np.flatnonzero(tags.any(0))[0]] = False
    view.tags = tags
    maps = find(name)(view, epochs=1)
    assert np.isfinite(maps).all() and (maps.max((2, 3))[~tags] == 0).all()
    assert (maps.max((2, 3))[tags] > 0).any()


# ------------------------------------------------------------------------------------- saliency


def test_border_contrast_by_hand():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 6, 5, 4)).astype(np.float32)
    border = [(y, x) for y in range(5) for x in range(4) if y in (0, 4) or x in (0, 3)]
    found = saliency.border_contrast(x, near=3)
    assert found.shape == (2, 5, 4)
    for picture, row in zip(x, found):
        edge = np.stack([picture[:, i, j] for i, j in border])
        alike = pairwise.cosine_similarity(picture.reshape(6, -1).T, edge)
        want = 1 - np.sort(alike, 1)[:, -3:].mean(1).reshape(5, 4)
        assert np.allclose(row, want.clip(0, 1), atol=1e-5)


def test_what_differs_from_the_border_is_salient_and_a_flat_picture_is_not():
    x = torch.zeros(1, 2, 6, 6)
    x[:, 0] = 1
    assert saliency.border_contrast(x).abs().max() < 1e-6
    x[:, :, 2:4, 2:4] = torch.tensor([0.0, 1.0])[:, None, None]
    found = saliency.border_contrast(x)[0]
    assert (found[2:4, 2:4] == 1).all() and found.sum() == 4


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 2), (3, 3)])
def test_small_grids(size):
    found = saliency.border_contrast(np.random.default_rng(0).normal(size=(1, 3, *size)))
    assert found.shape == (1, *size) and torch.isfinite(found).all()


def test_learning_keeps_what_the_features_tell():
    """A tenth of wrong labels is unlearnt where the features of right ones are alike."""
    rng = np.random.default_rng(0)
    right = rng.random((40, 8, 8)) < 0.3
    wrong = rng.random(right.shape) < 0.1
    x = rng.normal(size=(40, 4, 8, 8)).astype(np.float32)
    x[:, 0] += 4 * right
    found = saliency.learn([x], torch.from_numpy(right ^ wrong), steps=300) > 0.5
    assert (found.numpy() == right).mean() > 0.95


def test_own_saliency_looks_at_pictures_only(lab, truth):
    view = lab.view()
    mine = saliency.saliency(view)
    view.tags = np.zeros_like(view.tags)
    assert np.array_equal(mine, saliency.saliency(view)) and mine.shape[0] == len(view.ids)
    assert 0 <= mine.min() and mine.max() <= 1
    there = np.asarray(eps.at_size(truth, mine.shape[1:])) > 0.5
    assert mine[there].mean() > mine[~there].mean() + 0.05
    first = saliency.saliency(view, rounds=0)
    assert np.array_equal(first, saliency.border_contrast(view.features("c4")[:]))


def test_spoilt_by_nothing_it_stays_and_more_keeps_the_faults_of_less(truth):
    assert np.array_equal(saliency.spoil(truth), truth.astype(np.float32))
    before = truth.copy()
    few, many = (saliency.spoil(truth, missed=m) for m in (0.3, 0.7))
    assert (few <= truth).all() and (many <= few).all() and many.sum() < few.sum() < truth.sum()
    assert saliency.spoil(truth, missed=1.0).max() == 0
    small, large = (saliency.spoil(truth, false=f) for f in (0.05, 0.2))
    assert (small >= truth).all() and (large >= small).all()
    assert np.array_equal(truth, before)  # not written to


def test_spoil_gives_the_amount_that_was_asked_for():
    nothing = np.zeros((50, 60, 60))
    share = saliency.spoil(nothing, false=0.1).mean((1, 2))
    assert 0.09 < share.max() < 0.11  # a disc that lies within the picture
    point = np.zeros((1, 61, 61))
    point[0, 30, 30] = 1
    blurred = saliency.spoil(point, blur=0.05)[0]
    assert blurred.sum() == pytest.approx(1, abs=1e-3)
    spread = (blurred * (np.arange(61) - 30.0) ** 2).sum()
    assert np.sqrt(spread) == pytest.approx(0.05 * 61, rel=0.05)


# ------------------------------------------------------------------------------------------ eps


def test_what_eps_starts_from_is_cam_and_an_empty_background():
    rng = np.random.default_rng(0)
    probe = Probe(rng.normal(size=(3, 5)).astype(np.float32), np.zeros(3, np.float32))
    x = torch.from_numpy(rng.normal(size=(2, 5, 4, 4)).astype(np.float32))
    evidence = eps.ClassesAndBackground(probe)(x).detach()
    assert torch.allclose(evidence[:, :-1], blocks.activation(x, probe.weight), atol=1e-6)
    assert evidence.shape == (2, 4, 4, 4) and (evidence[:, -1] == 0).all()


def softmax(evidence):
    return torch.tensor(evidence).reshape(1, -1, 1, 4).softmax(1)


def test_fused_map_by_hand():
    """One class lies on salient ground and counts as such, the other beside it and does not."""
    p = softmax([[9.0, 9, -9, -9], [-9, -9, 9, -9], [0, 0, 0, 9]])
    salient = torch.tensor([1.0, 1, 0, 0]).reshape(1, 1, 4)
    tags = np.array([[True, True]])
    want = 0.3 * p[:, 0] + 0.7 * (1 - p[:, 2] - p[:, 1])
    assert torch.allclose(eps.fuse(p, salient, tags, 0.4, 0.3), want, atol=1e-6)
    everything = eps.fuse(p, salient, tags, -1.0, 0.3)  # no threshold: all tags are foreground
    want = 0.3 * (p[:, 0] + p[:, 1]) + 0.7 * (1 - p[:, 2])
    assert torch.allclose(everything, want, atol=1e-6)


def test_overlap_decides_at_tau():
    p = softmax([[9.0, 9, 9, -9], [0, 0, 0, 9]])
    salient = torch.tensor([1.0, 1, 0, 0]).reshape(1, 1, 4)  # two thirds of the class's map
    tags = np.array([[True]])
    for tau, counts in ((0.6, True), (0.7, False)):
        fused = eps.fuse(p, salient, tags, tau, 1.0)
        assert torch.allclose(fused, p[:, 0] if counts else torch.zeros(1, 1, 4))


def test_the_fused_map_moves_towards_the_saliency():
    torch.manual_seed(0)
    evidence = torch.randn(2, 4, 6, 6, requires_grad=True)
    salient = (torch.rand(2, 6, 6) > 0.5).float()
    tags = np.array([[True, False, True], [False, True, False]])

    def loss(e):
        return F.mse_loss(eps.fuse(e.softmax(1), salient, tags, -1.0), salient)

    for _ in range(40):
        (grad,) = torch.autograd.grad(loss(evidence), evidence)
        evidence = (evidence - 300 * grad).detach().requires_grad_()
    assert loss(evidence) < 0.05


def test_eps_follows_the_saliency_that_it_is_given(lab, truth):
    there = np.asarray(eps.at_size(truth, lab.maps("cam").shape[2:])) > 0.5

    def contrast(salient):
        maps = find("eps")(lab.view(), saliency=salient, strength=10.0, epochs=30).max(1)
        return maps[there].mean() - maps[~there].mean()

    right, wrong = contrast(truth), contrast(1 - truth)
    cam = lab.maps("cam").max(1).astype(np.float32)
    assert right > cam[there].mean() - cam[~there].mean() + 0.05 and right > wrong + 0.1


# ------------------------------------------------------------------------------------------ bes


def test_boundary_labels_by_hand():
    sure = np.zeros((9, 16), np.uint8)
    sure[:, 8:] = 3
    found = bes.boundary_labels(sure, window=5)
    assert (found[:, :6] == 0).all() and (found[:, -6:] == 0).all()  # one label alone
    assert (found[:, 7:9] == VOID).all()  # 2 of 5 against 3 of 5: neither equal nor clear
    wide = bes.boundary_labels(sure, window=5, similar=0.25)
    assert (wide[:, 7:9] == 1).all() and (wide[:, [5, 10]] == 0).all()


def test_an_unsure_band_between_two_labels_is_where_the_boundary_is():
    sure = np.zeros((12, 12), np.uint8)
    sure[:, 5:7], sure[:, 7:] = VOID, 2
    found = bes.boundary_labels(sure, window=7)
    assert (found[:, 5:7] == 1).all() and (found[:, :3] == 0).all() and (found[:, -3:] == 0).all()
    assert (bes.boundary_labels(np.full((5, 5), VOID, np.uint8)) == VOID).all()


def test_two_objects_that_meet_have_a_boundary_too():
    sure = np.ones((12, 12), np.uint8)
    sure[:, 5:7], sure[:, 7:] = VOID, 2
    assert (bes.boundary_labels(sure, window=7)[:, 5:7] == 1).all()


def test_balanced_loss_is_the_mean_of_two_means():
    logits = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.full((2, 4, 4), VOID, dtype=torch.uint8)
    labels[0, 0], labels[1, 1:3] = 1, 0
    bce = F.binary_cross_entropy_with_logits
    want = (bce(logits[0, 0], torch.ones(4)) + bce(logits[1, 1:3], torch.zeros(2, 4))) / 2
    assert float(bes.balanced(logits, labels)) == pytest.approx(float(want), abs=1e-6)
    assert float(bes.balanced(logits, torch.full_like(labels, VOID))) == 0


def test_the_boundary_net_learns_boundaries(lab):
    """Taught steps of the finest stage it finds them; B is the maximum of what is merged."""
    features = [lab.view().features(s) for s in STAGES]
    size = features[0].shape[2:]
    fine = features[0][:]
    edge = np.abs(np.diff(fine.mean(1), axis=1, prepend=fine.mean(1)[:, :1]))
    labels = (edge > np.quantile(edge, 0.9)).astype(np.uint8)
    net = bes.train_boundary(features, labels, epochs=60)
    rows = slice(0, len(labels))
    found = bes.boundary_maps(net, features, rows, size)
    assert found[labels == 1].mean() > found[labels == 0].mean() + 0.2
    half = bes.boundary_maps(net, features, rows, (size[0] // 2, size[1] // 2))
    want = F.max_pool2d(torch.from_numpy(found)[:, None], 2)[:, 0]
    assert np.allclose(half, want, atol=1e-6)


def test_the_walk_spreads_the_map_and_boundaries_keep_it_in(lab, monkeypatch):
    """With a boundary all round nothing leaves; without any, the map goes flat."""
    area = {}
    for level in (0.0, 1.0):
        monkeypatch.setattr(
            bes, "boundary_maps", lambda net, f, rows, size: np.full(
                (len(range(len(lab.view().ids))[rows]), *size), level, np.float32)
        )  # fmt: skip
        maps = find("bes")(lab.view(), epochs=1, steps=8)
        area[level] = (maps > 0.5).mean()
        if level == 1.0:
            enlarged = blocks.normalise(blocks.resize(find("cam")(lab.view()), maps.shape[2:]))
            assert np.allclose(maps, enlarged, atol=1e-4)
    assert area[0.0] > 1.2 * area[1.0]
