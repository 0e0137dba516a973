"""BoxSup: each box chooses the region proposal that fits it and the net; the net learns it."""

import numpy as np

from wsss_lite.nets import on_view
from wsss_lite.refine.boxes import area, paint
from wsss_lite.refine.grabcut import fill
from wsss_lite.refine.proposals import Proposals, proposals
from wsss_lite.registry import register

SHARES = (0.5, 0.7, 0.9)  # of a region that lies in the box, to be part of a union
PARTS = (0.05, 0.1, 0.2, 0.5)  # of the box, how large a region may be to be part of it

@register(
    "boxsup",
    category="Box",
    supervision="boxes",
    paper="BoxSup: Exploiting Bounding Boxes to Supervise Convolutional Networks for Semantic "
    "Segmentation",
    venue="ICCV",
    year=2015,
    cite="dai2015boxsup",
    survey="S0 S2 S3: bounding box",
    quoted={"VOC val (S2)": 62.0, "VOC test (S2)": 64.6},
    produces="labels",
)
def boxsup(view, seed=0, rounds=2, net=3.0, top=5, epochs=3, later=1, segments=120):
    """Train on the proposals that fit the boxes, choose again with the net's opinion, repeat.

    A proposal costs 1 - IoU of its tight box and the given one, and `net` times the mean
    cross-entropy of the net for it (object in it, background in the rest of the box). Before the
    last round one of the `top` cheapest is drawn at random. rounds: trainings; 0 chooses by the
    boxes alone. segments: superpixels that the proposals are made of; 0 gives box-fill.
    Deviations: proposals from merged superpixels, and the unions of those that lie in the box, in
    place of MCG; none whose own box overlaps the given one by less than half, or the smallest
    would explain a net that knows little; frozen trunk; the paper averages the overlap over all
    proposals of a class, here each box chooses alone.
    """
    sizes = [view.image(id).shape[:2] for id in view.ids]
    if not segments:
        return {id: fill(view.boxes(id), size) for id, size in zip(view.ids, sizes)}
    tree = [proposals(view.image(id), segments) for id in view.ids]
    boxes, rng = [view.boxes(id) for id in view.ids], np.random.default_rng(seed)
    found = [[candidates(t, box) for box in b] for t, b in zip(tree, boxes)]
    labels = [choose(t, b, f, None, net, rng, top if rounds else 1)
              for t, b, f in zip(tree, boxes, found)]  # fmt: skip
    decoder, features = None, on_view.stages(view) if rounds else None
    for left in reversed(range(rounds)):
        steps = later if decoder else epochs
        decoder = on_view.train_on(features, labels, len(view.classes), seed, steps, decoder)
        scores = on_view.log_probabilities(decoder, features, sizes)
        labels = [choose(t, b, f, p, net, rng, top if left else 1)
                  for t, b, f, p in zip(tree, boxes, found, scores)]  # fmt: skip
    return dict(zip(view.ids, labels))


def choose(tree, boxes, found, scores, net, rng, top=1):
    """(H, W) uint8: each box painted with one of those found for it. scores: log-probabilities."""
    regions = []
    for box, (members, overlap) in zip(boxes, found):
        cost = 1 - overlap
        if scores is not None:
            cost = cost + net * disagreement(tree, box, scores, members)
        best = np.argsort(cost, kind="stable")[:top]
        chosen = best[rng.integers(len(best))] if top > 1 else best[0]
        regions.append(members[chosen][tree.pieces])
    return paint(boxes, regions, tree.pieces.shape)


def candidates(tree, box, least=0.5):
    """((R, S) bool superpixels of the proposals for a box, (R,) IoU of their boxes with it).

    The regions of the tree, and unions of all that are small beside the box and mostly in it: an
    object of several colours is no region of its own. Without those that overlap too little, if
    any overlaps enough.
    """
    pixels = np.ones(tree.pieces.shape)
    held, within = (tree.members @ tree.sums(pixels, b) for b in (None, box))
    unions = [tree.members[(within >= share * held) & (held <= part * area(box))].any(0)
              for share in SHARES for part in PARTS]  # fmt: skip
    members = np.concatenate([tree.members, np.unique(unions, axis=0)])
    members = members[members.any(1)]
    overlap = Proposals(tree.pieces, members).overlap(box)
    enough = overlap >= min(least, overlap.max())
    return members[enough], overlap[enough]


def disagreement(tree, box, scores, members):
    """(R,) mean cross-entropy in a box if the region is the object and the rest background."""
    ground, gain = -scores[0], scores[0] - scores[box.cls]
    base = ground[box.y0 : box.y1, box.x0 : box.x1].sum()
    return (base + members @ tree.sums(gain, box)) / area(box)
