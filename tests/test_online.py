"""One-stage methods and their blocks: pooling, energies of a segmentation, targets, affinities."""

import numpy as np
import pytest
import torch

from wsss_lite.lab import Lab
from wsss_lite.losses import regularised
from wsss_lite.maps import pool
from wsss_lite.methods.online import afa, rrm, ssss
from wsss_lite.nets import online
from wsss_lite.nets.segmenter import VOID, Decoder
from wsss_lite.registry import find

ONLINE = ("ssss", "rrm", "afa")


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        yield Lab(str(tiny), trunk)


@pytest.mark.parametrize("name", ONLINE)
def test_switched_off_it_is_cam_and_on_it_is_a_network(lab, name):
    assert np.array_equal(lab.maps(name, epochs=0), lab.maps("cam"))
    made = find(name)(lab.view(), epochs=2, **({} if name == "rrm" else {"warm": 1}))
    found, base = made.maps, np.asarray(lab.maps("cam"), np.float32)
    repeated = base.repeat(2, 2).repeat(2, 3)
    assert found.shape == repeated.shape and np.abs(found - repeated).mean() > 1e-2
    assert isinstance(made.decoder, Decoder) and not made.decoder.training
    matrices = lab.test_matrices(made.decoder, lab.world.ids("val")[:2])
    assert matrices.shape == (2, 9, 9) and matrices.sum() > 0


@pytest.mark.parametrize(
    "name, off",
    [
        ("ssss", {"teach": 0}),
        ("ssss", {"penalty": 0}),
        ("ssss", {"gate": 0}),
        ("ssss", {"refine": 0}),
        ("rrm", {"energy": 0}),
        ("afa", {"power": 0}),
    ],
)
def test_every_part_changes_the_maps(lab, name, off):
    short = {"epochs": 14, "warm": 7} if "teach" in off or "refine" in off else {"epochs": 3}
    on, without = (find(name)(lab.view(), **short, **k).maps for k in ({}, off))
    assert np.abs(on - without).mean() > 1e-4


# --------------------------------------------------------------------------------------- pooling


def maps(seed=0, shape=(2, 3, 4, 5)):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_rank_pooling_lies_between_mean_and_maximum():
    x = maps()
    assert torch.allclose(pool.gwrp(x, 1.0), pool.gap(x))
    assert torch.allclose(pool.gwrp(x, 0.0), pool.gmp(x))
    ranked = np.sort(x.numpy().reshape(2, 3, -1), -1)[..., ::-1]
    assert np.allclose(pool.gwrp(x, 0.9), np.average(ranked, -1, 0.9 ** np.arange(20)))
    assert torch.allclose(pool.topk(x, 0), pool.gmp(x))
    assert torch.allclose(pool.topk(x, 1), pool.gap(x))
    assert np.allclose(pool.topk(x, 0.25), ranked[..., :5].mean(-1))


