"""The linear probe: image-level classification on pooled, frozen features."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F


@dataclass
class Probe:
    """A linear classifier on pooled features: logits = pooled @ weight.T + bias.

    weight: (C, F) float32; bias: (C,) float32. Because pooling is an average, the same weight
    applied at every position is the class activation map.
    """

    weight: np.ndarray
    bias: np.ndarray

    def logits(self, pooled):
        """(N, C) scores of (N, F) pooled features."""
        return np.asarray(pooled) @ self.weight.T + self.bias

    def probability(self, pooled):
        """(N, C) in 0..1, each class on its own (sigmoid)."""
        return 1 / (1 + np.exp(-self.logits(pooled)))


def train_probe(pooled, tags, seed=0, epochs=40, lr=2e-3, weight_decay=0.3, batch=200):
    """Fit a `Probe` with binary cross-entropy, one decision a class.

    pooled: (N, F) features; tags: (N, C) bool. The features are standardised for the optimiser
    and the scaling is folded back into the weights, so that the probe reads raw features.
    """
    x = torch.as_tensor(np.asarray(pooled, np.float32))
    y = torch.as_tensor(np.asarray(tags, np.float32))
    mean, std = x.mean(0), x.std(0, unbiased=False) + 1e-2
    x = (x - mean) / std
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = torch.nn.Linear(x.shape[1], y.shape[1])
        layer.weight.data *= 0.1
        steps = epochs * -(-len(x) // batch)
        optimiser = torch.optim.AdamW(layer.parameters(), lr, weight_decay=weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(batch):
                loss = F.binary_cross_entropy_with_logits(layer(x[rows]), y[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    weight = layer.weight.detach() / std
    bias = layer.bias.detach() - weight @ mean
    return Probe(weight.numpy(), bias.numpy())
