"""Maps of texts: where in a picture is what a sentence says?

All take features of positions and unit vectors of texts in the space that both towers share, and
return (N, C, h, w) float32 in 0..1 for the C class texts, zero for classes that the tags exclude.
Texts of the surroundings (water, rails, sky) compete for the positions, so that what is theirs is
taken from the classes: with no such text a boat's map has nobody to leave the lake to.
"""

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.maps.cam import keep_tags, normalise, relu


def project(features, weight, bias):
    """(N, F, h, w) features to (N, D, h, w) in the shared space: the image tower's last layer,
    made for the mean over positions, applied to each of them."""
    return F.conv2d(torch.as_tensor(features), weight[..., None, None], bias)


def similarity(dense, texts):
    """(N, K, h, w): cosine of each position with each text. dense: (N, D, h, w), any length."""
    return torch.einsum("kd,ndhw->nkhw", torch.as_tensor(texts), F.normalize(dense, dim=1))


def cosine_maps(dense, texts, tags):
    """Cosines, the negative ones cut off, divided by each map's maximum."""
    return keep_tags(normalise(relu(similarity(dense, texts))), tags)


def choices(tags, background):
    """(N, C + B) bool: a picture's tagged classes and every background text."""
    tags = torch.tensor(np.asarray(tags, bool))
    return torch.cat([tags, torch.ones(len(tags), len(background), dtype=torch.bool)], 1)


def softmax_maps(dense, texts, background, scale, tags):
    """The probability that a position shows a class, against the picture's other classes and the
    background texts, divided by each map's maximum.

    background: (B, D), B may be 0; scale: 1 / temperature.
    """
    every = torch.cat([torch.as_tensor(texts), torch.as_tensor(background)])
    logits = scale * similarity(dense, every)
    logits = logits.masked_fill(~choices(tags, background)[..., None, None], -torch.inf)
    return keep_tags(normalise(logits.softmax(1)[:, : len(texts)].nan_to_num()), tags)


def softmax_grad_cam(
    features, weight, bias, texts, background, scale, tags, compete=True
):
    """Softmax Grad-CAM of CLIP-ES (Lin et al., CVPR 2023) for a tower that ends in mean and linear.

    Grad-CAM of the probability of a class among the picture's classes and the background texts:
    features that speak for a rival as much as for the class cancel. The last layer being linear,
    the gradient has a closed form and no backward pass is needed. A picture with one class and no
    background text has no rivals; then, as for all with compete=False, it is the Grad-CAM of the
    cosine.
    features: (N, F, h, w) of the last stage; weight (D, F), bias (D,) of the image tower's layer.
    """
    features, texts = torch.as_tensor(features), torch.as_tensor(texts)
    every = torch.cat([texts, torch.as_tensor(background)])
    mean = F.linear(features.mean((2, 3)), weight, bias)
    length, unit = mean.norm(dim=1, keepdim=True), F.normalize(mean, dim=1)
    there = choices(tags, background)
    p = (scale * unit @ every.T).masked_fill(~there, -torch.inf).softmax(1).nan_to_num()
    rivals = (p @ every) * (there.sum(1, keepdim=True) > 1) * compete
    towards = every[: len(texts)] - rivals[:, None]  # (N, C, D): the class, less the rivals
    along = (towards * unit[:, None]).sum(-1, keepdim=True)
    # only what turns the unit vector counts; p_c, the scale and the length divide out below
    alpha = (towards - along * unit[:, None]) / length[:, None] @ weight
    maps = torch.einsum("ncf,nfhw->nchw", alpha, features)
    return keep_tags(normalise(relu(maps)), tags)
