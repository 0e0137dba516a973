"""The small transformer of class tokens, and MCTformer on it."""

import numpy as np
import pytest
import torch

from wsss_lite.lab import Lab
from wsss_lite.methods.affinity import mctformer
from wsss_lite.nets import tokens


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        yield Lab(str(tiny), trunk)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return tokens.ClassTokens(5, 3, (4, 4), width=16, layers=2, heads=4).eval()


def test_a_layer_is_torchs_own_attention(net):
    layer, x = net.layers[0], torch.randn(2, 7, 16)
    own = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    weights = [layer.query.weight, layer.key.weight, layer.value.weight]
    own.in_proj_weight.data = torch.cat(weights).data
    own.in_proj_bias.data.zero_()
    own.out_proj.load_state_dict(layer.out.state_dict())
    z = layer.before(x)
    found, attention = own(z, z, z, average_attn_weights=False)
    with torch.no_grad():
        y = x + found
        want = y + layer.think(layer.between(y))
        got, logits = layer(x)
    assert torch.allclose(got, want, atol=1e-5)
    assert torch.allclose(logits.softmax(-1), attention, atol=1e-6)


def test_attention_is_cut_out_of_the_right_place(net):
    seen = net(torch.randn(2, 5, 4, 4))
    assert seen.scores.shape == (2, 3) and seen.patches.shape == (2, 16, 4, 4)
    assert [x.shape for x in seen.logits] == [(2, 4, 19, 19)] * 2
    whole = torch.stack([x.softmax(-1).mean(1) for x in seen.logits]).mean(0)
    found = tokens.class_attention(seen)
    assert torch.allclose(found[1, 2, 3, 1], whole[1, 2, 3 + 3 * 4 + 1])
    assert (found.sum((1, 2, 3)) < 3).all()  # the rest goes to the class tokens
    pairs = tokens.patch_attention(seen)
    assert pairs.shape == (2, 16, 16) and torch.allclose(pairs.sum(2), torch.ones(2, 16), atol=1e-5)


def test_attention_begins_as_similarity(net):
    """Untrained, a patch looks most at patches with its own features."""
    x = torch.randn(1, 5, 1, 1).repeat(1, 1, 4, 4)
    x[..., 2:] = -x[..., 2:]
    pairs = tokens.patch_attention(net(x))[0].unflatten(0, (4, 4)).unflatten(2, (4, 4))
    assert pairs[:, :2, :, :2].mean() > 1.5 * pairs[:, :2, :, 2:].mean()


def test_other_sizes_of_the_picture_fit(net):
    assert net(torch.randn(1, 5, 6, 7)).patches.shape == (1, 16, 6, 7)


# ------------------------------------------------------------------------------------- mctformer


def test_switched_off_it_is_cam_and_every_part_changes_the_maps(lab):
    assert np.array_equal(lab.maps("mctformer", epochs=0), lab.maps("cam"))
    short = {"epochs": 2}
    on = lab.maps("mctformer", **short).astype(np.float32)
    for off in ({"attention": 0}, {"affinity": 0}, {"epochs": 0}):
        other = lab.maps("mctformer", **{**short, **off})
        assert np.abs(on - other).mean() > 1e-3, off


def test_the_map_is_patchcam_times_attention_spread_by_attention(lab):
    torch.manual_seed(0)
    net = mctformer.PatchCam(5, 3, (4, 4), width=16).eval()
    x = torch.randn(2, 5, 4, 4)
    with torch.no_grad():
        seen, maps = net(x)
        look, pairs = tokens.class_attention(seen), tokens.patch_attention(seen)
    plain = mctformer.fused(net, x, 0, 0)
    assert torch.allclose(plain, maps.relu(), atol=1e-6)
    times = mctformer.fused(net, x, 1.0, 0)
    assert torch.allclose(times, maps.relu() * look, atol=1e-6)
    spread = torch.einsum("bij,bcj->bci", pairs, times.flatten(2)).unflatten(2, (4, 4))
    assert torch.allclose(mctformer.fused(net, x, 1.0, 1), spread, atol=1e-6)


def test_class_tokens_learn_to_look_at_their_class():
    """Class c is a blob with its own feature: after training its token looks there."""
    torch.manual_seed(0)
    tags = torch.rand(120, 3) < 0.5
    x = 0.3 * torch.randn(120, 5, 4, 4)
    where = torch.randint(16, (120, 3))
    for n in range(120):
        for c in torch.nonzero(tags[n])[:, 0]:
            x[n, c].view(-1)[where[n, c]] += 4
    net = mctformer.PatchCam(5, 3, (4, 4), layers=1, width=16)
    best = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(80):
        seen, _ = net(x)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(seen.scores, tags.float())
        best.zero_grad()
        loss.backward()
        best.step()
    look = tokens.class_attention(net.eval()(x)[0]).flatten(2)
    there = look.gather(2, where[..., None])[..., 0][tags]
    assert there.mean() > 3 * look.mean(2)[tags].mean()
