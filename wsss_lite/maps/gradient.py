"""Maps from gradients: Grad-CAM, XGrad-CAM and LayerCAM as functions of two arrays.

Each takes `acts` (N, K, h, w), a layer's activations F, and `grads`, the derivative of the class
score y_c with respect to them, of the same shape, and returns (N, h, w) >= 0, not normalised.
"""

import contextlib

import torch


def grad_cam(acts, grads):
    """Weight each channel by its mean gradient (Selvaraju et al., ICCV 2017)."""
    alpha = grads.mean((2, 3), keepdim=True)
    return (alpha * acts).sum(1).relu()


def xgrad_cam(acts, grads):
    """Weight each channel by its activation-weighted mean gradient (Fu et al., BMVC 2020)."""
    total = acts.sum((2, 3), keepdim=True)
    alpha = (acts * grads).sum((2, 3), keepdim=True) / (total + 1e-7)
    return (alpha * acts).sum(1).relu()


def layer_cam(acts, grads):
    """Weight each position of each channel by its positive gradient (Jiang et al., TIP 2021)."""
    return (grads.relu() * acts).sum(1).relu()


def merge_layers(maps, size, gamma=2.0):
    """LayerCAM's fusion: each layer's map by its maximum, early ones through tanh, then the max.

    maps: list of (N, h, w), fine to coarse; size: (H, W) of the result. The last layer is taken
    as it is; the earlier ones are scaled by tanh(gamma x), as the paper does for shallow layers.
    """
    merged = None
    for place, m in enumerate(maps):
        m = m / m.amax((1, 2), keepdim=True).clamp(min=1e-12)
        if place < len(maps) - 1:
            m = torch.tanh(gamma * m)
        m = torch.nn.functional.interpolate(m[:, None], size, mode="bilinear")[:, 0]
        merged = m if merged is None else torch.maximum(merged, m)
    return merged


@contextlib.contextmanager
def watch(layers):
    """Inside the `with`, each layer's latest output is kept: yields the list of outputs.

    The hooks are gone when the block ends, also after an error.
    """
    outputs = [None] * len(layers)

    def keep(place):
        def hook(module, inputs, output):
            outputs[place] = output

        return hook

    handles = [layer.register_forward_hook(keep(k)) for k, layer in enumerate(layers)]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def gradient_maps(scores, acts, classes, rule):
    """Maps of one class a picture by a gradient rule.

    scores: (N, C) class scores computed from `acts` with the graph kept; acts: list of
    activations; classes: (N,) long, one class a picture. Pictures do not influence each other,
    so that one backward pass serves the whole batch. Returns a list of (N, h, w).
    """
    picked = scores.gather(1, classes[:, None]).sum()
    grads = torch.autograd.grad(picked, acts, retain_graph=True)
    return [rule(a, g) for a, g in zip(acts, grads)]
