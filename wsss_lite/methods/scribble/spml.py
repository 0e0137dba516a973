"""SPML: pixels learn to be near the segments they belong with; labels come from the nearest."""

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.losses.segments import others, segment_contrast, segment_means
from wsss_lite.nets import on_view
from wsss_lite.nets.on_strokes import enough_epochs
from wsss_lite.refine.segments import VOID, batch, on_grid, segments, vote, walk
from wsss_lite.refine.strokes import classes_of, drawn, nearest, restricted
from wsss_lite.refine.threshold import upsample
from wsss_lite.registry import register

FOCUS = 100.0  # of the walk, as in the authors' programme; so are the concentrations below


@register(
    "spml",
    category="Scribble",
    supervision="scribbles",
    paper="Universal Weakly Supervised Segmentation by Pixel-to-Segment Contrastive Learning",
    venue="ICLR",
    year=2021,
    cite="ke2021universal",
    survey="S0 S2: scribble",
    quoted={"VOC val (S2)": 76.1},
    produces="labels",
)
def spml(view, seed=0, epochs=3, width=32, count=150, own=1.0, tags=0.5, picture=0.1, steps=64):
    """Train an embedding in which a pixel is near the segments it belongs with, then look up.

    Segments are `count` superpixels, of which a stroke is cut out as one of its own. A pixel
    belongs with (the weights): `own`, for pixels under a stroke, the segments of its class; `tags`,
    segments of pictures that share a class with its own; `picture`, among those of its picture,
    its own. Then each segment takes the votes of the 20 nearest segments under strokes, of all
    pictures but of classes drawn in its own, and the votes walk `steps` steps through the picture,
    from segment to like segment. epochs: 0 gives scribble-nearest.
    Deviations: superpixels, where the paper clusters the embeddings anew in each step inside the
    contours of an edge detector; a head on the frozen trunk; votes, where the authors use a
    softmax classifier before the walk, and a CRF after it. The fourth relation, likeness of
    features, has no weight in their settings for strokes and is left out.
    """
    strokes = drawn(view)
    if not epochs:
        return {id: nearest(seeds) for id, seeds in strokes.items()}
    features = on_view.stages(view)
    full = [segments(view.image(id), s, count) for id, s in strokes.items()]
    small = [on_grid(f, on_view.grid(features)) for f in full]
    present, rng = torch.from_numpy(np.array(view.tags)), np.random.default_rng(seed)

    def loss(logits, rows):
        x = F.normalize(logits).permute(0, 2, 3, 1).flatten(0, 2)
        parts = relations(x, batch([small[r] for r in rows]), present[rows], rng)
        return sum(w * part for w, part in zip((own, tags, picture), parts))

    epochs = enough_epochs(epochs, len(full))
    head = on_view.train_with(features, loss, width, seed, epochs, least_steps=1)
    return looked_up(strokes, full, vectors(head, features, full), steps)


def relations(x, found, present, rng, pixels=32):
    """The three contrasts of a batch: of classes, of tags, of the picture.

    x: (P, D) unit vectors of all pixels; found: see `refine.segments.batch`; present: (B, C) bool;
    pixels: so many of each picture, drawn at random, are asked (twice as many under strokes).
    """
    number, label, owner = found[0].flatten(), *found[1:]
    means = segment_means(x, number, len(label))
    known = (label != VOID).nonzero()[:, 0]
    marked = (label[number] != VOID).nonzero()[:, 0]
    marked = drawn_at_random(marked, 2 * pixels * len(present), rng)
    same = label[number[marked], None] == label[known]
    home = torch.searchsorted(known, number[marked])
    yield segment_contrast(x[marked], means[known], others(same, home), ~same, 6.0)
    some = drawn_at_random(torch.arange(len(x)), pixels * len(present), rng)
    x, number = x[some], number[some]
    tags = present[owner].float()
    same = tags[number] @ tags.T > 0
    yield segment_contrast(x, means, others(same, number), ~same, 12.0)
    same = F.one_hot(number, len(label)).bool()
    within = owner[number, None] == owner
    yield segment_contrast(x, means, same, within & ~same, 16.0)


def drawn_at_random(candidates, most, rng):
    """At most so many of some numbers."""
    return candidates[torch.from_numpy(rng.permutation(len(candidates))[:most])]


@torch.inference_mode()
def vectors(head, features, full, size=50):
    """For each picture the (S, D) unit vectors of its segments."""
    found = []
    for first in range(0, len(full), size):
        piece = slice(first, first + size)
        maps = F.normalize(head([torch.from_numpy(f[piece]) for f in features]))
        for one, where in zip(maps, full[piece]):
            x = torch.from_numpy(upsample(one, where.pieces.shape)).flatten(1).T
            number = torch.from_numpy(where.pieces).flatten()
            found.append(segment_means(x, number, len(where.labels)).numpy())
    return found


def looked_up(strokes, full, found, steps, neighbours=20):
    """{picture: (H, W) uint8} by votes of the nearest labelled segments and a walk."""
    labels = np.concatenate([f.labels for f in full])
    bank, labels = np.concatenate(found)[labels != VOID], labels[labels != VOID]
    out = {}
    for (id, seeds), where, x in zip(strokes.items(), full, found):
        present = classes_of(seeds)
        scores = np.zeros((int(present.max(initial=0)) + 1, *seeds.shape), np.float32)
        if len(present):
            shares = walk(vote(x, bank, labels, present, neighbours), x, steps, FOCUS)
            scores[present] = upsample(shares.T[:, where.pieces], seeds.shape)
        out[id] = restricted(scores, seeds)
    return out
