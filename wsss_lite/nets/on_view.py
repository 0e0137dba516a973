"""A method's own network: the segmenter's decoder, trained and read on the pictures of a view.

Methods that relabel their pictures with a network, or that train with a loss of their own, need a
decoder before the fixed segmenter has its turn.
"""

import cv2
import numpy as np
import torch

from wsss_lite.losses.box import on_grid
from wsss_lite.nets.segmenter import STAGES, VOID, resize, train_segmenter
from wsss_lite.refine.boxes import allowed, restricted
from wsss_lite.refine.crf import dense_crf

LEAST = 1e-4  # of a probability, so that no possible label is out before the CRF
LEAST_STEPS = 100  # of a method's own network, where there are few pictures


def stages(view):
    """The four stages of the decoder as lazy rows, computed in one pass."""
    view.trunk.prepare(view.ids, STAGES)
    return [view.features(stage) for stage in STAGES]


def grid(features):
    """(h, w) of the logits, which is that of the finest stage."""
    return features[0].shape[-2:]


def at_grid(labels, size):
    """(N, h, w) uint8 of a list of (H, W) uint8 labels, by nearest pixel."""
    size = tuple(size)[::-1]
    return np.stack([cv2.resize(x, size, interpolation=cv2.INTER_NEAREST_EXACT) for x in labels])


def train_on(features, labels, classes, seed=0, epochs=3, start=None, least_steps=None):
    """A decoder after a few epochs on a list of (H, W) labels, at the size of its logits.

    classes: foreground classes. A third of the time of the fixed segmenter, whose loss is taken
    at the size of the pictures.
    """
    small = at_grid(labels, grid(features))
    steps = {"epochs": epochs, "least_steps": least_steps or LEAST_STEPS}
    return train_segmenter(features, small, classes + 1, seed, start=start, **steps)


def train_with(features, loss, outputs, seed=0, epochs=8, least_steps=None):
    """A decoder with `outputs` maps, trained with a loss of its own and no labels.

    loss: loss(logits, rows) of the (B, outputs, h, w) logits of the pictures `rows`.
    """
    nothing = np.full((len(features[0]), *grid(features)), VOID, np.uint8)
    steps = {"epochs": epochs, "least_steps": least_steps or LEAST_STEPS}
    return train_segmenter(features, nothing, outputs, seed, extra=loss, **steps)


@torch.inference_mode()
def log_probabilities(decoder, features, sizes, batch=50):
    """Yield the (C + 1, H, W) float32 log-probabilities of every picture at its size."""
    device = next(decoder.parameters()).device
    for first in range(0, len(sizes), batch):
        piece = slice(first, first + batch)
        logits = decoder([torch.from_numpy(f[piece]).to(device) for f in features])
        for one, size in zip(logits, sizes[piece]):
            yield resize(one[None], size)[0].log_softmax(0).cpu().numpy()


def boxes_on_grid(view, size):
    """For each picture its boxes on the grid of the logits; see `losses.box.on_grid`."""
    return [on_grid(view.boxes(id), view.image(id).shape[:2], size) for id in view.ids]


def of_batch(table, rows):
    """The boxes of the pictures `rows` as the losses take them, with the place in the batch."""
    return [(k, *box) for k, row in enumerate(rows) for box in table[row]]


def labels_in_boxes(view, decoder, features, crf=None):
    """{picture: (H, W) uint8}: the decoder's best label among those that the boxes allow.

    crf: settings of a dense CRF between them, see `refine.crf.CRF`.
    """
    sizes = [view.image(id).shape[:2] for id in view.ids]
    scores = log_probabilities(decoder, features, sizes)
    if crf is None:
        return {id: restricted(s, view.boxes(id)) for id, s in zip(view.ids, scores)}
    return {
        id: smoothed(view.image(id), np.exp(s), allowed(view.boxes(id), size, len(s) - 1), crf)
        for id, size, s in zip(view.ids, sizes, scores)
    }


def smoothed(image, prob, may, crf):
    """(H, W) uint8: the CRF's best label among the possible ones.

    prob: (C + 1, H, W) >= 0, at its own scale; may: the same shape in bool, with a label at least
    at every pixel. What may be is never quite out of the question before the CRF, and what may not
    be stays out.
    """
    prob = may * (prob + LEAST)
    prob = dense_crf(image, prob / prob.sum(0), crf)
    return np.where(may, prob, -1).argmax(0).astype(np.uint8)
