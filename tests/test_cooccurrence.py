"""Methods against co-occurrence: their switches, their mechanisms, and the blocks they use."""

import warnings

import numpy as np
import pytest
import torch
from scipy import ndimage

from wsss_lite.data import compose
from wsss_lite.data.pocket import PocketVOC
from wsss_lite.lab import Lab
from wsss_lite.maps import foreground as masks
from wsss_lite.methods.cooccurrence import bdm, c2am, c_cam, cda, w_ood
from wsss_lite.nets.probe import train_probe

OFF = {
    "cda": {"pastes": 0},
    "bdm": {"pictures": 0},
    "w-ood": {"weight": 0},
    "c2am": {"gate": 0},
    "c-cam": {"context": 0, "anatomy": 0},
}
ON = {"cda": {}, "bdm": {"pictures": 6}, "c2am": {}, "c-cam": {}}


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        yield Lab(str(tiny), trunk)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", OFF)
@pytest.mark.filterwarnings("error")  # w-ood without its pictures needs none of them either
def test_switched_off_it_is_cam(lab, name):
    assert np.array_equal(lab.maps(name, **OFF[name]), lab.maps("cam"))


def test_the_gate_on_zero_shot_maps_is_a_switch_too(lab):
    zero = lab.maps("cam-imagenet")
    off, on = (lab.maps("c2am-imagenet", gate=gate) for gate in (0, 2))
    assert np.array_equal(off, zero) and np.abs(on - zero).mean() > 1e-3
    assert (on[zero == 0] == 0).all()  # a gate adds nothing


@pytest.mark.parametrize("name", ON)
def test_switched_on_it_is_not(lab, name):
    one, other = (np.asarray(m, np.float32) for m in (lab.maps(name, **ON[name]), lab.maps("cam")))
    assert np.abs(one - other).mean() > 1e-3


# ---------------------------------------------------------------------------------- composing


def ellipse(size=40, centre=(22, 15), axes=(9, 6)):
    y, x = np.mgrid[:size, :size]
    return ((y - centre[0]) / axes[0]) ** 2 + ((x - centre[1]) / axes[1]) ** 2 <= 1


def test_what_is_cut_and_pasted_at_its_own_place_changes_nothing(rng):
    picture = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    mask = ellipse()
    piece = compose.cut(picture, mask)
    again, where = compose.paste(picture, piece, *piece.centre)
    assert np.array_equal(again, picture) and np.array_equal(where, mask)


@pytest.mark.parametrize("shift", [(0, 0), (5, 9), (-20, 3), (30, 30)])
def test_paste_moves_pixels_and_mask_exactly(rng, shift):
    """Against numpy's own indexing, also where the object leaves the picture."""
    picture, other = rng.integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    piece = compose.cut(picture, ellipse())
    y, x = piece.centre
    made, mask = compose.paste(other, piece, y + shift[0], x + shift[1])
    expected = ndimage.shift(ellipse().astype(float), shift, order=0) > 0.5
    moved = ndimage.shift(picture.astype(float), (*shift, 0), order=0)
    assert np.array_equal(mask, expected)
    assert np.array_equal(made, np.where(mask[..., None], moved, other).astype(np.uint8))


def test_scale_flip_and_soft_edge():
    white, black = np.full((40, 40, 3), 255, np.uint8), np.zeros((80, 80, 3), np.uint8)
    piece = compose.cut(white, ellipse())
    _, once = compose.paste(black, piece, 40, 40)
    made, twice = compose.paste(black, piece, 40, 40, scale=2)
    assert twice.sum() / once.sum() == pytest.approx(4, rel=0.05)
    assert np.array_equal(made[..., 0] >= 127, twice)
    half = compose.cut(white, np.tri(40, dtype=bool))  # a triangle, turned round
    assert np.array_equal(
        compose.paste(black, half, 40, 40, flip=True)[1][20:60, 20:60], np.tri(40)[:, ::-1] > 0
    )
    soft, mask = compose.paste(black, piece, 40, 40, soft=1.5)
    assert np.array_equal(mask, once)
    between = (soft[..., 0] > 5) & (soft[..., 0] < 250)
    assert between.any() and not between[~ndimage.binary_dilation(once, iterations=4)].any()


