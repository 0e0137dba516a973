"""Self-supervision: transforms and their inverses, consistency, contrast; the methods on them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.distance import braycurtis

from wsss_lite.lab import Lab
from wsss_lite.losses import consistency, contrast
from wsss_lite.maps import cam as blocks
from wsss_lite.maps import transform
from wsss_lite.maps.similar import similarity, spread
from wsss_lite.methods.selfsup import ppc, puzzle_cam, seam, sipe
from wsss_lite.nets import views
from wsss_lite.registry import find

METHODS = ("seam", "puzzle-cam", "ppc", "sipe")


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        one = Lab(str(tiny), trunk)
        assert one.bank.folder  # fixed here, while the variable is set
        yield one


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------- off and on


@pytest.mark.parametrize("name", METHODS)
def test_switched_off_it_is_cam_and_on_it_is_not(lab, name):
    assert np.array_equal(lab.maps(name, epochs=0), lab.maps("cam"))
    assert np.abs(lab.maps(name).astype(np.float32) - lab.maps("cam")).mean() > 1e-4


@pytest.mark.parametrize("name", METHODS)
def test_pictures_without_tags_and_classes_without_pictures(lab, name):
    view = lab.view()
    tags = view.tags.copy()
    tags[0] = False
    tags[:, np.flatnonzero(tags.any(0))[0]] = False
    view.tags = tags
    maps = find(name)(view)
    assert np.isfinite(maps).all() and (maps.max((2, 3))[~tags] == 0).all()
    assert (maps.max((2, 3))[tags] > 0).any()


# ------------------------------------------------------------------------- transforms


def test_stitching_undoes_cutting():
    picture = np.arange(6 * 9 * 3).reshape(6, 9, 3)
    for grid in (1, 3):
        tiles = np.stack(transform.cut(picture, grid)).transpose(0, 3, 1, 2)
        whole = transform.stitch(torch.from_numpy(tiles), grid)
        assert np.array_equal(whole[0].permute(1, 2, 0), picture)
    two = torch.cat([torch.full((4, 1, 2, 2), float(k)) + torch.arange(4).reshape(4, 1, 1, 1)
                     for k in (0, 10)])  # fmt: skip
    assert transform.stitch(two)[1, 0, [0, 0, 2, 2], [0, 2, 0, 2]].tolist() == [10, 11, 12, 13]


def test_no_pixel_is_lost_where_the_grid_does_not_fit():
    tiles = transform.cut(np.ones((7, 5, 3)), 2)
    assert sum(t.size for t in tiles) == 7 * 5 * 3 and len(tiles) == 4


def test_a_crop_put_back_is_where_it_was_cut():
    y, x = torch.meshgrid(torch.arange(12.0), torch.arange(8.0), indexing="ij")
    maps = torch.stack([y, 3 - 2 * x])[None]  # bilinear values of planes are exact
    box = (1 / 4, 1 / 2, 3 / 4, 1.0)
    crop = transform.part(maps, box)
    exact = F.interpolate(maps[..., 3:9, 4:], maps.shape[-2:], mode="bilinear")
    inner = (..., slice(2, -2), slice(2, -2))  # at the rim the neighbours count, which a crop lacks
    assert torch.allclose(crop[inner], exact[inner], atol=1e-4)
    back = transform.put_back(crop, box)
    assert torch.allclose(back[..., 3:9, 4:], maps[..., 3:9, 4:], atol=0.51)
    assert torch.allclose(back[..., 4:8, 5:7], maps[..., 4:8, 5:7], atol=1e-4)
    assert (back[..., :3, :] == 0).all() and (back[..., :4] == 0).all()
    everything = (0.0, 0.0, 1.0, 1.0)
    assert torch.allclose(transform.put_back(transform.part(maps, everything), everything), maps)


def test_dissimilarity_is_the_measure_of_bray_and_curtis():
    a, b = noise(2, 3, 4, 5), noise(2, 3, 4, 5, seed=1)
    want = [[braycurtis(p.ravel(), q.ravel()) for p, q in zip(i, j)]
            for i, j in zip(a.numpy(), b.numpy())]  # fmt: skip
    assert np.allclose(transform.dissimilarity(a, b), want, atol=1e-6)
    assert (transform.dissimilarity(a, a) == 0).all()
    half = torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
    assert transform.dissimilarity(half, half.flip(-1)) == 1


# ------------------------------------------------------------------------- features of views


def test_tiles_are_seen_alone_and_lie_where_they_were_cut(lab):
    view, grid = lab.view(), 2
    tiles = views.tiled(view, grid)
    cells = round(lab.trunk.size / grid / lab.trunk.stride)
    assert tiles.shape == (len(view), view.features("final").shape[1], *2 * (grid * cells,))
    fourth = transform.cut(view.image(view.ids[2]), grid)[3]
    alone = lab.trunk([fourth], size=cells * lab.trunk.stride)["final"][0]
    assert np.allclose(tiles[2:3][0, :, cells:, cells:], alone, atol=2e-2)
    seen = np.concatenate([x for _, x in tiles.chunks(3)])
    assert np.array_equal(seen[[5, 1]], tiles[np.array([5, 1])])


def test_mirrored_features_are_turned_back(lab):
    view = lab.view()
    turned = view.features("final", flip=True)[3][..., ::-1]
    assert np.array_equal(views.mirrored(view)[3:4][0], turned)


def test_a_scale_is_a_whole_number_of_cells(lab):
    trunk = lab.trunk
    assert views.size_at(trunk, 1) == trunk.size and views.size_at(trunk, 0.01) == 2 * trunk.stride
    assert views.scaled(lab.view(), 0.7).shape[-1] == round(0.7 * trunk.size / trunk.stride)


@pytest.mark.parametrize("change", views.CHANGES)
def test_equivariance_error_of_known_maps(lab, change):
    """A map that is the same everywhere is equivariant; one tied to the frame is not."""
    view = lab.view()
    classes = len(view.classes)

    def even(x):
        return torch.ones(len(x), classes, *x.shape[-2:])

    assert views.equivariance_error(view, change, even) < 1e-6
    weight = noise(classes, view.features("final").shape[1]) - 0.5
    error = views.equivariance_error(view, change, lambda x: blocks.activation(x, weight))
    assert 0.01 < error < 1


def test_equivariance_error_by_hand(lab):
    view = lab.view()
    weight = noise(len(view.classes), view.features("final").shape[1]) - 0.5
    maps = [blocks.cam(torch.from_numpy(view.features("final", flip=f)[:]), weight, view.tags)
            for f in (False, True)]  # fmt: skip
    values = transform.dissimilarity(maps[0], maps[1].flip(-1))[torch.from_numpy(view.tags.copy())]
    found = views.equivariance_error(view, "mirror", lambda x: blocks.activation(x, weight))
    assert found == pytest.approx(float(values.mean()), abs=1e-4)


# ------------------------------------------------------------------------- losses


def test_difference_counts_tagged_classes_only():
    a, b = torch.zeros(2, 3, 2, 2), torch.ones(2, 3, 2, 2)
    b[:, 1] = 5
    tags = np.array([[True, True, False], [True, False, False]])
    assert float(consistency.difference(a, b, tags)) == pytest.approx((1 + 5 + 1) / 3)
    assert float(consistency.difference(a, b, np.zeros((2, 3), bool))) == 0


def test_background_and_strongest_by_hand():
    maps = torch.tensor([[0.2, 0.9], [0.5, 0.3]]).reshape(1, 2, 1, 2)
    everything = consistency.with_rest(maps)
    assert torch.allclose(everything[0, :, 0].T, torch.tensor([[0.5, 0.2, 0.5], [0.1, 0.9, 0.3]]))
    firm = consistency.only_strongest(maps)
    assert torch.equal(firm[0, :, 0].T, torch.tensor([[0.0, 0.5], [0.9, 0.0]]))
    assert consistency.with_background([[False, True]]).tolist() == [[True, False, True]]


def test_a_ramp_is_full_half_way():
    assert [consistency.ramp(k, 8) for k in (1, 2, 4, 8)] == [0.25, 0.5, 1, 1]


def test_spreading_is_a_product_with_a_dense_matrix():
    x, maps = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0)), noise(2, 2, 3, 4)
    similar = similarity(x)
    places = x.flatten(2).transpose(1, 2)
    want = F.cosine_similarity(places[:, :, None], places[:, None], dim=3).clamp(min=0)
    assert torch.allclose(similar, want, atol=1e-6)
    for b in range(2):
        weight = want[b].double() / want[b].double().sum(1, keepdim=True)
        by_hand = maps[b].flatten(1).double() @ weight.T
        assert torch.allclose(spread(maps, similar)[b].flatten(1).double(), by_hand, atol=1e-5)


def test_spreading_keeps_to_what_is_alike():
    x = torch.zeros(1, 2, 1, 4)
    x[0, 0, 0, :2], x[0, 1, 0, 2:] = 1, 1
    maps = torch.tensor([1.0, 0, 0.4, 0]).reshape(1, 1, 1, 4)
    assert torch.allclose(spread(maps, similarity(x)).ravel(), torch.tensor([0.5, 0.5, 0.2, 0.2]))


def test_info_nce_in_closed_form():
    proto = torch.eye(4)[:3]
    x = torch.eye(4)[None, :, :, None]  # the fourth place resembles no prototype
    labels = torch.tensor([0, 1, 2, 0])[None, :, None]
    want = (3 * np.log(1 + 2 * np.exp(-1 / 0.5)) + np.log(3)) / 4
    assert float(contrast.info_nce(x, labels, proto, 0.5)) == pytest.approx(want, rel=1e-5)
    proto[2] = 0  # no such class in the batch
    want = (2 * np.log(1 + np.exp(-1 / 0.5)) + np.log(2)) / 3
    assert float(contrast.info_nce(x, labels, proto, 0.5)) == pytest.approx(want, rel=1e-5)


def test_the_gradient_of_info_nce_is_that_of_differences():
    x = torch.randn(1, 3, 2, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    proto, labels = torch.eye(3, dtype=torch.double), torch.tensor([[[0, 1], [2, 0]]])
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: contrast.info_nce(x, labels, proto), (x,))


def test_prototypes_are_means_of_the_surest_places():
    x = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    maps = torch.zeros(2, 2, 2, 2)
    maps[0, 0, 0, 1], maps[1, 0, 1, 0], maps[1, 0, 1, 1] = 1.0, 0.5, 0.1
    proto = contrast.prototypes(x, maps, share=2 / 8)  # the two surest of eight places
    want = F.normalize(x[0, :, 0, 1] + 0.5 * x[1, :, 1, 0], dim=0)
    assert torch.allclose(proto[0], want, atol=1e-6) and (proto[1] == 0).all()


# ------------------------------------------------------------------------- the methods


def test_seam_makes_maps_more_equivariant(lab):
    view = lab.view()

    def error(**knobs):
        head = seam.train(view, epochs=30, cross=0, **knobs).head
        return views.equivariance_error(view, "scale", head)

    control, taught = error(strength=0.0), error(strength=5.0)
    assert taught < 0.85 * control, (control, taught)


def test_seam_learns_by_what_to_spread(lab):
    """The map spread by the learnt likeness is nearer to the other size's map than before."""
    view = lab.view()
    nets = [seam.train(view, epochs=e, strength=0.0, cross=5.0) for e in (1, 30)]
    final, other = (torch.from_numpy(f[:]) for f in (view.features("final"), views.scaled(view)))
    contexts = [torch.from_numpy(view.features(s)[:]) for s in seam.STAGES]

    @torch.inference_mode()
    def distance(net):
        maps, small = (seam.tagged(nets[0].head(x), view.tags) for x in (final, other))
        wide = blocks.resize(net.spread(maps, contexts), small.shape[-2:])
        firm = consistency.only_strongest(consistency.with_rest(small))
        return float(consistency.difference(wide, firm, consistency.with_background(view.tags)))

    assert distance(nets[1]) < 0.97 * distance(nets[0])


