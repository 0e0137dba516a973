"""Boxes: switched off each method is the filled box; switched on it does what its paper says."""

import numpy as np
import pytest
import torch

from wsss_lite.data.world import Box
from wsss_lite.lab import Lab
from wsss_lite.losses import box as losses
from wsss_lite.methods.box import bana, bbam, bcm, box2seg, boxsup, sdi, wssl_em, wssl_seg
from wsss_lite.nets import on_view
from wsss_lite.refine import box_cuts
from wsss_lite.refine import boxes as blocks
from wsss_lite.refine.crf import CRF
from wsss_lite.refine.grabcut import fill
from wsss_lite.refine.proposals import proposals
from wsss_lite.registry import Made, find

OFF = {
    "wssl-seg": {"share": 1.0},
    "wssl-em": {"rounds": 0},
    "boxsup": {"segments": 0},
    "sdi": {"steps": 0},
    "bcm": {"epochs": 0},
    "box2seg": {"epochs": 0},
    "bana": {"background": 0.0},
    "bbam": {"steps": 0},
    "bbtp": {"epochs": 0},
    "size-bounds": {"epochs": 0},
}
QUICK = {name: {"epochs": 1} for name in ("wssl-em", "bcm", "box2seg", "bbtp", "size-bounds")}
QUICK |= {"boxsup": {"rounds": 1, "epochs": 1}, "bbam": {"steps": 5, "epochs": 2}}


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
    return lab.view("boxes")


def made(view, name, **knobs):
    """The labels of a method."""
    out = find(name)(view, **knobs)
    return out.labels if isinstance(out, Made) else out


def same(a, b):
    return all(np.array_equal(a[id], b[id]) for id in b)


@pytest.mark.parametrize("name", OFF)
def test_switched_off_it_is_the_filled_box_and_on_it_is_not(view, name):
    floor = made(view, "box-fill")
    assert same(made(view, name, **OFF[name]), floor)
    labels = made(view, name, **QUICK.get(name, {}))
    assert set(labels) == set(view.ids) and not same(labels, floor)
    for id in view.ids:
        assert labels[id].shape == floor[id].shape and labels[id].dtype == np.uint8
        assert not labels[id][floor[id] == 0].any()  # outside the boxes is background
        may = blocks.allowed(view.boxes(id), floor[id].shape, len(view.classes))
        here = labels[id] != blocks.VOID
        assert np.take_along_axis(may, labels[id][None].clip(max=len(may) - 1), 0)[0][here].all()


@pytest.mark.parametrize("name", OFF)
def test_pictures_without_boxes_and_classes_without_pictures(lab, name):
    view = lab.view("boxes")
    first = view.boxes(view.ids[0])[0].cls
    for id in view.ids:
        view._open["boxes"][id] = [b for b in view.boxes(id) if b.cls != first]
    view._open["boxes"][view.ids[0]] = []
    labels = made(view, name, **QUICK.get(name, {}))
    assert not labels[view.ids[0]].any()
    assert first not in set(np.unique(np.stack(list(labels.values()))))
    for id in view.ids:
        view._open["boxes"][id] = []
    assert not any(x.any() for x in made(view, name, **QUICK.get(name, {})).values())


# ------------------------------------------------------------------------------ boxes and labels


def test_guess_is_certain_in_the_core_and_outside():
    boxes = [Box(1, 0, 0, 10, 10), Box(2, 2, 2, 6, 6)]
    p = blocks.guess(boxes, (12, 12), 3, share=0.25)
    assert p.shape == (4, 12, 12) and np.allclose(p.sum(0), 1) and not p[3].any()
    assert p[0, 11, 11] == 1 and p[0, 0, 10] == 1
    assert p[2, 3:5, 3:5].min() == 1 and (p[2] == 1).sum() == 4
    assert (p[1] == 1).sum() == 9  # its core, 5 x 5, less what the small box hides
    assert np.allclose(p[:3, 2, 2], 1 / 3) and np.allclose(p[:2, 0, 0], 0.5)
    assert np.array_equal(blocks.guess(boxes, (12, 12), 3, 1.0).argmax(0), fill(boxes, (12, 12)))


