"""Hitting probabilities of a random walk, with the gradient of the steps it takes.

As in `refine.walker`, but the weights of the steps are a tensor, so that a network that predicts
boundaries learns from what its walk arrives at. Vernaza & Chandraker, CVPR 2017.
"""

import numpy as np
import torch

from wsss_lite.refine.walker import VOID, grid_edges, system


def conductances(boundary):
    """(..., E) weights of the steps of `grid_edges`: exp(-(b + b') / 2) of the two positions.

    boundary: (..., h, w). The walker at a position then steps to each neighbour with a probability
    that is proportional to exp(-b' / 2): it keeps away from boundaries, and crosses few.
    """
    first, second = torch.from_numpy(grid_edges(boundary.shape[-2:])).to(boundary.device)
    flat = boundary.flatten(-2)
    return torch.exp(-(flat[..., first] + flat[..., second]) / 2)


def hitting(weight, seeds, classes):
    """(K, h, w) probabilities of hitting a seed of each of the (K,) classes first.

    weight: (E,) of the steps between neighbours, all above 0; seeds: (h, w) uint8, 255 where
    nothing is known; every class has a seed. Differentiable in `weight`.
    """
    return Hitting.apply(weight, seeds, tuple(np.asarray(classes).tolist()))


class Hitting(torch.autograd.Function):
    """L_UU p = -L_US s, with the Laplacian L of the weights, unknown U and seeds S.

    Differentiated, L_UU dp = -(dL p)_U. One further system with the same matrix, L_UU a = dloss/dp,
    gives the gradient of a step between i and j: -sum_k (a_i - a_j)(p_i - p_j).
    """

    @staticmethod
    def forward(ctx, weight, seeds, classes):
        edges = grid_edges(seeds.shape)
        known = seeds.ravel() != VOID
        out = np.zeros((seeds.size, len(classes)))
        out[known] = seeds.ravel()[known, None] == np.asarray(classes)
        ctx.edges, ctx.known, ctx.solve = edges, known, None
        if not known.all():
            steps = weight.detach().cpu().numpy().astype(float)
            ctx.solve, right = system(steps, edges, known, out)
            out[~known] = ctx.solve(right)
        ctx.out = out
        return torch.from_numpy(out.T.reshape(-1, *seeds.shape)).to(weight)

    @staticmethod
    def backward(ctx, gradient):
        adjoint = np.zeros_like(ctx.out)
        if ctx.solve is not None:
            flat = gradient.detach().cpu().numpy().reshape(ctx.out.shape[1], -1).T
            adjoint[~ctx.known] = ctx.solve(flat[~ctx.known].astype(float))
        (i, j), out = ctx.edges, ctx.out
        slope = -((adjoint[i] - adjoint[j]) * (out[i] - out[j])).sum(1)
        return torch.from_numpy(slope).to(gradient), None, None
