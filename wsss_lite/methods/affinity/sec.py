"""SEC: a segmenter from seeds, from how much a class should fill, and from the picture's edges."""

import numpy as np

from wsss_lite.losses import seed_expand_constrain as losses
from wsss_lite.methods.cam.cam import cam
from wsss_lite.nets.segmenter import STAGES, train_segmenter
from wsss_lite.nets.softmax_maps import softmax_maps
from wsss_lite.refine.crf import CRF
from wsss_lite.refine.threshold import VOID, seeds, upsample
from wsss_lite.registry import register

SMALL = CRF(position_std=1.5, colour_position_std=15)  # for maps of some 56 pixels
LEAST_STEPS = 30


@register(
    "sec",
    category="Affinity",
    supervision="tags",
    paper="Seed, Expand and Constrain: Three Principles for Weakly-Supervised Image Segmentation",
    venue="ECCV",
    year=2016,
    cite="kolesnikov2016seed",
    survey="S0 S1 S2 S3: offline, affinity (low level)",
    quoted={"VOC val (S2)": 50.7, "VOC test (S2)": 51.7},
)
def sec(view, seed=0, seeding=1.0, expand=1.0, constrain=1.0, epochs=3, low=0.1, high=0.4):
    """Train the decoder with SEC's three losses; the maps are its softmax over the tagged classes.

    seeding: weight of the cross-entropy at the seeds: a class where its CAM exceeds `high`, the
    background where all are below `low`; expand: of the loss that asks a tagged class to fill a
    part of the picture and an untagged one nothing; constrain: of the divergence from what the CRF
    makes of the network's own output. All three 0, or epochs=0, is CAM.

    Deviations: the decoder of this course on a frozen trunk; background seeds from low CAM in place
    of a saliency map; the CRF and its loss see the background and the tagged classes only.
    """
    maps = cam(view, seed)
    if not epochs or not (seeding or expand or constrain):
        return maps
    features = [view.features(s) for s in STAGES]
    labels = seed_labels(maps, features[0].shape[2:], low, high)

    def loss(logits, rows):
        p, total = logits.softmax(1), logits.sum() * 0
        if seeding:
            total = total + seeding * losses.seed_loss(p, labels[rows])
        if expand:
            total = total + expand * losses.expand_loss(p, view.tags[rows])
        if constrain:
            total = total + constrain * constrained(view, logits, rows)
        return total

    decoder = train_blind(view, features, loss, seed, epochs)
    return softmax_maps(decoder, features, view.tags)


def seed_labels(maps, size, low, high):
    """(N, h, w) uint8 labels of sure objects and sure background of (N, C, ...) maps, else 255."""
    return np.stack([seeds(upsample(m, size), low, high) for m in maps])


def constrained(view, logits, rows):
    """Divergence of the network's output from its own CRF, over background and tagged classes."""
    p = losses.tagged_softmax(logits, view.tags[rows])
    pictures = [view.image(view.ids[row]) for row in rows]
    return losses.constrain_loss(p, losses.crf_target(p, pictures, SMALL))


def train_blind(view, features, loss, seed, epochs):
    """The course's decoder, trained by `loss(logits, rows)` alone: no pixel has a label."""
    nothing = np.full((len(view.ids), *features[0].shape[2:]), VOID, np.uint8)
    classes = len(view.classes) + 1
    # for few steps the time goes into the CRF, so there are fewer than of the final segmenter
    return train_segmenter(
        features, nothing, classes, seed, epochs, least_steps=LEAST_STEPS, extra=loss
    )
