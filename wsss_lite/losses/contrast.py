"""Contrast: a pixel near the prototype of its class and far from the others."""

import torch
import torch.nn.functional as F


def prototypes(features, maps, share=1 / 16):
    """(C, F) unit vectors: of each class the mean of its surest places, weighted by the map.

    features: (B, F, h, w); maps: (B, C, h, w) >= 0. A place counts among the `share` of all
    places of the batch with the largest values; a class whose map is empty has a zero vector.
    """
    places = features.permute(0, 2, 3, 1).flatten(0, 2)
    weight = maps.transpose(0, 1).flatten(1)  # (C, B * h * w)
    value, index = weight.topk(max(1, int(share * weight.shape[1])), dim=1)
    return F.normalize(torch.einsum("ck,ckf->cf", value, places[index]), dim=1)


def info_nce(features, labels, prototypes, temperature=0.1):
    """Mean of -log softmax(cosine / temperature) at the prototype of each place's label, a scalar.

    features: (B, F, h, w); labels: (B, h, w) numbers of prototypes, (C, F). Empty prototypes and
    the places that have their label do not count.
    """
    there = prototypes.abs().sum(1) > 0
    cosine = torch.einsum("cf,bfhw->bchw", F.normalize(prototypes, dim=1), F.normalize(features))
    logits = (cosine / temperature).masked_fill(~there[None, :, None, None], -1e4)
    loss = F.cross_entropy(logits, labels, reduction="none")
    return (loss * there[labels]).sum() / there[labels].sum().clamp(min=1)
