"""A method's own segmenter that learns from strokes, with a loss of its own for all other pixels.

The recipe is that of the fixed segmenter, whose place it takes, but for the strokes, which are
brought to the grid of the logits: they cover a few pixels, and at the pictures' full size the loss
would be more than half of all work.
"""

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.nets import on_view
from wsss_lite.nets.online import small_pictures
from wsss_lite.nets.segmenter import VOID, train_segmenter
from wsss_lite.refine.reduce import at_size
from wsss_lite.refine.strokes import possible, restricted

GRID = 20  # x GRID positions, between which the losses compare all pairs
BATCH = 20  # pictures a step, as everywhere


def on_grid(strokes, size):
    """(N, h, w) uint8 of a list of (H, W) strokes, none of which gets lost."""
    return np.stack([at_size(s, size) for s in strokes])


def enough_epochs(epochs, pictures):
    """More epochs where there are few pictures, so that a network is trained at all."""
    return max(epochs, -(-on_view.LEAST_STEPS * BATCH // max(pictures, BATCH)))


def train_on_strokes(features, strokes, classes, loss=None, seed=0, epochs=12, start=None):
    """A decoder trained by partial cross-entropy on strokes and `loss(logits, rows)`.

    features: stages of the pictures, see `on_view.stages`; strokes: list of (H, W) uint8, 255
    elsewhere; classes: foreground classes; loss: of the (B, C + 1, h, w) logits; start: a decoder
    to go on from.
    """
    small = on_grid(strokes, on_view.grid(features))
    steps = {"epochs": enough_epochs(epochs, len(small)), "least_steps": 1, "batch": BATCH}
    return train_segmenter(features, small, classes + 1, seed, extra=loss, start=start, **steps)


def regularised(view, strokes, loss, seed=0, grid=GRID, epochs=12):
    """(labels, decoder): partial cross-entropy and a loss of what the decoder says everywhere.

    loss: loss(probability, colours) of the (B, C + 1, h, w) probabilities on grid x grid positions
    and of the pictures there, (B, 3, h, w) in 0..255. labels: {picture: (H, W) uint8}, the best of
    the decoder among the classes drawn in the picture.
    """
    features, size = on_view.stages(view), (grid, grid)
    seen = torch.from_numpy(small_pictures(view, size))

    def extra(logits, rows):
        probability = F.adaptive_avg_pool2d(logits.softmax(1), size)
        return loss(probability, seen[rows].to(logits))

    decoder = train_on_strokes(features, strokes, len(view.classes), extra, seed, epochs)
    return labels_of_drawn(view, decoder, features, strokes), decoder


def labels_of_drawn(view, decoder, features, strokes):
    """{picture: (H, W) uint8}: the decoder's best among the classes drawn in the picture."""
    sizes = [s.shape for s in strokes]
    return best_of_drawn(view, on_view.log_probabilities(decoder, features, sizes), strokes)


def best_of_drawn(view, scores, strokes):
    """{picture: (H, W) uint8}: of (C + 1, H, W) scores the best class drawn in the picture."""
    return {id: restricted(s, drawn) for id, s, drawn in zip(view.ids, scores, strokes)}


def smoothed_labels(view, probabilities, strokes, crf):
    """{picture: (H, W) uint8}: the CRF's best among the classes drawn in the picture.

    probabilities: (C + 1, H, W) each; the strokes stay, and a picture without any is 255.
    """
    return {
        id: seeds if (seeds == VOID).all()
        else on_view.smoothed(view.image(id), p, possible(seeds, len(view.classes)), crf)
        for id, p, seeds in zip(view.ids, probabilities, strokes)
    }  # fmt: skip