def test_pooling_by_masks_does_not_see_their_size():
    scores = torch.full((1, 1, 8, 8), 3.0)
    large, small = torch.ones(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    small[..., :2, :2] = 1
    assert torch.allclose(pool.ngwp(large, scores, 0), pool.ngwp(small, scores, 0))
    assert pool.ngwp(small, scores) == pytest.approx(3 * 4 / 5)  # eps=1 beside four positions
    assert torch.allclose(pool.ngwp(torch.ones_like(maps()), maps(), 0), pool.gap(maps()))
    penalty = [pool.size_penalty(torch.full((1, 1, 4, 4), m)).item() for m in (0.0, 0.1, 0.5, 1.0)]
    assert penalty[0] == pytest.approx(np.log(0.01)) and penalty[3] == pytest.approx(0, abs=1e-6)
    assert penalty == sorted(penalty)


@pytest.mark.parametrize(
    "pooled", [pool.gap, pool.gmp, pool.gwrp, pool.topk, lambda x: pool.ngwp(x.softmax(1), x),
               lambda x: pool.size_penalty(x.softmax(1))]
)  # fmt: skip
def test_gradients_of_pooling_are_those_of_finite_differences(pooled):
    assert torch.autograd.gradcheck(pooled, (maps(3).requires_grad_(),))


# -------------------------------------------------------------------------------------- energies


def scene(seed=0, h=3, w=4):
    g = torch.Generator().manual_seed(seed)
    colours = 60 * torch.rand(2, 3, h, w, generator=g, dtype=torch.float64)
    p = torch.randn(2, 3, h, w, generator=g, dtype=torch.float64).softmax(1)
    return colours, p


def test_the_kernel_is_the_definition_pair_by_pair():
    colours, _ = scene()
    found = regularised.gaussian_kernel(colours, 1.5, 20.0)
    places = [(y, x) for y in range(3) for x in range(4)]
    for i, (y, x) in enumerate(places):
        for j, (v, u) in enumerate(places):
            place = ((y - v) ** 2 + (x - u) ** 2) / (2 * 1.5**2)
            colour = ((colours[1, :, y, x] - colours[1, :, v, u]) ** 2).sum() / (2 * 20.0**2)
            want = 0 if i == j else np.exp(-float(place + colour))
            assert found[1, i, j] == pytest.approx(want, abs=1e-9)


def test_the_energies_are_their_definitions():
    colours, p = scene()
    kernel = regularised.gaussian_kernel(colours, 1.5, 20.0)
    flat = p.flatten(2)
    crf, cut = [], []
    for k, q in zip(kernel.numpy(), flat.numpy()):
        pairs = [[k[i, j] * (1 - q[:, i] @ q[:, j]) for j in range(12)] for i in range(12)]
        crf.append(np.sum(pairs) / k.sum())
        cut.append(np.mean([c @ k @ (1 - c) / (k.sum(0) @ c) for c in q]))
    assert float(regularised.crf_energy(p, kernel)) == pytest.approx(np.mean(crf))
    assert float(regularised.normalised_cut(p, kernel)) == pytest.approx(np.mean(cut))


def test_the_energies_at_their_ends():
    colours = torch.zeros(1, 3, 4, 4)
    colours[..., 2:] = 255  # two halves of different colour
    kernel = regularised.gaussian_kernel(colours, 3.0, 10.0)
    along, across = torch.zeros(2, 1, 2, 4, 4).unbind(0)
    along[:, 0, :, :2] = along[:, 1, :, 2:] = 1
    across[:, 0, :2] = across[:, 1, 2:] = 1
    undecided = torch.full((1, 2, 4, 4), 0.5)
    energy = [float(regularised.crf_energy(p, kernel)) for p in (along, across, undecided)]
    assert energy[0] == pytest.approx(0, abs=1e-6) and energy[2] == pytest.approx(0.5)
    assert energy[1] > 0.2
    cut = [float(regularised.normalised_cut(p, kernel)) for p in (along, across)]
    assert cut[0] == pytest.approx(0, abs=1e-6) and cut[1] > 0.2
    gate = torch.zeros(1, 4, 4)
    assert float(regularised.crf_energy(across, kernel, gate)) == 0


@pytest.mark.parametrize("energy", [regularised.crf_energy, regularised.normalised_cut])
def test_gradients_of_the_energies_are_those_of_finite_differences(energy):
    colours, p = scene()
    kernel = regularised.gaussian_kernel(colours, 1.5, 20.0)
    logits = p.log().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: energy(x.softmax(1), kernel), (logits,))
    gate = torch.rand(2, 3, 4, dtype=torch.float64)
    if energy is regularised.crf_energy:
        assert torch.autograd.gradcheck(lambda x: energy(x.softmax(1), kernel, gate), (logits,))


# ------------------------------------------------------------------------------------- one stage


def test_the_maps_of_a_network_hold_only_tagged_classes(lab):
    view = lab.view()
    stages = online.stage_rows(view)
    net = Decoder([s.shape[1] for s in stages], len(view.classes) + 1).eval()
    found = online.network_maps(net, stages, view.tags, (12, 12), batch=3)
    assert (found.max((2, 3))[~view.tags] == 0).all()
    assert np.allclose(found.max((2, 3))[view.tags], 1)
    logits = torch.randn(len(view.ids), 9, 12, 12, generator=torch.Generator().manual_seed(0))
    found = online.network_maps(lambda x: logits[: len(x[0])], stages, view.tags, (12, 12), 100)
    there = np.r_[True, view.tags[4]]
    p = np.exp(logits[4].numpy()[there])
    p = (p / p.sum(0))[1:]
    assert np.allclose(found[4][view.tags[4]], p / p.max((1, 2), keepdims=True), atol=1e-5)


def test_both_halves_of_the_loss_count_the_same():
    logits = torch.randn(1, 3, 2, 4)
    labels = torch.tensor([[[0, 0, 0, VOID], [0, 0, 2, VOID]]])
    one = torch.nn.functional.cross_entropy(logits, labels, ignore_index=VOID, reduction="none")
    want = (one[labels == 0].mean() + one[labels == 2].mean()) / 2
    assert online.halves(logits, labels) == pytest.approx(float(want))
    assert online.halves(logits, torch.full_like(labels, VOID)) == 0


