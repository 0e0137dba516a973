"""SEC's three losses of a segmenter that sees tags only: seed, expand, constrain to boundaries.

Kolesnikov & Lampert, "Seed, Expand and Constrain: Three Principles for Weakly-Supervised Image
Segmentation", ECCV 2016. All take probabilities (B, C + 1, h, w), background first, that sum to 1
over the classes, and return a scalar.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.maps.pool import gmp, gwrp
from wsss_lite.refine.crf import CRF, dense_crf
from wsss_lite.refine.threshold import VOID

FLOOR = 1e-4  # least probability, so that the logarithms stay finite
GRID = 41 * 41  # positions of the paper's maps, for which its decays are meant


def seed_loss(p, labels):
    """-log p of the label, the mean over the labelled positions of each picture, then of pictures.

    labels: (B, h, w) with 255 unlabelled; a picture without labels adds nothing.
    """
    return _labelled_mean(p, labels, torch.as_tensor(labels) != VOID)


def balanced_seed_loss(p, labels):
    """The same for objects and for the background apart, added (Huang et al., DSRG, CVPR 2018)."""
    labels = torch.as_tensor(labels)
    object_ = (labels != VOID) & (labels != 0)
    return _labelled_mean(p, labels, labels == 0) + _labelled_mean(p, labels, object_)


def _labelled_mean(p, labels, there):
    labels = torch.as_tensor(labels).long()
    index = torch.where(there, labels, torch.zeros_like(labels))
    cost = -p.gather(1, index[:, None])[:, 0].clamp(min=FLOOR).log()
    return ((cost * there).sum((1, 2)) / there.sum((1, 2)).clamp(min=1)).mean()


def expand_loss(p, tags, inside=0.996, background=0.999):
    """Tagged classes fill a part of the picture, the background most, the others nothing.

    tags: (B, C) bool. A tagged class and the background are scored by global weighted rank pooling
    with decays `inside` and `background`, an untagged one by its maximum, and the scores enter a
    binary cross-entropy: the mean of the tagged, plus the mean of the others, plus the background.
    The decays are those of 41 x 41 positions; on another grid the same share of it counts.
    """
    tags = torch.as_tensor(np.array(tags, bool))
    scale = GRID / p[0, 0].numel()
    p = p.clamp(FLOOR, 1 - FLOOR)
    present = -gwrp(p[:, 1:], inside**scale).log()
    absent = -(1 - gmp(p[:, 1:])).log()
    ground = -gwrp(p[:, :1], background**scale).log()[:, 0]
    means = [(v * t).sum(1) / t.sum(1).clamp(min=1) for v, t in ((present, tags), (absent, ~tags))]
    return (means[0] + means[1] + ground).mean()


def constrain_loss(p, target):
    """Kullback-Leibler divergence of p from `target`, (B, C + 1, h, w), the mean over positions.

    target: what the CRF makes of p (`crf_target`), taken as given: no gradient goes through it.
    """
    target = torch.as_tensor(target).clamp(min=FLOOR)
    target = target / target.sum(1, keepdim=True)
    return (target * (target / p.clamp(min=FLOOR)).log()).sum(1).mean()


def crf_target(p, pictures, crf=CRF()):
    """The dense CRF of each picture's probabilities: (B, C + 1, h, w), float32, no gradient.

    pictures: (H, W, 3) uint8 each, reduced to h x w. Classes below the floor everywhere are left
    out, since the CRF's time grows with every class.
    """
    values = p.detach().cpu().numpy()
    values = values * (values.max((2, 3), keepdims=True) > FLOOR)
    size = values.shape[:1:-1]
    small = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in pictures)
    found = [dense_crf(x, v, crf) for x, v in zip(small, values)]
    return torch.from_numpy(np.stack(found)).to(p.device)


def tagged_softmax(logits, tags):
    """(B, C + 1, h, w) probabilities of background and tagged classes; the others have 0."""
    tags = torch.as_tensor(np.array(tags, bool))
    allowed = F.pad(tags, (1, 0), value=True)[..., None, None].to(logits.device)
    return logits.masked_fill(~allowed, -torch.inf).softmax(1)