def test_paint_leaves_out_what_is_outside_and_keeps_small_boxes_in_front():
    boxes = [Box(2, 2, 2, 5, 5), Box(1, 0, 0, 8, 8)]
    everything = np.ones((10, 10), bool)
    assert np.array_equal(blocks.paint(boxes, [everything] * 2, (10, 10)), fill(boxes, (10, 10)))
    nothing = blocks.paint(boxes, [~everything] * 2, (10, 10), ground=255)
    assert np.array_equal(nothing == 255, fill(boxes, (10, 10)) > 0)


def test_filling_rates_are_means_by_class():
    box, region = Box(1, 0, 0, 4, 4), np.zeros((8, 8), bool)
    region[:2, :4] = True
    rates = blocks.filling_rates([(box, region), (box, ~region), (Box(3, 0, 0, 2, 2), region)], 3)
    assert np.allclose(rates[[1, 3]], [0.5, 1.0]) and rates[2] == pytest.approx(2 / 3)
    assert (blocks.filling_rates([], 2) == 1).all()


def test_wssl_seg_follows_the_edge_of_the_object():
    rng = np.random.default_rng(0)
    image = np.full((48, 48, 3), (30, 90, 30), np.uint8)
    yy, xx = np.indices((48, 48))
    disc = (yy - 24) ** 2 + (xx - 24) ** 2 < 14**2
    image[disc] = (200, 40, 40)
    image = (image + rng.integers(0, 6, image.shape)).astype(np.uint8)
    boxes = [Box(1, 10, 10, 39, 39)]
    found = wssl_seg.crf_labels(image, boxes, 1, 0.2)
    assert overlap(found == 1, disc) > 0.95 > overlap(fill(boxes, (48, 48)) == 1, disc)
    tree = proposals(image, 60)  # and so does the proposal that fits the box
    assert overlap(tree.mask(tree.overlap(boxes[0]).argmax()), disc) > 0.9
    assert overlap(sdi.labels(image, boxes) == 1, disc) > 0.9
    both = sdi.labels(image, boxes, agree=True)
    assert overlap(both == 1, disc) > 0.9 and (both == 255).any()
    assert (sdi.labels(image, boxes, least=1.1) == 1).sum() > disc.sum()  # believes nothing


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def test_the_e_step_by_hand():
    scores = np.zeros((3, 1, 4), np.float32)
    scores[:, 0] = [[0, 0, 0, 0], [-0.5, -1.5, 5, 5], [9, 9, 9, 9]]
    found = wssl_em.e_step(scores, [Box(1, 0, 0, 3, 1)], foreground=5, background=4)
    assert found.tolist() == [[1, 0, 1, 0]]  # class 2 has no box, the last pixel none at all


def test_proposals_are_a_tree_whose_root_is_the_picture(view):
    image = view.image(view.ids[0])
    tree = proposals(image, 40)
    count = tree.members.shape[1]
    assert tree.members.shape[0] == 2 * count - 1 and tree.members[-1].all()
    for k in (0, count, -2, -1):
        y, x = np.nonzero(tree.mask(k))
        assert tuple(tree.boxes[k]) == (y.min(), x.min(), y.max() + 1, x.max() + 1)
    box = Box(1, 3, 5, 60, 70)
    y0, x0, y1, x1 = tree.boxes[-2]
    one, other = np.zeros((2, *image.shape[:2]), bool)
    one[y0:y1, x0:x1], other[box.y0 : box.y1, box.x0 : box.x1] = True, True
    assert tree.overlap(box)[-2] == pytest.approx(overlap(one, other))
    flat = proposals(np.zeros((9, 7, 3), np.uint8), 4)
    assert flat.pieces.shape == (9, 7) and flat.members[-1].all()


def test_disagreement_is_the_mean_cross_entropy_in_the_box(view):
    image, box = view.image(view.ids[0]), Box(2, 10, 20, 70, 90)
    tree = proposals(image, 40)
    logits = torch.randn(4, *image.shape[:2], generator=torch.Generator().manual_seed(0))
    scores = logits.log_softmax(0).numpy()
    for region in (0, 30, len(tree.members) - 2):
        labels = torch.from_numpy(np.where(tree.mask(region), 2, 0))
        each = torch.nn.functional.cross_entropy(logits[None], labels[None], reduction="none")
        want = float(each[0][blocks.inside(box)].mean())
        found = boxsup.disagreement(tree, box, scores, tree.members)[region]
        assert found == pytest.approx(want, rel=1e-4)