def test_nothing_is_cut_from_an_empty_mask():
    assert compose.cut(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8))) is None
    one, mask = compose.paste(
        np.zeros((8, 8, 3), np.uint8),
        compose.Piece(np.full((3, 3, 3), 9, np.uint8), np.ones((3, 3), bool), (1.5, 1.5)), 90, 90,
    )  # fmt: skip
    assert not one.any() and not mask.any()


def test_backdrop_hides_the_object_and_nothing_else(rng):
    """A red object on green: no red is left, what is far from it stays as it was."""
    picture = np.zeros((60, 60, 3), np.uint8)
    picture[..., 1] = 120 + rng.integers(0, 9, (60, 60))
    mask = ellipse(60, (30, 30), (14, 10))
    picture[mask] = 250, 0, 0
    empty = compose.backdrop(picture, mask)
    grown = ndimage.binary_dilation(mask, np.ones((5, 5)))
    assert np.array_equal(empty[~grown], picture[~grown])
    assert empty[grown][:, 0].max() < 10 and abs(empty[grown][:, 1].mean() - 124) < 5
    assert np.array_equal(compose.backdrop(picture, np.zeros((60, 60))), picture)
    assert (compose.backdrop(picture, np.ones((60, 60))).std((0, 1)) == 0).all()


def test_set_before_keeps_the_object_and_takes_the_background(rng):
    picture = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    other = rng.integers(0, 256, (30, 50, 3), dtype=np.uint8)
    made = compose.set_before(picture, ellipse(), other)
    assert made.shape == picture.shape and np.array_equal(made[ellipse()], picture[ellipse()])
    assert (made[~ellipse()] != picture[~ellipse()]).mean() > 0.9


def test_foreground_is_the_thresholded_map_and_follows_edges_with_the_crf():
    picture = np.full((40, 40, 3), 30, np.uint8)
    picture[10:30, 10:30] = 220
    maps = np.zeros((2, 40, 40), np.float32)
    maps[1, 12:34, 12:34] = 0.9  # too far down and right
    plain = masks.foreground(picture, maps, 0.4, crf=None)
    assert np.array_equal(plain, maps[1] > 0.4)
    better = masks.foreground(picture, maps, 0.4)
    truth = picture[..., 0] > 100
    assert (better ^ truth).sum() < 0.5 * (plain ^ truth).sum()
    assert not masks.foreground(picture, 0 * maps).any()


def test_largest_is_the_largest_piece():
    mask = np.zeros((10, 10), bool)
    mask[:2, :2], mask[5:9, 5:9] = True, True
    assert np.array_equal(np.argwhere(masks.largest(mask))[0], [5, 5])
    assert masks.largest(mask).sum() == 16 and masks.largest(mask & False).sum() == 0


# ------------------------------------------------------------------------------ pasted pictures


def test_cda_shows_the_probe_its_objects_in_other_pictures(lab, monkeypatch):
    """As many pictures as asked for, each with the tag of what was pasted besides its own."""
    view, seen = lab.view(), {}
    monkeypatch.setattr(cda, "train_probe", lambda x, tags, seed: keep(seen, x, tags, seed))
    cda.cda(view, pastes=2.0)
    n = len(view.ids)
    assert len(seen["tags"]) == 3 * n and np.array_equal(seen["tags"][:n], view.tags)
    added = seen["tags"][n:].sum(1).mean() - view.tags.sum(1).mean()
    assert 0.2 < added <= 1
    assert not (seen["x"][n:, None] == seen["x"][None, :n]).all(2).any()  # all are new pictures


def keep(seen, x, tags, seed):
    seen.update(x=x, tags=tags)
    return train_probe(x, tags, seed)


def test_cda_cuts_from_pictures_with_one_tag_only(lab):
    view = lab.view()
    pooled = view.features("pooled")[:]
    probe = train_probe(pooled, view.tags)
    found = cda.objects(view, probe, pooled, 20, 0.4)
    alone = view.tags[view.tags.sum(1) == 1]
    assert [pieces[0][0] for pieces in found] == list(np.flatnonzero(alone.any(0)))
    assert sum(map(len, found)) <= len(alone)
    assert all(len({cls for cls, _ in pieces}) == 1 for pieces in found)


