"""Clicks: switched off each method is its floor; switched on it does what its paper says."""

import numpy as np
import pytest
import torch

from wsss_lite.data.corpus import corpus_view
from wsss_lite.data.world import Box, Extreme
from wsss_lite.errors import PeekError
from wsss_lite.lab import Lab
from wsss_lite.losses.point import image_level_loss, objectness_loss
from wsss_lite.methods.point import dextr, pcam
from wsss_lite.nets import clicked, guided, on_view
from wsss_lite.refine.graphcut import graph_cut
from wsss_lite.refine.nearest import nearest_labels
from wsss_lite.refine.walker import walk_labels
from wsss_lite.registry import Made, find

OFF = {  # method: (the knobs that switch it off, its floor)
    "point-walk": ({"sharpness": None}, "point-nearest"),
    "point-cut": ({"segments": 0}, "point-nearest"),
    "spotsup": ({"rounds": 0}, "point-ce"),
    "whats-the-point": ({"image": 0, "objectness": 0}, "point-ce"),
    "extreme-grabcut": ({"steps": 0}, "box-fill"),
    "dextr": ({"scenes": 0}, "box-fill"),
}
QUICK = {
    "spotsup": {"epochs": 1},
    "whats-the-point": {"epochs": 1},
    "dextr": {"scenes": 20, "epochs": 1},
}
EXTREME = ("extreme-grabcut", "dextr")
VOID = 255


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        patch.setattr(on_view, "LEAST_STEPS", 10)
        one = Lab(str(tiny), trunk)
        assert one.bank.folder  # fixed here, while the variable is set
        yield one


def made(lab, name, view=None, **knobs):
    """The labels of a method."""
    method = find(name)
    out = method(view or lab.view_of(method), **knobs)
    return out.labels if isinstance(out, Made) else out


def same(a, b):
    return set(a) == set(b) and all(np.array_equal(a[id], b[id]) for id in b)


@pytest.mark.parametrize("name", OFF)
def test_switched_off_it_is_its_floor_and_on_it_is_not(lab, name):
    knobs, floor = OFF[name][0], made(lab, OFF[name][1])
    assert same(made(lab, name, **knobs), floor)
    assert not same(made(lab, name, **QUICK.get(name, {})), floor)


def test_pcam_without_clicks_is_irn_and_with_them_it_is_not(lab):
    assert np.array_equal(lab.maps("pcam", strength=0), lab.maps("irn"))
    assert not np.array_equal(lab.maps("pcam"), lab.maps("irn"))
    still = lab.maps("pcam", steps=0)
    assert not np.array_equal(still, lab.maps("cam")) and still.shape == lab.maps("cam").shape


@pytest.mark.parametrize("name", ["point-nearest", "point-ce", *OFF])
def test_pictures_without_annotation_and_classes_without_pictures(lab, name):
    view = lab.view_of(find(name))
    kind = "extreme" if name in EXTREME else "points"
    store = view._open[kind]
    first = 1 + np.flatnonzero(view.tags[0])[0]
    for id in view.ids:
        store[id] = [e for e in store[id] if (e.cls if kind == "extreme" else e[2]) != first]
    store[view.ids[0]] = []
    labels = made(lab, name, view, **QUICK.get(name, {}))
    for id in view.ids:
        assert labels[id].shape == view.image(id).shape[:2] and labels[id].dtype == np.uint8
    if name != "whats-the-point":
        assert set(np.unique(labels[view.ids[0]])) <= {0, VOID}
        assert first not in set(np.unique(np.stack(list(labels.values()))))
    for id in view.ids:
        store[id] = []
    labels = made(lab, name, view, **QUICK.get(name, {}))
    if name != "whats-the-point":
        assert set(np.unique(np.stack(list(labels.values())))) <= {0, VOID}


# ---------------------------------------------------------------------------------------- clicks


def test_clicks_lie_where_they_were_set(lab):
    view = lab.view("points")
    labels = made(lab, "point-ce", view)
    for id in view.ids:
        at = {(y, x): c for y, x, c in view.points(id)}
        assert {tuple(p): labels[id][tuple(p)] for p in np.argwhere(labels[id] != VOID)} == at