def test_puzzle_cam_brings_whole_and_tiles_together(lab):
    view = lab.view()

    def error(strength):
        head = puzzle_cam.train(view, epochs=30, strength=strength)
        return views.equivariance_error(view, "tiles", head)

    control, taught = error(0.0), error(10.0)
    assert taught < 0.95 * control, (control, taught)


def test_ppc_without_contrast_is_seam(lab):
    assert np.array_equal(lab.maps("ppc", contrast=0), lab.maps("seam"))
    assert not np.array_equal(lab.maps("ppc", contrast=0.3), lab.maps("seam"))


def test_contrast_draws_a_class_together(lab):
    """After training, places of one label resemble each other more, others less."""
    view = lab.view()
    x = torch.from_numpy(view.features("final")[:])

    def separation(strength):
        extra = ppc.Contrast(strength or 1.0)
        head = seam.train(view, epochs=20, cross=0, extra=extra if strength else None).head
        with torch.inference_mode():
            number = ppc.labels(seam.tagged(head(x), view.tags), 0.3).ravel()
            hidden = extra.project(head.correction.reduce(x).relu())
            unit = F.normalize(hidden.permute(0, 2, 3, 1).flatten(0, 2), dim=1)
            same = number[:, None] == number
            cosine = unit @ unit.T
            return float(cosine[same].mean() - cosine[~same].mean())

    assert separation(1.0) > separation(0.0) + 0.1