def test_small_pictures_are_the_pictures(lab):
    view = lab.view()
    small = online.small_pictures(view, (24, 24))
    assert small.shape == (len(view.ids), 3, 24, 24)
    for row, name in enumerate(view.ids[:3]):
        assert np.allclose(small[row].mean((1, 2)), view.image(name).mean((0, 1)), atol=3)


def test_smoothing_keeps_a_constant_and_the_scale_of_maps():
    picture = np.random.default_rng(0).integers(0, 255, (3, 12, 12)).astype(np.uint8)
    flat = np.full((2, 12, 12), [[[0.3]], [[0.9]]], np.float32)
    assert np.allclose(online.smooth(flat, picture), flat, atol=1e-5)
    rough = np.random.default_rng(1).random((2, 12, 12)).astype(np.float32)
    found = online.smooth(rough, picture)
    assert found.std() < rough.std() and np.allclose(found.mean(), rough.mean(), atol=0.1)
    assert np.array_equal(online.smooth(rough, picture, steps=0), rough)


# ------------------------------------------------------------------------------------------ ssss


def test_a_shallow_feature_comes_with_the_chance_of_the_gate_and_changes_no_mean():
    deep, shallow = torch.full((400, 400), 2.0), torch.full((400, 400), 5.0)
    torch.manual_seed(0)
    found = ssss.mixed(deep, shallow, 0.3, training=True)
    assert (found == 5).float().mean() == pytest.approx(0.3, abs=0.01)
    assert found.mean() == pytest.approx(2, abs=0.05)
    assert torch.allclose(ssss.mixed(deep, shallow, 0.3, False), torch.tensor(0.7 * 2 + 0.3 * 5))
    assert torch.equal(ssss.mixed(deep, shallow, 0, True), deep)


def test_scores_come_from_the_pixels_that_a_class_has_won():
    logits = torch.zeros(1, 3, 4, 4)
    logits[:, 1] = -9
    logits[:, 1, :2, :2] = 9  # a small object, certain
    logits[:, 2] = -9
    few = ssss.mask_scores(logits, penalty=0)[0]
    assert few[0] == pytest.approx(9 * 4 / 5, abs=0.05) and few[1] == pytest.approx(0, abs=0.05)
    assert ssss.mask_scores(logits)[0, 1] == pytest.approx(np.log(0.01), abs=0.1)


def test_targets_are_near_the_maximum_and_of_one_class():
    masks = torch.zeros(1, 3, 1, 5)
    masks[0, 0, 0] = torch.tensor([0.9, 0.64, 0.62, 0.1, 0.0])  # edge 0.63
    masks[0, 1, 0] = torch.tensor([0.1, 0.1, 0.3, 0.7, 0.5])  # edge 0.42
    masks[0, 2, 0] = torch.tensor([0.0, 0.1, 0.1, 0.15, 0.19])  # below the least
    labels, counts = ssss.targets(masks)
    assert labels[0, 0].tolist() == [0, 0, VOID, 1, 1] and counts.tolist() == [[2, 2, 0]]
    masks[0, 2, 0, 4] = 0.6  # now two fit there
    labels, counts = ssss.targets(masks)
    assert labels[0, 0].tolist() == [0, 0, VOID, 1, VOID] and counts.tolist() == [[2, 1, 0]]


def test_a_picture_without_a_target_for_each_tag_teaches_nothing():
    logits = torch.randn(2, 3, 1, 5)
    labels = torch.tensor([[0, 0, VOID, 1, 1], [0, 0, 0, 0, 1]])[:, None]
    counts = torch.tensor([[2, 2, 0], [4, 1, 0]])
    tags = np.array([[True, True], [True, False]])
    loss = torch.nn.functional.cross_entropy(logits, labels, ignore_index=VOID, reduction="none")
    weight = torch.tensor([1 / 6, 1 / 6, 1 / 6, 1 / 6, 4 / 6])  # the rarer, the more
    want = (loss[1, 0] * weight).mean() / 2
    assert ssss.balanced_loss(logits, labels, counts, tags) == pytest.approx(float(want))


def test_refined_masks_end_at_the_edges_of_the_picture():
    picture = np.zeros((1, 3, 16, 16), np.uint8)
    picture[..., 8:] = 200
    logits = torch.zeros(1, 3, 16, 16)
    logits[:, 1, :, 10:] = 4  # misses two columns
    tags = np.array([[True, False]])
    rough, fine = (ssss.refined(logits, picture, tags, n) for n in (0, 10))
    assert fine[0, 1, :, 8].mean() > rough[0, 1, :, 8].mean() + 0.2
    assert torch.allclose(fine[0, 1, :, 7], rough[0, 1, :, 7], atol=0.05)
    assert (fine[:, 2] == 0).all()


