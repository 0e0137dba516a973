"""Affinity: blocks against dense matrices and plain loops; the methods off, on, by mechanism."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from wsss_lite.lab import Lab
from wsss_lite.losses import seed_expand_constrain as losses
from wsss_lite.losses.pairs import EPSILON, pair_loss
from wsss_lite.methods.affinity import dsrg, irn, mcis, psa, sec
from wsss_lite.nets.affinity import fit_affinity
from wsss_lite.nets.head import seeded
from wsss_lite.nets.stage_head import StageHead
from wsss_lite.refine import pairs as labelled
from wsss_lite.refine.barrier import line, line_max
from wsss_lite.refine.grow import grow
from wsss_lite.refine.threshold import VOID
from wsss_lite.refine.walk import grid_pairs, transition, walk
from wsss_lite.registry import find

OFF = {
    "sec": {"seeding": 0, "expand": 0, "constrain": 0},
    "dsrg": {"epochs": 0},
    "psa": {"steps": 0},
    "irn": {"steps": 0},
    "mcis": {"epochs": 0},
}


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        patch.setattr(sec, "LEAST_STEPS", 15)
        one = Lab(str(tiny), trunk)
        assert one.bank.folder  # fixed here, while the variable is set
        yield one


@pytest.mark.parametrize("name", OFF)
def test_switched_off_it_is_cam_and_on_it_is_not(lab, name):
    off, cam, on = lab.maps(name, **OFF[name]), lab.maps("cam"), lab.maps(name)
    assert np.array_equal(off, cam)
    assert on.shape != cam.shape or np.abs(on.astype(np.float32) - cam).mean() > 1e-3


@pytest.mark.parametrize("name", OFF)
def test_pictures_without_tags_and_classes_with_one_picture_or_none(lab, name):
    view = lab.view()
    tags = view.tags.copy()
    tags[0] = False
    tags[:, np.flatnonzero(tags.any(0))[0]] = False
    tags[1:, np.flatnonzero(tags.any(0))[0]] = False
    view.tags = tags
    maps = find(name)(view)
    assert np.isfinite(maps).all() and (maps.max((2, 3))[~tags] == 0).all()
    assert (maps.max((2, 3))[tags] > 0).any()


# ---------------------------------------------------------------------------------- random walk


@pytest.mark.parametrize("radius", [0, 1, 1.5, 2, 5])
def test_grid_pairs_are_all_neighbours_once(radius):
    h, w = 4, 6
    y, x = np.divmod(np.arange(h * w), w)
    near = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2 <= radius**2
    want = {(i, j) for i, j in np.argwhere(near) if i < j}
    pairs = grid_pairs(h, w, radius)
    assert pairs.dtype == np.int64 and pairs.shape == (len(want), 2)
    assert {tuple(p) for p in pairs} == want


def random_walk(h=5, w=6, radius=2, seed=0):
    rng = np.random.default_rng(seed)
    pairs = grid_pairs(h, w, radius)
    return rng.random((3, h, w), np.float32), rng.random(len(pairs), np.float32), pairs


def dense_transition(affinity, pairs, n):
    matrix = np.eye(n)
    matrix[pairs[:, 0], pairs[:, 1]] = affinity
    matrix[pairs[:, 1], pairs[:, 0]] = affinity
    return matrix / matrix.sum(1, keepdims=True)


@pytest.mark.parametrize("k", [0, 1, 4, 8])
def test_the_sparse_walk_is_the_dense_matrix_squared_k_times(k):
    maps, affinity, pairs = random_walk()
    T, dense = transition(affinity, pairs, 30), dense_transition(affinity, pairs, 30)
    assert np.allclose(T.toarray(), dense, atol=1e-6)
    for _ in range(k):
        dense = dense @ dense
    want = (dense @ maps.reshape(3, -1).T).T.reshape(maps.shape)
    assert np.allclose(walk(maps, T, 2**k), want, atol=1e-5)


def test_a_walk_keeps_what_it_should():
    maps, affinity, pairs = random_walk()
    T = transition(affinity, pairs, 30)
    assert np.array_equal(walk(maps, T, 0), maps)
    flat = np.full_like(maps, 0.3)
    assert np.allclose(walk(flat, T, 9), flat, atol=1e-5)  # rows sum to 1
    maps[1] = 0
    out = walk(maps, T, 9)
    assert (out[1] == 0).all() and out.max() <= maps.max() and out.min() >= 0
    nowhere = transition(np.zeros(len(pairs)), pairs, 30)
    assert np.array_equal(walk(maps, nowhere, 9), maps)


def test_the_benchmark_keeps_its_promise_where_it_can_be_run():
    """The full size takes a minute; here both sides completely, on a small grid."""
    from benchmarks import walk as bench

    row = bench.measure((60, 80), whole=True)
    assert row["apart"] < 1e-4 and row["steps"] == 256 and row["smaller"] > 3
    assert bench.VOC_SIZE == (375, 500) and bench.STRIDE == 4


# -------------------------------------------------------------------------------------- barrier


def test_a_line_by_hand():
    assert sorted(line(0, 3)) == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert sorted(line(-2, 0)) == [(-2, 0), (-1, 0), (0, 0)]
    diagonal = {(0, 0), (1, 1), (2, 2), (0, 1), (1, 0), (1, 2), (2, 1)}
    assert set(line(2, 2)) == diagonal and line(0, 0) == [(0, 0)]


def test_line_max_against_a_search_over_the_segment():
    """Every position whose distance to the segment's line is below 1, within its box."""
    rng = np.random.default_rng(0)
    boundary = rng.random((7, 9)).astype(np.float32)
    pairs = grid_pairs(7, 9, 5)
    found = line_max(boundary, pairs)
    y, x = np.mgrid[:7, :9]
    for (i, j), value in list(zip(pairs, found))[::7]:
        (y0, x0), (y1, x1) = divmod(i, 9), divmod(j, 9)
        box = (y >= min(y0, y1)) & (y <= max(y0, y1)) & (x >= min(x0, x1)) & (x <= max(x0, x1))
        length = np.hypot(y1 - y0, x1 - x0)
        distance = np.abs((y1 - y0) * (x - x0) - (x1 - x0) * (y - y0)) / length
        assert value == boundary[box & (distance < 1 - 1e-9)].max()