def test_labels_below_the_background_are_background():
    maps = torch.tensor([[0.1, 0.6, 0.3], [0.15, 0.2, 0.7]]).reshape(1, 2, 1, 3)
    assert ppc.labels(maps, 0.2).tolist() == [[[0, 1, 2]]]


def test_own_places_by_hand():
    """Two kinds of places; the map lies on most of one kind, which is then all of the class."""
    kind = torch.tensor([0, 0, 0, 1, 1, 1])
    similar = (kind[:, None] == kind).float()[None]
    heat = torch.tensor([1.0, 1.0, 0.0, 0.2, 0.0, 0.0])
    maps = consistency.with_rest(heat.reshape(1, 1, 2, 3))
    places = sipe.own_places(maps, similar)
    assert places[0, 1].ravel().tolist() == [1, 1, 1, 0, 0, 0]
    assert torch.equal(places.sum(1), torch.ones(1, 2, 3))
    same = sipe.likeness(torch.eye(2)[kind].T.reshape(1, 2, 2, 3), places)
    assert torch.equal(same, places)  # orthogonal kinds


def test_sipe_brings_the_two_maps_together(lab):
    view = lab.view()
    apart = []
    for epochs in (1, 30):
        general = lab.maps("sipe", epochs=epochs, specific=False).astype(np.float32)
        own = lab.maps("sipe", epochs=epochs).astype(np.float32)
        values = transform.dissimilarity(*(torch.from_numpy(m) for m in (general, own)))
        apart.append(float(values[torch.from_numpy(view.tags.copy())].mean()))
    assert apart[1] < 0.9 * apart[0], apart