def test_on_a_grid_an_object_goes_before_the_ground(lab):
    view = lab.view("points")
    view._open["points"][view.ids[0]] = [(3, 5, 2), (2, 4, 0), (127, 127, 0)]
    labels = clicked.clicks_on_grid(view, (8, 8))
    assert labels.shape == (len(view.ids), 8, 8) and labels[0, 0, 0] == 2 and labels[0, 7, 7] == 0
    assert (labels[0] != VOID).sum() == 2


def test_the_nearest_click_within_a_radius():
    seeds = np.full((20, 40), VOID, np.uint8)
    seeds[10, 5], seeds[10, 15], seeds[10, 35] = 1, 2, 0
    assert nearest_labels(seeds)[10].tolist() == [1] * 11 + [2] * 15 + [0] * 14
    y, x = np.indices(seeds.shape)
    disc = (y - 10) ** 2 + (np.minimum(abs(x - 5), abs(x - 15))) ** 2 <= 16
    assert np.array_equal(~clicked.far(seeds, 0.2), disc)
    ground = np.where(seeds == 0, 0, VOID).astype(np.uint8)
    assert clicked.far(ground, 0.2).all()


def test_a_click_becomes_a_disc_and_discs_meet_in_the_middle():
    seeds = np.full((40, 60), VOID, np.uint8)
    seeds[20, 20], seeds[20, 26], seeds[5, 50] = 1, 2, 0
    y, x = np.indices(seeds.shape)
    grown = clicked.discs(seeds, 0.1)
    ground = (y - 5) ** 2 + (x - 50) ** 2 <= 16
    assert np.array_equal(grown == 0, ground) and (grown[20, 16:23] == 1).all()
    assert (grown[20, 24:31] == 2).all() and (grown[20, [15, 31]] == VOID).all()
    assert np.array_equal(clicked.discs(seeds, 0), seeds)


def test_what_is_far_from_every_object_ends_as_background(lab):
    view = lab.view("points")

    def everything(image, seeds):
        return np.full(seeds.shape, seeds[(seeds > 0) & (seeds < VOID)].max(initial=0), np.uint8)

    labels = clicked.spread(view, everything, 0.2)
    for id, seeds in clicked.clicks(view).items():
        out = clicked.far(seeds, 0.2) & (seeds == VOID)
        assert not labels[id][out].any() and labels[id][(seeds == VOID) & ~out].all()
        assert (labels[id] == seeds)[seeds != VOID].all()


def test_the_shift_of_the_ground_turns_the_odds_of_clicks_into_those_of_pixels():
    seeds = np.array([[0, 1, 2, VOID], [0, 3, 3, VOID], [VOID, VOID, 1, 1]], np.uint8)
    shift = clicked.ground_shift([seeds, seeds], 0.75)
    clicks = 2 / 6  # the background's odds among clicks
    assert clicks * np.exp(shift) == pytest.approx(0.75 / 0.25)
    assert clicked.ground_shift([np.zeros((2, 2), np.uint8)], 0.75) == 0


def test_spotsup_finds_more_ground_the_larger_its_share(lab):
    view = lab.view("points")

    def ground(share):
        labels = made(lab, "spotsup", view, ground=share, epochs=3)
        return np.mean([(x == 0).mean() for x in labels.values()])

    assert ground(0.05) + 0.05 < ground(0.95)
    for id, labels in made(lab, "spotsup", view, epochs=1).items():
        assert all(labels[y, x] == cls for y, x, cls in view.points(id))


@pytest.mark.parametrize("block", [walk_labels, graph_cut])
def test_walk_and_cut_follow_the_colours_where_the_nearest_click_does_not(block):
    rng = np.random.default_rng(0)
    image = np.full((40, 60, 3), (40, 90, 40), np.uint8)
    image[4:36, 5:40] = (200, 60, 50)
    image = (image + rng.integers(0, 8, image.shape)).astype(np.uint8)
    seeds = np.full((40, 60), VOID, np.uint8)
    seeds[20, 10], seeds[20, 45] = 1, 0
    truth = image[..., 0] > 100
    assert ((block(image, seeds) == 1) == truth).mean() > 0.97
    assert ((nearest_labels(seeds) == 1) == truth).mean() < 0.85


# ---------------------------------------------------------------------------------------- losses