def test_line_max_takes_tensors_batches_and_either_order():
    boundary = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    pairs = grid_pairs(5, 6, 3)
    found = line_max(boundary, pairs)
    plain = line_max(boundary.detach().numpy(), pairs)
    assert found.shape == (2, len(pairs)) and np.array_equal(found.detach().numpy(), plain)
    assert np.array_equal(line_max(boundary.detach().numpy(), pairs[:, ::-1]), plain)
    (gradient,) = torch.autograd.grad(found[0, 0], boundary)
    assert float(gradient.sum()) == pytest.approx(1) and float(gradient[1].abs().sum()) == 0


@pytest.mark.parametrize("wall", ["straight", "diagonal"])
def test_nothing_walks_through_a_wall_one_position_thin(wall):
    h, w = 9, 9
    y, x = np.mgrid[:h, :w]
    boundary = ((x == 4) if wall == "straight" else (x == y)).astype(np.float32)
    pairs = grid_pairs(h, w, 4)
    T = transition(1 - line_max(boundary, pairs), pairs, h * w)
    left = (x < 4) if wall == "straight" else (x < y)
    start = np.zeros((1, h, w), np.float32)
    start[0, 6, 1] = 1
    end = walk(start, T, 200)[0]
    assert (end[left] > 0).all() and (end[~left] == 0).all()
    assert end[left].std() < 0.2 * end[left].mean()  # and fills its side evenly


# ------------------------------------------------------------------------------- pair labels, loss


