"""The fixed segmenter and the probe: they learn, they are seeded, they ignore void."""

import numpy as np
import torch

from wsss_lite.nets.probe import train_probe
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
    first = train_segmenter(features, labels, 2, epochs=25, batch=6, width=16, least_steps=0)
    second = train_segmenter(features, labels, 2, epochs=25, batch=6, width=16, least_steps=0)
    other = train_segmenter(features, labels, 2, seed=1, epochs=25, batch=6, width=16, least_steps=0)
    a, b, c = (np.stack(list(predict(d, features, [(16, 16)] * 24))) for d in (first, second, other))
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