def test_image_level_loss_by_hand_and_its_minimum():
    prob = torch.zeros(2, 4, 2, 2, dtype=torch.double)
    prob[0, :, 0] = torch.tensor([0.4, 0.3, 0.2, 0.1])[:, None]
    prob[0, :, 1] = torch.tensor([0.1, 0.6, 0.1, 0.2])[:, None]
    prob[1] = 0.25
    tags = np.array([[True, False, False], [True, True, True]])
    first = -(np.log(0.4) + np.log(0.6)) / 2 - (np.log(0.8) + np.log(0.8)) / 2
    want = (first - np.log(0.25)) / 2
    assert float(image_level_loss(prob, tags)) == pytest.approx(want)
    sure = torch.zeros(1, 3, 1, 2)
    sure[0, 0, 0, 0] = sure[0, 2, 0, 1] = 1
    assert float(image_level_loss(sure, [[False, True]])) == 0
    free = torch.rand(2, 4, 3, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: image_level_loss(p, tags), free)


def test_objectness_is_the_cross_entropy_of_something_or_nothing():
    logits = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    prior = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(1)).double()
    prob = logits.softmax(1)
    want = torch.nn.functional.binary_cross_entropy(1 - prob[:, 0], prior)
    assert float(objectness_loss(prob, prior)) == pytest.approx(float(want))
    free = prob.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: objectness_loss(p, prior), free)


def test_the_prior_decides_how_much_becomes_object(lab):
    size = (len(lab.view().ids), 7, 7)

    def area(value):
        prior = np.full(size, value, np.float32)
        labels = made(lab, "whats-the-point", objectness=10.0, prior=prior, epochs=20)
        return np.mean([(x > 0).mean() for x in labels.values()])

    assert area(0.0) < 0.2 < 0.6 < area(1.0)


def test_click_loss_raises_its_class_there_and_lowers_all_on_the_ground():
    evidence = torch.zeros(1, 2, 2, 2, requires_grad=True)
    pcam.click_loss(evidence, torch.tensor([[[1, 0], [VOID, VOID]]])).backward()
    slope = evidence.grad[0]
    assert slope[0, 0, 0] < 0 < slope[1, 0, 0] and (slope[:, 0, 1] > 0).all()
    assert not slope[:, 1].any()


def test_pcam_moves_the_map_to_the_click(lab):
    view = lab.view("points")
    final = view.features("final").shape[2:]
    labels = clicked.clicks_on_grid(view, final)

    def at_clicks(maps):
        """Mean of the map of its class at the clicks on objects, less that on the ground."""
        on = [maps[n, labels[n, y, x] - 1, y, x] for n, y, x in np.argwhere(labels < VOID)
              if labels[n, y, x]]  # fmt: skip
        off = [maps[n, :, y, x].max() for n, y, x in np.argwhere(labels == 0)]
        return np.mean(on) - np.mean(off)

    without, with_clicks = lab.maps("cam"), lab.maps("pcam", steps=0, epochs=20)
    assert at_clicks(with_clicks) > at_clicks(without) + 0.1


# -------------------------------------------------------------------------------- extreme points


def test_extreme_points_alone_are_opened(lab):
    view = lab.view_of(find("dextr"))
    with pytest.raises(PeekError):
        view.mask(view.ids[0])
    with pytest.raises(PeekError):
        lab.view_of(find("point-ce")).extreme(view.ids[0])


def test_only_who_declares_the_corpus_gets_it_and_its_pictures_are_others(lab):
    with pytest.raises(PeekError, match="corpus"):
        corpus_view(lab.view("boxes", ("extreme",)), 20)
    view = lab.view_of(find("dextr"))
    lessons = corpus_view(view, 20)
    assert len(lessons) == 20 and not set(lessons.ids) & set(view.ids)
    assert lessons.trunk.trunk is view.trunk.trunk
    assert lessons.mask(lessons.ids[0]).any() and lessons.extreme(lessons.ids[0])


def test_crops_of_the_whole_picture_are_the_picture():
    x = torch.rand(1, 2, 12, 12)
    found = guided.crops(x, [np.array([[0, 0, 1, 1]])], 12)
    # two samples a side and cell: a 2 x 2 mean of what lies a quarter of a pixel off the centre
    want = torch.nn.functional.interpolate(x, (24, 24), mode="bilinear")
    want = torch.nn.functional.avg_pool2d(want, 2)
    inner = np.s_[..., 1:-1, 1:-1]  # at the edge half of a sample lies outside
    assert torch.allclose(found[inner], want[inner], atol=1e-5)
    assert guided.crops(x, [np.zeros((0, 4))], 12).shape == (0, 2, 12, 12)