def test_pair_kinds_and_loss_by_hand():
    labels = np.array([[0, 0, 3], [3, 5, VOID]], np.uint8)
    pairs = np.array([[0, 1], [2, 3], [3, 4], [1, 2], [4, 5]])
    kinds = labelled.pair_kinds(labels, pairs)
    assert kinds.tolist() == [1, 2, 3, 3, 0]
    assert np.array_equal(labelled.pair_kinds(labels[None], pairs)[0], kinds)
    a = torch.tensor([0.9, 0.5, 0.2, 0.6, 0.1], dtype=torch.float64, requires_grad=True)
    want = 0.25 * -np.log(0.9) + 0.25 * -np.log(0.5) + 0.25 * -np.log([0.8, 0.4]).sum()
    assert pair_loss(a, kinds).item() == pytest.approx(want, abs=1e-4)
    pair_loss(a, kinds).backward()
    assert a.grad.tolist() == pytest.approx(
        [-0.25 / 0.9, -0.25 / 0.5, 0.25 / 0.8, 0.25 / 0.4, 0], abs=1e-3
    )
    assert pair_loss(a, np.zeros(5, np.uint8)).item() == 0
    perfect = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.5])
    assert float(pair_loss(perfect, kinds)) == pytest.approx(-np.log(1 + EPSILON), abs=1e-5)


def test_many_pairs_of_background_do_not_outvote_the_rest():
    a = torch.tensor([0.9, 0.5, 0.2])
    more = torch.cat([a[:1].expand(100), a[1:]])
    kinds = np.array([1, 2, 3])
    assert float(pair_loss(more, np.concatenate([np.ones(99), kinds]))) == pytest.approx(
        float(pair_loss(a, kinds)), rel=1e-5
    )


def test_confident_leaves_what_the_two_crfs_do_not_agree_on():
    picture, maps = np.zeros((24, 24, 3), np.uint8), np.zeros((2, 24, 24), np.float32)
    for k, heat in enumerate((0.05, 0.45, 0.95)):  # three stripes
        band = np.s_[:, 8 * k : 8 * k + 8]
        picture[band], maps[1][band] = 100 * k, heat
    label = labelled.confident(picture, maps, 0.2, 0.7)
    assert (label[:, :8] == 0).all() and (label[:, 16:] == 2).all()
    assert (label[:, 8:16] == VOID).all()
    assert (labelled.confident(picture, maps * 0, 0.2, 0.7) == 0).all()
    assert VOID not in labelled.confident(picture, maps, 0.3, 0.3)


# -------------------------------------------------------------------------------- growing regions


