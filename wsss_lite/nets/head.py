"""Light heads: small trainable layers on cached features, and the one loop that trains them."""

import contextlib

import numpy as np
import torch
from torch import nn

from wsss_lite.nets.rate import one_cycle
from wsss_lite.progress import progress


@contextlib.contextmanager
def seeded(seed):
    """Inside the `with`, torch's random numbers start from `seed`; afterwards as if nothing was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class MapHead(nn.Module):
    """Features to class activation maps: reduce the channels, ReLU, one map a class.

    The maps are averaged into class scores, so that a map is the score taken apart by place, as in
    CAM; the layer between lets a small head learn features of its own. Returns (B, C, h, w).
    """

    def __init__(self, channels, classes, width=128, kernel=1, dilation=1):
        super().__init__()
        self.reduce = nn.Conv2d(channels, width, 1)
        pad = dilation * (kernel // 2)
        self.classify = nn.Conv2d(width, classes, kernel, padding=pad, dilation=dilation)

    def forward(self, features):
        return self.classify(self.reduce(features).relu())


def fit(module, loss, n, seed=0, epochs=8, lr=2e-3, batch=20, weight_decay=1e-2, after=None):
    """Minimise `loss(rows)`, a scalar, over the `n` pictures; AdamW with a one-cycle rate.

    module: what is trained (built inside `seeded(seed)`); loss: function of an integer array of
    row numbers; after: called as after(epoch) when an epoch is done. Returns the module, in
    eval mode.
    """
    steps = epochs * -(-n // batch)
    optimiser = torch.optim.AdamW(module.parameters(), lr, weight_decay=weight_decay)
    schedule = one_cycle(optimiser, lr, steps)
    order = np.random.default_rng(seed)
    with seeded(seed):
        for epoch in progress(range(epochs), "head"):
            module.train()
            rows = order.permutation(n)
            for start in range(0, n, batch):
                value = loss(rows[start : start + batch])
                optimiser.zero_grad()
                value.backward()
                optimiser.step()
                schedule.step()
            module.eval()
            if after is not None:
                after(epoch)
    return module.eval()


@torch.inference_mode()
def maps_of(module, features):
    """(N, C, h, w) of all rows of lazy features, a piece at a time."""
    return torch.cat([module(torch.from_numpy(x)) for _, x in features.chunks()])