def test_a_mask_cut_out_and_put_back_is_the_mask():
    size, box = (50, 80), Box(1, 20, 10, 60, 40)
    y, x = np.indices(size)
    disc = ((y - 24.5) / 15) ** 2 + ((x - 39.5) / 20) ** 2 < 1
    one = guided.region(box, size, 0.2)
    assert np.allclose(one * [80, 50, 80, 50], [12, 2, 68, 48])
    small = guided.crops(torch.from_numpy(disc).float()[None, None], [one[None]], 48)[0, 0]
    back = guided.in_box(small - 0.5, one, box, size) > 0
    inside = disc[10:40, 20:60]
    assert back.shape == inside.shape and (back == inside).mean() > 0.98


def test_the_heat_is_where_the_points_are():
    ends = Extreme(1, (10, 30), (25, 20), (39, 50), (20, 59))
    one = guided.region(Box(1, 20, 10, 60, 40), (50, 80), 0.2)
    heat = guided.heat_map(ends[1:], one, (50, 80), 0.03)
    back = guided.in_box(torch.from_numpy(heat), one, Box(1, 20, 10, 60, 40), (50, 80))
    assert all(back[y - 10, x - 20] > 0.8 for y, x in ends[1:])
    assert back[15, 20] < 0.01 and heat.max() <= 1
    assert not guided.heat_map(ends[1:], one, (50, 80), 0).any()


def test_balanced_loss_weighs_a_small_object_as_its_ground():
    logits = torch.zeros(1, 4, 4)
    target = torch.zeros(1, 4, 4)
    target[0, 0, 0] = 1
    assert float(guided.balanced_loss(logits, target)) == pytest.approx(np.log(2))
    logits[0, 0, 0] = -50.0  # the object is lost: half of the loss
    assert float(guided.balanced_loss(logits, target)) == pytest.approx(25 + np.log(2) / 2)


def test_dextr_learns_to_cut_and_the_heat_map_changes_what_it_cuts(lab):
    view = lab.view_of(find("dextr"))
    masks = {id: lab.world.mask(id) for id in view.ids}

    def overlap(labels):
        pairs = [(labels[id] == masks[id])[(labels[id] > 0) | (masks[id] > 0)] for id in view.ids]
        return np.concatenate(pairs).mean()

    shown = dextr.dextr(view, scenes=20, epochs=30)
    few = dextr.dextr(view, scenes=20, epochs=2)
    blind = dextr.dextr(view, scenes=20, epochs=2, sigma=0)
    assert overlap(shown) > overlap(dextr.spans(view)) + 0.03
    assert not same(few, blind)


def test_the_surest_object_gets_the_pixel(lab):
    view = lab.view_of(find("dextr"))
    id = view.ids[0]
    a = Extreme(1, (10, 20), (20, 10), (30, 20), (20, 30))
    view._open["extreme"][id] = [a, a._replace(cls=2)]
    regions = dextr.regions_of(view, id, 0.2)
    logits = [torch.full((48, 48), value) for value in (1.0, 2.0)]
    labels = dextr.painted(view, id, regions, logits, 0.0)
    assert (labels[10:31, 10:31] == 2).all() and (labels > 0).sum() == 21 * 21
    assert not dextr.painted(view, id, regions, logits, 3.0).any()


def test_best_points_is_whats_the_point_and_a_crf_among_what_was_clicked(lab):
    plain = made(lab, "whats-the-point", epochs=1)
    assert same(made(lab, "best-points", epochs=1, crf=None), plain)
    bare = made(lab, "best-points", image=0, objectness=0)
    assert same(bare, made(lab, "point-ce"))
    labels, much = (made(lab, "best-points", epochs=1, ground=g) for g in (0.3, 10.0))
    assert not same(labels, plain)
    assert sum((x == 0).sum() for x in labels.values()) < sum((x == 0).sum() for x in much.values())
    view = lab.view("points")
    for id, seeds in clicked.clicks(view).items():
        assert (labels[id][seeds != VOID] == seeds[seeds != VOID]).all()
        assert set(np.unique(labels[id])) <= {0, *np.unique(seeds)} - {VOID}