def slow_growth(labels, p, theta, background):
    """One pixel at a time, as the paper words it."""
    labels = labels.copy()
    limit = [background] + [theta] * (len(p) - 1)
    changed = True
    while changed:
        changed = False
        for y, x in np.argwhere(labels == VOID):
            c = p[:, y, x].argmax()
            around = labels[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            if p[c, y, x] > limit[c] and (around == c).any():
                labels[y, x], changed = c, True
    return labels


@pytest.mark.parametrize("seed", range(5))
def test_growing_is_the_slow_growth(seed):
    rng = np.random.default_rng(seed)
    p = torch.from_numpy(rng.normal(0, 3, (4, 12, 13))).softmax(0).numpy()
    labels = np.full((12, 13), VOID, np.uint8)
    at = rng.integers(0, 12, (8, 2))
    labels[at[:, 0], at[:, 1]] = rng.integers(0, 4, 8)
    found = grow(labels, p, 0.5, 0.6)
    assert np.array_equal(found, slow_growth(labels, p, 0.5, 0.6))
    assert (found != labels).any() and np.array_equal(found[labels != VOID], labels[labels != VOID])
    assert np.array_equal(grow(labels, p, 1.0), labels)


def test_growth_does_not_leak_past_a_gap_nor_into_another_class():
    labels = np.full((5, 9), VOID, np.uint8)
    labels[2, 0] = 1
    p = np.full((3, 5, 9), 0.05, np.float32)
    p[1] = 0.9
    p[:, :, 4] = np.array([0.5, 0.4, 0.1])[:, None]  # nobody is sure here
    p[:, 0, :] = np.array([0.05, 0.05, 0.9])[:, None]  # and here it is the other class
    found = grow(labels, p, 0.85)
    assert (found[1:, :4] == 1).all() and (found[:, 4:] == VOID).all() and (found[0] == VOID).all()


# ------------------------------------------------------------------------------- SEC's three losses


def probabilities(seed=0, shape=(2, 4, 5, 6)):
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return logits.requires_grad_(), logits.softmax(1)


def some_labels(seed=0, shape=(2, 5, 6)):
    return np.random.default_rng(seed).choice(np.array([0, 1, 2, VOID], np.uint8), shape)


def test_seed_losses_in_closed_form():
    _, p = probabilities()
    labels = some_labels()
    each, object_, ground = [], [], []
    for q, y in zip(p.detach(), torch.from_numpy(labels).long()):
        each.append(F.nll_loss(q.log()[None], y[None], ignore_index=VOID))
        ground.append(-q[0][y == 0].log().mean())
        object_.append(F.nll_loss(q.log()[None], y.where(y > 0, VOID)[None], ignore_index=VOID))
    assert float(losses.seed_loss(p, labels)) == pytest.approx(float(sum(each) / 2))
    want = float(sum(ground) + sum(object_)) / 2
    assert float(losses.balanced_seed_loss(p, labels)) == pytest.approx(want)
    assert float(losses.seed_loss(p, np.full_like(labels, VOID))) == 0


def test_expand_loss_in_closed_form():
    _, p = probabilities(shape=(1, 4, 5, 6))
    tags = np.array([[True, False, True]])
    q = np.sort(p.detach().numpy()[0].reshape(4, -1))[:, ::-1]
    scale = 41 * 41 / 30

    def pooled(c, decay):
        weight = decay ** (scale * np.arange(30))
        return (q[c] * weight).sum() / weight.sum()

    want = -np.mean(np.log([pooled(1, 0.996), pooled(3, 0.996)]))
    want += -np.log(1 - q[2].max()) - np.log(pooled(0, 0.999))
    assert float(losses.expand_loss(p, tags)) == pytest.approx(want, rel=1e-4)


def test_what_the_expand_loss_asks_for():
    p = torch.full((1, 3, 41, 41), 1e-3)
    p[:, 0] = 1
    empty = losses.expand_loss(p, np.array([[True, False]]))
    p[:, 0, :20, :20], p[:, 1, :20, :20] = 0, 1
    filled = losses.expand_loss(p, np.array([[True, False]]))
    p[:, 0], p[:, 1] = 0, 1
    everywhere = losses.expand_loss(p, np.array([[True, False]]))
    wrong = losses.expand_loss(p, np.array([[False, True]]))
    assert filled < empty and filled < everywhere < wrong


def test_constrain_loss_is_the_divergence_and_nothing_passes_through_the_target():
    logits, p = probabilities()
    _, q = probabilities(seed=1)
    want = F.kl_div(p.log(), q, reduction="none").sum(1).mean()
    assert float(losses.constrain_loss(p, q.detach())) == pytest.approx(float(want), rel=1e-6)
    assert float(losses.constrain_loss(p, p.detach())) == pytest.approx(0, abs=1e-9)
    losses.constrain_loss(p, q.detach()).backward()
    assert torch.allclose(logits.grad, (p - q).detach() / 60, atol=1e-6)  # softmax - target


@pytest.mark.parametrize("which", ["seed", "balanced", "expand", "constrain"])
def test_gradients_against_differences(which):
    logits, _ = probabilities()
    tags = np.array([[True, False, True], [False, False, False]])
    target = probabilities(seed=1)[1].detach()
    loss = {
        "seed": lambda p: losses.seed_loss(p, some_labels()),
        "balanced": lambda p: losses.balanced_seed_loss(p, some_labels()),
        "expand": lambda p: losses.expand_loss(p, tags),
        "constrain": lambda p: losses.constrain_loss(p, target),
    }[which]
    assert torch.autograd.gradcheck(lambda z: loss(z.softmax(1)), logits, atol=1e-4)


def test_the_crf_target_follows_the_edge_of_the_picture():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 220
    p = torch.full((1, 3, 32, 32), 1e-6)
    p[:, 1] = 0.45
    p[:, 1, :, 20:] = 0.8  # the edge is at 16
    p[:, 0] = 1 - p[:, 1]
    target = losses.crf_target(p, [picture])
    assert target.shape == p.shape and torch.allclose(target.sum(1), torch.ones(1, 32, 32))
    assert (target[0, 1, :, 16:] > 0.5).all() and (target[0, 1, :, :16] < 0.5).all()
    assert (target[0, 2] == 0).all()


def test_softmax_of_the_tagged_classes():
    logits = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    tags = np.array([[True, False, True], [False, False, False]])
    p = losses.tagged_softmax(logits, tags)
    assert torch.allclose(p[0, [0, 1, 3]], logits[0, [0, 1, 3]].softmax(0)) and (p[0, 2] == 0).all()
    assert (p[1, 0] == 1).all()


# ------------------------------------------------------------------------------------ sec, dsrg


def test_each_of_the_three_losses_changes_the_maps_alone(lab):
    alone = [lab.maps("sec", **(OFF["sec"] | {k: 1.0})) for k in OFF["sec"]]
    every = [*alone, lab.maps("sec")]
    for k, one in enumerate(every):
        for other in every[:k]:
            assert np.abs(one.astype(np.float32) - other).mean() > 1e-3


def test_seeding_teaches_the_seeds_and_expanding_fills_more(lab):
    view = lab.view()
    cam = find("cam")(view, seed=lab.seed)
    seeding = lab.maps("sec", expand=0, constrain=0).astype(np.float32)
    labels = sec.seed_labels(cam, seeding.shape[2:], 0.1, 0.4)
    fg = (labels > 0) & (labels < VOID)
    own = np.take_along_axis(seeding, (labels[:, None].astype(int) - 1) % cam.shape[1], 1)[:, 0]
    assert own[fg].mean() > seeding.max(1)[labels == 0].mean() + 0.2


def test_dsrg_grows_while_it_trains_and_not_above_every_probability(lab, monkeypatch):
    grown = []

    def count(*arguments):
        grown.append(((arguments[0] == VOID).mean(), (grow(*arguments) == VOID).mean()))
        return grow(*arguments)

    monkeypatch.setattr(dsrg, "grow", count)
    view = lab.view()
    control = find("dsrg")(view, theta=1.0, background=1.0)
    assert all(before == after for before, after in grown)
    grown.clear()
    taught = find("dsrg")(view, theta=0.5, background=0.6)
    before, after = np.mean(grown[-len(view.ids) :], axis=0)
    assert after < before - 0.05
    assert np.abs(taught - control).mean() > 1e-3


# ------------------------------------------------------------------------------------- psa, irn


def two_halves(n=8, size=(8, 8)):
    """Features of two sides and of the edge between, and labels of the middle rows alone."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.3, (n, 4, *size)).astype(np.float32)
    x[:, 0, :, : size[1] // 2] += 2
    x[:, 1, :, size[1] // 2 - 1 : size[1] // 2 + 1] += 3
    labels = np.full((n, *size), VOID, np.uint8)
    labels[:, 2:6, : size[1] // 2], labels[:, 2:6, size[1] // 2 :] = 1, 0
    return [x], labels


@pytest.mark.parametrize("build", [psa.AffinityNet, irn.BoundaryNet])
def test_affinities_are_learnt_and_hold_where_no_label_was(build):
    features, labels = two_halves()
    pairs = grid_pairs(8, 8, 3)
    with seeded(0):
        net = build([4], (8, 8), pairs)
    fit_affinity(net, net.affinity, features, labels, pairs, epochs=80, most=len(pairs))
    with torch.inference_mode():
        found = net.affinity([torch.from_numpy(features[0])], np.arange(len(pairs))).numpy()
    row, left = pairs // 8, pairs % 8 < 4
    across = left[:, 0] != left[:, 1]
    unseen = ((row < 2) | (row > 5)).all(1)
    assert found[:, across].mean() < found[:, unseen & ~across].mean() - 0.25


def test_the_boundary_lies_between_the_halves():
    features, labels = two_halves()
    pairs = grid_pairs(8, 8, 3)
    with seeded(0):
        net = irn.BoundaryNet([4], (8, 8), pairs)
    cells = net.cells.numpy()
    boundary = np.random.default_rng(1).random((1, 8, 8)).astype(np.float32)
    net.forward = lambda stages: torch.from_numpy(boundary)
    found = net.affinity(None, np.arange(len(pairs)))
    assert np.allclose(found, 1 - line_max(boundary, pairs)) and cells.shape[0] == len(pairs)


def test_affinity_of_psa_by_hand():
    pairs = np.array([[0, 1], [1, 3]])
    net = psa.AffinityNet([4], (2, 2), pairs)
    f = torch.randn(1, 32, 2, 2, generator=torch.Generator().manual_seed(0))
    net.forward = lambda stages: f
    flat = f[0].flatten(1)
    want = [float((-(flat[:, i] - flat[:, j]).abs().mean()).exp()) for i, j in pairs]
    assert net.affinity(None, np.arange(2))[0].tolist() == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize("name", ["psa", "irn"])
def test_a_longer_walk_spreads_a_map_wider(lab, name):
    few, many = (np.asarray(lab.maps(name, steps=k), np.float32) for k in (1, 64))
    tags = lab.view().tags
    spread = [m[tags].mean((1, 2)).mean() for m in (few, many)]
    assert spread[1] > spread[0]


def test_stage_head_takes_any_stages_and_makes_one_size():
    with seeded(0):
        head = StageHead([3, 5], 2, width=8)
    x = [torch.randn(2, 3, 12, 12), torch.randn(2, 5, 3, 3)]
    assert head(x, (6, 6)).shape == (2, 2, 6, 6)


# ----------------------------------------------------------------------------------------- mcis


def test_attention_rebuilds_a_feature_from_its_match():
    from tests.test_erasing import random_probe

    net = mcis.CoAttention(random_probe(), width=4)
    net.match.weight.data = 50 * torch.eye(4)
    f = torch.eye(4).reshape(1, 4, 2, 2)
    g = f.flip(3)
    assert torch.allclose(net.attend(f, g), f, atol=1e-4)  # wherever the match lies
    net.match.weight.data *= 0
    assert torch.allclose(net.attend(f, g), torch.full_like(f, 0.25))


def test_partners_share_the_class_and_are_not_the_picture_itself():
    tags = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], bool)
    draw, rows = np.random.default_rng(0), np.arange(5)
    drawn = np.stack([mcis.partner_of(rows, tags, tags, draw) for _ in range(40)])
    assert [set(column.tolist()) for column in drawn.T] == [{1}, {0, 2}, {1}, {3}, {4}]


def test_the_loss_of_a_pair_asks_for_common_and_for_the_rest():
    from tests.test_erasing import random_probe

    net = mcis.CoAttention(random_probe(), width=8)
    x, y = torch.randn(2, 2, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    one, two = np.array([[1, 1, 0], [1, 0, 0]], bool), np.array([[0, 1, 0], [1, 0, 0]], bool)
    base, common, contrast = (
        float(net.loss(x, y, one, two, *weights)) for weights in ((0, 0), (1, 0), (0, 1))
    )
    assert common > base and contrast > base
    f, g = net.reduce(x), net.reduce(y)
    both = torch.tensor([[0.0, 1, 0], [1, 0, 0]])
    want = sum(
        F.binary_cross_entropy_with_logits(net.classify(net.attend(a, b)).mean((2, 3)), both)
        for a, b in ((f, g), (g, f))
    )
    assert common - base == pytest.approx(float(want), rel=1e-3)
    rebuilt = net.attend(f, g)  # only the first picture of x has a tag of its own
    left = net.classify(f * (1 - net.gate(rebuilt).sigmoid())).mean((2, 3))[:1]
    alone = F.binary_cross_entropy_with_logits(left, torch.tensor([[1.0, 0, 0]]))
    assert contrast - base == pytest.approx(float(alone), rel=1e-3)
