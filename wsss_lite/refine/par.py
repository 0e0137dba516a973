"""Pixel-adaptive refinement: average each pixel with the neighbours that look like it."""

import numpy as np
import torch
import torch.nn.functional as F


def pixel_adaptive(image, probability, steps=10, dilations=(1, 2, 4, 8, 12, 24), sharpness=0.3):
    """Local averaging with weights from colour (PAR: Ru et al., CVPR 2022; after PAMR, 2020).

    image: (H, W, 3) uint8; probability: (C, H, W). Each pixel takes the weighted mean of its
    eight neighbours at every dilation; a weight is the softmax of minus the squared colour
    difference, scaled by the local spread. Returns (C, H, W) float32 that sums to 1.
    Left out of the paper's form: its position term.
    """
    x = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255
    p = torch.from_numpy(np.asarray(probability, np.float32))[None]
    around = neighbours(x, dilations)  # (1, 3, 8 D, H, W)
    spread = around.std(2, keepdim=True) + 1e-6
    distance = ((around - x[:, :, None]) / (sharpness * spread)) ** 2
    weight = (-distance.mean(1, keepdim=True)).softmax(2)
    for _ in range(steps):
        p = (neighbours(p, dilations) * weight).sum(2)
    p = p[0].numpy()
    return p / p.sum(0, keepdims=True).clip(1e-8)


def neighbours(x, dilations):
    """The eight neighbours of every pixel at each dilation: (B, C, H, W) to (B, C, 8 D, H, W)."""
    height, width = x.shape[-2:]
    found = []
    for d in dilations:
        padded = F.pad(x, (d, d, d, d), mode="replicate")
        for dy in (0, d, 2 * d):
            for dx in (0, d, 2 * d):
                if (dy, dx) != (d, d):
                    found.append(padded[..., dy : dy + height, dx : dx + width])
    return torch.stack(found, 2)