def test_bdm_keeps_the_tagged_object_before_the_next_background(lab):
    view = lab.view()
    rows = np.arange(3)
    where = {row: np.zeros(view.image(view.ids[row]).shape[:2], bool) for row in rows}
    for mask in where.values():
        mask[20:60, 30:70] = True
    made = list(bdm.composed(view, rows, where))
    for k, picture in enumerate(made):
        own, other = view.image(view.ids[k]), view.image(view.ids[(k + 1) % 3])
        assert np.array_equal(picture[24:56, 34:66], own[24:56, 34:66])
        assert np.array_equal(picture[:14], other[:14])


class Constant:
    """Lazy rows for `retrain`: an array behind square brackets."""

    def __init__(self, values):
        self.values = values

    def __getitem__(self, rows):
        return self.values[rows]


def retrained(consistency, empty, n=40):
    """Weights of a class on two features, the object and its context, that come together.

    The composed scenes have the object without the context, the backgrounds the reverse.
    """
    rng = np.random.default_rng(0)
    there = np.arange(n) % 2 == 0
    final = np.zeros((n, 2, 4, 4), np.float32)
    final[there, 0, :2], final[there, 1, 2:] = 2, 2
    final += 0.02 * rng.random(final.shape, np.float32)
    scenes, alone = final[there].copy(), final[there].mean((2, 3))
    scenes[:, 1], alone[:, 0] = 0.01, 0.01

    class View:
        ids, tags = list(range(n)), there[:, None]

        class trunk:  # noqa: N801
            @staticmethod
            def features(ids, stage):
                return Constant(final[ids])

    pooled = final.mean((2, 3))
    probe = train_probe(pooled, View.tags)
    both = {"final": Constant(scenes), "pooled": Constant(scenes.mean((2, 3)))}
    rows = np.flatnonzero(there)
    return bdm.retrain(
        View, probe, pooled, rows, both, alone, 0, consistency, empty, epochs=400
    )


def test_bdm_takes_weight_from_the_context():
    plain, empty, agreeing = (retrained(*knobs).weight[0] for knobs in ((0, 0), (0, 1), (5, 0)))
    assert empty[1] < plain[1] - 0.01  # the backgrounds, which hold the context, have no tag
    assert abs(agreeing[1]) < 0.5 * abs(plain[1])  # the context must not change the map
    assert agreeing[0] > 0.3 * plain[0]


# ----------------------------------------------------------------------- out of distribution