def test_boxsup_finds_an_object_of_two_colours():
    image = np.full((60, 80, 3), (30, 90, 30), np.uint8)
    image[10:50, 20:40], image[10:50, 40:60] = (200, 40, 40), (40, 60, 220)
    box = Box(1, 20, 10, 60, 50)
    tree = proposals(image, 60)
    members, iou = boxsup.candidates(tree, box)
    best = members[iou.argmax()][tree.pieces]
    assert iou.min() >= 0.5 and overlap(best, fill([box], best.shape) == 1) > 0.85
    whole = Box(1, 0, 0, 80, 60)
    assert len(boxsup.candidates(tree, whole)[0])


def test_the_union_of_cuts_holds_each_of_them_and_stays_in_the_box(view):
    id = view.ids[0]
    image, boxes = view.image(id), view.boxes(id)
    every = [box_cuts.one_cut(image, boxes[0], boxes, *way) for way in box_cuts.WAYS]
    union = box_cuts.box_cuts(image, boxes[0], boxes)
    assert np.array_equal(union, np.any(every, 0))
    assert not union[fill(boxes[:1], union.shape) == 0].any()
    whole = Box(1, 0, 0, image.shape[1], image.shape[0])  # no ground at all
    assert box_cuts.one_cut(image, whole, [whole], 0.5, 64, False).any()


def test_a_crowd_is_not_its_own_background():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 30, (40, 60, 3)).astype(np.uint8)
    image[10:30, 8:52, 0] = 220  # two red neighbours, of which one is looked at
    one, other = Box(1, 8, 10, 30, 30), Box(1, 30, 10, 52, 30)
    share = [box_cuts.one_cut(image, one, [one, other], 0.5, 128, alike)[blocks.inside(one)].mean()
             for alike in (False, True)]  # fmt: skip
    assert share[1] > 0.9 and share[1] > share[0]


def test_the_rounded_box_has_sides_and_no_corners():
    region = box_cuts.rounded(Box(1, 4, 2, 24, 32), (40, 30))
    y, x = np.nonzero(region)
    assert y.min() >= 2 and y.max() < 32 and x.min() >= 4 and x.max() < 24
    assert 0.6 < region[2:32, 4:24].mean() < 0.85 and not region[2, 4] and region[17, 6]
    assert box_cuts.rounded(Box(1, 0, 0, 1, 1), (2, 2)).sum() == 1


# --------------------------------------------------------------------------------------- losses


def test_boxes_on_a_grid_keep_a_cell_and_stay_inside():
    placed = losses.on_grid([Box(1, 0, 0, 1, 1), Box(2, 99, 40, 100, 100), Box(3, 0, 0, 100, 50)],
                            (100, 100), (10, 10))  # fmt: skip
    assert placed == [(3, 0, 5, 0, 10), (2, 4, 10, 9, 10), (1, 0, 1, 0, 1)]


def test_line_loss_by_hand_and_its_minimum():
    prob = torch.full((1, 2, 3, 4), 0.5)
    prob[0, 1, 0, 1] = 0.8
    boxes = [(0, 1, 0, 2, 0, 3)]
    lines = [0.8, 0.5, 0.5, 0.8, 0.5]  # two rows, three columns
    assert float(losses.line_loss(prob, boxes)) == pytest.approx(-np.log(lines).mean(), rel=1e-5)
    diagonal = torch.zeros(1, 2, 3, 3)
    diagonal[0, 1] = torch.eye(3)
    assert float(losses.line_loss(diagonal, [(0, 1, 0, 3, 0, 3)])) == 0  # a third is enough
    assert float(losses.line_loss(prob, [])) == 0


def test_size_loss_is_zero_between_its_bounds_and_a_square_outside():
    prob, boxes = torch.zeros(1, 3, 4, 4), [(0, 1, 0, 4, 0, 2), (0, 2, 0, 2, 0, 4)]
    prob[:, 1], prob[:, 2] = 0.3, 0.7
    assert float(losses.size_loss(prob, boxes, 0.2, 0.8)) == 0
    want = (0.1**2 + 0.2**2) / 2
    assert float(losses.size_loss(prob, boxes, 0.4, 0.5)) == pytest.approx(want, rel=1e-5)
    each = np.array([9, 0.3, 0.7])
    assert float(losses.size_loss(prob, boxes, each, each)) == pytest.approx(0, abs=1e-9)
    free = torch.rand(1, 3, 4, 4, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: losses.size_loss(p, boxes, 0.9, 0.95), free)
    assert torch.autograd.gradcheck(lambda p: losses.line_loss(p, boxes), free)
    assert torch.autograd.gradcheck(losses.smooth_loss, free)


