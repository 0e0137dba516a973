"""A small transformer on cached features: patch tokens, one token a class, and their attention."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn


class Seen(NamedTuple):
    """What `ClassTokens` makes of B pictures; C classes, T = C + h w tokens, the classes first.

    scores: (B, C) logits, the mean of each class token's channels; patches: (B, width, h, w);
    logits: a list of (B, heads, T, T), one a layer, query times key before the softmax.
    """

    scores: torch.Tensor
    patches: torch.Tensor
    logits: list


class ClassTokens(nn.Module):
    """Features (B, F, h, w) to `Seen`. No layer of it is pretrained, only the features are.

    Query and key start equal, so that attention begins as similarity of the features (as in
    trained transformers: Trockman & Kolter, ICML 2023). The position is added at the first grid's
    size and resized to others.
    """

    def __init__(self, channels, classes, grid, width=96, layers=2, heads=4):
        super().__init__()
        self.classes = classes
        self.embed = nn.Sequential(nn.BatchNorm2d(channels), nn.Conv2d(channels, width, 1))
        self.place = nn.Parameter(0.02 * torch.randn(1, width, *grid))
        self.tokens = nn.Parameter(0.02 * torch.randn(1, classes, width))
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))

    def forward(self, features):
        x = self.embed(features)
        size = x.shape[-2:]
        x = x + F.interpolate(self.place, size, mode="bilinear")
        x = torch.cat([self.tokens.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], 1)
        logits = []
        for layer in self.layers:
            x, one = layer(x)
            logits.append(one)
        tokens, patches = x[:, : self.classes], x[:, self.classes :]
        patches = patches.transpose(1, 2).unflatten(2, size)
        return Seen(tokens.mean(2), patches, logits)


class Layer(nn.Module):
    """Attention and a small network, each on normalised tokens and added: (B, T, width), twice."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        nn.init.orthogonal_(self.query.weight)
        self.key.weight.data.copy_(self.query.weight.data)

    def forward(self, x):
        z = self.before(x)
        q, k, v = (self.split(f(z)) for f in (self.query, self.key, self.value))
        logits = q @ k.transpose(2, 3) * q.shape[-1] ** -0.5
        found = (logits.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = x + self.out(found)
        return x + self.think(self.between(x)), logits

    def split(self, x):
        """(B, T, width) to (B, heads, T, width / heads)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


def class_attention(seen):
    """(B, C, h, w): attention of each class token to the patches, mean of heads and layers."""
    classes, size = seen.scores.shape[1], seen.patches.shape[-2:]
    parts = [x[:, :, :classes].softmax(-1)[..., classes:].mean(1) for x in seen.logits]
    return torch.stack(parts).mean(0).unflatten(2, size)


def patch_attention(seen):
    """(B, h w, h w): attention of the patches to each other, mean of heads and layers; rows of
    sum 1, as what they pay to class tokens is left out."""
    classes = seen.scores.shape[1]
    parts = [x[:, :, classes:, classes:].softmax(-1).mean(1) for x in seen.logits]
    return torch.stack(parts).mean(0)