@pytest.fixture(scope="module")
def drawn(session_cache, trunk):
    """A lab on a few drawn scenes, which know lakes and rails without anything on them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        yield Lab(PocketVOC(limit=20), trunk)


def test_w_ood_warns_without_such_pictures_and_gives_cam(lab):
    with pytest.warns(UserWarning, match="no out-of-distribution pictures"):
        maps = lab.maps("w-ood")
    assert np.array_equal(maps, lab.maps("cam"))


def test_w_ood_lowers_the_scores_of_pictures_without_objects(drawn, monkeypatch):
    view, kept = drawn.view(needs=("ood",)), []
    monkeypatch.setattr(w_ood, "probe_maps", lambda view, weight: kept.append(weight))
    other = view.trunk.features(view.ood, "pooled")[:]
    pooled = view.features("pooled")[:]
    first = train_probe(pooled, view.tags)
    hard = other[first.probability(other).max(1) > 0.5]
    assert len(hard)
    w_ood.w_ood(view)

    def stand_out(weight):
        """How far the hard pictures score above the normal ones; the bias moves both alike."""
        return (hard @ weight.T).max(1).mean() - (pooled @ weight.T).max(1).mean()

    assert stand_out(kept[0]) < stand_out(first.weight)


def test_w_ood_ignores_pictures_that_fool_nobody(drawn):
    view = drawn.view(needs=("ood",))
    assert np.array_equal(w_ood.w_ood(view, sure=1.1), w_ood.w_ood(view, weight=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        w_ood.w_ood(view)


# -------------------------------------------------------------------------- class-agnostic map


def test_contrast_against_scikit_learn_and_its_definition(rng):
    from sklearn.metrics.pairwise import cosine_similarity

    a, b = rng.random((2, 4, 5)).astype(np.float32)
    similar = cosine_similarity(a, b)
    assert float(c2am.apart(*map(torch.from_numpy, (a, b)))) == pytest.approx(
        -np.log(1 - similar).mean(), rel=1e-4
    )
    own, total = cosine_similarity(a), 0
    for i in range(4):
        order = [j for j in np.argsort(-own[i]) if j != i]
        total += sum(np.exp(-0.25 * k) * -np.log(own[i, j]) for k, j in enumerate(order))
    assert float(c2am.together(torch.from_numpy(a))) == pytest.approx(total / 16, rel=1e-4)


def split_features(rng, n=60):
    """(features of two kinds of place, where the second kind is): it lies in a random box."""
    inside = np.zeros((n, 1, 8, 8), np.float32)
    for k in range(n):
        y, x = rng.integers(1, 4, 2)
        inside[k, 0, y : y + 4, x : x + 4] = 1
    kinds = np.zeros((n, 4, 8, 8), np.float32)
    kinds[:, :2], kinds[:, 2:] = 1 - inside, inside
    return kinds + 0.1 * rng.random(kinds.shape, np.float32), inside


class Lazy(np.ndarray):
    def chunks(self, size=100):
        yield slice(None), np.asarray(self)


@pytest.mark.parametrize("seed", [0, 1])
def test_c2am_finds_the_object_without_a_label_and_its_sign_from_a_weak_map(rng, seed):
    features, inside = split_features(rng)
    hint = torch.from_numpy(0.5 * inside * (rng.random(inside.shape) > 0.7)).float()
    p = c2am.foreground_map(features.view(Lazy), hint, seed, anchor=0.0, epochs=15).numpy()
    assert np.corrcoef(p.ravel(), inside.ravel())[0, 1] > 0.8
    turned = c2am.foreground_map(features.view(Lazy), 0.5 - hint, seed, anchor=0.0, epochs=15)
    assert np.corrcoef(turned.numpy().ravel(), inside.ravel())[0, 1] < -0.8


def test_the_anchor_holds_the_map_where_the_hint_is(rng):
    features, inside = split_features(rng)
    wrong = torch.zeros(inside.shape)
    wrong[..., :3] = 1  # a place, the same in all pictures, that no feature tells apart
    free, held = (c2am.foreground_map(features.view(Lazy), wrong, 0, anchor, 15).numpy()
                  for anchor in (0.0, 300.0))  # fmt: skip
    away = [np.abs(p - wrong.numpy()).mean() for p in (free, held)]
    assert away[1] < away[0]


# ------------------------------------------------------------------------------ context maps


def test_context_maps_are_means_over_the_tagged_pictures():
    maps, tags = np.zeros((3, 2, 1, 2), np.float32), np.array([[1, 0], [1, 0], [0, 0]], bool)
    maps[0, 0], maps[1, 0] = [1, 0], [1, 0.5]
    assert np.allclose(c_cam.context_maps(maps, tags), [[[1, 0.25]], [[0, 0]]])


def test_the_image_context_is_the_likeliest_map_or_the_most_frequent():
    means = np.float32([[[1, 0]], [[0, 1]]])
    maps = np.zeros((4, 2, 1, 2), np.float32)
    maps[0, 0, 0], maps[1:, 1, 0] = [1, 0], [0, 1]
    tags = np.array([[1, 0], [0, 1], [0, 1], [0, 1]], bool)
    sharp = c_cam.image_context(maps, means, tags, 50.0)
    assert np.allclose(sharp[0], [1, 0], atol=1e-3) and np.allclose(sharp[1], [0, 1], atol=1e-3)
    flat = c_cam.image_context(maps, means, tags, 0.0)
    assert np.allclose(flat, np.float32([0.25, 0.75]))  # P(c) alone: the backdoor adjustment


def test_anatomy_draws_the_maps_to_the_mean_shape(lab):
    view = lab.view()
    base = np.asarray(lab.maps("cam"), np.float32)
    shape = c_cam.context_maps(base, view.tags)
    drawn = np.asarray(lab.maps("c-cam", context=0, anatomy=2.0), np.float32)
    rows, classes = np.nonzero(view.tags)

    def on_shape(maps):
        one = maps[rows, classes]
        return ((one * shape[classes]).sum((1, 2)) / one.sum((1, 2)).clip(1e-6)).mean()

    assert on_shape(drawn) > on_shape(base) + 0.02