def test_smooth_loss_is_free_across_an_edge_of_colour():
    prob = torch.zeros(1, 1, 2, 4)
    prob[..., 2:] = 1
    assert float(losses.smooth_loss(prob)) == pytest.approx(2 / 10)  # two of ten pairs differ
    colours = prob.expand(1, 3, 2, 4)
    assert float(losses.smooth_loss(prob, colours)) < 1e-6
    assert float(losses.smooth_loss(prob, colours * 0)) == pytest.approx(2 / 10)


def test_the_top_of_a_box_is_labelled_and_the_rest_left_open():
    prob = torch.zeros(1, 3, 4, 4)
    prob[0, 1] = torch.arange(16).reshape(4, 4) / 16
    target = losses.top_of_boxes(prob, [(0, 1, 0, 4, 0, 2)], np.array([0, 0.5, 1]))
    assert target[0].tolist() == [[255, 255, 0, 0], [255, 255, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    filled = losses.top_of_boxes(prob, [(0, 1, 0, 4, 0, 2), (0, 2, 1, 2, 0, 1)], np.ones(3))
    assert filled[0, :, :2].tolist() == [[1, 1], [2, 1], [1, 1], [1, 1]]


def test_what_is_ruled_out_costs_and_what_is_open_does_not():
    logits = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    p = logits.softmax(1)
    want = -(p[0, 0].clone() + torch.tensor([[1.0, 0], [0, 0]]) * p[0, 1]).log().mean()
    assert float(losses.ruled_out_loss(p, [(0, 1, 0, 1, 0, 1)])) == pytest.approx(float(want))
    either = torch.tensor([0.4, 0.6, 0.0])[None, :, None, None].expand(1, 3, 2, 2)
    assert float(losses.ruled_out_loss(either, [(0, 1, 0, 2, 0, 2)])) == pytest.approx(0, abs=1e-6)


def test_the_bound_on_the_size_sets_the_area(view):
    def area(rate):
        rates = np.full(len(view.classes) + 1, rate)
        labels = made(view, "size-bounds", epochs=60, strength=100.0, slack=0.0, rates=rates)
        return np.mean([(x > 0).mean() for x in labels.values()])

    small, large = area(0.05), area(0.9)
    assert small < large / 2, (small, large)


def test_bcm_multiplies_by_masks_that_learn_the_boxes():
    logits = torch.randn(1, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    out = bcm.masked(logits, 2)
    assert torch.equal(out[:, 0], logits[:, 0])
    assert torch.allclose(out[:, 1:], logits[:, 1:3] * logits[:, 3:].sigmoid())
    logits[:, 3:] = -50.0
    logits[0, 4, 1:3, :] = 50.0
    assert float(bcm.mask_loss(logits, [(0, 2, 1, 3, 0, 4)], 2)) == pytest.approx(0, abs=1e-6)
    assert float(bcm.mask_loss(logits, [], 2)) == pytest.approx(8 / 32)


def test_attention_weighs_the_loss_of_the_label_it_belongs_to():
    scores = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[[0, 1], [2, 255]]])
    attention = torch.ones(1, 3, 2, 2)
    plain = torch.nn.functional.cross_entropy(scores, labels, ignore_index=255)
    assert float(box2seg.weighted_loss(scores, attention, labels)) == pytest.approx(float(plain))
    attention[0, 1, 0, 1] = attention[0, 2, 1, 0] = 0
    only = -scores[0, :, 0, 0].log_softmax(0)[0] / 3
    assert float(box2seg.weighted_loss(scores, attention, labels)) == pytest.approx(float(only))


def test_a_decoder_without_attention_gives_its_first_maps(view):
    features = on_view.stages(view)
    decoder = on_view.train_with(features, lambda logits, rows: logits.square().mean(), 7, epochs=1)
    x = [torch.from_numpy(f[:2]) for f in features]
    with torch.no_grad():
        before = decoder(x)
        assert torch.allclose(box2seg.without_attention(decoder, 3)(x), before[:, :4], atol=1e-6)


# -------------------------------------------------------------------------------- bana and bbam


def test_bana_attends_to_what_is_not_like_the_outside():
    x = torch.zeros(3, 4, 4)
    x[0] = 1.0
    x[:, 1, 1] = torch.tensor([0.0, 1.0, 0.0])
    inside = bana.masks_at([Box(1, 0, 0, 20, 20)], (40, 40), (4, 4))
    assert inside.sum() == 4
    ground, queries = bana.background_map(x, inside, 2, torch.ones(3))
    assert len(queries) == 3 and float(ground[1, 1]) == 0 and float(ground[0, 0]) == 1
    assert torch.allclose(bana.pooled(x, 1 - ground, inside)[0], x[:, 1, 1])
    everywhere = bana.masks_at([Box(1, 0, 0, 40, 40)], (40, 40), (4, 4))
    _, queries = bana.background_map(x, everywhere, 2, torch.ones(3))
    assert len(queries) == 1 and torch.equal(queries[0], torch.ones(3))
    assert bana.masks_at([Box(1, 11, 3, 12, 4)], (40, 40), (4, 4)).sum() == 1


def test_bana_trusts_what_crf_and_means_agree_on(view):
    out = find("bana")(view, doubt=0.1)
    weights = np.concatenate([w.ravel() for w in out.weights.values()])
    assert weights.min() >= 0 and weights.max() <= 1 and (weights == 1).mean() > 0.5
    assert (weights < 0.2).any()
    sure = find("bana")(view, doubt=1.0, gamma=0.0).weights
    assert all((w > 0.999).all() for w in sure.values())
    assert all(out.weights[i].shape == out.labels[i].shape for i in view.ids)


def test_regions_hold_their_boxes_where_the_targets_say():
    boxes, sizes = [[Box(2, 10, 20, 30, 60)], []], [(80, 40), (9, 9)]
    (region, empty), targets = bbam.regions_near(boxes, sizes, np.random.default_rng(0), 0.0)
    assert region.tolist() == [[0.125, 0.125, 0.875, 0.875]] and empty.shape == (0, 4)
    assert torch.allclose(targets, torch.tensor([[2, 1 / 6, 1 / 6, 5 / 6, 5 / 6]]))


class FirstHalf(torch.nn.Module):
    """A detector that looks at the left half of its region only."""

    def answer(self, reduced):
        left = reduced[..., : bbam.SIDE // 2].mean((2, 3))
        return torch.cat([-left, left], 1) * 5, left.expand(-1, 4)


def test_bbam_keeps_what_the_detector_needs_and_hides_the_rest():
    seen = torch.ones(2, 1, bbam.SIDE, bbam.SIDE)
    mask = bbam.smallest(FirstHalf(), seen, torch.zeros(1, 1, 1), price=0.3, steps=60)
    half = bbam.SIDE // 2
    assert float(mask[..., :half].min()) > 0.8 and float(mask[..., half:].max()) < 0.2
    dear = bbam.smallest(FirstHalf(), seen, torch.zeros(1, 1, 1), price=100.0, steps=60)
    assert float(dear.mean()) < 0.2  # at a high price nothing is kept


def test_methods_that_train_with_their_own_loss_hand_back_the_decoder(view):
    for name in ("bcm", "box2seg", "size-bounds"):
        out = find(name)(view, epochs=1)
        x = [torch.from_numpy(f[:1]) for f in on_view.stages(view)]
        with torch.no_grad():
            assert out.decoder(x).shape[:2] == (1, len(view.classes) + 1)


# The best of boxes


def test_best_boxes_is_bbtp_with_other_knobs(view):
    knobs = {"lines": 0.5, "smooth": 30.0, "spread": 0.05, "crf": CRF(colour_std=6)}
    best = find("best-boxes")(view, epochs=1)
    assert same(best, find("bbtp")(view, epochs=1, **knobs))
    assert not same(best, find("bbtp")(view, epochs=1))
    assert same(find("best-boxes")(view, epochs=0), made(view, "box-fill"))


def test_the_crf_keeps_to_the_boxes_and_follows_colour():
    image = np.full((40, 40, 3), 60, np.uint8)
    image[10:30, 8:22] = 220  # the object; its box reaches further
    box = Box(1, 8, 10, 32, 30)
    prob = np.full((2, 40, 40), 0.5, np.float32)
    prob[1, :, :20] = 0.7
    prob[0, :, 26:] = 0.7
    labels = on_view.smoothed(image, prob, blocks.allowed([box], (40, 40), 1), CRF())
    assert labels[20, 12] == 1 and labels[20, 21] == 1 and not labels[20, 24:].any()
    assert not labels[:, :8].any() and not labels[:10].any()
