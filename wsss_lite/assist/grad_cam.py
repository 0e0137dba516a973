"""Softmax Grad-CAM of texts for any CLIP, over all pictures of a view.

For the pocket model on the view's own trunk it reads cached features and needs no gradient
(`maps.text.softmax_grad_cam`); any other image tower takes one forward pass a picture and a short
backward pass a class, through its last block only.
"""

import numpy as np
import torch

from wsss_lite.maps import cam as blocks
from wsss_lite.maps import gradient
from wsss_lite.maps.text import choices, softmax_grad_cam
from wsss_lite.progress import progress


def grad_cam_rows(view, clip, texts, background, compete=True):
    """(N, C, h, w) float32 in 0..1 of the tagged classes of a view.

    texts: (C, D), background: (B, D), unit vectors of `clip`. compete: of a class's probability
    among the picture's classes and the background texts; False: of the cosine alone.
    """
    from wsss_lite.assist.pocket_clip import on_its_trunk

    if hasattr(clip, "layer") and on_its_trunk(view):
        weight, bias = (t.cpu() for t in clip.layer)
        parts = [
            softmax_grad_cam(
                x, weight, bias, texts, background, clip.scale, view.tags[rows], compete
            )
            for rows, x in view.features("final").chunks()
        ]
        return torch.cat(parts).numpy()
    rows = zip(progress(view.ids, "Grad-CAM of texts"), view.tags)
    maps = [grad_cam_picture(clip, view.image(id), texts, background, t, compete) for id, t in rows]
    return blocks.normalise(np.stack(maps)).numpy()


def grad_cam_picture(clip, image, texts, background, tags, compete=True):
    """(C, h, w) float32 >= 0 of one picture, not normalised; tags: (C,) bool."""
    last = clip.last_block([image])
    every = torch.from_numpy(np.concatenate([texts, background])).to(last.activations.device)
    there = choices(tags[None], background)[0].to(every.device)
    cosines = (last.embed(last.activations) @ every.T)[0]  # (C + B,)
    scores = cosines
    if compete and there.sum() > 1:
        scores = (clip.scale * cosines).masked_fill(~there, -torch.inf).softmax(0)
    acts = last.maps(last.activations.detach())
    maps = torch.zeros(len(tags), *acts.shape[2:])
    for c in np.flatnonzero(tags):
        (grads,) = torch.autograd.grad(scores[c], last.activations, retain_graph=True)
        maps[c] = gradient.grad_cam(acts, last.maps(grads))[0].cpu()
    return maps.numpy()