# ------------------------------------------------------------------------------------------- rrm


def test_sure_of_cam_keeps_the_highest_of_each_class():
    scores = np.zeros((3, 1, 20))
    scores[0] = 0.3
    scores[0, 0, 15:] = 0.9
    scores[1, 0, :10] = np.linspace(0.4, 0.9, 10)
    found = rrm.sure_of_cam(scores, 0.6)[0]
    assert found[15:].all() and not found[10:15].any()
    assert found[:10].tolist() == [False] * 7 + [True] * 3


def test_reliable_labels_are_where_cam_and_picture_agree():
    picture = np.full((1, 3, 32, 32), 40, np.uint8)
    picture[:, :, 8:24, 8:24] = 220
    maps = np.zeros((1, 2, 32, 32), np.float32)
    maps[0, 0, 12:20, 12:20] = 1  # the middle of the object
    maps[0, 0, 26:, 26:] = 0.3  # and a weak place outside
    labels = rrm.reliable_labels(picture, maps, sure=0.0)[0]
    assert set(np.unique(labels)) <= {0, 1, VOID}
    assert (labels[13:19, 13:19] != 0).all() and (labels[:6, :6] == 0).all()
    assert not (labels[:8] == 1).any() and not (labels[26:, 26:] == 1).any()
    empty = rrm.reliable_labels(picture, 0 * maps)[0]
    assert (empty == 0).all()


def test_labelled_pixels_feel_the_energy_only_while_undecided():
    pictures = np.zeros((1, 3, 8, 8), np.uint8)
    logits = torch.zeros(1, 2, 8, 8)
    logits[:, 0, :, :4] = logits[:, 1, :, 4:] = 30.0  # certain, but of one colour
    labels = torch.zeros(1, 8, 8)
    free = torch.full((1, 8, 8), float(VOID))
    args = (pictures, (8, 8))
    assert rrm.undecided_energy(logits, labels, *args) == pytest.approx(0, abs=1e-6)
    assert rrm.undecided_energy(logits, free, *args) > 0.1
    assert rrm.undecided_energy(logits * 0, labels, *args) > 0.1


# ------------------------------------------------------------------------------------------- afa


def test_pairs_of_one_class_pull_the_affinity_up_and_others_down():
    labels = torch.tensor([[[1, 1], [0, VOID]]])
    near = afa.within((2, 2), 1)
    assert near.all() and afa.within((1, 4), 2).tolist()[0] == [1, 1, 1, 0]
    affinity = torch.full((1, 4, 4), 0.5, requires_grad=True)
    afa.pair_loss(affinity, labels, near).backward()
    signs = affinity.grad[0].sign()
    assert signs.tolist() == [[-1, -1, 1, 0], [-1, -1, 1, 0], [1, 1, -1, 0], [0, 0, 0, 0]]
    right = torch.tensor([[[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]])
    assert afa.pair_loss(right, labels, near) == 0


def test_sure_labels_follow_the_picture_and_leave_the_middle_open():
    picture = np.zeros((1, 3, 16, 16), np.uint8)
    picture[..., 8:] = 200
    maps = torch.zeros(1, 2, 4, 4)
    maps[0, 1, :, 2:] = 1
    labels = afa.sure_labels(maps, picture, (0.35, 0.55))
    assert labels.shape == (1, 16, 16)
    assert (labels[..., 9:] == 2).all() and (labels[..., :7] == 0).all()
    unsure = afa.sure_labels(torch.full((1, 2, 4, 4), 0.45), picture, (0.35, 0.55))
    assert (unsure == VOID).all()
    assert afa.at_patches(labels, (4, 4)).tolist()[0][0] == [0, 0, 2, 2]


def test_affinity_is_symmetric_and_learnt(lab):
    torch.manual_seed(0)
    net = afa.AffinityNet(6, 3, (4, 4), width=16)
    x = torch.randn(8, 6, 4, 4)
    x[..., :2] += 3
    correction, affinity = net(x)
    assert (correction == 0).all() and torch.allclose(affinity, affinity.transpose(1, 2), atol=1e-6)
    labels = torch.zeros(8, 4, 4).long()
    labels[..., 2:] = 1
    near, best = afa.within((4, 4), 3), torch.optim.Adam(net.parameters(), 1e-2)
    first = None
    for _ in range(60):
        value = afa.pair_loss(net(x)[1], labels, near)
        first = value.item() if first is None else first
        best.zero_grad()
        value.backward()
        best.step()
    assert value < 0.3 * first
