"""Scribbles: switched off each method is its floor; switched on it does what its paper says."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from wsss_lite.lab import Lab
from wsss_lite.losses import segments as contrast
from wsss_lite.losses.regularised import crf_energy, gaussian_kernel
from wsss_lite.methods.scribble import dfr, rawks, scribblesup, spml
from wsss_lite.nets import on_strokes, on_view, own_pixels
from wsss_lite.refine import learned_walk, regions, segments, strokes, walker
from wsss_lite.refine.graphcut import energy
from wsss_lite.refine.nearest import nearest_labels
from wsss_lite.refine.reduce import at_size
from wsss_lite.registry import Made, find

VOID = 255
OFF = {
    "scribblesup": ("scribble-nearest", {"segments": 0}),
    "rawks": ("scribble-nearest", {"epochs": 0}),
    "scribble-walk": ("scribble-nearest", {"sharpness": None}),
    "spml": ("scribble-nearest", {"epochs": 0}),
    "scribble-pixels": ("scribble-nearest", {"stages": None}),
    "ncut-loss": ("scribble-ce", {"cut": 0}),
    "crf-loss": ("scribble-ce", {"energy": 0, "cut": 0}),
    "dfr": ("scribble-ce", {"energy": 0}),
}
UNTRAINED = {"scribble-walk": {}, "scribble-pixels": {}}
QUICK = {name: {"epochs": 1} for name in OFF if name not in UNTRAINED} | UNTRAINED


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        patch.setattr(on_view, "LEAST_STEPS", 10)
        one = Lab(str(tiny), trunk)
        assert one.bank.folder  # fixed here, while the variable is set
        yield one


@pytest.fixture(scope="module")
def view(lab):
    return lab.view("scribbles")


def made(view, name, **knobs):
    """What a method makes of a view, as a `Made`."""
    out = find(name)(view, **knobs)
    return out if isinstance(out, Made) else Made(labels=out)


def same(a, b):
    return set(a) == set(b) and all(np.array_equal(a[id], b[id]) for id in b)


@pytest.mark.parametrize("name", OFF)
def test_switched_off_it_is_its_floor_and_on_it_is_not(view, name):
    floor, knobs = OFF[name]
    off, base = made(view, name, **knobs), made(view, floor).labels
    assert same(off.labels, base) and off.decoder is None and off.weights is None
    on = made(view, name, **QUICK[name])
    assert set(on.labels) == set(view.ids) and not same(on.labels, base)
    for id in view.ids:
        seeds, labels = view.scribbles(id), on.labels[id]
        assert labels.shape == seeds.shape and labels.dtype == np.uint8
        assert np.array_equal(labels[seeds != VOID], seeds[seeds != VOID])  # strokes stay
        assert set(np.unique(labels)) <= set(strokes.classes_of(seeds))  # and nothing is invented


@pytest.mark.parametrize("name", [*OFF, "scribble-nearest", "scribble-ce"])
def test_pictures_without_strokes_with_one_class_and_classes_without_pictures(lab, name):
    view = lab.view("scribbles")
    bare, one = view.ids[:2]
    kept = {id: view.scribbles(id) for id in view.ids}
    first = int(strokes.classes_of(kept[view.ids[2]]).max())
    for seeds in kept.values():
        seeds[seeds == first] = VOID
    kept[bare][:] = VOID
    kept[one][kept[one] != 0] = VOID
    view.scribbles = kept.get
    out = made(view, name, **QUICK.get(name, {}))
    assert (out.labels[bare] == VOID).all()
    assert set(np.unique(out.labels[one])) <= {0, VOID}
    assert first not in {k for labels in out.labels.values() for k in np.unique(labels)}
    if out.weights:
        assert all(np.isfinite(w).all() and w.min() >= 0 and w.max() <= 1
                   for w in out.weights.values())  # fmt: skip


# --------------------------------------------------------------------------- strokes and floors


def drawing():
    seeds = np.full((6, 9), VOID, np.uint8)
    seeds[1, 1:3], seeds[4, 6] = 0, 3
    return seeds


def test_floors_by_definition(view):
    for id in view.ids[:3]:
        seeds = view.scribbles(id)
        assert np.array_equal(made(view, "scribble-ce").labels[id], seeds)
        assert np.array_equal(made(view, "scribble-nearest").labels[id], nearest_labels(seeds))


def test_restricted_takes_drawn_classes_and_keeps_strokes():
    scores = np.zeros((5, 6, 9))
    scores[4], scores[3, :, 5:] = 9, 1
    found = strokes.restricted(scores, drawing())
    assert (found[:, :5] == 0).all() and (found[:, 5:] == 3).all()
    scores[0] = 2
    assert strokes.restricted(scores, drawing())[4, 6] == 3  # whatever the scores say
    nothing = np.full((6, 9), VOID, np.uint8)
    assert np.array_equal(strokes.restricted(scores, nothing), nothing)


@pytest.mark.parametrize("size", [(2, 3), (6, 9), (12, 30)])
def test_no_stroke_is_lost_on_another_grid(size):
    found = at_size(drawing(), size)
    assert found.shape == size and set(np.unique(found)) == {0, 3, VOID}
    assert found[int(4 * size[0] / 6), int(6 * size[1] / 9)] == 3
    if size == (6, 9):
        assert np.array_equal(found, drawing())


# ---------------------------------------------------------------------------------- scribblesup


def two_halves(noise=6, seed=0):
    """A picture of a red left third and a green rest, and a stroke on either."""
    rng = np.random.default_rng(seed)
    image = np.zeros((48, 48, 3), np.uint8)
    image[:, :16, 0], image[:, 16:, 1] = 200, 120
    image = (image + rng.integers(0, noise, image.shape)).astype(np.uint8)
    seeds = np.full((48, 48), VOID, np.uint8)
    seeds[10:40, 4:6], seeds[10:40, 44:46] = 2, 0
    truth = np.where(np.arange(48) < 16, 2, 0)[None].repeat(48, 0)
    return image, seeds, truth


def test_sums_means_and_paint_of_regions():
    image = two_halves()[0]
    graph = regions.Regions(image, 60)
    area = np.bincount(graph.pieces.ravel())
    ones, ramp = np.ones((48, 48)), np.arange(48.0)[None].repeat(48, 0)
    assert np.array_equal(graph.sums([ones])[:, 0], area)
    for k in (0, graph.count - 1):
        assert graph.means([ones, ramp])[k] == pytest.approx([1, ramp[graph.pieces == k].mean()])
    assert np.array_equal(graph.paint(np.arange(graph.count)), graph.pieces)
    assert graph.alike.min() >= 0 and graph.alike.max() <= 1


def test_the_background_can_be_given_odds():
    image, seeds, _ = two_halves()
    scores = np.full((3, 48, 48), np.log(0.3), np.float32)
    scores[2] = np.log(0.4)
    graph = regions.Regions(image, 120)
    found = [scribblesup.cut(graph, seeds, scores, 0.001, odds) for odds in (0.0, 1.0)]
    assert (found[0] == 2).mean() > 0.8 and (found[1] == 0).mean() > 0.8


def test_the_cut_follows_colour_where_the_nearest_stroke_does_not():
    image, seeds, truth = two_halves()
    graph = regions.Regions(image, 120)
    found = scribblesup.cut(graph, seeds, None, 1.0)
    assert (found == truth).mean() > 0.95 > (nearest_labels(seeds) == truth).mean() + 0.05


def test_the_network_has_a_say_and_the_edges_have_one_too():
    image, seeds, truth = two_halves()
    graph = regions.Regions(image, 120)
    scores = np.full((3, 48, 48), np.log(0.5), np.float32)
    scores[2, 30:, 20:40] += 3  # where the network sees class 2 on plain green ground
    free, bound = (scribblesup.cut(graph, seeds, scores, smooth) for smooth in (0.01, 50.0))
    assert (free[34:44, 24:36] == 2).all() and (free[:20] == truth[:20]).mean() > 0.9
    assert (bound == truth).mean() > 0.95  # dear borders: the network alone does not carry it


def test_a_cut_is_never_dearer_than_the_labels_of_the_network():
    image, seeds, _ = two_halves(noise=80)
    graph = regions.Regions(image, 120)
    rng = np.random.default_rng(0)
    price = rng.random((graph.count, 3))
    found = scribblesup.expand(price, graph.edges, graph.alike)
    alone = energy(price.argmin(1), price, graph.edges, graph.alike)
    assert energy(found, price, graph.edges, graph.alike) < alone


# ---------------------------------------------------------------------------------------- rawks


def walk_case(size=(5, 7), seed=0):
    rng = np.random.default_rng(seed)
    seeds = np.full(size, VOID, np.uint8)
    seeds[0, 0], seeds[4, 6], seeds[0, 5:], seeds[2, 3] = 0, 4, 1, 0
    boundary = torch.from_numpy(rng.random(size) * 3)
    return boundary, seeds, strokes.classes_of(seeds)


def test_the_learned_walk_hits_what_the_walker_hits():
    boundary, seeds, classes = walk_case()
    weight = learned_walk.conductances(boundary)
    graph = walker.grid_edges(seeds.shape), weight.numpy()
    found = learned_walk.hitting(weight, seeds, classes).numpy()
    assert np.allclose(found, walker.hitting(graph, seeds, classes))
    assert np.allclose(found.sum(0), 1)
    full = np.full((3, 3), 2, np.uint8)  # nothing to walk to
    assert (learned_walk.hitting(torch.ones(12), full, [2]).numpy() == 1).all()


def test_its_gradient_is_that_of_finite_differences():
    boundary, seeds, classes = walk_case()
    generator = torch.Generator().manual_seed(0)
    mix = torch.rand(len(classes), *seeds.shape, generator=generator, dtype=torch.float64)

    def value(b):
        found = learned_walk.hitting(learned_walk.conductances(b), seeds, classes)
        return (found * mix).sum() + (found**2).sum()

    assert torch.autograd.gradcheck(value, (boundary.requires_grad_(),))


def test_a_wall_keeps_the_walk_on_its_side():
    seeds = np.full((9, 21), VOID, np.uint8)
    seeds[4, 1], seeds[4, 12] = 1, 0
    wall = torch.zeros(9, 21)
    wall[:, 10] = 8.0
    flat, walled = (learned_walk.hitting(learned_walk.conductances(b), seeds, [0, 1])[1]
                    for b in (torch.zeros(9, 21), wall))  # fmt: skip
    assert walled[:, :10].min() > 0.9 and flat[:, 8].max() < 0.5


def test_agreement_teaches_boundaries_where_the_labels_change():
    """Labels that change at column 10 raise the boundary there, though nobody drew one."""
    seeds = np.full((9, 21), VOID, np.uint8)
    seeds[4, 1], seeds[4, 12] = 1, 0
    logits = torch.zeros(1, 2, 9, 21)
    logits[:, 1, :, :10], logits[:, 0, :, 10:] = 4, 4
    raw = torch.zeros(1, 9, 21, requires_grad=True)
    optimiser = torch.optim.Adam([raw], 0.2)
    values = []
    for _ in range(60):
        weight = learned_walk.conductances(8 * (raw - 2).sigmoid())
        loss = rawks.agreement(logits, weight, [seeds], 1.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(float(loss.detach()))
    column = raw.detach()[0].mean(0)
    assert values[-1] < values[0] / 2
    assert set(column.topk(2).indices.tolist()) <= {9, 10, 11}
    assert column[[9, 10]].max() > column[[3, 17]].max() + 1


def test_the_walk_is_trusted_less_where_two_strokes_compete():
    seeds = np.full((9, 21), VOID, np.uint8)
    seeds[:, 0], seeds[:, 20] = 1, 0
    full = np.kron(seeds, np.ones((2, 2), np.uint8)).astype(np.uint8)
    weight = learned_walk.conductances(torch.zeros(9, 21))
    labels, trust = rawks.spread(weight, seeds, full, 1, 2.0)
    assert (labels[:, :20] == 1).all() and (labels[:, 22:] == 0).all()
    assert trust[9, 20] == pytest.approx(np.exp(-2 * np.log(2)), abs=0.02)
    assert trust[9, 4] > 2 * trust[9, 20] and (trust[:, 0] == 1).all()
    assert (rawks.spread(weight, seeds, full, 1, 0.0)[1] == 1).all()


# --------------------------------------------------------------------------------------- losses


def test_without_a_loss_of_its_own_the_segmenter_is_the_fixed_one(lab, view, monkeypatch):
    drawn, features = strokes.drawn(view), on_view.stages(view)
    size = on_view.grid(features)
    small = {id: at_size(s, size) for id, s in drawn.items()}
    fixed = lab.fit(small, epochs=10, least_steps=1).state_dict()
    monkeypatch.setattr(on_view, "LEAST_STEPS", 10)
    own = on_strokes.train_on_strokes(
        features, list(drawn.values()), len(view.classes), None, 0, epochs=1
    )
    assert all(torch.equal(value, fixed[key]) for key, value in own.state_dict().items())
    assert [on_strokes.enough_epochs(12, n) for n in (0, 7, 20, 21, 1000)] == [12] * 5
    monkeypatch.setattr(on_view, "LEAST_STEPS", 100)
    assert [on_strokes.enough_epochs(12, n) for n in (0, 7, 20, 40, 1000)] == [100] * 3 + [50, 12]


@pytest.mark.parametrize(
    "name, knobs", [("ncut-loss", {"cut": 4.0}), ("crf-loss", {"energy": 4.0})]
)
def test_a_regularised_network_gives_alike_neighbours_one_label(view, name, knobs):
    """Its labels cost less energy than those of partial cross-entropy alone."""
    steps = {"epochs": 30}
    drawn = list(strokes.drawn(view).values())
    without = on_strokes.regularised(view, drawn, lambda p, seen: p.sum() * 0, **steps)[1]
    with_it = made(view, name, **knobs, **steps).decoder
    features = on_view.stages(view)
    seen = torch.from_numpy(on_strokes.small_pictures(view, (20, 20))).float()

    def cost(decoder):
        with torch.no_grad():
            p = decoder([torch.from_numpy(f[:]) for f in features]).softmax(1)
        p = F.adaptive_avg_pool2d(p, (20, 20))
        return float(crf_energy(p, gaussian_kernel(seen, 0.2 * 20)))

    assert cost(with_it) < 0.95 * cost(without)


def test_kernelcut_is_neither_of_its_parts(view):
    labels = [made(view, "crf-loss", **QUICK["crf-loss"], energy=e, cut=c).labels
              for e, c in ((1, 0), (0, 1), (1, 1))]  # fmt: skip
    assert not same(labels[0], labels[1]) and not same(labels[0], labels[2])
    assert not same(labels[1], labels[2])


# ------------------------------------------------------------------------------------------ dfr


def test_the_deep_kernel_pair_by_pair():
    x = F.normalize(torch.randn(1, 4, 2, 3, generator=torch.Generator().manual_seed(0)))
    found = dfr.deep_kernel(x, 0.5)[0]
    flat = x[0].flatten(1).T
    for i in range(6):
        for j in range(6):
            want = np.exp(-(1 - float(flat[i] @ flat[j])) / 0.25)
            assert float(found[i, j]) == pytest.approx(want, rel=1e-4)
    pairs = np.array([[0, 5], [2, 2]])
    near = dfr.closeness(x, pairs)[0]
    assert near.tolist() == pytest.approx([(1 + float(flat[0] @ flat[5])) / 2, 1.0], abs=1e-6)


def test_labels_that_are_sure_are_believed_and_strokes_above_all():
    p = torch.zeros(1, 3, 1, 4)
    p[0, 1] = torch.tensor([0.9, 0.7, 0.95, 0.1])
    p[0, 0] = 1 - p[0, 1]
    seeds = np.array([[[VOID, VOID, 2, VOID]]], np.uint8)
    assert dfr.confident(p, seeds, 0.8).tolist() == [[[1, VOID, 2, 0]]]


def test_deep_features_change_what_dfr_learns(view):
    one = made(view, "dfr", **QUICK["dfr"]).labels
    for knobs in ({"deep": None}, {"deep": 5.0}, {"consistent": 0.0}):
        assert not same(made(view, "dfr", **QUICK["dfr"], **knobs).labels, one)


# ----------------------------------------------------------------------------------------- spml


def contrast_case():
    g = torch.Generator().manual_seed(0)
    x = F.normalize(torch.randn(5, 3, generator=g, dtype=torch.float64), dim=1)
    means = F.normalize(torch.randn(4, 3, generator=g, dtype=torch.float64), dim=1)
    positive = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1]])
    negative = torch.tensor([[0, 1, 1, 1], [0, 0, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]])
    return x, means, positive.bool(), negative.bool()


def test_segment_contrast_in_closed_form():
    x, means, positive, negative = contrast_case()
    found = contrast.segment_contrast(x, means, positive, negative, 4.0)
    e = np.exp(4.0 * (x @ means.T).numpy())
    near, far = (e * positive.numpy()).sum(1), (e * negative.numpy()).sum(1)
    want = -np.log(near / (near + far))[[0, 1, 3, 4]].mean()
    assert float(found) == pytest.approx(want)
    nothing = torch.zeros_like(positive)
    assert float(contrast.segment_contrast(x, means, nothing, negative)) == 0
    x.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: contrast.segment_contrast(F.normalize(v, dim=1), means, positive, negative), (x,)
    )


def test_segment_means_and_others():
    x = torch.tensor([[1.0, 0], [0, 1], [0, -1]])
    means = contrast.segment_means(x, torch.tensor([2, 2, 0]), 3)
    assert torch.allclose(means, torch.tensor([[0, -1], [0, 0], [0.5**0.5, 0.5**0.5]]))
    positive = torch.tensor([[True, True, False], [True, False, False]])
    found = contrast.others(positive, torch.tensor([0, 0]))
    assert found.tolist() == [[False, True, False], [True, False, False]]


def test_segments_have_one_label_each_and_follow_the_strokes(view):
    seeds, image = view.scribbles(view.ids[0]), view.image(view.ids[0])
    found = segments.segments(image, seeds, 60)
    assert np.array_equal(found.labels[found.pieces], seeds)
    small = segments.on_grid(found, (24, 24))
    assert set(np.unique(small.pieces)) == set(range(len(small.labels)))
    numbers, labels, owner = segments.batch([small, small])
    assert len(labels) == 2 * len(small.labels) and numbers[1].min() == len(small.labels)
    assert torch.equal(owner[numbers[1]], torch.ones(24, 24, dtype=torch.long))
    assert np.array_equal(labels[numbers[0]].numpy(), small.labels[small.pieces])


def test_votes_are_those_of_the_nearest_allowed():
    bank = np.array([[1, 0], [0.8, 0.6], [0, 1], [-1, 0]], float)
    labels = np.array([1, 0, 2, 0], np.uint8)
    query = np.array([[1.0, 0]])
    assert segments.vote(query, bank, labels, np.array([0, 1, 2]), 1).tolist() == [[0, 1, 0]]
    assert segments.vote(query, bank, labels, np.array([0, 2]), 1).tolist() == [[1, 0]]
    assert segments.vote(query, bank, labels, np.array([0, 1]), 9) == pytest.approx(
        np.array([[2 / 3, 1 / 3]])
    )
    shares, x = np.array([[1, 0], [0, 1], [0, 1]], float), np.array([[1, 0], [1, 0], [0, 1]], float)
    assert np.array_equal(segments.walk(shares, x, 0, 100.0), shares)
    assert segments.walk(shares, x, 3, 100.0) == pytest.approx(
        np.array([[0.5, 0.5], [0.5, 0.5], [0, 1]])
    )


def test_training_brings_pixels_near_segments_of_their_class(view):
    """After it, strokes of one class are nearer to each other, and farther from other classes."""
    drawn = strokes.drawn(view)
    full = [segments.segments(view.image(id), s, 60) for id, s in drawn.items()]
    kept = []
    patch = pytest.MonkeyPatch()
    patch.setattr(spml, "looked_up", lambda strokes, full, found, steps: kept.append(found) or {})
    for epochs, own in ((1, 0.0), (40, 1.0)):
        spml.spml(view, epochs=epochs, own=own, tags=0.0, picture=0.0, count=60)
    patch.undo()
    gaps = []
    for found in kept:
        labels = np.concatenate([f.labels for f in full])
        x, labels = np.concatenate(found)[labels != VOID], labels[labels != VOID]
        cosine, alike = x @ x.T, labels[:, None] == labels
        gaps.append(cosine[alike].mean() - cosine[~alike].mean())
    assert gaps[1] > gaps[0] + 0.3


def test_each_relation_changes_the_embedding(view):
    one = made(view, "spml", **QUICK["spml"]).labels
    for knob in ("own", "tags", "picture"):
        assert not same(made(view, "spml", **QUICK["spml"], **{knob: 0.0}).labels, one)
    assert not same(made(view, "spml", **QUICK["spml"], steps=0).labels, one)


# Pixels of one picture, and the best of scribbles


def test_a_picture_learns_from_its_own_strokes_what_its_classes_look_like():
    image = np.full((20, 30, 3), 40, np.uint8)
    image[:, 18:] = (200, 90, 30)
    looks = own_pixels.described(image, [], (20, 30))
    assert looks.shape == (5, 20, 30)  # colour and place
    feature = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    assert own_pixels.described(image, [feature], (20, 30)).shape == (7, 20, 30)
    seeds = np.full((20, 30), VOID, np.uint8)
    seeds[5, 2:12], seeds[5, 20:22] = 3, 1  # one stroke five times as long as the other
    p = own_pixels.probabilities(looks, seeds, 3)
    assert p.shape == (4, 20, 30) and np.allclose(p.sum(0), 1, atol=1e-5)
    assert not p[0].any() and not p[2].any()  # nobody drew these
    right = p[1] > p[3]
    assert right[:, 20:].all() and not right[:, :14].any()
    decayed = own_pixels.probabilities(looks, seeds, 3, strength=1e-9)
    assert np.allclose(decayed[[1, 3]], 0.5, atol=1e-3)  # both classes count the same


def test_one_class_has_the_picture_and_no_stroke_says_nothing():
    looks = np.random.default_rng(0).normal(size=(3, 6, 6)).astype(np.float32)
    lone = np.full((6, 6), VOID, np.uint8)
    assert np.allclose(own_pixels.probabilities(looks, lone, 2), 1 / 3)
    lone[2, 2] = 2
    assert (own_pixels.probabilities(looks, lone, 2).argmax(0) == 2).all()


def test_possible_are_the_drawn_classes_and_at_a_stroke_its_own():
    seeds = np.full((2, 3), VOID, np.uint8)
    assert strokes.possible(seeds, 3).all()
    seeds[0, 0], seeds[1, 2] = 0, 2
    may = strokes.possible(seeds, 3)
    assert may[:, 0, 0].tolist() == [True, False, False, False]
    assert may[:, 1, 2].tolist() == [False, False, True, False]
    assert may[:, 0, 1].tolist() == [True, False, True, False]


def test_best_scribbles_is_between_dfr_and_the_classifier_of_each_picture(view):
    learnt = made(view, "dfr", epochs=1).labels
    assert same(made(view, "best-scribbles", own=0, crf=None, epochs=1).labels, learnt)
    bare = made(view, "best-scribbles", energy=0).labels
    assert same(bare, made(view, "scribble-ce").labels)
    pixels = made(view, "scribble-pixels").labels
    assert same(made(view, "best-scribbles", own=1).labels, pixels)
    both = made(view, "best-scribbles", epochs=1).labels
    assert not same(both, pixels) and not same(both, learnt)
    for id in view.ids:  # strokes stay, and so do the classes that were drawn
        seeds = view.scribbles(id)
        assert (both[id][seeds != VOID] == seeds[seeds != VOID]).all()
        assert set(np.unique(both[id])) <= set(np.unique(seeds))
