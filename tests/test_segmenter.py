"""The fixed segmenter and the probe: they learn, they are seeded, they ignore void."""

import numpy as np
import torch

from wsss_lite.nets import segmenter
from wsss_lite.nets.probe import train_probe
from wsss_lite.nets.rate import one_cycle
from wsss_lite.nets.segmenter import pixel_loss, predict, train_segmenter


def toy(n=24, size=8, seed=0):
    """Features that carry the label in one channel, at two resolutions."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, size, size)) < 0.4).astype(np.uint8)
    labels = labels.repeat(2, 1).repeat(2, 2)
    fine = rng.normal(size=(n, 4, size, size)).astype(np.float32)
    fine[:, 0] += 3 * labels[:, ::2, ::2]
    coarse = rng.normal(size=(n, 3, size // 2, size // 2)).astype(np.float32)
    return [fine, coarse], labels


def test_it_learns_and_is_seeded():
    features, labels = toy()
    recipe = {"epochs": 25, "batch": 6, "width": 16, "least_steps": 0}
    nets = [train_segmenter(features, labels, 2, seed=seed, **recipe) for seed in (0, 0, 1)]
    a, b, c = (np.stack(list(predict(net, features, [(16, 16)] * 24))) for net in nets)
    assert (a == labels).mean() > 0.85
    assert (a == b).all() and (a != c).any()


def test_void_is_ignored():
    logits = torch.randn(1, 3, 4, 4)
    labels = torch.full((1, 4, 4), 255)
    assert pixel_loss(logits.requires_grad_(), labels) == 0
    labels[0, 0, 0] = 2
    expected = torch.nn.functional.cross_entropy(logits[0, :, 0, 0][None], torch.tensor([2]))
    assert torch.isclose(pixel_loss(logits, labels), expected)


def test_weights_scale_the_trust():
    logits = torch.randn(1, 2, 1, 2)
    labels = torch.tensor([[[0, 1]]])
    first = pixel_loss(logits, labels, torch.tensor([[[1.0, 0.0]]]))
    expected = torch.nn.functional.cross_entropy(logits[:, :, 0, 0], torch.tensor([0]))
    assert torch.isclose(first, expected)


def test_probe_separates_and_its_weights_read_raw_features():
    rng = np.random.default_rng(0)
    tags = rng.random((2000, 2)) < 0.5
    pooled = rng.normal(size=(2000, 6)).astype(np.float32) + 5
    pooled[:, :2] += 6 * tags
    probe = train_probe(pooled, tags)
    assert ((probe.probability(pooled) > 0.5) == tags).mean() > 0.97
    assert (np.abs(probe.weight[:, :2]).max(1) > np.abs(probe.weight[:, 2:]).max(1)).all()


def test_strokes_are_learnt_at_full_size_and_masks_at_half(monkeypatch):
    features, labels = toy()
    sizes = set()

    def look(logits, y, w=None):
        sizes.add(tuple(y.shape[1:]))
        return pixel_loss(logits, y, w)

    monkeypatch.setattr(segmenter, "pixel_loss", look)
    train_segmenter(features, labels, 2, epochs=1, width=16, least_steps=0)
    assert sizes == {(8, 8)}
    strokes = np.where(np.arange(16)[:, None] == 3, labels, 255).astype(np.uint8)
    train_segmenter(features, strokes, 2, epochs=1, width=16, least_steps=0)
    assert sizes == {(8, 8), (16, 16)}


def test_an_extra_loss_sees_the_pictures_as_they_lie_and_moves_the_decoder():
    features, labels = toy()
    void = np.full_like(labels, 255)

    def extra(logits, rows):
        small = torch.from_numpy(labels[rows][:, ::2, ::2].astype(np.int64))
        return torch.nn.functional.cross_entropy(logits, small)

    short = {"epochs": 25, "batch": 6, "width": 16, "least_steps": 0}
    taught = train_segmenter(features, void, 2, extra=extra, **short)
    found = np.stack(list(predict(taught, features, [(16, 16)] * 24)))
    assert (found == labels).mean() > 0.85  # by the extra loss alone, mirrored or not


def test_training_goes_on_from_a_decoder_and_leaves_it_as_it_is():
    features, labels = toy()
    short = {"batch": 6, "width": 16, "least_steps": 0}
    first = train_segmenter(features, labels, 2, epochs=25, **short)
    before = [p.clone() for p in first.parameters()]
    second = train_segmenter(features, labels, 2, epochs=1, lr=1e-5, start=first, **short)
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), before))
    a, b = (np.stack(list(predict(d, features, [(16, 16)] * 24))) for d in (first, second))
    assert (a == b).mean() > 0.97


def test_a_rate_goes_up_and_down_whatever_the_number_of_steps():
    for steps in range(1, 40):  # PyTorch's own divides by zero at five
        optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
        schedule = one_cycle(optimiser, 0.1, steps)
        rates = [optimiser.param_groups[0]["lr"]]
        for _ in range(steps - 1):
            optimiser.step()
            schedule.step()
            rates.append(optimiser.param_groups[0]["lr"])
        assert np.isfinite(rates).all() and max(rates) <= 0.1 + 1e-9
        if steps > 4:
            assert rates[0] < 0.01 and rates[-1] < 1e-5 and max(rates) > 0.09
